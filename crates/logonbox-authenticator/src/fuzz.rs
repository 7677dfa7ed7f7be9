use zeroize::Zeroizing;

use crate::{Error, SignRequest, Signature, answer, https};

/// The JSON answer to a sign request.
///
/// # Errors
///
/// As for the client.
pub fn sign_answer(body: &[u8]) -> Result<Signature, Error> {
    answer::parse(body)
}

/// The form of a sign request.
#[must_use]
pub fn sign_form(request: &SignRequest) -> Zeroizing<Vec<u8>> {
    https::sign_form(request)
}
