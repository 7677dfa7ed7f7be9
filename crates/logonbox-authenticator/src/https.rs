//! The two requests of the LogonBox Authenticator API, as the vendor's clients make them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bounded_https::http::{Request, Response, StatusCode, header};
use bounded_https::{Authority as TenantAddress, Body, BoxFuture, HttpClient, Limits, Unreachable};
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

/// Room for the keys of some hundreds of phones.
const LISTING_LIMIT: usize = 256 << 10;
/// An answer to a sign request has less than two kilobytes.
const ANSWER_LIMIT: usize = 64 << 10;

/// The tenant, over HTTPS.
pub(crate) struct HttpsTenant {
    pub(crate) address: TenantAddress,
    pub(crate) http: Arc<dyn HttpClient>,
    /// The time for each request that needs no person.
    pub(crate) connect_timeout: Duration,
    /// The time for the person.
    pub(crate) person_timeout: Duration,
}

impl HttpsTenant {
    /// A GET, or a POST if there is a form.
    async fn call(
        &self,
        path: &str,
        form: Option<Zeroizing<Vec<u8>>>,
        limits: Limits,
    ) -> Result<Response<Body>, Error> {
        let url = format!("https://{}/app/api/authenticator/{path}", self.address);
        let request = match form {
            None => Request::get(url).body(Body::default()),
            Some(form) => Request::post(url)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Body::from(form)),
        };
        let request =
            request.map_err(|error| Error::new(ErrorKind::InvalidInput, "").with_source(error))?;
        Ok(self.http.send(request, limits).await?)
    }
}

impl KeySource for HttpsTenant {
    fn list_keys<'a>(&'a self, principal: &'a str) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            // Dots change the path even when percent-encoded (WHATWG URL, "double-dot URL path
            // segment").
            if matches!(principal, "" | "." | "..") {
                let what = "an account's name cannot be empty, a dot or two dots";
                return Err(Error::new(ErrorKind::InvalidInput, what));
            }
            let path = format!("keys/{}", utf8_percent_encode(principal, RESERVED));
            let limits = Limits::new(self.connect_timeout, LISTING_LIMIT);
            let answer = self.call(&path, None, limits).await;
            let answer = answer.map_err(Error::no_phone_asked)?;
            match answer.status() {
                StatusCode::OK => {
                    Ok(String::from_utf8_lossy(answer.body().as_bytes()).into_owned())
                }
                StatusCode::NOT_FOUND => Err(Error::new(ErrorKind::NoSuchAccount, "")),
                status if status.is_server_error() => {
                    let kind = ErrorKind::Unreachable(Unreachable::ServerError);
                    Err(of_status(kind, status, "key list"))
                }
                status => Err(of_status(ErrorKind::NotUnderstood, status, "key list")),
            }
        })
    }
}

impl SignatureSource for HttpsTenant {
    fn request_signature<'a>(
        &'a self,
        request: &'a SignRequest,
    ) -> BoxFuture<'a, Result<Signature, Error>> {
        Box::pin(async move {
            let limits = Limits::new(self.person_timeout, ANSWER_LIMIT);
            let answer = self.call("signPayload", Some(sign_form(request)), limits);
            let answer = answer.await.map_err(Error::while_ringing)?;
            let kind = match answer.status() {
                StatusCode::OK => {
                    return answer::parse(answer.body().as_bytes()).map_err(Error::after_sending);
                }
                // A front end that does not wait for the tenant.
                StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => ErrorKind::TimedOut,
                _ => ErrorKind::NotUnderstood,
            };
            Err(of_status(kind, answer.status(), "sign request").after_sending())
        })
    }
}

/// The error of an HTTP status. Two statuses have a kind that does not depend on the request.
fn of_status(otherwise: ErrorKind, status: StatusCode, request: &str) -> Error {
    let kind = match status {
        StatusCode::FORBIDDEN => ErrorKind::Forbidden,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::TooManyRequests,
        _ => otherwise,
    };
    let status = status.as_u16();
    Error::new(kind, format!("HTTP status {status} on the {request}"))
}

/// The form of a sign request. It is allocated at its full size, because growing would leave copies
/// behind that are not wiped.
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
