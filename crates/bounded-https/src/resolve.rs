//! Name look-up on a thread of its own: `getaddrinfo` cannot be interrupted, and must hold up
//! nobody. The thread knows the name and nothing else, and ends with its look-up.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

/// Name service modules may be hungry; memory that is not touched costs nothing.
const STACK_BYTES: usize = 2 << 20;

/// The system's own look-up, as nsswitch.conf says.
#[derive(Debug)]
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (sender, receiver) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("https-dns".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let found = (name.as_str(), 0)
                    .to_socket_addrs()
                    .map(Iterator::collect::<Vec<SocketAddr>>);
                // Nobody may be waiting any more.
                let _ = sender.send(found);
            });
        Box::pin(async move {
            thread?;
            let found = receiver
                .await
                .map_err(|_| io::Error::other("the look-up ended without an answer"))??;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
