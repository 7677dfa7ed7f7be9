//! The two requests of the LogonBox Authenticator API, as the published clients make them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bounded_https::{
    Authority as TenantAddress, Body, Call, Method, Reply, Transport, Unreachable,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::answer;
use crate::error::{Error, ErrorKind};
use crate::request::SignRequest;
use crate::secret::Signature;
use crate::source::{KeySource, SignatureSource};

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An authorized-keys listing of a person with some hundreds of phones.
const LISTING_LIMIT: usize = 256 << 10;
/// An answer to a sign request is well under two kilobytes.
const ANSWER_LIMIT: usize = 64 << 10;

/// The tenant, over HTTPS.
pub(crate) struct HttpsTenant {
    pub(crate) address: TenantAddress,
    pub(crate) transport: Transport,
    /// For every answer that needs no person.
    pub(crate) connect_timeout: Duration,
    /// For the person.
    pub(crate) person_timeout: Duration,
}

impl HttpsTenant {
    fn call(
        &self,
        path: &str,
        form: Option<Zeroizing<Vec<u8>>>,
        timeout: Duration,
        limit: usize,
    ) -> Result<Reply, Error> {
        let reply = self.transport.call(Call {
            method: form.as_ref().map_or(Method::Get, |_| Method::Post),
            url: format!("https://{}/app/api/authenticator/{path}", self.address),
            headers: Vec::new(),
            body: form.map(|bytes| Body {
                content_type: "application/x-www-form-urlencoded",
                bytes,
            }),
            timeout,
            limit,
        });
        reply.map_err(|failure| Error::of_transport(&failure))
    }
}

impl KeySource for HttpsTenant {
    fn list_keys(&self, principal: &str) -> Result<String, Error> {
        // Percent-encoded as well, dots walk up the path (WHATWG URL, "double-dot URL path segment").
        if matches!(principal, "" | "." | "..") {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "an account's name cannot be empty, a dot or two dots",
            ));
        }
        let path = format!("keys/{}", utf8_percent_encode(principal, RESERVED));
        let reply = self
            .call(&path, None, self.connect_timeout, LISTING_LIMIT)
            .map_err(Error::nobody_asked)?;
        match reply.status {
            200 => Ok(String::from_utf8_lossy(&reply.body).into_owned()),
            404 => Err(Error::new(ErrorKind::NoSuchAccount, "")),
            status @ 500..=599 => Err(Error::new(
                ErrorKind::Unreachable(Unreachable::ServerError),
                format!("HTTP status {status} on the key list"),
            )),
            status => Err(Error::new(
                ErrorKind::NotUnderstood,
                format!("HTTP status {status} on the key list"),
            )),
        }
    }
}

impl SignatureSource for HttpsTenant {
    fn request_signature(&self, request: &SignRequest) -> Result<Signature, Error> {
        let form = sign_form(request);
        let reply = self.call("signPayload", Some(form), self.person_timeout, ANSWER_LIMIT)?;
        if reply.status != 200 {
            return Err(Error::new(
                ErrorKind::NotUnderstood,
                format!("HTTP status {} on the sign request", reply.status),
            )
            .after_sending());
        }
        answer::parse(&reply.body).map_err(Error::after_sending)
    }
}

/// The form of a sign request. Made in one piece: growing would leave copies behind that are
/// not wiped.
pub(crate) fn sign_form(request: &SignRequest) -> Zeroizing<Vec<u8>> {
    let wording = request.wording();
    let fingerprint = request.key().fingerprint();
    let flags = request.key().algorithm().flags().to_string();
    let mut payload = Zeroizing::new(String::with_capacity(
        request.payload().len().saturating_mul(2).saturating_add(4),
    ));
    URL_SAFE.encode_string(request.payload(), &mut payload);
    let fields = [
        ("username", request.principal()),
        ("fingerprint", &fingerprint),
        ("remoteName", &wording.remote_name),
        ("text", &wording.question),
        ("authorizeText", &wording.authorize),
        ("flags", &flags),
        ("payload", &payload),
    ];
    let room = fields.iter().fold(0_usize, |room, (name, value)| {
        room.saturating_add(name.len())
            .saturating_add(2)
            .saturating_add(value.len().saturating_mul(3))
    });
    let mut form = Zeroizing::new(Vec::with_capacity(room));
    for (name, value) in fields {
        if !form.is_empty() {
            form.push(b'&');
        }
        form.extend_from_slice(name.as_bytes());
        form.push(b'=');
        for part in utf8_percent_encode(value, RESERVED) {
            form.extend_from_slice(part.as_bytes());
        }
    }
    form
}
