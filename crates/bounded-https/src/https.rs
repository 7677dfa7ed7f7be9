//! [`Https`]: the HTTP client of this crate.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response};
use zeroize::Zeroizing;

use crate::classify::classify;
use crate::client::{Body, BoxFuture, HttpClient, Limits};
use crate::error::{Error, ErrorKind};
use crate::resolve::SystemResolver;
use crate::tls::{self, Roots};

/// Sends HTTPS requests with reqwest, hyper and rustls.
///
/// It is cheap to clone, and clones share their connections. Many requests can run at once. It
/// keeps at most one idle connection for each host. Dropping the last clone closes the connections.
///
/// Requests must run on a tokio runtime with I/O and time enabled.
#[derive(Clone)]
pub struct Https(reqwest::Client);

impl Https {
    /// Begins to configure a client.
    pub fn builder() -> HttpsBuilder {
        HttpsBuilder {
            roots: Roots::System,
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            user_agent: concat!("bounded-https/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    async fn exchange(
        &self,
        mut request: Request<Body>,
        answer_bytes: usize,
    ) -> Result<Response<Body>, Error> {
        // RFC 9110, section 8.6: a POST without content says so. The library does not.
        if request.method() == Method::POST && request.body().as_bytes().is_empty() {
            let headers = request.headers_mut();
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let request = request
            .map(Bytes::from_owner)
            .try_into()
            .map_err(classify)?;
        let mut response = self.0.execute(request).await.map_err(|error| {
            let before = error.is_connect() || error.is_builder();
            let error = classify(error);
            if before { error } else { error.after_sending() }
        })?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| classify(error).after_sending())?
        {
            if chunk.len() > answer_bytes.saturating_sub(body.len()) {
                let what = format!("an answer of more than {answer_bytes} bytes");
                return Err(Error::new(ErrorKind::NotUnderstood, what).after_sending());
            }
            make_room(&mut body, chunk.len(), answer_bytes);
            body.extend_from_slice(&chunk);
        }
        let mut answer = Response::new(Body::from(body));
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

impl HttpClient for Https {
    fn send(
        &self,
        request: Request<Body>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Body>, Error>> {
        Box::pin(async move {
            if tokio::runtime::Handle::try_current().is_err() {
                return Err(Error::new(ErrorKind::Local, "no tokio runtime"));
            }
            let exchange = self.exchange(request, limits.answer_bytes);
            let answer = tokio::time::timeout(limits.timeout, exchange)
                .await
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "").after_sending()));
            match &answer {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    log::debug!("the server answers with HTTP status {status}");
                }
                Err(error) => {
                    log::debug!(
                        "no answer from the server: {:?}: {}",
                        error.kind(),
                        error.detail()
                    );
                }
            }
            answer
        })
    }
}

impl fmt::Debug for Https {
    /// Without the proxy: its URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Https").finish_non_exhaustive()
    }
}

/// Configures an [`Https`] client. Certificate checks cannot be turned off, and nothing is read
/// from the environment.
#[derive(Clone)]
#[must_use]
pub struct HttpsBuilder {
    roots: Roots,
    proxy: Option<String>,
    connect_timeout: Duration,
    user_agent: String,
}

impl HttpsBuilder {
    /// The CA certificates to trust; the system's by default.
    pub fn roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// Connects through this proxy (`http://name:port`). TLS to the server runs inside the tunnel
    /// (RFC 9110, section 9.3.6).
    pub fn proxy(mut self, url: &str) -> Self {
        self.proxy = Some(url.to_owned());
        self
    }

    /// The time for a connection alone; 5 s by default. [`Limits::timeout`] covers it, too.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The `User-Agent` header (RFC 9110, section 10.1.5).
    pub fn user_agent(mut self, name: &str) -> Self {
        name.clone_into(&mut self.user_agent);
        self
    }

    /// Makes the client. It sends nothing yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] if the CA certificates cannot be read, and [`ErrorKind::InvalidInput`]
    /// if the proxy is not a URL.
    pub fn build(self) -> Result<Https, Error> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(&self.roots)?)
            .dns_resolver(SystemResolver)
            .https_only(true)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(1)
            .connect_timeout(self.connect_timeout)
            .user_agent(self.user_agent);
        let failed = |kind| {
            move |error: reqwest::Error| Error::new(kind, "").with_source(error.without_url())
        };
        if let Some(proxy) = self.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(failed(ErrorKind::InvalidInput))?;
            builder = builder.proxy(proxy);
        }
        let client = builder.build().map_err(failed(ErrorKind::Local))?;
        Ok(Https(client))
    }
}

impl fmt::Debug for HttpsBuilder {
    /// Without the proxy: its URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsBuilder").finish_non_exhaustive()
    }
}

/// Makes room for `more` bytes, and for at most `limit` in all. A vector that grows by itself
/// leaves a copy behind that is not wiped.
fn make_room(body: &mut Zeroizing<Vec<u8>>, more: usize, limit: usize) {
    let needed = body.len().saturating_add(more);
    if needed > body.capacity() {
        let capacity = needed.max(body.capacity().saturating_mul(2).min(limit));
        let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
        larger.extend_from_slice(body);
        *body = larger;
    }
}
