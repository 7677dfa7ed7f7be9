//! The state that all connections share, and the listener.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::accounts::{Account, Accounts};
use crate::connection::Connection;
use crate::pages::phones::Phones;
use crate::seen::Watched;
use crate::tenant::Options;

/// The state that all connections share.
pub(crate) struct Server {
    pub(crate) options: Options,
    pub(crate) phones: Phones,
    pub(crate) watched: Arc<Watched>,
    pub(crate) ca_pem: String,
}

impl Server {
    pub(crate) fn new(
        options: Options,
        authority: String,
        watched: Arc<Watched>,
        ca_pem: String,
    ) -> Self {
        let phones = Phones::new(authority, &options.accounts);
        Self {
            options,
            phones,
            watched,
            ca_pem,
        }
    }

    pub(crate) fn log(&self, line: std::fmt::Arguments<'_>) {
        let line = self.watched.change(|seen| seen.log(line.to_string()));
        if let Some(log) = &self.options.log {
            log.line(&line);
        }
    }

    /// The account of that name.
    pub(crate) fn account(&self, name: &str) -> Option<Account> {
        account(&self.watched, &self.options.accounts, name)
    }
}

/// The account of that name. The API may have defined it.
pub(crate) fn account(watched: &Watched, accounts: &Accounts, name: &str) -> Option<Account> {
    let defined = watched.look(|seen| seen.defined.get(name).cloned());
    defined.or_else(|| accounts.find(name))
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
