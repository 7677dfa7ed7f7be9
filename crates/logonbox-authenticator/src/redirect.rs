//! The server redirect: the user's browser goes to the tenant, the tenant asks the phone, and the
//! browser comes back with the signature.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bounded_https::Authority as TenantAddress;
use zeroize::Zeroizing;

use crate::answer::unsigned;
use crate::error::{Error, ErrorKind};
use crate::key::PublicKey;
use crate::request::{Approval, Response, SignRequest, Wording};
use crate::secret::{Payload, SavedRequest, Signature};
use crate::source::RandomSource;
use crate::text::Texts;
use crate::wire::{BASE64URL, Malformed, Reader, put_string};

/// The placeholder in the redirect URL. The tenant replaces it with the response.
pub const RESPONSE_PLACEHOLDER: &str = "{response}";

/// The default time in which a request is valid.
pub const DEFAULT_REDIRECT_TIME: Duration = Duration::from_secs(300);

/// The longest accepted response, in characters. One of the largest key has about 1600.
const LONGEST_RESPONSE: usize = 16 << 10;
/// The longest accepted [saved](RedirectRequest::save) request, in characters.
const LONGEST_SAVED: usize = 64 << 10;
/// The start of a saved request.
const SAVED: &[u8] = b"logonbox-redirect-1";

/// The first half of a redirect, made by [`Client::redirect`](crate::Client::redirect).
#[non_exhaustive]
#[must_use = "the browser is sent nowhere by itself"]
pub struct Redirect {
    /// The URL for the browser: `https://TENANT/authenticator/sign/...`, about 700 characters. It
    /// holds the bytes that the phone signs, so send it only to this browser, and do not log it.
    pub url: String,
    /// The request. Keep it until the browser comes back.
    pub request: RedirectRequest,
}

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirect")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// A request that a browser carries to the tenant, with all that is needed to check the response.
///
/// It is valid for one response and for some time.
pub struct RedirectRequest {
    principal: String,
    key: PublicKey,
    /// The bytes that the phone signs.
    blob: Payload,
    /// Seconds since 1970.
    expires: u64,
}

impl RedirectRequest {
    /// Makes a request of these parts, with the same bytes as the vendor's Java client.
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
            // The tenant replaces the placeholders in it, by their names in the Java client.
            &texts.prompt.replace("{principal}", "{username}"),
            &texts.authorize,
        ];
        // Allocated at full size, because growing would leave copies behind that are not wiped. All
        // but the words takes 48 bytes.
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

    /// The user whose phone is asked.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// The key that must sign.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The time at which it expires.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        let since = Duration::from_secs(self.expires);
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }

    /// The request as text: about 600 characters, or 1500 with a large RSA key. Keep it until the
    /// browser comes back.
    ///
    /// Anyone who can change it can choose the key that verifies the signature. Keep it on the
    /// server, in the session of this browser, or in a signed and encrypted cookie. Remove it
    /// **before** [`finish`](Self::finish), so that it is valid for one response.
    #[must_use]
    pub fn save(&self) -> SavedRequest {
        let mut saved = Zeroizing::new(SAVED.to_vec());
        saved.extend(self.expires.to_be_bytes());
        put_string(&mut saved, self.key.blob());
        put_string(&mut saved, self.key.comment().as_bytes());
        put_string(&mut saved, self.blob.as_bytes());
        SavedRequest::new(BASE64URL.encode(&*saved))
    }

    /// Restores a [saved](Self::save) request.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if the text is not a saved request.
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

    /// Checks the text that came back in place of `{response}`.
    ///
    /// The user, the key and the kind of signature must be those of the request. The vendor's
    /// clients trust the ones in the response.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Declined`] if the user declined, [`ErrorKind::Refused`] if the tenant gives
    /// another reason, [`ErrorKind::Expired`] after [`expires`](Self::expires),
    /// [`ErrorKind::Mismatch`] if the response belongs to another request,
    /// [`ErrorKind::NotUnderstood`], or [`ErrorKind::BadSignature`].
    #[expect(clippy::disallowed_methods, reason = "the time of a web application")]
    pub fn finish(self, response: &str) -> Result<Approval, Error> {
        self.finish_at(response, SystemTime::now())
    }

    /// The same, with another time as the current one.
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish).
    pub fn finish_at(self, response: &str, now: SystemTime) -> Result<Approval, Error> {
        // A clock before 1970 is wrong, so every request counts as expired.
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
            Answer::Unsigned(reason) => return Err(unsigned(reason).after_sending()),
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
        // The signature covers the whole request, so the wording is no longer needed.
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

/// Checks that the browser can find its way back: the URL is absolute, and the tenant cannot choose
/// its host. The scheme may belong to an app (RFC 3986, section 3.1).
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

/// The answer of the tenant.
enum Answer<'a> {
    Signed {
        username: &'a [u8],
        fingerprint: &'a [u8],
        flags: u32,
        signature: &'a [u8],
    },
    /// The reason why there is no signature.
    Unsigned(&'a [u8]),
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
            Self::Unsigned(reader.string()?)
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

/// The error of an answer: the phone may have rung.
fn failed(kind: ErrorKind, detail: &str) -> Error {
    Error::new(kind, detail).after_sending()
}
