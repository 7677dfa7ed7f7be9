//! How often a phone may ring, or a password be tried, in vain: against requests that are repeated
//! until the person gives in.
//!
//! One try is one empty file, whose name says whose it is (a hash) and when it was. Empty, because
//! the caller of a program like su can forbid it to write to files (`RLIMIT_FSIZE`, which ends it).
//! All of them may be deleted at any time.

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

use crate::host::System;
use crate::verdict::{Refusal, Word};
use crate::wait::{Stopped, Waiter, pause};

/// How long a try counts.
const WINDOW: Duration = Duration::from_secs(600);
/// What lies further ahead is from before the machine was started anew.
const AHEAD: Duration = Duration::from_secs(60);
/// How often another login is waited for, and how long each time. Whoever stops theirs (Ctrl-Z)
/// while it counts holds up others, but no longer than that.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Counting takes far less. The caller of su can stop it (Ctrl-Z) and have it go on when the time that
/// it has read is long ago: such a try would count for nothing.
const HELD_UP: Duration = Duration::from_secs(10);

/// The most unapproved tries of an account within ten minutes.
#[derive(Debug)]
pub struct Limit {
    /// No limit where this is 0.
    most: usize,
    /// A hash, in hexadecimal digits.
    account: String,
}

/// A try that has been counted, where tries can be.
#[derive(Debug)]
#[must_use]
pub struct Counted<'a> {
    limit: &'a Limit,
    /// The directory, and the file in it.
    place: Option<(File, String)>,
    /// What the administrator should know, if anything.
    pub hint: String,
}

/// What has become of a try.
enum Entered {
    /// The file.
    Counted(String),
    /// How long until there could be another.
    TooMany(Duration),
    /// It took too long to be told.
    Stopped,
}

impl Limit {
    /// For `account` at `server`.
    #[must_use]
    pub fn new(most: usize, server: &str, account: &str) -> Self {
        // Some user databases take a name in any case: each way to write it would count anew.
        let digest = Sha256::digest(format!("{server}\0{}", account.to_lowercase()));
        let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
        Self {
            most,
            account: digits.collect(),
        }
    }

    /// Counts a try, before it is made: who ends this process on the way has had it.
    ///
    /// # Errors
    ///
    /// [`Word::Limit`], when there have been too many. [`Word::LocalFailure`], when it cannot be
    /// counted for a reason that the caller can bring about; for other reasons, the login goes on,
    /// with a hint. [`Word::Interrupted`].
    pub fn count(
        &self,
        system: &dyn System,
        waiter: &mut dyn Waiter,
    ) -> Result<Counted<'_>, Refusal> {
        let mut counted = Counted {
            limit: self,
            place: None,
            hint: String::new(),
        };
        if self.most == 0 {
            return Ok(counted);
        }
        let path = system.state_directory();
        let entered = open(path).and_then(|directory| {
            // Without the lock, of two tries at once both may be one too many: a refusal too much,
            // but never a try.
            let lock = lock(&directory, waiter)?;
            let entered = self.enter(&directory, system);
            drop(lock);
            entered.map(|entered| (directory, entered))
        });
        let (directory, entered) = match entered {
            Ok(entered) => entered,
            Err(error) => {
                let what = format!("{}: {error}", path.display());
                return match error.raw_os_error().map(Errno::from_raw) {
                    Some(Errno::EINTR) => Err(Refusal::new(Word::Interrupted, "while counting")),
                    Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM) => {
                        Err(Refusal::new(Word::LocalFailure, what))
                    }
                    _ => {
                        counted.hint = format!("tries cannot be counted: {what}");
                        Ok(counted)
                    }
                };
            }
        };
        match entered {
            Entered::Counted(own) => {
                counted.place = Some((directory, own));
                Ok(counted)
            }
            Entered::Stopped => {
                let what = "this process was stopped while counting";
                Err(Refusal::new(Word::LocalFailure, what))
            }
            Entered::TooMany(free_in) => {
                let what = format!(
                    "{} unapproved within 10 minutes; free in {} s, or after rm {}/{}.*",
                    self.most,
                    free_in.as_secs().saturating_add(1),
                    path.display(),
                    self.account
                );
                Err(Refusal::new(Word::Limit, what))
            }
        }
    }

    /// Writes down a try, unless it is one too many: then nothing is left of it, wherever this
    /// process is ended.
    fn enter(&self, directory: &File, system: &dyn System) -> io::Result<Entered> {
        let (now, tries) = self.tries(directory, system)?;
        // With this one.
        if let Some(time) = self.free_in(tries.into_iter().chain([Duration::ZERO]).collect()) {
            return Ok(Entered::TooMany(time));
        }
        let own = self.create(directory, now)?;
        // Again: others may not have waited for the lock.
        let (then, tries) = self.tries(directory, system)?;
        let entered = if then.saturating_sub(now) > HELD_UP {
            Entered::Stopped
        } else if let Some(time) = self.free_in(tries) {
            Entered::TooMany(time)
        } else {
            return Ok(Entered::Counted(own));
        };
        let _ = remove(directory, &own);
        Ok(entered)
    }

    /// The time, and how long ago all tries were. Removes what has become too old, whosever it is.
    fn tries(
        &self,
        directory: &File,
        system: &dyn System,
    ) -> io::Result<(Duration, Vec<Duration>)> {
        let entries = entries(directory)?;
        // After all of them: none is from the future because this process was stopped.
        let now = system.uptime()?;
        let mut tries = Vec::new();
        for (name, account, time) in entries {
            let ago = now.saturating_sub(time);
            if ago >= WINDOW || time.saturating_sub(now) > AHEAD {
                let _ = remove(directory, &name);
            } else if account == self.account {
                tries.push(ago);
            }
        }
        Ok((now, tries))
    }

    fn create(&self, directory: &File, now: Duration) -> io::Result<String> {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let mut time = now.as_nanos();
        loop {
            let name = format!("{}.{time}", self.account);
            match openat(directory, name.as_str(), flags, Mode::S_IRUSR) {
                Ok(_) => return Ok(name),
                // Another one in the same nanosecond.
                Err(Errno::EEXIST) => time = time.saturating_add(1),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// When another try would be possible, where these are too many.
    fn free_in(&self, mut tries: Vec<Duration>) -> Option<Duration> {
        // The newest first. That which must have become too old stands where one too many begins.
        tries.sort_unstable();
        let oldest = tries.get(self.most)?;
        Some(WINDOW.saturating_sub(*oldest))
    }
}

impl Counted<'_> {
    /// The person has approved: nothing counts any more.
    pub fn approved(self) {
        let Some((directory, _)) = &self.place else {
            return;
        };
        for (name, account, _) in entries(directory).unwrap_or_default() {
            if account == self.limit.account {
                let _ = remove(directory, &name);
            }
        }
    }

    /// The try has not been made.
    pub fn take_back(self) {
        if let Some((directory, own)) = &self.place {
            let _ = remove(directory, own);
        }
    }
}

/// Opens the directory, which is made where it is missing.
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
            // Whatever umask the caller has left here.
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

/// One login at a time counts. Nothing, where another one takes too long.
fn lock(directory: &File, waiter: &mut dyn Waiter) -> io::Result<Option<Flock<File>>> {
    let mut handle = directory.try_clone()?;
    for _ in 0..LOCK_TRIES {
        handle = match Flock::lock(handle, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err((handle, _)) => handle,
        };
        if let Err(Stopped::Interrupted(_)) = pause(waiter, LOCK_PAUSE) {
            return Err(Errno::EINTR.into());
        }
    }
    Ok(None)
}

/// Every try: its file, whose it is, and when it was, since the machine was started.
fn entries(directory: &File) -> io::Result<Vec<(String, String, Duration)>> {
    let handle: OwnedFd = directory.try_clone()?.into();
    let number = handle.as_raw_fd();
    let mut directory = Dir::from_fd(handle).inspect_err(|_| {
        // nix 0.31.3 leaves it open where there is no memory. One that does not would make this close
        // somebody else's, which is why Cargo.toml asks for just that one.
        let _ = close(number);
    })?;
    let mut found = Vec::new();
    for entry in directory.iter() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy();
        if let Some((account, time)) = entry_of(&name) {
            found.push((name.to_string(), account.to_owned(), time));
        }
    }
    Ok(found)
}

/// Whose try a file is, and when it was; nothing where it is none.
pub(crate) fn entry_of(name: &str) -> Option<(&str, Duration)> {
    let (account, time) = name.split_once('.')?;
    Some((account, Duration::from_nanos(time.parse().ok()?)))
}

fn remove(directory: &File, name: &str) -> nix::Result<()> {
    unlinkat(directory, name, UnlinkatFlags::NoRemoveDir)
}

#[cfg(test)]
mod tests;
