//! Signatures by another key, of other bytes, of another kind, or in another encoding. The rest of
//! the answer is good.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, RsaPrivateKey};
use servers::Asked;
use sha2::{Digest, Sha512};
use tenant::KeyType::{self, Ed25519, Rsa};
use tenant::{Hash, KeyPair};

use super::table::Code::MaxTries;
use super::table::{At, Row, body, hexadecimal, key, run, with_signature};

#[test]
fn no_signature_but_the_right_one_lets_in() {
    run(&rows());
}

pub fn rows() -> Vec<Row> {
    let mut rows = of_each_kind();
    rows.extend(vec![
        // Ed25519.
        bytes("ed25519-with-s-and-the-order", Ed25519, |right, _| {
            plus_order(right)
        }),
        bytes("ed25519-with-high-bits-in-s", Ed25519, |right, _| {
            let mut high = right.to_vec();
            high[63] |= 0xe0;
            high
        }),
        bytes("ed25519-s-zero", Ed25519, |right, _| {
            [&right[..32], &[0; 32]].concat()
        }),
        bytes("ed25519-r-neutral", Ed25519, |right, _| {
            [&[1], &[0; 31][..], &right[32..]].concat()
        }),
        bytes("ed25519-r-neutral-s-zero", Ed25519, |_, _| {
            [&[1][..], &[0; 63]].concat()
        }),
        bytes("ed25519-r-and-s-swapped", Ed25519, |right, _| {
            [&right[32..], &right[..32]].concat()
        }),
        // RSA: other hashes, and other padding by the owner of the key.
        bytes("rsa-sha-1", Rsa, |_, asked| {
            key(Rsa).sign(&asked.payload(), Hash::Sha1)
        }),
        bytes("rsa-sha-256", Rsa, |_, asked| {
            key(Rsa).sign(&asked.payload(), Hash::Sha256)
        }),
        bytes("rsa-0", Rsa, |_, _| number(&BigUint::from(0_u8))),
        bytes("rsa-1", Rsa, |_, _| number(&BigUint::from(1_u8))),
        bytes("rsa-the-modulus", Rsa, |_, _| number(private().n())),
        bytes("rsa-the-modulus-less-1", Rsa, |_, _| {
            number(&(private().n() - 1_u8))
        }),
        bytes("rsa-and-the-modulus", Rsa, |right, _| {
            (BigUint::from_bytes_be(right) + private().n()).to_bytes_be()
        }),
        padded("rsa-hash-without-its-name", |hash| pkcs1(0xff, 1, &[hash])),
        padded("rsa-hash-named-sha-256", |hash| {
            pkcs1(0xff, 1, &[SHA_256, &hash[..32]])
        }),
        padded("rsa-hash-named-sha-256-but-of-64-bytes", |hash| {
            pkcs1(0xff, 1, &[SHA_256, hash])
        }),
        padded("rsa-name-without-null", |hash| {
            pkcs1(0xff, 1, &[NO_NULL, hash])
        }),
        padded("rsa-name-with-more-behind", |hash| {
            pkcs1(0xff, 1, &[SHA_512, hash, &[0]])
        }),
        padded("rsa-garbage-behind-the-hash", |hash| {
            let start = [
                &[0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
                SHA_512,
                hash,
            ]
            .concat();
            [&start[..], &vec![0x42; 256 - start.len()]].concat()
        }),
        padded("rsa-garbage-in-the-padding", |hash| {
            let mut block = pkcs1(0xff, 1, &[SHA_512, hash]);
            block[20] = 0xfe;
            block
        }),
        padded("rsa-padding-of-encryption", |hash| {
            pkcs1(0x42, 2, &[SHA_512, hash])
        }),
        padded("rsa-padding-of-zeros", |hash| pkcs1(0, 0, &[SHA_512, hash])),
        padded("rsa-padding-that-does-not-end", |hash| {
            let mut block = pkcs1(0xff, 1, &[SHA_512, hash]);
            let end = 255 - SHA_512.len() - 64;
            block[end] = 0xff;
            block
        }),
        padded("rsa-padding-that-starts-high", |hash| {
            let mut block = pkcs1(0xff, 1, &[SHA_512, hash]);
            block[0] = 1;
            block
        }),
        padded("rsa-hash-of-something-else", |_| {
            pkcs1(0xff, 1, &[SHA_512, &Sha512::digest(b"something else")])
        }),
        // The right signature in other encodings. RSA, because its base64 has all characters.
        written("other-base64", |right| STANDARD.encode(right), "bad-answer"),
        written(
            "blank-before",
            |right| format!(" {}", base64url(right)),
            "bad-answer",
        ),
        written(
            "blank-behind",
            |right| format!("{} ", base64url(right)),
            "bad-answer",
        ),
        written(
            "line-end-behind",
            |right| format!("{}\\n", base64url(right)),
            "bad-answer",
        ),
        written(
            "line-ends-inside",
            |right| base64url(right).replacen('A', "A\\n", 1) + "\\n",
            "bad-answer",
        ),
        written(
            "nul-behind",
            |right| format!("{}\\u0000", base64url(right)),
            "bad-answer",
        ),
        written(
            "padding-inside",
            |right| format!("{}=={}", &base64url(right)[..4], &base64url(right)[4..]),
            "bad-answer",
        ),
        written(
            "padding-too-much",
            |right| format!("{}=", URL_SAFE.encode(right)),
            "bad-answer",
        ),
        written(
            "a-character-too-many",
            |right| format!("{}A", base64url(right)),
            "bad-signature",
        ),
        written(
            "a-character-too-few",
            |right| base64url(right)[..341].to_owned(),
            "bad-answer",
        ),
        written("spare-bits-set", spare_bits, "bad-answer"),
        written(
            "percent-encoded",
            |right| URL_SAFE.encode(right).replace('=', "%3D"),
            "bad-answer",
        ),
        written(
            "a-data-url",
            |right| format!("data:;base64,{}", base64url(right)),
            "bad-answer",
        ),
        written(
            "in-brackets",
            |right| format!("[{}]", base64url(right)),
            "bad-answer",
        ),
        written(
            "with-the-algorithm-before",
            |right| format!("rsa-sha2-512 {}", base64url(right)),
            "bad-answer",
        ),
        written(
            "full-width",
            |right| base64url(right).replace('A', "\u{ff21}") + "\u{ff21}",
            "bad-answer",
        ),
        written(
            "base64-of-base64",
            |right| base64url(base64url(right).as_bytes()),
            "bad-signature",
        ),
        written("hexadecimal-signature", hexadecimal, "bad-signature"),
    ]);
    rows
}

fn both(name: &str, make: fn(KeyType, &[u8], &Asked) -> Vec<u8>) -> [Row; 2] {
    [("ed25519", Ed25519), ("rsa", Rsa)].map(|(which, kind)| {
        bytes(format!("{which}-{name}"), kind, move |right, asked| {
            make(kind, right, asked)
        })
    })
}

/// The changes that make sense for both types of keys.
fn of_each_kind() -> Vec<Row> {
    let rows = [
        both("zeros", |_, right, _| vec![0; right.len()]),
        both("ones", |_, right, _| vec![0xff; right.len()]),
        both("of-one-byte", |_, right, _| right[..1].to_vec()),
        both("less-a-byte", |_, right, _| {
            right[..right.len() - 1].to_vec()
        }),
        both("less-its-first-byte", |_, right, _| right[1..].to_vec()),
        both("a-zero-before", |_, right, _| [&[0], right].concat()),
        both("a-zero-behind", |_, right, _| [right, &[0]].concat()),
        both("twice", |_, right, _| right.repeat(2)),
        both("reversed", |_, right, _| {
            right.iter().rev().copied().collect()
        }),
        both("first-bit", |_, right, _| flipped(right, 0, 0x80)),
        both("last-bit", |_, right, _| flipped(right, right.len() - 1, 1)),
        both("in-the-wrapping-of-ssh", |kind, right, _| {
            let name: &[u8] = if kind == Rsa {
                b"rsa-sha2-512"
            } else {
                b"ssh-ed25519"
            };
            [string(name), string(right)].concat()
        }),
        both("the-payload-itself", |_, _, asked| asked.payload()),
        both("the-key-itself", |kind, _, _| key(kind).blob()),
        both("of-another-key", |kind, _, asked| {
            sign(&key(kind).stranger(), &asked.payload())
        }),
        both("of-a-key-of-the-other-kind", |kind, _, asked| {
            let other = if kind == Rsa { Ed25519 } else { Rsa };
            sign(&key(other), &asked.payload())
        }),
        both("of-another-phone", |kind, _, asked| {
            sign(&KeyPair::of_phone("kim", 1, kind), &asked.payload())
        }),
        both("over-nothing", |kind, _, _| sign(&key(kind), b"")),
        both("over-a-bit-else", |kind, _, asked| {
            sign(&key(kind), &flipped(&asked.payload(), 127, 1))
        }),
        both("over-less-a-byte", |kind, _, asked| {
            sign(&key(kind), &asked.payload()[..127])
        }),
        both("over-a-byte-more", |kind, _, asked| {
            sign(&key(kind), &[&asked.payload()[..], &[0]].concat())
        }),
        both("over-its-base64", |kind, _, asked| {
            sign(&key(kind), URL_SAFE.encode(asked.payload()).as_bytes())
        }),
        both("over-its-hash", |kind, _, asked| {
            sign(&key(kind), &Sha512::digest(asked.payload()))
        }),
        both("over-the-whole-form", |kind, _, asked| {
            sign(&key(kind), &asked.body)
        }),
    ];
    rows.into_iter().flatten().collect()
}

fn sign(key: &KeyPair, what: &[u8]) -> Vec<u8> {
    key.sign(what, Hash::Sha512)
}

fn flipped(bytes: &[u8], at: usize, bit: u8) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= bit;
    flipped
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length, bytes].concat()
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Changes the bytes of the right signature.
fn bytes(
    name: impl Into<String>,
    kind: KeyType,
    make: impl Fn(&[u8], &Asked) -> Vec<u8> + Send + Sync + 'static,
) -> Row {
    let sends = body(move |asked| {
        let right = sign(&key(kind), &asked.payload());
        let other = make(&right, asked);
        assert_ne!(other, right);
        with_signature(&other).into()
    });
    Row::new(name, At::Sign(kind), sends, (MaxTries, "bad-signature"))
}

/// Signs a block that the owner of the key has padded: raised to the private exponent.
fn padded(name: &'static str, block: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Row {
    bytes(name, Rsa, move |_, asked| {
        let key = private();
        let block = block(&Sha512::digest(asked.payload()));
        assert_eq!(block.len(), 256);
        number(&(BigUint::from_bytes_be(&block) % key.n()).modpow(key.d(), key.n()))
    })
}

/// The right RSA signature. Its text has all characters of base64.
fn written(
    name: &'static str,
    write: impl Fn(&[u8]) -> String + Send + Sync + 'static,
    word: &'static str,
) -> Row {
    let sends = body(move |asked| {
        let written = write(&sign(&key(Rsa), &asked.payload()));
        format!(r#"{{"success":true,"signature":"{written}"}}"#).into()
    });
    Row::new(name, At::Sign(Rsa), sends, (MaxTries, word))
}

fn private() -> RsaPrivateKey {
    match key(Rsa) {
        KeyPair::Rsa(key) => (*key).clone(),
        other => panic!("{other:?}"),
    }
}

/// In 256 bytes.
fn number(number: &BigUint) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [&vec![0; 256 - bytes.len()][..], &bytes].concat()
}

/// `DigestInfo` without the hash (RFC 8017, section 9.2, note 1).
const SHA_512: &[u8] =
    b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";
const SHA_256: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
/// SHA-512 without the `NULL` that RFC 8017 wants.
const NO_NULL: &[u8] = b"\x30\x4f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x04\x40";

/// A block of 256 bytes, padded with `filler` (RFC 8017, section 9.2; type 2: section 7.2).
fn pkcs1(filler: u8, kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let padding = vec![filler; 256 - 3 - content.len()];
    [&[0, kind][..], &padding, &[0], &content].concat()
}

/// S plus the order of the base point (RFC 8032, section 5.1.7: S must be below it).
fn plus_order(right: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut sum = right.to_vec();
    let mut carry = 0;
    for (byte, order) in sum[32..].iter_mut().zip(ORDER) {
        let total = u16::from(*byte) + u16::from(order) + carry;
        *byte = total.to_le_bytes()[0];
        carry = total >> 8;
    }
    sum
}

/// 256 bytes are 342 characters. The last one has four unused bits.
fn spare_bits(right: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = base64url(right).into_bytes();
    let last = text.last_mut().unwrap();
    let value = ALPHABET.iter().position(|c| c == last).unwrap();
    *last = ALPHABET[value | 1];
    String::from_utf8(text).unwrap()
}
