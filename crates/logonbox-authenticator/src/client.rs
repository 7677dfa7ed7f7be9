//! The client: keys, request, response.

use std::fmt;
#[cfg(feature = "https")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bounded_https::{Authority as TenantAddress, HttpClient};
#[cfg(feature = "https")]
use bounded_https::{Https, HttpsBuilder, Roots};

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
/// A client is cheap to clone, and clones share their connections. One client serves many logins at
/// the same time. Each call has a deadline. Dropping the future of a call cancels its request.
///
/// The futures must run on a tokio runtime with I/O and time enabled, unless
/// [`http_client`](ClientBuilder::http_client) is used.
/// `blocking::Client` needs no runtime.
///
/// A *principal* is the tenant's name for a user, usually a mail address. It can be any text: it is
/// percent-encoded in URLs (RFC 3986, section 2.1).
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    keys: Arc<dyn KeySource>,
    signatures: Arc<dyn SignatureSource>,
    random: Box<dyn RandomSource>,
    tenant: TenantAddress,
    algorithms: Vec<Algorithm>,
    texts: Texts,
    redirect_time: Duration,
}

impl Client {
    /// A client with the default settings, for a tenant such as `acme.logonbox.directory` or
    /// `acme.logonbox.directory:8443`. It sends nothing yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if `tenant` is not a host with an optional port, and
    /// [`ErrorKind::Local`] if the CA certificates cannot be read.
    pub fn new(tenant: &str) -> Result<Self, Error> {
        Self::builder(tenant.parse()?).build()
    }

    /// Begins to configure a client.
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
            http: None,
            #[cfg(feature = "https")]
            https: Https::builder().user_agent(concat!(
                "logonbox-authenticator-rust/",
                env!("CARGO_PKG_VERSION")
            )),
            #[cfg(feature = "https")]
            ca_file: None,
            connect_timeout: Duration::from_secs(5),
            person_timeout: Duration::from_secs(60),
            redirect_time: DEFAULT_REDIRECT_TIME,
        }
    }

    /// The key list of `principal` as the tenant publishes it, at most 256 KiB. Invalid UTF-8 in it
    /// becomes U+FFFD.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuchAccount`] (HTTP status 404), [`ErrorKind::Forbidden`] (403),
    /// [`ErrorKind::TooManyRequests`] (429), [`ErrorKind::InvalidInput`] for a principal that no
    /// URL can name (`""`, `"."`, `".."`), or the reason why there is no list. No phone has rung.
    pub async fn listing(&self, principal: &str) -> Result<String, Error> {
        self.0.keys.list_keys(principal).await
    }

    /// The keys of `principal`.
    ///
    /// # Errors
    ///
    /// As for [`listing`](Self::listing), and [`ErrorKind::NotUnderstood`] if the answer is not a
    /// key list.
    pub async fn keys(&self, principal: &str) -> Result<AuthorizedKeys, Error> {
        let keys = AuthorizedKeys::parse(&self.listing(principal).await?)?;
        log::debug!(
            "key list: {} usable keys, {} lines skipped",
            keys.keys().len(),
            keys.skipped().len()
        );
        Ok(keys)
    }

    /// The default key: the first of the [choices](Self::choices).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoUsableKey`], with a detail that lists the keys that were found.
    pub fn choose<'a>(&self, keys: &'a AuthorizedKeys) -> Result<&'a PublicKey, Error> {
        let choices = self.choices(keys);
        choices.first().copied().ok_or_else(|| no_usable_key(keys))
    }

    /// The keys of the best allowed algorithm, in the order of the list: the Ed25519 keys, or else
    /// the RSA keys. A LogonBox credential publishes a key of each algorithm, so this has one key
    /// per credential.
    #[must_use]
    pub fn choices<'a>(&self, keys: &'a AuthorizedKeys) -> Vec<&'a PublicKey> {
        self.best(keys, |_| true)
    }

    /// The key with this fingerprint (`SHA256:…`) or comment. If several keys have the comment: the
    /// first of the best algorithm. A name that starts with `SHA256:` is never a comment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoUsableKey`] if no key of an allowed algorithm has this name.
    pub fn choose_named<'a>(
        &self,
        keys: &'a AuthorizedKeys,
        name: &str,
    ) -> Result<&'a PublicKey, Error> {
        let named = if name.starts_with("SHA256:") {
            self.best(keys, |key| key.fingerprint() == name)
        } else {
            self.best(keys, |key| key.comment() == name)
        };
        named.first().copied().ok_or_else(|| {
            let what = format!("none is named {name:?}");
            Error::new(ErrorKind::NoUsableKey, what)
        })
    }

    /// The wanted keys of the best allowed algorithm that has one.
    fn best<'a>(
        &self,
        keys: &'a AuthorizedKeys,
        wanted: impl Fn(&PublicKey) -> bool,
    ) -> Vec<&'a PublicKey> {
        let usable = || {
            let keys = keys.keys().iter();
            keys.filter(|key| self.0.algorithms.contains(&key.algorithm()) && wanted(key))
        };
        let mut best = Algorithm::ALL.iter();
        let best = best.find(|&&best| usable().any(|key| key.algorithm() == best));
        usable()
            .filter(|key| Some(&key.algorithm()) == best)
            .collect()
    }

    /// A request with the client's texts and a fresh payload.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] if the random number generator fails.
    pub fn request(&self, principal: &str, key: &PublicKey) -> Result<SignRequest, Error> {
        let texts = &self.0.texts;
        let wording = Wording {
            remote_name: texts.remote_name.clone(),
            question: texts.question(principal, self.0.tenant.host()),
            authorize: texts.authorize.clone(),
        };
        Ok(SignRequest::new(principal, key, wording, self.payload()?))
    }

    /// 128 random bytes for a request with your own words ([`SignRequest::new`]). The vendor's
    /// clients use the same length. The first bit is always 1, so that the bytes cannot be SSH
    /// user-authentication data, which the same phone may sign, too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] if the random number generator fails.
    pub fn payload(&self) -> Result<Payload, Error> {
        fresh_payload(&*self.0.random)
    }

    /// Sends the push and waits for the signature. The request is sent once and never repeated.
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Declined`], [`ErrorKind::Refused`], [`ErrorKind::TimedOut`] (also if the
    /// connection ends while the phone rings), or the reason why there is no answer.
    /// [`Error::request_sent`] tells whether the phone may have rung.
    pub async fn sign(&self, request: SignRequest) -> Result<Response, Error> {
        log::debug!(
            "asking for a signature with {}",
            request.key().fingerprint()
        );
        let signature = self.0.signatures.request_signature(&request).await?;
        Ok(Response::new(request, signature))
    }

    /// Makes a request that the user's browser carries to the tenant. The tenant sends the browser
    /// back to `redirect_url`. It must be an absolute URL that holds `{response}` once
    /// ([`RESPONSE_PLACEHOLDER`](crate::RESPONSE_PLACEHOLDER)). Take its host from your
    /// configuration, never from the Host header.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for any other `redirect_url`, and [`ErrorKind::Local`] if the
    /// random number generator or the clock fails.
    #[expect(clippy::disallowed_methods, reason = "the time of a web application")]
    pub fn redirect(
        &self,
        principal: &str,
        key: &PublicKey,
        redirect_url: &str,
    ) -> Result<Redirect, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_err(|_| Error::new(ErrorKind::Local, "the clock is before 1970"))?;
        let expires = now.saturating_add(self.0.redirect_time).as_secs();
        let (texts, random) = (&self.0.texts, &*self.0.random);
        let request = RedirectRequest::new(principal, key, texts, redirect_url, random, expires)?;
        Ok(Redirect {
            url: request.url(&self.0.tenant),
            request,
        })
    }

    /// The whole login: fetches the keys, chooses one and sends the push. Call
    /// [`Response::verify`] on the result.
    ///
    /// # Errors
    ///
    /// As for [`keys`](Self::keys), [`choose`](Self::choose) and [`sign`](Self::sign).
    pub async fn authenticate(&self, principal: &str) -> Result<Response, Error> {
        let keys = self.keys(principal).await?;
        let request = self.request(principal, self.choose(&keys)?)?;
        self.sign(request).await
    }
}

fn no_usable_key(keys: &AuthorizedKeys) -> Error {
    let mut found: Vec<String> = keys
        .keys()
        .iter()
        .map(|key| format!("{} is not allowed", key.algorithm()))
        .chain(keys.skipped().iter().map(ToString::to_string))
        // A detail has no room for more.
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
            .field("tenant", &self.0.tenant)
            .field("algorithms", &self.0.algorithms)
            .field("texts", &self.0.texts)
            .finish_non_exhaustive()
    }
}

/// Configures a [`Client`]. Certificate checks cannot be turned off, and nothing is read from the
/// environment: no proxy, no CA file, no key log.
#[must_use]
pub struct ClientBuilder {
    tenant: TenantAddress,
    keys: Option<Arc<dyn KeySource>>,
    signatures: Option<Arc<dyn SignatureSource>>,
    random: Box<dyn RandomSource>,
    algorithms: Vec<Algorithm>,
    texts: Texts,
    http: Option<Arc<dyn HttpClient>>,
    #[cfg(feature = "https")]
    https: HttpsBuilder,
    #[cfg(feature = "https")]
    ca_file: Option<PathBuf>,
    connect_timeout: Duration,
    person_timeout: Duration,
    redirect_time: Duration,
}

impl fmt::Debug for ClientBuilder {
    /// Without the proxy: its URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("tenant", &self.tenant)
            .field("algorithms", &self.algorithms)
            .field("texts", &self.texts)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// The texts on the phone.
    pub fn texts(mut self, texts: Texts) -> Self {
        self.texts = texts;
        self
    }

    /// The algorithms that may sign; all by default. The order has no effect: Ed25519 is better
    /// than RSA.
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// The time for the name look-up and the connection, and for each whole request that needs no
    /// person, such as the key list; 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The time for a whole sign request, from the connection to the last byte of the answer; 60 s
    /// by default. It is not known how long the tenant itself waits.
    pub fn person_timeout(mut self, timeout: Duration) -> Self {
        self.person_timeout = timeout;
        self
    }

    /// How long a redirect request is valid, in whole seconds; [`DEFAULT_REDIRECT_TIME`] by
    /// default.
    pub fn redirect_time(mut self, time: Duration) -> Self {
        self.redirect_time = time;
        self
    }

    /// Trusts these CA certificates (PEM) instead of the system's
    /// ([`SYSTEM_CA_FILES`](crate::SYSTEM_CA_FILES)). All of them must be usable, or
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

    /// Trusts the CA certificates in this PEM file instead of the system's. [`build`](Self::build)
    /// reads it.
    #[cfg(feature = "https")]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Connects through this proxy (`http://name:port`). TLS to the tenant runs inside the tunnel
    /// (RFC 9110, section 9.3.6).
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

    /// Sends the requests with this HTTP client. The CA certificates and the proxy of
    /// this builder have no effect then.
    pub fn http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.http = Some(Arc::new(client));
        self
    }

    /// Takes the keys from this source instead of the tenant.
    pub fn key_source(mut self, source: impl KeySource + 'static) -> Self {
        self.keys = Some(Arc::new(source));
        self
    }

    /// Takes the signatures from this source instead of the tenant.
    pub fn signature_source(mut self, source: impl SignatureSource + 'static) -> Self {
        self.signatures = Some(Arc::new(source));
        self
    }

    /// Takes the random bytes from this source, for tests. A predictable payload proves nothing.
    pub fn random_source(mut self, source: impl RandomSource + 'static) -> Self {
        self.random = Box::new(source);
        self
    }

    /// Makes the client. It sends nothing yet. If both sources are replaced, it has no HTTP client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] if the CA certificates cannot be read, and [`ErrorKind::InvalidInput`]
    /// if the proxy is not a URL, if its credentials cannot be sent, or if there is no HTTP client.
    pub fn build(mut self) -> Result<Client, Error> {
        let (keys, signatures) = match (self.keys.take(), self.signatures.take()) {
            (Some(keys), Some(signatures)) => (keys, signatures),
            (keys, signatures) => {
                let tenant = Arc::new(HttpsTenant {
                    address: self.tenant.clone(),
                    http: self.http()?,
                    connect_timeout: self.connect_timeout,
                    person_timeout: self.person_timeout,
                });
                (
                    keys.unwrap_or_else(|| tenant.clone()),
                    signatures.unwrap_or(tenant),
                )
            }
        };
        Ok(Client(Arc::new(Inner {
            keys,
            signatures,
            random: self.random,
            tenant: self.tenant,
            algorithms: self.algorithms,
            texts: self.texts,
            redirect_time: self.redirect_time,
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

    fn http(&self) -> Result<Arc<dyn HttpClient>, Error> {
        if let Some(http) = &self.http {
            return Ok(http.clone());
        }
        #[cfg(feature = "https")]
        {
            let mut https = self.https.clone().connect_timeout(self.connect_timeout);
            if let Some(path) = &self.ca_file {
                let pem = std::fs::read(path).map_err(|error| {
                    let what = format!("{}: {error}", path.display());
                    Error::new(ErrorKind::Local, what).with_source(error)
                })?;
                https = https.roots(Roots::PemFile(path.clone(), pem));
            }
            Ok(Arc::new(https.build()?))
        }
        #[cfg(not(feature = "https"))]
        Err(Error::new(
            ErrorKind::InvalidInput,
            "no HTTP client: call ClientBuilder::http_client, or enable the feature https",
        ))
    }
}
