//! What must hold of whatever comes out of a parser, for more than one target.

#![forbid(unsafe_code)]

pub mod drawing;
pub mod redirect;
pub mod ssh;

use bounded_https::{Header, Reply};
use serde::de::IgnoredAny;
use serde_json::Value;
use zeroize::Zeroizing;

/// Characters that change how others are read: direction marks and line separators.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text that came from outside stays on its line, has an end, and is read as it stands.
#[track_caller]
pub fn assert_harmless(text: &str, limit: usize) {
    assert!(
        !text.contains(|c: char| c.is_control() || turns(c)),
        "{text:?}"
    );
    assert!(
        text.chars().count() <= limit,
        "{} characters",
        text.chars().count()
    );
}

/// An answer of a server whose clock stands still.
pub fn reply(status: u16, body: &[u8]) -> Reply {
    Reply {
        status,
        headers: vec![header("date", "Sun, 22 Nov 2026 14:00:00 GMT")],
        body: Zeroizing::new(body.to_vec()),
    }
}

pub fn header(name: &str, value: &str) -> Header {
    Header {
        name: name.to_owned(),
        value: Zeroizing::new(value.to_owned()),
    }
}

/// What a document says, read as a whole; null where it is no document. Nothing where that cannot be
/// told: in what nobody asks for, a parser passes over lone surrogates and numbers without end.
pub fn json(bytes: &[u8]) -> Option<Value> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Some(value),
        Err(_) if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() => None,
        Err(_) => Some(Value::Null),
    }
}

/// The first byte, and what follows it.
pub fn split(data: &[u8]) -> Option<(u8, &[u8])> {
    data.split_first().map(|(first, rest)| (*first, rest))
}
