//! Properties of parsers that more than one target checks.

#![forbid(unsafe_code)]

pub mod drawing;
pub mod redirect;
pub mod ssh;

use bounded_https::Body;
use bounded_https::http::Response;
use serde::de::IgnoredAny;
use serde_json::Value;

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

/// An answer with a fixed date.
pub fn reply(status: u16, body: &[u8]) -> Response<Body> {
    let reply = Response::builder().status(status);
    let reply = reply.header("date", "Sun, 22 Nov 2026 14:00:00 GMT");
    reply.body(Body::from(body.to_vec())).unwrap()
}

/// What a document says, read as a whole; null where it is no document. Nothing where that cannot
/// be told: in what nobody asks for, a parser passes over lone surrogates and numbers without end.
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
