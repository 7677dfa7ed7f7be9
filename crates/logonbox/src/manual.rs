//! `logonbox manual`: the manual page, made from the command line's own help.

use std::io::Write;

use clap::CommandFactory;

use crate::cli::Cli;
use crate::end::{End, Failure};

pub fn run(out: &mut dyn Write) -> Result<End, Failure> {
    clap_mangen::Man::new(Cli::command()).render(&mut &mut *out)?;
    Ok(End::Fine)
}
