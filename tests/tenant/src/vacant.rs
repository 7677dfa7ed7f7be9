//! Where nobody listens.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// An address of this machine where nobody listens, and nobody will as long as this program runs: a
/// port that is merely free is soon somebody else's.
///
/// # Errors
/// There are no ports or descriptors left.
pub fn vacant() -> io::Result<SocketAddr> {
    keep_vacant(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0))
}

/// The same where somebody has listened. Whoever asks for this very port can still have it.
///
/// # Errors
/// Somebody does.
pub fn keep_vacant(address: SocketAddr) -> io::Result<SocketAddr> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Their connections may not be forgotten yet.
    socket.set_reuse_address(address.port() != 0)?;
    socket.bind(&address.into())?;
    let address = socket.local_addr()?.as_socket();
    // It is closed with the program.
    std::mem::forget(socket);
    address.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn nobody_listens_there() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        assert!(keep_vacant(address).is_err(), "somebody listens");
        let client = TcpStream::connect(address).expect("a connection");
        drop(listener.accept().expect("the same"));
        drop((listener, client));
        assert_eq!(keep_vacant(address).ok(), Some(address));
        let other = vacant().expect("another port");
        assert!(TcpListener::bind(other).is_err());
        for address in [address, other] {
            let error = TcpStream::connect(address).expect_err("nobody");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
    }
}
