//! What the command line can say. Help, completions and the manual page are made from it.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use login::args::DEFAULT_PATH;
use login::pins::DIRECTORY;

/// Command lines, and what they are for.
pub const EXAMPLES: [(&str, &str); 6] = [
    (
        "logonbox check",
        "what is wrong on this host, and what to do",
    ),
    (
        "logonbox check --user lee",
        "the same, and lee's account and phones",
    ),
    (
        "logonbox login lee --service sshd",
        "a login as sshd would have it, without sshd",
    ),
    (
        "logonbox keys lee@acme.com",
        "the keys of an account, and which phone rings",
    ),
    (
        "logonbox pin lee@acme.com",
        "trust these keys, and no others",
    ),
    ("logonbox config", "every setting, and where it comes from"),
];

/// What the command ends with, and why.
pub const EXIT_STATUS: [(&str, &str); 4] = [
    ("0", "nothing to say, or the login was approved"),
    ("1", "something is wrong, or the login was not approved"),
    ("2", "the command line is wrong"),
    (
        "3",
        "only warnings, or not all could be checked, or the module takes no part in the login",
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
    /// Look for everything that would lock people out, or let them in without their phone.
    ///
    /// The configuration and the names in it; the stacks of PAM that name the module, by what libpam
    /// makes of them; sshd's effective settings; the server's name, connection, certificate and clock;
    /// the account, keys and pinned keys of USER; the log, the module's file and its security policy. Nothing is
    /// changed, nobody is logged in, and no phone rings.
    ///
    /// An error locks people out, or lets them in without their phone; a warning deserves a look; a
    /// note may well be meant, and changes no exit status. Each says what it is, why it matters and
    /// what to do, and has a name in brackets that stays the same, for scripts.
    Check(Check),
    /// Show the keys that the tenant publishes for an account.
    ///
    /// Each with type, size, fingerprint and name, whether the module can use it or why not, and
    /// whether it is pinned; then which phone a login rings. No phone rings for this. Ends with 1
    /// where a login would find no key.
    Keys(Keys),
    /// Log in as the module would, in this terminal, without PAM.
    ///
    /// Policy, announcement, choice of the phone, waiting and verification are the module's own: the
    /// phone rings, and a login that is not approved counts for the limit of pushes. It shows how long
    /// each step took, the line that the module would write to the log (nothing is written there),
    /// and the PAM code that it would return. Questions go to the terminal; where the standard input is
    /// none, they go to the standard error, and the answers are read from the standard input, a line
    /// each. `PAM_IGNORE`, for those who are exempt, ends with 3: nobody has been asked. A signal such as
    /// Ctrl-C ends the login as an interruption, and then this command.
    Login(Login),
    /// Trust the keys that an account has now, and no others from now on.
    ///
    /// Shows the keys that the tenant publishes and the module can use, and asks. Compare the
    /// fingerprints with the person's phone by a way of its own, in person or by telephone: whoever can
    /// change what the tenant publishes can show other keys. Keys that are pinned already stay. What
    /// is pinned counts where `pins` in the configuration is not "off".
    Pin(Pin),
    /// Take the trust in some or all keys of an account back.
    ///
    /// The last key leaves an empty file behind, which refuses the account's logins until a key is
    /// pinned: a lost phone must not bring back what the tenant publishes. This needs neither tenant
    /// nor configuration.
    Unpin(Unpin),
    /// Show pinned keys, and how they differ from what the tenant publishes.
    ///
    /// Ends with 3 where they differ, or the tenant cannot be asked, and with 1 where a file cannot
    /// be used.
    Pins(Pins),
    /// Show every setting, and where it comes from.
    ///
    /// What is printed is a configuration itself: the origins are comments. Where the file is wrong,
    /// the error is the one that the module writes to the log.
    Config(Config),
    /// Print a script that completes this command in a shell.
    Completions(Completions),
    /// Print the manual page.
    #[command(hide = true)]
    Manual,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Check the account and the phones of this user, too.
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Print one JSON document for other programs: `findings` (errors and warnings), `notes`, and
    /// what was `checked`.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Keys {
    /// The tenant's name for the person, such as lee@acme.com.
    pub account: String,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Login {
    /// Who logs in, as the system knows them.
    pub user: String,
    /// The service to log in to.
    #[arg(long, default_value = "sshd")]
    pub service: String,
    /// Where the person comes from.
    #[arg(long, value_name = "IP")]
    pub rhost: Option<IpAddr>,
    /// Who calls su, for `su_asks` = "caller"; without it, whoever runs this command.
    #[arg(long, value_name = "USER")]
    pub caller: Option<String>,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Pin {
    /// The tenant's name for the person.
    pub account: String,
    /// Pin this key only. May be given several times.
    #[arg(long = "key", value_name = "FINGERPRINT")]
    pub keys: Vec<String>,
    /// Do not ask: the fingerprints have been compared already.
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Unpin {
    /// The tenant's name for the person.
    pub account: String,
    /// The keys; all that are pinned for the account without it.
    #[arg(value_name = "FINGERPRINT")]
    pub keys: Vec<String>,
    /// Remove the account's file, too: with pins = "if-present", what the tenant publishes counts
    /// again.
    #[arg(long, conflicts_with = "keys")]
    pub forget: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Pins {
    /// The tenant's name for a person; all that have pinned keys without it.
    pub account: Option<String>,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct Place {
    /// Where the files of pinned keys are; another place only to prepare those of other hosts.
    #[arg(long, value_name = "DIRECTORY", default_value = DIRECTORY)]
    pub pins_directory: PathBuf,
}

#[derive(Debug, Args)]
pub struct Config {
    /// Print the commented configuration that is shipped.
    #[arg(long)]
    pub example: bool,
    /// Show the settings that a PAM service gets, such as sudo.
    #[arg(long, value_name = "NAME", conflicts_with = "example")]
    pub service: Option<String>,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    pub shell: Shell,
}
