//! A server for tests that choose every byte, in TLS or below it, and the time at which it is sent.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection};
use socket2::SockRef;

/// RFC 4648, section 5. Clients differ in the padding.
const PADDED_OR_NOT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A running server. It runs the script for each connection, on a thread of its own.
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    ca_pem: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    tls: Arc<ServerConfig>,
    ended: AtomicBool,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
    asked: Mutex<Vec<Asked>>,
}

/// A request as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET`, `POST` or `DELETE`.
    pub method: String,
    /// With its leading slash.
    pub path: String,
    /// The body, as long as the Content-Length.
    pub body: Vec<u8>,
}

impl Asked {
    /// Whether the request would ring a phone.
    #[must_use]
    pub fn is_for_a_signature(&self) -> bool {
        self.path.ends_with("/signPayload")
    }

    /// The payload to sign, or empty.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        form_urlencoded::parse(&self.body)
            .find(|(name, _)| name == "payload")
            .and_then(|(_, value)| PADDED_OR_NOT.decode(&*value).ok())
            .unwrap_or_default()
    }
}

impl Scripted {
    /// Starts a server with a good certificate for localhost.
    ///
    /// # Errors
    /// When no ports, threads or random bytes are left.
    pub fn start(
        script: impl Fn(&mut Wire) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (ca_pem, tls) = good().map_err(io::Error::other)?;
        Self::with(ca_pem, tls, script)
    }

    /// Starts a server with this TLS configuration.
    ///
    /// # Errors
    /// When no ports or threads are left.
    pub fn with(
        ca_pem: String,
        tls: Arc<ServerConfig>,
        script: impl Fn(&mut Wire) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            tls,
            ended: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
            asked: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        let script = Arc::new(script);
        let thread = thread::Builder::new()
            .name("scripted".into())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    if accepting.ended.load(SeqCst) {
                        break;
                    }
                    let Ok(mut wire) = Wire::new(stream, &accepting) else {
                        continue;
                    };
                    let script = Arc::clone(&script);
                    // A client that goes away ends the script. That is not an error.
                    thread::spawn(move || {
                        let _ = script(&mut wire);
                        wire.hang_up();
                    });
                }
            })?;
        Ok(Self {
            address,
            ca_pem,
            shared,
            thread: Some(thread),
        })
    }

    /// The host and port for a client's configuration, such as `localhost:8443`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// The CA certificate that a client has to trust.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The requests received so far, on all connections.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.shared.asked).clone()
    }

    /// The number of connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(SeqCst)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        // The listener waits for a connection, so make one.
        let _ = TcpStream::connect(self.address);
        for stream in locked(&self.shared.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A connection. It is closed when the script ends, without a TLS `close_notify`.
#[derive(Debug)]
pub struct Wire {
    /// The number of the connection, from 0.
    pub number: usize,
    tcp: Throttled,
    tls: Option<ServerConnection>,
    /// The bytes after the last request.
    rest: Vec<u8>,
    shared: Arc<Shared>,
}

impl Wire {
    fn new(stream: TcpStream, shared: &Arc<Shared>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        locked(&shared.open).push(stream.try_clone()?);
        Ok(Self {
            number: shared.connections.fetch_add(1, SeqCst),
            tcp: Throttled {
                stream,
                each: Duration::ZERO,
            },
            tls: None,
            rest: Vec::new(),
            shared: Arc::clone(shared),
        })
    }

    /// Delays every byte from now on, including those of TLS.
    pub fn slow_down(&mut self, each: Duration) {
        self.tcp.each = each;
    }

    /// Starts TLS.
    ///
    /// # Errors
    /// When the client goes away.
    pub fn handshake(&mut self) -> io::Result<()> {
        let mut tls =
            ServerConnection::new(Arc::clone(&self.shared.tls)).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            if let Err(error) = tls.complete_io(&mut self.tcp) {
                // Send the alert to the client.
                while tls.wants_write() {
                    tls.write_tls(&mut self.tcp)?;
                }
                return Err(error);
            }
        }
        self.tls = Some(tls);
        Ok(())
    }

    /// Sends these bytes, through TLS if it has started.
    ///
    /// # Errors
    /// When the client goes away.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.tcp).write_all(bytes.as_ref()),
            None => self.tcp.write_all(bytes.as_ref()),
        }
    }

    /// Sends these bytes below TLS.
    ///
    /// # Errors
    /// When the client goes away.
    pub fn send_below(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.tcp.write_all(bytes.as_ref())
    }

    /// Repeats these bytes until the client goes away.
    ///
    /// # Errors
    /// When the client has gone away.
    pub fn send_for_ever(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        loop {
            self.send(bytes.as_ref())?;
        }
    }

    /// Sends an answer with this status and body.
    ///
    /// # Errors
    /// When the client goes away.
    pub fn answer(&mut self, status: &str, body: impl AsRef<[u8]>) -> io::Result<()> {
        let body = body.as_ref();
        let length = body.len();
        self.send(format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n"
        ))?;
        self.send(body)
    }

    /// Reads some bytes, through TLS if it has started. None at the end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.tcp).read(to),
            None => self.tcp.read(to),
        }
    }

    /// Reads one request.
    ///
    /// # Errors
    /// When the client goes away before the request is complete.
    pub fn request(&mut self) -> io::Result<Asked> {
        let mut buffer = [0; 4096];
        let asked = loop {
            if let Some((asked, length)) = parse(&self.rest) {
                self.rest.drain(..length);
                break asked;
            }
            match self.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => self.rest.extend_from_slice(&buffer[..length]),
            }
        };
        locked(&self.shared.asked).push(asked.clone());
        Ok(asked)
    }

    /// Stays silent until the client goes away.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn stall(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while self.tcp.read(&mut buffer)? > 0 {}
        Ok(())
    }

    /// Closes the connection properly.
    ///
    /// # Errors
    /// When the client has gone away.
    pub fn close(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(&mut self.tcp)?;
            }
        }
        self.hang_up();
        Ok(())
    }

    /// Resets the connection.
    ///
    /// # Errors
    /// When the client has gone away.
    pub fn reset(&mut self) -> io::Result<()> {
        SockRef::from(&self.tcp.stream).set_linger(Some(Duration::ZERO))?;
        // Another handle would keep the connection open.
        let peer = self.tcp.stream.peer_addr()?;
        locked(&self.shared.open).retain(|stream| stream.peer_addr().ok() != Some(peer));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        self.tcp.stream = TcpStream::connect(listener.local_addr()?)?;
        Ok(())
    }

    /// Reads and drops the rest of the client's bytes. A connection that is closed with unread
    /// bytes is reset, and the last answer may be lost.
    fn hang_up(&mut self) {
        let stream = &self.tcp.stream;
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let _ = io::copy(&mut &*stream, &mut io::sink());
    }
}

/// A connection that can delay each byte.
#[derive(Debug)]
struct Throttled {
    stream: TcpStream,
    each: Duration,
}

impl Read for Throttled {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.stream.read(to)
    }
}

impl Write for Throttled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.each.is_zero() {
            return self.stream.write(bytes);
        }
        thread::sleep(self.each);
        self.stream.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The request at the beginning of `bytes` and its length, if it is complete.
fn parse(bytes: &[u8]) -> Option<(Asked, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let mut first = lines.next()?.split(' ').map(str::to_owned);
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Some(0), |(_, value)| value.trim().parse().ok())?;
    let asked = Asked {
        method: first.next()?,
        path: first.next()?,
        body: bytes.get(head..head + length)?.to_vec(),
    };
    Some((asked, head + length))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A CA certificate as PEM, and a server configuration for localhost.
fn good() -> Result<(String, Arc<ServerConfig>), Box<dyn Error + Send + Sync>> {
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "Test CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca_key = KeyPair::generate()?;
    let text = STANDARD.encode(ca.self_signed(&ca_key)?.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(["localhost".to_owned()])?;
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.into()], key.into())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((pem, Arc::new(config)))
}
