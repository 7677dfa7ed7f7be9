//! `remember_minutes`: a verified push spares the same login another one.

use std::fs;

use login::bypass;
use tenant::{Options, Press};

use crate::bypass::{code_for, login_with};
use crate::setup::{Login, Setup, TIMEOUT, USER, unused_address, value};

const HERE: &str = "rhost=192.0.2.7";
const POLICY: &str = "[policy]\nremember_minutes = 10\n";

fn setup(account: &str, policy: &str) -> Setup {
    let rest = format!("{POLICY}{policy}");
    Setup::with(Options::default(), account, "", &rest)
}

/// Whether the login was remembered. Otherwise, it was approved on the phone.
#[track_caller]
fn is_remembered(login: &Login) -> bool {
    let log = login.log();
    let word = log.split([' ', ':']).nth(3).unwrap();
    match (login.code(), word) {
        ("PAM_IGNORE", "remembered") => {
            assert_eq!(value(log, "reason"), Some("approved 0 min ago"));
            assert_eq!(value(log, "account"), Some("approve"));
            assert_eq!(value(log, "rhost"), Some("192.0.2.7"));
            assert_eq!(login.all("visible"), [""; 0]);
            true
        }
        ("PAM_SUCCESS", "approved") => false,
        other => panic!("{other:?}: {:#?}", login.events),
    }
}

fn login(setup: &Setup, options: &[&str]) -> Login {
    setup.login("sshd", &[options, &[HERE]].concat())
}

#[test]
fn the_same_login_needs_no_other_push() {
    let setup = setup("approve", "");
    assert!(!is_remembered(&login(&setup, &[])));
    for _ in 0..2 {
        assert!(is_remembered(&login(&setup, &[])));
    }
    assert_eq!(setup.pushes(), 1);
    let elsewhere = setup.login("sshd", &["rhost=192.0.2.8"]);
    assert!(!is_remembered(&elsewhere));
    let login_program = setup.login("login", &[HERE]);
    assert!(!is_remembered(&login_program));
    assert!(!is_remembered(&setup.login("login", &[HERE])));
    assert_eq!(setup.pushes(), 4);
    // Another configuration.
    let path = setup.path("pam_logonbox.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}# \n")).unwrap();
    assert!(!is_remembered(&login(&setup, &[])));
}

#[test]
fn it_is_off_unless_it_is_set() {
    let setup = Setup::new("approve");
    for _ in 0..2 {
        assert!(!is_remembered(&login(&setup, &[])));
    }
    assert!(!setup.path("run/remembered").exists());
}

#[test]
fn programs_with_more_rights_than_their_caller_and_own_addresses_never_remember() {
    let setup = setup("approve", "remember_services = [\"sshd\", \"sudo\"]\n");
    for (service, options) in [
        ("sudo", ["caller=3999999999", HERE]),
        ("sshd", ["caller=3999999999", HERE]),
        ("sshd", ["", "rhost=127.0.0.1"]),
        ("sshd", ["", "rhost=laptop.acme.com"]),
    ] {
        let options: Vec<_> = options
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        for _ in 0..2 {
            let login = setup.login(service, &options);
            assert!(!is_remembered(&login), "{service} {options:?}");
        }
    }
}

#[test]
fn a_refusal_after_a_push_ends_it() {
    type Refused = fn(&Setup);
    let refusals: [(&str, Refused); 4] = [
        ("declined", |setup| {
            let running = setup.start("sshd", &["rhost=192.0.2.8"]);
            assert!(setup.tenant.wait_for_waiting(1, TIMEOUT));
            let id = setup.tenant.waiting()[0].id;
            assert!(setup.tenant.answer(id, Press::Decline));
            running.finish().assert_refused("PAM_MAXTRIES", "declined");
        }),
        ("wrong code", |setup| {
            let login = login_with(setup, "sshd", USER, "000000", &["rhost=192.0.2.8"]);
            login.assert_refused("PAM_MAXTRIES", "wrong-code");
        }),
        ("another service", |setup| {
            let login = login_with(setup, "sudo", USER, "000000", &[]);
            login.assert_refused("PAM_ABORT", "wrong-code");
        }),
        ("a configuration that remembers nothing", |setup| {
            let path = setup.path("pam_logonbox.toml");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("= 10", "= 0")).unwrap();
            let login = login_with(setup, "sudo", USER, "000000", &[]);
            login.assert_refused("PAM_ABORT", "wrong-code");
            fs::write(&path, text).unwrap();
        }),
    ];
    for (name, refused) in refusals {
        let setup = setup("page", "");
        let approve = || {
            let running = setup.start("sshd", &[HERE]);
            assert!(setup.tenant.wait_for_waiting(1, TIMEOUT), "{name}");
            let id = setup.tenant.waiting()[0].id;
            assert!(setup.tenant.answer(id, Press::Authorize));
            running.finish()
        };
        assert_eq!(approve().code(), "PAM_SUCCESS");
        assert_eq!(login(&setup, &[]).code(), "PAM_IGNORE");
        refused(&setup);
        let again = approve();
        assert_eq!(again.code(), "PAM_SUCCESS", "{name}: {:#?}", again.events);
    }
}

/// Only a signature counts.
#[test]
fn a_bypass_code_and_an_outage_are_not_remembered() {
    let setup = setup("never.ed25519", "on_unavailable = \"ignore\"\n");
    for _ in 0..2 {
        let code = code_for(&setup, USER);
        let bypassed = login_with(&setup, "sshd", USER, &code, &[HERE]);
        assert!(
            bypassed.log().contains(": bypass "),
            "{:#?}",
            bypassed.events
        );
    }
    let policy = format!("{POLICY}on_unavailable = \"ignore\"\n");
    setup.configure(&unused_address(), "approve", "", &policy);
    for _ in 0..2 {
        let ignored = login(&setup, &[]);
        assert!(
            ignored.log().contains(": unreachable "),
            "{:#?}",
            ignored.events
        );
    }
    assert!(!setup.path("run/remembered").exists());
    assert_eq!(bypass::MOST_HOURS, 72);
}

#[test]
fn the_login_goes_on_if_it_cannot_be_remembered() {
    for (fault, option) in [("mkdir:0:9:30", ""), ("openat:0:0:0", "run=/proc/no")] {
        let setup = setup("approve", "failed_attempts_per_10_minutes = 0\n");
        let fault = format!("fault={fault}");
        let options: Vec<_> = [&*fault, option]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        let login = login(&setup, &options);
        assert!(!is_remembered(&login));
        let hint = value(login.log(), "hint").unwrap_or_default();
        assert!(
            hint.contains("approvals are not remembered: /run/pam_logonbox"),
            "{:#?}",
            login.events
        );
    }
}
