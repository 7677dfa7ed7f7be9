//! `logonbox`: the administrator's command.
//!
//! It calls the module's own code, so that it explains the module's real behaviour. The module
//! contains no code of this crate. Each subcommand has a file or a directory. Results go to the
//! standard output, errors to the standard error.
#![forbid(unsafe_code)]

mod advice;
mod bypass;
mod check;
mod cli;
mod completions;
mod config;
mod end;
mod forget;
mod keys;
mod login;
mod manual;
mod pins;
mod published;
mod report;
mod setup;
mod terminal;
mod unlock;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::end::{End, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = terminal::stdout();
    let end = run(&cli, &mut out).and_then(|end| {
        out.flush()?;
        Ok(end)
    });
    match end {
        Ok(end) => end.into(),
        Err(failure) => {
            // If this fails, too, the exit status is all that is left.
            let _ = failure.report(&mut terminal::stderr());
            End::Wrong.into()
        }
    }
}

fn run(cli: &Cli, out: &mut dyn io::Write) -> Result<End, Failure> {
    let conf = &cli.conf;
    match &cli.command {
        Command::Check(args) => check::run(conf, args, out),
        Command::Keys(args) => keys::run(conf, args, out),
        Command::Login(args) => login::run(conf, args, out),
        Command::Pin(args) => pins::pin(conf, args, out),
        Command::Unpin(args) => pins::unpin(conf, args, out),
        Command::Pins(args) => pins::run(conf, args, out),
        Command::Bypass(args) => bypass::run(conf, args, out),
        Command::Forget(args) => forget::run(args, out),
        Command::Unlock(args) => unlock::run(conf, args, out),
        Command::Config(args) => config::run(conf, args, out),
        Command::Report(args) => report::run(conf, args, out),
        Command::Completions(args) => completions::run(args, out),
        Command::Manual => manual::run(out),
    }
}
