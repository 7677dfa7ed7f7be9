//! `logonbox keys`.

use std::io::Write;
use std::path::Path;

use crate::cli;
use crate::end::{End, Failure};

pub fn run(_: &Path, _: &cli::Keys, _: &mut dyn Write) -> Result<End, Failure> {
    Err(Failure::new("keys: not there yet"))
}
