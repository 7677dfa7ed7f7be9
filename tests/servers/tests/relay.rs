//! The relay forwards and counts all bytes, and breaks where it should.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use servers::{Break, Breakage, Carried, Direction, Relay, Route};

/// Answers everything with `length` bytes.
fn answering(length: usize) -> SocketAddr {
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 100];
            while let Ok(1..) = stream.read(&mut asked) {
                let _ = stream.write_all(&vec![b'a'; length]);
            }
        }
    });
    address
}

fn ask(stream: &mut TcpStream, length: usize) {
    stream.write_all(b"question").unwrap();
    stream.read_exact(&mut vec![0; length]).unwrap();
}

fn broken(direction: Direction, after: u64, how: Breakage) -> Relay {
    let route = Route {
        breaks: Some(Break {
            direction,
            after,
            how,
        }),
        ..Route::default()
    };
    Relay::start(answering(1000), route).unwrap()
}

#[test]
fn all_is_carried_and_counted() {
    let route = Route {
        listen: SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 0),
        ..Route::default()
    };
    let relay = Relay::start(answering(100_000), route).unwrap();
    let mut stream = TcpStream::connect(relay.address()).unwrap();
    ask(&mut stream, 100_000);
    ask(&mut stream, 100_000);
    let expected = Carried {
        connections: 1,
        flights: 2,
        to_tenant: 16,
        from_tenant: 200_000,
    };
    assert_eq!(relay.carried(), expected);
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the end is carried, too");
    ask(&mut TcpStream::connect(relay.address()).unwrap(), 100_000);
    let carried = relay.carried();
    assert_eq!((carried.connections, carried.flights), (2, 3));
}

#[test]
fn the_relay_delays_both_directions() {
    let delay = Duration::from_millis(20);
    let route = Route {
        delay,
        ..Route::default()
    };
    let relay = Relay::start(answering(10), route).unwrap();
    let before = Instant::now();
    let mut stream = TcpStream::connect(relay.address()).unwrap();
    ask(&mut stream, 10);
    // Two round trips: the connection and the question.
    assert!(before.elapsed() >= 4 * delay, "{:?}", before.elapsed());
    let before = Instant::now();
    ask(&mut stream, 10);
    assert!(before.elapsed() >= 2 * delay, "{:?}", before.elapsed());
}

#[test]
fn it_breaks_after_the_byte_that_was_named() {
    for after in [0, 1, 999, 1000] {
        let relay = broken(Direction::FromTenant, after, Breakage::Close);
        let mut stream = TcpStream::connect(relay.address()).unwrap();
        let _ = stream.write_all(b"question");
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => assert_eq!(answer.len() as u64, after),
            // The question arrived after the connection had ended.
            Err(error) => assert_eq!((after, error.kind()), (0, ErrorKind::ConnectionReset)),
        }
    }
    let relay = broken(Direction::ToTenant, 5, Breakage::Reset);
    let mut stream = TcpStream::connect(relay.address()).unwrap();
    stream.write_all(b"question").unwrap();
    let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let carried = relay.carried();
    assert_eq!((carried.to_tenant, carried.flights), (5, 0));
}

#[test]
fn a_stall_is_silent() {
    let relay = broken(Direction::FromTenant, 500, Breakage::Stall);
    let mut stream = TcpStream::connect(relay.address()).unwrap();
    stream.write_all(b"question").unwrap();
    stream.read_exact(&mut [0; 500]).unwrap();
    let mut later = TcpStream::connect(relay.address()).unwrap();
    for stream in [&mut stream, &mut later] {
        let timeout = Duration::from_millis(200);
        stream.set_read_timeout(Some(timeout)).unwrap();
        let error = stream.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(relay.carried().from_tenant, 500);
}
