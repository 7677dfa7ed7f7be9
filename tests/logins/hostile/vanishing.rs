//! A tenant, or an Airlock IAM, that is there no more: nobody listens where it was, and its
//! connections have ended. Known at once, and never waited for.

use std::thread;
use std::time::{Duration, Instant};

use tenant::{Account, Accounts, KeyType, Listing, Options, Phone, Reaction, Tenant, keep_vacant};

use super::table::{MORE_KILOBYTES, assert_end};
use crate::airlock::{PASSWORD, configure_at};
use crate::stage::{Login, PATIENCE, Running, Stage};

const REST: &str = "[wait]\nconnect_seconds = 10\nlogin_seconds = 10";
/// Nothing here waits for a deadline.
const LONGEST: u64 = 4;

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

/// Nobody else comes in its place.
fn vanish(tenant: Tenant) {
    let address = tenant.address();
    drop(tenant);
    // A program that another test is just starting has all descriptors of this one for a moment.
    let since = Instant::now();
    while let Err(error) = keep_vacant(address) {
        assert!(since.elapsed() < PATIENCE, "{error}");
        thread::yield_now();
    }
}

/// A host that is set up for this tenant.
fn stage(tenant: &Tenant, airlock: Option<&str>) -> Stage {
    let stage = Stage::with(Options::default(), "lee", "", "");
    stage.write("ca.pem", tenant.ca_pem());
    match airlock {
        None => stage.configure(tenant.authority(), "lee", "", REST),
        Some(account) => configure_at(&tenant.airlock_url(), &stage, account, "", REST),
    }
    stage
}

fn assert_gone(phase: &str, running: Running, code: &str) {
    assert_missed(phase, &running.finish(), code);
}

fn assert_missed(phase: &str, login: &Login, code: &str) {
    assert_end(phase, login, code, "unreachable", LONGEST, MORE_KILOBYTES);
}

#[test]
fn a_tenant_that_vanishes_is_missed_at_once() {
    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = stage(&there, None);
    vanish(there);
    assert_gone("before", host.start("login", &[]), "PAM_AUTHINFO_UNAVAIL");

    let there = tenant(Listing::Never, Reaction::Approve);
    let host = stage(&there, None);
    let running = host.start("login", &[]);
    assert!(there.wait_for_key_requests(1, PATIENCE));
    vanish(there);
    assert_gone(
        "while the keys are asked for",
        running,
        "PAM_AUTHINFO_UNAVAIL",
    );

    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = stage(&there, None);
    let mut running = host.start("sshd", &[]);
    running.wait_for("visible");
    assert!(there.wait_for_key_requests(1, PATIENCE));
    vanish(there);
    // The end of the kept connection is known, or the request is on its way into it already.
    let login = running.finish();
    let code = match login.code() {
        "PAM_MAXTRIES" => "PAM_MAXTRIES",
        _ => "PAM_AUTHINFO_UNAVAIL",
    };
    assert_missed("while the person reads", &login, code);

    let there = tenant(Listing::Normal, Reaction::Never);
    let host = stage(&there, None);
    let running = host.start("login", &[]);
    assert!(there.wait_for_sign_requests(1, PATIENCE));
    vanish(there);
    assert_gone("while the phone rings", running, "PAM_MAXTRIES");
}

#[test]
fn an_airlock_that_vanishes_is_missed_at_once() {
    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = stage(&there, Some("otp"));
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
    let host = stage(&there, Some("otp.password-never"));
    let mut running = host.start("login", &[]);
    running.type_line(PASSWORD.as_bytes());
    assert!(there.wait_for_airlock_requests(2, PATIENCE));
    vanish(there);
    assert_gone("while the password is checked", running, "PAM_MAXTRIES");

    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = stage(&there, Some("otp"));
    let mut running = host.start("login", &[]);
    running.type_line(PASSWORD.as_bytes());
    running.wait_for("visible");
    vanish(there);
    running.type_line(b"A1b2C3");
    assert_gone("while the OTP is typed", running, "PAM_MAXTRIES");

    let there = tenant(Listing::Normal, Reaction::Approve);
    let host = stage(&there, Some("phone-never"));
    let mut running = host.start("login", &[]);
    running.type_line(PASSWORD.as_bytes());
    assert!(there.wait_for_airlock_requests(4, PATIENCE));
    vanish(there);
    assert_gone("while the phone is waited for", running, "PAM_MAXTRIES");
}
