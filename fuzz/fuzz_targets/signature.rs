//! A signature: that of another payload, of another length, or changed in any bit, is none.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use logonbox_authenticator::PublicKey;

/// The keys of the published clients, and a signature of each over 128 zeros.
static KNOWN: LazyLock<[(PublicKey, Vec<u8>); 2]> = LazyLock::new(|| {
    [
        (
            include_str!("../known/ed25519.pub"),
            include_str!("../known/ed25519.sig"),
        ),
        (
            include_str!("../known/rsa.pub"),
            include_str!("../known/rsa.sig"),
        ),
    ]
    .map(|(key, signature)| {
        let key = PublicKey::from_line(key).unwrap();
        let signature = STANDARD.decode(signature.trim()).unwrap();
        key.verify(&[0; 128], &signature).unwrap();
        (key, signature)
    })
});

fuzz_target!(|data: &[u8]| {
    // Which key, how long the signature is, the signature, the payload.
    let [which, high, low, rest @ ..] = data else {
        return;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    let (signature, payload) = rest.split_at(length);
    let (key, known) = &KNOWN[usize::from(which % 2)];
    if key.verify(payload, signature).is_ok() {
        assert_eq!((payload, signature), (&[0; 128][..], &**known));
    }
});
