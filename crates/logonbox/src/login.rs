//! `logonbox login`.

use std::io::Write;
use std::path::Path;

use crate::cli;
use crate::end::{End, Failure};

pub fn run(_: &Path, _: &cli::Login, _: &mut dyn Write) -> Result<End, Failure> {
    Err(Failure::new("login: not there yet"))
}
