//! TLS 1.2 or 1.3 with the CA certificates of the system or of one file. The checks cannot be
//! turned off, and nothing is read from the environment.

use std::io::ErrorKind::NotFound;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as library;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as library;
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, ErrorKind};
use crate::pem;

/// The files in which distributions keep their CA certificates: Debian, Ubuntu, Alpine and Arch;
/// Fedora and RHEL (two names); SUSE; the BSD-like `/etc/ssl/cert.pem`. The first that exists is
/// used.
pub const SYSTEM_CA_FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The CA certificates to trust.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Roots {
    /// The system's: the first file of [`SYSTEM_CA_FILES`] that exists.
    #[default]
    System,
    /// These, in PEM form. Each must be usable. Text between them is allowed, and other blocks are
    /// not.
    Pem(Vec<u8>),
    /// As [`Pem`](Self::Pem), from this file. Errors name it.
    PemFile(PathBuf, Vec<u8>),
}

impl Roots {
    /// The certificates as rustls takes them, for `logonbox check`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`]: they cannot be used.
    #[doc(hidden)]
    pub fn store(&self) -> Result<RootCertStore, Error> {
        match self {
            Self::System => system(),
            Self::Pem(pem) => {
                pem::certificates(pem).map_err(|why| local(format!("CA certificates: {why}")))
            }
            Self::PemFile(path, pem) => {
                pem::certificates(pem).map_err(|why| local(format!("{}: {why}", path.display())))
            }
        }
    }
}

/// The cryptography of TLS: that of `aws-lc-rs` if this feature is on, and of `ring` otherwise. For
/// `logonbox check`.
#[doc(hidden)]
#[must_use]
pub fn crypto_provider() -> CryptoProvider {
    library::default_provider()
}

pub(crate) fn config(roots: &Roots) -> Result<ClientConfig, Error> {
    let provider = CryptoProvider {
        key_provider: &NoKeys,
        ..crypto_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| local(error.to_string()))?
        .with_root_certificates(roots.store()?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A login has one connection, so there is no session to resume.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// A client has no key, so the code that signs with one is left out.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(
        &self,
        _key: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("a client without a key".to_owned()))
    }
}

/// The system's CA certificates. One that cannot be used is skipped.
fn system() -> Result<RootCertStore, Error> {
    for path in SYSTEM_CA_FILES {
        let pem = match std::fs::read(path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == NotFound => continue,
            Err(error) => return Err(local(format!("{path}: {error}"))),
        };
        let roots = pem::usable_certificates(&pem);
        if roots.is_empty() {
            return Err(local(format!("{path} holds no CA certificate")));
        }
        return Ok(roots);
    }
    Err(local(
        "no CA certificates: install the package ca-certificates".to_owned(),
    ))
}

fn local(what: String) -> Error {
    Error::new(ErrorKind::Local, what)
}
