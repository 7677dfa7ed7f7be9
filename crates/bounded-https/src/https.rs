//! [`Https`]: the HTTP client of this crate.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::authority::Authority;
use crate::client::{Body, BoxFuture, HttpClient, Limits};
use crate::connect::{Connector, Step};
use crate::connection::Connection;
use crate::error::{Error, ErrorKind};
use crate::proxy::{Proxy, proxy_authorization};
use crate::tls::{self, Roots};

/// An idle connection is kept for so long. Firewalls may forget it later.
const IDLE: Duration = Duration::from_secs(90);
/// No deadline is later than this.
const FAR: Duration = Duration::from_secs(1 << 30);

/// Sends HTTPS requests with hyper and rustls.
///
/// It is cheap to clone, and clones share their connections. Many requests can run at once. It
/// keeps at most one idle connection. Dropping the last clone closes it.
///
/// Requests must run on a tokio runtime with I/O and time enabled.
#[derive(Clone)]
pub struct Https(Arc<Client>);

struct Client {
    connector: Connector,
    connect_timeout: Duration,
    idle: Mutex<Option<Idle>>,
}

/// A connection for the next request.
struct Idle {
    connection: Box<Connection>,
    server: Authority,
    since: Instant,
}

impl Https {
    /// Begins to configure a client.
    pub fn builder() -> HttpsBuilder {
        HttpsBuilder {
            roots: Roots::System,
            proxy: Ok(None),
            proxy_authorization: Ok(None),
            connect_timeout: Duration::from_secs(5),
            user_agent: concat!("bounded-https/", env!("CARGO_PKG_VERSION")).to_owned(),
            #[cfg(feature = "verifier")]
            verifier: None,
        }
    }
}

impl Client {
    async fn exchange(
        &self,
        request: Request<Body>,
        limits: Limits,
    ) -> Result<Response<Body>, Error> {
        let (server, request) = self.prepared(request)?;
        let deadline = after(limits.timeout);
        let mut connection = match self.idle(&server).await {
            Some(connection) => connection,
            None => self.connect(&server, deadline).await?,
        };
        let answer = answer(&mut connection, request, limits.answer_bytes);
        let answer = timeout_at(deadline, answer)
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "")))
            .map_err(Error::after_sending)?;
        self.keep(connection, server).await;
        Ok(answer)
    }

    /// The server of a request, and the request as HTTP/1.1 sends it. Not inlined: its stack is
    /// free for the connection.
    #[inline(never)]
    fn prepared(&self, request: Request<Body>) -> Result<(Authority, Request<Full<Bytes>>), Error> {
        let invalid = |what: &str| Error::new(ErrorKind::InvalidInput, what);
        let uri = request.uri();
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(invalid("a URL must begin with https://"));
        }
        let server: Authority = uri
            .authority()
            .and_then(|authority| authority.as_str().parse().ok())
            .ok_or_else(|| invalid("the URL has no valid host"))?;
        let host = HeaderValue::try_from(server.to_string())
            .map_err(|error| invalid("").with_source(error))?;
        let path = uri.path_and_query().cloned();
        let is_empty = request.body().as_bytes().is_empty();
        let mut request = request.map(|body| Full::new(Bytes::from_owner(body)));
        *request.uri_mut() = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
        *request.version_mut() = Version::HTTP_11;
        // RFC 9110, section 8.6: a POST without content says so. The library does not.
        let says_so = is_empty && request.method() == Method::POST;
        let headers = request.headers_mut();
        add(headers, HOST, host);
        add(headers, ACCEPT, HeaderValue::from_static("*/*"));
        add(headers, USER_AGENT, self.connector.user_agent.clone());
        if says_so {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok((server, request))
    }

    /// The kept connection, if it leads to this server and is still open.
    async fn idle(&self, server: &Authority) -> Option<Box<Connection>> {
        let kept = self.idle.try_lock().ok()?.take();
        let mut kept = kept.filter(|kept| kept.server == *server && kept.since.elapsed() < IDLE)?;
        kept.connection.is_usable().await.then_some(kept.connection)
    }

    async fn keep(&self, mut connection: Box<Connection>, server: Authority) {
        if !connection.is_usable().await {
            connection.close();
        } else if let Ok(mut idle) = self.idle.try_lock() {
            *idle = Some(Idle {
                connection,
                server,
                since: Instant::now(),
            });
        }
    }

    async fn connect(
        &self,
        server: &Authority,
        deadline: Instant,
    ) -> Result<Box<Connection>, Error> {
        let deadline = deadline.min(after(self.connect_timeout));
        let mut step = Step::Lookup;
        match timeout_at(deadline, self.connector.connect(server, &mut step)).await {
            Ok(result) => result,
            Err(_) => Err(self.connector.late(step)),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(kept) = self.idle.get_mut().ok().and_then(Option::take) {
            kept.connection.close();
        }
    }
}

/// Sends a request and reads the whole answer. Boxed, as a connection is: what is large lies on the
/// heap, and the stack below it stays small.
fn answer(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
    limit: usize,
) -> BoxFuture<'_, Result<Response<Body>, Error>> {
    Box::pin(async move {
        let (head, mut rest) = connection.send(request).await?.into_parts();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = connection.next(&mut rest).await? {
            if chunk.len() > limit.saturating_sub(body.len()) {
                let what = format!("an answer of more than {limit} bytes");
                return Err(Error::new(ErrorKind::NotUnderstood, what));
            }
            make_room(&mut body, chunk.len(), limit);
            body.extend_from_slice(&chunk);
        }
        let mut answer = Response::new(Body::from(body));
        *answer.status_mut() = head.status;
        *answer.headers_mut() = head.headers;
        Ok(answer)
    })
}

/// Adds a header, unless the caller has set it.
fn add(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.entry(name).or_insert(value);
}

fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time.min(FAR)).unwrap_or(now)
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
            let answer = self.0.exchange(request, limits).await;
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
    proxy: Result<Option<Proxy>, Error>,
    proxy_authorization: Result<Option<HeaderValue>, Error>,
    connect_timeout: Duration,
    user_agent: String,
    #[cfg(feature = "verifier")]
    verifier: Option<Arc<dyn rustls::client::danger::ServerCertVerifier>>,
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
        self.proxy = url.parse().map(Some);
        self
    }

    /// Sends this user name and this password to the proxy (RFC 7617), in place of those in its URL.
    /// The connection to a proxy is not encrypted. Without a proxy, they have no effect.
    pub fn proxy_credentials(mut self, name: &str, password: &str) -> Self {
        self.proxy_authorization = proxy_authorization(name, password).map(Some);
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

    /// Lets `verifier` judge the server's certificate in place of the CA certificates. For `logonbox
    /// check`, which sends no secret.
    #[cfg(feature = "verifier")]
    #[doc(hidden)]
    pub fn dangerous_verifier(
        mut self,
        verifier: Arc<dyn rustls::client::danger::ServerCertVerifier>,
    ) -> Self {
        self.verifier = Some(verifier);
        self
    }

    /// Makes the client. It sends nothing yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] if the CA certificates cannot be read, and [`ErrorKind::InvalidInput`]
    /// if the proxy is not a URL, its credentials cannot be sent, or the user agent cannot be a
    /// header.
    pub fn build(self) -> Result<Https, Error> {
        let user_agent = HeaderValue::try_from(self.user_agent)
            .map_err(|error| Error::new(ErrorKind::InvalidInput, "").with_source(error))?;
        let mut proxy = self.proxy?;
        if let (Some(proxy), Some(value)) = (&mut proxy, self.proxy_authorization?) {
            proxy.authorization = Some(value);
        }
        #[cfg_attr(
            not(feature = "verifier"),
            expect(unused_mut, reason = "nothing changes it")
        )]
        let mut tls = tls::config(&self.roots)?;
        #[cfg(feature = "verifier")]
        if let Some(verifier) = self.verifier {
            tls.dangerous().set_certificate_verifier(verifier);
        }
        let connector = Connector {
            proxy,
            tls: Arc::new(tls).into(),
            user_agent,
        };
        Ok(Https(Arc::new(Client {
            connector,
            connect_timeout: self.connect_timeout,
            idle: Mutex::new(None),
        })))
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
