//! The public interface of the simulated tenant.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;

use crate::accounts::{Account, Accounts};
use crate::airlock::{self, Airlock, AirlockRequest};
use crate::log::Log;
use crate::seen::{HttpRequest, KeyRequest, Press, Seen, SignRequest, Waiting, Watched};
use crate::server::{self, Server};
use crate::service::Service;
use crate::tls::{self, Ca, Certificate, TlsVersions};

/// When the server falls silent, without closing the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It accepts connections and never answers.
    BeforeTls,
    /// It completes the TLS handshake and never answers.
    AfterTls,
}

/// The options of a tenant.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on. Port 0 means a free port.
    pub listen: SocketAddr,
    /// The names and addresses in the server's certificate.
    pub names: Vec<String>,
    /// The CA. Without one, the tenant makes a new one.
    pub ca: Option<Ca>,
    /// The defect of the certificate.
    pub certificate: Certificate,
    /// The TLS versions.
    pub tls_versions: TlsVersions,
    /// The accounts.
    pub accounts: Accounts,
    /// Airlock IAM on the same port.
    pub airlock: Airlock,
    /// Closes a connection this long after its key list, unless another request arrives first. The
    /// answer does not announce it.
    pub close_after_keys: Option<Duration>,
    /// Resets a connection after its key list, as soon as a sign request arrives. The request is
    /// recorded.
    pub reset_on_sign: bool,
    /// Whether and when the server falls silent.
    pub silence: Option<Silence>,
    /// The log, if there is one.
    pub log: Option<Log>,
    /// How many requests and log lines are kept. Without a number, all of them.
    pub history: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            names: ["localhost", "127.0.0.1", "::1"].map(String::from).into(),
            ca: None,
            certificate: Certificate::Good,
            tls_versions: TlsVersions::Both,
            accounts: Accounts::default(),
            airlock: Airlock::default(),
            close_after_keys: None,
            reset_on_sign: false,
            silence: None,
            log: None,
            history: None,
        }
    }
}

/// A running tenant. It ends when dropped.
#[derive(Debug)]
pub struct Tenant {
    address: SocketAddr,
    authority: String,
    ca_pem: String,
    accounts: Accounts,
    watched: Arc<Watched>,
    _service: Service,
}

impl Tenant {
    /// Starts a tenant on a thread of its own. It accepts connections as soon as this returns.
    ///
    /// # Errors
    /// When the address cannot be bound, or a name is not valid in a certificate.
    pub fn start(options: Options) -> io::Result<Self> {
        let ca = options.ca.clone().map_or_else(Ca::new, Ok)?;
        let ca_pem = ca.certificate();
        let tls = tls::set_up(
            &ca,
            &options.names,
            options.certificate,
            options.tls_versions,
        )?;
        let listener = TcpListener::bind(options.listen)?;
        let address = listener.local_addr()?;
        let authority = authority(address, &options.names);
        let watched = Arc::new(Watched::new(options.history));
        let accounts = options.accounts.clone();
        let server = Server::new(
            options,
            authority.clone(),
            Arc::clone(&watched),
            ca_pem.clone(),
        );

        // Two threads, so that generating an RSA key does not delay other requests.
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("tenant")
            .enable_all()
            .build()?;
        let service = Service::start("tenant", runtime, listener, |listener| {
            server::run(Arc::new(server), listener, tls)
        })?;
        Ok(Self {
            address,
            authority,
            ca_pem,
            accounts,
            watched,
            _service: service,
        })
    }

    /// The address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port on which it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The host and port for a client's configuration, such as `localhost:8443`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The base URL of Airlock IAM, such as `https://localhost:8443/auth/rest`.
    #[must_use]
    pub fn airlock_url(&self) -> String {
        format!("https://{}{}", self.authority, airlock::BASE)
    }

    /// The CA certificate that a client has to trust.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The account of that name.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<Account> {
        server::account(&self.watched, &self.accounts, name)
    }

    /// The number of accepted connections.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.watched.look(|seen| seen.connections)
    }

    /// The number of open connections.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        self.watched.look(|seen| seen.open)
    }

    /// All requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.watched.look(|seen| seen.requests.clone())
    }

    /// The requests for key lists so far.
    #[must_use]
    pub fn key_requests(&self) -> Vec<KeyRequest> {
        self.watched.look(|seen| seen.key_requests.clone())
    }

    /// The requests to sign so far.
    #[must_use]
    pub fn sign_requests(&self) -> Vec<SignRequest> {
        self.watched.look(|seen| seen.sign_requests.clone())
    }

    /// The requests to Airlock IAM so far.
    #[must_use]
    pub fn airlock_requests(&self) -> Vec<AirlockRequest> {
        self.watched.look(|seen| seen.airlock_requests().to_vec())
    }

    /// The problems of the requests to Airlock IAM so far.
    #[must_use]
    pub fn airlock_problems(&self) -> Vec<String> {
        let requests = self.airlock_requests().into_iter();
        requests.filter_map(|request| request.problem).collect()
    }

    /// The number of live sessions of Airlock IAM: opened and not logged out.
    #[must_use]
    pub fn airlock_sessions(&self) -> usize {
        self.watched.look(Seen::airlock_sessions)
    }

    /// Whether a client has followed a redirect.
    #[must_use]
    pub fn redirect_followed(&self) -> bool {
        self.watched.look(|seen| {
            seen.requests
                .iter()
                .any(|request| request.path.starts_with("/elsewhere"))
        })
    }

    /// The sign requests that wait for a user, oldest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.watched.look(Seen::waiting)
    }

    /// Presses a button on the phone. Returns false if the request no longer waits.
    #[must_use]
    pub fn answer(&self, request_id: u64, press: Press) -> bool {
        self.watched.change(|seen| seen.press(request_id, press))
    }

    /// Waits until there have been `count` requests for key lists.
    #[must_use]
    pub fn wait_for_key_requests(&self, count: usize, timeout: Duration) -> bool {
        self.wait_for(timeout, |seen| seen.key_requests.len() >= count)
    }

    /// Waits until there have been `count` requests to sign.
    #[must_use]
    pub fn wait_for_sign_requests(&self, count: usize, timeout: Duration) -> bool {
        self.wait_for(timeout, |seen| seen.sign_requests.len() >= count)
    }

    /// Waits until there have been `count` requests to Airlock IAM.
    #[must_use]
    pub fn wait_for_airlock_requests(&self, count: usize, timeout: Duration) -> bool {
        self.wait_for(timeout, |seen| seen.airlock_requests().len() >= count)
    }

    /// Waits until exactly `count` sessions of Airlock IAM are alive.
    #[must_use]
    pub fn wait_for_airlock_sessions(&self, count: usize, timeout: Duration) -> bool {
        self.wait_for(timeout, |seen| seen.airlock_sessions() == count)
    }

    /// Waits until exactly `count` sign requests wait for a user.
    #[must_use]
    pub fn wait_for_waiting(&self, count: usize, timeout: Duration) -> bool {
        self.wait_for(timeout, |seen| seen.waiting().len() == count)
    }

    /// Waits until `enough` is true. Returns false after `timeout`.
    #[must_use]
    pub fn wait_for(&self, timeout: Duration, enough: impl FnMut(&Seen) -> bool) -> bool {
        self.watched.wait(timeout, enough)
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        // Before the service ends and closes its connections.
        self.watched.change(|seen| seen.ending = true);
    }
}

/// Clients use `localhost` for a loopback address. Other addresses stay as they are.
fn authority(address: SocketAddr, names: &[String]) -> String {
    let port = address.port();
    let is_local =
        |name: &str| name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if address.ip().is_loopback() {
        return format!("localhost:{port}");
    }
    match names.iter().find(|name| !is_local(name)) {
        Some(name) => format!("{name}:{port}"),
        None => address.to_string(),
    }
}
