//! The attempts in a row: those since the last success. A reboot keeps them.
//!
//! An account has a directory, and an attempt takes a number: an empty file in it, named from 1 to
//! the limit. The kernel creates a name for one process only, so that no lock and no clock is needed,
//! and stopping a process gains nothing. All numbers are links to one file, so that an attack on
//! every account of a large directory does not use up the inodes of the disk.
//!
//! Nothing is synced to the disk. After a power failure, the attempts of the last seconds may be
//! missing. Syncing would make each login wait for the disk, and an attacker who can cut the power
//! has better ways.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::NotCounted;
use crate::directory::PrivateDir;
use crate::outcome::{Reason, Refusal};

/// The directory of all accounts.
const DIRECTORY: &str = "attempts";
/// The number that the others are links to.
const FIRST: &str = "1";
/// How often other logins of the account may be in the way. Each has to succeed, or to take back its
/// attempt, at the same moment.
const TRIES: u32 = 10;

#[derive(Debug)]
pub(super) struct InARow {
    /// 0: no limit.
    pub(super) most: usize,
    /// A hash, in hexadecimal digits.
    pub(super) account: String,
}

#[derive(Debug)]
pub(super) struct Counted {
    accounts: PrivateDir,
    /// The directory of the account. A success of another login removes it, and with it this attempt.
    directory: PrivateDir,
    account: String,
    number: String,
}

impl InARow {
    pub(super) fn count(&self, lib: &Path) -> Result<Option<Counted>, NotCounted> {
        if self.most == 0 {
            return Ok(None);
        }
        let accounts = PrivateDir::create(lib)?.create_in(DIRECTORY)?;
        for _ in 0..TRIES {
            let directory = match accounts.create_in(&self.account) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            let number = match self.take_number(&directory) {
                // Another login has removed the directory or the first number.
                Err(Errno::ENOENT) => continue,
                taken => taken.map_err(io::Error::from)?,
            };
            let Some(number) = number else {
                let what = format!(
                    "{} in a row without success; free after logonbox unlock ACCOUNT, or after \
                     rm -r {}",
                    self.most,
                    self.path(lib).display()
                );
                return Err(NotCounted::Refused(Refusal::new(Reason::Limit, what)));
            };
            return Ok(Some(Counted {
                accounts,
                directory,
                account: self.account.clone(),
                number,
            }));
        }
        let what = "other logins of the account end while this one is counted";
        Err(NotCounted::Refused(Refusal::new(
            Reason::LocalFailure,
            what,
        )))
    }

    /// Takes the lowest number that is free. `None` if there is none.
    fn take_number(&self, directory: &PrivateDir) -> nix::Result<Option<String>> {
        for number in 1..=self.most {
            let number = number.to_string();
            let taken = if number == FIRST {
                directory.touch(FIRST)
            } else {
                directory.link(FIRST, &number)
            };
            match taken {
                Err(Errno::EEXIST) => {}
                taken => return taken.map(|()| Some(number)),
            }
        }
        Ok(None)
    }

    pub(super) fn counted(&self, lib: &Path) -> io::Result<usize> {
        PrivateDir::open(lib)?;
        match PrivateDir::open(&self.path(lib))? {
            Some(directory) => Ok(numbers(&directory)?.len()),
            None => Ok(0),
        }
    }

    pub(super) fn clear(&self, lib: &Path) -> io::Result<()> {
        PrivateDir::open(lib)?;
        match PrivateDir::open(&lib.join(DIRECTORY))? {
            Some(accounts) => clear(&accounts, &self.account),
            None => Ok(()),
        }
    }

    pub(super) const fn is_reached(&self, attempts: usize) -> bool {
        self.most > 0 && attempts >= self.most
    }

    fn path(&self, lib: &Path) -> PathBuf {
        lib.join(DIRECTORY).join(&self.account)
    }
}

impl Counted {
    pub(super) fn succeeded(self) {
        let _ = clear(&self.accounts, &self.account);
    }

    pub(super) fn take_back(self) {
        let _ = self.directory.remove(&self.number);
        // Fails if there are other attempts.
        let _ = self.accounts.remove_directory(&self.account);
    }
}

/// Removes the attempts of an account.
fn clear(accounts: &PrivateDir, account: &str) -> io::Result<()> {
    let directory = accounts.create_in(account)?;
    directory.remove_all(numbers(&directory)?)?;
    // Fails if another attempt has begun. Its number is the account's first.
    let _ = accounts.remove_directory(account);
    Ok(())
}

fn numbers(directory: &PrivateDir) -> io::Result<Vec<String>> {
    let mut names = directory.names()?;
    names.retain(|name| name.parse::<usize>().is_ok());
    Ok(names)
}
