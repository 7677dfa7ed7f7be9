//! A server of which a test chooses every byte, in TLS or below it, and when each of them goes out.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine;
use rustls::{ServerConfig, ServerConnection};
use socket2::SockRef;

use crate::tls;
use crate::wire::PADDED_OR_NOT;

/// A running server. Each connection is given to the script, on a thread of its own.
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

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET`, `POST` or `DELETE`.
    pub method: String,
    /// With its leading slash.
    pub path: String,
    /// As long as its Content-Length says.
    pub body: Vec<u8>,
}

impl Asked {
    /// Whether a phone would have rung for it.
    #[must_use]
    pub fn is_for_a_signature(&self) -> bool {
        self.path.ends_with("/signPayload")
    }

    /// What is to be signed; empty where nothing is.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        form_urlencoded::parse(&self.body)
            .find(|(name, _)| name == "payload")
            .and_then(|(_, value)| PADDED_OR_NOT.decode(&*value).ok())
            .unwrap_or_default()
    }
}

impl Scripted {
    /// A server with a good certificate for localhost.
    ///
    /// # Errors
    /// There are no ports, threads or randomness left.
    pub fn start(
        script: impl Fn(&mut Wire) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (ca_pem, tls) = tls::good()?;
        Self::with(ca_pem, tls, script)
    }

    /// A server with any certificate.
    ///
    /// # Errors
    /// There are no ports or threads left.
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
                    // The client's going away ends a script, and is no mistake.
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

    /// Host and port for a client's configuration, as in `localhost:8443`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// The certificate of the authority that a client has to trust.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The requests that were read so far, from all connections.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.shared.asked).clone()
    }

    /// How many connections there have been.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(SeqCst)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        // The listener waits for somebody.
        let _ = TcpStream::connect(self.address);
        for stream in locked(&self.shared.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One connection. It is closed when the script ends, without a farewell in TLS.
#[derive(Debug)]
pub struct Wire {
    /// Which of the server's connections this is, from 0.
    pub number: usize,
    tcp: Throttled,
    tls: Option<ServerConnection>,
    /// What came after the last request that was read.
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

    /// From now on every byte takes this long, those of TLS included.
    pub fn slow_down(&mut self, each: Duration) {
        self.tcp.each = each;
    }

    /// From now on, TLS is spoken.
    ///
    /// # Errors
    /// The client goes away.
    pub fn handshake(&mut self) -> io::Result<()> {
        let mut tls =
            ServerConnection::new(Arc::clone(&self.shared.tls)).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            if let Err(error) = tls.complete_io(&mut self.tcp) {
                // The client is told why.
                while tls.wants_write() {
                    tls.write_tls(&mut self.tcp)?;
                }
                return Err(error);
            }
        }
        self.tls = Some(tls);
        Ok(())
    }

    /// Sends these bytes, inside of TLS where it is spoken.
    ///
    /// # Errors
    /// The client goes away.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.tcp).write_all(bytes.as_ref()),
            None => self.tcp.write_all(bytes.as_ref()),
        }
    }

    /// Sends these bytes below TLS.
    ///
    /// # Errors
    /// The client goes away.
    pub fn send_below(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.tcp.write_all(bytes.as_ref())
    }

    /// Sends this over and over, until the client goes away.
    ///
    /// # Errors
    /// It has gone away.
    pub fn send_for_ever(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        loop {
            self.send(bytes.as_ref())?;
        }
    }

    /// Sends an answer of this status and these bytes.
    ///
    /// # Errors
    /// The client goes away.
    pub fn answer(&mut self, status: &str, body: impl AsRef<[u8]>) -> io::Result<()> {
        let body = body.as_ref();
        let length = body.len();
        self.send(format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n"
        ))?;
        self.send(body)
    }

    /// Reads some bytes, inside of TLS where it is spoken; none at the end.
    ///
    /// # Errors
    /// The connection broke.
    pub fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.tcp).read(to),
            None => self.tcp.read(to),
        }
    }

    /// Reads one request.
    ///
    /// # Errors
    /// The client goes away before it is whole.
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

    /// Says nothing more until the client goes away.
    ///
    /// # Errors
    /// The connection broke.
    pub fn stall(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while self.tcp.read(&mut buffer)? > 0 {}
        Ok(())
    }

    /// Closes the connection as TLS wants it.
    ///
    /// # Errors
    /// The client has gone away.
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
    /// The client has gone away.
    pub fn reset(&mut self) -> io::Result<()> {
        SockRef::from(&self.tcp.stream).set_linger(Some(Duration::ZERO))?;
        // Another handle would keep it open.
        let peer = self.tcp.stream.peer_addr()?;
        locked(&self.shared.open).retain(|stream| stream.peer_addr().ok() != Some(peer));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        self.tcp.stream = TcpStream::connect(listener.local_addr()?)?;
        Ok(())
    }

    /// The rest of what the client sends is read, and thrown away: a connection that is closed with
    /// unread bytes is reset, and what was sent last may get lost.
    fn hang_up(&mut self) {
        let stream = &self.tcp.stream;
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let _ = io::copy(&mut &*stream, &mut io::sink());
    }
}

/// A connection on which each byte may take its time.
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

/// The request at the beginning of `bytes`, where it is whole, and its length.
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
