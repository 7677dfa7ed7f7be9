//! The cost of a login as far as it can be counted. `make bench` measures the rest.

use std::time::{Duration, Instant};

use servers::{Relay, Route};
use tenant::{Options, Press, TlsVersions};

use crate::setup::{Setup, TIMEOUT};

/// Far longer than the time between the two halves of a client's message. Otherwise the tenant's
/// answer to the first half would count as a flight.
const DELAY: Duration = Duration::from_millis(400);

/// The round trips of a login, including the one for the connection.
fn round_trips(tls_versions: TlsVersions, pins: &str) -> u64 {
    let options = Options {
        tls_versions,
        ..Options::default()
    };
    let setup = Setup::with(options, "approve", "", "");
    let route = Route {
        delay: DELAY,
        ..Route::default()
    };
    let relay = Relay::start(setup.tenant.address(), route).unwrap();
    let pins = format!("pins = {pins:?}");
    let waits = "[wait]\nconnect_seconds = 30";
    setup.configure(&relay.authority(), "approve", &pins, waits);
    let account = setup.tenant.account("approve").unwrap();
    setup.directory("keys");
    setup.write("keys/approve", &(account.public_keys()[0].line() + "\n"));
    let keys = format!("keys={}", setup.path("keys").display());
    let login = setup.login("sudo", &[&keys]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let carried = relay.carried();
    assert_eq!(carried.connections, 1);
    carried.connections + carried.flights
}

/// Seen to fail with another connection for the sign request, which costs three more round trips.
#[test]
fn no_client_could_do_with_fewer_round_trips() {
    // Connection, handshake, key list, signature.
    assert_eq!(round_trips(TlsVersions::Only13, "off"), 4);
    assert_eq!(round_trips(TlsVersions::Only13, "required"), 3);
    // The handshake of TLS 1.2 takes two.
    assert_eq!(round_trips(TlsVersions::Only12, "off"), 5);
}

/// Seen to fail with a resolver thread that stays.
#[test]
fn a_login_that_waits_has_one_thread_beside_the_hosts() {
    let setup = Setup::new("page");
    let login = setup.start("sudo", &[]);
    assert!(setup.tenant.wait_for_waiting(1, TIMEOUT));
    let tasks = format!("/proc/{}/task", login.child.id());
    let threads = || std::fs::read_dir(&tasks).unwrap().count();
    // The look-up of the name has its answer, and its thread may still be at its last steps.
    let begun = Instant::now();
    while threads() > 2 && begun.elapsed() < TIMEOUT {
        std::thread::yield_now();
    }
    let threads = threads();
    let waiting = setup.tenant.waiting();
    assert!(setup.tenant.answer(waiting[0].id, Press::Authorize));
    assert_eq!(login.finish().code(), "PAM_SUCCESS");
    assert_eq!(threads, 2);
}
