//! A request that contradicts the documentation gets an error, is recorded, and changes nothing.

use tenant::{Airlock, Tenant, Token};

use crate::browser::{
    Browser, CHALLENGE, DEVICES, PASSWORD_CHECK, POLL, QR_OTP, error, is_done, start, step,
};
use crate::common::Response;

const RIGHT: &str = r#"{"username":"token","password":"correct-horse"}"#;

/// The problem of the last request. The client was told the same.
fn problem(tenant: &Tenant, answer: &Response) -> String {
    assert_eq!(error(answer).1, "SIMULATOR_PROBLEM");
    let request = tenant.airlock_requests().pop().unwrap();
    request.problem.unwrap()
}

#[test]
fn the_form_of_a_request_is_checked() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    let bodies = [
        ("", "the body is not a JSON object"),
        ("username=token", "the body is not a JSON object"),
        ("[]", "the body is not a JSON object"),
        (
            r#"{"username":"token"}"#,
            "the body has no string \"password\"",
        ),
        (
            r#"{"username":1,"password":"x"}"#,
            "the body has no string \"username\"",
        ),
        (
            r#"{"username":"a","password":"b","more":1}"#,
            "the body has a member \"more\"",
        ),
    ];
    for (body, why) in bodies {
        let answer = browser.post(PASSWORD_CHECK, body);
        assert_eq!(problem(&tenant, &answer), why, "{body}");
        assert_eq!(tenant.airlock_requests().pop().unwrap().body, body);
    }
    browser.content_type = "text/json";
    let answer = browser.post(PASSWORD_CHECK, RIGHT);
    let why = "the Content-Type is \"text/json\", not application/json";
    assert_eq!(problem(&tenant, &answer), why);
    browser.content_type = "application/json; charset=utf-8";
    browser.same_domain = false;
    let answer = browser.post(PASSWORD_CHECK, RIGHT);
    let why = "the header X-Same-Domain is missing";
    assert_eq!(problem(&tenant, &answer), why);
    let answer = browser.delete("");
    assert_eq!(problem(&tenant, &answer), why);
    browser.same_domain = true;
    // No session was opened.
    assert_eq!(tenant.airlock_sessions(), 0);
    assert!(browser.cookies.is_empty());
    assert_eq!(
        step(&browser.post(PASSWORD_CHECK, RIGHT)),
        "AIRLOCK_2FA_QR_CODE_OTP_REQUIRED"
    );
}

#[test]
fn paths_and_methods_are_the_documented_ones() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    let wrong = [
        ("POST", "/password/check", "there is no"),
        ("POST", "/password/check/?a=b", "there is no"),
        ("POST", "//password/check/", "there is no"),
        ("POST", "", "POST instead of DELETE"),
        ("POST", "/flow/", "POST instead of DELETE"),
        ("DELETE", "/flow", "there is no"),
        ("DELETE", "/", "there is no"),
        ("GET", "/password/check/", "GET instead of POST"),
        ("PUT", "/password/check/", "PUT instead of POST"),
        (
            "POST",
            "/airlock-2fa/devices/a/b/select/",
            "the id \"a/b\" is not percent-encoded",
        ),
        (
            "POST",
            "/airlock-2fa/devices//select/",
            "the id \"\" is not percent-encoded",
        ),
        (
            "POST",
            "/airlock-2fa/devices/a:b/select/",
            "the id \"a:b\" is not percent-encoded",
        ),
        (
            "POST",
            "/airlock-2fa/devices/%ff/select/",
            "the id \"%ff\" is not UTF-8",
        ),
    ];
    for (method, path, why) in wrong {
        browser.send(method, path, "");
        let answer = browser.answer();
        let problem = problem(&tenant, &answer);
        assert!(problem.starts_with(why), "{method} {path}: {problem}");
    }
}

#[test]
fn steps_are_taken_in_turn() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    for path in [DEVICES, POLL, CHALLENGE] {
        let answer = browser.post(path, "");
        assert!(problem(&tenant, &answer).ends_with("without a session"));
    }
    let answer = browser.delete("");
    assert_eq!(problem(&tenant, &answer), "the log-out without a session");

    browser.log_in("token");
    let answer = browser.otp(QR_OTP, "123456");
    assert_eq!(
        problem(&tenant, &answer),
        "an OTP before its QR code was retrieved"
    );
    for path in [DEVICES, POLL, "default-application/access/"] {
        let answer = browser.post(path, "");
        assert!(
            problem(&tenant, &answer).contains("is out of turn"),
            "{path}"
        );
    }
    for path in ["otp/check", "mtan/otp/check"] {
        let answer = browser.otp(path, "123456");
        assert!(
            problem(&tenant, &answer).contains("is out of turn"),
            "{path}"
        );
    }
    let answer = browser.log_in("token");
    assert!(problem(&tenant, &answer).starts_with("a password is out of turn"));

    // The session still works.
    let otp = Token::new("GAQT12345678")
        .read_image(&browser.challenge())
        .unwrap();
    assert!(is_done(&browser.otp(QR_OTP, &otp)));
    let answer = browser.otp(QR_OTP, &otp);
    assert!(problem(&tenant, &answer).ends_with("the next step is none: the login is done"));
}

#[test]
fn a_device_is_one_of_the_users() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    browser.log_in("lee");
    let answer = browser.post("airlock-2fa/devices/a%2Fb/select/", "");
    assert_eq!(
        problem(&tenant, &answer),
        "\"a/b\" is no device of the user"
    );
    assert!(browser.post(DEVICES, "").json()["data"].is_array());
}

#[test]
fn cookies_come_back_as_they_were_set() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    browser.log_in("token");
    let good = browser.cookies.clone();

    browser.cookies.insert("OTHER".into(), "1".into());
    let answer = browser.post(CHALLENGE, "");
    assert_eq!(
        problem(&tenant, &answer),
        "the cookie \"OTHER\" is none that is set"
    );
    browser.cookies.remove("AL_SESS-S");
    let answer = browser.post(CHALLENGE, "");
    assert_eq!(
        problem(&tenant, &answer),
        "\"OTHER\" came back without AL_SESS-S"
    );
    browser.cookies.clear();
    let answer = browser.post(CHALLENGE, "");
    assert_eq!(problem(&tenant, &answer), "a QR code without a session");
    browser.cookies.insert("AL_SESS-S".into(), "0".repeat(32));
    let answer = browser.post(CHALLENGE, "");
    assert_eq!(
        problem(&tenant, &answer),
        "AL_SESS-S has a value that was never set"
    );

    browser.cookies.clone_from(&good);
    browser.challenge();
    assert_eq!(browser.delete("").status, 204);
    browser.cookies = good;
    let answer = browser.post(CHALLENGE, "");
    assert_eq!(
        problem(&tenant, &answer),
        "a QR code after the end of the session"
    );
}
