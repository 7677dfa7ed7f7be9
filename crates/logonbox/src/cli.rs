//! What the command line can say. Help, completions and the manual page are made from it.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use pam_logonbox::args::DEFAULT_PATH;
use pam_logonbox::pins::DIRECTORY;

const MORE: &str = "\
Examples:
  logonbox check                     what is wrong on this host, and what to do
  logonbox check --user lee          the same, and lee's account and phones
  logonbox login lee --service sshd  a login as sshd would have it, without sshd

Exit status:
  0  nothing to say, or the login was approved
  1  something is wrong, or the login was not approved
  2  the command line is wrong
  3  only warnings";

/// Explains, checks and tries logins with `pam_logonbox`.
#[derive(Debug, Parser)]
#[command(name = "logonbox", version, after_help = MORE)]
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
    Check(Check),
    /// Show the keys that the tenant publishes for an account.
    Keys(Keys),
    /// Log in as the module would, in this terminal, without PAM.
    Login(Login),
    /// Trust the keys that an account has now, and no others from now on.
    Pin(Pin),
    /// Take the trust in some or all keys of an account back.
    Unpin(Unpin),
    /// Show pinned keys, and how they differ from what the tenant publishes.
    Pins(Pins),
    /// Show every setting, and where it comes from.
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
    /// Print one JSON document for other programs.
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
}

#[derive(Debug, Args)]
pub struct Pin {
    /// The tenant's name for the person.
    pub account: String,
    /// Pin this key only; may be given several times.
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
    /// Remove the account's file, too. With pins = "if-present", what the tenant publishes counts
    /// again; an empty file refuses.
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
    /// Where the files of pinned keys are; elsewhere only to prepare those of other hosts.
    #[arg(long, value_name = "DIRECTORY", default_value = DIRECTORY)]
    pub pins_directory: PathBuf,
}

#[derive(Debug, Args)]
pub struct Config {
    /// Print the commented configuration that is shipped.
    #[arg(long)]
    pub example: bool,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    pub shell: Shell,
}
