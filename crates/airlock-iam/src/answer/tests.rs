use std::time::Duration;

use bounded_https::Body;
use bounded_https::http::Response;

use super::*;

fn reply(status: u16, body: &str) -> Reply {
    Response::builder()
        .status(status)
        .header("date", "Sun, 22 Nov 2026 14:00:00 GMT")
        .body(Body::from(body.as_bytes().to_vec()))
        .unwrap()
}

fn kind(status: u16, body: &str) -> ErrorKind {
    let answer = session(&reply(status, body));
    answer.expect_err(body).kind()
}

const DONE: &str = r#"{"data":{"type":"authentication.session","attributes":{}}}"#;

#[test]
fn done_is_a_session_document_without_a_next_step() {
    assert_eq!(session(&reply(200, DONE)).unwrap(), Session::Done);
    let more = r#"{"meta":{"type":"jsonapi.metadata.document","timestamp":"now"},
        "data":{"type":"authentication.session","id":"x","attributes":{"x":1}}}"#;
    assert_eq!(session(&reply(200, more)).unwrap(), Session::Done);
}

/// No other document is a success.
#[test]
fn nothing_else_is_done() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "\"authentication.session\"",
        "<!doctype html><title>Blocked</title>",
        r#"{"data":null}"#,
        r#"{"data":[]}"#,
        r#"{"data":{"type":"authentication.session"}}"#,
        r#"{"data":{"type":"authentication.session","attributes":null}}"#,
        r#"{"data":{"type":"authentication.session","attributes":[]}}"#,
        r#"{"data":{"attributes":{}}}"#,
        r#"{"data":{"type":"authentication.sessions","attributes":{}}}"#,
        r#"{"data":{"type":"Authentication.Session","attributes":{}}}"#,
        r#"{"data":[{"type":"authentication.session","attributes":{}}]}"#,
        r#"{"data":{"type":"authentication.session","attributes":{"nextAuthStep":null}}}"#,
        r#"{"data":{"type":"authentication.session","attributes":{"nextAuthStep":""}}}"#,
        r#"{"data":{"type":"authentication.session","attributes":{"nextAuthStep":["x"]}}}"#,
        r#"{"meta":{"nextAuthStep":"OTP_REQUIRED"},"data":{"type":"authentication.session","attributes":{}}}"#,
        r#"{"meta":{"nextAuthStep":null},"data":{"type":"authentication.session","attributes":{}}}"#,
        r#"{"errors":[],"data":{"type":"authentication.session","attributes":{}}}"#,
        r#"{"errors":[{"id":"1"}],"data":{"type":"authentication.session","attributes":{}}}"#,
        // serde accepts an array for a structure.
        r#"[{"type":"authentication.session","attributes":{}},{},null]"#,
        r#"{"data":["authentication.session","1",{}]}"#,
        r#"{"meta":[],"data":{"type":"authentication.session","attributes":{}}}"#,
        // The last of two could hide the first.
        r#"{"data":{"type":"authentication.session","attributes":{"nextAuthStep":"OTP_REQUIRED"},"attributes":{}}}"#,
        r#"{"data":{"type":"x","attributes":{}},"data":{"type":"authentication.session","attributes":{}}}"#,
        r#"{"meta":{"nextAuthStep":"OTP_REQUIRED"},"meta":{},"data":{"type":"authentication.session","attributes":{}}}"#,
        r#"{"data":{"type":"authentication.session","attributes":{}}} {}"#,
        r#"{"data":{"type":"authentication.session","attributes":{}}"#,
    ] {
        assert_eq!(kind(200, body), ErrorKind::NotUnderstood, "{body}");
    }
    for status in [100, 199, 300, 302, 400, 401, 404] {
        assert_eq!(kind(status, DONE), ErrorKind::NotUnderstood, "{status}");
    }
    let broken = ErrorKind::Unreachable(Unreachable::ServerError);
    assert_eq!(kind(500, DONE), broken);
    assert_eq!(kind(503, "<!doctype html>"), broken);
}

#[test]
fn the_next_step_is_what_the_attributes_say() {
    let body = r#"{"data":{"type":"authentication.session",
        "attributes":{"nextAuthStep":"MTAN_OTP_REQUIRED","phoneNumber":"+41 79 *** 12"}}}"#;
    let next = Session::Next {
        step: "MTAN_OTP_REQUIRED".to_owned(),
        phone_number: Some("+41 79 *** 12".to_owned()),
    };
    assert_eq!(session(&reply(200, body)).unwrap(), next);
}

#[test]
fn refusals_are_told_apart_by_their_code() {
    for (code, expected) in [
        ("USERNAME_PASSWORD_WRONG", ErrorKind::WrongPassword),
        ("OTP_WRONG", ErrorKind::WrongOtp),
        ("USER_LOCKED", ErrorKind::Locked),
        ("USER_TEMPORARILY_LOCKED", ErrorKind::TemporarilyLocked),
        ("AUTHENTICATION_FAILED", ErrorKind::Refused),
        ("SOMETHING_NEW", ErrorKind::Refused),
    ] {
        for status in [r#""400""#, "400"] {
            let body = format!(r#"{{"errors":[{{"id":"7","status":{status},"code":"{code}"}}]}}"#);
            for http in [400, 401, 403, 500, 200] {
                assert_eq!(kind(http, &body), expected, "{http} {body}");
            }
        }
    }
    let body = r#"{"errors":[{"code":"SOMETHING_NEW"}]}"#;
    let error = session(&reply(400, body)).unwrap_err();
    assert_eq!(error.detail(), "SOMETHING_NEW");
    assert!(error.locked_until().is_none());
}

#[test]
fn a_lock_and_another_try_are_in_meta() {
    let body = r#"{"errors":[{"code":"OTP_WRONG"}],
        "meta":{"nextAuthStep":"OTP_REQUIRED","temporaryLockExpiry":"2026-11-22T15:05:00+01:00"}}"#;
    let reply = reply(400, body);
    assert_eq!(next_step(&reply).as_deref(), Some("OTP_REQUIRED"));
    let error = session(&reply).unwrap_err();
    let lock = error.locked_until().unwrap();
    assert_eq!(lock.to_string(), "2026-11-22 14:05 UTC");
    assert_eq!(lock.remaining(), Some(Duration::from_secs(300)));
}

#[test]
fn a_lock_that_is_not_text_does_not_change_the_refusal() {
    for lock in ["null", "1795356000", "{}", "[]", r#""""#, r#"" ""#] {
        let body = format!(
            r#"{{"errors":[{{"code":"USERNAME_PASSWORD_WRONG"}}],
            "meta":{{"nextAuthStep":"PASSWORD_REQUIRED","temporaryLockExpiry":{lock}}}}}"#
        );
        let reply = reply(400, &body);
        let error = session(&reply).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongPassword, "{lock}");
        assert_eq!(error.locked_until(), None, "{lock}");
        assert_eq!(next_step(&reply).as_deref(), Some("PASSWORD_REQUIRED"));
    }
}

#[test]
fn a_document_that_is_not_understood_is_not_quoted() {
    let body = r#"{"data":{"type":"authentication.session","attributes":"geheim"}}"#;
    let error = session(&reply(200, body)).unwrap_err();
    assert!(!error.to_string().contains("geheim"), "{error}");
}

#[test]
fn devices_have_an_id_and_a_name() {
    let list = |ids: &[&str]| {
        let devices: Vec<String> = ids
            .iter()
            .map(|id| {
                format!(
                    r#"{{"type":"{DEVICE}","id":{id:?},"attributes":{{"displayName":"x","deviceType":"IOS"}}}}"#
                )
            })
            .collect();
        devices_of(&devices.join(","))
    };
    assert_eq!(list(&["a", "b/c"]).unwrap().len(), 2);
    for bad in [&[][..], &[""], &["."], &[".."], &["a", ".."], &["a"; 101]] {
        assert!(list(bad).is_err(), "{bad:?}");
    }
    let other = r#"{"type":"x","id":"a","attributes":{"displayName":"x"}}"#;
    assert!(devices_of(other).is_err());
    let long = format!(
        r#"{{"type":"{DEVICE}","id":"a","attributes":{{"displayName":{:?}}}}}"#,
        "x".repeat(10_000)
    );
    assert_eq!(devices_of(&long).unwrap()[0].display_name().len(), 200);
}

fn devices_of(list: &str) -> Result<Vec<Device>, Error> {
    devices(&reply(200, &format!(r#"{{"data":[{list}]}}"#)))
}

#[test]
fn a_challenge_is_an_image_in_base64() {
    let image = |text: &str| {
        let body = format!(
            r#"{{"data":{{"type":"{CHALLENGE}","id":"1","attributes":{{"challengeImage":{text:?}}}}}}}"#
        );
        challenge(&reply(200, &body)).unwrap()
    };
    assert_eq!(image("iVBORw0="), Some(b"\x89PNG\r".to_vec()));
    assert_eq!(image("iVBO\r\nRw0"), Some(b"\x89PNG\r".to_vec()));
    assert_eq!(image("data:image/png;base64,iVBORw0="), None);
    let other = r#"{"data":{"type":"x","attributes":{"challengeImage":"iVBORw0="}}}"#;
    assert!(challenge(&reply(200, other)).is_err());
    assert!(challenge(&reply(200, DONE)).is_err());
}
