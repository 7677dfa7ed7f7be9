//! Name look-up on a thread of its own: `getaddrinfo` cannot be interrupted, and must hold up
//! nobody. The thread knows the name and nothing else, and ends with its look-up.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
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
                    .map(|found| with_a_route(found.collect()));
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

/// Leaves out what this host has no route to, unless that is all there is. Else the error of such
/// an address (on a host without IPv6, say) hides what the others say.
fn with_a_route(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (routed, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(has_route);
    if routed.is_empty() { rest } else { routed }
}

/// Connecting a UDP socket sends nothing: it asks for a route (connect(2)).
fn has_route(address: &SocketAddr) -> bool {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Any port will do, but 0.
    let target = SocketAddr::new(address.ip(), 443);
    UdpSocket::bind((any, 0))
        .and_then(|socket| socket.connect(target))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_a_route_count_only_where_there_is_no_other() {
        // To everybody, which needs leave (socket(7), SO_BROADCAST): nobody is there.
        let nowhere: SocketAddr = "255.255.255.255:443".parse().unwrap();
        let here: SocketAddr = "127.0.0.1:443".parse().unwrap();
        assert_eq!(with_a_route(vec![nowhere, here]), [here]);
        assert_eq!(with_a_route(vec![nowhere]), [nowhere]);
        assert_eq!(with_a_route(vec![here, here]), [here, here]);
        assert!(with_a_route(Vec::new()).is_empty());
    }
}
