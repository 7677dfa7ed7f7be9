//! `logonbox forget`: ends remembered approvals.

use std::io::Write;

use login::policy;
use login::system::System;

use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{known_or_removed, machine, state_failure};
use crate::terminal::shown;

pub fn run(args: &cli::Forget, out: &mut dyn Write) -> Result<End, Failure> {
    let machine = machine(&args.state);
    let found = known_or_removed(&machine, &args.user)?;
    let forgotten = policy::forget(&machine, &found.name)
        .map_err(|error| state_failure(machine.directories().run, &error))?;
    let user = shown(&found.name);
    match forgotten {
        0 => writeln!(out, "No approval of {user} is remembered.{}", found.note())?,
        1 => writeln!(out, "1 approval of {user} is forgotten.")?,
        number => writeln!(out, "{number} approvals of {user} are forgotten.")?,
    }
    Ok(End::Fine)
}
