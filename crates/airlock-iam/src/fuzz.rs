use bounded_https::{Header, Reply};

use crate::cookies::{self, Jar};
use crate::{Device, Error, LockExpiry, answer};

/// A session document: `None` is done, else the next step and where a code was sent to.
///
/// # Errors
///
/// As the client's; so below.
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
/// Not such a list.
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
/// Not such a document.
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

/// A lock, by the clock of the server that has told of it.
#[must_use]
pub fn lock(text: &str, reply: &Reply) -> LockExpiry {
    LockExpiry::new(text, cookies::date(reply))
}

/// What is returned to a server that has sent these answers, one after the other.
///
/// # Errors
///
/// More than a jar keeps.
pub fn returned(replies: &[Reply]) -> Result<Vec<Header>, &'static str> {
    let mut jar = Jar::default();
    for reply in replies {
        jar.keep(reply)?;
    }
    Ok(jar.headers())
}
