//! The parts of the SSH wire encoding (RFC 4251, section 5) that LogonBox uses, and its base64.

use std::fmt;

use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// base64url with or without padding, because both are in use. Unused bits must be zero.
pub(crate) const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads SSH-encoded values from the front of a slice, and never past its end.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// The bytes end in the middle of a value, or a value has an invalid encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (value, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed("it ends in the middle of a value"))?;
        self.rest = rest;
        Ok(value)
    }

    /// One byte: 1 is true, 0 is false. In RFC 4251 any other value is true, but no known program
    /// writes one. It is an error here.
    pub(crate) fn boolean(&mut self) -> Result<bool, Malformed> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Malformed("a boolean is neither 0 nor 1")),
        }
    }

    /// A big-endian length of four bytes, then that many bytes.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self
            .take(4)?
            .iter()
            .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        self.take(length)
    }

    /// A non-negative multiple precision integer, as big-endian bytes without leading zeros.
    /// Negative values and superfluous leading zeros are refused (RFC 4251: "MUST NOT").
    pub(crate) fn unsigned_mpint(&mut self) -> Result<&'a [u8], Malformed> {
        match self.string()? {
            [] => Ok(&[]),
            [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Ok(rest),
            [0, ..] => Err(Malformed("an integer has superfluous leading zeros")),
            [first, ..] if first & 0x80 != 0 => Err(Malformed("an integer is negative")),
            bytes => Ok(bytes),
        }
    }

    /// Four bytes, big-endian.
    pub(crate) fn uint32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?;
        Ok(bytes
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
    }

    /// Fails if bytes follow the last value.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed("bytes follow its end"))
        }
    }
}

/// Writes a string: a big-endian length of four bytes, then the bytes.
pub(crate) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // Longer bytes than a length can express are cut. All values here are far shorter.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(bytes.iter().take(length as usize));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_promises_more_than_there_is_is_refused() {
        assert!(Reader::new(b"\0\0\0\x05four").string().is_err());
        assert!(Reader::new(b"\xff\xff\xff\xff").string().is_err());
        assert!(Reader::new(b"\0\0\0").string().is_err());
        assert_eq!(Reader::new(b"\0\0\0\x04four").string(), Ok(&b"four"[..]));
    }

    #[test]
    fn integers_have_one_encoding() {
        let mpint = |bytes| Reader::new(bytes).unsigned_mpint();
        assert_eq!(mpint(b"\0\0\0\0"), Ok(&b""[..]));
        assert_eq!(mpint(b"\0\0\0\x01\x7f"), Ok(&b"\x7f"[..]));
        assert_eq!(mpint(b"\0\0\0\x02\0\x80"), Ok(&b"\x80"[..]));
        assert!(mpint(b"\0\0\0\x01\x80").is_err(), "negative");
        assert!(mpint(b"\0\0\0\x02\0\x7f").is_err(), "not minimal");
        assert!(mpint(b"\0\0\0\x01\0").is_err(), "zero is empty");
    }

    #[test]
    fn booleans_are_zero_or_one_and_nothing_may_follow() {
        assert_eq!(Reader::new(&[1]).boolean(), Ok(true));
        assert_eq!(Reader::new(&[0]).boolean(), Ok(false));
        assert!(Reader::new(&[2]).boolean().is_err());
        assert!(Reader::new(&[]).boolean().is_err());
        assert!(Reader::new(&[0]).end().is_err());
        assert!(Reader::new(&[]).end().is_ok());
    }
}
