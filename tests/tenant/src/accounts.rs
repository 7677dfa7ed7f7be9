//! The accounts and their phones: the built-in scenarios, or an account file.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use toml::Spanned;

use crate::keys::{KeyPair, KeyType, PublicKey};
use crate::scenario::{Comeback, Listing, Reaction};

/// The comments of the keys that a phone publishes. They name the kind of key, not the phone.
const LOGONBOX_KEY: &str = "LogonBox Key";
const LEGACY_RSA: &str = "Legacy RSA";

/// The most phones of an account that a client defines. Each can need an RSA key, and the first use
/// of such a key takes time.
const MOST_PHONES: usize = 16;

/// A phone and its keys. A request that names any of the keys rings the phone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "PhoneEntry")]
pub struct Phone {
    /// The name on the tenant's page and in its log. The key list does not contain it.
    pub name: String,
    /// The keys, in the order of the key list.
    pub keys: Vec<PhoneKey>,
    /// Whether the keys are in the key list. The phone answers even if they are not.
    pub published: bool,
}

/// A key of a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneKey {
    /// The type of the key.
    pub kind: KeyType,
    /// The comment in the key list.
    pub comment: String,
}

impl PhoneKey {
    fn new(kind: KeyType, comment: impl Into<String>) -> Self {
        Self {
            kind,
            comment: comment.into(),
        }
    }
}

impl Phone {
    /// A phone as a tenant enrols it: it publishes an Ed25519 key, `LogonBox Key`, and an RSA key
    /// of 3072 bits, `Legacy RSA`.
    #[must_use]
    pub fn credential(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            keys: vec![
                PhoneKey::new(KeyType::Ed25519, LOGONBOX_KEY),
                PhoneKey::new(KeyType::Rsa3072, LEGACY_RSA),
            ],
            published: true,
        }
    }

    /// A phone with a single key, whose comment is the phone's name.
    #[must_use]
    pub fn new(name: impl Into<String>, key: KeyType) -> Self {
        let name = name.into();
        Self {
            keys: vec![PhoneKey::new(key, name.clone())],
            name,
            published: true,
        }
    }

    /// A phone whose keys are not published.
    #[must_use]
    pub fn unpublished(mut self) -> Self {
        self.published = false;
        self
    }
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account name at the tenant.
    pub name: String,
    /// The phones, in the order of the key list.
    pub phones: Vec<Phone>,
    /// What the phones do with a sign request.
    pub reaction: Reaction,
    /// How long the user takes to answer.
    pub think: Duration,
    /// How the key list is served.
    pub listing: Listing,
    /// The callback that a browser takes back from a redirect.
    pub redirect: Comeback,
    /// The account whose phones these are, if they are not the account's own.
    pub phones_of: Option<String>,
}

impl Account {
    /// An account with one phone, which publishes two keys and signs at once.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            phones: vec![Phone::credential("Pixel 8")],
            reaction: Reaction::Approve,
            think: Duration::ZERO,
            listing: Listing::Normal,
            redirect: Comeback::Normal,
            phones_of: None,
        }
    }

    /// Sets the phones.
    #[must_use]
    pub fn phones(mut self, phones: impl IntoIterator<Item = Phone>) -> Self {
        self.phones = phones.into_iter().collect();
        self
    }

    /// Sets the behaviour of the phones.
    #[must_use]
    pub fn reaction(mut self, reaction: Reaction) -> Self {
        self.reaction = reaction;
        self
    }

    /// Sets how long the user takes.
    #[must_use]
    pub fn think(mut self, think: Duration) -> Self {
        self.think = think;
        self
    }

    /// Sets how the key list is served.
    #[must_use]
    pub fn listing(mut self, listing: Listing) -> Self {
        self.listing = listing;
        self
    }

    /// Sets how browsers are sent back.
    #[must_use]
    pub fn redirect(mut self, redirect: Comeback) -> Self {
        self.redirect = redirect;
        self
    }

    /// The published keys, in the order of the list.
    #[must_use]
    pub fn public_keys(&self) -> Vec<PublicKey> {
        let mut keys = self.keys();
        keys.retain(|key| key.phone.published);
        keys.into_iter().map(Key::public).collect()
    }

    /// The keys of all phones, whether published or not.
    #[must_use]
    pub fn all_keys(&self) -> Vec<PublicKey> {
        self.keys().into_iter().map(Key::public).collect()
    }

    /// The phone with this key, and the key.
    pub(crate) fn phone_with(&self, fingerprint: &str) -> Option<(Phone, KeyPair)> {
        let mut keys = self.keys().into_iter();
        let key = keys.find(|key| key.pair.fingerprint() == fingerprint)?;
        Some((key.phone, key.pair))
    }

    /// Another key of the account with the algorithm of `key`. If there is none, a stranger's.
    pub(crate) fn other_key(&self, key: &KeyPair) -> KeyPair {
        let other = self
            .keys()
            .into_iter()
            .map(|other| other.pair)
            .find(|other| other.algorithm() == key.algorithm() && other.blob() != key.blob());
        other.unwrap_or_else(|| key.stranger())
    }

    fn keys(&self) -> Vec<Key> {
        let phones = match self.listing {
            Listing::Rsa1024 => vec![Phone::new("Very old phone", KeyType::Rsa1024)],
            Listing::WeakEd25519 => vec![Phone::new("Forger's phone", KeyType::WeakEd25519)],
            _ => self.phones.clone(),
        };
        let owner = self.phones_of.as_ref().unwrap_or(&self.name);
        let mut so_far = [0; 5];
        let mut pair_of = |kind: KeyType| {
            let nth = &mut so_far[kind as usize];
            *nth += 1;
            KeyPair::of_phone(owner, *nth - 1, kind)
        };
        let mut keys = Vec::new();
        for phone in phones {
            for key in &phone.keys {
                keys.push(Key {
                    phone: phone.clone(),
                    comment: key.comment.clone(),
                    pair: pair_of(key.kind),
                });
            }
        }
        keys
    }
}

/// A key, and the phone that holds it.
struct Key {
    phone: Phone,
    comment: String,
    pair: KeyPair,
}

impl Key {
    fn public(self) -> PublicKey {
        PublicKey {
            algorithm: self.pair.algorithm(),
            blob: self.pair.blob(),
            comment: self.comment,
        }
    }
}

/// Goes before the name of an account to name another account with the same phones.
const OTHER: &str = "other.";

/// The name of another account that has the phones of `account`.
pub(crate) fn other_user(account: &str) -> String {
    format!("{OTHER}{account}")
}

/// All accounts of a tenant.
#[derive(Clone, Debug)]
pub struct Accounts(Source);

#[derive(Clone, Debug)]
enum Source {
    Scenarios { think: Duration },
    Listed(HashMap<String, Account>),
}

impl Default for Accounts {
    fn default() -> Self {
        Self::scenarios(Duration::ZERO)
    }
}

impl FromIterator<Account> for Accounts {
    fn from_iter<I: IntoIterator<Item = Account>>(accounts: I) -> Self {
        Self(Source::Listed(
            accounts
                .into_iter()
                .map(|account| (account.name.clone(), account))
                .collect(),
        ))
    }
}

impl Accounts {
    /// The built-in accounts. The parts of a name, separated by dots, select the behaviour. Any
    /// domain may follow: `decline.rsa.keys-crlf@acme.example` has an RSA phone that declines, and
    /// a key list with CR LF.
    #[must_use]
    pub fn scenarios(think: Duration) -> Self {
        Self(Source::Scenarios { think })
    }

    /// Reads an account file.
    ///
    /// # Errors
    /// When the file cannot be read or understood. The error names file and line.
    pub fn from_file(path: &Path) -> Result<Self, AccountsError> {
        let fail = |what: String| AccountsError(format!("{}: {}", path.display(), what.trim_end()));
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let file: File = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
        let mut accounts = HashMap::new();
        for entry in file.account {
            let line = text[..entry.name.span().start].matches('\n').count() + 1;
            let account = entry.account(Spanned::into_inner);
            if let Some(twice) = accounts.insert(Account::clone(&account).name, account) {
                return Err(fail(format!(
                    "line {line}: the account `{}` is there twice",
                    twice.name
                )));
            }
        }
        Ok(Self(Source::Listed(accounts)))
    }

    /// The account of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Account> {
        let account = match &self.0 {
            Source::Scenarios { think } => scenario(name).map(|account| account.think(*think)),
            Source::Listed(accounts) => accounts.get(name).cloned(),
        };
        account.or_else(|| self.other_user(name))
    }

    /// The account that a redirect names in place of the right one. It exists and has the same
    /// phones, so that a client finds the key and the signature there.
    fn other_user(&self, name: &str) -> Option<Account> {
        let right = self.find(name.strip_prefix(OTHER)?)?;
        (right.redirect == Comeback::OtherUser).then(|| Account {
            name: name.to_owned(),
            redirect: Comeback::Normal,
            phones_of: Some(right.name),
            ..right
        })
    }

    /// The names, sorted. Of the built-in accounts, only those with one part.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match &self.0 {
            Source::Scenarios { .. } => {
                let lists = Listing::ALL.iter().map(|listing| format!("keys-{listing}"));
                let redirects = Comeback::ALL.iter().map(|one| format!("redirect-{one}"));
                Reaction::ALL
                    .iter()
                    .map(ToString::to_string)
                    .chain(lists)
                    .chain(redirects)
                    .collect()
            }
            Source::Listed(accounts) => {
                let mut names: Vec<_> = accounts.keys().cloned().collect();
                names.sort();
                names
            }
        }
    }
}

fn scenario(name: &str) -> Option<Account> {
    let (parts, _domain) = name.split_once('@').unwrap_or((name, ""));
    let mut reaction = None;
    let mut listing = None;
    let mut redirect = None;
    let mut phones = Vec::new();
    for part in parts.split('.') {
        match part {
            "ed25519" => phones.push(Phone::new("Pixel 8", KeyType::Ed25519)),
            "rsa" => phones.push(Phone::new("Old phone", KeyType::Rsa)),
            _ => {
                if let Some(part) = part.strip_prefix("keys-") {
                    once(&mut listing, part)?;
                } else if let Some(part) = part.strip_prefix("redirect-") {
                    once(&mut redirect, part)?;
                } else {
                    once(&mut reaction, part)?;
                }
            }
        }
    }
    let mut account = Account::new(name);
    account.reaction = reaction.unwrap_or(account.reaction);
    account.listing = listing.unwrap_or(account.listing);
    account.redirect = redirect.unwrap_or(account.redirect);
    let for_rsa = account.reaction == Reaction::Sha1 || account.redirect == Comeback::LowerFlags;
    if phones.is_empty() && for_rsa {
        // Clients prefer Ed25519, which has only one hash.
        phones.push(Phone::new("Old phone", KeyType::Rsa));
    }
    if !phones.is_empty() {
        account.phones = phones;
    }
    if account.redirect == Comeback::OtherKey {
        // The key that comes back is published, too.
        let more = account.phones.clone().into_iter().map(|phone| Phone {
            name: format!("Another {}", phone.name),
            ..phone
        });
        account.phones.extend(more);
    }
    Some(account)
}

/// Parses a part of a name. A name may have one part of each kind.
fn once<T: FromStr>(place: &mut Option<T>, name: &str) -> Option<()> {
    if place.is_some() {
        return None;
    }
    *place = Some(name.parse().ok()?);
    Some(())
}

/// An account file that cannot be read or understood.
#[derive(Debug)]
pub struct AccountsError(String);

impl fmt::Display for AccountsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AccountsError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    account: Vec<Entry<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<Name> {
    name: Name,
    phones: Option<Vec<Phone>>,
    phone: Option<Reaction>,
    #[serde(default, deserialize_with = "seconds")]
    seconds: Duration,
    list: Option<Listing>,
    redirect: Option<Comeback>,
}

impl<Name> Entry<Name> {
    fn account(self, name: impl FnOnce(Name) -> String) -> Account {
        let entry = self;
        let mut account = Account::new(name(entry.name)).think(entry.seconds);
        account.phones = entry.phones.unwrap_or(account.phones);
        account.reaction = entry.phone.unwrap_or(account.reaction);
        account.listing = entry.list.unwrap_or(account.listing);
        account.redirect = entry.redirect.unwrap_or(account.redirect);
        account
    }
}

impl Account {
    /// Reads an account as in an account file, but from JSON.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, String> {
        let entry: Entry<String> =
            serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let account = entry.account(std::convert::identity);
        if account.phones.len() > MOST_PHONES {
            return Err(format!("an account has at most {MOST_PHONES} phones"));
        }
        Ok(account)
    }
}

/// A phone in an account file. Without `key`, it has the keys of [`Phone::credential`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhoneEntry {
    #[serde(deserialize_with = "one_line")]
    name: String,
    key: Option<KeyType>,
    #[serde(default = "yes")]
    published: bool,
}

impl From<PhoneEntry> for Phone {
    fn from(entry: PhoneEntry) -> Self {
        let phone = match entry.key {
            Some(key) => Self::new(entry.name, key),
            None => Self::credential(entry.name),
        };
        Self {
            published: entry.published,
            ..phone
        }
    }
}

fn yes() -> bool {
    true
}

fn one_line<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    if name.contains(char::is_control) {
        return Err(D::Error::custom(
            "a phone's name is one line without control characters",
        ));
    }
    Ok(name)
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(from)?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| D::Error::custom("a person takes zero seconds or more"))
}
