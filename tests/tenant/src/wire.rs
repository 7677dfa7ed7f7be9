//! The tenant's side of the protocol: reads forms and writes JSON.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use serde::Serialize;

use crate::keys::put_string;

/// Most clients pad the payload, but some do not.
pub(crate) const PADDED_OR_NOT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The answer to a sign request. It has exactly these fields, because the Java client refuses
/// others. The public clients require the strings, even if empty.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Answer {
    pub(crate) success: bool,
    pub(crate) message: String,
    pub(crate) signature: String,
    pub(crate) response: String,
}

impl Answer {
    /// The tenant refuses without asking the phone.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// The phone has signed.
    pub(crate) fn signed(signature: &[u8]) -> Self {
        Self {
            success: true,
            signature: base64url(signature),
            ..Self::default()
        }
    }

    /// The phone has answered but not signed. The blob is padded, because the Python client
    /// requires it.
    pub(crate) fn unsigned(yes: bool, reason: &str) -> Self {
        let mut blob = vec![u8::from(yes)];
        put_string(&mut blob, reason.as_bytes());
        Self {
            success: true,
            response: padded_base64url(&blob),
            ..Self::default()
        }
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("strings and a boolean can be written")
    }
}

/// Without padding, as tenants send signatures.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn padded_base64url(bytes: &[u8]) -> String {
    general_purpose::URL_SAFE.encode(bytes)
}

/// The fields of a sign request.
#[derive(Debug, Default)]
pub(crate) struct SignForm {
    pub(crate) username: String,
    pub(crate) fingerprint: String,
    pub(crate) remote_name: String,
    pub(crate) text: String,
    pub(crate) authorize_text: String,
    pub(crate) flags: u32,
    pub(crate) payload: Vec<u8>,
    /// The problem with the form, if there is one.
    pub(crate) problem: Option<String>,
}

impl SignForm {
    /// Reads as much as possible, so that a test can see a bad form, too.
    pub(crate) fn read(content_type: Option<&str>, body: &[u8]) -> Self {
        let mut form = Self::default();
        let mut problems = Vec::new();

        let kind = content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default();
        if !kind
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            problems.push(format!("the content type is `{kind}`, not a form's"));
        }

        let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let mut take = |name: &str| {
            let mut values = fields
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value.clone());
            let value = values.next();
            if value.is_none() {
                problems.push(format!("the field `{name}` is missing"));
            }
            if values.next().is_some() {
                problems.push(format!("the field `{name}` is there twice"));
            }
            value.unwrap_or_default()
        };
        form.username = take("username");
        form.fingerprint = take("fingerprint");
        form.remote_name = take("remoteName");
        form.text = take("text");
        form.authorize_text = take("authorizeText");
        let flags = take("flags");
        let payload = take("payload");

        match flags.parse() {
            Ok(flags) => form.flags = flags,
            Err(_) => problems.push(format!("the flags `{flags}` are not a number")),
        }
        match PADDED_OR_NOT.decode(&payload) {
            Ok(payload) if payload.is_empty() => problems.push("the payload is empty".into()),
            Ok(payload) => form.payload = payload,
            Err(error) => problems.push(format!("the payload is not base64url: {error}")),
        }
        form.problem = (!problems.is_empty()).then(|| problems.join("; "));
        form
    }

    /// A summary for the log.
    pub(crate) fn line(&self) -> String {
        format!(
            "account={:?} text={:?} button={:?}",
            self.username, self.text, self.authorize_text
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn payloads_come_padded_or_not() {
        let rest =
            "username=a&fingerprint=f&remoteName=r&text=t%20x+y&authorizeText=b&flags=4&payload=";
        for payload in ["-_8=", "-_8", "-_8%3D"] {
            let form = SignForm::read(Some(FORM), format!("{rest}{payload}").as_bytes());
            assert_eq!(form.problem, None);
            assert_eq!(form.payload, [0xfb, 0xff]);
            assert_eq!(form.text, "t x y");
            assert_eq!(form.flags, 4);
        }
    }

    #[test]
    fn problems_are_named() {
        let form = SignForm::read(
            Some("text/plain"),
            b"username=a&username=b&flags=x&payload=!",
        );
        let problem = form.problem.expect("much is wrong");
        for part in [
            "text/plain",
            "`fingerprint` is missing",
            "`username` is there twice",
            "`x`",
            "base64url",
        ] {
            assert!(problem.contains(part), "{part} in {problem}");
        }
        assert_eq!(form.username, "a");
    }

    #[test]
    fn a_declining_blob() {
        let answer = Answer::unsigned(false, "No");
        assert_eq!(
            answer.response,
            padded_base64url(&[0, 0, 0, 0, 2, b'N', b'o'])
        );
        assert_eq!(
            Answer::refused("why").json(),
            r#"{"success":false,"message":"why","signature":"","response":""}"#
        );
    }
}
