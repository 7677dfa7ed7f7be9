//! The attempts within ten minutes. A reboot ends them.
//!
//! The name of an attempt's file has the account (a hash) and the time.

use std::io;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;

use super::NotCounted;
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

#[derive(Debug)]
pub(super) struct Recent {
    /// 0: no limit.
    pub(super) most: usize,
    /// A hash, in hexadecimal digits.
    pub(super) account: String,
}

#[derive(Debug)]
pub(super) struct Counted {
    directory: PrivateDir,
    account: String,
    /// The name of the file.
    own: String,
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

impl Recent {
    pub(super) async fn count(
        &self,
        run: &Path,
        system: &dyn System,
    ) -> Result<Option<Counted>, NotCounted> {
        if self.most == 0 {
            return Ok(None);
        }
        let directory = PrivateDir::create(run)?;
        // Without the lock, two attempts at once may both be refused, but never both pass.
        let lock = directory.lock().await;
        let entered = lock.and_then(|_lock| self.enter(&directory, system))?;
        let refusal = match entered {
            Entered::Counted(own) => {
                return Ok(Some(Counted {
                    directory,
                    account: self.account.clone(),
                    own,
                }));
            }
            Entered::Stopped => {
                let what = "this process was stopped while counting";
                Refusal::new(Reason::LocalFailure, what)
            }
            Entered::TooMany(free_in) => {
                let what = format!(
                    "{} unapproved within 10 minutes; free in {} s, or after logonbox unlock \
                     ACCOUNT, or after rm {}/{}.*",
                    self.most,
                    free_in.as_secs().saturating_add(1),
                    run.display(),
                    self.account
                );
                Refusal::new(Reason::Limit, what)
            }
        };
        Err(NotCounted::Refused(refusal))
    }

    pub(super) fn counted(&self, run: &Path, now: Duration) -> io::Result<usize> {
        let Some(directory) = PrivateDir::open(run)? else {
            return Ok(0);
        };
        let entries = entries(&directory)?.into_iter();
        let own = entries
            .filter(|(_, account, time)| *account == self.account && age(*time, now).is_some());
        Ok(own.count())
    }

    pub(super) fn clear(&self, run: &Path) -> io::Result<()> {
        match PrivateDir::open(run)? {
            Some(directory) => clear(&directory, &self.account),
            None => Ok(()),
        }
    }

    pub(super) const fn is_reached(&self, attempts: usize) -> bool {
        self.most > 0 && attempts >= self.most
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
            match age(time, now) {
                None => {
                    let _ = directory.remove(&name);
                }
                Some(age) if account == self.account => attempts.push(age),
                Some(_) => {}
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

impl Counted {
    pub(super) fn succeeded(self) {
        let _ = clear(&self.directory, &self.account);
    }

    pub(super) fn take_back(self) {
        let _ = self.directory.remove(&self.own);
    }
}

/// The age of an attempt. `None` if it does not count any more.
fn age(time: Duration, now: Duration) -> Option<Duration> {
    let age = now.saturating_sub(time);
    (age < WINDOW && time.saturating_sub(now) <= AHEAD).then_some(age)
}

/// Removes the attempts of an account.
fn clear(directory: &PrivateDir, account: &str) -> io::Result<()> {
    let entries = entries(directory)?.into_iter();
    let own = entries.filter(|(_, of, _)| of == account);
    directory.remove_all(own.map(|(name, _, _)| name))?;
    Ok(())
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
