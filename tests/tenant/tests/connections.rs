//! Connections, TLS, and what goes wrong with them.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use common::{Client, MOMENT, TIMEOUT, key_path};
use rustls::version::{TLS12, TLS13};
use tenant::{Certificate, Options, Silence, Tenant, TlsVersions};

fn start(options: Options) -> Tenant {
    Tenant::start(options).unwrap()
}

#[test]
fn one_connection_serves_both_requests() {
    let tenant = start(Options::default());
    let key = tenant.account("approve").unwrap().public_keys().remove(0);
    let mut client = Client::new(&tenant);
    client.get(&key_path("approve"));
    client.sign("approve", &key);
    assert_eq!(tenant.connections(), 1);
    assert_eq!(tenant.sign_requests().first().unwrap().connection, 1);
    Client::new(&tenant).sign("approve", &key);
    assert_eq!(tenant.connections(), 2);
    assert_eq!(tenant.sign_requests().last().unwrap().connection, 2);
}

#[test]
fn a_kept_connection_is_closed_after_the_keys() {
    for time in [Duration::ZERO, Duration::from_millis(50)] {
        let tenant = start(Options {
            close_after_keys: Some(time),
            ..Options::default()
        });
        let mut client = Client::new(&tenant);
        let list = client.get(&key_path("approve"));
        assert!(!list.head.contains("connection: close"));
        assert!(client.rest().unwrap().is_empty());
    }
}

#[test]
fn a_request_keeps_the_connection_open() {
    let tenant = start(Options {
        close_after_keys: Some(Duration::from_secs(1)),
        ..Options::default()
    });
    let mut client = Client::new(&tenant);
    client.get(&key_path("approve"));
    client.send_sign(
        "page",
        &tenant.account("page").unwrap().public_keys().remove(0),
    );
    assert!(tenant.wait_for_waiting(1, TIMEOUT));
    client.timeout(Duration::from_millis(1500));
    assert!(client.head().is_err());
    assert_eq!(tenant.waiting().len(), 1);
}

#[test]
fn a_sign_request_on_a_kept_connection_is_reset() {
    let tenant = start(Options {
        reset_on_sign: true,
        ..Options::default()
    });
    let key = tenant.account("approve").unwrap().public_keys().remove(0);
    let mut client = Client::new(&tenant);
    client.get(&key_path("approve"));
    client.send_sign("approve", &key);
    let error = client.head().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    assert_eq!(tenant.sign_requests().len(), 1);
    // A client that repeats the request gets an answer, and the test notices.
    assert_eq!(Client::new(&tenant).sign("approve", &key).status, 200);
    assert_eq!(tenant.sign_requests().len(), 2);
}

#[test]
fn silence() {
    let tenant = start(Options {
        silence: Some(Silence::BeforeTls),
        ..Options::default()
    });
    let error = Client::try_new(&tenant, "localhost", rustls::ALL_VERSIONS, MOMENT)
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
    assert_eq!(tenant.connections(), 1);

    let tenant = start(Options {
        silence: Some(Silence::AfterTls),
        ..Options::default()
    });
    let mut client = Client::new(&tenant);
    client.timeout(MOMENT);
    client.send_get(&key_path("approve"));
    assert_eq!(client.head().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(tenant.requests().is_empty());
    drop(client);
    assert!(tenant.wait_for(TIMEOUT, |seen| seen.open == 0));
}

#[test]
fn certificates() {
    let failure = |certificate| {
        let tenant = start(Options {
            certificate,
            ..Options::default()
        });
        Client::try_new(&tenant, "localhost", rustls::ALL_VERSIONS, TIMEOUT)
            .err()
            .map(|error| error.to_string())
    };
    assert_eq!(failure(Certificate::Good), None);
    for (certificate, why) in [
        // The same name, but another key.
        (Certificate::OtherCa, "BadSignature"),
        (Certificate::Expired, "expired"),
        (Certificate::NotYetValid, "not valid yet"),
        (Certificate::SelfSigned, "UnknownIssuer"),
    ] {
        let error = failure(certificate).unwrap();
        assert!(error.contains(why), "{certificate:?}: {error}");
    }
}

#[test]
fn names_on_the_certificate() {
    let names = vec!["tenant.example".to_owned()];
    let tenant = start(Options {
        names,
        ..Options::default()
    });
    let try_name = |name| Client::try_new(&tenant, name, rustls::ALL_VERSIONS, TIMEOUT);
    assert!(try_name("tenant.example").is_ok());
    assert!(try_name("localhost").is_err());
    let tenant = start(Options::default());
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert!(
            Client::try_new(&tenant, name, rustls::ALL_VERSIONS, TIMEOUT).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn tls_versions() {
    for (tls_versions, speaks_12, speaks_13) in [
        (TlsVersions::Both, true, true),
        (TlsVersions::Only12, true, false),
        (TlsVersions::Only13, false, true),
    ] {
        let tenant = start(Options {
            tls_versions,
            ..Options::default()
        });
        let speaks = |version| Client::try_new(&tenant, "localhost", &[version], TIMEOUT).is_ok();
        assert_eq!(
            (speaks(&TLS12), speaks(&TLS13)),
            (speaks_12, speaks_13),
            "{tls_versions:?}"
        );
    }
}

#[test]
fn the_end_frees_the_port_and_closes_connections() {
    let tenant = start(Options::default());
    let listen = SocketAddr::from(([127, 0, 0, 1], tenant.port()));
    assert_eq!(tenant.authority(), format!("localhost:{}", tenant.port()));
    assert_eq!(
        Tenant::start(Options {
            listen,
            ..Options::default()
        })
        .unwrap_err()
        .kind(),
        ErrorKind::AddrInUse
    );
    let mut client = Client::new(&tenant);
    client.send_get(&key_path("keys-never"));
    assert!(tenant.wait_for_key_requests(1, TIMEOUT));
    drop(tenant);
    assert!(client.head().is_err());
    assert_eq!(
        start(Options {
            listen,
            ..Options::default()
        })
        .port(),
        listen.port()
    );
}
