//! What a browser brings back from the tenant: as text, or as the bytes in it.
#![no_main]

use std::time::UNIX_EPOCH;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use logonbox_authenticator::ErrorKind;
use properties::redirect::{GOOD, KEY, PRINCIPAL, request};
use properties::{assert_harmless, split};

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = split(data) else {
        return;
    };
    let response = match how % 3 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => URL_SAFE.encode(rest),
        _ => URL_SAFE_NO_PAD.encode(rest),
    };
    let good = URL_SAFE_NO_PAD.encode(&*GOOD);
    match request().finish_at(&response, UNIX_EPOCH) {
        // Nothing but what the phone has signed, for whom and with what it was asked.
        Ok(approval) => {
            assert_eq!(response.trim_end_matches('='), good);
            assert_eq!((approval.principal(), approval.key()), (PRINCIPAL, &*KEY));
        }
        Err(error) => {
            assert_ne!(response.trim_end_matches('='), good);
            assert_harmless(error.detail(), 300);
            assert!(error.request_sent());
            let kinds = [
                ErrorKind::Declined,
                ErrorKind::Refused,
                ErrorKind::Mismatch,
                ErrorKind::NotUnderstood,
                ErrorKind::BadSignature,
            ];
            assert!(kinds.contains(&error.kind()), "{error}");
        }
    }
    let late = request();
    let end = late.expires();
    assert_eq!(
        late.finish_at(&response, end).unwrap_err().kind(),
        ErrorKind::Expired
    );
});
