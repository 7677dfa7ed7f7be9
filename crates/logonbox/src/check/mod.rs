//! `logonbox check`: what would lock people out, or let them in without their phone.

mod dispatch;
mod files;
mod pam_d;
mod questions;
mod roles;
mod walk;

use std::io::Write;
use std::path::Path;

use crate::cli;
use crate::end::{End, Failure};

pub fn run(_: &Path, _: &cli::Check, _: &mut dyn Write) -> Result<End, Failure> {
    Err(Failure::new("check: not there yet"))
}
