//! The server redirect: a browser brings a request and takes a response back.

use base64::Engine;

use crate::accounts::other_user;
use crate::ask::Chosen;
use crate::keys::{Hash, put_string};
use crate::phone;
use crate::reply::Reply;
use crate::scenario::{Comeback, Reaction};
use crate::wire::{PADDED_OR_NOT, SignForm, padded_base64url};

/// The start of the path of a request.
pub(crate) const PATH: &str = "/authenticator/sign/";

const PLACEHOLDER: &str = "{response}";

/// A request that a browser brought.
pub(crate) struct Redirect {
    /// The fields for the phone. The payload is the whole request.
    pub(crate) form: SignForm,
    /// The address to which the browser returns, with the placeholder.
    back: String,
}

impl Redirect {
    /// Decodes a base64url request. Without a complete request the way back is unknown, so the
    /// error is shown to the user.
    pub(crate) fn read(blob: &str, hostname: &str) -> Result<Self, String> {
        let blob = PADDED_OR_NOT
            .decode(blob)
            .map_err(|error| format!("the request is not base64url: {error}"))?;
        let mut rest = blob.as_slice();
        let mut form = SignForm {
            username: string(&mut rest, "the user")?,
            fingerprint: string(&mut rest, "the fingerprint")?,
            remote_name: string(&mut rest, "the remote name")?,
            text: string(&mut rest, "the prompt text")?,
            authorize_text: string(&mut rest, "the authorize text")?,
            flags: u32::from_be_bytes(take(&mut rest, "the flags")?),
            ..SignForm::default()
        };
        take::<4>(&mut rest, "the random bytes")?;
        let back = string(&mut rest, "the redirect URL")?;
        take::<16>(&mut rest, "the random bytes at the end")?;
        if !rest.is_empty() {
            return Err("the request goes on after its end".into());
        }
        check(&back)?;
        form.text = form
            .text
            .replace("{username}", &form.username)
            .replace("{remoteName}", &form.remote_name)
            .replace("{hostname}", hostname);
        form.payload = blob;
        Ok(Self { form, back })
    }

    /// The site to which the browser returns.
    pub(crate) fn site(&self) -> &str {
        let end = self.back.match_indices(['/', '?', '#']).nth(2);
        end.map_or(self.back.as_str(), |(end, _)| &self.back[..end])
    }

    /// Sends the browser back with the result.
    pub(crate) fn send_back(&self, response: &[u8]) -> Reply {
        self.send_back_text(&padded_base64url(response))
    }

    fn send_back_text(&self, response: &str) -> Reply {
        Reply::see_other(&self.back.replace(PLACEHOLDER, response))
    }

    /// Sends the browser back with the phone's answer, right or wrong.
    pub(crate) fn answer(&self, reaction: Reaction, chosen: &Chosen) -> Reply {
        let payload = self.form.payload.as_slice();
        let comeback = chosen.account.redirect;
        let key = match comeback {
            Comeback::OtherKey => &chosen.account.other_key(&chosen.key),
            _ => &chosen.key,
        };
        let lowered = comeback == Comeback::LowerFlags;
        let hash = if lowered { Hash::Sha1 } else { chosen.hash };
        let signature = match reaction {
            Reaction::Decline => return self.send_back(&declined(phone::DECLINED)),
            Reaction::Unreachable => return self.send_back(&declined(phone::UNREACHABLE)),
            Reaction::Refuse => return self.send_back(&declined(phone::REFUSED)),
            // As long as browsers and servers accept.
            Reaction::HostileReason => {
                let reason: String = phone::hostile_reason().chars().take(2000).collect();
                return self.send_back(&declined(&reason));
            }
            Reaction::Empty => return self.send_back(&[]),
            Reaction::MissingFields => return self.send_back(&[1]),
            Reaction::NotJson => return self.send_back_text("no base64url!"),
            Reaction::YesWithoutSignature => Vec::new(),
            _ => match phone::signature(reaction, key, payload, hash) {
                Some(signature) => signature,
                // The fault is in the response around the signature.
                None => return phone::answer(reaction, key, payload, hash),
            },
        };
        let (fingerprint, other_user) = (key.fingerprint(), other_user(&self.form.username));
        let mut signed = Signed {
            username: &self.form.username,
            fingerprint: &fingerprint,
            flags: self.form.flags,
            signature: &signature,
        };
        match comeback {
            Comeback::OtherUser => signed.username = &other_user,
            Comeback::LowerFlags => signed.flags = 0,
            _ => {}
        }
        let mut blob = signed.blob();
        match comeback {
            Comeback::TrailingBytes => blob.push(0),
            Comeback::SpareBits => return self.send_back_text(&with_spare_bits(&blob)),
            _ => {}
        }
        self.send_back(&blob)
    }
}

/// The response after the phone has signed.
struct Signed<'a> {
    username: &'a str,
    fingerprint: &'a str,
    flags: u32,
    signature: &'a [u8],
}

impl Signed<'_> {
    fn blob(&self) -> Vec<u8> {
        let mut blob = vec![1];
        put_string(&mut blob, self.username.as_bytes());
        put_string(&mut blob, self.fingerprint.as_bytes());
        blob.extend(self.flags.to_be_bytes());
        put_string(&mut blob, self.signature);
        blob
    }
}

/// The response without a signature.
pub(crate) fn declined(reason: &str) -> Vec<u8> {
    let mut blob = vec![0];
    put_string(&mut blob, reason.as_bytes());
    blob
}

/// Encodes the same bytes differently: the last character before the padding has unused bits set.
fn with_spare_bits(blob: &[u8]) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let text = padded_base64url(blob);
    let bare = text.trim_end_matches('=');
    if bare.len() == text.len() {
        // If no bits are unused, another byte adds some.
        return format!("{text}AB");
    }
    let (start, last) = bare.split_at(bare.len() - 1);
    let at = ALPHABET.find(last).expect("base64url");
    format!(
        "{start}{}{}",
        &ALPHABET[at + 1..at + 2],
        "=".repeat(text.len() - bare.len())
    )
}

fn take<const N: usize>(rest: &mut &[u8], what: &str) -> Result<[u8; N], String> {
    let (bytes, more) = rest
        .split_first_chunk()
        .ok_or_else(|| format!("the request ends before {what}"))?;
    *rest = more;
    Ok(*bytes)
}

fn string(rest: &mut &[u8], what: &str) -> Result<String, String> {
    let length = u32::from_be_bytes(take(rest, what)?) as usize;
    let (bytes, more) = rest
        .split_at_checked(length)
        .ok_or_else(|| format!("the request ends within {what}"))?;
    *rest = more;
    String::from_utf8(bytes.to_vec()).map_err(|_| format!("{what} is not UTF-8"))
}

/// The user is sent there, so it must be a web address without a misleading host.
fn check(back: &str) -> Result<(), String> {
    let problem = |what: &str| Err(format!("the redirect URL {back:?} {what}"));
    let Some(rest) = back
        .strip_prefix("https://")
        .or_else(|| back.strip_prefix("http://"))
    else {
        return problem("begins with neither https:// nor http://");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains('@') || host.contains(PLACEHOLDER) {
        return problem("has no plain host");
    }
    if !back
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    {
        return problem("has characters that do not belong into a URL");
    }
    if back.matches(PLACEHOLDER).count() != 1 {
        return problem("does not hold {response} once");
    }
    Ok(())
}
