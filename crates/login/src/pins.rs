//! Pinned keys: the administrator's list of keys for an account on this host. Unless `pins` is
//! `"off"`, the module uses the account's file, if there is one, and does not request the tenant's
//! list.
//!
//! Each account has a file in the format of a key list. The directory and its files need the same
//! protection as the configuration, because write access decides who can log in.

use std::fmt;
use std::path::{Path, PathBuf};

use logonbox_authenticator::AuthorizedKeys;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::config::Pins;
use crate::config::file::TrustedDir;
use crate::outcome::{Reason, Refusal};

/// The directory of the files.
pub const DIRECTORY: &str = "/etc/security/pam_logonbox.keys";

/// The largest file, in bytes. The client accepts key lists of the same size.
pub const FILE_LIMIT: u64 = 256 << 10;

/// The longest name of a file, in bytes (`NAME_MAX`, limits.h(0P)).
const LONGEST_NAME: usize = 255;

/// Everything but letters, digits and characters that are usual in account names and harmless for
/// shells, editors and file systems.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'@')
    .remove(b'+');

/// Why the pinned keys cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinError {
    /// No file can have the name of this account.
    Account(&'static str),
    /// The file or the directory is not safe or cannot be read, or a line holds no key. The text
    /// names file and line.
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

/// The name of the file for `account`: percent-encoded (RFC 3986, section 2.1), ASCII, without a
/// slash and without a dot at its start. No two accounts share a name; [`account_of`] is the
/// inverse.
///
/// # Errors
///
/// [`PinError::Account`]: a tenant cannot be asked for this account, or the name is too long.
pub fn file_name(account: &str) -> Result<String, PinError> {
    if matches!(account, "" | "." | "..") {
        let why = "it is empty, a dot or two dots";
        return Err(PinError::Account(why));
    }
    // Hidden files are the temporary files of programs that rewrite a file.
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

/// The account whose file has this name. `None` if no account has it.
#[must_use]
pub fn account_of(name: &str) -> Option<String> {
    let account = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    // Each account has one spelling: `lee%2dx` is not the file of `lee-x`.
    file_name(&account)
        .is_ok_and(|only| only == name)
        .then_some(account)
}

/// The keys in the `text` of a file. Every line must hold a key, be empty, or begin with `#`. If a
/// bad line were skipped, a phone would not ring and the reason would be hard to find.
///
/// # Errors
///
/// The number of the first bad line, from 1, and what is wrong with it.
pub fn parse(text: &str) -> Result<AuthorizedKeys, (usize, String)> {
    // The header distinguishes a tenant's list from an error page. A local file does not need it.
    let keys = AuthorizedKeys::parse(&format!("# Authorized on this host\n{text}"))
        .map_err(|error| (1, error.to_string()))?;
    match keys.skipped().first() {
        None => Ok(keys),
        Some(skipped) => Err((skipped.line.saturating_sub(1), skipped.why.to_string())),
    }
}

/// The pinned keys of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The file.
    pub path: PathBuf,
    /// Its keys. The list may be empty.
    pub keys: AuthorizedKeys,
}

/// Reads the pinned keys of `account` in `directory`. `None` if the file or the directory is
/// missing.
///
/// # Errors
///
/// [`PinError`]: a file that exists must be usable.
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

/// The keys that replace the tenant's for `account`. `None` if the tenant's keys count.
///
/// # Errors
///
/// [`Reason::NoKey`]: keys must be pinned but are not, or no file can have this account's name.
/// [`Reason::Configuration`]: the file is not usable.
pub fn pinned(pins: Pins, directory: &Path, account: &str) -> Result<Option<Pinned>, Refusal> {
    if pins == Pins::Off {
        return Ok(None);
    }
    let pinned = read(directory, account).map_err(|error| match error {
        PinError::Account(_) => Refusal::new(Reason::NoKey, error.to_string()),
        PinError::File(_) => Refusal::new(Reason::Configuration, error.to_string()),
    })?;
    if pinned.is_none() && pins == Pins::Required {
        let name = file_name(account).unwrap_or_default();
        let detail = format!(
            "pins = \"required\", but there is no {}: run logonbox pin {account}",
            directory.join(name).display()
        );
        return Err(Refusal::new(Reason::NoKey, detail));
    }
    Ok(pinned)
}

impl Pinned {
    /// The module cannot use any of these keys.
    pub(crate) fn none_usable(&self, why: &str) -> Refusal {
        let detail = format!("no usable key is pinned in {}: {why}", self.path.display());
        Refusal::new(Reason::NoKey, detail)
    }
}

#[cfg(test)]
mod tests;
