//! Wrong answers, and locked users.

use tenant::{Airlock, Refusal, User};

use crate::browser::{Browser, CHALLENGE, QR_OTP, error, is_done, start, start_with, step};

const QR: &str = "AIRLOCK_2FA_QR_CODE_OTP_REQUIRED";

fn told(status: u16, code: &str, next: Option<&str>) -> (u16, String, Option<String>) {
    (status, code.into(), next.map(String::from))
}

#[test]
fn a_wrong_otp_has_further_tries_until_the_user_is_locked() {
    let tenant = start(Airlock::default());
    let ways = [
        ("token", QR_OTP, QR),
        ("otp", "otp/check", "OTP_REQUIRED"),
        ("sms", "mtan/otp/check", "MTAN_OTP_REQUIRED"),
    ];
    for (user, path, name) in ways {
        let mut browser = Browser::new(&tenant);
        browser.log_in(user);
        if user == "token" {
            browser.challenge();
        }
        for _ in 0..2 {
            let answer = browser.otp(path, "no");
            assert_eq!(error(&answer), told(400, "OTP_WRONG", Some(name)));
            assert!(answer.json()["meta"]["temporaryLockExpiry"].is_null());
            assert_eq!(answer.json()["errors"][0]["status"], 400);
        }
        let answer = browser.otp(path, "no");
        assert_eq!(error(&answer), told(400, "OTP_WRONG", None));
        // The flow has ended, but not the session.
        let live = tenant.airlock_sessions();
        assert_eq!(browser.delete("").status, 204);
        assert_eq!(tenant.airlock_sessions(), live - 1);
        assert_eq!(
            error(&Browser::new(&tenant).log_in(user)),
            told(403, "USER_LOCKED", None)
        );
    }
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

#[test]
fn a_login_clears_the_count() {
    let tenant = start(Airlock::default());
    for _ in 0..3 {
        let mut browser = Browser::new(&tenant);
        browser.log_in("otp");
        browser.otp("otp/check", "no");
        browser.otp("otp/check", "no");
        assert!(is_done(&browser.otp("otp/check", "A1b2C3")));
    }
}

#[test]
fn the_same_challenge_or_a_new_one_serves_the_next_try() {
    let tenant = start(Airlock::default());
    let token = tenant::Token::new("GAQT12345678");
    for again in [false, true] {
        let mut browser = Browser::new(&tenant);
        browser.log_in("token");
        let old = token.read_image(&browser.challenge()).unwrap();
        browser.otp(QR_OTP, "no");
        if again {
            let new = token.read_image(&browser.challenge()).unwrap();
            assert!(!is_done(&browser.otp(QR_OTP, &old)));
            assert!(is_done(&browser.otp(QR_OTP, &new)));
        } else {
            assert!(is_done(&browser.otp(QR_OTP, &old)));
        }
    }
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

#[test]
fn one_try_is_one() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    browser.log_in("otp.one-try");
    let answer = browser.otp("otp/check", "no");
    assert_eq!(error(&answer), told(400, "OTP_WRONG", None));
    browser.otp("otp/check", "A1b2C3");
    assert_eq!(
        tenant.airlock_problems(),
        ["an OTP is out of turn: the next step is none: the flow has ended"]
    );
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let tenant = start(Airlock::default());
    let wrong = told(400, "USERNAME_PASSWORD_WRONG", Some("PASSWORD_REQUIRED"));
    for user in [
        "token",
        "nobody",
        "token.nothing",
        "token.token",
        "image-",
        "last-",
    ] {
        let mut browser = Browser::new(&tenant);
        let answer = browser.password(user, "wrong");
        assert_eq!(error(&answer), wrong, "{user}");
        assert!(answer.json()["meta"]["temporaryLockExpiry"].is_null());
        // The next try uses the same session.
        assert_eq!(
            step(&browser.log_in("fido")),
            "FIDO_AUTHENTICATION_CHALLENGE_RETRIEVAL_REQUIRED"
        );
    }
    let mut browser = Browser::new(&tenant);
    for _ in 0..3 {
        assert_eq!(error(&browser.password("lee", "wrong")), wrong);
    }
    let locked = told(403, "USER_LOCKED", None);
    assert_eq!(error(&browser.log_in("lee")), locked);
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

#[test]
fn a_lock_expiry_is_told() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    let password = browser.password("otp.lock-expiry", "wrong");
    browser.log_in("otp.lock-expiry");
    let otp = browser.otp("otp/check", "no");
    for answer in [password, otp] {
        let json = answer.json();
        let expiry = json["meta"]["temporaryLockExpiry"].as_str().unwrap();
        let shape: String = expiry
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00Z");
        assert!(json["meta"]["nextAuthStep"].is_string());
    }
}

#[test]
fn refusals_come_at_the_password_and_at_the_otp() {
    let tenant = start(Airlock::default());
    let refusals = [
        ("locked", 403, "USER_LOCKED", 1),
        ("locked-until", 403, "USER_TEMPORARILY_LOCKED", 1),
        ("protected", 400, "AUTHENTICATION_FAILED", 0),
    ];
    for (part, status, code, live) in refusals {
        let mut browser = Browser::new(&tenant);
        let answer = browser.log_in(part);
        assert_eq!(error(&answer), told(status, code, None));
        let expires = answer.json()["meta"]["temporaryLockExpiry"].is_string();
        assert_eq!(expires, part == "locked-until");
        // The first answer would have set the cookie.
        assert_eq!(browser.cookies.len(), live);

        let mut browser = Browser::new(&tenant);
        browser.log_in(&format!("otp.otp-{part}"));
        let before = tenant.airlock_sessions();
        let answer = browser.otp("otp/check", "A1b2C3");
        assert_eq!(error(&answer).1, code);
        let expires = answer.json()["meta"]["temporaryLockExpiry"].is_string();
        assert_eq!(expires, part == "locked-until");
        assert_eq!(tenant.airlock_sessions(), before - 1 + live);
    }
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

#[test]
fn a_refusal_is_whatever_the_test_says() {
    let tenant = start_with(User::new("a").refused_at_password(Refusal::Failed(418)));
    assert_eq!(error(&Browser::new(&tenant).log_in("a")).0, 418);
}

#[test]
fn an_errors_status_is_a_number_or_a_string() {
    let tenant = start(Airlock::default());
    let status = |answer: &crate::common::Response| answer.json()["errors"][0]["status"].clone();
    assert_eq!(status(&Browser::new(&tenant).log_in("locked")), 403);
    assert_eq!(
        status(&Browser::new(&tenant).log_in("locked.status-text")),
        "403"
    );
    let mut browser = Browser::new(&tenant);
    browser.log_in("otp.status-text");
    assert_eq!(status(&browser.otp("otp/check", "no")), "400");
    let tenant = start(Airlock::default().status_text());
    assert_eq!(status(&Browser::new(&tenant).log_in("locked")), "403");
    assert_eq!(status(&Browser::new(&tenant).post(CHALLENGE, "")), "400");
}
