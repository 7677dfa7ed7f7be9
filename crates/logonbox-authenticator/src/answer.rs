//! The tenant's answer to a sign request.

use base64::Engine;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::secret::Signature;
use crate::wire::{BASE64URL, Malformed, Reader};

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
/// [`ErrorKind::Refused`] if the tenant refuses, [`ErrorKind::Declined`] if the user declines, and
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
        return Err(Error::new(
            ErrorKind::Refused,
            answer.message.unwrap_or_default(),
        ));
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
        Ok(Some(reason)) => Err(Error::new(ErrorKind::Declined, reason)),
        Ok(None) => Err(not_understood("said to be signed, but without a signature")),
        Err(Malformed(why)) => Err(not_understood(&format!("the response is malformed: {why}"))),
    }
}

/// A blob of a boolean and, if it is false, the reason.
fn reason_of_refusal(blob: &[u8]) -> Result<Option<String>, Malformed> {
    let mut reader = Reader::new(blob);
    if reader.boolean()? {
        return Ok(None);
    }
    let reason = String::from_utf8_lossy(reader.string()?).into_owned();
    Ok(Some(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(
            kind(r#"{"success":false,"message":"no","signature":"AAAA"}"#),
            ErrorKind::Refused
        );
    }

    #[test]
    fn a_decline_comes_with_its_reason() {
        // 00, length 3, "Bye"
        let error = parse(br#"{"success":true,"signature":"","response":"AAAAAANCeWU="}"#);
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::Declined, "Bye"));
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
