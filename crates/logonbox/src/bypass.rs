//! `logonbox bypass`: makes, lists and revokes codes for users whose phone is lost.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use login::bypass::{self, Entry};
use login::config::{self, Config, Mode};
use login::host::User;
use login::policy::known_user;
use login::system::{System, ThisMachine};
use time::OffsetDateTime;

use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{absolute, configuration, known_or_removed, machine, state_failure};
use crate::terminal::{DOUBTFUL, HEADING, shown};

pub fn run(conf: &Path, args: &cli::Bypass, out: &mut dyn Write) -> Result<End, Failure> {
    let machine = machine(&args.state);
    match (&args.user, &args.reason) {
        (Some(user), _) if args.revoke => revoke(&machine, user, out),
        (Some(user), Some(reason)) => {
            let time = Duration::from_secs(u64::from(args.hours).saturating_mul(3600));
            let config = configuration(conf)?;
            usable(&config, conf)?;
            make(&machine, user, time, reason, out)?;
            if config.conversation.code == config::Code::Show {
                writeln!(
                    out,
                    "{DOUBTFUL}Services with code = \"show\" have no prompt for it{DOUBTFUL:#}: see \
                     `logonbox config --service NAME`."
                )?;
            }
            Ok(End::Fine)
        }
        _ => list(&machine, out),
    }
}

/// Checks that the module accepts bypass codes.
fn usable(config: &Config, conf: &Path) -> Result<(), Failure> {
    let path = absolute(conf)?;
    let path = shown(&path.display().to_string());
    let why = match config.mode {
        Mode::Airlock(_) => "mode = \"airlock\" has no bypass codes. Airlock's help desk can help.",
        Mode::Push(_) if !config.policy.bypass_codes => {
            "policy.bypass_codes is false, so no code would work."
        }
        Mode::Push(_) => return Ok(()),
    };
    Err(Failure::new(format!("{path}: {why}")))
}

fn make(
    machine: &ThisMachine,
    user: &str,
    time: Duration,
    reason: &str,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let user = known(machine, user)?;
    let made = bypass::make(machine, &user, time, reason);
    let (code, entry) = made.map_err(|error| failure(machine, &error))?;
    let user = shown(&user);
    writeln!(out, "{HEADING}{}{HEADING:#}\n", *code.in_groups())?;
    writeln!(
        out,
        "This code lets {user} in once, until {}. {user} types it at the prompt for the code from \
         the phone. It is not shown again. To revoke it: logonbox bypass {user} --revoke",
        time_of(entry.until)
    )?;
    Ok(())
}

fn revoke(machine: &ThisMachine, user: &str, out: &mut dyn Write) -> Result<End, Failure> {
    let found = known_or_removed(machine, user)?;
    let revoked = bypass::revoke(machine, &found.name);
    let (revoked, unread) = revoked.map_err(|error| failure(machine, &error))?;
    let user = shown(&found.name);
    match revoked {
        0 => writeln!(out, "{user} has no bypass code.{}", found.note())?,
        1 => writeln!(out, "1 bypass code of {user} is revoked.")?,
        number => writeln!(out, "{number} bypass codes of {user} are revoked.")?,
    }
    all_read(machine, unread)
}

fn list(machine: &ThisMachine, out: &mut dyn Write) -> Result<End, Failure> {
    let listed = bypass::list(machine);
    let (entries, unread) = listed.map_err(|error| failure(machine, &error))?;
    if entries.is_empty() {
        writeln!(out, "No bypass code is valid.")?;
    }
    for Entry {
        user,
        made,
        until,
        reason,
        ..
    } in entries
    {
        writeln!(
            out,
            "{HEADING}{}{HEADING:#}  until {}, made {}: {}",
            shown(&user),
            time_of(until),
            time_of(made),
            shown(&reason)
        )?;
    }
    all_read(machine, unread)
}

/// A file that cannot be read may hold a code, too.
fn all_read(machine: &ThisMachine, unread: Option<io::Error>) -> Result<End, Failure> {
    match unread {
        None => Ok(End::Fine),
        Some(error) => Err(failure(machine, &error)),
    }
}

/// The user, as the user database spells the name.
fn known(machine: &ThisMachine, user: &str) -> Result<String, Failure> {
    known_user(machine, &User::Named(user.to_owned()))
        .map_err(|refusal| Failure::new(format!("{}: {}.", shown(user), refusal.detail)))
}

fn time_of(time: OffsetDateTime) -> String {
    format!(
        "{} {:02}:{:02} UTC",
        time.date(),
        time.hour(),
        time.minute()
    )
}

fn failure(machine: &ThisMachine, error: &io::Error) -> Failure {
    state_failure(machine.directories().lib, error)
}
