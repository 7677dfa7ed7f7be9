//! The tenant's answer to a sign request.

use base64::Engine;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::secret::Signature;
use crate::wire::{BASE64URL, Malformed, Reader};

/// The reason in an answer if the person declined. The vendor's `WordPress` client takes any other
/// reason for a failure. A live tenant sends this one, too (2026-11-29).
const DECLINED: &str = "The keystore rejected the signature request.";

/// All fields except `success` may be null or missing. A repeated field is an error.
#[derive(Deserialize)]
struct Answer {
    success: bool,
    message: Option<String>,
    signature: Option<Zeroizing<String>>,
    response: Option<String>,
}

/// Reads the JSON answer to a sign request (`signPayload`).
///
/// # Errors
///
/// [`ErrorKind::Declined`] if the user declines, [`ErrorKind::Refused`] for any other reason, and
/// [`ErrorKind::NotUnderstood`] if it is not such an answer.
pub(crate) fn parse(body: &[u8]) -> Result<Signature, Error> {
    let not_understood = |what: &str| Error::new(ErrorKind::NotUnderstood, what);
    // The parser's own message would quote the answer, which may hold a signature.
    // serde would accept an array of the fields, too.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(not_understood("JSON, but not the answer to a sign request"));
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        not_understood(match error.classify() {
            serde_json::error::Category::Data => "JSON, but not the answer to a sign request",
            _ => "not JSON",
        })
    })?;
    if !answer.success {
        return Err(unsigned(answer.message.unwrap_or_default().as_bytes()));
    }
    let signature = answer.signature.unwrap_or_default();
    if !signature.is_empty() {
        return BASE64URL
            .decode(signature.as_bytes())
            .map(Signature::from)
            .map_err(|_| not_understood("the signature is not base64url"));
    }
    let response = answer.response.unwrap_or_default();
    if response.is_empty() {
        return Err(not_understood("neither a signature nor a response"));
    }
    let blob = BASE64URL
        .decode(response)
        .map_err(|_| not_understood("the response is not base64url"))?;
    match reason_of_refusal(&blob) {
        Ok(Some(reason)) => Err(unsigned(reason)),
        Ok(None) => Err(not_understood("said to be signed, but without a signature")),
        Err(Malformed(why)) => Err(not_understood(&format!("the response is malformed: {why}"))),
    }
}

/// The error of an answer that has a reason instead of a signature.
pub(crate) fn unsigned(reason: &[u8]) -> Error {
    let reason = String::from_utf8_lossy(reason);
    let kind = if reason.trim() == DECLINED {
        ErrorKind::Declined
    } else {
        ErrorKind::Refused
    };
    Error::new(kind, reason)
}

/// A blob of a boolean and, if it is false, the reason.
fn reason_of_refusal(blob: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut reader = Reader::new(blob);
    if reader.boolean()? {
        return Ok(None);
    }
    reader.string().map(Some)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;
    use crate::wire::put_string;

    fn kind(body: &str) -> ErrorKind {
        parse(body.as_bytes()).map_or_else(|error| error.kind(), |_| panic!("accepted: {body}"))
    }

    #[test]
    fn a_signature_comes_with_or_without_padding() {
        for signature in ["-_8", "-_8="] {
            let body = format!(r#"{{"success":true,"signature":"{signature}"}}"#);
            let signature = parse(body.as_bytes()).unwrap();
            assert_eq!(signature.as_bytes(), [0xfb, 0xff]);
        }
    }

    #[test]
    fn only_the_boolean_true_is_success() {
        for success in [r#""true""#, "1", "null", "[true]", "{}"] {
            let body = format!(r#"{{"success":{success},"signature":"AAAA"}}"#);
            assert_eq!(kind(&body), ErrorKind::NotUnderstood, "{success}");
        }
        assert_eq!(kind(r#"{"signature":"AAAA"}"#), ErrorKind::NotUnderstood);
        assert_eq!(
            kind(r#"{"success":false,"success":true,"signature":"AAAA"}"#),
            ErrorKind::NotUnderstood
        );
        for (message, expected) in [("no", ErrorKind::Refused), (DECLINED, ErrorKind::Declined)] {
            let body = format!(r#"{{"success":false,"message":"{message}","signature":"AAAA"}}"#);
            assert_eq!(kind(&body), expected);
        }
    }

    #[test]
    fn one_reason_alone_is_a_decline() {
        for (reason, kind) in [
            (DECLINED.to_owned(), ErrorKind::Declined),
            (format!("{DECLINED}\r\n"), ErrorKind::Declined),
            (format!("{DECLINED}."), ErrorKind::Refused),
            (DECLINED.to_lowercase(), ErrorKind::Refused),
            (
                "The phone cannot be reached.".to_owned(),
                ErrorKind::Refused,
            ),
            (String::new(), ErrorKind::Refused),
        ] {
            let mut blob = vec![0];
            put_string(&mut blob, reason.as_bytes());
            for response in [URL_SAFE.encode(&blob), URL_SAFE_NO_PAD.encode(&blob)] {
                let body = format!(r#"{{"success":true,"response":"{response}"}}"#);
                let error = parse(body.as_bytes()).unwrap_err();
                assert_eq!((error.kind(), error.detail().trim()), (kind, reason.trim()));
            }
        }
    }

    #[test]
    fn everything_else_is_not_understood() {
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            r#" [true,null,"AAAA",null]"#,
            r#"{"success":true}"#,
            r#"{"success":true,"signature":null,"response":null,"message":null}"#,
            r#"{"success":true,"signature":"","response":"AQ=="}"#,
            r#"{"success":true,"signature":"","response":"AgAAAAA="}"#,
            r#"{"success":true,"signature":"","response":"AAAAAAk="}"#,
            r#"{"success":true,"signature":"a b"}"#,
            r#"{"success":true,"signature":"++//"}"#,
            r#"{"success":true,"signature":"AAAA"} trailing"#,
        ] {
            assert_eq!(kind(body), ErrorKind::NotUnderstood, "{body}");
        }
    }
}
