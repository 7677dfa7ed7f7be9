//! A public key in the SSH encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logonbox_authenticator::PublicKey;
use properties::{assert_harmless, ssh};

fuzz_target!(|data: &[u8]| {
    match PublicKey::from_blob(data.to_vec(), "Pixel 8") {
        Ok(key) => {
            assert_eq!(key.blob(), data);
            ssh::assert_key(&key);
            // Whatever the key is, this is no signature.
            assert!(key.verify(b"payload", &[]).is_err());
        }
        Err(why) => assert_harmless(&why.to_string(), 120),
    }
});
