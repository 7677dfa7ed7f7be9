//! The client: where Airlock is, and how to begin a login there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bounded_https::{Canceller, Options, Roots, Transport};
use percent_encoding::utf8_percent_encode;

use crate::base_url::BaseUrl;
use crate::error::{Error, ErrorKind};
use crate::flow::{PasswordStep, RESERVED};
use crate::session::{Server, Session};

/// Logs people in through an Airlock IAM.
///
/// A client keeps one connection open between its calls, on a thread of its own; dropping the
/// client, and all the steps that came from it, closes both. Calls block, each of their
/// requests at most for the client's timeout, and end at once when its [`Canceller`] is used.
pub struct Client {
    server: Arc<Server>,
    /// The path of the call that chooses it.
    application: Option<String>,
}

impl Client {
    /// A client with all the defaults.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] when this machine has no thread, descriptors or CA certificates.
    pub fn new(base: BaseUrl) -> Result<Self, Error> {
        Self::builder(base).build()
    }

    /// A client to be set up.
    pub fn builder(base: BaseUrl) -> ClientBuilder {
        ClientBuilder {
            base,
            application: None,
            options: Options {
                roots: Roots::System,
                proxy: None,
                connect_timeout: Duration::from_secs(5),
                canceller: Canceller::new(),
                user_agent: concat!("airlock-iam-rust/", env!("CARGO_PKG_VERSION")),
            },
        }
    }

    /// Begins a login, with no cookies: clears what an earlier flow may have left, and chooses
    /// the application where one is set.
    ///
    /// # Errors
    ///
    /// Why there is no answer; [`ErrorKind::UnsupportedStep`] when this Airlock does not begin
    /// with a password. While [`Error::request_sent`] is false, nothing has left this machine.
    pub fn begin(&self) -> Result<PasswordStep, Error> {
        PasswordStep::begin(
            Session::new(Arc::clone(&self.server)),
            self.application.as_deref(),
        )
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.server.base)
            .finish_non_exhaustive()
    }
}

/// Which application a login is for. Most set-ups need none to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Application<'a> {
    /// None is chosen.
    #[default]
    None,
    /// The server's default.
    Default,
    /// The one with this id.
    Id(&'a str),
}

/// Sets up a [`Client`]. Certificate checks cannot be turned off, and nothing is taken from the
/// environment: no proxy, no CA file, no key log.
#[must_use]
pub struct ClientBuilder {
    base: BaseUrl,
    application: Option<String>,
    options: Options,
}

impl ClientBuilder {
    /// Choose this application before the password.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an id that none can have.
    pub fn application(mut self, application: Application<'_>) -> Result<Self, Error> {
        self.application = match application {
            Application::None => None,
            Application::Default => Some("default-application/access/".to_owned()),
            // As part of a path, dots walk up (WHATWG URL, "double-dot URL path segment").
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

    /// For every call: name look-up, connection and answer; 5 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// Believe these CA certificates (PEM) instead of the system's.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.options.roots = Roots::Pem(pem.into());
        self
    }

    /// Go through this proxy (`http://name:port`).
    pub fn proxy(mut self, url: &str) -> Self {
        self.options.proxy = Some(url.to_owned());
        self
    }

    /// Lets another thread stop the client.
    pub fn canceller(mut self, canceller: &Canceller) -> Self {
        self.options.canceller = canceller.clone();
        self
    }

    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] when this machine has no thread, descriptors or CA certificates,
    /// [`ErrorKind::InvalidInput`] for a proxy that is no URL.
    pub fn build(self) -> Result<Client, Error> {
        let timeout = self.options.connect_timeout;
        Ok(Client {
            server: Arc::new(Server {
                base: self.base,
                transport: Transport::start(self.options)?,
                timeout,
            }),
            application: self.application,
        })
    }
}
