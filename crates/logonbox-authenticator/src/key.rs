//! Public keys: parsing an authorized-keys line, the fingerprint, and verifying a signature.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents};
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD};
#[cfg(not(feature = "aws-lc-rs"))]
use ring::signature::{RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents};
use sha2::{Digest, Sha256};

use crate::wire::{Malformed, Reader};

/// Standard base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The smallest accepted RSA modulus, in bits. NIST SP 800-57 disallows smaller ones.
pub const RSA_MIN_BITS: usize = 2048;
/// The largest accepted RSA modulus, in bits, so that a verification stays cheap.
pub const RSA_MAX_BITS: usize = 8192;

/// The kind of a public key, by its SSH name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// `ssh-ed25519` (RFC 8709).
    Ed25519,
    /// `ssh-rsa` (RFC 4253). Its signatures are PKCS#1 v1.5 with SHA-512.
    Rsa,
}

impl Algorithm {
    /// All algorithms that this crate can verify, the best first.
    pub const ALL: &'static [Self] = &[Self::Ed25519, Self::Rsa];

    /// The SSH name: `ssh-ed25519` or `ssh-rsa`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::Rsa => "ssh-rsa",
        }
    }

    /// The `flags` of a sign request: the kind of signature. The vendor's clients send 4 (SHA-512)
    /// for RSA and 0 for Ed25519. This crate does not request or accept the weaker RSA signatures
    /// (2 is SHA-256, 0 is SHA-1).
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

/// The reason why a line of a key list holds no usable key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyError {
    /// The line is not `ALGORITHM BASE64 [COMMENT]`, or the blob does not fit its algorithm.
    Malformed(&'static str),
    /// The algorithm is not `ssh-ed25519` or `ssh-rsa`.
    UnknownAlgorithm,
    /// The size of the RSA modulus in bits, which is not in [`RSA_MIN_BITS`]..=[`RSA_MAX_BITS`].
    RsaSize(usize),
    /// Anyone can forge signatures for this key: it is an Ed25519 point of small order, or an RSA
    /// key with an impossible exponent or modulus.
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

/// The key did not make this signature over this payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BadSignature;

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature does not verify with the key that was asked")
    }
}

impl std::error::Error for BadSignature {}

/// A published key of a user's phone.
#[derive(Clone)]
pub struct PublicKey {
    blob: Vec<u8>,
    comment: String,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    Rsa(RsaKey),
}

/// Both numbers are big-endian, without leading zeros.
#[derive(Clone)]
struct RsaKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl PublicKey {
    /// Parses `ALGORITHM BASE64 [COMMENT]`, a line of an authorized-keys listing.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the line is malformed, or if the key is unknown or weak.
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

    /// Parses a key blob (RFC 4253, section 6.6; RFC 8709, section 4). The blob names the
    /// algorithm.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the blob is malformed, or if the key is unknown or weak.
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

    /// The size of the key in bits: 256 for Ed25519, the size of the modulus for RSA.
    #[must_use]
    pub fn bits(&self) -> usize {
        match &self.verifier {
            Verifier::Ed25519(_) => 256,
            Verifier::Rsa(key) => bits(&key.modulus),
        }
    }

    /// The text after the key on its line. It names the kind of key, such as `LogonBox Key` or
    /// `Legacy RSA`, and not the phone. Several keys may have the same comment, and it may be
    /// empty. It comes from the tenant: strip control characters before you print it.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// The key blob (RFC 4253, section 6.6). In base64, it is the second word of the line.
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

    /// Verifies that this key made `signature` over `payload`: Ed25519 by the strict rules (RFC
    /// 8032, without points of small order), or RSA PKCS#1 v1.5 with SHA-512 (RFC 8017).
    ///
    /// # Errors
    ///
    /// [`BadSignature`] for any other signature.
    pub fn verify(&self, payload: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        match &self.verifier {
            Verifier::Ed25519(key) => {
                let signature =
                    ed25519_dalek::Signature::from_slice(signature).map_err(|_| BadSignature)?;
                key.verify_strict(payload, &signature)
                    .map_err(|_| BadSignature)
            }
            Verifier::Rsa(RsaKey { modulus, exponent }) => RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA512, payload, signature)
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
    /// Two keys are equal if their blobs are. Comments do not count.
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
    let exponent = reader.unsigned_mpint()?;
    let modulus = reader.unsigned_mpint()?;
    let size = bits(modulus);
    if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&size) {
        return Err(KeyError::RsaSize(size));
    }
    // With an exponent of 1 anyone can sign. The numbers of a key are never even. ring and
    // AWS-LC accept exponents below 2^33.
    let is_odd = |number: &[u8]| number.last().is_some_and(|low| low & 1 == 1);
    let is_exponent = is_odd(exponent) && (2..=33).contains(&bits(exponent));
    if !is_exponent || !is_odd(modulus) {
        return Err(KeyError::Weak("an impossible RSA exponent or modulus"));
    }
    Ok(Verifier::Rsa(RsaKey {
        modulus: modulus.to_vec(),
        exponent: exponent.to_vec(),
    }))
}

/// The length of a big-endian number without leading zeros, in bits.
fn bits(number: &[u8]) -> usize {
    let zeros = number
        .first()
        .map_or(0, |high| high.leading_zeros() as usize);
    number.len().saturating_mul(8).saturating_sub(zeros)
}
