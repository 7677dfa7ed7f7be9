//! The rate limit: how often a phone may ring, or a password may be tried, without success. It
//! stops requests that are repeated until the person gives in.
//!
//! An attempt is an empty file. Its name has the account (a hash) and the time. The file is empty
//! because the caller of su can forbid writing with `RLIMIT_FSIZE`. Its signal ends the process.
//! Deleting the files is always safe.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{Uid, UnlinkatFlags, close, unlinkat};
use sha2::{Digest, Sha256};

use crate::outcome::{Reason, Refusal};
use crate::system::System;

/// How long an attempt counts.
const WINDOW: Duration = Duration::from_secs(600);
/// A time further in the future is from before the last boot.
const AHEAD: Duration = Duration::from_secs(60);
/// How often a login tries to lock the directory, and the pause between. A login that is stopped
/// with Ctrl-Z while it counts delays others only for this time.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Counting takes far less. The caller of su can stop it (Ctrl-Z) between reading the clock and
/// writing the file. If the caller continues it later, the attempt would have expired already.
const MOST_TIME: Duration = Duration::from_secs(10);

/// The rate limit of an account: its attempts without success within ten minutes.
#[derive(Debug)]
pub struct Limit {
    /// 0: no limit.
    most: usize,
    /// A hash, in hexadecimal digits.
    account: String,
}

/// A counted attempt. If attempts cannot be counted, only a hint.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    account: String,
    /// The directory, and the file in it.
    file: Option<(File, String)>,
    /// A message for the administrator, or empty.
    pub hint: String,
}

/// The result of counting.
enum Entered {
    /// The name of the file.
    Counted(String),
    /// Too many attempts; the time until the next may be made.
    TooMany(Duration),
    /// The process was stopped in the middle.
    Stopped,
}

impl Limit {
    /// For `account` at `server`. `most` is the number of attempts; 0 is no limit.
    #[must_use]
    pub fn new(most: usize, server: &str, account: &str) -> Self {
        // Some user databases accept a name in any case. All spellings share one count.
        let digest = Sha256::digest(format!("{server}\0{}", account.to_lowercase()));
        let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
        Self {
            most,
            account: digits.collect(),
        }
    }

    /// Counts an attempt before it is made: ending the process does not undo it.
    ///
    /// # Errors
    ///
    /// [`Reason::Limit`]: too many attempts. [`Reason::LocalFailure`]: counting failed for a reason
    /// that the caller can cause. For other reasons the login goes on, with a hint.
    pub async fn count(&self, system: &dyn System) -> Result<Attempt, Refusal> {
        let mut attempt = Attempt {
            account: self.account.clone(),
            file: None,
            hint: String::new(),
        };
        if self.most == 0 {
            return Ok(attempt);
        }
        let path = system.state_directory();
        let entered = match open(path) {
            Ok(directory) => {
                // Without the lock, two attempts at once may both be refused, but never both pass.
                let lock = lock(&directory).await;
                let entered = lock.and_then(|_lock| self.enter(&directory, system));
                entered.map(|entered| (directory, entered))
            }
            Err(error) => Err(error),
        };
        let (directory, entered) = match entered {
            Ok(entered) => entered,
            Err(error) => {
                let what = format!("{}: {error}", path.display());
                let errno = error.raw_os_error().map(Errno::from_raw);
                if let Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM) = errno {
                    return Err(Refusal::new(Reason::LocalFailure, what));
                }
                attempt.hint = not_counted(&what, errno);
                return Ok(attempt);
            }
        };
        match entered {
            Entered::Counted(name) => {
                attempt.file = Some((directory, name));
                Ok(attempt)
            }
            Entered::Stopped => {
                let what = "this process was stopped while counting";
                Err(Refusal::new(Reason::LocalFailure, what))
            }
            Entered::TooMany(free_in) => {
                let what = format!(
                    "{} unapproved within 10 minutes; free in {} s, or after rm {}/{}.*",
                    self.most,
                    free_in.as_secs().saturating_add(1),
                    path.display(),
                    self.account
                );
                Err(Refusal::new(Reason::Limit, what))
            }
        }
    }

    /// Writes the file of an attempt, unless it is one too many. An attempt too many leaves no
    /// file, even if the process is killed on the way.
    fn enter(&self, directory: &File, system: &dyn System) -> io::Result<Entered> {
        let (now, attempts) = self.attempts(directory, system)?;
        // Including this one.
        if let Some(time) = self.free_in(attempts.into_iter().chain([Duration::ZERO]).collect()) {
            return Ok(Entered::TooMany(time));
        }
        let own = self.create(directory, now)?;
        // Once more: other logins may have given up on the lock.
        let (then, attempts) = self.attempts(directory, system)?;
        let entered = if then.saturating_sub(now) > MOST_TIME {
            Entered::Stopped
        } else if let Some(time) = self.free_in(attempts) {
            Entered::TooMany(time)
        } else {
            return Ok(Entered::Counted(own));
        };
        let _ = remove(directory, &own);
        Ok(entered)
    }

    /// The time, and the ages of this account's attempts. Removes expired attempts of all accounts.
    fn attempts(
        &self,
        directory: &File,
        system: &dyn System,
    ) -> io::Result<(Duration, Vec<Duration>)> {
        let entries = entries(directory)?;
        // Read the clock last. Otherwise a stop of this process makes attempts look future.
        let now = system.uptime()?;
        let mut attempts = Vec::new();
        for (name, account, time) in entries {
            let ago = now.saturating_sub(time);
            if ago >= WINDOW || time.saturating_sub(now) > AHEAD {
                let _ = remove(directory, &name);
            } else if account == self.account {
                attempts.push(ago);
            }
        }
        Ok((now, attempts))
    }

    fn create(&self, directory: &File, now: Duration) -> io::Result<String> {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let mut time = now.as_nanos();
        loop {
            let name = format!("{}.{time}", self.account);
            match openat(directory, name.as_str(), flags, Mode::S_IRUSR) {
                Ok(_) => return Ok(name),
                // Another attempt in the same nanosecond.
                Err(Errno::EEXIST) => time = time.saturating_add(1),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The time until another attempt may be made, if these are too many.
    fn free_in(&self, mut attempts: Vec<Duration>) -> Option<Duration> {
        // Newest first. The attempt at index `most` must expire before another may be made.
        attempts.sort_unstable();
        let oldest = attempts.get(self.most)?;
        Some(WINDOW.saturating_sub(*oldest))
    }
}

impl Attempt {
    /// The login succeeded: resets the count of the account.
    pub fn succeeded(self) {
        let Some((directory, _)) = &self.file else {
            return;
        };
        for (name, account, _) in entries(directory).unwrap_or_default() {
            if account == self.account {
                let _ = remove(directory, &name);
            }
        }
    }

    /// The attempt was not made: removes it from the count.
    pub fn take_back(self) {
        if let Some((directory, own)) = &self.file {
            let _ = remove(directory, own);
        }
    }
}

/// The hint that attempts cannot be counted.
fn not_counted(what: &str, errno: Option<Errno>) -> String {
    match errno {
        // A screen locker, for instance. Only root may write the counts.
        Some(Errno::EACCES | Errno::EPERM) if !Uid::effective().is_root() => {
            let uid = Uid::effective();
            format!("pushes are not limited, because this program runs as uid {uid}: {what}")
        }
        Some(Errno::EROFS) => format!(
            "attempts cannot be counted: {what}; a service with ProtectSystem=strict needs \
             ReadWritePaths=-/run/pam_logonbox"
        ),
        _ => format!("attempts cannot be counted: {what}"),
    }
}

/// Opens the directory. Creates it if it is missing.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    let open = || {
        OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits())
            .open(path)
    };
    let directory = match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match DirBuilder::new().mode(0o700).create(path) {
                // Another login was faster.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let directory = open()?;
            // The umask is the caller's.
            directory.set_permissions(Permissions::from_mode(0o700))?;
            directory
        }
        opened => opened?,
    };
    let metadata = directory.metadata()?;
    if metadata.uid() != 0 && metadata.uid() != Uid::effective().as_raw() {
        return Err(io::Error::other("does not belong to root"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other("is open to others; run chmod 700"));
    }
    Ok(directory)
}

/// Locks the directory, so that logins count one by one. `None` if another login takes too long.
async fn lock(directory: &File) -> io::Result<Option<Flock<File>>> {
    let mut handle = directory.try_clone()?;
    for _ in 0..LOCK_TRIES {
        handle = match Flock::lock(handle, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err((handle, _)) => handle,
        };
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    Ok(None)
}

/// All attempts: file name, account, and time since boot.
fn entries(directory: &File) -> io::Result<Vec<(String, String, Duration)>> {
    let handle: OwnedFd = directory.try_clone()?.into();
    let number = handle.as_raw_fd();
    let mut directory = Dir::from_fd(handle).inspect_err(|_| {
        // nix 0.31.3 leaves the descriptor open if memory is short. With a version that closes it,
        // this would close a descriptor of the host: Cargo.toml asks for exactly 0.31.3.
        let _ = close(number);
    })?;
    let mut found = Vec::new();
    for entry in directory.iter() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy();
        if let Some((account, time)) = attempt_of(&name) {
            found.push((name.to_string(), account.to_owned(), time));
        }
    }
    Ok(found)
}

/// The account and the time in the name of an attempt's file.
#[must_use]
pub fn attempt_of(name: &str) -> Option<(&str, Duration)> {
    let (account, time) = name.split_once('.')?;
    Some((account, Duration::from_nanos(time.parse().ok()?)))
}

fn remove(directory: &File, name: &str) -> nix::Result<()> {
    unlinkat(directory, name, UnlinkatFlags::NoRemoveDir)
}

#[cfg(test)]
mod tests;
