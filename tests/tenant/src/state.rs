//! The directory that keeps the CA between two starts.
//!
//! One file holds both the key and its certificate, and gets its name when it is complete. So there
//! is no moment at which another process finds half of it.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tenant::Ca;

use crate::Failure;

/// The certificate, for clients.
pub(crate) fn certificate(directory: &Path) -> PathBuf {
    directory.join("ca.pem")
}

/// The CA of a directory. It is made if the directory is new.
pub(crate) fn ca(directory: &Path) -> Result<Ca, Failure> {
    let file = directory.join("ca-key.pem");
    let said = |what: &str, error: &dyn std::fmt::Display| {
        Failure::Said(format!("cannot {what} {}: {error}", file.display()))
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| Failure::Said(format!("cannot make {}: {error}", directory.display())))?;
    let certificate = certificate(directory);
    // First: another process may make both now, and makes the key first.
    let certificate_is_there = certificate.exists();
    if let Some(ca) = read(&file)? {
        return Ok(ca);
    }
    if certificate_is_there {
        return Err(Failure::Said(format!(
            "{} is there, but {} with its key is missing: restore the key, or remove the certificate \
             for a new CA, which all clients then have to trust",
            certificate.display(),
            file.display()
        )));
    }
    let ca = Ca::new()?;
    keep(&file, &ca.key_and_certificate()).map_err(|error| said("write", &error))?;
    // Another process may have been faster. Its CA counts.
    read(&file)?.ok_or_else(|| said("read", &io::Error::from(io::ErrorKind::NotFound)))
}

fn read(file: &Path) -> Result<Option<Ca>, Failure> {
    let shown = file.display();
    let explain = |error: io::Error| Failure::Said(format!("cannot read {shown}: {error}"));
    let mut open = match std::fs::File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        open => open.map_err(explain)?,
    };
    let mode = open.metadata().map_err(explain)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Failure::Said(format!(
            "other users may read or write {shown} (mode {mode:o}): run chmod 600 {shown}"
        )));
    }
    let mut text = String::new();
    open.read_to_string(&mut text).map_err(explain)?;
    let ca = Ca::from_pem(&text).map_err(|error| {
        Failure::Said(format!(
            "{shown} is damaged ({error}): restore it, or remove the directory for a new CA, which \
             all clients then have to trust"
        ))
    })?;
    Ok(Some(ca))
}

/// Writes a file for its owner alone, unless it is there already.
fn keep(file: &Path, text: &str) -> io::Result<()> {
    let draft = draft(file)?;
    let mut open = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let written = open
        .write_all(text.as_bytes())
        .and_then(|()| open.sync_all())
        .and_then(|()| match std::fs::hard_link(&draft, file) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        });
    std::fs::remove_file(&draft).and(written)
}

/// A name beside the file that no other process uses. In containers, processes have equal numbers.
pub(crate) fn draft(file: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::getrandom(&mut random).map_err(io::Error::other)?;
    let mut name = file
        .file_name()
        .ok_or(io::ErrorKind::IsADirectory)?
        .to_owned();
    name.push(format!(".{:016x}", u64::from_ne_bytes(random)));
    Ok(file.with_file_name(name))
}
