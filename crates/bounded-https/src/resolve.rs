//! Name look-up on a separate thread, because `getaddrinfo` cannot be interrupted. The thread knows
//! only the name, and ends with its look-up.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

use socket2::{Domain, Socket, Type};
use tokio::sync::oneshot;

use crate::error::{ErrorKind, Unreachable};
use crate::failure::Failure;

/// Modules of the name service may need much stack. Unused stack costs no memory.
const STACK_BYTES: usize = 2 << 20;

/// The addresses of a host. The system looks the name up, as nsswitch.conf configures it.
pub(crate) async fn lookup(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = host.to_owned();
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name("https-dns".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let found = (host, port)
                .to_socket_addrs()
                .map(|found| with_a_route(found, has_route))
                .map_err(told_apart);
            // The request may have ended in the meantime.
            let _ = sender.send(found);
        })
        .map_err(|error| of_this_host(&error))?;
    let ended = |_| of_this_host(&io::Error::other("it ended without an answer"));
    receiver.await.map_err(ended)?
}

/// This host failed during the look-up, not a name server. It must not look like an unknown name.
fn of_this_host(error: &io::Error) -> Failure {
    Failure {
        kind: ErrorKind::Local,
        source: format!("the look-up failed on this machine: {error}").into(),
    }
}

/// Separates errors of this host (`EAI_SYSTEM`, getaddrinfo(3)) from errors on the way to a name
/// server.
fn told_apart(error: io::Error) -> Failure {
    // Linux, errno(3): ENETDOWN, ENETUNREACH, ETIMEDOUT, ECONNREFUSED, EHOSTDOWN, EHOSTUNREACH.
    const OF_THE_WAY: [i32; 6] = [100, 101, 110, 111, 112, 113];
    match error.raw_os_error() {
        Some(errno) if !OF_THE_WAY.contains(&errno) => of_this_host(&error),
        _ => Failure {
            kind: ErrorKind::Unreachable(Unreachable::Lookup),
            source: error.into(),
        },
    }
}

/// Leaves out addresses without a route, unless there is no other. For example, on a host without
/// IPv6 the error of an IPv6 address would hide the errors of the others.
fn with_a_route(
    found: impl Iterator<Item = SocketAddr>,
    has_route: impl Fn(&SocketAddr) -> bool,
) -> Vec<SocketAddr> {
    let (routed, rest): (Vec<_>, Vec<_>) = found.partition(has_route);
    if routed.is_empty() { rest } else { routed }
}

/// Asks the kernel for a route: connecting a UDP socket sends no packet (connect(2)). The socket is
/// not bound, because `SELinux` does not let login and sudo do that.
fn has_route(address: &SocketAddr) -> bool {
    // Any port but 0 works.
    let target = SocketAddr::new(address.ip(), 443);
    let socket = Socket::new(Domain::for_address(target), Type::DGRAM, None);
    let asked = socket.and_then(|socket| socket.connect(&target.into()));
    !asked.is_err_and(|error| means_no_route(&error))
}

/// Whether an error means that there is no route. Local users can cause other errors, such as too
/// few file descriptors, and these must not choose between addresses.
fn means_no_route(error: &io::Error) -> bool {
    // Linux, errno(3): this host has no IPv6.
    const EAFNOSUPPORT: i32 = 97;
    matches!(
        error.kind(),
        io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::AddrNotAvailable
    ) || error.raw_os_error() == Some(EAFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_a_route_count_only_if_there_is_no_other() {
        let [near, far]: [SocketAddr; 2] =
            ["127.0.0.1:0", "[2001:db8::1]:0"].map(|address| address.parse().unwrap());
        let kept = |found: &[SocketAddr]| with_a_route(found.iter().copied(), SocketAddr::is_ipv4);
        assert_eq!(kept(&[far, near]), [near]);
        assert_eq!(kept(&[far]), [far]);
        assert_eq!(kept(&[near, near]), [near, near]);
        assert!(kept(&[]).is_empty());
        assert!(has_route(&near));
    }

    #[test]
    fn a_failure_of_this_host_is_not_an_unknown_name() {
        let kind = |error| told_apart(error).kind;
        // EIO, ENOMEM, EMFILE.
        for errno in [5, 12, 24] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(kind(error), ErrorKind::Local);
        }
        let unknown = ErrorKind::Unreachable(Unreachable::Lookup);
        // ENETUNREACH, ETIMEDOUT, ECONNREFUSED.
        for errno in [101, 110, 111] {
            assert_eq!(kind(io::Error::from_raw_os_error(errno)), unknown);
        }
        assert_eq!(kind(io::Error::other("Name or service not known")), unknown);
    }

    #[test]
    fn only_a_missing_route_leaves_an_address_out() {
        let means = |errno| means_no_route(&io::Error::from_raw_os_error(errno));
        // ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT.
        assert!([101, 113, 99, 97].into_iter().all(means));
        // EPERM, EAGAIN, EACCES, ENFILE, EMFILE, EADDRINUSE, ENOBUFS.
        assert!(![1, 11, 13, 23, 24, 98, 105].into_iter().any(means));
    }
}
