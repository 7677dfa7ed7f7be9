//! Each bad answer in its place, and only there.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tenant::{Airlock, BadAnswer, Place};

use crate::browser::{Browser, CHALLENGE, DEVICES, PASSWORD_CHECK, POLL, is_done, start, step};
use crate::common::{MOMENT, Response, header};

const OTP: &str = r#"{"otp":"A1b2C3"}"#;

#[test]
fn each_bad_answer_at_the_password_and_at_the_last_step() {
    let tenant = start(Airlock::default());
    for bad_answer in BadAnswer::ALL {
        let mut browser = Browser::new(&tenant);
        let user = format!("otp.password-{bad_answer}");
        let body = format!(r#"{{"username":"{user}","password":"correct-horse"}}"#);
        browser.send("POST", &format!("/{PASSWORD_CHECK}"), &body);
        meet(*bad_answer, &mut browser, false);

        let mut browser = Browser::new(&tenant);
        assert_eq!(
            step(&browser.log_in(&format!("otp.last-{bad_answer}"))),
            "OTP_REQUIRED"
        );
        browser.send("POST", "/otp/check", OTP);
        meet(*bad_answer, &mut browser, true);
    }
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

/// Reads a bad answer.
fn meet(bad_answer: BadAnswer, browser: &mut Browser, last: bool) {
    match bad_answer {
        BadAnswer::Never => {
            browser.client.timeout(MOMENT);
            assert!(browser.client.head().is_err());
        }
        BadAnswer::Reset => assert!(browser.client.head().is_err()),
        BadAnswer::Cut => {
            let head = browser.client.head().unwrap();
            let length: usize = header(&head, "content-length").unwrap().parse().unwrap();
            assert_eq!(browser.client.rest().unwrap().len(), length - 100);
        }
        BadAnswer::Endless => {
            assert!(browser.client.head().unwrap().contains(" 200 "));
            assert_eq!(browser.client.some(3_000_000).unwrap().len(), 3_000_000);
        }
        BadAnswer::Drip => {
            assert!(browser.client.head().unwrap().contains(" 200 "));
            browser.client.timeout(Duration::from_secs(5));
            browser.client.some(20).unwrap();
        }
        _ => whole(bad_answer, &browser.answer(), last),
    }
}

/// Checks a bad answer that is HTTP and has an end.
fn whole(bad_answer: BadAnswer, answer: &Response, last: bool) {
    let json = serde_json::from_slice::<Value>(&answer.body);
    let data = json
        .as_ref()
        .map(|json| json["data"].clone())
        .unwrap_or_default();
    let is = match bad_answer {
        BadAnswer::Html => answer.text().starts_with("<!doctype html>") && answer.status == 200,
        BadAnswer::Empty => answer.body.is_empty() && answer.status == 200,
        BadAnswer::NoContent => answer.status == 204,
        BadAnswer::Redirect => answer.status == 302,
        BadAnswer::Error500 => answer.status == 500,
        BadAnswer::Unavailable503 => answer.status == 503,
        BadAnswer::NotJson => json.is_err(),
        BadAnswer::HostileStep => {
            data["attributes"]["nextAuthStep"].as_str().unwrap().len() > 99_999
        }
        BadAnswer::ErrorsToo => data["type"].is_string() && json.unwrap()["errors"].is_array(),
        BadAnswer::ErrorsWith200 => answer.status == 200 && json.unwrap()["errors"].is_array(),
        BadAnswer::HostileError => json.unwrap()["errors"][0]["code"]
            .as_str()
            .unwrap()
            .contains('\u{1b}'),
        BadAnswer::Huge => answer.body.len() > 20_000_000 && is_done(answer) == last,
        BadAnswer::Cookies => answer.head.matches("set-cookie: C").count() == 5_000,
        _ => false,
    };
    assert!(is, "{bad_answer}");
}

#[test]
fn places_are_kept_apart() {
    let tenant = start(Airlock::default());
    for place in Place::ALL {
        let mut places = Vec::new();
        for factor in ["devices", "token", "phone"] {
            let mut browser = Browser::new(&tenant);
            let mut note = |place: &'static str, answer: &Response| {
                if answer.status == 500 {
                    places.push(place);
                }
            };
            note(
                "password",
                &browser.log_in(&format!("{factor}.{place}-500")),
            );
            match factor {
                "devices" => {
                    note("list", &browser.post(DEVICES, ""));
                    let id = tenant_device_id(&tenant);
                    note(
                        "select",
                        &browser.post(&format!("airlock-2fa/devices/{id}/select/"), ""),
                    );
                }
                "token" => note("challenge", &browser.post(CHALLENGE, "")),
                _ => {
                    note("poll", &browser.post(POLL, ""));
                    browser.post(POLL, "");
                    note("last", &browser.post(POLL, ""));
                }
            }
            note("logout", &browser.delete("/flow/"));
            note("logout", &browser.delete(""));
        }
        let mut times = BTreeMap::new();
        for place in places {
            *times.entry(place).or_insert(0) += 1;
        }
        let expected = match place {
            Place::Password => 3,
            Place::LogOut => 6,
            _ => 1,
        };
        assert_eq!(times, BTreeMap::from([(place.name(), expected)]));
    }
    assert_eq!(tenant.airlock_sessions(), 0);
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

fn tenant_device_id(tenant: &tenant::Tenant) -> String {
    let mut browser = Browser::new(tenant);
    browser.log_in("devices");
    let list = browser.post(DEVICES, "").json();
    browser.delete("");
    list["data"][0]["id"].as_str().unwrap().to_owned()
}
