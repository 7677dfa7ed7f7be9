//! What Airlock answers: JSON:API documents. Whether a login is finished is decided here, in
//! [`session`].

use std::fmt;
use std::marker::PhantomData;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bounded_https::{Reply, Unreachable, printable};
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::cookies;
use crate::error::{Error, ErrorKind};
use crate::lock::LockExpiry;

const SESSION: &str = "authentication.session";
const DEVICE: &str = "authentication.airlock-2fa.device";
const CHALLENGE: &str = "authentication.airlock-2fa.offline-qr-code.challenge";

/// Nobody has more devices, and nobody could choose among more.
const MOST_DEVICES: usize = 100;
/// The longest name of a step, device or application that is taken.
const LONGEST_NAME: usize = 200;

/// A session document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// There is nothing more to do.
    Done,
    /// The step that Airlock wants next, and the number that a code was sent to.
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
    /// What its owner calls it, such as `Joe's iPhone` or `GAQT12345678`. In the server's words,
    /// of at most 200 characters, and not to be trusted on a terminal.
    #[must_use]
    pub fn display_name(&self) -> &str {
        &self.name
    }

    /// Its type, such as `IOS` or `HWTOKEN`; may be empty. Also in the server's words.
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
    /// What is no text says nothing, and takes nothing from the refusal.
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

/// What must be a JSON object: serde takes an array for a structure, too.
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

/// `null` is a value here, and not as good as nothing.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The session that an answer describes. Only what says so in full is [`Session::Done`]: a 2xx
/// document of that type, without errors, and with no next step in its attributes or its `meta`.
///
/// # Errors
///
/// What Airlock refused, or that this is no such document.
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
            // As part of a path, dots would walk up (WHATWG URL, "double-dot URL path segment").
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

/// The image of a QR challenge; nothing where it is not base64.
pub(crate) fn challenge(reply: &Reply) -> Result<Option<Vec<u8>>, Error> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let (Object(challenge), _) = data::<Object<Resource<ChallengeAttributes>>>(reply)?;
    if challenge.kind != CHALLENGE {
        return Err(other_type(&challenge.kind));
    }
    // MIME's line breaks say nothing.
    let image: String = challenge
        .attributes
        .0
        .challenge_image
        .split_ascii_whitespace()
        .collect();
    Ok(LENIENT.decode(image).ok())
}

/// The step that an error names: Airlock goes on from there.
pub(crate) fn next_step(reply: &Reply) -> Option<String> {
    name(&refusal(reply)?.1.next_auth_step?).ok()
}

/// The code of an error document.
pub(crate) fn code(reply: &Reply) -> Option<String> {
    Some(refusal(reply)?.0).filter(|code| !code.is_empty())
}

/// What an answer holds that has to be a success.
fn data<'r, T: Deserialize<'r>>(reply: &'r Reply) -> Result<(T, Meta), Error> {
    if !(200..=299).contains(&reply.status) {
        return Err(failure(reply));
    }
    let Object(document): Object<Document<T>> =
        serde_json::from_slice(&reply.body).map_err(|error| {
            // Only where and what kind: the error's own text can quote the document.
            let what = match error.classify() {
                serde_json::error::Category::Data => "JSON, but not the document that belongs here",
                _ => "not JSON",
            };
            // A refusal, whatever its status.
            match code(reply) {
                Some(code) => refused(reply, &code),
                None => not_understood(format!(
                    "HTTP status {}, {} bytes, {what} (line {}, column {})",
                    reply.status,
                    reply.body.len(),
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

/// What an answer that is no success means.
fn failure(reply: &Reply) -> Error {
    if let Some(code) = code(reply) {
        return refused(reply, &code);
    }
    let status = format!("HTTP status {}", reply.status);
    match reply.status {
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
    let document = serde_json::from_slice::<Object<Document<IgnoredAny>>>(&reply.body).ok()?;
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

pub(crate) fn not_understood(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotUnderstood, what)
}

#[cfg(test)]
mod tests;
