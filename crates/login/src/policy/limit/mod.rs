//! The rate limits: how often a phone may ring, or a password may be tried, without success. They
//! stop requests that are repeated until the person gives in, and guesses at the code.
//!
//! An attempt is an empty file. Deleting the files is always safe.

mod in_a_row;
mod recent;

pub use recent::attempt_of;

use std::io;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::Uid;

use self::in_a_row::InARow;
use self::recent::Recent;
use crate::config::{Config, Mode, Policy};
use crate::directory::{advice, hashed_name};
use crate::outcome::{Reason, Refusal};
use crate::system::{Directories, System};

/// The limits of an account.
#[derive(Debug)]
pub struct Limit {
    recent: Recent,
    in_a_row: InARow,
}

/// A counted attempt. If attempts cannot be counted, only a hint.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    recent: Option<recent::Counted>,
    /// Taken back when the attempt is dropped, unless the request has left.
    in_a_row: Option<in_a_row::Counted>,
    has_left: bool,
    /// A message for the administrator, or empty.
    pub hint: String,
}

/// The attempts of an account that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// Since the last success.
    pub in_a_row: usize,
    /// Within ten minutes, without a success.
    pub recent: usize,
}

impl Attempts {
    /// All attempts that are counted. Those within ten minutes are among those in a row, if both are
    /// counted.
    #[must_use]
    pub const fn all(self) -> usize {
        if self.in_a_row > self.recent {
            self.in_a_row
        } else {
            self.recent
        }
    }
}

/// Why an attempt is not counted.
enum NotCounted {
    Refused(Refusal),
    /// The count cannot be kept.
    Failed(io::Error),
}

impl From<io::Error> for NotCounted {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Limit {
    /// For `account` at the server of this configuration.
    #[must_use]
    pub fn of(config: &Config, account: &str) -> Self {
        let server = match &config.mode {
            Mode::Push(tenant) => tenant.to_string(),
            Mode::Airlock(url) => url.to_string(),
        };
        Self::new(&config.policy, &server, account)
    }

    fn new(policy: &Policy, server: &str, account: &str) -> Self {
        // Some user databases accept a name in any case. All spellings share one count.
        let account = hashed_name(&[server, &account.to_lowercase()]);
        Self {
            recent: Recent {
                most: policy.failed_attempts_per_10_minutes,
                account: account.clone(),
            },
            in_a_row: InARow {
                most: policy.failed_attempts_in_a_row,
                account,
            },
        }
    }

    /// Counts an attempt before it is made: ending the process does not undo it.
    ///
    /// # Errors
    ///
    /// [`Reason::Limit`]: too many attempts. [`Reason::LocalFailure`]: counting failed for a reason
    /// that the caller can cause. For other reasons the login goes on, with a hint.
    pub async fn count(&self, system: &dyn System) -> Result<Attempt, Refusal> {
        let directories = system.directories();
        let mut failures = Vec::new();
        let recent = self.recent.count(directories.run, system).await;
        let mut attempt = Attempt {
            recent: goes_on(recent, directories.run, &mut failures)?,
            in_a_row: None,
            has_left: false,
            hint: String::new(),
        };
        // Second: a process that is killed in between has not used up an attempt in a row.
        let in_a_row = self.in_a_row.count(directories.lib);
        match goes_on(in_a_row, directories.lib, &mut failures) {
            Ok(counted) => attempt.in_a_row = counted,
            Err(refusal) => {
                attempt.take_back();
                return Err(refusal);
            }
        }
        attempt.hint = not_counted(&failures);
        Ok(attempt)
    }

    /// The attempts that are counted. `uptime` is the time since boot.
    ///
    /// # Errors
    ///
    /// A directory of the counts cannot be read.
    pub fn counted(
        &self,
        Directories { run, lib, .. }: Directories<'_>,
        uptime: Duration,
    ) -> Result<Attempts, String> {
        Ok(Attempts {
            in_a_row: self.in_a_row.counted(lib).map_err(at(lib))?,
            recent: self.recent.counted(run, uptime).map_err(at(run))?,
        })
    }

    /// Removes the attempts that are counted. Returns them.
    ///
    /// # Errors
    ///
    /// A directory of the counts cannot be changed.
    pub fn unlock(
        &self,
        directories: Directories<'_>,
        uptime: Duration,
    ) -> Result<Attempts, String> {
        let counted = self.counted(directories, uptime)?;
        let Directories { run, lib, .. } = directories;
        self.in_a_row.clear(lib).map_err(at(lib))?;
        self.recent.clear(run).map_err(at(run))?;
        Ok(counted)
    }

    /// Whether the next attempt is one too many after these.
    #[must_use]
    pub const fn is_reached(&self, attempts: Attempts) -> bool {
        self.in_a_row.is_reached(attempts.in_a_row) || self.recent.is_reached(attempts.recent)
    }
}

impl Attempt {
    /// The request is about to leave, or has not left after all. `failed_attempts_in_a_row` counts
    /// requests that have left: no time clears that count.
    pub fn leaves(&mut self, has_left: bool) {
        self.has_left = has_left;
    }

    /// The login succeeded: resets the counts of the account.
    pub fn succeeded(mut self) {
        if let Some(recent) = self.recent.take() {
            recent.succeeded();
        }
        if let Some(in_a_row) = self.in_a_row.take() {
            in_a_row.succeeded();
        }
    }

    /// The attempt was not made: removes it from the counts.
    pub fn take_back(mut self) {
        if let Some(recent) = self.recent.take() {
            recent.take_back();
        }
        self.has_left = false;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(in_a_row) = self.in_a_row.take().filter(|_| !self.has_left) {
            in_a_row.take_back();
        }
    }
}

/// Lets the login go on if the count in `directory` cannot be kept, unless the caller can cause that.
fn goes_on<T>(
    counted: Result<Option<T>, NotCounted>,
    directory: &Path,
    failures: &mut Vec<(String, Option<Errno>)>,
) -> Result<Option<T>, Refusal> {
    match counted {
        Ok(counted) => Ok(counted),
        Err(NotCounted::Refused(refusal)) => Err(refusal),
        Err(NotCounted::Failed(error)) => {
            let errno = error.raw_os_error().map(Errno::from_raw);
            let what = at(directory)(error);
            if let Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM) = errno {
                return Err(Refusal::new(Reason::LocalFailure, what));
            }
            failures.push((what, errno));
            Ok(None)
        }
    }
}

fn at(directory: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("{}: {error}", directory.display())
}

/// The hint that attempts cannot be counted. Empty if they were.
fn not_counted(failures: &[(String, Option<Errno>)]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let what: Vec<&str> = failures.iter().map(|(what, _)| &**what).collect();
    let what = what.join("; ");
    let any = |wanted: &[Errno]| {
        let mut errors = failures.iter().filter_map(|(_, errno)| *errno);
        errors.any(|errno| wanted.contains(&errno))
    };
    // A screen locker, for instance. Only root may write the counts.
    if any(&[Errno::EACCES, Errno::EPERM]) && !Uid::effective().is_root() {
        let uid = Uid::effective();
        return format!("pushes are not limited, because this program runs as uid {uid}: {what}");
    }
    let advice = advice(Some(Errno::EROFS).filter(|errno| any(&[*errno])));
    format!("attempts cannot be counted: {what}{advice}")
}

#[cfg(test)]
mod tests;
