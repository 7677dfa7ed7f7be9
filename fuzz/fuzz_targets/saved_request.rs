//! A redirect's request that a web application has kept: as text, or as the bytes in it.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use libfuzzer_sys::fuzz_target;
use logonbox_authenticator::{ErrorKind, RedirectRequest};
use properties::{assert_harmless, split, ssh};

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = split(data) else {
        return;
    };
    let saved = match how % 2 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        _ => URL_SAFE.encode(rest),
    };
    match RedirectRequest::restore(&saved) {
        Ok(request) => {
            let again = request.save();
            assert_eq!(
                again.as_str().trim_end_matches('='),
                saved.trim_end_matches('=')
            );
            let debug = format!("{request:?}");
            let restored = RedirectRequest::restore(again.as_str()).unwrap();
            assert_eq!(format!("{restored:?}"), debug);
            let bytes = URL_SAFE.decode(again.as_str()).unwrap();
            let (_, rest) = ssh::string(&bytes[b"logonbox-redirect-1".len() + 8..]).unwrap();
            let (_, rest) = ssh::string(rest).unwrap();
            let (blob, _) = ssh::string(rest).unwrap();
            let (principal, _) = ssh::string(blob).unwrap();
            assert_eq!(request.principal().as_bytes(), principal);
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_harmless(error.detail(), 300);
        }
    }
});
