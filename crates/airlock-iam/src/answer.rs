//! The answers of Airlock: JSON:API documents. [`session`] decides whether a login is finished.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bounded_https::{Unreachable, printable};
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::Reply;
use crate::cookies;
use crate::error::{Error, ErrorKind, not_understood};
use crate::lock::LockExpiry;

const SESSION: &str = "authentication.session";
const DEVICE: &str = "authentication.airlock-2fa.device";
const CHALLENGE: &str = "authentication.airlock-2fa.offline-qr-code.challenge";

/// More devices than any user has.
const MOST_DEVICES: usize = 100;
/// The longest accepted name of a step, device or application.
const LONGEST_NAME: usize = 200;

/// A session document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// The login is done.
    Done,
    /// The next step, and the phone number that received a code.
    Next {
        step: String,
        phone_number: Option<String>,
    },
}

/// A device that can be the second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
}

impl Device {
    /// Its name, such as `Joe's iPhone` or `GAQT12345678`: the server's text, cut to 200
    /// characters. It may hold characters that control a terminal.
    #[must_use]
    pub fn display_name(&self) -> &str {
        &self.name
    }

    /// Its type, such as `IOS` or `HWTOKEN`: the server's text, too. It may be empty.
    #[must_use]
    pub fn device_type(&self) -> &str {
        &self.kind
    }
}

#[derive(Deserialize)]
struct Document<T> {
    data: Option<T>,
    #[serde(default)]
    meta: Object<Meta>,
    errors: Option<Vec<Object<Problem>>>,
}

#[derive(Deserialize)]
struct Resource<A> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: String,
    attributes: Object<A>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    #[serde(deserialize_with = "present")]
    next_auth_step: Option<Value>,
    /// Anything but a text is ignored; the refusal stays a refusal.
    temporary_lock_expiry: Option<Value>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionAttributes {
    #[serde(default, deserialize_with = "present")]
    next_auth_step: Option<Value>,
    #[serde(default)]
    phone_number: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceAttributes {
    display_name: String,
    #[serde(default)]
    device_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChallengeAttributes {
    challenge_image: String,
}

/// A JSON object. For a structure, serde would accept an array, too.
#[derive(Default)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, members: M) -> Result<Object<T>, M::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }

        from.deserialize_map(Members(PhantomData))
    }
}

/// Tells `null` from a missing value.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The session that an answer describes. [`Session::Done`] needs all of this: a 2xx document of
/// that type, without errors, and without a next step in its attributes and its `meta`.
///
/// # Errors
///
/// Airlock's refusal, or the answer is not such a document.
pub(crate) fn session(reply: &Reply) -> Result<Session, Error> {
    let (Object(document), meta) = data::<Object<Resource<SessionAttributes>>>(reply)?;
    if document.kind != SESSION {
        return Err(other_type(&document.kind));
    }
    if meta.next_auth_step.is_some() {
        return Err(not_understood("a next step in meta, without an error"));
    }
    let Object(attributes) = document.attributes;
    match attributes.next_auth_step {
        None => Ok(Session::Done),
        Some(step) => Ok(Session::Next {
            step: name(&step)?,
            phone_number: attributes.phone_number,
        }),
    }
}

/// The devices to choose from, with at least one in the list.
pub(crate) fn devices(reply: &Reply) -> Result<Vec<Device>, Error> {
    let (list, _) = data::<Vec<Object<Resource<DeviceAttributes>>>>(reply)?;
    if list.is_empty() || list.len() > MOST_DEVICES {
        return Err(not_understood(format!("a list of {} devices", list.len())));
    }
    list.into_iter()
        .map(|Object(device)| {
            if device.kind != DEVICE {
                return Err(other_type(&device.kind));
            }
            // Dots would change the path (WHATWG URL, "double-dot URL path segment").
            if matches!(&*device.id, "" | "." | "..") || device.id.len() > LONGEST_NAME {
                return Err(not_understood("a device with a strange id"));
            }
            let short = |text: String| text.chars().take(LONGEST_NAME).collect();
            let Object(attributes) = device.attributes;
            Ok(Device {
                id: device.id,
                name: short(attributes.display_name),
                kind: short(attributes.device_type.unwrap_or_default()),
            })
        })
        .collect()
}

/// The image of a QR challenge; `None` if it is not base64.
pub(crate) fn challenge(reply: &Reply) -> Result<Option<Vec<u8>>, Error> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let (Object(challenge), _) = data::<Object<Resource<ChallengeAttributes>>>(reply)?;
    if challenge.kind != CHALLENGE {
        return Err(other_type(&challenge.kind));
    }
    // Line breaks as in MIME are ignored.
    let image: String = challenge
        .attributes
        .0
        .challenge_image
        .split_ascii_whitespace()
        .collect();
    Ok(LENIENT.decode(image).ok())
}

/// The step that an error names. Airlock goes on with it.
pub(crate) fn next_step(reply: &Reply) -> Option<String> {
    name(&refusal(reply)?.1.next_auth_step?).ok()
}

/// The code of an error document.
pub(crate) fn code(reply: &Reply) -> Option<String> {
    Some(refusal(reply)?.0).filter(|code| !code.is_empty())
}

/// The data of a successful answer.
fn data<'r, T: Deserialize<'r>>(reply: &'r Reply) -> Result<(T, Meta), Error> {
    if !(200..=299).contains(&reply.status().as_u16()) {
        return Err(failure(reply));
    }
    let Object(document): Object<Document<T>> = serde_json::from_slice(reply.body().as_bytes())
        .map_err(|error| {
            // Only the place and the category: the error's own text can quote the document.
            let what = match error.classify() {
                serde_json::error::Category::Data => "JSON, but not the document that belongs here",
                _ => "not JSON",
            };
            // A refusal can have any status.
            match code(reply) {
                Some(code) => refused(reply, &code),
                None => not_understood(format!(
                    "HTTP status {}, {} bytes, {what} (line {}, column {})",
                    reply.status().as_u16(),
                    reply.body().as_bytes().len(),
                    error.line(),
                    error.column()
                )),
            }
        })?;
    if document.errors.is_some() {
        return Err(failure(reply));
    }
    let data = document
        .data
        .ok_or_else(|| not_understood("a document without data"))?;
    Ok((data, document.meta.0))
}

/// The error of an answer that is not a success.
fn failure(reply: &Reply) -> Error {
    if let Some(code) = code(reply) {
        return refused(reply, &code);
    }
    let number = reply.status().as_u16();
    let status = format!("HTTP status {number}");
    match number {
        300..=399 => not_understood(format!(
            "{status}, a redirect: it may be a block by the Airlock Gateway"
        )),
        404 => not_understood(format!("{status}: no Airlock IAM answers at this URL")),
        500..=599 => Error::new(ErrorKind::Unreachable(Unreachable::ServerError), status),
        _ => not_understood(status),
    }
}

fn refused(reply: &Reply, code: &str) -> Error {
    let lock = refusal(reply)
        .and_then(|(_, meta)| meta.temporary_lock_expiry)
        .as_ref()
        .and_then(Value::as_str)
        .filter(|text| !text.trim().is_empty())
        .map(|text| LockExpiry::new(text, cookies::date(reply)));
    let (kind, detail) = match code {
        "USERNAME_PASSWORD_WRONG" => (ErrorKind::WrongPassword, ""),
        "OTP_WRONG" => (ErrorKind::WrongOtp, ""),
        "USER_LOCKED" => (ErrorKind::Locked, ""),
        "USER_TEMPORARILY_LOCKED" => (ErrorKind::TemporarilyLocked, ""),
        other => (ErrorKind::Refused, other),
    };
    Error::new(kind, detail).until(lock)
}

/// The first error of a document, and its `meta`.
fn refusal(reply: &Reply) -> Option<(String, Meta)> {
    let document =
        serde_json::from_slice::<Object<Document<IgnoredAny>>>(reply.body().as_bytes()).ok()?;
    let Object(Document { errors, meta, .. }) = document;
    let Object(Problem { code }) = errors?.into_iter().next()?;
    Some((code, meta.0))
}

fn name(value: &Value) -> Result<String, Error> {
    value
        .as_str()
        .filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME)
        .map(printable)
        .ok_or_else(|| not_understood("a next step that is no name"))
}

fn other_type(kind: &str) -> Error {
    not_understood(format!("a document of the type {kind:?}"))
}

#[cfg(test)]
mod tests;
