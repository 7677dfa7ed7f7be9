//! Parses requests strictly by the documentation.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::seen::HttpRequest;

/// More than any client needs to send.
const MAX_BODY: usize = 1 << 20;

/// A request that is documented.
pub(crate) enum Call {
    /// Access to an application, or to the default one.
    Access(Option<String>),
    Password {
        username: String,
        password: String,
    },
    Devices,
    Select(String),
    Poll,
    Challenge,
    /// The OTP that belongs to the QR code.
    QrOtp(String),
    Otp(String),
    SmsOtp(String),
    ClearFlow,
    LogOut,
}

impl Call {
    /// Whether the call may be the first of a session.
    pub(crate) fn opens(&self) -> bool {
        matches!(
            self,
            Self::Access(_) | Self::Password { .. } | Self::ClearFlow
        )
    }

    /// The name of the call, without secrets.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Access(_) => "an access",
            Self::Password { .. } => "a password",
            Self::Devices => "the device list",
            Self::Select(_) => "the choice of a device",
            Self::Poll => "a poll",
            Self::Challenge => "a QR code",
            Self::QrOtp(_) => "a QR code's OTP",
            Self::Otp(_) => "an OTP",
            Self::SmsOtp(_) => "a code by SMS",
            Self::ClearFlow => "the clearing of the flow",
            Self::LogOut => "the log-out",
        }
    }
}

/// Reads the whole body.
pub(crate) async fn read(body: Incoming) -> Result<Vec<u8>, String> {
    let body = Limited::new(body, MAX_BODY).collect().await;
    let body = body.map_err(|error| error.to_string())?;
    Ok(body.to_bytes().to_vec())
}

/// Parses a request to `path`, which is below the base URL.
pub(crate) fn understand(http: &HttpRequest, path: &str, body: &[u8]) -> Result<Call, String> {
    let known = Path::find(path)?;
    if http.method != known.method() {
        return Err(format!("{} instead of {}", http.method, known.method()));
    }
    if http.header("x-same-domain").is_none_or(str::is_empty) {
        return Err("the header X-Same-Domain is missing".into());
    }
    if http.method == "DELETE" {
        return match known {
            Path::LogOut => Ok(Call::LogOut),
            _ => Ok(Call::ClearFlow),
        };
    }
    let content_type = http.header("content-type").unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(format!(
            "the Content-Type is {content_type:?}, not application/json"
        ));
    }
    known.with(body)
}

/// The documented paths.
enum Path {
    Access(Option<String>),
    Select(String),
    Post(&'static str),
    ClearFlow,
    LogOut,
}

impl Path {
    fn find(path: &str) -> Result<Self, String> {
        let unknown = || format!("there is no {path:?}");
        let rest = path
            .strip_prefix("/public/authentication")
            .ok_or_else(unknown)?;
        match rest {
            "" => return Ok(Self::LogOut),
            "/flow/" => return Ok(Self::ClearFlow),
            "/default-application/access" | "/default-application/access/" => {
                return Ok(Self::Access(None));
            }
            _ => {}
        }
        let rest = rest.strip_prefix('/').ok_or_else(unknown)?;
        if let Some(id) = rest.strip_prefix("applications/") {
            let id = id.strip_suffix('/').unwrap_or(id);
            let id = id.strip_suffix("/access").ok_or_else(unknown)?;
            return Ok(Self::Access(Some(segment(id)?)));
        }
        if let Some(id) = rest.strip_prefix("airlock-2fa/devices/")
            && let Some(id) = id.strip_suffix("/select/")
        {
            return Ok(Self::Select(segment(id)?));
        }
        let known = POSTS.iter().find(|known| **known == rest);
        known.map(|known| Self::Post(known)).ok_or_else(unknown)
    }

    fn method(&self) -> &'static str {
        match self {
            Self::ClearFlow | Self::LogOut => "DELETE",
            _ => "POST",
        }
    }

    /// The call, with the values in the body.
    fn with(self, body: &[u8]) -> Result<Call, String> {
        let path = match self {
            Self::Access(id) => return nothing(body).map(|()| Call::Access(id)),
            Self::Select(id) => return nothing(body).map(|()| Call::Select(id)),
            Self::ClearFlow => return Ok(Call::ClearFlow),
            Self::LogOut => return Ok(Call::LogOut),
            Self::Post(path) => path,
        };
        let otp = || strings(body, ["otp"]).map(|[otp]| otp);
        match path {
            "password/check/" => strings(body, ["username", "password"])
                .map(|[username, password]| Call::Password { username, password }),
            "airlock-2fa/offline-qr-code/otp/check/" => otp().map(Call::QrOtp),
            "otp/check" => otp().map(Call::Otp),
            "mtan/otp/check" => otp().map(Call::SmsOtp),
            "airlock-2fa/devices/retrieve/" => nothing(body).map(|()| Call::Devices),
            "airlock-2fa/status/poll/" => nothing(body).map(|()| Call::Poll),
            _ => nothing(body).map(|()| Call::Challenge),
        }
    }
}

const POSTS: [&str; 7] = [
    "password/check/",
    "airlock-2fa/devices/retrieve/",
    "airlock-2fa/status/poll/",
    "airlock-2fa/offline-qr-code/challenge/retrieve/",
    "airlock-2fa/offline-qr-code/otp/check/",
    // The documentation writes these paths without a slash at the end.
    "otp/check",
    "mtan/otp/check",
];

/// Decodes an id in a path. It must be one segment, so all characters but the unreserved ones are
/// percent-encoded.
fn segment(raw: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%".contains(c);
    if raw.is_empty() || !raw.chars().all(plain) {
        return Err(format!("the id {raw:?} is not percent-encoded"));
    }
    let decoded = percent_decode_str(raw).decode_utf8();
    let decoded = decoded.map_err(|_| format!("the id {raw:?} is not UTF-8"))?;
    Ok(decoded.into_owned())
}

/// Accepts no body and an empty object, because the documentation does not say which.
fn nothing(body: &[u8]) -> Result<(), String> {
    if body.is_empty() {
        return Ok(());
    }
    strings(body, []).map(|[]| ())
}

/// The members of an object that has exactly these members, all of them strings.
fn strings<const N: usize>(body: &[u8], names: [&str; N]) -> Result<[String; N], String> {
    // The parser's own message could quote a password.
    let members: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| "the body is not a JSON object".to_owned())?;
    if let Some(name) = members.keys().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("the body has a member {name:?}"));
    }
    let mut values = [const { String::new() }; N];
    for (value, name) in values.iter_mut().zip(names) {
        match members.get(name) {
            Some(Value::String(text)) => value.clone_from(text),
            _ => return Err(format!("the body has no string {name:?}")),
        }
    }
    Ok(values)
}
