//! Remembered approvals: after a verified push, the same login needs no other for some minutes.
//!
//! An approval is an empty file in /run. Its name has the user (a hash), the login (a hash) and the
//! time. Deleting the files is always safe.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Config, Mode};
use crate::directory::{PrivateDir, advice_about, hashed_name};
use crate::system::System;

/// The directory, in the one that a reboot empties.
const DIRECTORY: &str = "remembered";

/// A login whose approval is remembered.
#[derive(Debug)]
pub struct Remember {
    /// How long.
    time: Duration,
    /// The server's name for the user.
    pub account: String,
    /// The hashes of the user and of the login.
    user: String,
    login: String,
}

impl Remember {
    /// For a login of `user` to `service` from `rhost`. The name must be the one in the user database.
    /// `None` if approvals of this login are not remembered.
    #[must_use]
    pub fn new(
        config: &Config,
        system: &dyn System,
        user: &str,
        service: &str,
        rhost: &str,
    ) -> Option<Self> {
        let policy = &config.policy;
        let Mode::Push(tenant) = &config.mode else {
            return None;
        };
        let is_listed = policy.remember_services.iter().any(|name| name == service);
        // The caller of a setuid program could use what another login has left.
        if policy.remember_minutes.is_zero() || !is_listed || system.is_setuid() {
            return None;
        }
        // The owner of a DNS zone chooses its names.
        let address = rhost.parse::<IpAddr>().ok()?.to_canonical();
        // All users of this host share its addresses.
        if system.owns(address) {
            return None;
        }
        let account = config.account(user, &system.hostname());
        let login = hashed_name(&[
            "login",
            user,
            &account,
            service,
            &address.to_string(),
            &tenant.to_string(),
            &config.digest,
            // A reboot ends it, also if /run is kept.
            &system.boot_id().ok()?,
        ]);
        Some(Self {
            time: policy.remember_minutes,
            account,
            user: hashed_user(user),
            login,
        })
    }

    /// The time since this login was approved, if the approval still counts. The error is a hint for
    /// the administrator.
    ///
    /// # Errors
    ///
    /// The approvals cannot be read.
    pub fn approved_ago(&self, system: &dyn System) -> Result<Option<Duration>, String> {
        let read = || {
            let Some(directory) = PrivateDir::open(&path(system))? else {
                return Ok(None);
            };
            let approvals = approvals(&directory)?;
            // Read the clock last. Otherwise a stop of this process makes approvals look future.
            let now = system.uptime()?;
            let own = approvals
                .iter()
                .filter(|approval| approval.login == self.login);
            let ages = own.filter_map(|approval| now.checked_sub(approval.time));
            Ok(ages.filter(|age| *age < self.time).min())
        };
        read().map_err(|error| hint(system, &error))
    }

    /// Remembers that this login was approved now. The error is a hint for the administrator.
    ///
    /// # Errors
    ///
    /// The approval cannot be kept.
    pub fn approved(&self, system: &dyn System) -> Result<(), String> {
        let write = || {
            PrivateDir::create(system.directories().run)?;
            let directory = PrivateDir::create(&path(system))?;
            let now = system.uptime()?;
            for approval in approvals(&directory)? {
                let has_ended = now.saturating_sub(approval.time) >= self.time;
                if has_ended || approval.login == self.login {
                    let _ = directory.remove(&approval.file);
                }
            }
            let name = format!("{}.{}.{}", self.user, self.login, now.as_nanos());
            Ok(directory.touch(&name)?)
        };
        write().map_err(|error: io::Error| hint(system, &error))
    }
}

/// Forgets all approvals of `user`, whose name must be the one in the user database. Returns how many
/// there were.
///
/// # Errors
///
/// The approvals cannot be read or removed.
pub fn forget(system: &dyn System, user: &str) -> io::Result<usize> {
    let Some(directory) = PrivateDir::open(&path(system))? else {
        return Ok(0);
    };
    let user = hashed_user(user);
    let approvals = approvals(&directory)?.into_iter();
    let own = approvals.filter(|approval| approval.user == user);
    directory.remove_all(own.map(|approval| approval.file))
}

/// An approval that was written.
struct Approval {
    file: String,
    user: String,
    login: String,
    time: Duration,
}

fn hashed_user(user: &str) -> String {
    hashed_name(&["user", user])
}

fn path(system: &dyn System) -> PathBuf {
    system.directories().run.join(DIRECTORY)
}

fn hint(system: &dyn System, error: &io::Error) -> String {
    let advice = advice_about(error);
    let path = path(system);
    format!(
        "approvals are not remembered: {}: {error}{advice}",
        path.display()
    )
}

fn approvals(directory: &PrivateDir) -> io::Result<Vec<Approval>> {
    let parse = |file: String| {
        let (user, rest) = file.split_once('.')?;
        let (login, time) = rest.split_once('.')?;
        Some(Approval {
            user: user.to_owned(),
            login: login.to_owned(),
            time: Duration::from_nanos(time.parse().ok()?),
            file,
        })
    };
    Ok(directory.names()?.into_iter().filter_map(parse).collect())
}

#[cfg(test)]
mod tests;
