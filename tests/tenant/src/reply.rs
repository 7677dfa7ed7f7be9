//! The reply to a client, well-formed or not.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::time::{Sleep, sleep};

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
pub(crate) const PEM: &str = "application/x-pem-file";

/// How often `drip` sends a byte.
const DROP_EVERY: Duration = Duration::from_millis(100);

/// An HTTP answer, or something in its place.
#[derive(Debug)]
pub(crate) enum Reply {
    /// HTTP.
    Http(Response<Flow>),
    /// These bytes instead of an HTTP answer, and then the end of the connection.
    Raw(Vec<u8>),
    /// The connection is reset.
    Reset,
    /// No reply: the client has to give up.
    Never,
}

impl Reply {
    pub(crate) fn ok(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::with(StatusCode::OK, content_type, Flow::Whole(Some(body.into())))
    }

    pub(crate) fn status(status: StatusCode) -> Self {
        Self::with(
            status,
            TEXT,
            Flow::Whole(Some(format!("{status}\n").into())),
        )
    }

    /// The client has sent too many requests.
    pub(crate) fn too_many() -> Self {
        Self::status(StatusCode::TOO_MANY_REQUESTS)
            .header(header::RETRY_AFTER, HeaderValue::from_static("60"))
    }

    pub(crate) fn redirect(status: StatusCode, to: &'static str) -> Self {
        Self::status(status).header(header::LOCATION, HeaderValue::from_static(to))
    }

    /// The address to which a browser goes next, with a plain GET.
    pub(crate) fn see_other(to: &str) -> Self {
        let to = HeaderValue::try_from(to).expect("an address that may stand in a header");
        Self::status(StatusCode::SEE_OTHER).header(header::LOCATION, to)
    }

    /// Turns a redirect into one that a page's script follows. Other answers stay as they are.
    pub(crate) fn location_as_json(self) -> Self {
        let Self::Http(response) = &self else {
            return self;
        };
        match response
            .headers()
            .get(header::LOCATION)
            .map(HeaderValue::to_str)
        {
            Some(Ok(to)) => {
                let to = serde_json::json!({ "location": to }).to_string();
                Self::ok(JSON, to)
            }
            _ => self,
        }
    }

    /// A page such as a proxy or a login portal would send.
    pub(crate) fn web_page() -> Self {
        Self::ok(
            HTML,
            "<!doctype html><title>Welcome</title><p>Please accept our terms.</p>\n",
        )
    }

    /// `start`, and then `filler` without end.
    pub(crate) fn endless(content_type: &'static str, start: String, filler: &str) -> Self {
        let filler = filler.repeat(16_384 / filler.len()).into();
        Self::with(
            StatusCode::OK,
            content_type,
            Flow::Endless {
                start: Some(start.into()),
                filler,
            },
        )
    }

    /// `start`, and then `filler` without end, one byte at a time.
    pub(crate) fn drip(content_type: &'static str, start: String, filler: &'static str) -> Self {
        let flow = Flow::Drip {
            start: start.into(),
            filler,
            at: 0,
            next: Box::pin(sleep(DROP_EVERY)),
        };
        Self::with(StatusCode::OK, content_type, flow)
    }

    /// A good answer whose headers promise more bytes than follow.
    pub(crate) fn cut(content_type: &str, body: &[u8]) -> Self {
        let length = body.len() + 100;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
        );
        Self::Raw([head.as_bytes(), body].concat())
    }

    fn with(status: StatusCode, content_type: &'static str, body: Flow) -> Self {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Self::Http(response).header(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// Adds a header to an HTTP answer.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if let Self::Http(response) = &mut self {
            response.headers_mut().insert(name, value);
        }
        self
    }

    /// Adds cookies to an HTTP answer.
    pub(crate) fn cookies(mut self, cookies: impl IntoIterator<Item = String>) -> Self {
        if let Self::Http(response) = &mut self {
            for cookie in cookies {
                let cookie = HeaderValue::try_from(cookie).expect("cookies are plain text");
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
        }
        self
    }

    /// Changes the status of an HTTP answer.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        if let Self::Http(response) = &mut self {
            *response.status_mut() = status;
        }
        self
    }

    /// A summary for the log.
    pub(crate) fn outcome(&self) -> String {
        match self {
            Self::Http(response) => match response.body() {
                Flow::Whole(_) => response.status().as_u16().to_string(),
                Flow::Endless { .. } | Flow::Drip { .. } => {
                    format!("{} without end", response.status().as_u16())
                }
            },
            Self::Raw(bytes) if bytes.is_empty() => "connection closed".into(),
            Self::Raw(_) => "raw bytes, then closed".into(),
            Self::Reset => "connection reset".into(),
            Self::Never => "no answer".into(),
        }
    }
}

/// The body of an HTTP answer.
#[derive(Debug)]
pub(crate) enum Flow {
    Whole(Option<Bytes>),
    Endless {
        start: Option<Bytes>,
        filler: Bytes,
    },
    Drip {
        start: Bytes,
        filler: &'static str,
        at: usize,
        next: Pin<Box<Sleep>>,
    },
}

impl Body for Flow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match self.get_mut() {
            Self::Whole(body) => body.take(),
            Self::Endless { start, filler } => Some(start.take().unwrap_or_else(|| filler.clone())),
            Self::Drip {
                start,
                filler,
                at,
                next,
            } => {
                if next.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                next.set(sleep(DROP_EVERY));
                let byte = match at.checked_sub(start.len()) {
                    None => start[*at],
                    Some(over) => filler.as_bytes()[over % filler.len()],
                };
                *at += 1;
                Some(Bytes::copy_from_slice(&[byte]))
            }
        };
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => {
                SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64))
            }
            Self::Endless { .. } | Self::Drip { .. } => SizeHint::new(),
        }
    }
}
