//! What the module would work with: its configuration, and a client for its tenant.

use std::path::{self, Path, PathBuf};

use logonbox_authenticator::{Canceller, Client, Error};
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};
use pam_logonbox::config::{Config, ConfigError, LogonBox};
use pam_logonbox::logonbox_client;

use crate::end::Failure;
use crate::terminal::shown;

/// The configuration, or the very error that the module logs.
pub fn configuration(conf: &Path) -> Result<Config, Failure> {
    let path = absolute(conf)?;
    Config::load(&path).map_err(|error| unreadable(&path, &error))
}

/// As `conf=` wants it.
pub fn absolute(conf: &Path) -> Result<PathBuf, Failure> {
    path::absolute(conf).map_err(|error| Failure::new(format!("--conf: {error}")))
}

/// What the module says of the configuration at `path`, and what only the command can say.
pub fn unreadable(path: &Path, error: &ConfigError) -> Failure {
    match may_read(path) {
        Err(denied) => denied,
        Ok(()) if access(path, AccessFlags::F_OK) == Err(Errno::ENOENT) => Failure::new(format!(
            "{error}. Start with what `logonbox config --example` prints, or name another with --conf."
        )),
        Ok(()) => Failure::new(error),
    }
}

/// The configuration may be for root alone.
pub fn may_read(path: &Path) -> Result<(), Failure> {
    match access(path, AccessFlags::R_OK) {
        Err(Errno::EACCES) => Err(Failure::new(format!(
            "{}: permission denied. Run this command as root (sudo).",
            shown(&path.display().to_string())
        ))),
        _ => Ok(()),
    }
}

/// A client as the module makes it.
pub fn client(config: &Config, logonbox: &LogonBox) -> Result<Client, Error> {
    logonbox_client(config, logonbox, None)(&Canceller::new())
}
