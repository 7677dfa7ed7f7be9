//! `logonbox pin`, `unpin` and `pins`.

use std::io::Write;
use std::path::Path;

use crate::cli;
use crate::end::{End, Failure};

pub fn pin(_: &Path, _: &cli::Pin, _: &mut dyn Write) -> Result<End, Failure> {
    Err(Failure::new("pin: not there yet"))
}

pub fn unpin(_: &Path, _: &cli::Unpin, _: &mut dyn Write) -> Result<End, Failure> {
    Err(Failure::new("unpin: not there yet"))
}

pub fn run(_: &Path, _: &cli::Pins, _: &mut dyn Write) -> Result<End, Failure> {
    Err(Failure::new("pins: not there yet"))
}
