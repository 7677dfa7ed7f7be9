//! Compares the documents with the repository.

#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

mod dependencies;
mod fuzzing;
mod message_ids;
mod pages;
mod picture;

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}
