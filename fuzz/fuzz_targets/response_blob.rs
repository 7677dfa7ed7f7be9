//! What an answer without a signature holds: a boolean, and the reason of the person.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use libfuzzer_sys::fuzz_target;
use logonbox_authenticator::{ErrorKind, fuzz};
use properties::{assert_harmless, ssh};

fuzz_target!(|data: &[u8]| {
    let response = URL_SAFE.encode(data);
    let body = format!(r#"{{"success":true,"signature":"","response":"{response}"}}"#);
    // Never a signature, whatever it says.
    let error = fuzz::sign_answer(body.as_bytes()).unwrap_err();
    assert_harmless(error.detail(), 300);
    let reason = data.strip_prefix(&[0]).and_then(ssh::string);
    match reason {
        Some((reason, _)) => {
            let reason = String::from_utf8_lossy(reason);
            let declined = reason.trim() == "The keystore rejected the signature request.";
            assert_eq!(error.kind() == ErrorKind::Declined, declined);
            assert!(declined || error.kind() == ErrorKind::Refused);
            let length = reason.chars().count().min(300);
            assert_eq!(error.detail().chars().count(), length);
        }
        None => assert_eq!(error.kind(), ErrorKind::NotUnderstood),
    }
});
