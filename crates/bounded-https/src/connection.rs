//! One connection that speaks HTTP/1.1.

use std::future::{poll_fn, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::failure::Failure;

/// The bytes of a connection, with or without TLS. One type for both, because the code of HTTP for
/// each type is large.
pub(crate) type Stream = Box<dyn ReadWrite>;

pub(crate) trait ReadWrite: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ReadWrite for T {}

/// A connection. It makes progress only while one of its methods runs. Dropping it closes it.
pub(crate) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    driver: http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    is_open: bool,
}

impl Connection {
    /// Answers may have this many header lines. Boxed: moves of it would need much stack.
    pub(crate) async fn new(stream: Stream, header_lines: usize) -> Result<Box<Self>, Failure> {
        let mut builder = http1::Builder::new();
        let handshake = builder
            .max_headers(header_lines)
            .handshake(TokioIo::new(stream));
        let (requests, driver) = handshake.await?;
        Ok(Box::new(Self {
            requests,
            driver,
            is_open: true,
        }))
    }

    /// Sends a request and reads the head of its answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let answer = self.requests.send_request(request);
        Ok(self.drive(answer).await.ok_or_else(Failure::cut)??)
    }

    /// The next part of the body of an answer.
    pub(crate) async fn next(&mut self, body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.drive(body.frame()).await.ok_or_else(Failure::cut)? {
                Some(frame) => {
                    // Trailers are skipped.
                    if let Ok(data) = frame?.into_data() {
                        return Ok(Some(data));
                    }
                }
                None => return Ok(None),
            }
        }
    }

    /// Whether another request can be sent. Notices that the server has closed the connection.
    pub(crate) async fn is_usable(&mut self) -> bool {
        self.drive(ready(())).await;
        self.is_open && self.requests.is_ready()
    }

    /// The bytes below, after a request for a tunnel.
    pub(crate) fn into_stream(self: Box<Self>) -> Stream {
        self.driver.into_parts().io.into_inner()
    }

    /// Closes a connection without a request. The server can tell that from a cut.
    pub(crate) fn close(mut self: Box<Self>) {
        drop(self.requests);
        // What cannot be sent at once is left out.
        let mut context = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut self.driver).poll(&mut context);
    }

    /// Runs the connection until `future` is ready. `None` if the connection ends before.
    async fn drive<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.is_open = self.is_open && self.driver.poll_without_shutdown(context).is_pending();
            match future.as_mut().poll(context) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending if self.is_open => Poll::Pending,
                Poll::Pending => Poll::Ready(None),
            }
        })
        .await
    }
}
