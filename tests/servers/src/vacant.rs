//! Addresses on which nothing listens.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// An address of this host on which nothing listens while this program runs. A port that is only
/// free could soon be used by another program.
///
/// # Errors
/// When no ports or descriptors are left.
pub fn vacant() -> io::Result<SocketAddr> {
    keep_vacant(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0))
}

/// Keeps an address vacant after its listener has ended. A program that asks for this port can
/// still have it.
///
/// # Errors
/// When a program listens there.
pub fn keep_vacant(address: SocketAddr) -> io::Result<SocketAddr> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // The old connections may still be in the kernel.
    socket.set_reuse_address(address.port() != 0)?;
    socket.bind(&address.into())?;
    let address = socket.local_addr()?.as_socket();
    // Closed when the program ends.
    std::mem::forget(socket);
    address.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn nothing_listens_on_a_vacant_address() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        assert!(keep_vacant(address).is_err(), "the port is in use");
        let client = TcpStream::connect(address).expect("a connection");
        drop(listener.accept().expect("the same"));
        drop((listener, client));
        assert_eq!(keep_vacant(address).ok(), Some(address));
        let other = vacant().expect("another port");
        assert!(TcpListener::bind(other).is_err());
        for address in [address, other] {
            let error = TcpStream::connect(address).expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
    }
}
