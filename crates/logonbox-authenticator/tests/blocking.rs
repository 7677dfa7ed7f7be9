//! The blocking client against a tenant over TLS.

#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

use std::thread;
use std::time::Duration;

use logonbox_authenticator::blocking::Client;
use logonbox_authenticator::{Algorithm, Error, ErrorKind};
use tenant::{Options, Press, Tenant};

const PATIENCE: Duration = Duration::from_secs(30);

fn tenant() -> Tenant {
    Tenant::start(Options::default()).unwrap()
}

fn client(tenant: &Tenant) -> Client {
    Client::builder(tenant.authority().parse().unwrap())
        .ca_pem(tenant.ca_pem())
        .algorithms(&[Algorithm::Ed25519])
        .build_blocking()
        .unwrap()
}

#[test]
fn step_by_step() {
    let tenant = tenant();
    let client = client(&tenant);
    let listing = client.listing("approve").unwrap();
    assert!(listing.starts_with("# Authorized"));
    let keys = client.keys("approve").unwrap();
    let key = client.choose(&keys).unwrap();
    assert_eq!(client.choices(&keys), [key]);
    assert_eq!(client.choose_named(&keys, key.comment()).unwrap(), key);
    assert_eq!(client.payload().unwrap().as_bytes().len(), 128);
    let request = client.request("approve", key).unwrap();
    let approval = client.sign(request).unwrap().verify().unwrap();
    assert_eq!((approval.principal(), approval.key()), ("approve", key));
    let error = client.authenticate("decline").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Declined);
    assert_eq!(tenant.connections(), 1, "one connection for everything");
    drop(client);
    assert!(tenant.wait_for(PATIENCE, |seen| seen.open == 0));
    let error = Client::new("https://acme").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn several_threads_wait_at_the_same_time() {
    const LOGINS: usize = 8;
    let tenant = tenant();
    let client = client(&tenant);
    let login = || client.authenticate("page")?.verify();
    thread::scope(|scope| {
        let logins: Vec<_> = (0..LOGINS).map(|_| scope.spawn(login)).collect();
        assert!(tenant.wait_for_waiting(LOGINS, PATIENCE));
        for waiting in tenant.waiting() {
            assert!(tenant.answer(waiting.id, Press::Authorize));
            // One after the other, so that the thread that turns the loop is often another one.
            assert!(tenant.wait_for(PATIENCE, |seen| {
                !seen.waiting().iter().any(|other| other.id == waiting.id)
            }));
        }
        for login in logins {
            let approval: Result<_, Error> = login.join().unwrap();
            assert_eq!(approval.unwrap().principal(), "page");
        }
    });
}

/// The loop does not run between calls. The client must not send its push into a closed connection.
#[test]
fn a_connection_that_was_closed_between_calls_is_not_used() {
    let tenant = Tenant::start(Options {
        close_after_keys: Some(Duration::from_millis(20)),
        ..Options::default()
    })
    .unwrap();
    let client = client(&tenant);
    for _ in 0..5 {
        let keys = client.keys("approve").unwrap();
        assert!(tenant.wait_for(PATIENCE, |seen| seen.open == 0));
        let request = client.request("approve", client.choose(&keys).unwrap());
        let response = client.sign(request.unwrap()).unwrap();
        assert!(response.verify().is_ok());
    }
}
