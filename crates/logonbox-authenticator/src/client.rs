//! The client: keys, request, response.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bounded_https::{Authority as TenantAddress, Canceller, Options, Roots, Transport};

use crate::authorized_keys::AuthorizedKeys;
use crate::error::{Error, ErrorKind};
use crate::https::HttpsTenant;
use crate::key::{Algorithm, PublicKey};
use crate::redirect::{DEFAULT_REDIRECT_TIME, Redirect, RedirectRequest};
use crate::request::{Response, SignRequest, Wording};
use crate::secret::Payload;
use crate::source::{KeySource, RandomSource, SignatureSource, SystemRandom, fresh_payload};
use crate::text::Texts;

/// Asks a tenant for keys and signatures.
///
/// A client keeps one connection open between its calls, on a thread of its own; dropping the
/// client closes both. Calls block, each at most for its timeout, and end at once when the
/// client's [`Canceller`] is used. A client can be shared by threads, which then call one after the
/// other: while a person is asked, nobody else is.
///
/// A *principal* is what the tenant calls a person, usually a mail address. It can be any text:
/// where it gets into a URL, it is percent-encoded (RFC 3986, section 2.1).
pub struct Client {
    keys: Arc<dyn KeySource>,
    signatures: Arc<dyn SignatureSource>,
    random: Box<dyn RandomSource>,
    tenant: TenantAddress,
    algorithms: Vec<Algorithm>,
    texts: Texts,
    redirect_time: Duration,
}

impl Client {
    /// A client with all the defaults, for a tenant such as `acme.logonbox.directory`, or
    /// `acme.logonbox.directory:8443`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when `tenant` is no host with an optional port, and
    /// [`ErrorKind::Local`] when this machine has no thread, descriptors or CA certificates.
    pub fn new(tenant: &str) -> Result<Self, Error> {
        Self::builder(tenant.parse()?).build()
    }

    /// A client to be set up.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use logonbox_authenticator::{Client, Error};
    ///
    /// # fn main() -> Result<(), Error> {
    /// let client = Client::builder("acme.logonbox.directory".parse()?)
    ///     .person_timeout(Duration::from_secs(30))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(tenant: TenantAddress) -> ClientBuilder {
        ClientBuilder {
            tenant,
            keys: None,
            signatures: None,
            random: Box::new(SystemRandom),
            algorithms: Algorithm::ALL.to_vec(),
            texts: Texts::default(),
            options: Options {
                roots: Roots::System,
                proxy: None,
                connect_timeout: Duration::from_secs(5),
                canceller: Canceller::new(),
                user_agent: concat!("logonbox-authenticator-rust/", env!("CARGO_PKG_VERSION")),
            },
            person_timeout: Duration::from_secs(60),
            redirect_time: DEFAULT_REDIRECT_TIME,
            ca_file: None,
        }
    }

    /// The key list of `principal`, as the tenant publishes it: at most 256 KiB, and not looked at.
    /// What is not UTF-8 in it becomes U+FFFD.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuchAccount`] (HTTP status 404), [`ErrorKind::InvalidInput`] for a principal
    /// that no URL can name (`""`, `"."`, `".."`), or why the list could not be had. No phone has rung.
    pub fn listing(&self, principal: &str) -> Result<String, Error> {
        self.keys.list_keys(principal)
    }

    /// The keys of `principal`, one per phone.
    ///
    /// # Errors
    ///
    /// As [`listing`](Self::listing), and [`ErrorKind::NotUnderstood`] when what comes is no
    /// key list.
    pub fn keys(&self, principal: &str) -> Result<AuthorizedKeys, Error> {
        let keys = AuthorizedKeys::parse(&self.listing(principal)?)?;
        log::debug!(
            "key list: {} usable keys, {} lines skipped",
            keys.keys().len(),
            keys.skipped().len()
        );
        Ok(keys)
    }

    /// The key that signs unless another is chosen: the first of an allowed algorithm, as in the
    /// vendor's clients.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoUsableKey`], with what was found instead.
    pub fn choose<'a>(&self, keys: &'a AuthorizedKeys) -> Result<&'a PublicKey, Error> {
        self.find(keys, |_| true).ok_or_else(|| no_usable_key(keys))
    }

    /// The first key of an allowed algorithm with this comment, which is usually the name of a phone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoUsableKey`], when there is none of an allowed algorithm.
    pub fn choose_by_comment<'a>(
        &self,
        keys: &'a AuthorizedKeys,
        comment: &str,
    ) -> Result<&'a PublicKey, Error> {
        self.find(keys, |key| key.comment() == comment)
            .ok_or_else(|| {
                let what = format!("none with the comment {comment:?}");
                Error::new(ErrorKind::NoUsableKey, what)
            })
    }

    fn find<'a>(
        &self,
        keys: &'a AuthorizedKeys,
        wanted: impl Fn(&PublicKey) -> bool,
    ) -> Option<&'a PublicKey> {
        keys.keys()
            .iter()
            .find(|key| self.algorithms.contains(&key.algorithm()) && wanted(key))
    }

    /// A request with the client's texts and a fresh payload.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`], when there is no randomness.
    pub fn request(&self, principal: &str, key: &PublicKey) -> Result<SignRequest, Error> {
        let wording = Wording {
            remote_name: self.texts.remote_name.clone(),
            question: self.texts.question(principal, self.tenant.host()),
            authorize: self.texts.authorize.clone(),
        };
        Ok(SignRequest::new(principal, key, wording, self.payload()?))
    }

    /// 128 random bytes for a request of your own words ([`SignRequest::new`]). The vendor's clients
    /// send as many.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`], when there is no randomness.
    pub fn payload(&self) -> Result<Payload, Error> {
        fresh_payload(&*self.random)
    }

    /// Rings the phone and waits for its signature. The request goes out once, whatever the
    /// connection does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Declined`], [`ErrorKind::Refused`], [`ErrorKind::TimedOut`], or why there is
    /// no answer; [`Error::request_sent`] tells whether the phone may have rung.
    pub fn sign(&self, request: SignRequest) -> Result<Response, Error> {
        log::debug!(
            "asking for a signature with {}",
            request.key().fingerprint()
        );
        let signature = self.signatures.request_signature(&request)?;
        Ok(Response::new(request, signature))
    }

    /// A request for a person's browser to carry to the tenant. `redirect_url` is where the tenant
    /// sends the browser back to: an absolute URL that holds `{response}` once
    /// ([`RESPONSE_PLACEHOLDER`](crate::RESPONSE_PLACEHOLDER)). Make it of what your configuration
    /// says, never of the request's Host header.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for another `redirect_url`, [`ErrorKind::Local`] when there is
    /// no randomness.
    #[expect(clippy::disallowed_methods, reason = "the time of a web application")]
    pub fn redirect(
        &self,
        principal: &str,
        key: &PublicKey,
        redirect_url: &str,
    ) -> Result<Redirect, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_err(|_| Error::new(ErrorKind::Local, "the clock is before 1970"))?;
        let expires = now.saturating_add(self.redirect_time).as_secs();
        let (texts, random) = (&self.texts, &*self.random);
        let request = RedirectRequest::new(principal, key, texts, redirect_url, random, expires)?;
        Ok(Redirect {
            url: request.url(&self.tenant),
            request,
        })
    }

    /// All in one: lists the keys, chooses the first, asks its phone. What is left to do is
    /// [`Response::verify`].
    ///
    /// # Errors
    ///
    /// As [`keys`](Self::keys), [`choose`](Self::choose) and [`sign`](Self::sign).
    pub fn authenticate(&self, principal: &str) -> Result<Response, Error> {
        let keys = self.keys(principal)?;
        let request = self.request(principal, self.choose(&keys)?)?;
        self.sign(request)
    }
}

fn no_usable_key(keys: &AuthorizedKeys) -> Error {
    let mut found: Vec<String> = keys
        .keys()
        .iter()
        .map(|key| format!("{} is not allowed", key.algorithm()))
        .chain(keys.skipped().iter().map(ToString::to_string))
        // An error's detail has no room for more.
        .take(10)
        .collect();
    if found.is_empty() {
        found.push("the list is empty".to_owned());
    }
    Error::new(ErrorKind::NoUsableKey, found.join("; "))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("tenant", &self.tenant)
            .field("algorithms", &self.algorithms)
            .field("texts", &self.texts)
            .finish_non_exhaustive()
    }
}

/// Sets up a [`Client`]. Certificate checks cannot be turned off, and nothing is taken from the
/// environment: no proxy, no CA file, no key log.
#[must_use]
pub struct ClientBuilder {
    tenant: TenantAddress,
    keys: Option<Arc<dyn KeySource>>,
    signatures: Option<Arc<dyn SignatureSource>>,
    random: Box<dyn RandomSource>,
    algorithms: Vec<Algorithm>,
    texts: Texts,
    options: Options,
    person_timeout: Duration,
    redirect_time: Duration,
    ca_file: Option<PathBuf>,
}

impl fmt::Debug for ClientBuilder {
    /// Without the proxy, whose URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("tenant", &self.tenant)
            .field("algorithms", &self.algorithms)
            .field("texts", &self.texts)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// The words on the phone.
    pub fn texts(mut self, texts: Texts) -> Self {
        self.texts = texts;
        self
    }

    /// The algorithms that may sign; all by default.
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// For the name look-up, the connection, and every answer that needs no person, such as a
    /// key list with all that is before it; 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// For the person: the whole of a sign request, from a new connection where one is needed to the
    /// last byte of the answer; 60 s by default. How long the tenant waits is not known.
    pub fn person_timeout(mut self, timeout: Duration) -> Self {
        self.person_timeout = timeout;
        self
    }

    /// How long a redirect's response is waited for, in whole seconds; [`DEFAULT_REDIRECT_TIME`]
    /// by default.
    pub fn redirect_time(mut self, time: Duration) -> Self {
        self.redirect_time = time;
        self
    }

    /// Believe these CA certificates (PEM) instead of the system's
    /// ([`SYSTEM_CA_FILES`](crate::SYSTEM_CA_FILES)). All must be good, or
    /// [`build`](Self::build) fails.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.options.roots = Roots::Pem(pem.into());
        self
    }

    /// Believe the CA certificates in this PEM file instead of the system's. It is read by
    /// [`build`](Self::build).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Go through this proxy (`http://name:port`), with TLS to the tenant inside (RFC 9110, section
    /// 9.3.6).
    pub fn proxy(mut self, url: &str) -> Self {
        self.options.proxy = Some(url.to_owned());
        self
    }

    /// Lets another thread stop the client.
    pub fn canceller(mut self, canceller: &Canceller) -> Self {
        self.options.canceller = canceller.clone();
        self
    }

    /// Take the keys from elsewhere.
    pub fn key_source(mut self, source: impl KeySource + 'static) -> Self {
        self.keys = Some(Arc::new(source));
        self
    }

    /// Take the signatures from elsewhere.
    pub fn signature_source(mut self, source: impl SignatureSource + 'static) -> Self {
        self.signatures = Some(Arc::new(source));
        self
    }

    /// Take randomness from elsewhere: for tests. A payload that can be foretold proves nothing.
    pub fn random_source(mut self, source: impl RandomSource + 'static) -> Self {
        self.random = Box::new(source);
        self
    }

    /// Makes the client. Nothing is sent yet; where both sources were replaced, there is no
    /// thread either.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] when this machine has no thread, descriptors or CA certificates,
    /// [`ErrorKind::InvalidInput`] for a proxy that is no URL.
    pub fn build(mut self) -> Result<Client, Error> {
        if self.options.canceller.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, ""));
        }
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read(path).map_err(|error| {
                Error::new(ErrorKind::Local, format!("{}: {error}", path.display()))
            })?;
            self.options.roots = Roots::Pem(pem);
        }
        let address = self.tenant.clone();
        let (keys, signatures) = match (self.keys, self.signatures) {
            (Some(keys), Some(signatures)) => (keys, signatures),
            (keys, signatures) => {
                let connect_timeout = self.options.connect_timeout;
                let tenant = Arc::new(HttpsTenant {
                    address: self.tenant,
                    transport: Transport::start(self.options)
                        .map_err(|failure| Error::of_transport(&failure))?,
                    connect_timeout,
                    person_timeout: self.person_timeout,
                });
                (
                    keys.unwrap_or_else(|| tenant.clone()),
                    signatures.unwrap_or(tenant),
                )
            }
        };
        Ok(Client {
            keys,
            signatures,
            random: self.random,
            tenant: address,
            algorithms: self.algorithms,
            texts: self.texts,
            redirect_time: self.redirect_time,
        })
    }
}
