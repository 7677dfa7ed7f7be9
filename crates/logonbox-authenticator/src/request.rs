//! A question to a phone, its answer, and the proof that the answer is good.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::key::PublicKey;
use crate::secret::{Payload, Signature};

/// The words of one request, as they are shown: nothing in them is replaced any more. A request has
/// these three and no other, so all fields are public.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wording {
    /// Who asks.
    pub remote_name: String,
    /// The question.
    pub question: String,
    /// The button that says yes.
    pub authorize: String,
}

/// One question to one phone. It is used up by asking, so that no payload is signed twice.
pub struct SignRequest {
    principal: String,
    key: PublicKey,
    wording: Wording,
    payload: Payload,
}

impl SignRequest {
    /// A request with words and a payload of your own. The payload must be one that was never
    /// signed before; [`Client::request`](crate::Client::request) takes care of that.
    #[must_use]
    pub fn new(principal: &str, key: &PublicKey, wording: Wording, payload: Payload) -> Self {
        Self {
            principal: principal.to_owned(),
            key: key.clone(),
            wording,
            payload,
        }
    }

    /// Whose phone shall ring, as the tenant calls the person.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// The key whose phone shall sign.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What the phone shows.
    #[must_use]
    pub fn wording(&self) -> &Wording {
        &self.wording
    }

    /// What the phone signs. A secret until the request has ended.
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

/// What came back: a signature that has not been looked at yet. It means nothing before
/// [`verify`](Response::verify).
#[must_use = "a response proves nothing until it is verified"]
pub struct Response {
    request: SignRequest,
    signature: Signature,
}

impl Response {
    /// Puts a request and a signature together, wherever the signature was made.
    pub fn new(request: SignRequest, signature: Signature) -> Self {
        Self { request, signature }
    }

    /// Verifies the signature over the request's payload with the request's key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadSignature`], when it is not that key's signature of that payload.
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

/// Proof that the phone has signed: only [`Response::verify`] makes one, and it cannot be cloned.
/// Take one by value where a person is let in, and each approval lets in once.
#[derive(Debug)]
#[must_use = "this is the answer to whether the person approved"]
pub struct Approval {
    principal: String,
    key: PublicKey,
}

impl Approval {
    /// Who approved, written as the request had it. Whether the tenant takes other spellings for the
    /// same person is not known, so compare it with nothing but what was asked for.
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
