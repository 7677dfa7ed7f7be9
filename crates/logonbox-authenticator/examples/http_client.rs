//! An HTTP client of this program: hyper and rustls, without the feature `https`. A program that has
//! another HTTP library already needs the function `send` alone.
//!
//! With a simulated tenant in another terminal (`cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443`):
//!
//! ```sh
//! cargo run -p logonbox-authenticator --example http_client -- \
//!     localhost:8443 approve logonbox-tenant-ca.pem
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::env;
use std::error::Error as StdError;
use std::process::ExitCode;
use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use logonbox_authenticator::http::{Request, Response, Uri, header};
use logonbox_authenticator::{Approval, Body, Client, HttpError, HttpErrorKind, Limits};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

type Failure = Box<dyn StdError + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tenant, account, ca_file] = &arguments[..] else {
        eprintln!("usage: http_client TENANT ACCOUNT CA_FILE");
        return ExitCode::from(2);
    };
    match log_in(tenant, account, ca_file).await {
        Ok(approval) => {
            println!("{} approved", approval.principal());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("no login: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn log_in(tenant: &str, account: &str, ca_file: &str) -> Result<Approval, Failure> {
    let tls = connector(ca_file)?;
    let client = Client::builder(tenant.parse()?)
        .http_client(move |request, limits| send(tls.clone(), request, limits))
        .build()?;
    Ok(client.authenticate(account).await?.verify()?)
}

/// Checks certificates, as each client must.
fn connector(ca_file: &str) -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Sends a request once, within its limits, and follows no redirect. Dropping this future closes
/// the connection.
async fn send(
    tls: TlsConnector,
    request: Request<Body>,
    limits: Limits,
) -> Result<Response<Body>, HttpError> {
    let answer = tokio::time::timeout(limits.timeout, exchange(tls, request, limits.answer_bytes));
    match answer.await {
        Ok(Ok(answer)) => Ok(answer),
        // This client does not know how far it came, so the phone may have rung.
        Ok(Err(failure)) => {
            let error = HttpError::new(HttpErrorKind::NotUnderstood, "").with_source(failure);
            Err(error.after_sending())
        }
        Err(_) => Err(HttpError::new(HttpErrorKind::TimedOut, "").after_sending()),
    }
}

async fn exchange(
    tls: TlsConnector,
    request: Request<Body>,
    answer_bytes: usize,
) -> Result<Response<Body>, Failure> {
    let (mut head, body) = request.into_parts();
    let host = head.uri.host().ok_or("a URL without a host")?.to_owned();
    let port = head.uri.port_u16().unwrap_or(443);
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
    let stream = tls.connect(name, stream).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Dropping the set ends its task, and with it the connection.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);

    // HTTP/1.1 has the host in a header.
    head.headers
        .insert(header::HOST, format!("{host}:{port}").parse()?);
    let path = head.uri.path_and_query().cloned().ok_or("no path")?;
    head.uri = Uri::from(path);
    let body = Full::new(Bytes::from_owner(body));
    let answer = sender.send_request(Request::from_parts(head, body)).await?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, answer_bytes).collect().await?;
    let body = Body::from(body.to_bytes().to_vec());
    Ok(Response::from_parts(head, body))
}
