//! The key list that a tenant publishes for an account, with the lines that the module skips.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use login::config::{Config, LogonBox, Mode};
use login::outcome::Refusal;
use logonbox_authenticator::blocking::Client;
use logonbox_authenticator::{AuthorizedKeys, Error, PublicKey, TenantAddress};
use sha2::{Digest, Sha256};

use crate::advice::advice;
use crate::end::Failure;
use crate::terminal::shown;

pub struct Published {
    /// The keys that the module can read.
    pub keys: AuthorizedKeys,
    /// All lines except comments, in order.
    pub lines: Vec<Line>,
}

pub struct Line {
    /// The word that names the type of the key.
    pub kind: String,
    /// The text after the key, usually the kind of key, such as `LogonBox Key`.
    pub comment: String,
    /// `SHA256:…`. `None` if the line contains no base64.
    pub fingerprint: Option<String>,
    /// The key, or why the module cannot read it.
    pub key: Result<PublicKey, String>,
}

impl Published {
    /// Requests the list from the tenant.
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
    /// Why no login can use this key. `None` if a login can.
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

/// The name of a key: its comment.
pub fn name(comment: &str) -> String {
    match comment {
        "" => "(no name)".to_owned(),
        comment => shown(comment),
    }
}

pub fn description(key: &PublicKey) -> String {
    let (algorithm, bits) = (key.algorithm(), key.bits());
    format!("{algorithm} {bits} bits {}", key.fingerprint())
}

/// The tenant. In Airlock mode, an error, because there is no tenant.
pub fn tenant_of(config: &Config) -> Result<&TenantAddress, Failure> {
    match &config.mode {
        Mode::Push(tenant) => Ok(tenant),
        Mode::Airlock(_) => Err(Failure::new(
            "mode = \"airlock\": there are no keys. Airlock IAM knows the devices of its users, and \
             checks what they say; see them there.",
        )),
    }
}

/// Explains why there is no key list, and how to correct it.
pub fn unavailable(account: &str, error: Error) -> Failure {
    let refusal = Refusal::from(error);
    let (account, reason) = (shown(account), shown(&refusal.detail));
    let advice = advice(refusal.reason.as_str()).unwrap_or_default();
    Failure::new(format!("{account}: {reason}\n{advice}"))
}
