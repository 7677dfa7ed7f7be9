//! One connection: TLS, HTTP, and the ways to break them.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::handler::Handler;
use crate::server::Server;
use crate::tenant::Silence;

/// A connection. It counts as open until it is dropped.
pub(crate) struct Connection {
    server: Arc<Server>,
    number: u64,
}

/// An instruction from a request's handler to its connection, outside of HTTP.
pub(crate) enum Order {
    /// Write these bytes and close.
    Raw(Vec<u8>),
    Reset,
    /// Close after this time without a request.
    CloseAfter(Duration),
    /// A request has arrived: do not close.
    Stay,
}

impl Connection {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        let number = server.watched.change(|seen| {
            seen.open += 1;
            seen.connections += 1;
            seen.connections
        });
        Self { server, number }
    }

    pub(crate) async fn serve(self, stream: TcpStream, peer: SocketAddr, acceptor: TlsAcceptor) {
        let silence = self.server.options.silence;
        if silence == Some(Silence::BeforeTls) {
            return until_closed(stream).await;
        }
        // Answers are small, and somebody waits for them.
        let _ = stream.set_nodelay(true);
        match acceptor.accept(stream).await {
            Ok(stream) if silence == Some(Silence::AfterTls) => until_closed(stream).await,
            Ok(stream) => self.speak_http(stream).await,
            Err(error) => {
                let number = self.number;
                self.server
                    .log(format_args!("#{number} no TLS with {peer}: {error}"));
            }
        }
    }

    async fn speak_http(&self, stream: TlsStream<TcpStream>) {
        let (orders, mut ordered) = mpsc::unbounded_channel();
        let handler = Arc::new(Handler::new(Arc::clone(&self.server), self.number, orders));
        let service = service_fn(move |request| {
            let handler = Arc::clone(&handler);
            let answer = async move { Ok::<_, Infallible>(handler.handle(request).await) };
            Box::pin(answer) as Pin<Box<dyn Future<Output = _> + Send>>
        });
        let mut http = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let mut close_after = None;
        let order = loop {
            let idle = async {
                match close_after {
                    Some(time) => sleep(time).await,
                    None => pending().await,
                }
            };
            // Poll HTTP first: an answer must be written before the connection closes, and a
            // request keeps it open.
            tokio::select! {
                biased;
                _ = &mut http => return,
                Some(order) = ordered.recv() => match order {
                    Order::CloseAfter(time) => close_after = Some(time),
                    Order::Stay => close_after = None,
                    order => break order,
                },
                () = idle => break Order::Raw(Vec::new()),
            }
        };
        // The client may have gone already.
        let mut stream = http.into_parts().io.into_inner();
        match order {
            Order::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
            _ => {
                let _ = stream.get_ref().0.set_zero_linger();
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.server.watched.change(|seen| seen.open -= 1);
    }
}

/// Reads and never answers.
async fn until_closed(mut stream: impl AsyncRead + Unpin) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = stream.read(&mut buffer).await {}
}
