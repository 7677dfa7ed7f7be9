//! The cookies and headers of an Airlock Gateway.

use tenant::{Airlock, Tenant};

use crate::browser::{Browser, is_done, start, step};
use crate::common::header;

/// The cookies of the first answer.
const FIRST: [&str; 5] = [
    "AL_LB-S",
    "AL_SESS-S",
    "AL_START-S",
    "CSRFT123-S",
    "LANGUAGE",
];

fn names(browser: &Browser) -> Vec<&str> {
    browser.cookies.keys().map(String::as_str).collect()
}

fn log_in(tenant: &Tenant, user: &str) -> Browser {
    let mut browser = Browser::new(tenant);
    assert_eq!(step(&browser.log_in(user)), "OTP_REQUIRED");
    assert_eq!(names(&browser), FIRST);
    browser
}

#[test]
fn cookies_come_and_go_and_the_csrf_token_changes() {
    let whole = start(Airlock::default().gateway());
    let single = start(Airlock::default());
    for (tenant, user) in [(whole, "otp"), (single, "otp.gateway")] {
        let mut browser = log_in(&tenant, user);
        let csrf = browser.cookies["CSRFT123-S"].clone();
        browser.otp("otp/check", "no");
        assert_ne!(browser.cookies["CSRFT123-S"], csrf);
        assert_eq!(
            names(&browser),
            ["AL_LB-S", "AL_SESS-S", "CSRFT123-S", "LANGUAGE"]
        );
        assert!(is_done(&browser.otp("otp/check", "A1b2C3")));
        assert_eq!(browser.delete("").status, 204);
        assert_eq!(tenant.airlock_problems(), [""; 0]);
        assert_eq!(tenant.airlock_sessions(), 0);
    }
}

#[test]
fn a_post_without_the_csrf_header_is_blocked() {
    let tenant = start(Airlock::default());
    let mut browser = log_in(&tenant, "otp.gateway");
    browser.echo_csrf = false;
    let answer = browser.otp("otp/check", "A1b2C3");
    assert_eq!(answer.status, 302);
    assert_eq!(header(&answer.head, "location"), Some("/elsewhere"));
    assert!(
        header(&answer.head, "content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert_eq!(
        tenant.airlock_problems(),
        ["the CSRF cookie was not echoed as the header X-CSRFT123"]
    );
    assert!(!tenant.redirect_followed());
    // A DELETE needs no header.
    assert_eq!(browser.delete("").status, 204);
}

#[test]
fn each_cookie_has_to_come_back() {
    for name in ["AL_LB-S", "AL_START-S", "CSRFT123-S", "LANGUAGE"] {
        let tenant = start(Airlock::default().gateway());
        let mut browser = log_in(&tenant, "otp");
        let value = browser.cookies.remove(name).unwrap();
        browser.otp("otp/check", "A1b2C3");
        let missing = format!("the cookie {name} was not returned");
        assert_eq!(tenant.airlock_problems(), [missing]);

        let tenant = start(Airlock::default().gateway());
        let mut browser = log_in(&tenant, "otp");
        browser.cookies.insert(name.into(), format!("{value}x"));
        browser.otp("otp/check", "A1b2C3");
        let other = format!("the cookie {name} has another value than it was given");
        assert_eq!(tenant.airlock_problems(), [other]);
    }
}

#[test]
fn a_deleted_cookie_must_not_come_back() {
    let tenant = start(Airlock::default().gateway());
    let mut browser = log_in(&tenant, "otp");
    let old = browser.cookies["AL_START-S"].clone();
    browser.otp("otp/check", "no");
    browser.cookies.insert("AL_START-S".into(), old);
    browser.otp("otp/check", "A1b2C3");
    assert_eq!(
        tenant.airlock_problems(),
        ["the cookie \"AL_START-S\" is none that is set"]
    );
}
