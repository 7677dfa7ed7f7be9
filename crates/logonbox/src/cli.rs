//! What the command line can say. Help, completions and the manual page are made from it.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use login::args::DEFAULT_PATH;
use login::bypass::{LONGEST_REASON, MOST_HOURS};
use login::pins::DIRECTORY;
use login::system::{LIB_DIRECTORY, RUN_DIRECTORY};

/// Command lines, and what they are for.
pub const EXAMPLES: [(&str, &str); 7] = [
    ("logonbox check", "find errors on this host, and what to do"),
    (
        "logonbox check --user lee",
        "the same, with lee's account and phones",
    ),
    (
        "logonbox login lee --service sshd",
        "a login with the settings for sshd, without sshd",
    ),
    (
        "logonbox keys lee@acme.com",
        "the keys of an account, and the phone that rings",
    ),
    (
        "logonbox pin lee@acme.com",
        "trust the account's present keys, and no others",
    ),
    (
        "logonbox bypass lee --reason \"lost phone\"",
        "a code that lets lee in once without the phone",
    ),
    ("logonbox config", "all settings, and the origin of each"),
];

/// The exit status of the command, and its reason.
pub const EXIT_STATUS: [(&str, &str); 4] = [
    ("0", "no errors and no warnings, or the login was approved"),
    ("1", "an error was found, or the login was not approved"),
    ("2", "the command line is wrong"),
    (
        "3",
        "only warnings, or something not checked, or the module returns PAM_IGNORE",
    ),
];

fn more() -> String {
    let list = |rows: &[(&str, &str)], width: usize| {
        let rows = rows.iter();
        let lines: Vec<_> = rows
            .map(|(head, body)| format!("  {head:width$}  {body}"))
            .collect();
        lines.join("\n")
    };
    format!(
        "Examples:\n{}\n\nExit status:\n{}",
        list(&EXAMPLES, 33),
        list(&EXIT_STATUS, 1)
    )
}

/// Explains, checks and tries logins with `pam_logonbox`.
#[derive(Debug, Parser)]
#[command(name = "logonbox", version, after_help = more())]
pub struct Cli {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub conf: PathBuf,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find errors that lock users out, or admit them without their phone.
    ///
    /// The command checks the configuration and the names in it, the PAM stacks that name the module,
    /// the effective settings of sshd and sudo, the server, and this host's log, module file and
    /// security policy. It asks the host's libpam for the result of each stack, and sshd, sudo and
    /// cvtsudoers for their settings and rules. At the server, it checks name, connection, certificate
    /// and clock. With --user, it also checks this user's account and keys. It changes no files, logs
    /// no user in, and rings no phone.
    ///
    /// An error locks users out, or admits them without their phone. An administrator should look at
    /// a warning. A note may be intended, and does not change the exit status. Each finding says what
    /// the problem is, why it matters and what to do. It ends with an id in brackets.
    ///
    /// The report lists as "not checked" all facts that this host cannot tell, with the reason. The exit
    /// status is then 3, unless there are errors. Run the command as root, because other users cannot
    /// read everything.
    Check(Check),
    /// Show the keys that the tenant publishes for an account.
    ///
    /// The list has type, size, fingerprint and name of each key. It says whether the key is pinned
    /// and whether the module can use it, or why not. Below is the phone that a login rings. This
    /// command rings no phone. The exit status is 1 if a login would find no key.
    Keys(Keys),
    /// Log in as the module would, in this terminal, without PAM.
    ///
    /// The command uses the module's own code for policy, announcement, phone, waiting and
    /// verification. The phone rings, and a login that is not approved counts for the rate limit. A
    /// bypass code is used up, and an approval is remembered if the configuration says so. The output has the time of each step, the log line and the PAM code of the module. The log line is
    /// not written to the log.
    ///
    /// Questions appear on the terminal. If the standard input is not a terminal, they go to the
    /// standard error, and each answer is one line of the standard input. The exit status is 3 if
    /// the module returns `PAM_IGNORE`, for example for exempt users. A signal such as Ctrl-C
    /// interrupts the login, and then ends this command.
    Login(Login),
    /// Trust the present keys of an account, and no others from now on.
    ///
    /// The command shows the keys that the tenant publishes and the module can use, and asks. Compare
    /// the fingerprints with the user's phone, in person or by telephone: an attacker who controls
    /// the tenant can show other keys. Keys that are pinned already stay. Pinned keys have no effect
    /// if `pins` in the configuration is "off".
    Pin(Pin),
    /// Remove some or all pinned keys of an account.
    ///
    /// The last key leaves an empty file. This file refuses the account's logins until a key is
    /// pinned, so that a lost phone does not make published keys count again. The command needs
    /// neither tenant nor configuration.
    Unpin(Unpin),
    /// Show pinned keys, and how they differ from those that the tenant publishes.
    ///
    /// The exit status is 3 if they differ or the tenant cannot be asked, and 1 if the module cannot
    /// use a file.
    Pins(Pins),
    /// Make a bypass code for a user without a phone, list such codes, or revoke them.
    ///
    /// The command prints the code once. Give it to the user in person or by telephone. The user
    /// types it at the prompt for the code from the phone. It works also while the server is away,
    /// without an account or a key, and over the limit. It works for this user on this host. The
    /// log has the reason.
    ///
    /// With --list, the command shows who has a valid code, until when, and why.
    /// It cannot show the code.
    Bypass(Bypass),
    /// End all remembered approvals of a user.
    ///
    /// The next login rings the phone again. A refused login, a changed configuration and a reboot
    /// have the same effect.
    Forget(Forget),
    /// Let an account that is over the limit log in again.
    ///
    /// The command removes the attempts without success that this host has counted for the account:
    /// those in a row, and those of the last 10 minutes. Ask the user first whether these logins were
    /// theirs, because a stranger who knows the password can cause the limit, too. Each host counts by
    /// itself. The limits are `failed_attempts_in_a_row` and `failed_attempts_per_10_minutes` in the
    /// configuration.
    Unlock(Unlock),
    /// Show all settings, and the origin of each.
    ///
    /// The output is a configuration itself, with the origins as comments. If the file is wrong, the
    /// error is the one that the module writes to the log.
    Config(Config),
    /// Print one text for a support case.
    ///
    /// The report has the versions, the output of `check` and `config`, sshd's settings, and the last
    /// 50 lines that the module has logged. If a part cannot be had, the report says why. It has no
    /// passwords, codes or private keys. The content of `proxy_credentials_file` is never shown.
    ///
    /// It does have names and addresses. With --anonymous, stand-ins replace them. Look the report over
    /// before you send it. Run the command as root, because other users cannot read everything.
    Report(Report),
    /// Print a script that completes this command in a shell.
    Completions(Completions),
    /// Print the manual page.
    #[command(hide = true)]
    Manual,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Also check the account and the phones of this user.
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Print one JSON document for programs: `findings` (errors and warnings), `notes` and `checked`.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Keys {
    /// The account at the tenant, such as lee@acme.com.
    pub account: String,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Login {
    /// The Unix name of the user who logs in.
    pub user: String,
    /// The PAM service.
    #[arg(long, default_value = "sshd")]
    pub service: String,
    /// The address from which the user logs in.
    #[arg(long, value_name = "IP")]
    pub rhost: Option<IpAddr>,
    /// The user who calls su, for `su_asks` = "caller". Without it, the user of this command.
    #[arg(long, value_name = "USER")]
    pub caller: Option<String>,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub state: State,
}

#[derive(Debug, Args)]
pub struct Pin {
    /// The account at the tenant.
    pub account: String,
    /// Pin this key only. May be given several times.
    #[arg(long = "key", value_name = "FINGERPRINT")]
    pub keys: Vec<String>,
    /// Do not ask, because the fingerprints have been compared already.
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Unpin {
    /// The account at the tenant.
    pub account: String,
    /// The keys. Without it, all pinned keys of the account.
    #[arg(value_name = "FINGERPRINT")]
    pub keys: Vec<String>,
    /// Also remove the account's file: with pins = "if-present", the published keys count again.
    #[arg(long, conflicts_with = "keys")]
    pub forget: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Pins {
    /// The account at the tenant. Without it, all accounts with pinned keys.
    pub account: Option<String>,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Bypass {
    /// The Unix name of the user.
    #[arg(required_unless_present = "list")]
    pub user: Option<String>,
    /// How long the code is valid, in hours: 1 to 72.
    #[arg(long, value_name = "HOURS", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_HOURS)))]
    pub hours: u32,
    /// Why the user needs the code. The log shows it.
    #[arg(long, value_name = "TEXT", value_parser = reason,
          required_unless_present_any = ["list", "revoke"])]
    pub reason: Option<String>,
    /// Show the users who have a valid code.
    #[arg(long, conflicts_with_all = ["user", "hours", "reason", "revoke"])]
    pub list: bool,
    /// Revoke all codes of the user.
    #[arg(long, conflicts_with_all = ["hours", "reason"])]
    pub revoke: bool,
    #[command(flatten)]
    pub state: State,
}

#[derive(Debug, Args)]
pub struct State {
    /// The directory of the state that a reboot keeps. For tests.
    #[arg(long, hide = true, value_name = "DIRECTORY", default_value = LIB_DIRECTORY)]
    pub state_directory: PathBuf,
    /// The directory of the state that a reboot removes. For tests.
    #[arg(long, hide = true, value_name = "DIRECTORY", default_value = RUN_DIRECTORY)]
    pub run_directory: PathBuf,
}

#[derive(Debug, Args)]
pub struct Forget {
    /// The Unix name of the user.
    pub user: String,
    #[command(flatten)]
    pub state: State,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("say why the user needs the code".to_owned()),
        1..=LONGEST_REASON => Ok(text.to_owned()),
        _ => Err(format!("at most {LONGEST_REASON} characters")),
    }
}

#[derive(Debug, Args)]
pub struct Unlock {
    /// The account at the tenant or at Airlock, as in the log.
    pub account: String,
}

#[derive(Debug, Args)]
pub struct Place {
    /// The directory of pinned keys. Set it only to prepare the files of other hosts.
    #[arg(long, value_name = "DIRECTORY", default_value = DIRECTORY)]
    pub pins_directory: PathBuf,
}

#[derive(Debug, Args)]
pub struct Config {
    /// Print the example configuration, with its comments.
    #[arg(long)]
    pub example: bool,
    /// Show the settings of one PAM service, such as sudo.
    #[arg(long, value_name = "NAME", conflicts_with = "example")]
    pub service: Option<String>,
}

#[derive(Debug, Args)]
pub struct Report {
    /// Replace names of hosts, tenants, domains, users, accounts and devices, and IP addresses.
    #[arg(long)]
    pub anonymous: bool,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    pub shell: Shell,
}
