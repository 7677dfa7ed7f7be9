//! Public keys: what an authorized-keys line says, its fingerprint, and whether a signature is good.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};
use sha2::{Digest, Sha256, Sha512};

use crate::wire::{Malformed, Reader};

/// Standard base64; keys come with padding, but its absence loses nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Smallest RSA modulus that is accepted, in bits (NIST SP 800-57: below it is disallowed).
pub const RSA_MIN_BITS: usize = 2048;
/// Largest RSA modulus that is accepted, in bits: a verification must stay cheap.
pub const RSA_MAX_BITS: usize = 8192;

/// The kind of a public key, by its SSH name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// `ssh-ed25519` (RFC 8709).
    Ed25519,
    /// `ssh-rsa` (RFC 4253), of which PKCS#1 v1.5 signatures with SHA-512 are asked.
    Rsa,
}

impl Algorithm {
    /// Every algorithm that this crate can verify.
    pub const ALL: &'static [Self] = &[Self::Ed25519, Self::Rsa];

    /// The SSH name: `ssh-ed25519` or `ssh-rsa`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::Rsa => "ssh-rsa",
        }
    }

    /// The `flags` of a sign request: which signature the phone shall make. The published
    /// clients send 4 (SHA-512) for RSA and 0 for Ed25519. The weaker RSA signatures (2 is
    /// SHA-256, 0 is SHA-1) can neither be asked for nor accepted here.
    #[must_use]
    pub fn flags(self) -> u32 {
        match self {
            Self::Ed25519 => 0,
            Self::Rsa => 4,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        Self::ALL
            .iter()
            .copied()
            .find(|algorithm| algorithm.name() == name)
            .ok_or(KeyError::UnknownAlgorithm)
    }
}

/// Why a line of a key list holds no usable key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyError {
    /// Not `ALGORITHM BASE64 [COMMENT]`, or the blob is not what its algorithm demands.
    Malformed(&'static str),
    /// Neither `ssh-ed25519` nor `ssh-rsa`.
    UnknownAlgorithm,
    /// An RSA modulus outside of [`RSA_MIN_BITS`]..=[`RSA_MAX_BITS`]; its size in bits.
    RsaSize(usize),
    /// A key with which signatures can be made up: an Ed25519 point of small order, or an RSA
    /// key whose exponent or modulus cannot be right.
    Weak(&'static str),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed: {why}"),
            Self::UnknownAlgorithm => f.write_str("neither ssh-ed25519 nor ssh-rsa"),
            Self::RsaSize(bits) => write!(
                f,
                "an RSA key of {bits} bits (allowed: {RSA_MIN_BITS} to {RSA_MAX_BITS})"
            ),
            Self::Weak(why) => write!(f, "a weak key: {why}"),
        }
    }
}

impl std::error::Error for KeyError {}

impl From<Malformed> for KeyError {
    fn from(Malformed(why): Malformed) -> Self {
        Self::Malformed(why)
    }
}

/// The signature is not one that the key made over the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BadSignature;

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature does not verify with the key that was asked")
    }
}

impl std::error::Error for BadSignature {}

/// One published key: of one phone of one person.
#[derive(Clone)]
pub struct PublicKey {
    blob: Vec<u8>,
    comment: String,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    Rsa(Box<RsaPublicKey>),
}

impl PublicKey {
    /// Parses `ALGORITHM BASE64 [COMMENT]`, a line of an authorized-keys listing.
    ///
    /// # Errors
    ///
    /// [`KeyError`], when the line is malformed or the key unknown or weak.
    pub fn from_line(line: &str) -> Result<Self, KeyError> {
        let line = line.trim();
        let (_, rest) = line
            .split_once(char::is_whitespace)
            .ok_or(KeyError::Malformed("not `ALGORITHM BASE64 [COMMENT]`"))?;
        let rest = rest.trim_start();
        let (encoded, comment) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let blob = BASE64
            .decode(encoded)
            .map_err(|_| KeyError::Malformed("its second word is not base64"))?;
        Self::from_blob(blob, comment.trim())
    }

    /// Parses a key blob (RFC 4253, section 6.6; RFC 8709, section 4). The algorithm is the one
    /// that the blob names.
    ///
    /// # Errors
    ///
    /// [`KeyError`], when the blob is malformed or the key unknown or weak.
    pub fn from_blob(blob: Vec<u8>, comment: &str) -> Result<Self, KeyError> {
        let mut reader = Reader::new(&blob);
        let verifier = match reader.string()? {
            b"ssh-ed25519" => ed25519(&mut reader)?,
            b"ssh-rsa" => rsa(&mut reader)?,
            _ => return Err(KeyError::UnknownAlgorithm),
        };
        reader.end()?;
        Ok(Self {
            blob,
            comment: comment.to_owned(),
            verifier,
        })
    }

    /// The kind of this key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.verifier {
            Verifier::Ed25519(_) => Algorithm::Ed25519,
            Verifier::Rsa(_) => Algorithm::Rsa,
        }
    }

    /// The size of the key, in bits: 256 for Ed25519, that of the modulus for RSA.
    #[must_use]
    pub fn bits(&self) -> usize {
        match &self.verifier {
            Verifier::Ed25519(_) => 256,
            Verifier::Rsa(key) => key.n().bits(),
        }
    }

    /// What follows the key on its line, usually the name of the phone; empty when nothing does.
    /// It comes from the tenant: strip it before it reaches a terminal.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// The key as it travels (RFC 4253, section 6.6), in base64 the second word of its line.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// `SHA256:` and the unpadded base64 of the SHA-256 over the key blob, as OpenSSH prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!(
            "SHA256:{}",
            STANDARD_NO_PAD.encode(Sha256::digest(&self.blob))
        )
    }

    /// Whether `signature` is this key's over `payload`: Ed25519 by the strict rules (RFC 8032,
    /// and no points of small order), or RSA PKCS#1 v1.5 with SHA-512 (RFC 8017).
    ///
    /// # Errors
    ///
    /// [`BadSignature`], for every signature that is not.
    pub fn verify(&self, payload: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        match &self.verifier {
            Verifier::Ed25519(key) => {
                let signature =
                    ed25519_dalek::Signature::from_slice(signature).map_err(|_| BadSignature)?;
                key.verify_strict(payload, &signature)
                    .map_err(|_| BadSignature)
            }
            Verifier::Rsa(key) => key
                .verify(
                    rsa::Pkcs1v15Sign::new::<Sha512>(),
                    &Sha512::digest(payload),
                    signature,
                )
                .map_err(|_| BadSignature),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("algorithm", &self.algorithm())
            .field("fingerprint", &self.fingerprint())
            .field("comment", &self.comment)
            .finish_non_exhaustive()
    }
}

impl PartialEq for PublicKey {
    /// Two keys are the same when their blobs are; comments do not count.
    fn eq(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.blob.hash(state);
    }
}

fn ed25519(reader: &mut Reader<'_>) -> Result<Verifier, KeyError> {
    let point = reader
        .string()?
        .try_into()
        .map_err(|_| KeyError::Malformed("an Ed25519 key is not 32 bytes long"))?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(point)
        .map_err(|_| KeyError::Malformed("an Ed25519 key is not a point of the curve"))?;
    if key.is_weak() {
        return Err(KeyError::Weak("an Ed25519 point of small order"));
    }
    Ok(Verifier::Ed25519(Box::new(key)))
}

fn rsa(reader: &mut Reader<'_>) -> Result<Verifier, KeyError> {
    let exponent = BigUint::from_bytes_be(reader.unsigned_mpint()?);
    let modulus = BigUint::from_bytes_be(reader.unsigned_mpint()?);
    let bits = modulus.bits();
    if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits) {
        return Err(KeyError::RsaSize(bits));
    }
    // With an exponent of 1 everybody can sign; even numbers are never part of a key.
    let odd = |number: &BigUint| number.to_bytes_le().first().is_some_and(|low| low & 1 == 1);
    if !odd(&exponent) || !odd(&modulus) || exponent == BigUint::from(1_u8) {
        return Err(KeyError::Weak("an impossible RSA exponent or modulus"));
    }
    RsaPublicKey::new_with_max_size(modulus, exponent, RSA_MAX_BITS)
        .map(|key| Verifier::Rsa(Box::new(key)))
        .map_err(|_| KeyError::Weak("an impossible RSA exponent or modulus"))
}
