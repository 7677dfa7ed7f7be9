//! `logonbox completions`.

use std::io::Write;

use clap::CommandFactory;

use crate::cli::{Cli, Completions};
use crate::end::{End, Failure};

pub fn run(args: &Completions, out: &mut dyn Write) -> Result<End, Failure> {
    // Into memory first, because the generator panics if it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "logonbox", &mut script);
    out.write_all(&script)?;
    Ok(End::Fine)
}
