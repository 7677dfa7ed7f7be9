//! Checks the server's certificate as the module's TLS does. rustls itself decides: at the current
//! time, at a later time, and with other roots. This program does not parse certificates.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bounded_https::Roots;
use logonbox_authenticator::TenantAddress;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use super::line::Line;

/// Enough time to renew a certificate.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// Larger than the header of any answer.
const HEAD_LIMIT: usize = 64 << 10;

/// The result of a handshake.
#[derive(Debug)]
pub struct Seen {
    /// Whether the module would accept the certificate.
    pub verdict: Verdict,
    /// The expiry time of the certificate or of a CA above it, if that is soon.
    pub ends_soon: Option<u64>,
    /// The header `Date`. Servers with a bad certificate have one, too.
    pub date: Option<String>,
}

/// The module's verdict on a certificate. Times are in seconds since the UNIX epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words speak for themselves")]
pub enum Verdict {
    Good,
    Expired(Option<u64>),
    NotYet(Option<u64>),
    /// The names in the certificate.
    WrongName(String),
    SelfSigned,
    UnknownCa,
    Other(String),
}

/// Does a TLS handshake and requests the server's time.
///
/// # Errors
///
/// Why the handshake failed.
pub fn look(
    line: &mut Line,
    server: &TenantAddress,
    roots: &Roots,
    now: SystemTime,
) -> Result<Seen, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let name = ServerName::try_from(server.host().trim_matches(['[', ']']).to_owned())
        .map_err(|error| error.to_string())?;
    let trusted = roots.store().map_err(|error| error.detail().to_owned())?;
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let witness = Arc::new(Witness {
        trusted: verifier(trusted, &provider)?,
        provider: Arc::clone(&provider),
        now: since,
        seen: Mutex::new(None),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    while connection.is_handshaking() {
        connection
            .complete_io(line)
            .map_err(|error| error.to_string())?;
    }
    let date = date(&mut connection, line, server);
    let seen = witness
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let (verdict, ends_soon) = seen.ok_or("it showed no certificate")?;
    Ok(Seen {
        verdict,
        ends_soon,
        date,
    })
}

/// The `Date` of an answer. The request contains no secret, so even an attacker may read it.
fn date(
    connection: &mut ClientConnection,
    line: &mut Line,
    server: &TenantAddress,
) -> Option<String> {
    let mut stream = rustls::Stream::new(connection, line);
    write!(
        stream,
        "HEAD / HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while head.len() < HEAD_LIMIT && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => head.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).lines().find_map(|field| {
        let (name, value) = field.split_once(':')?;
        name.eq_ignore_ascii_case("date")
            .then(|| value.trim().to_owned())
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

/// The plain name. rustls prints `DnsName("a.example")` or `IpAddress(192.0.2.7)`.
fn plain(name: &str) -> &str {
    name.split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .map_or(name, |name| name.trim_matches(['"', '\'']))
}

/// The verdict for an error. `by_itself` is the result with the certificate as its only root.
fn verdict(error: &Error, by_itself: Option<&Option<Error>>) -> Verdict {
    let Error::InvalidCertificate(why) = error else {
        return Verdict::Other(error.to_string());
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
        CertificateError::NotValidForName => Verdict::WrongName("it does not tell".to_owned()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().map(|name| plain(name)).collect();
            Verdict::WrongName(names.join(", "))
        }
        // A CA of the same name, but with another key.
        CertificateError::BadSignature => Verdict::UnknownCa,
        CertificateError::UnknownIssuer => match by_itself {
            None => Verdict::UnknownCa,
            Some(Some(again)) if *again == *error => Verdict::UnknownCa,
            Some(_) => Verdict::SelfSigned,
        },
        other => Verdict::Other(format!("{other:?}")),
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
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.judge((leaf, others), name, ocsp);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(judged);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trusted
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trusted
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trusted.supported_verify_schemes()
    }
}
