//! A directory of the module's own state, which only root can read.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write as _};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Uid, UnlinkatFlags, close, linkat, unlinkat};
use sha2::{Digest, Sha256};

/// How often a login tries to lock the directory, and the pause between. A login that is stopped
/// with Ctrl-Z while it holds the lock delays others only for this time.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

const FLAGS: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW);

/// An open directory that belongs to root or to the effective user, and is closed to all others.
#[derive(Debug)]
pub struct PrivateDir(File);

impl PrivateDir {
    /// Opens the directory. Creates it if it is missing.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn create(path: &Path) -> io::Result<Self> {
        create(|| open(path), || DirBuilder::new().mode(0o700).create(path))
    }

    /// Opens a directory in this one. Creates it if it is missing.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn create_in(&self, name: &str) -> io::Result<Self> {
        let flags = FLAGS | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        create(
            || Ok(openat(&self.0, name, flags, Mode::empty())?.into()),
            || Ok(mkdirat(&self.0, name, Mode::S_IRWXU)?),
        )
    }

    /// Opens the directory. `None` if it is missing.
    ///
    /// # Errors
    ///
    /// It is a symlink, belongs to another user, is open to others, or the system refuses.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        match open(path) {
            Ok(directory) => checked(directory).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Locks the directory. `None` if another login takes too long.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub async fn lock(&self) -> io::Result<Option<Flock<File>>> {
        let mut handle = self.0.try_clone()?;
        for _ in 0..LOCK_TRIES {
            handle = match Flock::lock(handle, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Some(lock)),
                Err((handle, _)) => handle,
            };
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Ok(None)
    }

    /// The names of the files.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let handle: OwnedFd = self.0.try_clone()?.into();
        let number = handle.as_raw_fd();
        let mut directory = Dir::from_fd(handle).inspect_err(|_| {
            // nix 0.31.3 leaves the descriptor open if memory is short. With a version that closes it,
            // this would close a descriptor of the host: Cargo.toml asks for exactly 0.31.3.
            let _ = close(number);
        })?;
        let entries = directory.iter().map(|entry| {
            let entry = entry?;
            Ok(entry.file_name().to_string_lossy().into_owned())
        });
        entries.collect()
    }

    /// Reads a file of at most `limit` bytes. `None` if it is missing.
    ///
    /// # Errors
    ///
    /// It is no regular file, is open to others, or is too large. Or the system refuses.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Option<String>> {
        // A FIFO without a writer must not block.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = match openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        let is_own = metadata.uid() == 0 || metadata.uid() == Uid::effective().as_raw();
        if !metadata.is_file() || !is_own || metadata.mode() & 0o077 != 0 {
            let what = format!("{name} is not a file of root alone");
            return Err(io::Error::other(what));
        }
        let mut text = String::new();
        file.take(limit.saturating_add(1))
            .read_to_string(&mut text)?;
        if u64::try_from(text.len()).is_ok_and(|length| length > limit) {
            return Err(io::Error::other(format!("{name} is too large")));
        }
        Ok(Some(text))
    }

    /// Writes a file atomically: after a power failure, it is missing or whole.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let new = format!(".{name}");
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let mut file = File::from(openat(&self.0, new.as_str(), flags, mode)?);
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(renameat(&self.0, new.as_str(), &self.0, name)?));
        if written.is_err() {
            let _ = self.remove(&new);
        }
        written.and_then(|()| self.sync())
    }

    /// Writes changes of the directory to the disk.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    /// Creates an empty file. It stays empty because the caller of su can forbid writing with
    /// `RLIMIT_FSIZE`. Its signal ends the process.
    ///
    /// # Errors
    ///
    /// `EEXIST`: there is a file of that name. Others: the system refuses.
    pub fn touch(&self, name: &str) -> nix::Result<()> {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        openat(&self.0, name, flags, Mode::S_IRUSR).map(drop)
    }

    /// Gives the file `from` a second name.
    ///
    /// # Errors
    ///
    /// `EEXIST`: there is a file `to`. `ENOENT`: there is no file `from`. Others: the system refuses.
    pub fn link(&self, from: &str, to: &str) -> nix::Result<()> {
        linkat(&self.0, from, &self.0, to, AtFlags::empty())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// `ENOTEMPTY`: it is not empty. Others: the system refuses.
    pub fn remove_directory(&self, name: &str) -> nix::Result<()> {
        unlinkat(&self.0, name, UnlinkatFlags::RemoveDir)
    }

    /// Removes these files, as far as it can. Returns how many were there. An error comes last.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn remove_all(&self, names: impl IntoIterator<Item = String>) -> io::Result<usize> {
        let mut removed: usize = 0;
        let mut failure = None;
        for name in names {
            match self.remove(&name) {
                Ok(()) => removed = removed.saturating_add(1),
                // Another process was faster.
                Err(Errno::ENOENT) => {}
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            None => Ok(removed),
            Some(error) => Err(error.into()),
        }
    }

    /// Removes a file. Of several processes, one succeeds.
    ///
    /// # Errors
    ///
    /// `ENOENT`: there is no such file. Others: the system refuses.
    pub fn remove(&self, name: &str) -> nix::Result<()> {
        unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)
    }
}

/// What to do about an error of the state, or an empty text.
#[must_use]
pub fn advice(errno: Option<Errno>) -> &'static str {
    match errno {
        Some(Errno::EROFS) => {
            "; a service with ProtectSystem=strict needs ReadWritePaths=-/run/pam_logonbox \
             -/var/lib/pam_logonbox"
        }
        _ => "",
    }
}

/// [`advice`] about this error.
#[must_use]
pub fn advice_about(error: &io::Error) -> &'static str {
    advice(error.raw_os_error().map(Errno::from_raw))
}

/// A file name from these parts: the same for the same parts, and of 64 characters. It is the SHA-256
/// of the parts, each with a NUL after it. No part contains a NUL.
#[must_use]
pub fn hashed_name(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    let mut name = String::new();
    for byte in hash.finalize() {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(FLAGS.bits())
        .open(path)
}

/// Opens a directory. Creates it if it is missing.
fn create(
    open: impl Fn() -> io::Result<File>,
    create: impl FnOnce() -> io::Result<()>,
) -> io::Result<PrivateDir> {
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return checked(opened?),
    }
    match create() {
        // Another login was faster.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let directory = open()?;
    // The umask is the caller's.
    directory.set_permissions(Permissions::from_mode(0o700))?;
    checked(directory)
}

fn checked(directory: File) -> io::Result<PrivateDir> {
    let metadata = directory.metadata()?;
    if metadata.uid() != 0 && metadata.uid() != Uid::effective().as_raw() {
        return Err(io::Error::other("does not belong to root"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other("is open to others; run chmod 700"));
    }
    Ok(PrivateDir(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another process may have removed some of the files, or all.
    #[test]
    fn a_missing_file_does_not_keep_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create(&directory.path().join("state")).unwrap();
        for name in ["a", "c"] {
            directory.touch(name).unwrap();
        }
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(directory.remove_all(names).unwrap(), 2);
        let left = directory.names().unwrap();
        assert!(left.iter().all(|name| name.starts_with('.')), "{left:?}");
    }
}
