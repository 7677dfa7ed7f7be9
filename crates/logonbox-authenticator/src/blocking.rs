//! The same client for programs without async code: the methods block.
//!
//! A client starts no thread. Several threads can share one, and ask at the same time. To cancel
//! a call, use the async client and drop the future.

use bounded_https::Authority as TenantAddress;
use bounded_https::blocking::EventLoop;

use crate::{
    AuthorizedKeys, ClientBuilder, Error, Payload, PublicKey, Redirect, Response, SignRequest,
};

/// Asks a tenant for keys and signatures, and blocks until it has them.
///
/// It has the methods of the async [`Client`](crate::Client), with the same results and errors.
///
/// # Panics
///
/// Inside an async runtime: use the async client there.
#[derive(Debug, Clone)]
pub struct Client {
    client: crate::Client,
    event_loop: EventLoop,
}

#[allow(clippy::missing_errors_doc, reason = "see the async client")]
impl Client {
    /// A client with the default settings. See [`Client::new`](crate::Client::new).
    pub fn new(tenant: &str) -> Result<Self, Error> {
        Self::builder(tenant.parse()?).build_blocking()
    }

    /// Begins to configure a client: end with [`build_blocking`](ClientBuilder::build_blocking).
    pub fn builder(tenant: TenantAddress) -> ClientBuilder {
        crate::Client::builder(tenant)
    }

    pub(crate) fn of(client: crate::Client) -> Result<Self, Error> {
        Ok(Self {
            client,
            event_loop: EventLoop::new()?,
        })
    }

    /// The async client under this one.
    #[must_use]
    pub fn as_async(&self) -> &crate::Client {
        &self.client
    }

    /// The key list as text. See [`Client::listing`](crate::Client::listing).
    pub fn listing(&self, principal: &str) -> Result<String, Error> {
        self.event_loop.run(self.client.listing(principal))
    }

    /// The keys of `principal`. See [`Client::keys`](crate::Client::keys).
    pub fn keys(&self, principal: &str) -> Result<AuthorizedKeys, Error> {
        self.event_loop.run(self.client.keys(principal))
    }

    /// The default key. See [`Client::choose`](crate::Client::choose).
    pub fn choose<'a>(&self, keys: &'a AuthorizedKeys) -> Result<&'a PublicKey, Error> {
        self.client.choose(keys)
    }

    /// The keys of the best algorithm. See [`Client::choices`](crate::Client::choices).
    #[must_use]
    pub fn choices<'a>(&self, keys: &'a AuthorizedKeys) -> Vec<&'a PublicKey> {
        self.client.choices(keys)
    }

    /// The key with this fingerprint or comment. See
    /// [`Client::choose_named`](crate::Client::choose_named).
    pub fn choose_named<'a>(
        &self,
        keys: &'a AuthorizedKeys,
        name: &str,
    ) -> Result<&'a PublicKey, Error> {
        self.client.choose_named(keys, name)
    }

    /// A request with a fresh payload. See [`Client::request`](crate::Client::request).
    pub fn request(&self, principal: &str, key: &PublicKey) -> Result<SignRequest, Error> {
        self.client.request(principal, key)
    }

    /// 128 random bytes. See [`Client::payload`](crate::Client::payload).
    pub fn payload(&self) -> Result<Payload, Error> {
        self.client.payload()
    }

    /// Sends the push and waits. See [`Client::sign`](crate::Client::sign).
    pub fn sign(&self, request: SignRequest) -> Result<Response, Error> {
        self.event_loop.run(self.client.sign(request))
    }

    /// A request that a browser carries. See [`Client::redirect`](crate::Client::redirect).
    pub fn redirect(
        &self,
        principal: &str,
        key: &PublicKey,
        redirect_url: &str,
    ) -> Result<Redirect, Error> {
        self.client.redirect(principal, key, redirect_url)
    }

    /// The whole login. See [`Client::authenticate`](crate::Client::authenticate).
    pub fn authenticate(&self, principal: &str) -> Result<Response, Error> {
        self.event_loop.run(self.client.authenticate(principal))
    }
}
