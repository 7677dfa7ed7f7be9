//! The rate limit: how often a phone may ring, or a password may be tried, without success. It
//! stops requests that are repeated until the person gives in.
//!
//! An attempt is an empty file. Its name has the account (a hash) and the time. Deleting the files is
//! always safe.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::Uid;
use sha2::{Digest, Sha256};

use crate::directory::PrivateDir;
use crate::outcome::{Reason, Refusal};
use crate::system::System;

/// How long an attempt counts.
const WINDOW: Duration = Duration::from_secs(600);
/// A time further in the future is from before the last boot.
const AHEAD: Duration = Duration::from_secs(60);
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
    file: Option<(PrivateDir, String)>,
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
        let path = system.directories().run;
        let entered = match PrivateDir::create(path) {
            Ok(directory) => {
                // Without the lock, two attempts at once may both be refused, but never both pass.
                let lock = directory.lock().await;
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
    fn enter(&self, directory: &PrivateDir, system: &dyn System) -> io::Result<Entered> {
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
        let _ = directory.remove(&own);
        Ok(entered)
    }

    /// The time, and the ages of this account's attempts. Removes expired attempts of all accounts.
    fn attempts(
        &self,
        directory: &PrivateDir,
        system: &dyn System,
    ) -> io::Result<(Duration, Vec<Duration>)> {
        let entries = entries(directory)?;
        // Read the clock last. Otherwise a stop of this process makes attempts look future.
        let now = system.uptime()?;
        let mut attempts = Vec::new();
        for (name, account, time) in entries {
            let ago = now.saturating_sub(time);
            if ago >= WINDOW || time.saturating_sub(now) > AHEAD {
                let _ = directory.remove(&name);
            } else if account == self.account {
                attempts.push(ago);
            }
        }
        Ok((now, attempts))
    }

    fn create(&self, directory: &PrivateDir, now: Duration) -> io::Result<String> {
        let mut time = now.as_nanos();
        loop {
            let name = format!("{}.{time}", self.account);
            match directory.touch(&name) {
                Ok(()) => return Ok(name),
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
                let _ = directory.remove(&name);
            }
        }
    }

    /// The attempt was not made: removes it from the count.
    pub fn take_back(self) {
        if let Some((directory, own)) = &self.file {
            let _ = directory.remove(own);
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

/// All attempts: file name, account, and time since boot.
fn entries(directory: &PrivateDir) -> io::Result<Vec<(String, String, Duration)>> {
    let mut found = Vec::new();
    for name in directory.names()? {
        if let Some((account, time)) = attempt_of(&name) {
            found.push((name.clone(), account.to_owned(), time));
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

#[cfg(test)]
mod tests;
