//! What the module would work with: its configuration, and a client for its tenant.

use std::path::{Path, absolute};

use logonbox_authenticator::{Canceller, Client, Error};
use pam_logonbox::config::{Config, LogonBox};
use pam_logonbox::logonbox_client;

use crate::end::Failure;

/// The configuration, or the very error that the module logs.
pub fn configuration(conf: &Path) -> Result<Config, Failure> {
    let path = absolute(conf).map_err(|error| Failure::new(format!("--conf: {error}")))?;
    Config::load(&path).map_err(Failure::new)
}

/// A client as the module makes it.
pub fn client(config: &Config, logonbox: &LogonBox) -> Result<Client, Error> {
    logonbox_client(config, logonbox, None)(&Canceller::new())
}
