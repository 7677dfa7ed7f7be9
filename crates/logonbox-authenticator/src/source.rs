//! The replaceable parts of a client, as in the vendor's clients: for tests, for pinned keys, or
//! for another way to the tenant. An `Arc` of a source is a source, too.

use std::sync::Arc;

use bounded_https::BoxFuture;

use crate::error::{Error, ErrorKind};
use crate::request::SignRequest;
use crate::secret::{Payload, Signature};

/// The source of public keys; by default, the tenant.
///
/// `examples/sources.rs` implements one. New methods will have a default body, so that your source
/// goes on to compile. The same holds for the other sources.
pub trait KeySource: Send + Sync {
    /// The authorized-keys listing of `principal`, as text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuchAccount`] if there is no such principal, and another kind if that is not
    /// known.
    fn list_keys<'a>(&'a self, principal: &'a str) -> BoxFuture<'a, Result<String, Error>>;
}

impl<T: KeySource + ?Sized> KeySource for Arc<T> {
    fn list_keys<'a>(&'a self, principal: &'a str) -> BoxFuture<'a, Result<String, Error>> {
        (**self).list_keys(principal)
    }
}

/// The source of signatures; by default, the tenant, which asks the phone.
pub trait SignatureSource: Send + Sync {
    /// Asks for a signature over the request's payload and waits for it. [`Response::verify`]
    /// checks it afterwards. Dropping the future must end the request.
    ///
    /// [`Response::verify`]: crate::Response::verify
    ///
    /// # Errors
    ///
    /// Any kind. [`Error::request_sent`] must be true if the phone may ring.
    fn request_signature<'a>(
        &'a self,
        request: &'a SignRequest,
    ) -> BoxFuture<'a, Result<Signature, Error>>;
}

impl<T: SignatureSource + ?Sized> SignatureSource for Arc<T> {
    fn request_signature<'a>(
        &'a self,
        request: &'a SignRequest,
    ) -> BoxFuture<'a, Result<Signature, Error>> {
        (**self).request_signature(request)
    }
}

/// The source of random bytes; by default, the operating system.
pub trait RandomSource: Send + Sync {
    /// Fills `bytes` with random bytes that are fit for cryptography.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] if it cannot.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

impl<T: RandomSource + ?Sized> RandomSource for Arc<T> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        (**self).fill(bytes)
    }
}

/// The random number generator of the operating system, getrandom(2).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        getrandom::getrandom(bytes).map_err(|error| {
            let what = format!("no randomness: {error}");
            Error::new(ErrorKind::Local, what).with_source(error)
        })
    }
}

/// The length of the payload in the vendor's clients.
const PAYLOAD_BYTES: usize = 128;

/// A payload that was never used before. The signature covers only the payload, not the text, the
/// principal or the key, so a fresh payload is what makes it a proof.
pub(crate) fn fresh_payload(random: &dyn RandomSource) -> Result<Payload, Error> {
    let mut bytes = vec![0; PAYLOAD_BYTES];
    random.fill(&mut bytes)?;
    // The vendor's SSH agent sends SSH user-authentication data to the same phone. It begins with
    // the length of the session identifier (RFC 4252, section 7). With the top bit, that length is
    // at least 2^31, so the signature of a payload never opens an SSH session. The top bit excludes
    // a redirect request, SSHSIG, TLS 1.3 and DER, too: their first byte is below 0x80.
    if let Some(first) = bytes.first_mut() {
        *first |= 0x80;
    }
    Ok(Payload::from(bytes))
}
