//! A connection to the server, through the proxy if one is set. An error names the step that
//! failed.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use bounded_https::proxy_authorization;
use login::config::Tls;
use logonbox_authenticator::TenantAddress;

/// Larger than any answer of a proxy to CONNECT.
const PROXY_LIMIT: usize = 16 << 10;
/// At most this many addresses are tried.
const MOST_ADDRESSES: usize = 8;

/// The step that failed.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// The name, and the reason.
    NoSuchName(String, String),
    /// The address, and the reason.
    NotConnected(String, String),
    /// The error, or the first line of the proxy's answer.
    Proxy(String),
    /// The proxy did not answer in time.
    Late,
}

/// An open connection. The identity of the server is not verified yet.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    /// The deadline for all reads and writes. A server that sends slowly cannot extend it.
    ends: Instant,
}

/// The time for everything on one connection, in multiples of `connect_seconds`.
const STEPS: u32 = 3;

impl Line {
    /// Opens a connection. Each step may take `wait`.
    pub fn open(to: &TenantAddress, tls: &Tls, wait: Duration) -> Result<Self, Stop> {
        let Some(proxy) = &tls.proxy else {
            return connect(to, wait).map(|stream| Self::new(stream, wait));
        };
        let proxy = proxy.strip_prefix("http://").unwrap_or(proxy);
        // The HTTP library has the same default port.
        let (name, port) = proxy.rsplit_once(':').unwrap_or((proxy, "80"));
        let address: TenantAddress = format!("{name}:{port}")
            .parse()
            .map_err(|why| Stop::NoSuchName(proxy.to_owned(), format!("{why}")))?;
        let mut line = Self::new(connect(&address, wait)?, wait);
        tunnel(&mut line, to, tls).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Stop::Late,
            _ => Stop::Proxy(error.to_string()),
        })?;
        Ok(line)
    }

    fn new(stream: TcpStream, wait: Duration) -> Self {
        let ends = now();
        let ends = ends.checked_add(wait.saturating_mul(STEPS)).unwrap_or(ends);
        Self { stream, ends }
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.ends.saturating_duration_since(now());
        if left.is_zero() {
            Err(ErrorKind::TimedOut.into())
        } else {
            Ok(Some(left))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "no login waits for this")]
fn now() -> Instant {
    Instant::now()
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn connect(to: &TenantAddress, wait: Duration) -> Result<TcpStream, Stop> {
    let host = to.host().trim_matches(['[', ']']).to_owned();
    let port = to.port();
    let (sender, found) = channel();
    // The system's resolver takes no timeout.
    let asked = host.clone();
    thread::spawn(move || {
        let found = (asked.as_str(), port).to_socket_addrs();
        sender.send(found.map(|all| all.take(MOST_ADDRESSES).collect::<Vec<SocketAddr>>()))
    });
    let addresses = match found.recv_timeout(wait) {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(Stop::NoSuchName(host, error.to_string())),
        Err(_) => return Err(Stop::NoSuchName(host, "no answer in time".to_owned())),
    };
    let mut last = Stop::NoSuchName(host, "it has no address".to_owned());
    for address in addresses {
        match TcpStream::connect_timeout(&address, wait) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Stop::NotConnected(address.to_string(), error.to_string()),
        }
    }
    Err(last)
}

/// Asks the proxy to connect (RFC 9110, section 9.3.6).
fn tunnel(stream: &mut Line, to: &TenantAddress, tls: &Tls) -> io::Result<()> {
    let target = format!("{}:{}", to.host(), to.port());
    write!(stream, "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n")?;
    // Another check reports an unusable file.
    if let Ok(Some(credentials)) = tls.proxy_credentials()
        && let Ok(value) = proxy_authorization(credentials.name(), credentials.password())
    {
        stream.write_all(b"Proxy-Authorization: ")?;
        stream.write_all(value.as_bytes())?;
        stream.write_all(b"\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    let mut answer = Vec::new();
    let mut byte = [0];
    // Byte by byte, because the bytes after the answer belong to TLS.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= PROXY_LIMIT || stream.read(&mut byte)? == 0 {
            return Err(io::Error::other("it gives no answer that is HTTP"));
        }
        answer.extend_from_slice(&byte);
    }
    let answer = String::from_utf8_lossy(&answer);
    let first = answer.lines().next().unwrap_or_default();
    match first.split_whitespace().nth(1) {
        Some(status) if status.starts_with('2') => Ok(()),
        _ => Err(io::Error::other(first.to_owned())),
    }
}
