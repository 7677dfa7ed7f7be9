//! What a client is made of. Each part can be replaced, as in every LogonBox client: for tests,
//! for pinned keys, or for another way to the tenant. An `Arc` of one is one, too.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::request::SignRequest;
use crate::secret::{Payload, Signature};

/// Where the public keys come from; by default, from the tenant.
///
/// Implement it where you want others: `examples/sources.rs` does. Another method will only come with
/// a body, so that yours goes on to compile; the same holds for the other sources.
pub trait KeySource: Send + Sync {
    /// The authorized-keys listing of `principal`, as text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuchAccount`] when there is no such principal, another kind when that
    /// cannot be told.
    fn list_keys(&self, principal: &str) -> Result<String, Error>;
}

impl<T: KeySource + ?Sized> KeySource for Arc<T> {
    fn list_keys(&self, principal: &str) -> Result<String, Error> {
        (**self).list_keys(principal)
    }
}

/// Who makes the signature; by default, the tenant, which asks the phone.
pub trait SignatureSource: Send + Sync {
    /// Asks for a signature over the request's payload, and waits for it. It is verified
    /// afterwards, wherever it comes from.
    ///
    /// # Errors
    ///
    /// Any kind. [`Error::request_sent`] of the error must be true once the phone may ring.
    fn request_signature(&self, request: &SignRequest) -> Result<Signature, Error>;
}

impl<T: SignatureSource + ?Sized> SignatureSource for Arc<T> {
    fn request_signature(&self, request: &SignRequest) -> Result<Signature, Error> {
        (**self).request_signature(request)
    }
}

/// Where randomness comes from; by default, the operating system.
pub trait RandomSource: Send + Sync {
    /// Fills `bytes` with random bytes fit for cryptography.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] when there are none.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

impl<T: RandomSource + ?Sized> RandomSource for Arc<T> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        (**self).fill(bytes)
    }
}

/// The operating system's random number generator, getrandom(2).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        getrandom::getrandom(bytes)
            .map_err(|error| Error::new(ErrorKind::Local, format!("no randomness: {error}")))
    }
}

/// How many bytes the phone signs; the published clients use the same number.
const PAYLOAD_BYTES: usize = 128;

/// A payload that nobody has seen before, which is what makes a signature prove anything: it
/// covers the payload alone, not the text, the principal or the key.
pub(crate) fn fresh_payload(random: &dyn RandomSource) -> Result<Payload, Error> {
    let mut bytes = vec![0; PAYLOAD_BYTES];
    random.fill(&mut bytes)?;
    Ok(Payload::from(bytes))
}
