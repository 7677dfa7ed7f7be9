//! Valid and invalid key lists.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use logonbox_authenticator::{AuthorizedKeys, KeyError, PublicKey};

/// A multiple of the curve's base point: a valid key.
const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrIwtSbFr9oRTZNHJfaWcHH7xYKeCRJx8O3N+7+";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap())
        .collect()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

fn blob(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| string(part)).collect()
}

fn rsa(e: &[u8], n: &[u8]) -> Result<PublicKey, KeyError> {
    PublicKey::from_blob(blob(&[b"ssh-rsa", e, n]), "")
}

/// An odd number of that many bits, as an mpint.
fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0xff; bits.div_ceil(8)];
    if let Some(first) = bytes.first_mut() {
        *first >>= (8 - bits % 8) % 8;
    }
    if bytes.first().is_some_and(|first| *first >= 0x80) {
        bytes.insert(0, 0);
    }
    bytes
}

#[test]
fn lines_as_tenants_write_them() {
    for (line, comment) in [
        (
            format!("ssh-ed25519 {ED25519} LogonBox Key"),
            "LogonBox Key",
        ),
        (format!("ssh-ed25519 {ED25519}"), ""),
        (
            format!("  ssh-ed25519\t{ED25519}   LogonBox Key \r"),
            "LogonBox Key",
        ),
        // The blob names the algorithm, not the line.
        (format!("ssh-rsa {ED25519} mislabelled"), "mislabelled"),
    ] {
        let key = PublicKey::from_line(&line).unwrap();
        assert_eq!(key.algorithm().name(), "ssh-ed25519");
        assert_eq!(key.comment(), comment, "{line:?}");
    }
    let unpadded = STANDARD_NO_PAD.encode(blob(&[b"ssh-rsa", &[3], &modulus(2048)]));
    assert!(PublicKey::from_line(&format!("ssh-rsa {unpadded}")).is_ok());
}

#[test]
fn bad_lines_are_skipped_and_remembered() {
    let rsa_1024 = STANDARD.encode(blob(&[b"ssh-rsa", &[3], &modulus(1024)]));
    let listing = format!(
        "# Authorized Keys of lee\r\n\r\n# a comment\r\nssh-dss AAAAB3NzaC1kc3M= old\r\n\
         ssh-ed25519\r\nssh-ed25519 not*base64 x\r\nssh-ed25519 AAAA x\r\n\
         ssh-rsa {rsa_1024} short\r\nssh-ed25519 {ED25519} LogonBox Key\r\n"
    );
    let keys = AuthorizedKeys::parse(&listing).unwrap();
    let comments: Vec<_> = keys.keys().iter().map(PublicKey::comment).collect();
    assert_eq!(comments, ["LogonBox Key"]);
    let lines: Vec<_> = keys.skipped().iter().map(|skipped| skipped.line).collect();
    assert_eq!(lines, [4, 5, 6, 7, 8]);
    let reasons: Vec<_> = keys.skipped().iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons.last().unwrap(),
        "line 8: an RSA key of 1024 bits (allowed: 2048 to 8192)"
    );
}

#[test]
fn only_a_key_list_is_one() {
    for text in [
        "",
        "<html>",
        "#Authorized",
        " # Authorized Keys",
        "\u{feff}# Authorized",
    ] {
        assert!(AuthorizedKeys::parse(text).is_err(), "{text:?}");
    }
    assert!(AuthorizedKeys::parse("# Authorized").is_ok());
}

#[test]
fn weak_ed25519_keys_are_refused() {
    // The eight points of small order, and encodings of them that are not canonical. With some of
    // these, a signature of zeros verifies for every payload by RFC 8032, section 5.1.7. Only the
    // strict rules refuse it.
    let small_order = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for hex in small_order {
        let key = PublicKey::from_blob(blob(&[b"ssh-ed25519", &bytes(hex)]), "");
        assert!(
            matches!(key, Err(KeyError::Weak(_) | KeyError::Malformed(_))),
            "{hex}: {key:?}"
        );
    }
    for length in [0, 31, 33] {
        let key = PublicKey::from_blob(blob(&[b"ssh-ed25519", &vec![1; length]]), "");
        assert!(matches!(key, Err(KeyError::Malformed(_))), "{length}");
    }
}

/// RFC 8032 allows it. The owner of the key can make it for any payload without a nonce.
/// This one is of the key of 32 bytes 7. R is the neutral point, S is the challenge times the key.
#[test]
fn a_signature_with_a_point_of_small_order_is_refused() {
    let key = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
    let r = "0100000000000000000000000000000000000000000000000000000000000000";
    let s = "c9843dac0fe663740034a74aa35e5d9def2675a194d0a199f20d3c5c1e63e005";
    let signature = [bytes(r), bytes(s)].concat();
    let lax = VerifyingKey::try_from(&*bytes(key)).unwrap();
    let parsed = Signature::from_slice(&signature).unwrap();
    assert!(lax.verify(b"payload", &parsed).is_ok());
    let key = PublicKey::from_blob(blob(&[b"ssh-ed25519", &bytes(key)]), "").unwrap();
    assert!(key.verify(b"payload", &signature).is_err());
}

#[test]
fn rsa_keys_have_a_sane_size_exponent_and_modulus() {
    for (bits, good) in [
        (1024, false),
        (2047, false),
        (2048, true),
        (3072, true),
        (8192, true),
        (8193, false),
        (65_536, false),
    ] {
        match rsa(&[1, 0, 1], &modulus(bits)) {
            Ok(key) => assert!(good && key.bits() == bits, "{bits}"),
            Err(error) => assert!(!good && error == KeyError::RsaSize(bits), "{bits}: {error}"),
        }
    }
    let mut even = modulus(2048);
    if let Some(last) = even.last_mut() {
        *last = 0xfe;
    }
    for (e, n) in [
        (&[1][..], modulus(2048)),
        (&[], modulus(2048)),
        (&[2], modulus(2048)),
        (&[1, 0, 0], modulus(2048)),
        (&[0x7f; 9], modulus(2048)),
        (&[3], even),
    ] {
        assert!(matches!(rsa(e, &n), Err(KeyError::Weak(_))), "{e:?}");
    }
    // Negative, and with superfluous zeros.
    assert!(matches!(
        rsa(&[0x80], &modulus(2048)),
        Err(KeyError::Malformed(_))
    ));
    assert!(matches!(
        rsa(&[0, 3], &modulus(2048)),
        Err(KeyError::Malformed(_))
    ));
    assert!(matches!(rsa(&[3], &[]), Err(KeyError::RsaSize(0))));
}

#[test]
fn blobs_end_where_they_should() {
    let good = STANDARD.decode(ED25519).unwrap();
    assert!(PublicKey::from_blob(good.clone(), "").is_ok());
    assert!(PublicKey::from_blob([&good[..], &[0]].concat(), "").is_err());
    for length in 0..good.len() {
        let cut = good.get(..length).unwrap().to_vec();
        assert!(PublicKey::from_blob(cut, "").is_err(), "{length}");
    }
    assert_eq!(
        PublicKey::from_blob(blob(&[b"ssh-dss"]), "").unwrap_err(),
        KeyError::UnknownAlgorithm
    );
}
