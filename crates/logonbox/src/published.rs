//! What a tenant publishes for an account, line by line: also what the module passes over.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use logonbox_authenticator::{AuthorizedKeys, Client, Error, PublicKey};
use pam_logonbox::config::{Config, LogonBox, Mode};
use pam_logonbox::verdict::Refusal;
use sha2::{Digest, Sha256};

use crate::advice::advice;
use crate::end::Failure;
use crate::terminal::shown;

/// The key list of an account.
pub struct Published {
    /// What the module makes of it.
    pub keys: AuthorizedKeys,
    /// Every line that is no comment, in order.
    pub lines: Vec<Line>,
}

/// One line of a key list.
pub struct Line {
    /// The word that names the type of the key.
    pub kind: String,
    /// The name of the phone, or what stands in its place.
    pub comment: String,
    /// `SHA256:…`; nothing where the line holds no key.
    pub fingerprint: Option<String>,
    /// The key, or why the module has no use for it.
    pub key: Result<PublicKey, String>,
}

impl Published {
    /// Asks the tenant.
    pub fn fetch(client: &Client, account: &str) -> Result<Self, Error> {
        let text = client.listing(account)?;
        Ok(Self {
            keys: AuthorizedKeys::parse(&text)?,
            lines: lines(&text),
        })
    }
}

fn lines(text: &str) -> Vec<Line> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Line::parse)
        .collect()
}

impl Line {
    /// Why no login uses this key; nothing where one can.
    pub fn of_no_use(&self, logonbox: &LogonBox) -> Option<String> {
        match &self.key {
            Err(why) => Some(why.clone()),
            Ok(key) if !logonbox.algorithms.contains(&key.algorithm()) => {
                Some(format!("{} is not in `algorithms`", key.algorithm()))
            }
            Ok(_) => None,
        }
    }

    fn parse(line: &str) -> Self {
        if let Ok(key) = PublicKey::from_line(line) {
            return Self {
                kind: key.algorithm().to_string(),
                comment: key.comment().to_owned(),
                fingerprint: Some(key.fingerprint()),
                key: Ok(key),
            };
        }
        let why = PublicKey::from_line(line).err().map(|why| why.to_string());
        let (kind, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        let (blob, comment) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let blob = STANDARD.decode(blob).ok().filter(|blob| !blob.is_empty());
        Self {
            kind: kind.to_owned(),
            comment: comment.trim().to_owned(),
            fingerprint: blob
                .map(|blob| format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))),
            key: Err(why.unwrap_or_default()),
        }
    }
}

/// What a person calls the phone with a key of this comment.
pub fn name(comment: &str) -> String {
    match comment {
        "" => "(no name)".to_owned(),
        comment => shown(comment),
    }
}

/// Type, size and fingerprint of a key.
pub fn description(key: &PublicKey) -> String {
    let (algorithm, bits) = (key.algorithm(), key.bits());
    format!("{algorithm} {bits} bits {}", key.fingerprint())
}

/// The section about the tenant, in the mode that has one.
pub fn tenant_of(config: &Config) -> Result<&LogonBox, Failure> {
    match &config.mode {
        Mode::Push(logonbox) => Ok(logonbox),
        Mode::Airlock(_) => Err(Failure::new(
            "mode = \"airlock\": there are no keys. Airlock IAM knows the devices of its users, and \
             checks what they say; see them there.",
        )),
    }
}

/// Why there is no key list, and what to do about it.
pub fn unavailable(account: &str, error: Error) -> Failure {
    let refusal = Refusal::from(error);
    let (account, reason) = (shown(account), shown(&refusal.reason));
    let advice = advice(refusal.word.as_str()).unwrap_or_default();
    Failure::new(format!("{account}: {reason}\n{advice}"))
}
