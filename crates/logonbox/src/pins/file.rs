//! Changes the file of an account's pinned keys atomically.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use login::pins::{self, Pinned};
use logonbox_authenticator::PublicKey;
use nix::fcntl::{Flock, FlockArg};

use crate::end::Failure;
use crate::terminal::shown;

/// Reads the pinned keys as the module does. The error is the text of the module's log.
pub fn read(directory: &Path, account: &str) -> Result<Option<Pinned>, Failure> {
    pins::read(directory, account).map_err(|error| Failure::new(shown(&error.to_string())))
}

/// The keys. Empty if there is no file.
pub fn keys(pinned: Option<&Pinned>) -> &[PublicKey] {
    pinned.map_or(&[], |pinned| pinned.keys.keys())
}

/// The locked directory. Only one `logonbox` at a time changes its files.
pub struct Directory {
    path: PathBuf,
    lock: Flock<File>,
}

impl Directory {
    /// Opens and locks the directory. Creates it if it is missing.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| failure(path, &error);
        match DirBuilder::new().mode(0o755).create(path) {
            // The umask may have removed permissions.
            Ok(()) => {
                std::fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(failed)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let opened = File::open(path).map_err(failed)?;
        let lock = Flock::lock(opened, FlockArg::LockExclusive)
            .map_err(|(_, error)| failed(error.into()))?;
        Ok(Self {
            path: path.to_owned(),
            lock,
        })
    }

    /// Replaces the text of the account's file by the result of `change`. A missing file counts as
    /// empty. Fails if the keys are no longer `before`, because the administrator has agreed to a
    /// change of those.
    pub fn change(
        &self,
        account: &str,
        before: &[PublicKey],
        change: impl FnOnce(&str) -> String,
    ) -> Result<PathBuf, Failure> {
        let pinned = read(&self.path, account)?;
        if keys(pinned.as_ref()) != before {
            return Err(Failure::new(
                "the file was changed by somebody else meanwhile. Nothing was done; try again.",
            ));
        }
        let path = self.path_of(account)?;
        let failed = |error: io::Error| failure(&path, &error);
        let text = match &pinned {
            None => String::new(),
            Some(_) => std::fs::read_to_string(&path).map_err(failed)?,
        };
        self.replace(&path, &change(&text)).map_err(failed)?;
        Ok(path)
    }

    pub fn remove(&self, account: &str) -> Result<PathBuf, Failure> {
        let path = self.path_of(account)?;
        std::fs::remove_file(&path)
            .and_then(|()| self.sync())
            .map_err(|error| failure(&path, &error))?;
        Ok(path)
    }

    fn path_of(&self, account: &str) -> Result<PathBuf, Failure> {
        Ok(self
            .path
            .join(pins::file_name(account).map_err(Failure::new)?))
    }

    /// Replaces the file atomically, so that a power failure leaves the old or the new file.
    fn replace(&self, path: &Path, text: &str) -> io::Result<()> {
        if pins::parse(text).is_err()
            || u64::try_from(text.len()).is_ok_and(|len| len > pins::FILE_LIMIT)
        {
            return Err(io::Error::other(
                "the module would not read what would be in it",
            ));
        }
        // The name starts with a dot, so it is no account's file. The lock is held, so an existing
        // file is from a process that was killed.
        let fresh = self.path.join(".new");
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let replaced = write(&fresh, text).and_then(|()| std::fs::rename(&fresh, path));
        if replaced.is_err() {
            let _ = std::fs::remove_file(&fresh);
        }
        replaced?;
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        self.lock.sync_all()
    }
}

/// Creates a file that all users may read, and syncs it to the disk.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.sync_all()
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    let path = shown(&path.display().to_string());
    let root = match error.kind() {
        io::ErrorKind::PermissionDenied => " Run this command as root (sudo).",
        _ => "",
    };
    Failure::new(format!("{path}: {error}. Nothing was done.{root}"))
}
