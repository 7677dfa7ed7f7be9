//! The HTTP client that a caller needs, and its requests and answers.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};

/// A future that can move between threads, as trait methods return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends HTTPS requests. [`Https`](crate::Https) is one; a closure is one, too:
///
/// ```
/// use bounded_https::http::{Request, Response};
/// use bounded_https::{Body, Error, HttpClient, Limits};
///
/// async fn send(request: Request<Body>, limits: Limits) -> Result<Response<Body>, Error> {
///     // ...
///     # let _ = (request, limits);
///     Ok(Response::new(Body::from(b"hello".to_vec())))
/// }
///
/// let client: Box<dyn HttpClient> = Box::new(send);
/// ```
pub trait HttpClient: Send + Sync {
    /// Sends a request once and returns the answer with any status. It must not follow redirects
    /// and must not send the request a second time. When the future is dropped, it must end the
    /// request.
    ///
    /// # Errors
    ///
    /// The reason why there is no answer. [`Error::request_sent`] must be true if the request may
    /// have left this host.
    fn send(
        &self,
        request: Request<Body>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Body>, Error>>;
}

impl<F, A> HttpClient for F
where
    F: Fn(Request<Body>, Limits) -> A + Send + Sync,
    A: Future<Output = Result<Response<Body>, Error>> + Send + 'static,
{
    fn send(
        &self,
        request: Request<Body>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Body>, Error>> {
        Box::pin(self(request, limits))
    }
}

/// The limits of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The time for the whole request, from the name look-up to the last byte of the answer.
    pub timeout: Duration,
    /// The size of the largest accepted answer, in bytes.
    pub answer_bytes: usize,
}

impl Limits {
    /// Limits of time and size.
    #[must_use]
    pub fn new(timeout: Duration, answer_bytes: usize) -> Self {
        Self {
            timeout,
            answer_bytes,
        }
    }
}

/// The bytes of a request or an answer. They are wiped when dropped and never in the `Debug`
/// output.
#[derive(Default)]
pub struct Body(Zeroizing<Vec<u8>>);

impl Body {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Body {
    /// Takes the bytes without a copy.
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<Zeroizing<Vec<u8>>> for Body {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

/// A header value that is a secret, such as a cookie. It is wiped when its last copy is dropped,
/// and never in the `Debug` output.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`] if a header cannot hold these bytes.
pub fn secret_header(value: impl Into<Body>) -> Result<HeaderValue, Error> {
    // `Bytes` keeps the owner, and `from_maybe_shared` keeps the `Bytes`: no byte is copied.
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(value.into()))
        .map_err(|error| Error::new(ErrorKind::InvalidInput, "").with_source(error))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_header_is_not_copied_and_not_shown() {
        let body = Body::from(b"AL_SESS-S=geheim".to_vec());
        let place = body.as_bytes().as_ptr();
        let value = secret_header(body).unwrap();
        assert_eq!(value.as_bytes().as_ptr(), place);
        assert_eq!(value.clone().as_bytes().as_ptr(), place);
        assert_eq!(format!("{value:?}"), "Sensitive");
        assert!(secret_header(b"two\nlines".to_vec()).is_err());
    }
}
