//! Bypass codes: for a user whose phone is lost, or while the server is away. The administrator makes
//! a code with `logonbox bypass`. It works once, at the prompt for the code from the phone.
//!
//! A code is a file in a directory that only root can read. Its name is a hash over the code, the user
//! and the machine-id, so a stolen file does not tell the code, and a copy has no effect on another
//! host. Its content says until when the code is valid, and why it was made.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::clean::for_log;
use crate::directory::{PrivateDir, advice_about, hashed_name};
use crate::system::System;

/// The directory, in the one that a reboot keeps.
const DIRECTORY: &str = "bypass";
/// The characters of a code: base32 (RFC 4648, section 6).
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// 65 random bits.
const LENGTH: usize = 13;
/// The largest file, in bytes.
const FILE_LIMIT: u64 = 4096;
/// The longest time that a code is valid.
pub const MOST_HOURS: u32 = 72;
/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 200;

/// A bypass code. [`use_up`] tells whether it is a valid one.
pub struct BypassCode(Zeroizing<String>);

impl BypassCode {
    /// A new code.
    ///
    /// # Errors
    ///
    /// The kernel provides no random bytes.
    pub fn new(system: &dyn System) -> io::Result<Self> {
        let mut random = Zeroizing::new([0; LENGTH]);
        system.random(&mut *random)?;
        let characters = random.iter().filter_map(|byte| {
            let index = usize::from(byte % 32);
            ALPHABET.get(index).copied().map(char::from)
        });
        let mut code = Zeroizing::new(String::with_capacity(LENGTH));
        code.extend(characters);
        Ok(Self(code))
    }

    /// The code in `answer`, if the answer has the form of one. Blanks, hyphens and case are ignored.
    #[must_use]
    pub fn parse(answer: &[u8]) -> Option<Self> {
        let mut code = Zeroizing::new(String::with_capacity(LENGTH));
        for byte in answer {
            let byte = byte.to_ascii_uppercase();
            if b" \t\r\n-".contains(&byte) {
                continue;
            }
            // Growing would leave a copy that is not wiped.
            if code.len() == LENGTH || !ALPHABET.contains(&byte) {
                return None;
            }
            code.push(char::from(byte));
        }
        (code.len() == LENGTH).then_some(Self(code))
    }

    /// The code in groups, for a person to read: `ABCD-EFGH-IJKLM`.
    #[must_use]
    pub fn in_groups(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH.saturating_add(2)));
        for (place, character) in self.0.chars().enumerate() {
            if matches!(place, 4 | 8) {
                text.push('-');
            }
            text.push(character);
        }
        text
    }

    /// The name of the file of this code.
    fn file_name(&self, user: &str, machine_id: &str) -> String {
        hashed_name(&["bypass", machine_id, user, &self.0])
    }
}

/// For whom a code was made, until when it is valid, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The user, as the user database spells the name.
    pub user: String,
    /// When the code was made.
    pub made: OffsetDateTime,
    /// When the code ends.
    pub until: OffsetDateTime,
    /// Why it was made.
    pub reason: String,
    /// The boot in which it was made, and the time since boot at which it ends. Setting the wall
    /// clock back does not change this time.
    boot: String,
    uptime: Duration,
}

impl Entry {
    fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n{}\n{}\n{}\n",
            self.user,
            self.made.unix_timestamp(),
            self.until.unix_timestamp(),
            self.boot,
            self.uptime.as_secs(),
            self.reason
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let time = |text: &str| OffsetDateTime::from_unix_timestamp(text.parse().ok()?).ok();
        let text = text.strip_suffix('\n')?;
        let [user, made, until, boot, uptime, reason] =
            <[&str; 6]>::try_from(text.split('\n').collect::<Vec<_>>()).ok()?;
        Some(Self {
            user: user.to_owned(),
            made: time(made)?,
            until: time(until)?,
            boot: boot.to_owned(),
            uptime: Duration::from_secs(uptime.parse().ok()?),
            reason: reason.to_owned(),
        })
    }

    /// Why the code is not valid now.
    fn trouble(&self, system: &dyn System) -> io::Result<Option<Trouble>> {
        let now = system.now();
        let has_ended = self.boot == system.boot_id()? && system.uptime()? >= self.uptime;
        Ok(if now >= self.until || has_ended {
            Some(Trouble::HasEnded)
        } else if now < self.made {
            Some(Trouble::ClockIsBehind)
        } else {
            None
        })
    }
}

/// Why a code is not valid now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    HasEnded,
    ClockIsBehind,
}

impl Trouble {
    fn text(self) -> String {
        let text = match self {
            Self::HasEnded => "the bypass code has ended",
            Self::ClockIsBehind => "the clock is behind the time at which the bypass code was made",
        };
        text.to_owned()
    }
}

/// A bypass code that was valid, and is used up. Only [`use_up`] makes it.
#[derive(Debug)]
pub struct UsedUp {
    /// Why the code was made.
    reason: String,
}

impl UsedUp {
    /// Why the code was made.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Uses up `code` of `user`, whose name must be the one in the user database. Of several logins at
/// once, one succeeds.
///
/// # Errors
///
/// There is no such code, it is not valid now, or the system cannot remove it for good.
pub fn use_up(system: &dyn System, user: &str, code: &BypassCode) -> Result<UsedUp, String> {
    let path = directory(system);
    let failed = |error: io::Error| {
        let advice = advice_about(&error);
        format!("bypass codes: {}: {error}{advice}", path.display())
    };
    let unknown = || "this user has no such bypass code".to_owned();
    let machine_id = system.machine_id().map_err(failed)?;
    let Some(directory) = PrivateDir::open(&path).map_err(failed)? else {
        return Err(unknown());
    };
    let name = code.file_name(user, &machine_id);
    let Some(entry) = read(&directory, &name).map_err(failed)? else {
        return Err(unknown());
    };
    if entry.user != user {
        return Err(unknown());
    }
    let is_valid = || match entry.trouble(system).map_err(failed)? {
        Some(trouble) => Err(trouble.text()),
        None => Ok(()),
    };
    is_valid()?;
    // Of several processes, one removes the file.
    match directory.remove(&name) {
        Ok(()) => {}
        Err(nix::errno::Errno::ENOENT) => return Err(unknown()),
        Err(error) => return Err(failed(error.into())),
    }
    // After a power failure, the file must not come back.
    directory.sync().map_err(failed)?;
    // The caller of su can have stopped this process in between.
    is_valid()?;
    Ok(UsedUp {
        reason: entry.reason,
    })
}

/// Whether `user` has a code that is valid now. If that is not known, no.
#[must_use]
pub fn has_code(system: &dyn System, user: &str) -> bool {
    let Ok((entries, _)) = entries(system) else {
        return false;
    };
    let mut entries = entries.iter().map(|(_, entry)| entry);
    entries.any(|entry| entry.user == user && matches!(entry.trouble(system), Ok(None)))
}

/// Makes a code for `user`, which is valid for `time`.
///
/// # Errors
///
/// The system cannot keep it.
pub fn make(
    system: &dyn System,
    user: &str,
    time: Duration,
    reason: &str,
) -> io::Result<(BypassCode, Entry)> {
    let made = system.now();
    let entry = Entry {
        user: user.to_owned(),
        made,
        until: made.saturating_add(time.try_into().unwrap_or_default()),
        reason: for_log(reason),
        boot: system.boot_id()?,
        uptime: system.uptime()?.saturating_add(time),
    };
    let code = BypassCode::new(system)?;
    let name = code.file_name(user, &system.machine_id()?);
    PrivateDir::create(system.directories().lib)?;
    let directory = PrivateDir::create(&directory(system))?;
    directory.write(&name, &entry.text())?;
    Ok((code, entry))
}

/// The codes that have not ended. Removes the others. Also returns the error of a file that cannot be
/// read.
///
/// # Errors
///
/// The system cannot read or remove them.
pub fn list(system: &dyn System) -> io::Result<(Vec<Entry>, Option<io::Error>)> {
    let (all, unread) = entries(system)?;
    let (mut valid, mut ended) = (Vec::new(), Vec::new());
    for (name, entry) in all {
        if entry.trouble(system)? == Some(Trouble::HasEnded) {
            ended.push(name);
        } else {
            valid.push(entry);
        }
    }
    remove(system, ended)?;
    valid.sort_by(|one, other| (&one.user, one.until).cmp(&(&other.user, other.until)));
    Ok((valid, unread))
}

/// Removes all codes of `user`. Returns how many were removed, and the error of a file that cannot be
/// read.
///
/// # Errors
///
/// The system cannot read or remove them.
pub fn revoke(system: &dyn System, user: &str) -> io::Result<(usize, Option<io::Error>)> {
    let (all, unread) = entries(system)?;
    let own = all.into_iter().filter(|(_, entry)| entry.user == user);
    let removed = remove(system, own.map(|(name, _)| name).collect())?;
    Ok((removed, unread))
}

fn directory(system: &dyn System) -> PathBuf {
    system.directories().lib.join(DIRECTORY)
}

fn remove(system: &dyn System, names: Vec<String>) -> io::Result<usize> {
    match PrivateDir::open(&directory(system))? {
        Some(directory) if !names.is_empty() => {
            let removed = directory.remove_all(names)?;
            directory.sync()?;
            Ok(removed)
        }
        _ => Ok(0),
    }
}

/// The codes with the names of their files, and the error of a file that cannot be read.
type Entries = (Vec<(String, Entry)>, Option<io::Error>);

fn entries(system: &dyn System) -> io::Result<Entries> {
    let Some(directory) = PrivateDir::open(&directory(system))? else {
        return Ok((Vec::new(), None));
    };
    let (mut found, mut unread) = (Vec::new(), None);
    for name in directory.names()? {
        // Others are not the files of codes.
        if name.len() != 64 {
            continue;
        }
        match read(&directory, &name) {
            Ok(Some(entry)) => found.push((name, entry)),
            Ok(None) => {}
            Err(error) => unread = Some(error),
        }
    }
    Ok((found, unread))
}

fn read(directory: &PrivateDir, name: &str) -> io::Result<Option<Entry>> {
    let text = directory.read(name, FILE_LIMIT)?;
    Ok(text.and_then(|text| Entry::parse(&text)))
}

#[cfg(test)]
mod tests;
