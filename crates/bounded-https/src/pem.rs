//! Reads CA certificates in PEM form (RFC 7468). Text and comments between the blocks are allowed.

use std::io::BufRead;

use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::PAD_INDIFFERENT;
use base64::{DecodeError, DecodeSliceError, Engine, alphabet, decoded_len_estimate};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The kind of a line, with the label of a block.
#[derive(Clone, Copy)]
enum Kind<'p> {
    Text,
    Begin(&'p [u8]),
    End(&'p [u8]),
}

/// Base64 as OpenSSL reads it. The reader of rustls takes constant time, and is slower. Certificates are
/// public.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    PAD_INDIFFERENT.with_decode_allow_trailing_bits(true),
);

/// The certificates so far, and buffers that all of them share: they would leave gaps between the
/// certificates, which a login keeps in memory.
struct Reader {
    roots: RootCertStore,
    text: Vec<u8>,
    der: Vec<u8>,
}

impl Reader {
    fn new() -> Self {
        Self {
            roots: RootCertStore::empty(),
            text: Vec::new(),
            der: Vec::new(),
        }
    }

    fn add(&mut self, block: &[u8]) -> Result<(), String> {
        let length = self
            .decode(block)
            .map_err(|error| format!("the certificate is damaged: {error}"))?;
        let der = self.der.get(..length).unwrap_or_default();
        self.roots
            .add(CertificateDer::from(der))
            .map_err(|error| format!("the certificate cannot be used: {error}"))
    }

    /// Decodes these lines to the begin of `der`. Returns the number of bytes.
    fn decode(&mut self, lines: &[u8]) -> Result<usize, DecodeError> {
        self.text.clear();
        let mut rest = lines;
        while let Some((line, after)) = through(rest, b'\n')
            .filter(|line| !line.is_empty())
            .and_then(|line| rest.split_at_checked(line.len()))
        {
            self.text.extend_from_slice(line.trim_ascii());
            rest = after;
        }
        let room = decoded_len_estimate(self.text.len());
        if self.der.len() < room {
            self.der.resize(room, 0);
        }
        self.decode_text().or_else(|_| {
            // Blanks inside of a line are rare.
            self.text.retain(|byte| !byte.is_ascii_whitespace());
            self.decode_text()
        })
    }

    fn decode_text(&mut self) -> Result<usize, DecodeError> {
        let decoded = BASE64.decode_slice(&self.text, &mut self.der);
        decoded.map_err(|error| match error {
            DecodeSliceError::DecodeError(error) => error,
            DecodeSliceError::OutputSliceTooSmall => DecodeError::InvalidLength(self.text.len()),
        })
    }

    fn store(mut self) -> RootCertStore {
        self.roots.roots.shrink_to_fit();
        self.roots
    }
}

/// Reads the certificates that can be used, and skips everything else.
pub(crate) fn usable_certificates(pem: &[u8]) -> RootCertStore {
    let mut reader = Reader::new();
    let mut is_certificate = false;
    let mut rest = pem;
    while let Some((before, line, after)) = next_with_dash(rest) {
        rest = after;
        is_certificate = match kind(line) {
            Ok(Kind::Begin(label)) => expect_certificate(label).is_ok(),
            Ok(Kind::End(_)) if is_certificate => {
                // An error is a certificate that cannot be used.
                let _ = reader.add(before);
                false
            }
            _ => false,
        };
    }
    reader.store()
}

/// Reads chosen certificates. Each must be usable: a block that a lenient reader skips is an error, so
/// that no intended CA is missing.
///
/// # Errors
///
/// Names the line, the problem and the fix.
pub(crate) fn certificates(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut reader = Reader::new();
    let mut begun: Option<(&[u8], usize)> = None;
    let mut rest = pem;
    // Most lines are base64, which has no dash.
    while let Some((before, line, after)) = next_with_dash(rest) {
        rest = after;
        let offset = pem
            .len()
            .saturating_sub(after.len())
            .saturating_sub(line.len());
        let at = |what: String| placed(pem, offset, &what);
        begun = match (kind(line).map_err(at)?, begun) {
            (Kind::Text, None) => None,
            (Kind::Begin(label), None) => {
                expect_certificate(label).map_err(at)?;
                Some((label, offset))
            }
            (Kind::End(label), Some((same, start))) if label == same => {
                reader
                    .add(before)
                    .map_err(|what| placed(pem, start, &what))?;
                None
            }
            (Kind::End(_), None) => {
                return Err(at("no -----BEGIN before this -----END".to_owned()));
            }
            (Kind::Text, Some(_)) => {
                return Err(at(
                    "neither base64 nor the end of the certificate".to_owned()
                ));
            }
            (Kind::Begin(_) | Kind::End(_), Some((label, start))) => {
                return Err(endless(pem, label, start));
            }
        };
    }
    match begun {
        Some((label, start)) => Err(endless(pem, label, start)),
        None if pem.trim_ascii().is_empty() => Err("empty: no certificate".to_owned()),
        None if reader.roots.is_empty() => {
            Err("no certificate in PEM form (-----BEGIN CERTIFICATE-----)".to_owned())
        }
        None => Ok(reader.store()),
    }
}

/// The next line that has a dash, with the lines before it and the text after it.
fn next_with_dash(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let before = through(text, b'-').filter(|before| before.ends_with(b"-"))?;
    let start = before.iter().rposition(|byte| *byte == b'\n');
    let (before, line) = text.split_at_checked(start.map_or(0, |at| at.saturating_add(1)))?;
    let (line, after) = line.split_at_checked(through(line, b'\n')?.len())?;
    Some((before, line, after))
}

/// The text up to and including the first such byte, or all of it. This is the one way of the
/// standard library to find a byte fast, and a bundle is large.
fn through(text: &[u8], byte: u8) -> Option<&[u8]> {
    let length = { text }.skip_until(byte).ok()?;
    text.get(..length)
}

fn placed(pem: &[u8], offset: usize, what: &str) -> String {
    let before = pem.iter().take(offset);
    let line = before
        .filter(|byte| **byte == b'\n')
        .count()
        .saturating_add(1);
    format!("line {line}: {what}")
}

fn endless(pem: &[u8], label: &[u8], start: usize) -> String {
    let what = format!("no -----END {}----- after this -----BEGIN", shown(label));
    placed(pem, start, &what)
}

fn kind(line: &[u8]) -> Result<Kind<'_>, String> {
    let has = |word: &[u8]| line.windows(word.len()).any(|bytes| bytes == word);
    let (is_begin, rest) = match (line.strip_prefix(BEGIN), line.strip_prefix(END)) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) if line.starts_with(b"#") => return Ok(Kind::Text),
        (None, None) if has(BEGIN) && line.starts_with(BYTE_ORDER_MARK) => {
            return Err(
                "a byte-order mark before -----BEGIN; save the text as UTF-8 without it".to_owned(),
            );
        }
        (None, None) if has(BEGIN) => {
            return Err("-----BEGIN must be at the start of the line".to_owned());
        }
        (None, None) if has(END) => {
            return Err("-----END must be at the start of the line".to_owned());
        }
        (None, None) => return Ok(Kind::Text),
    };
    let dashes = rest.windows(DASHES.len()).position(|bytes| bytes == DASHES);
    match dashes.and_then(|dashes| rest.split_at_checked(dashes)) {
        None => Err("this line must end with five dashes".to_owned()),
        Some((label, tail)) if tail.trim_ascii_end() != DASHES => {
            let label = shown(label);
            Err(format!("a line break must follow {label}-----"))
        }
        Some((label, _)) if is_begin => Ok(Kind::Begin(label)),
        Some((label, _)) => Ok(Kind::End(label)),
    }
}

/// Refuses other kinds of blocks. Some hold a CA certificate that would be missing.
fn expect_certificate(label: &[u8]) -> Result<(), String> {
    Err(match label {
        // An old label with the same content (RFC 7468, section 5.1).
        b"CERTIFICATE" | b"X509 CERTIFICATE" => return Ok(()),
        b"TRUSTED CERTIFICATE" => "TRUSTED CERTIFICATE is a form that only OpenSSL reads; convert \
                                   it with openssl x509"
            .to_owned(),
        secret if secret.ends_with(b"PRIVATE KEY") => {
            "a private key; remove it, because this text is not secret".to_owned()
        }
        other => {
            let label = shown(other);
            format!("{label} is not CERTIFICATE; convert this block, or remove it")
        }
    })
}

/// Adds the certificate of one block.
fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// Two CA certificates.
    fn two() -> [String; 2] {
        ["one", "two"].map(|name| {
            let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let key = rcgen::KeyPair::generate().unwrap();
            let text = STANDARD.encode(params.self_signed(&key).unwrap().der());
            let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
            let text: Vec<_> = lines.collect();
            let text = text.join("\n");
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        })
    }

    #[test]
    fn every_certificate_of_a_usual_bundle_counts() {
        let [one, two] = two();
        let x509 = two.replace(" CERTIFICATE", " X509 CERTIFICATE");
        for (bundle, count) in [
            (one.clone(), 1),
            (one.trim_end().to_owned(), 1),
            (format!("{one}{two}"), 2),
            (format!("{one}{two}").replace('\n', "\r\n"), 2),
            (format!("{one}{x509}"), 2),
            (x509.replace('\n', "\r\n"), 1),
            (format!("\u{feff}# ACME\n{one}"), 1),
            (one.replace("-----\n", "----- \t\n"), 1),
            (
                format!(
                    "ACME Root\n=========\nSHA1-x\n----------\n\n{one}\nsubject=/CN=two\n# -----BEGIN X\n{two}"
                ),
                2,
            ),
        ] {
            assert_eq!(
                certificates(bundle.as_bytes()).unwrap().len(),
                count,
                "{bundle}"
            );
        }
        let latin = [b"# Z\xfcrich\n", one.as_bytes()].concat();
        assert_eq!(certificates(&latin).unwrap().len(), 1);
    }

    #[test]
    fn the_system_s_bundle_may_hold_other_blocks() {
        let [one, two] = two();
        let damaged = two.replacen('M', "-", 1);
        let other = two.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
        let blanks = two.replace('\n', " \n");
        let inside = two.replacen('M', "M ", 1);
        for (bundle, count) in [
            (String::new(), 0),
            (format!("{damaged}{one}"), 1),
            (format!("{one}{other}{two}"), 2),
            (format!("# ACME - one\n{one}\n# ACME - two\n{blanks}"), 2),
            (format!("{one}{inside}").replace('\n', "\r\n"), 2),
            (format!("{one}-----BEGIN CERTIFICATE-----\n{two}"), 2),
            (format!("-----END CERTIFICATE-----\n{one}"), 1),
        ] {
            let roots = usable_certificates(bundle.as_bytes());
            assert_eq!(roots.len(), count, "{bundle}");
        }
    }

    #[test]
    fn a_block_that_would_be_skipped_is_an_error_with_its_line() {
        let [one, two] = two();
        let lines = one.lines().count();
        let (second, last) = (lines + 1, lines * 2);
        let label = |label: &str| format!("{one}{}", two.replace("CERTIFICATE", label));
        for (bundle, error) in [
            (String::new(), "empty".to_owned()),
            ("\r\n \n".to_owned(), "empty".to_owned()),
            ("ACME\n".to_owned(), "no certificate in PEM form".to_owned()),
            (
                format!("\u{feff}{one}"),
                "line 1: a byte-order mark before -----BEGIN; save".to_owned(),
            ),
            (
                format!("{one}\u{feff}{two}"),
                format!("line {second}: a byte-order mark"),
            ),
            (
                format!("{one} {two}"),
                format!("line {second}: -----BEGIN must be at the start"),
            ),
            (
                one.replace("-----END", "\t-----END"),
                format!("line {lines}: -----END must be at the start"),
            ),
            (
                format!("{}{two}", one.trim_end()),
                format!("line {lines}: a line break must follow CERTIFICATE-----"),
            ),
            (
                one.replacen('\n', "", 1),
                "line 1: a line break must follow CERTIFICATE-----".to_owned(),
            ),
            (
                one.replace('\n', "\r"),
                "line 1: a line break must follow".to_owned(),
            ),
            (
                one.replacen("CERTIFICATE-----", "CERTIFICATE----", 1),
                "line 1: this line must end with five dashes".to_owned(),
            ),
            (
                label("TRUSTED CERTIFICATE"),
                format!("line {second}: TRUSTED CERTIFICATE is a form that only OpenSSL reads"),
            ),
            (
                label("EC PRIVATE KEY"),
                format!("line {second}: a private key; remove it"),
            ),
            (
                label("PKCS7"),
                format!("line {second}: PKCS7 is not CERTIFICATE"),
            ),
            (
                label("certificate"),
                format!("line {second}: certificate is not CERTIFICATE"),
            ),
            (
                one.replace("-----END CERTIFICATE-----\n", ""),
                "line 1: no -----END CERTIFICATE----- after".to_owned(),
            ),
            (
                one.replace("-----END CERTIFICATE-----\n", "") + &two,
                "line 1: no -----END CERTIFICATE----- after".to_owned(),
            ),
            (
                one.replace("END CERTIFICATE", "END X509 CERTIFICATE"),
                "line 1: no -----END CERTIFICATE----- after".to_owned(),
            ),
            (
                one.clone() + &two.replace("-----BEGIN", "----BEGIN"),
                format!("line {last}: no -----BEGIN before"),
            ),
            (
                one.clone() + &two.replace("MII", "M!I"),
                format!("line {second}: the certificate is damaged"),
            ),
            (
                one.clone() + &two.replace("MII", "M-I"),
                format!("line {}: neither base64 nor the end", second + 1),
            ),
            (
                one.clone() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
                format!("line {second}: the certificate cannot be used"),
            ),
        ] {
            let why = certificates(bundle.as_bytes()).unwrap_err();
            assert!(why.starts_with(&error), "{why} instead of {error}");
        }
    }
}
