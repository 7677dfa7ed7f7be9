//! Checks the server's certificate as the module's TLS does. rustls itself decides: at the current
//! time, at a later time, and with other roots. This program does not parse certificates.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bounded_https::blocking::EventLoop;
use bounded_https::http::Request;
use bounded_https::http::header::DATE;
use bounded_https::{Body, Error, ErrorKind, HttpClient, HttpsBuilder, Limits, Roots, tls_words};
use logonbox_authenticator::TenantAddress;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

/// Enough time to renew a certificate.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The result of a request.
#[derive(Debug)]
pub struct Seen {
    /// Whether the module would accept the certificate. `None` if no certificate has been seen.
    pub verdict: Option<Verdict>,
    /// The expiry time of the certificate or of a CA above it, if that is soon.
    pub ends_soon: Option<u64>,
    /// The header `Date`, or the reason why there is no answer. Servers with a bad certificate
    /// answer, too.
    pub answer: Result<Option<String>, Error>,
}

/// The module's verdict on a certificate. Times are in seconds since the UNIX epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words speak for themselves")]
pub enum Verdict {
    Good,
    Expired(Option<u64>),
    NotYet(Option<u64>),
    /// With the names in the certificate.
    WrongName(String),
    SelfSigned,
    UnknownCa,
    /// A trusted CA has the name of the issuer, but its key does not verify the signature.
    BadSignature(String),
    /// The certificate is a CA's.
    Ca,
    Algorithm(String),
    Version(String),
    Other(String),
}

/// Sends a request with the module's client, and accepts any certificate. The request contains no
/// secret, so even an attacker may read it.
///
/// # Errors
///
/// Why no request can be sent to any server.
pub fn look(
    builder: HttpsBuilder,
    server: &TenantAddress,
    roots: &Roots,
    limits: Limits,
    now: SystemTime,
) -> Result<Seen, Error> {
    let failed = |why: String| Error::new(ErrorKind::Local, why);
    let provider = Arc::new(bounded_https::crypto_provider());
    let witness = Arc::new(Witness {
        trusted: verifier(roots.store()?, &provider).map_err(failed)?,
        provider,
        now: now.duration_since(UNIX_EPOCH).unwrap_or_default(),
        seen: Mutex::new(None),
    });
    let client = builder
        .dangerous_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .build()?;
    let request = Request::head(format!("https://{server}/"))
        .body(Body::default())
        .map_err(|error| failed(error.to_string()))?;
    let answer = EventLoop::new()?.run(client.send(request, limits));
    let seen = witness
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let (verdict, ends_soon) = seen.unzip();
    Ok(Seen {
        verdict,
        ends_soon: ends_soon.flatten(),
        answer: answer.map(|answer| {
            let date = answer.headers().get(DATE)?;
            Some(date.to_str().ok()?.trim().to_owned())
        }),
    })
}

fn verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())
}

/// Continues the handshake with any certificate, and stores the verdict. The connection must not
/// carry secrets.
#[derive(Debug)]
struct Witness {
    trusted: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
    /// Since the UNIX epoch.
    now: Duration,
    seen: Mutex<Option<(Verdict, Option<u64>)>>,
}

impl Witness {
    fn judge(
        &self,
        chain: (&CertificateDer<'_>, &[CertificateDer<'_>]),
        name: &ServerName<'_>,
        ocsp: &[u8],
    ) -> (Verdict, Option<u64>) {
        let (leaf, others) = chain;
        let at = |verifier: &WebPkiServerVerifier, time: Duration| {
            let time = UnixTime::since_unix_epoch(time);
            verifier
                .verify_server_cert(leaf, others, name, ocsp, time)
                .err()
        };
        let Some(error) = at(&self.trusted, self.now) else {
            let later = at(&self.trusted, self.now.saturating_add(SOON));
            return match later.as_ref().map(|error| verdict(error, None)) {
                Some(Verdict::Expired(end)) => (Verdict::Good, end),
                _ => (Verdict::Good, None),
            };
        };
        let alone = self.alone(leaf).map(|alone| at(&alone, self.now));
        (verdict(&error, alone.as_ref()), None)
    }

    /// A verifier that trusts only this certificate.
    fn alone(&self, leaf: &CertificateDer<'_>) -> Option<Arc<WebPkiServerVerifier>> {
        let mut roots = RootCertStore::empty();
        roots.add(leaf.clone().into_owned()).ok()?;
        verifier(roots, &self.provider).ok()
    }
}

/// The verdict for an error. `by_itself` is the result with the certificate as its only root.
fn verdict(error: &TlsError, by_itself: Option<&Option<TlsError>>) -> Verdict {
    let words = || tls_words(error).map_or_else(|| error.to_string(), Cow::into_owned);
    let TlsError::InvalidCertificate(why) = error else {
        return Verdict::Other(words());
    };
    match why {
        CertificateError::Expired => Verdict::Expired(None),
        CertificateError::ExpiredContext { not_after, .. } => {
            Verdict::Expired(Some(not_after.as_secs()))
        }
        CertificateError::NotValidYet => Verdict::NotYet(None),
        CertificateError::NotValidYetContext { not_before, .. } => {
            Verdict::NotYet(Some(not_before.as_secs()))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Verdict::WrongName(words())
        }
        CertificateError::BadSignature => Verdict::BadSignature(words()),
        CertificateError::UnknownIssuer => match by_itself {
            None => Verdict::UnknownCa,
            Some(Some(again)) if *again == *error => Verdict::UnknownCa,
            Some(_) => Verdict::SelfSigned,
        },
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            Verdict::Algorithm(words())
        }
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => Verdict::Ca,
            Some(webpki::Error::UnsupportedCertVersion) => Verdict::Version(words()),
            _ => Verdict::Other(words()),
        },
        _ => Verdict::Other(words()),
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let judged = self.judge((leaf, others), name, ocsp);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(judged);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.trusted
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.trusted
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trusted.supported_verify_schemes()
    }
}
