//! Sandboxes without a network. Their failures look like an outage, so the kernel is asked.

use std::io;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use socket2::{Domain, Socket, Type};

use crate::error::{ErrorKind, Unreachable};
use crate::failure::Failure;

/// The failure of a look-up or a connection, as a failure of this host if this process has no
/// network.
pub(crate) fn or_without_network(failure: Failure) -> Failure {
    let ErrorKind::Unreachable(Unreachable::Lookup | Unreachable::NoRoute) = failure.kind else {
        return failure;
    };
    match why_without_network() {
        Some(why) => Failure {
            kind: ErrorKind::Local,
            source: format!("{why}: {}", failure.source).into(),
        },
        None => failure,
    }
}

/// The reason if this process cannot use a network, or if that cannot be known. The sandboxes are
/// those of systemd.exec(5), `RestrictAddressFamilies` and `PrivateNetwork`.
fn why_without_network() -> Option<String> {
    let no_socket = |domain| Socket::new(domain, Type::DGRAM, None).err();
    if let (Some(error), Some(_)) = (no_socket(Domain::IPV4), no_socket(Domain::IPV6)) {
        return Some(format!("no Internet sockets (a sandbox?): {error}"));
    }
    let has_other = getifaddrs().map(|mut interfaces| {
        // Interfaces that are down are among them.
        interfaces.any(|interface| !interface.flags.contains(InterfaceFlags::IFF_LOOPBACK))
    });
    match has_other {
        Ok(true) => None,
        Ok(false) => {
            Some("no network interface but lo (a sandbox with PrivateNetwork?)".to_owned())
        }
        Err(error) => {
            let error = io::Error::from(error);
            Some(format!("the network interfaces cannot be listed: {error}"))
        }
    }
}
