//! `logonbox forget`: ends remembered approvals.

use std::io::Write;

use login::host::User;
use login::policy::{self, known_user};
use login::system::System;

use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{machine, state_failure};
use crate::terminal::shown;

pub fn run(args: &cli::Forget, out: &mut dyn Write) -> Result<End, Failure> {
    let machine = machine(&args.state);
    let user = User::Named(args.user.clone());
    // The approvals of a user who was removed can be forgotten, too.
    let user = known_user(&machine, &user).unwrap_or_else(|_| args.user.clone());
    let forgotten = policy::forget(&machine, &user)
        .map_err(|error| state_failure(machine.directories().run, &error))?;
    let user = shown(&user);
    match forgotten {
        0 => writeln!(out, "No approval of {user} is remembered.")?,
        1 => writeln!(out, "1 approval of {user} is forgotten.")?,
        number => writeln!(out, "{number} approvals of {user} are forgotten.")?,
    }
    Ok(End::Fine)
}
