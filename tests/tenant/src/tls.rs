//! The tenant's CA, and its good and bad certificates.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

/// The defect of the server's certificate, if it has one. For a wrong name, see
/// [`Options::names`](crate::Options::names).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// No defect.
    #[default]
    Good,
    /// Signed by another CA of the same name.
    OtherCa,
    /// Expired years ago.
    Expired,
    /// Valid only from next week on.
    NotYetValid,
    /// Self-signed.
    SelfSigned,
    /// Self-signed, and a CA's: `openssl req -x509` makes such a certificate.
    SelfSignedCa,
}

/// The versions of TLS that the server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// Only 1.2.
    Only12,
    /// Only 1.3.
    Only13,
}

/// The CA certificate as PEM, and a good server configuration for localhost.
pub(crate) fn good() -> io::Result<(String, Arc<ServerConfig>)> {
    let names = ["localhost".to_owned()];
    set_up(&names, Certificate::Good, TlsVersions::Both)
}

/// The CA certificate as PEM, and a server configuration for `names`.
pub(crate) fn set_up(
    names: &[String],
    certificate: Certificate,
    versions: TlsVersions,
) -> io::Result<(String, Arc<ServerConfig>)> {
    let (ca_pem, chain, key) = certify(names, certificate).map_err(io::Error::other)?;
    let versions: &[_] = match versions {
        TlsVersions::Both => rustls::ALL_VERSIONS,
        TlsVersions::Only12 => &[&rustls::version::TLS12],
        TlsVersions::Only13 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((ca_pem, Arc::new(config)))
}

type Chain = Vec<rustls::pki_types::CertificateDer<'static>>;

fn certify(
    names: &[String],
    flavour: Certificate,
) -> Result<(String, Chain, PrivateKeyDer<'static>), rcgen::Error> {
    let (ca_pem, issuer) = authority()?;
    let (_, other_issuer) = authority()?;

    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(names)?;
    let name = names.first().map_or("localhost", String::as_str);
    leaf.distinguished_name.push(DnType::CommonName, name);
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let now = OffsetDateTime::now_utc();
    (leaf.not_before, leaf.not_after) = match flavour {
        Certificate::Expired => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
        Certificate::NotYetValid => (now + Duration::weeks(1), now + Duration::weeks(2)),
        // Some clients refuse certificates that are valid for more than about two years.
        _ => (now - Duration::days(1), now + Duration::days(365)),
    };
    if flavour == Certificate::SelfSignedCa {
        leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let certificate = match flavour {
        Certificate::SelfSigned | Certificate::SelfSignedCa => leaf.self_signed(&key)?,
        Certificate::OtherCa => leaf.signed_by(&key, &other_issuer)?,
        _ => leaf.signed_by(&key, &issuer)?,
    };
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((ca_pem, vec![certificate.into()], key.into()))
}

fn authority() -> Result<(String, Issuer<'static, KeyPair>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Simulated LogonBox tenant CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - Duration::days(1), now + Duration::days(365));
    let certificate = params.self_signed(&key)?;
    Ok((pem(certificate.der()), Issuer::new(params, key)))
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for start in (0..text.len()).step_by(64) {
        pem += &text[start..text.len().min(start + 64)];
        pem += "\n";
    }
    pem + "-----END CERTIFICATE-----\n"
}
