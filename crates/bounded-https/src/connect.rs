//! The way to a server: name look-up, TCP, the proxy's tunnel, TLS.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::Authority;
use crate::client::BoxFuture;
use crate::connection::{Connection, Stream};
use crate::error::{Error, ErrorKind, Unreachable};
use crate::failure::{Failure, is_local};
use crate::proxy::Proxy;
use crate::resolve::lookup;
use crate::sandbox::or_without_network;

/// RFC 8305, section 8: the next address is tried after this time, beside the earlier ones.
const STAGGER: Duration = Duration::from_millis(250);
/// A server that vanishes during a wait is noticed within a minute.
const PROBE: Duration = Duration::from_secs(15);
const PROBES: u32 = 3;
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// For servers: the default of hyper.
const SERVER_HEADER_LINES: usize = 100;
/// For proxies: as many as curl accepts.
const PROXY_HEADER_LINES: usize = 5000;

/// Opens connections.
pub(crate) struct Connector {
    pub(crate) tls: TlsConnector,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) user_agent: HeaderValue,
}

/// The step that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Lookup,
    Tcp,
    Tunnel,
    Tls,
}

impl Connector {
    /// Opens a connection to a server. `step` always says how far it is. Each step is boxed: its
    /// memory is free for the wait that follows, and the stack of a handshake stays small.
    pub(crate) fn connect<'a>(
        &'a self,
        server: &'a Authority,
        step: &'a mut Step,
    ) -> BoxFuture<'a, Result<Box<Connection>, Error>> {
        Box::pin(async move {
            let mut stream = self.first_hop(server, step).await?;
            if let Some(proxy) = &self.proxy {
                *step = Step::Tunnel;
                stream = self.tunnel(proxy, server, stream).await?;
            }
            *step = Step::Tls;
            let stream = self.handshake(server, stream).await?;
            Ok(Connection::new(stream, SERVER_HEADER_LINES).await?)
        })
    }

    /// The TCP connection to the server or the proxy.
    fn first_hop<'a>(
        &'a self,
        server: &'a Authority,
        step: &'a mut Step,
    ) -> BoxFuture<'a, Result<Stream, Error>> {
        Box::pin(async move {
            let first = self.proxy.as_ref().map_or(server, |proxy| &proxy.address);
            let addresses = lookup(name(first), first.port()).await;
            let addresses = addresses.map_err(|failure| self.failed(failure))?;
            *step = Step::Tcp;
            let stream = first_connected(addresses).await;
            let stream = stream.map_err(|error| self.failed(not_connected(error, first.port())))?;
            keep_alive(&stream);
            Ok(Box::new(stream) as Stream)
        })
    }

    fn handshake<'a>(
        &'a self,
        server: &'a Authority,
        stream: Stream,
    ) -> BoxFuture<'a, Result<Stream, Error>> {
        Box::pin(async move {
            let name = ServerName::try_from(name(server).to_owned())
                .map_err(|error| Error::new(ErrorKind::InvalidInput, "").with_source(error))?;
            let stream = self.shake_hands(name, stream).await;
            Ok(Box::new(stream.map_err(Failure::from)?) as Stream)
        })
    }

    /// Not inlined: a TLS connection is large, and made on the stack.
    #[inline(never)]
    fn shake_hands(
        &self,
        name: ServerName<'static>,
        stream: Stream,
    ) -> BoxFuture<'static, io::Result<TlsStream<Stream>>> {
        Box::pin(self.tls.connect(name, stream))
    }

    /// The error if the time ends in this step. A proxy that has been reached may wait for the
    /// server.
    pub(crate) fn late(&self, step: Step) -> Error {
        if self.proxy.is_some() && matches!(step, Step::Lookup | Step::Tcp) {
            let what = "no connection to the proxy in time";
            return Error::new(ErrorKind::Unreachable(Unreachable::Proxy), what);
        }
        Error::new(ErrorKind::TimedOut, "")
    }

    /// Asks the proxy for a connection to the server (RFC 9110, section 9.3.6).
    fn tunnel<'a>(
        &'a self,
        proxy: &'a Proxy,
        server: &'a Authority,
        stream: Stream,
    ) -> BoxFuture<'a, Result<Stream, Error>> {
        Box::pin(async move {
            let target = format!("{}:{}", server.host(), server.port());
            let mut request = Request::connect(&*target)
                .header(HOST, &*target)
                .header(USER_AGENT, &self.user_agent);
            if let Some(authorization) = &proxy.authorization {
                request = request.header(PROXY_AUTHORIZATION, authorization);
            }
            let request = request
                .body(Full::default())
                .map_err(|error| Error::new(ErrorKind::InvalidInput, "").with_source(error))?;
            let connection = Connection::new(stream, PROXY_HEADER_LINES).await;
            let mut connection = connection.map_err(|failure| self.failed(failure))?;
            let answer = connection.send(request).await;
            let status = answer.map_err(|failure| self.failed(failure))?.status();
            if status.is_success() {
                return Ok(connection.into_stream());
            }
            let what = format!("the proxy answers with HTTP status {}", status.as_u16());
            let how = match status {
                StatusCode::PROXY_AUTHENTICATION_REQUIRED => Unreachable::ProxyCredentials,
                _ => Unreachable::Proxy,
            };
            Err(Error::new(ErrorKind::Unreachable(how), what))
        })
    }

    /// The error of a failure before the tunnel. With a proxy, it says nothing about the server.
    fn failed(&self, failure: Failure) -> Error {
        let failure = or_without_network(failure);
        if self.proxy.is_none() || failure.kind == ErrorKind::Local {
            return failure.into();
        }
        let what = match failure.kind {
            ErrorKind::Unreachable(how) => how.of("the proxy"),
            ErrorKind::TimedOut => Unreachable::NoRoute.of("the proxy"),
            _ => "the proxy's answer was not understood".to_owned(),
        };
        let what = format!("{what}: {}", failure.source);
        Error::new(ErrorKind::Unreachable(Unreachable::Proxy), what).with_source(failure.source)
    }
}

/// The host without the brackets of an IPv6 address.
fn name(authority: &Authority) -> &str {
    authority.host().trim_matches(['[', ']'])
}

/// The connection to the first address that accepts one. The others are closed.
async fn first_connected(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut attempts: Vec<BoxFuture<'static, io::Result<TcpStream>>> = Vec::new();
    let mut failure = None;
    loop {
        let patience = match addresses.next() {
            Some(address) => {
                attempts.push(Box::pin(TcpStream::connect(address)));
                STAGGER
            }
            None if attempts.is_empty() => {
                return Err(failure.unwrap_or_else(|| io::Error::other("no address")));
            }
            None => Duration::MAX,
        };
        let ended = poll_fn(|context| {
            let mut ended = Poll::Pending;
            attempts.retain_mut(|attempt| {
                if ended.is_pending() {
                    ended = attempt.as_mut().poll(context);
                    return ended.is_pending();
                }
                true
            });
            ended
        });
        match timeout(patience, ended).await {
            Ok(Ok(stream)) => return Ok(stream),
            // A failure of this host says nothing about the server, so that another address must
            // not hide it.
            Ok(Err(error)) if failure.as_ref().is_none_or(|earlier| !is_local(earlier)) => {
                failure = Some(error);
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

/// Sends what is written at once, and notices a server that vanishes. Without this, a connection
/// works, too.
fn keep_alive(stream: &TcpStream) {
    let probes = TcpKeepalive::new()
        .with_time(PROBE)
        .with_interval(PROBE)
        .with_retries(PROBES);
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&probes);
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}

/// The failure of a TCP connection. The kernel says EACCES or EPERM for a rule of this host
/// (connect(2)), and does not say whose rule.
fn not_connected(error: io::Error, port: u16) -> Failure {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return error.into();
    }
    Failure {
        kind: ErrorKind::Local,
        source: format!(
            "this host allows no connection to port {port} (SELinux, or a firewall?): {error}"
        )
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::*;
    use crate::tls::{self, Roots};

    #[test]
    fn a_rule_of_this_host_is_named() {
        let failure = |errno| not_connected(io::Error::from_raw_os_error(errno), 8443);
        // EPERM, EACCES.
        for errno in [1, 13] {
            let failure = failure(errno);
            assert_eq!(failure.kind, ErrorKind::Local);
            let what = "this host allows no connection to port 8443 (SELinux, or a firewall?): ";
            assert!(
                failure.source.to_string().starts_with(what),
                "{}",
                failure.source
            );
        }
        // ECONNREFUSED.
        assert_eq!(
            failure(111).kind,
            ErrorKind::Unreachable(Unreachable::Refused)
        );
    }

    /// An address that answers no connection attempt, as long as the sockets are there.
    fn black_hole() -> (SocketAddr, [Socket; 3]) {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        // These fill its queue.
        let waiting = [socket(), socket()].map(|client| {
            client.set_nonblocking(true).unwrap();
            let _ = client.connect(&address);
            client
        });
        let [first, second] = waiting;
        (address.as_socket().unwrap(), [listener, first, second])
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_does_not_hold_up_the_next() {
        let (silent, _queue) = black_hole();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let connected = timeout(STAGGER * 8, first_connected(vec![silent, good])).await;
        assert_eq!(connected.unwrap().unwrap().peer_addr().unwrap(), good);
        // A failure starts the next attempt at once.
        let refusing: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let connected = timeout(STAGGER, first_connected(vec![refusing, good])).await;
        assert_eq!(connected.unwrap().unwrap().peer_addr().unwrap(), good);
        let error = first_connected(vec![refusing]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_proxy_that_cannot_be_reached_is_named() {
        let (silent, _queue) = black_hole();
        let vacant: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let server: Authority = "127.0.0.1:2".parse().unwrap();
        let connector = |proxy: &str| Connector {
            tls: std::sync::Arc::new(tls::config(&Roots::System).unwrap()).into(),
            proxy: Some(proxy.parse().unwrap()),
            user_agent: HeaderValue::from_static("test"),
        };
        let mut step = Step::Lookup;
        for (proxy, expected) in [
            (
                format!("http://{vacant}"),
                "the proxy refused the connection: ",
            ),
            (
                "http://proxy.invalid:1".to_owned(),
                "the proxy's name could not be looked up: ",
            ),
        ] {
            let error = connector(&proxy).connect(&server, &mut step).await;
            let error = error.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Unreachable(Unreachable::Proxy));
            assert!(error.detail().starts_with(expected), "{error}");
            assert!(std::error::Error::source(&error).is_some());
        }
        let connector = connector(&format!("http://{silent}"));
        let connecting = connector.connect(&server, &mut step);
        assert!(timeout(STAGGER, connecting).await.is_err());
        assert_eq!(step, Step::Tcp);
        let late = connector.late(step).kind();
        assert_eq!(late, ErrorKind::Unreachable(Unreachable::Proxy));
        // A proxy that has been reached may wait for the server.
        assert_eq!(connector.late(Step::Tunnel).kind(), ErrorKind::TimedOut);
    }
}
