use std::time::Duration;

use crate::host::Secret;
use crate::login::airlock::questions;
use crate::login::choice;
use crate::policy::limit;
use crate::verdict::Refusal;

/// The place of the device that a person chooses with `ask`.
///
/// # Errors
///
/// As a login's; so below.
pub fn choose(
    devices: &[String],
    ask: impl FnMut(&str) -> Result<Secret, Refusal>,
) -> Result<usize, Refusal> {
    choice::choose(devices, ask)
}

/// The OTP that is sent for what was typed; nothing where nothing is sent.
#[must_use]
pub fn otp<'t>(typed: &'t [u8], password: &str) -> Option<&'t str> {
    questions::fit(typed, password).ok()
}

/// The password that is sent.
///
/// # Errors
///
/// It is not sent.
pub fn password(typed: &[u8]) -> Result<Secret, Refusal> {
    questions::password(typed).map(|password| password.as_bytes().to_vec().into())
}

/// Whose try a file is, and when it was.
#[must_use]
pub fn counted_try(name: &str) -> Option<(&str, Duration)> {
    limit::entry_of(name)
}
