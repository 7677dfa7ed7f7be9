//! `logonbox`: the command of the administrator.
//!
//! It uses the module's own rooms, so that what it explains is what the module does; nothing of
//! it is part of the module.
#![forbid(unsafe_code)]

mod cli;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Completions(completions) => {
            clap_complete::generate(
                completions.shell,
                &mut Cli::command(),
                "logonbox",
                &mut io::stdout(),
            );
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}
