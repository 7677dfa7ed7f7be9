//! The event loop under clients that block.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};

/// Runs the futures of a client on the calling thread. It starts no thread. Several threads can
/// share it and run futures at the same time.
#[derive(Debug, Clone)]
pub struct EventLoop(Arc<tokio::runtime::Runtime>);

impl EventLoop {
    /// Makes an event loop.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Local`] if this host has no file descriptor left.
    pub fn new() -> Result<Self, Error> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map(|runtime| Self(Arc::new(runtime)))
            .map_err(|error| Error::new(ErrorKind::Local, "no event loop").with_source(error))
    }

    /// Runs a future to its end.
    ///
    /// # Panics
    ///
    /// If it is called, or dropped, inside an async runtime.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(async {
            // The loop does not run between calls. This turn reads the events since then, so that
            // a kept connection that the server has closed is not used.
            tokio::task::yield_now().await;
            future.await
        })
    }
}
