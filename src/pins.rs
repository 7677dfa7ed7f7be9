//! Pinned keys: those that the administrator has written down on this host. Where an account has
//! some, what the tenant publishes does not count, and is not asked for.
//!
//! A file for each account, in the format of a key list. The directory is read with the same care as
//! the configuration: whoever can write there decides who gets in.

use std::fmt;
use std::path::{Path, PathBuf};

use logonbox_authenticator::AuthorizedKeys;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::config::Pins;
use crate::config::file::TrustedDir;
use crate::verdict::{Refusal, Word};

/// Where the files are.
pub const DIRECTORY: &str = "/etc/security/pam_logonbox.keys";

/// The largest file, in bytes: as large as the largest list that a tenant may publish.
pub const FILE_LIMIT: u64 = 256 << 10;

/// The longest name of a file, in bytes (`NAME_MAX`, limits.h(0P)).
const LONGEST_NAME: usize = 255;

/// All but what is usual in account names, and no shell, editor or file system takes for something
/// else. No upper case: the file systems that hold /etc tell it from lower case.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'@')
    .remove(b'+');

/// Why there are no pinned keys to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinError {
    /// No file can have the name of this account.
    Account(&'static str),
    /// The file or the directory is not safe, cannot be read, or holds what is no key. The text
    /// names it, and the line.
    File(String),
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(why) => write!(f, "no keys can be pinned for this account: {why}"),
            Self::File(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for PinError {}

/// The name of the file for `account`, percent-encoded (RFC 3986, section 2.1), so that no two
/// accounts share one: [`account_of`] turns it back. None begins with a dot, is a path, or is
/// anything but ASCII.
///
/// # Errors
///
/// [`PinError::Account`]: no tenant can be asked for it, or the name would be too long.
pub fn file_name(account: &str) -> Result<String, PinError> {
    if matches!(account, "" | "." | "..") {
        let why = "it is empty, a dot or two dots";
        return Err(PinError::Account(why));
    }
    // Hidden files are for those who write them anew.
    let (dot, rest) = match account.strip_prefix('.') {
        Some(rest) => ("%2E", rest),
        None => ("", account),
    };
    let name = format!("{dot}{}", utf8_percent_encode(rest, ENCODED));
    if name.len() > LONGEST_NAME {
        let why = "its name, percent-encoded, has more than 255 bytes";
        return Err(PinError::Account(why));
    }
    Ok(name)
}

/// The account whose file has this name; nothing where that is no account's.
#[must_use]
pub fn account_of(name: &str) -> Option<String> {
    let account = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    // The only spelling: `lee%2dx` is no file of `lee-x`.
    file_name(&account)
        .is_ok_and(|only| only == name)
        .then_some(account)
}

/// The keys in the `text` of a file. Every line must hold one, be empty, or begin with `#`: a line
/// that is passed over would be a phone that does not ring, and nobody knows why.
///
/// # Errors
///
/// The first line that holds something else, counted from 1, and what is wrong with it.
pub fn parse(text: &str) -> Result<AuthorizedKeys, (usize, String)> {
    // What tells a key list from an error page need not stand in a file that root has written.
    let keys = AuthorizedKeys::parse(&format!("# Authorized on this host\n{text}"))
        .map_err(|error| (1, error.to_string()))?;
    match keys.skipped().first() {
        None => Ok(keys),
        Some(skipped) => Err((skipped.line.saturating_sub(1), skipped.why.to_string())),
    }
}

/// What is pinned for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The file.
    pub path: PathBuf,
    /// What is in it, possibly nothing.
    pub keys: AuthorizedKeys,
}

/// The keys that are pinned for `account` in `directory`; nothing where there is no file for it, or
/// no such directory.
///
/// # Errors
///
/// [`PinError`], for everything else: a file that is there counts, or refuses.
pub fn read(directory: &Path, account: &str) -> Result<Option<Pinned>, PinError> {
    let name = file_name(account)?;
    let path = directory.join(&name);
    let wrong = |path: &Path, what: &str| PinError::File(format!("{}{what}", path.display()));
    let about = |path: &Path, what: String| wrong(path, &format!(": {what}"));
    let opened = TrustedDir::open(directory).map_err(|what| about(directory, what))?;
    let read = opened.map(|opened| opened.read(&name, FILE_LIMIT));
    let read = read.transpose().map_err(|what| about(&path, what))?;
    let Some(bytes) = read.flatten() else {
        return Ok(None);
    };
    let text = str::from_utf8(&bytes).map_err(|_| wrong(&path, ": is not UTF-8 text"))?;
    let keys =
        parse(text).map_err(|(line, what)| wrong(&path, &format!(" line {line}: {what}")))?;
    Ok(Some(Pinned { path, keys }))
}

/// What counts for `account` in place of what the tenant publishes; nothing where that does.
///
/// # Errors
///
/// [`Word::NoKey`] where keys must be pinned and are not, [`Word::Configuration`] where what is
/// pinned cannot be relied on.
pub fn counting(pins: Pins, directory: &Path, account: &str) -> Result<Option<Pinned>, Refusal> {
    if pins == Pins::Off {
        return Ok(None);
    }
    let pinned = read(directory, account).map_err(|error| match error {
        PinError::Account(_) => Refusal::new(Word::NoKey, error.to_string()),
        PinError::File(_) => Refusal::new(Word::Configuration, error.to_string()),
    })?;
    if pinned.is_none() && pins == Pins::Required {
        let name = file_name(account).unwrap_or_default();
        let reason = format!(
            "pins = \"required\", but there is no {}: run logonbox pin {account}",
            directory.join(name).display()
        );
        return Err(Refusal::new(Word::NoKey, reason));
    }
    Ok(pinned)
}

impl Pinned {
    /// None of these keys will do.
    pub(crate) fn none_usable(&self, why: &str) -> Refusal {
        let reason = format!("no usable key is pinned in {}: {why}", self.path.display());
        Refusal::new(Word::NoKey, reason)
    }
}

#[cfg(test)]
mod tests;
