//! The request to a phone, its response, and the proof of a valid response.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::key::PublicKey;
use crate::secret::{Payload, Signature};

/// The texts of one request as the phone shows them, without placeholders. The protocol has only
/// these three, so all fields are public.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wording {
    /// The name of the program that asks.
    pub remote_name: String,
    /// The question.
    pub question: String,
    /// The button that approves.
    pub authorize: String,
}

/// A request to one phone. Sending uses it up, so that no payload is signed twice.
pub struct SignRequest {
    principal: String,
    key: PublicKey,
    wording: Wording,
    payload: Payload,
}

impl SignRequest {
    /// A request with your own wording and payload. The payload must be fresh: it must not have
    /// been signed before. [`Client::request`](crate::Client::request) takes care of that.
    #[must_use]
    pub fn new(principal: &str, key: &PublicKey, wording: Wording, payload: Payload) -> Self {
        Self {
            principal: principal.to_owned(),
            key: key.clone(),
            wording,
            payload,
        }
    }

    /// The user whose phone shall ring: the tenant's name for the user.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// The key that shall sign.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The texts on the phone.
    #[must_use]
    pub fn wording(&self) -> &Wording {
        &self.wording
    }

    /// The bytes that the phone signs. They are secret until the request has ended.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.payload.as_bytes()
    }
}

impl fmt::Debug for SignRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignRequest")
            .field("principal", &self.principal)
            .field("key", &self.key)
            .field("wording", &self.wording)
            .finish_non_exhaustive()
    }
}

/// A signature that was not verified yet. Only [`verify`](Response::verify) gives it a meaning.
#[must_use = "a response proves nothing until it is verified"]
pub struct Response {
    request: SignRequest,
    signature: Signature,
}

impl Response {
    /// Combines a request with a signature of any source.
    pub fn new(request: SignRequest, signature: Signature) -> Self {
        Self { request, signature }
    }

    /// Verifies the signature over the request's payload with the request's key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadSignature`] if it is not that key's signature of that payload.
    pub fn verify(&self) -> Result<Approval, Error> {
        let SignRequest {
            principal,
            key,
            payload,
            ..
        } = &self.request;
        key.verify(payload.as_bytes(), self.signature.as_bytes())
            .map_err(|_| Error::new(ErrorKind::BadSignature, "").after_sending())?;
        Ok(Approval {
            principal: principal.clone(),
            key: key.clone(),
        })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// The proof that the phone has signed. Only verification makes one, and it cannot be cloned. If
/// your function that admits a user takes it by value, each approval admits once.
#[derive(Debug)]
#[must_use = "this is the answer to whether the person approved"]
pub struct Approval {
    principal: String,
    key: PublicKey,
}

impl Approval {
    /// The user who approved, spelled as in the request. The tenant may accept other spellings of
    /// the same user, so compare it only with the name in your request.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// The key that signed.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}
