//! The key list of a user, as the tenant publishes it.

use std::fmt;

use crate::key::{KeyError, PublicKey};

/// The start of every listing. An error page, for example, starts differently.
const HEADER: &str = "# Authorized";

/// The number of skipped lines that are logged. A listing can have a hundred thousand.
const LOGGED: usize = 10;
/// The number of skipped lines that are kept.
const REMEMBERED: usize = 1000;

/// A parsed authorized-keys listing: the usable keys in their order, and the skipped lines.
///
/// ```
/// use logonbox_authenticator::AuthorizedKeys;
///
/// let keys = AuthorizedKeys::parse(
///     "# Authorized Keys of lee@acme.com
/// ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrIwtSbFr9oRTZNHJfaWcHH7xYKeCRJx8O3N+7+ LogonBox Key
/// ssh-dss AAAAB3NzaC1kc3M= a phone of long ago",
/// )?;
/// assert_eq!(keys.keys()[0].comment(), "LogonBox Key");
/// assert_eq!(keys.skipped()[0].to_string(), "line 3: neither ssh-ed25519 nor ssh-rsa");
/// # Ok::<(), logonbox_authenticator::NotAKeyList>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedKeys {
    keys: Vec<PublicKey>,
    skipped: Vec<Skipped>,
}

/// A line that holds no usable key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Skipped {
    /// The line in the listing, counted from 1.
    pub line: usize,
    /// The reason why the key cannot be used.
    pub why: KeyError,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// The text is not an authorized-keys listing: its first line does not start with `# Authorized`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NotAKeyList;

impl fmt::Display for NotAKeyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a key list: it does not start with `{HEADER}`")
    }
}

impl std::error::Error for NotAKeyList {}

impl AuthorizedKeys {
    /// Parses a listing. The first line starts with `# Authorized`. The others are in the format of
    /// OpenSSH without options (sshd(8), `AUTHORIZED_KEYS FILE FORMAT`), and may end in CRLF. Blank
    /// lines and comments are ignored. Lines without a usable key are skipped and kept in
    /// [`skipped`](Self::skipped).
    ///
    /// # Errors
    ///
    /// [`NotAKeyList`] if the first line is not the header of a listing.
    pub fn parse(listing: &str) -> Result<Self, NotAKeyList> {
        if !listing.starts_with(HEADER) {
            return Err(NotAKeyList);
        }
        let mut parsed = Self {
            keys: Vec::new(),
            skipped: Vec::new(),
        };
        for (line, text) in (1..).zip(listing.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            match PublicKey::from_line(text) {
                Ok(key) => parsed.keys.push(key),
                Err(why) => {
                    let skipped = Skipped { line, why };
                    if parsed.skipped.len() < LOGGED {
                        log::debug!("key list: {skipped}");
                    }
                    if parsed.skipped.len() < REMEMBERED {
                        parsed.skipped.push(skipped);
                    }
                }
            }
        }
        Ok(parsed)
    }

    /// The usable keys, in the order of the listing.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The lines without a usable key, at most the first thousand.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The key with this fingerprint (`SHA256:…`).
    #[must_use]
    pub fn by_fingerprint(&self, fingerprint: &str) -> Option<&PublicKey> {
        self.keys
            .iter()
            .find(|key| key.fingerprint() == fingerprint)
    }
}
