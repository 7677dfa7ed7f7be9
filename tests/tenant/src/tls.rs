//! The tenant's CA, and its good and bad certificates.

use std::fmt;
use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{RootCertStore, ServerConfig};
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

/// A CA that signs the certificates of tenants.
#[derive(Clone)]
pub struct Ca {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Ca {
    /// A new CA, with a new key.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new() -> io::Result<Self> {
        let make = || {
            let key = KeyPair::generate()?;
            let certificate = ca_params().self_signed(&key)?;
            Ok::<_, rcgen::Error>(Self {
                certificate: certificate.into(),
                key: key.serialize_der(),
            })
        };
        make().map_err(io::Error::other)
    }

    /// Reads the text that [`Self::key_and_certificate`] has written.
    ///
    /// # Errors
    /// When a client that trusts the certificate would not accept what the key signs.
    pub fn from_pem(text: &str) -> io::Result<Self> {
        let broken = |error: rustls::pki_types::pem::Error| {
            io::Error::new(io::ErrorKind::InvalidData, error.to_string())
        };
        let ca = Self {
            certificate: CertificateDer::from_pem_slice(text.as_bytes()).map_err(broken)?,
            key: PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes())
                .map_err(broken)?
                .secret_pkcs8_der()
                .to_vec(),
        };
        ca.check()?;
        Ok(ca)
    }

    /// The certificate as PEM, for clients.
    #[must_use]
    pub fn certificate(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// The private key and the certificate as PEM.
    #[must_use]
    pub fn key_and_certificate(&self) -> String {
        pem("PRIVATE KEY", &self.key) + &self.certificate()
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, rcgen::Error> {
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(&*self.key))?;
        Ok(Issuer::new(ca_params(), key))
    }

    /// Signs a certificate, and verifies it as a client does.
    fn check(&self) -> io::Result<()> {
        let (chain, _) =
            certify(self, &["localhost".into()], Certificate::Good).map_err(io::Error::other)?;
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.clone())
            .map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(io::Error::other)?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        verifier
            .verify_server_cert(&chain[0], &[], &name, &[], UnixTime::now())
            .map_err(io::Error::other)?;
        Ok(())
    }
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ca")
    }
}

/// A server configuration for `names`.
pub(crate) fn set_up(
    ca: &Ca,
    names: &[String],
    certificate: Certificate,
    versions: TlsVersions,
) -> io::Result<Arc<ServerConfig>> {
    let (chain, key) = certify(ca, names, certificate).map_err(io::Error::other)?;
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
    Ok(Arc::new(config))
}

type Chain = Vec<CertificateDer<'static>>;

fn certify(
    ca: &Ca,
    names: &[String],
    flavour: Certificate,
) -> Result<(Chain, PrivateKeyDer<'static>), rcgen::Error> {
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
        Certificate::OtherCa => {
            let issuer = Issuer::new(ca_params(), KeyPair::generate()?);
            leaf.signed_by(&key, &issuer)?
        }
        _ => leaf.signed_by(&key, &ca.issuer()?)?,
    };
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((vec![certificate.into()], key.into()))
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Simulated LogonBox tenant CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    // RFC 5280, section 4.1.2.5: no end.
    params.not_after = date_time_ymd(9999, 12, 31) + Duration::seconds(86_399);
    params
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for start in (0..text.len()).step_by(64) {
        pem += &text[start..text.len().min(start + 64)];
        pem += "\n";
    }
    pem + &format!("-----END {label}-----\n")
}
