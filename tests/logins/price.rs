//! What a login costs, where that can be counted: `make bench` measures the rest.

use std::time::Duration;

use tenant::{Options, Press, Relay, Route, TlsVersions};

use crate::stage::{PATIENCE, Stage};

/// Far longer than the two halves of what a client sends at once are apart: what the tenant says to the
/// first would count as an answer.
const DELAY: Duration = Duration::from_millis(100);

/// The round trips of a login, the one for the connection with them.
fn round_trips(tls_versions: TlsVersions, pins: &str) -> u64 {
    let options = Options {
        tls_versions,
        ..Options::default()
    };
    let stage = Stage::with(options, "approve", "", "");
    let route = Route {
        delay: DELAY,
        ..Route::default()
    };
    let relay = Relay::start(stage.tenant.address(), route).unwrap();
    let pins = format!("pins = {pins:?}");
    stage.configure(&relay.authority(), "approve", &pins, "");
    let account = stage.tenant.account("approve").unwrap();
    stage.directory("keys");
    stage.write("keys/approve", &(account.public_keys()[0].line() + "\n"));
    let keys = format!("keys={}", stage.path("keys").display());
    let login = stage.login("sudo", &[&keys]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let carried = relay.carried();
    assert_eq!(carried.connections, 1);
    carried.connections + carried.flights
}

/// Seen to fail with another connection for the sign request, which are three more.
#[test]
fn no_client_could_do_with_fewer_round_trips() {
    // Connection, handshake, key list, signature.
    assert_eq!(round_trips(TlsVersions::Only13, "off"), 4);
    assert_eq!(round_trips(TlsVersions::Only13, "required"), 3);
    // Its handshake takes two.
    assert_eq!(round_trips(TlsVersions::Only12, "off"), 5);
}

/// Seen to fail with a look-up whose thread stays, and another for the answer.
#[test]
fn a_login_that_waits_has_three_threads_at_most_beside_the_hosts() {
    let stage = Stage::new("page");
    let login = stage.start("sudo", &[]);
    assert!(stage.tenant.wait_for_waiting(1, PATIENCE));
    let threads = std::fs::read_dir(format!("/proc/{}/task", login.child.id())).unwrap();
    let threads = threads.count();
    let waiting = stage.tenant.waiting();
    assert!(stage.tenant.answer(waiting[0].id, Press::Authorize));
    assert_eq!(login.finish().code(), "PAM_SUCCESS");
    assert!(threads <= 4, "{threads}");
}
