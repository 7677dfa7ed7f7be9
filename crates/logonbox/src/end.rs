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
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            _ => writeln!(err, "{BAD}logonbox:{BAD:#} {self}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(what) => f.write_str(what),
            Self::Output(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

/// Only for output errors. All other errors get their message at their origin.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
