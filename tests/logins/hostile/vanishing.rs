//! A tenant or an Airlock IAM that vanishes: its connections end, and nothing listens on its
//! address. The login must notice at once.

use std::thread;
use std::time::{Duration, Instant};

use servers::keep_vacant;
use tenant::{Account, Accounts, KeyType, Listing, Options, Phone, Reaction, Tenant};

use super::table::{MORE_KILOBYTES, assert_end};
use crate::airlock::{PASSWORD, configure_at};
use crate::setup::{Login, Running, Setup, TIMEOUT};

const REST: &str = "[wait]\nconnect_seconds = 30\nlogin_seconds = 30";
/// No login here waits for a deadline.
const LONGEST: u64 = 10;

fn tenant(listing: Listing, reaction: Reaction) -> Tenant {
    let account = Account::new("lee")
        .phones([Phone::new("Pixel 8", KeyType::Ed25519)])
        .listing(listing)
        .reaction(reaction)
        .think(Duration::ZERO);
    let accounts = Accounts::from_iter([account]);
    Tenant::start(Options {
        accounts,
        ..Options::default()
    })
    .unwrap()
}

/// Keeps the address of the tenant unused.
fn vanish(tenant: Tenant) {
    let address = tenant.address();
    drop(tenant);
    // A program that another test is starting holds all descriptors for a moment.
    let since = Instant::now();
    while let Err(error) = keep_vacant(address) {
        assert!(since.elapsed() < TIMEOUT, "{error}");
        thread::yield_now();
    }
}

/// A host that is configured for this tenant.
fn setup(tenant: &Tenant, airlock: Option<&str>) -> Setup {
    let setup = Setup::showing(Options::default(), "lee", "", "");
    setup.write("ca.pem", tenant.ca_pem());
    match airlock {
        None => setup.configure(tenant.authority(), "lee", "", REST),
        Some(account) => configure_at(&tenant.airlock_url(), &setup, account, "", REST),
    }
    setup
}

fn assert_gone(phase: &str, running: Running, code: &str) {
    let login = running.finish();
    assert_end(phase, &login, code, "unreachable", LONGEST, MORE_KILOBYTES);
}

/// The push may have left. Then no answer comes from the phone.
fn assert_missed(phase: &str, login: &Login) {
    let (code, word) = match login.code() {
        "PAM_MAXTRIES" => ("PAM_MAXTRIES", "timed-out"),
        _ => ("PAM_AUTHINFO_UNAVAIL", "unreachable"),
    };
    assert_end(phase, login, code, word, LONGEST, MORE_KILOBYTES);
}

#[test]
fn a_tenant_that_vanishes_is_missed_at_once() {
    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = setup(&there, None);
    vanish(there);
    assert_gone("before", host.start("login", &[]), "PAM_AUTHINFO_UNAVAIL");

    let there = tenant(Listing::Never, Reaction::Approve);
    let host = setup(&there, None);
    let running = host.start("login", &[]);
    assert!(there.wait_for_key_requests(1, TIMEOUT));
    vanish(there);
    assert_gone(
        "while the keys are asked for",
        running,
        "PAM_AUTHINFO_UNAVAIL",
    );

    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = setup(&there, None);
    let mut running = host.start("sshd", &[]);
    running.wait_for("visible");
    assert!(there.wait_for_key_requests(1, TIMEOUT));
    vanish(there);
    // Either the connection has ended before the request, or with it.
    assert_missed("while the person reads", &running.finish());

    let there = tenant(Listing::Normal, Reaction::Never);
    let host = setup(&there, None);
    let running = host.start("login", &[]);
    assert!(there.wait_for_sign_requests(1, TIMEOUT));
    vanish(there);
    let login = running.finish();
    assert_eq!(login.code(), "PAM_MAXTRIES");
    assert_missed("while the phone rings", &login);
}

#[test]
fn an_airlock_that_vanishes_is_missed_at_once() {
    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = setup(&there, Some("otp"));
    let mut running = host.start("login", &[]);
    running.wait_for("hidden");
    vanish(there);
    running.type_line(PASSWORD.as_bytes());
    assert_gone(
        "while the password is typed",
        running,
        "PAM_AUTHINFO_UNAVAIL",
    );

    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = setup(&there, Some("otp.password-never"));
    let mut running = host.start("login", &[]);
    running.type_line(PASSWORD.as_bytes());
    assert!(there.wait_for_airlock_requests(2, TIMEOUT));
    vanish(there);
    assert_gone("while the password is checked", running, "PAM_MAXTRIES");

    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = setup(&there, Some("otp"));
    let mut running = host.start("login", &[]);
    running.type_line(PASSWORD.as_bytes());
    running.wait_for("visible");
    vanish(there);
    running.type_line(b"A1b2C3");
    assert_gone("while the OTP is typed", running, "PAM_MAXTRIES");

    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = setup(&there, Some("phone-never"));
    let mut running = host.start("login", &[]);
    running.type_line(PASSWORD.as_bytes());
    assert!(there.wait_for_airlock_requests(4, TIMEOUT));
    vanish(there);
    assert_gone("while the phone is waited for", running, "PAM_MAXTRIES");
}
