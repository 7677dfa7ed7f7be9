//! The end of the command: its exit status, and its error message.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::terminal::BAD;

/// The exit status. For an invalid command line, clap exits with 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Success, or the login was approved.
    Fine = 0,
    /// An error, or the login was not approved.
    Wrong = 1,
    /// Warnings only.
    Warnings = 3,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        Self::from(end as u8)
    }
}

/// Why the command failed.
#[derive(Debug)]
pub enum Failure {
    /// A message: the event, its place and the next step.
    Said(String),
    /// The output cannot be written.
    Output(io::Error),
}

impl Failure {
    pub fn new(what: impl fmt::Display) -> Self {
        Self::Said(what.to_string())
    }

    /// Prints the message. If the reader has closed the output, as `head` does, prints no message.
    pub fn report(&self, err: &mut dyn Write) -> io::Result<()> {
        let what = match self {
            Self::Said(what) => what.clone(),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Self::Output(error) => format!("the output cannot be written: {error}"),
        };
        writeln!(err, "{BAD}logonbox:{BAD:#} {what}")
    }
}

/// Only for output errors. All other errors get their message at their origin.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
