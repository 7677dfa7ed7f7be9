//! Loads the module's configuration, and builds a client for its tenant.

use std::io;
use std::path::{self, Path, PathBuf};

use login::config::{Config, ConfigError};
use login::host::User;
use login::outcome::Reason;
use login::policy::known_user;
use login::push;
use login::system::{Directories, ThisMachine};
use logonbox_authenticator::blocking::Client;
use logonbox_authenticator::{Error, ErrorKind, TenantAddress};
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use crate::cli::State;
use crate::end::Failure;
use crate::terminal::shown;

/// Loads the configuration. The error is the text of the module's log.
pub fn configuration(conf: &Path) -> Result<Config, Failure> {
    let path = absolute(conf)?;
    Config::load(&path, "").map_err(|error| unreadable(&path, &error))
}

/// An absolute path, which the argument `conf=` of the module requires.
pub fn absolute(conf: &Path) -> Result<PathBuf, Failure> {
    path::absolute(conf).map_err(|error| Failure::new(format!("--conf: {error}")))
}

/// The module's error about the configuration at `path`. A permission error gets its own text.
pub fn unreadable(path: &Path, error: &ConfigError) -> Failure {
    match may_read(path) {
        Err(denied) => denied,
        Ok(()) if access(path, AccessFlags::F_OK) == Err(Errno::ENOENT) => Failure::new(format!(
            "{error}. Start with what `logonbox config --example` prints, or name another with --conf."
        )),
        Ok(()) => Failure::new(error),
    }
}

/// Checks whether this user may read the file. It may be readable by root only.
pub fn may_read(path: &Path) -> Result<(), Failure> {
    match access(path, AccessFlags::R_OK) {
        Err(Errno::EACCES) => Err(Failure::new(format!(
            "{}: permission denied. Run this command as root (sudo).",
            shown(&path.display().to_string())
        ))),
        _ => Ok(()),
    }
}

/// This machine. The administrator starts this command, so it is not setuid.
pub const THIS_MACHINE: ThisMachine = ThisMachine::new(false);

/// This machine, with the state in the directories of the command line.
pub fn machine(state: &State) -> ThisMachine {
    // They are needed until the command ends.
    let leak = |path: &Path| -> &'static Path { Box::leak(path.into()) };
    THIS_MACHINE.with(Directories {
        run: leak(&state.run_directory),
        lib: leak(&state.state_directory),
        ..Directories::usual()
    })
}

/// The error of a file or directory of the state, and what to do.
pub fn state_failure(path: &Path, error: &io::Error) -> Failure {
    let path = shown(&path.display().to_string());
    let root = match error.kind() {
        io::ErrorKind::PermissionDenied => " Run this command as root (sudo).",
        _ => "",
    };
    Failure::new(format!("{path}: {error}.{root}"))
}

/// A user whose state is removed.
pub struct Removed {
    /// The name, as the user database spells it.
    pub name: String,
    is_known: bool,
}

impl Removed {
    /// What to say if there was nothing to remove.
    pub fn note(&self) -> &'static str {
        if self.is_known {
            ""
        } else {
            " This host knows no such user. Check the spelling."
        }
    }
}

/// The state of a user who was removed from this host can be removed, too.
pub fn known_or_removed(machine: &ThisMachine, user: &str) -> Result<Removed, Failure> {
    match known_user(machine, &User::Named(user.to_owned())) {
        Ok(name) => Ok(Removed {
            name,
            is_known: true,
        }),
        Err(refusal) if refusal.reason == Reason::UnknownUser => Ok(Removed {
            name: user.to_owned(),
            is_known: false,
        }),
        Err(refusal) => Err(Failure::new(format!(
            "{}: {}.",
            shown(user),
            refusal.detail
        ))),
    }
}

/// A client with the module's settings.
pub fn client(config: &Config, tenant: &TenantAddress) -> Result<Client, Error> {
    let credentials = config.tls.proxy_credentials();
    let credentials = credentials.map_err(|what| Error::new(ErrorKind::Local, what))?;
    let builder = push::client_builder(config, tenant, credentials.as_ref());
    push::trusting(builder, &config.tls)?.build_blocking()
}
