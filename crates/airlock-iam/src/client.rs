//! The client, and the start of a login.

use std::fmt;
#[cfg(feature = "https")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bounded_https::HttpClient;
#[cfg(feature = "https")]
use bounded_https::{Https, HttpsBuilder, Roots};
use percent_encoding::utf8_percent_encode;

use crate::base_url::BaseUrl;
use crate::error::{Error, ErrorKind};
use crate::flow::{PasswordStep, RESERVED};
use crate::session::{Server, Session};

/// Logs users in through an Airlock IAM.
///
/// A client is cheap to clone, and clones share their connections. One client serves many logins at
/// the same time; each has its own cookies. Each request has a deadline. Dropping the future of a
/// call cancels its request.
///
/// The futures must run on a tokio runtime with I/O and time enabled, unless
/// [`http_client`](ClientBuilder::http_client) is used.
/// `blocking::Client` needs no runtime.
#[derive(Clone)]
pub struct Client(Arc<Server>);

impl Client {
    /// A client with the default settings.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] if the CA certificates cannot be read.
    pub fn new(base: BaseUrl) -> Result<Self, Error> {
        Self::builder(base).build()
    }

    /// Begins to configure a client.
    pub fn builder(base: BaseUrl) -> ClientBuilder {
        ClientBuilder {
            base,
            application: None,
            timeout: Duration::from_secs(5),
            http: None,
            #[cfg(feature = "https")]
            https: Https::builder()
                .user_agent(concat!("airlock-iam-rust/", env!("CARGO_PKG_VERSION"))),
        }
    }

    /// Begins a login without cookies. It clears the flow of an earlier login, and chooses the
    /// application if one is set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnsupportedStep`] if this Airlock does not begin with a password, or the reason
    /// why there is no answer. While [`Error::request_sent`] is false, nothing has left this host.
    pub async fn begin(&self) -> Result<PasswordStep, Error> {
        PasswordStep::begin(Session::new(Arc::clone(&self.0))).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.0.base)
            .finish_non_exhaustive()
    }
}

/// The application that a login is for. Most installations need no choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Application<'a> {
    /// Makes no choice.
    #[default]
    None,
    /// Chooses the default of the server.
    Default,
    /// Chooses the application with this id.
    Id(&'a str),
}

/// Configures a [`Client`]. Certificate checks cannot be turned off, and nothing is read from the
/// environment: no proxy, no CA file, no key log.
#[must_use]
pub struct ClientBuilder {
    base: BaseUrl,
    application: Option<String>,
    timeout: Duration,
    http: Option<Arc<dyn HttpClient>>,
    #[cfg(feature = "https")]
    https: HttpsBuilder,
}

impl fmt::Debug for ClientBuilder {
    /// Without the proxy: its URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// Chooses this application before the password.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an id that no application can have.
    pub fn application(mut self, application: Application<'_>) -> Result<Self, Error> {
        self.application = match application {
            Application::None => None,
            Application::Default => Some("default-application/access/".to_owned()),
            // Dots would change the path (WHATWG URL, "double-dot URL path segment").
            Application::Id("" | "." | "..") => {
                let what = "no application has such an id";
                return Err(Error::new(ErrorKind::InvalidInput, what));
            }
            Application::Id(id) => {
                let id = utf8_percent_encode(id, RESERVED);
                Some(format!("applications/{id}/access"))
            }
        };
        Ok(self)
    }

    /// The time for each request: name look-up, connection and answer; 5 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Trusts these CA certificates (PEM) instead of the system's. All of them must be usable, or
    /// [`build`](Self::build) fails.
    #[cfg(feature = "https")]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.https = self.https.roots(Roots::Pem(pem.into()));
        self
    }

    /// As [`ca_pem`](Self::ca_pem), with the content of the file `path`. Errors name the file.
    #[cfg(feature = "https")]
    pub fn ca_pem_from(mut self, path: impl Into<PathBuf>, pem: impl Into<Vec<u8>>) -> Self {
        self.https = self.https.roots(Roots::PemFile(path.into(), pem.into()));
        self
    }

    /// Connects through this proxy (`http://name:port`). TLS to Airlock runs inside the tunnel.
    #[cfg(feature = "https")]
    pub fn proxy(mut self, url: &str) -> Self {
        self.https = self.https.proxy(url);
        self
    }

    /// Sends this user name and this password to the proxy (RFC 7617). The connection to a proxy is
    /// not encrypted. Without a proxy, they have no effect.
    #[cfg(feature = "https")]
    pub fn proxy_credentials(mut self, name: &str, password: &str) -> Self {
        self.https = self.https.proxy_credentials(name, password);
        self
    }

    /// Sends the requests with this HTTP client. It must not keep cookies. The CA certificates and
    /// the proxy of this builder have no effect then.
    pub fn http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.http = Some(Arc::new(client));
        self
    }

    /// Makes the client. It sends nothing yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] if the CA certificates cannot be read, and [`ErrorKind::InvalidInput`]
    /// if the proxy is not a URL, if its credentials cannot be sent, or if there is no HTTP client.
    pub fn build(self) -> Result<Client, Error> {
        let http: Arc<dyn HttpClient> = if let Some(http) = self.http {
            http
        } else {
            #[cfg(feature = "https")]
            {
                Arc::new(self.https.connect_timeout(self.timeout).build()?)
            }
            #[cfg(not(feature = "https"))]
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "no HTTP client: call ClientBuilder::http_client, or enable the feature https",
            ));
        };
        Ok(Client(Arc::new(Server {
            base: self.base,
            application: self.application,
            http,
            timeout: self.timeout,
        })))
    }

    /// Makes a client whose methods block.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build), and [`ErrorKind::Local`] if no file descriptor is left.
    #[cfg(feature = "blocking")]
    pub fn build_blocking(self) -> Result<crate::blocking::Client, Error> {
        crate::blocking::Client::of(self.build()?)
    }
}
