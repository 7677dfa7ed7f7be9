//! The state that all connections share, and the listener.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::connection::Connection;
use crate::pages::phones::Phones;
use crate::seen::Watched;
use crate::tenant::Options;

/// The state that all connections share.
pub(crate) struct Server {
    pub(crate) options: Options,
    pub(crate) phones: Phones,
    pub(crate) watched: Arc<Watched>,
}

impl Server {
    pub(crate) fn new(options: Options, authority: String, watched: Arc<Watched>) -> Self {
        let phones = Phones::new(authority, &options.accounts);
        Self {
            options,
            phones,
            watched,
        }
    }

    pub(crate) fn log(&self, line: std::fmt::Arguments<'_>) {
        if let Some(log) = &self.options.log {
            log.line(line);
        }
    }
}

/// Accepts connections until it is dropped.
pub(crate) async fn run(server: Arc<Server>, listener: TcpListener, tls: Arc<ServerConfig>) {
    let acceptor = TlsAcceptor::from(tls);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = Connection::new(Arc::clone(&server));
                tokio::spawn(connection.serve(stream, peer, acceptor.clone()));
            }
            Err(error) => {
                // Most likely too few file descriptors: wait until some are free.
                server.log(format_args!("cannot accept a connection: {error}"));
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
