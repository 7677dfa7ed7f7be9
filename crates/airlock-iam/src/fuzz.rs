use bounded_https::http::HeaderMap;

use crate::cookies::{self, Jar};
use crate::error::not_understood;
use crate::{Device, Error, LockExpiry, Reply, answer};

/// A session document: `None` is done, else the next step and the phone number that received a
/// code.
///
/// # Errors
///
/// As for the client. The same holds for the functions below.
pub fn session(reply: &Reply) -> Result<Option<(String, Option<String>)>, Error> {
    Ok(match answer::session(reply)? {
        answer::Session::Done => None,
        answer::Session::Next { step, phone_number } => Some((step, phone_number)),
    })
}

/// The devices to choose from, with their ids.
///
/// # Errors
///
/// The answer is not such a list.
pub fn devices(reply: &Reply) -> Result<Vec<(String, Device)>, Error> {
    let devices = answer::devices(reply)?;
    Ok(devices
        .into_iter()
        .map(|device| (device.id.clone(), device))
        .collect())
}

/// The image of a QR challenge.
///
/// # Errors
///
/// The answer is not such a document.
pub fn challenge(reply: &Reply) -> Result<Option<Vec<u8>>, Error> {
    answer::challenge(reply)
}

/// The step that an error names.
#[must_use]
pub fn next_step(reply: &Reply) -> Option<String> {
    answer::next_step(reply)
}

/// The code of an error.
#[must_use]
pub fn code(reply: &Reply) -> Option<String> {
    answer::code(reply)
}

/// A lock by the clock of this answer's server.
#[must_use]
pub fn lock(text: &str, reply: &Reply) -> LockExpiry {
    LockExpiry::new(text, cookies::date(reply))
}

/// The headers that return the cookies of these answers.
///
/// # Errors
///
/// The cookies are more than a jar keeps, or no header can hold them.
pub fn returned(replies: &[Reply]) -> Result<HeaderMap, Error> {
    let mut jar = Jar::default();
    for reply in replies {
        jar.keep(reply).map_err(not_understood)?;
    }
    let mut headers = HeaderMap::new();
    jar.add_to(&mut headers)?;
    Ok(headers)
}
