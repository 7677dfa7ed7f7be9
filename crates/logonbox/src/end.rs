//! How the command ends: its exit status, and what it says where it could not do its work.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::terminal::BAD;

/// The exit status. What clap finds wrong with the command line is 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There is nothing to say, or the login was approved.
    Fine = 0,
    /// Something is wrong, or the login was not approved.
    Wrong = 1,
    /// Something deserves a look.
    Warnings = 3,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        Self::from(end as u8)
    }
}

/// Why the command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// For people: what happened, where, and what to do now.
    Said(String),
    /// The output cannot be written.
    Output(io::Error),
}

impl Failure {
    /// What happened.
    pub fn new(what: impl fmt::Display) -> Self {
        Self::Said(what.to_string())
    }

    /// Tells the person. Who has closed the output, as `head` does, wants to hear no more.
    pub fn report(&self, err: &mut dyn Write) -> io::Result<()> {
        let what = match self {
            Self::Said(what) => what.clone(),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Self::Output(error) => format!("the output cannot be written: {error}"),
        };
        writeln!(err, "{BAD}logonbox:{BAD:#} {what}")
    }
}

/// Of writing: everything else is put into words where it happens.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
