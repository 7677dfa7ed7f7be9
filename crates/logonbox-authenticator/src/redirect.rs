//! The server redirect: a person's browser is sent to the tenant, which asks the phone, and sends
//! the browser back with the signature.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bounded_https::Authority as TenantAddress;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::key::PublicKey;
use crate::request::{Approval, Response, SignRequest, Wording};
use crate::secret::{Payload, SavedRequest, Signature};
use crate::source::RandomSource;
use crate::text::Texts;
use crate::wire::{BASE64URL, Malformed, Reader, put_string};

/// What the tenant replaces in the URL that it sends the browser back to.
pub const RESPONSE_PLACEHOLDER: &str = "{response}";

/// How long a request can be answered, unless another time is chosen.
pub const DEFAULT_REDIRECT_TIME: Duration = Duration::from_secs(300);

/// The longest response that is looked at, in characters: one with the signature of the largest
/// key has some 1600.
const LONGEST_RESPONSE: usize = 16 << 10;
/// The longest [`RedirectRequest::save`]d request that is looked at, in characters.
const LONGEST_SAVED: usize = 64 << 10;
/// What a saved request begins with.
const SAVED: &[u8] = b"logonbox-redirect-1";

/// The first half of a redirect: what [`Client::redirect`](crate::Client::redirect) makes.
#[non_exhaustive]
#[must_use = "the browser is sent nowhere by itself"]
pub struct Redirect {
    /// Where to send the browser: `https://TENANT/authenticator/sign/...`, some 700 characters. It
    /// holds what the phone signs, so it is for this browser alone, and for no log.
    pub url: String,
    /// What to keep until the browser comes back.
    pub request: RedirectRequest,
}

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirect")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// A request that a browser carries to the tenant, and what is needed to judge the response.
///
/// It is good for one response, which uses it up, and for a time.
pub struct RedirectRequest {
    principal: String,
    key: PublicKey,
    /// What the phone signs.
    blob: Payload,
    /// Seconds since 1970.
    expires: u64,
}

impl RedirectRequest {
    /// Makes a request of these parts, byte for byte as the published Java client does.
    pub(crate) fn new(
        principal: &str,
        key: &PublicKey,
        texts: &Texts,
        redirect_url: &str,
        random: &dyn RandomSource,
        expires: u64,
    ) -> Result<Self, Error> {
        check(redirect_url).map_err(|what| {
            let what = format!("the redirect URL {redirect_url:?} {what}");
            Error::new(ErrorKind::InvalidInput, what)
        })?;
        let mut before = Zeroizing::new([0; 4]);
        let mut after = Zeroizing::new([0; 16]);
        random.fill(&mut *before)?;
        random.fill(&mut *after)?;
        let words = [
            principal,
            &key.fingerprint(),
            &texts.remote_name,
            // With its placeholders: the tenant replaces them.
            &texts.prompt,
            &texts.authorize,
        ];
        // In one piece: growing would leave copies behind that are not wiped. What is not words takes
        // 48 bytes.
        let room = words.iter().fold(redirect_url.len(), |room, word| {
            room.saturating_add(word.len())
        });
        let mut blob = Vec::with_capacity(room.saturating_add(64));
        for word in words {
            put_string(&mut blob, word.as_bytes());
        }
        blob.extend(key.algorithm().flags().to_be_bytes());
        blob.extend(*before);
        put_string(&mut blob, redirect_url.as_bytes());
        blob.extend(*after);
        Ok(Self {
            principal: principal.to_owned(),
            key: key.clone(),
            blob: blob.into(),
            expires,
        })
    }

    /// The URL to send the browser to, at `tenant`.
    pub(crate) fn url(&self, tenant: &TenantAddress) -> String {
        let blob = URL_SAFE.encode(&self.blob);
        format!("https://{tenant}/authenticator/sign/{blob}")
    }

    /// Whose phone is asked.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// The key whose phone is asked.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// When it stops being good.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        let since = Duration::from_secs(self.expires);
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }

    /// The request as text, to be kept until the browser comes back: some 600 characters, or 1500
    /// with a large RSA key.
    ///
    /// Whoever can change it chooses the key that a signature is verified with. So keep it on the
    /// server, in the session of this browser, or in a cookie that is signed and encrypted; and
    /// take it out of there **before** [`finish`](Self::finish), so that it is good for one
    /// response.
    #[must_use]
    pub fn save(&self) -> SavedRequest {
        let mut saved = Zeroizing::new(SAVED.to_vec());
        saved.extend(self.expires.to_be_bytes());
        put_string(&mut saved, self.key.blob());
        put_string(&mut saved, self.key.comment().as_bytes());
        put_string(&mut saved, self.blob.as_bytes());
        SavedRequest::new(BASE64URL.encode(&*saved))
    }

    /// A request that was [`save`](Self::save)d.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`], when it is none.
    pub fn restore(saved: &str) -> Result<Self, Error> {
        let bad = |why: &str| {
            let what = format!("not a saved request: {why}");
            Error::new(ErrorKind::InvalidInput, what)
        };
        let saved = decode(saved, LONGEST_SAVED).map_err(bad)?;
        let rest = saved
            .strip_prefix(SAVED)
            .ok_or_else(|| bad("not of this kind"))?;
        let (expires, rest) = rest.split_first_chunk().ok_or_else(|| bad("too short"))?;
        let mut reader = Reader::new(rest);
        let mut next = || reader.string().map_err(|Malformed(why)| bad(why));
        let (key, comment, blob) = (next()?, next()?, next()?);
        reader.end().map_err(|Malformed(why)| bad(why))?;
        let comment = str::from_utf8(comment).map_err(|_| bad("its comment is not UTF-8"))?;
        let principal = Reader::new(blob)
            .string()
            .map_err(|Malformed(why)| bad(why))?;
        let principal = str::from_utf8(principal).map_err(|_| bad("its user is not UTF-8"))?;
        Ok(Self {
            principal: principal.to_owned(),
            key: PublicKey::from_blob(key.to_vec(), comment)
                .map_err(|why| bad(&why.to_string()))?,
            blob: blob.to_vec().into(),
            expires: u64::from_be_bytes(*expires),
        })
    }

    /// Judges what came back in place of `{response}`, and uses the request up.
    ///
    /// Stricter than the published clients, which believe the user, the key and the hash that the
    /// response names: here all three must be those that were asked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Declined`] when the person declined; [`ErrorKind::Expired`] after
    /// [`expires`](Self::expires); [`ErrorKind::Mismatch`] when the response is for another
    /// request; [`ErrorKind::NotUnderstood`] or [`ErrorKind::BadSignature`].
    #[expect(clippy::disallowed_methods, reason = "the time of a web application")]
    pub fn finish(self, response: &str) -> Result<Approval, Error> {
        self.finish_at(response, SystemTime::now())
    }

    /// The same, at another time.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub fn finish_at(self, response: &str, now: SystemTime) -> Result<Approval, Error> {
        // A clock before 1970 is wrong, and lets nothing be judged.
        let now = now
            .duration_since(UNIX_EPOCH)
            .map_or(u64::MAX, |since| since.as_secs());
        if now >= self.expires {
            return Err(failed(ErrorKind::Expired, ""));
        }
        let malformed = |why: &str| failed(ErrorKind::NotUnderstood, why);
        let blob = decode(response, LONGEST_RESPONSE).map_err(malformed)?;
        let answer = Answer::read(&blob).map_err(|Malformed(why)| malformed(why))?;
        let (username, fingerprint, flags, signature) = match answer {
            Answer::Declined(reason) => {
                return Err(failed(
                    ErrorKind::Declined,
                    &String::from_utf8_lossy(reason),
                ));
            }
            Answer::Signed {
                username,
                fingerprint,
                flags,
                signature,
            } => (username, fingerprint, flags, signature),
        };
        for (what, same) in [
            ("user", username == self.principal.as_bytes()),
            ("key", fingerprint == self.key.fingerprint().as_bytes()),
            ("kind of signature", flags == self.key.algorithm().flags()),
        ] {
            if !same {
                return Err(failed(ErrorKind::Mismatch, &format!("another {what}")));
            }
        }
        // The signature is over the request: its words are of no more use.
        let asked = Wording {
            remote_name: String::new(),
            question: String::new(),
            authorize: String::new(),
        };
        let request = SignRequest::new(&self.principal, &self.key, asked, self.blob);
        Response::new(request, Signature::from(signature.to_vec())).verify()
    }
}

impl fmt::Debug for RedirectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedirectRequest")
            .field("principal", &self.principal)
            .field("key", &self.key)
            .field("expires", &self.expires())
            .finish_non_exhaustive()
    }
}

/// A browser must find from the tenant to there: so it is absolute, and its host is not the
/// tenant's to fill in. The scheme may be that of an app (RFC 3986, section 3.1).
fn check(redirect_url: &str) -> Result<(), &'static str> {
    let absolute = redirect_url.split_once("://").filter(|(scheme, _)| {
        let mut signs = scheme.bytes();
        signs.next().is_some_and(|sign| sign.is_ascii_alphabetic())
            && signs.all(|sign| sign.is_ascii_alphanumeric() || b"+-.".contains(&sign))
    });
    let (_, rest) = absolute.ok_or("is not absolute: it must begin like https://wiki.acme.com/")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains(RESPONSE_PLACEHOLDER) {
        return Err("names no host");
    }
    if !redirect_url.bytes().all(|sign| sign.is_ascii_graphic()) {
        return Err("has characters that a URL cannot have: encode them");
    }
    match redirect_url.matches(RESPONSE_PLACEHOLDER).count() {
        1 => Ok(()),
        _ => Err("must hold {response} once"),
    }
}

/// What the tenant sends back.
enum Answer<'a> {
    Signed {
        username: &'a [u8],
        fingerprint: &'a [u8],
        flags: u32,
        signature: &'a [u8],
    },
    Declined(&'a [u8]),
}

impl<'a> Answer<'a> {
    fn read(blob: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(blob);
        let answer = if reader.boolean()? {
            Self::Signed {
                username: reader.string()?,
                fingerprint: reader.string()?,
                flags: reader.uint32()?,
                signature: reader.string()?,
            }
        } else {
            Self::Declined(reader.string()?)
        };
        reader.end()?;
        Ok(answer)
    }
}

fn decode(text: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    if text.len() > limit {
        return Err("too long");
    }
    BASE64URL
        .decode(text)
        .map(Zeroizing::new)
        .map_err(|_| "not base64url")
}

/// The person may have been asked, whatever came back.
fn failed(kind: ErrorKind, detail: &str) -> Error {
    Error::new(kind, detail).after_sending()
}
