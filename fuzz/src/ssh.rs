//! Another reader of the SSH encoding, and what must hold of each key that was taken.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logonbox_authenticator::{Algorithm, PublicKey, RSA_MAX_BITS, RSA_MIN_BITS};

use crate::assert_harmless;

/// A string from the front of `bytes`, and what follows it.
pub fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)
}

/// The same bytes with their length.
pub fn encoded(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    encoded.extend(bytes);
    encoded
}

/// A key that was taken is within the limits, and has one way to be written.
pub fn assert_key(key: &PublicKey) {
    let (name, rest) = string(key.blob()).unwrap();
    assert_eq!(name, key.algorithm().name().as_bytes());
    match key.algorithm() {
        Algorithm::Ed25519 => {
            assert_eq!(key.bits(), 256);
            assert_eq!(
                string(rest).map(|(point, rest)| (point.len(), rest.len())),
                Some((32, 0))
            );
        }
        Algorithm::Rsa => {
            assert!((RSA_MIN_BITS..=RSA_MAX_BITS).contains(&key.bits()));
            let (exponent, rest) = string(rest).unwrap();
            let (modulus, rest) = string(rest).unwrap();
            assert!(rest.is_empty());
            for number in [exponent, modulus] {
                let spare = matches!(number, [0, next, ..] if *next < 0x80);
                assert!(number[0] < 0x80 && !spare, "another way to write it");
                assert_eq!(number[number.len() - 1] % 2, 1, "even");
            }
            assert_ne!(exponent, [1]);
            let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
            let top = 8 - modulus[zeros].leading_zeros() as usize;
            assert_eq!(key.bits(), (modulus.len() - zeros - 1) * 8 + top);
        }
        other => panic!("{other}"),
    }
    let fingerprint = key.fingerprint();
    assert!(
        fingerprint.starts_with("SHA256:") && fingerprint.len() == 50,
        "{fingerprint}"
    );
    assert_harmless(&fingerprint, 50);
    assert_eq!(key.comment(), key.comment().trim());
    let line = format!(
        "{} {} {}",
        key.algorithm(),
        STANDARD.encode(key.blob()),
        key.comment()
    );
    let again = PublicKey::from_line(&line).unwrap();
    assert_eq!((&again, again.comment()), (key, key.comment()));
}
