//! The JSON answer to a sign request.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use logonbox_authenticator::{ErrorKind, fuzz};
use properties::{assert_harmless, json};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let answer = fuzz::sign_answer(data);
    if let Err(error) = &answer {
        assert_harmless(error.detail(), 300);
    }
    let Some(read) = json(data) else { return };
    let success = read.get("success").and_then(Value::as_bool);
    match answer {
        Ok(signature) => {
            assert_eq!(success, Some(true));
            let text = read["signature"].as_str().unwrap();
            let same = URL_SAFE_NO_PAD.encode(signature.as_bytes());
            assert_eq!(text.trim_end_matches('='), same);
            assert!(!text.is_empty());
        }
        Err(error) => match error.kind() {
            ErrorKind::Refused | ErrorKind::Declined => assert!(success.is_some()),
            kind => assert_eq!(kind, ErrorKind::NotUnderstood),
        },
    }
});
