//! Plain words for the errors of the TLS library that a server can cause.

use std::borrow::Cow;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use webpki::Error as Chain;

const OTHER_NAME: &str = "the certificate is for another name";
const NO_TRUST: &str = "the certificate is not signed by a trusted CA";
const NOT_WELL_FORMED: &str = "a certificate is not well-formed";
const ANOTHER_KEY: &str = "a signature on the certificates does not verify: the CA has another \
                           key, or an RSA key of fewer than 2048 bits";
const ALGORITHM: &str = "a certificate is signed with a key or an algorithm that is not accepted, \
                         such as a key on the curve P-521, or SHA-1";
const PURPOSE: &str = "the certificate is not for servers (extended key usage)";
const TOO_MANY: &str = "the server sends too many certificates";
const NOTHING_SHARED: &str = "the server accepts no cipher, key exchange or signature of this \
                              host's; its certificate may have a key on the curve P-521";
const TOO_OLD: &str = "the server speaks neither TLS 1.2 nor TLS 1.3";
const OTHER_TLS: &str = "the server speaks TLS in a way that is not accepted";
const NOT_TLS: &str = "the server does not answer in TLS";
const WANTS_CLIENT: &str = "the server asks for a client certificate";

/// The problem in words. `None`: the library's text is the only one.
#[must_use]
pub fn tls_words(error: &Error) -> Option<Cow<'static, str>> {
    if let Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) =
        error
        && !presented.is_empty()
    {
        let names: Vec<&str> = presented.iter().map(|name| plain(name)).collect();
        return Some(format!("{OTHER_NAME}: {}", names.join(", ")).into());
    }
    fixed(error).map(Cow::Borrowed)
}

/// The plain name. rustls prints `DnsName("a.example")` or `IpAddress(192.0.2.7)`.
fn plain(name: &str) -> &str {
    name.split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .map_or(name, |name| name.trim_matches(['"', '\'']))
}

fn fixed(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::InvalidCertificate(error) => return certificate(error),
        Error::NoCertificatesPresented => "the server sends no certificate",
        Error::InvalidMessage(_) => NOT_TLS,
        Error::PeerIncompatible(error) => match error {
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => TOO_OLD,
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon => NOTHING_SHARED,
            _ => OTHER_TLS,
        },
        Error::AlertReceived(alert) => match alert {
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                NOTHING_SHARED
            }
            AlertDescription::ProtocolVersion => TOO_OLD,
            AlertDescription::UnrecognisedName => "the server does not know this host name",
            AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate => WANTS_CLIENT,
            AlertDescription::NoApplicationProtocol => "the server does not speak HTTP/1.1",
            _ => return None,
        },
        Error::NoApplicationProtocol => "the server does not speak HTTP/1.1",
        _ => return None,
    })
}

fn certificate(error: &CertificateError) -> Option<&'static str> {
    use CertificateError as Why;
    Some(match error {
        Why::Expired | Why::ExpiredContext { .. } => {
            "the certificate, or one above it, has expired by this host's clock"
        }
        Why::NotValidYet | Why::NotValidYetContext { .. } => {
            "the certificate, or one above it, is not valid yet by this host's clock"
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. } => OTHER_NAME,
        Why::UnknownIssuer => NO_TRUST,
        Why::BadSignature => ANOTHER_KEY,
        Why::BadEncoding => NOT_WELL_FORMED,
        Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => ALGORITHM,
        Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => PURPOSE,
        Why::Other(other) => return chain(other.0.downcast_ref()?),
        _ => return None,
    })
}

/// The errors that rustls passes on from webpki.
fn chain(error: &Chain) -> Option<&'static str> {
    Some(match error {
        Chain::CaUsedAsEndEntity => "the server's certificate is a CA's",
        Chain::EndEntityUsedAsCa => "a certificate is signed by one that is not a CA's",
        Chain::UnsupportedCertVersion => {
            "a certificate is of X.509 version 1 or 2; only version 3 is accepted"
        }
        Chain::NameConstraintViolation => "the CA may not sign certificates for this name",
        Chain::PathLenConstraintViolated => "more CAs stand in the chain than one of them allows",
        Chain::UnsupportedCriticalExtension => {
            "a certificate has a critical extension that is not known"
        }
        Chain::MaximumNameConstraintComparisonsExceeded
        | Chain::MaximumPathBuildCallsExceeded
        | Chain::MaximumPathDepthExceeded
        | Chain::MaximumSignatureChecksExceeded => TOO_MANY,
        Chain::EmptyEkuExtension => PURPOSE,
        Chain::ExtensionValueInvalid
        | Chain::InvalidNetworkMaskConstraint
        | Chain::InvalidSerialNumber
        | Chain::MalformedDnsIdentifier
        | Chain::MalformedExtensions
        | Chain::MalformedNameConstraint
        | Chain::SignatureAlgorithmMismatch
        | Chain::UnsupportedNameType => NOT_WELL_FORMED,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, UnixTime};

    use super::*;
    use crate::tls::crypto_provider;

    /// The error of the last certificate as a trusted CA, and of the others as the server's chain.
    fn error(pem: &str, name: &str, days: u32) -> Error {
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes());
        let chain: Vec<_> = chain.map(Result::unwrap).collect();
        let (root, chain) = chain.split_last().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).unwrap();
        let provider = Arc::new(crypto_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        let now = UnixTime::since_unix_epoch(day.saturating_mul(days));
        let (leaf, others) = chain.split_first().unwrap();
        let name = name.to_owned().try_into().unwrap();
        let verifier = verifier.unwrap();
        let verdict = verifier.verify_server_cert(leaf, others, &name, &[], now);
        verdict.unwrap_err()
    }

    #[test]
    fn certificates_that_are_not_accepted() {
        /// In the year 2030.
        const DAY: u32 = 22_000;
        const SHA_1: &str = include_str!("words/sha1.pem");
        const GOOD: &str = include_str!("words/good.pem");
        const CA: &str = include_str!("words/ca.pem");
        const NAME: &str = "localhost";
        let wrong_root = format!("{SHA_1}{CA}");
        for (pem, name, day, words) in [
            // aws-lc-rs accepts this curve.
            #[cfg(not(feature = "aws-lc-rs"))]
            (include_str!("words/p521-sha512.pem"), NAME, DAY, ALGORITHM),
            #[cfg(not(feature = "aws-lc-rs"))]
            (include_str!("words/p521-sha256.pem"), NAME, DAY, ALGORITHM),
            (SHA_1, NAME, DAY, ALGORITHM),
            (include_str!("words/rsa-1024.pem"), NAME, DAY, ANOTHER_KEY),
            (
                include_str!("words/version-1.pem"),
                NAME,
                DAY,
                "a certificate is of X.509 version 1 or 2; only version 3 is accepted",
            ),
            (
                include_str!("words/version-1-ca.pem"),
                NAME,
                DAY,
                "a certificate is of X.509 version 1 or 2; only version 3 is accepted",
            ),
            (CA, NAME, DAY, "the server's certificate is a CA's"),
            (&wrong_root, NAME, DAY, NO_TRUST),
            (
                GOOD,
                "example.com",
                DAY,
                "the certificate is for another name: localhost",
            ),
            (
                GOOD,
                NAME,
                DAY / 2,
                "the certificate, or one above it, is not valid yet by this host's clock",
            ),
            (
                GOOD,
                NAME,
                DAY * 3,
                "the certificate, or one above it, has expired by this host's clock",
            ),
        ] {
            let error = error(pem, name, day);
            assert_eq!(tls_words(&error).as_deref(), Some(words), "{error:?}");
        }
    }

    #[test]
    fn an_error_of_a_handshake_has_words() {
        for error in [
            Error::AlertReceived(AlertDescription::HandshakeFailure),
            Error::AlertReceived(AlertDescription::ProtocolVersion),
            Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
            Error::NoCertificatesPresented,
        ] {
            assert!(tls_words(&error).is_some(), "{error:?}");
        }
        assert_eq!(tls_words(&Error::DecryptError), None);
    }
}
