//! Values that the vendor's clients accept or produce.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic here fails a test"
)]

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logonbox_authenticator::{Algorithm, AuthorizedKeys, PublicKey, Texts};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn keys(vectors: &Value) -> AuthorizedKeys {
    AuthorizedKeys::parse(vectors["authorized_keys"].as_str().unwrap()).unwrap()
}

fn key<'k>(keys: &'k AuthorizedKeys, algorithm: &str) -> &'k PublicKey {
    keys.keys()
        .iter()
        .find(|key| key.algorithm().name() == algorithm)
        .unwrap()
}

#[test]
fn keys_and_fingerprints() {
    let vectors = vectors();
    let keys = keys(&vectors);
    assert_eq!(keys.skipped(), []);
    let expected = vectors["fingerprints"].as_object().unwrap();
    assert_eq!(expected.len(), 2);
    for (algorithm, fingerprint) in expected {
        let fingerprint = fingerprint.as_str().unwrap();
        assert_eq!(key(&keys, algorithm).fingerprint(), fingerprint);
        assert_eq!(
            keys.by_fingerprint(fingerprint).unwrap().algorithm().name(),
            algorithm
        );
    }
    assert_eq!(key(&keys, "ssh-ed25519").comment(), "LogonBox Key");
    assert_eq!(key(&keys, "ssh-rsa").comment(), "Legacy RSA");
    assert_eq!(key(&keys, "ssh-rsa").bits(), 3072);
}

#[test]
fn signatures() {
    let vectors = vectors();
    let keys = keys(&vectors);
    let payload = [0; 128];
    let mut seen = HashSet::new();
    for vector in vectors["direct_signing"].as_array().unwrap() {
        let what = vector["what"].as_str().unwrap();
        let key = key(&keys, vector["key"].as_str().unwrap());
        assert_eq!(vector["payload"], "128 x 00", "{what}");
        assert_eq!(vector["flags"], key.algorithm().flags(), "{what}");
        let signature = match vector["signature"].as_str().unwrap() {
            "zeros" => vec![0; 384],
            signature => STANDARD.decode(signature).unwrap(),
        };
        let verifies = vector["verifies"].as_bool().unwrap();
        assert_eq!(key.verify(&payload, &signature).is_ok(), verifies, "{what}");
        seen.insert(verifies);

        // One bit less, one byte more, another payload, another key.
        for bit in [0, signature.len() * 8 - 1] {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(key.verify(&payload, &flipped).is_err(), "{what}");
        }
        assert!(
            key.verify(&payload, &[&signature[..], &[0]].concat())
                .is_err()
        );
        assert!(key.verify(&payload, &signature[1..]).is_err());
        assert!(key.verify(&[0; 127], &signature).is_err());
        assert!(key.verify(&[1; 128], &signature).is_err());
        for other in keys.keys().iter().filter(|other| *other != key) {
            assert!(other.verify(&payload, &signature).is_err());
        }
    }
    assert_eq!(seen.len(), 2, "good and bad ones");
}

#[test]
fn the_default_text() {
    let vectors = vectors();
    assert_eq!(
        Texts::default().question("lee@logonbox.com", "tenant.logonbox.directory"),
        vectors["default_text"].as_str().unwrap()
    );
    let flags: Vec<_> = Algorithm::ALL.iter().map(|one| one.flags()).collect();
    assert_eq!(flags, [0, 4]);
}
