//! The phones' keys. They come from fixed seeds and are published in SSH's format.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::primes::made_before;

/// The type of a phone's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum KeyType {
    /// Ed25519.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// RSA of 2048 bits.
    #[serde(rename = "rsa")]
    Rsa,
    /// RSA of 3072 bits, as tenants make it.
    #[serde(rename = "rsa-3072")]
    Rsa3072,
    /// RSA of 1024 bits, which a client must refuse.
    #[serde(rename = "rsa-1024")]
    Rsa1024,
    /// An Ed25519 key of small order. Lax verifiers accept a constant signature for every message.
    #[serde(rename = "weak-ed25519")]
    WeakEd25519,
}

/// A published key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// `ssh-ed25519` or `ssh-rsa`.
    pub algorithm: &'static str,
    /// The key in SSH's wire format.
    pub blob: Vec<u8>,
    /// The comment, which names the kind of key or the phone.
    pub comment: String,
}

impl PublicKey {
    /// `SHA256:` and the unpadded base64 of the hash of the blob.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.blob)
    }

    /// The line in the key list, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "{} {} {}",
            self.algorithm,
            STANDARD.encode(&self.blob),
            self.comment
        )
    }
}

/// `SHA256:` and the unpadded base64 of the hash of a key's blob.
#[must_use]
pub fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

/// The blob of an Ed25519 key.
#[must_use]
pub fn ed25519_blob(key: &[u8; 32]) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-ed25519");
    put_string(&mut blob, key);
    blob
}

/// The blob of an RSA key, from the big-endian exponent and modulus.
#[must_use]
pub fn rsa_blob(exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-rsa");
    put_mpint(&mut blob, exponent);
    put_mpint(&mut blob, modulus);
    blob
}

/// An SSH string: its length in four bytes, and its bytes.
pub(crate) fn put_string(to: &mut Vec<u8>, string: &[u8]) {
    let length = u32::try_from(string.len()).expect("nothing here is that long");
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(string);
}

/// An SSH mpint is in two's complement, so a high first bit needs a zero byte in front.
fn put_mpint(to: &mut Vec<u8>, number: &[u8]) {
    let start = number
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(number.len());
    let mut signed = number[start..].to_vec();
    if signed.first().is_some_and(|byte| *byte >= 0x80) {
        signed.insert(0, 0);
    }
    put_string(to, &signed);
}

/// The hash that RSA signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the hashes")]
pub enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// A key that can sign.
#[derive(Clone, Debug)]
pub enum KeyPair {
    /// Ed25519.
    Ed25519(Box<SigningKey>),
    /// RSA.
    Rsa(Arc<RsaPrivateKey>),
    /// A key of small order: one signature fits every message.
    WeakEd25519,
}

/// The neutral point of the curve has order one. With `A = R =` this point and `S = 0`, `S·B = R +
/// k·A` holds for every message.
const NEUTRAL_POINT: [u8; 32] = {
    let mut point = [0; 32];
    point[0] = 1;
    point
};

impl KeyPair {
    /// The key of an account's phone, the `nth` of its type.
    #[must_use]
    pub fn of_phone(account: &str, nth: u64, kind: KeyType) -> Self {
        match kind {
            KeyType::Ed25519 => Self::ed25519(account, nth),
            KeyType::Rsa => Self::Rsa(rsa_key(2048, nth)),
            KeyType::Rsa3072 => Self::Rsa(rsa_key(3072, nth)),
            KeyType::Rsa1024 => Self::Rsa(rsa_key(1024, nth)),
            KeyType::WeakEd25519 => Self::WeakEd25519,
        }
    }

    /// A key of the same algorithm and length that no account publishes.
    #[must_use]
    pub fn stranger(&self) -> Self {
        match self {
            Self::Ed25519(_) | Self::WeakEd25519 => Self::ed25519("", u64::MAX),
            Self::Rsa(key) => Self::Rsa(rsa_key(key.size() * 8, u64::MAX)),
        }
    }

    fn ed25519(account: &str, nth: u64) -> Self {
        let seed = Sha256::new_with_prefix(b"simulated LogonBox phone")
            .chain_update(nth.to_be_bytes())
            .chain_update(account)
            .finalize();
        Self::Ed25519(Box::new(SigningKey::from_bytes(&seed.into())))
    }

    pub(crate) fn is_rsa(&self) -> bool {
        matches!(self, Self::Rsa(_))
    }

    /// `ssh-ed25519` or `ssh-rsa`.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        if self.is_rsa() {
            "ssh-rsa"
        } else {
            "ssh-ed25519"
        }
    }

    /// The public key in SSH's wire format.
    #[must_use]
    pub fn blob(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => ed25519_blob(key.verifying_key().as_bytes()),
            Self::Rsa(key) => rsa_blob(&key.e().to_bytes_be(), &key.n().to_bytes_be()),
            Self::WeakEd25519 => ed25519_blob(&NEUTRAL_POINT),
        }
    }

    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&self.blob())
    }

    /// Signs `payload`. Only RSA uses `hash`.
    ///
    /// # Panics
    /// When the key is too short for the hash.
    #[must_use]
    pub fn sign(&self, payload: &[u8], hash: Hash) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(payload).to_bytes().to_vec(),
            Self::WeakEd25519 => [NEUTRAL_POINT, [0; 32]].concat(),
            Self::Rsa(key) => match hash {
                Hash::Sha1 => key.sign(Pkcs1v15Sign::new::<Sha1>(), &Sha1::digest(payload)),
                Hash::Sha256 => key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(payload)),
                Hash::Sha512 => key.sign(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(payload)),
            }
            .expect("a key of 1024 bits or more can sign every hash"),
        }
    }
}

/// Generating RSA keys is slow, so the `nth` RSA phone of every account has the same key. The first
/// keys are precomputed, because a client waits only some seconds for a key list.
fn rsa_key(bits: usize, nth: u64) -> Arc<RsaPrivateKey> {
    type Made = HashMap<(usize, u64), Arc<OnceLock<Arc<RsaPrivateKey>>>>;
    static KEYS: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);

    let place = {
        let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(keys.entry((bits, nth)).or_default())
    };
    let make = || {
        if let Some(key) = made_before(bits, nth) {
            return Arc::new(key);
        }
        let mut random = ChaCha20Rng::seed_from_u64(nth);
        Arc::new(RsaPrivateKey::new(&mut random, bits).expect("the size is a usual one"))
    };
    Arc::clone(place.get_or_init(make))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, Verifier, VerifyingKey};
    use rsa::RsaPublicKey;

    use super::*;

    #[test]
    fn mpints_are_positive_and_short() {
        let mut out = Vec::new();
        put_mpint(&mut out, &[0, 0, 0x80]);
        put_mpint(&mut out, &[0x7f]);
        put_mpint(&mut out, &[0]);
        assert_eq!(out, [0, 0, 0, 2, 0, 0x80, 0, 0, 0, 1, 0x7f, 0, 0, 0, 0]);
    }

    #[test]
    fn rsa_signs_with_each_hash() {
        let key = KeyPair::of_phone("lee@logonbox.com", 0, KeyType::Rsa);
        let KeyPair::Rsa(private) = &key else {
            panic!("not RSA")
        };
        let public = RsaPublicKey::from(private.as_ref());
        let verify = |scheme, hashed: &[u8], hash| {
            public.verify(scheme, hashed, &key.sign(b"payload", hash))
        };
        verify(
            Pkcs1v15Sign::new::<Sha1>(),
            &Sha1::digest(b"payload"),
            Hash::Sha1,
        )
        .expect("SHA-1");
        verify(
            Pkcs1v15Sign::new::<Sha256>(),
            &Sha256::digest(b"payload"),
            Hash::Sha256,
        )
        .expect("SHA-256");
        verify(
            Pkcs1v15Sign::new::<Sha512>(),
            &Sha512::digest(b"payload"),
            Hash::Sha512,
        )
        .expect("SHA-512");
    }

    #[test]
    fn the_weak_key_fools_lax_verifiers_only() {
        let signature = KeyPair::WeakEd25519.sign(b"anything", Hash::Sha512);
        let signature = Signature::from_slice(&signature).expect("64 bytes");
        let key = VerifyingKey::from_bytes(&NEUTRAL_POINT).expect("a point on the curve");
        assert!(key.verify(b"anything", &signature).is_ok());
        assert!(key.verify_strict(b"anything", &signature).is_err());
    }

    #[test]
    fn keys_stay_the_same_and_differ_by_phone() {
        let key = |account, nth| KeyPair::of_phone(account, nth, KeyType::Ed25519).blob();
        assert_eq!(key("approve", 0), key("approve", 0));
        assert_ne!(key("approve", 0), key("approve", 1));
        assert_ne!(key("approve", 0), key("decline", 0));
    }
}
