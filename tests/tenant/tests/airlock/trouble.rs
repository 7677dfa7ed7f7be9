//! Each trouble at the place where it is wanted, and nowhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tenant::{Airlock, Place, Trouble};

use crate::browser::{Browser, CHALLENGE, DEVICES, PASSWORD_CHECK, POLL, is_done, start, step};
use crate::common::{MOMENT, Response, header};

const OTP: &str = r#"{"otp":"A1b2C3"}"#;

#[test]
fn each_trouble_at_the_password_and_at_the_last_step() {
    let tenant = start(Airlock::default());
    for trouble in Trouble::ALL {
        let mut browser = Browser::new(&tenant);
        let user = format!("otp.password-{trouble}");
        let body = format!(r#"{{"username":"{user}","password":"correct-horse"}}"#);
        browser.send("POST", &format!("/{PASSWORD_CHECK}"), &body);
        meet(*trouble, &mut browser, false);

        let mut browser = Browser::new(&tenant);
        assert_eq!(
            step(&browser.log_in(&format!("otp.last-{trouble}"))),
            "OTP_REQUIRED"
        );
        browser.send("POST", "/otp/check", OTP);
        meet(*trouble, &mut browser, true);
    }
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

/// Reads an answer that must not be taken for what it stands for.
fn meet(trouble: Trouble, browser: &mut Browser, last: bool) {
    match trouble {
        Trouble::Never => {
            browser.client.patience(MOMENT);
            assert!(browser.client.head().is_err());
        }
        Trouble::Reset => assert!(browser.client.head().is_err()),
        Trouble::BadHttp => {
            let bytes = browser.client.rest().unwrap();
            assert!(bytes.starts_with(b"SSH-2.0"));
        }
        Trouble::Cut => {
            let head = browser.client.head().unwrap();
            let length: usize = header(&head, "content-length").unwrap().parse().unwrap();
            assert_eq!(browser.client.rest().unwrap().len(), length - 100);
        }
        Trouble::Endless => {
            assert!(browser.client.head().unwrap().contains(" 200 "));
            assert_eq!(browser.client.some(3_000_000).unwrap().len(), 3_000_000);
        }
        Trouble::Drip => {
            assert!(browser.client.head().unwrap().contains(" 200 "));
            browser.client.patience(Duration::from_secs(5));
            browser.client.some(20).unwrap();
        }
        _ => whole(trouble, &browser.answer(), last),
    }
}

/// The same for one that is HTTP and has an end.
fn whole(trouble: Trouble, answer: &Response, last: bool) {
    let json = serde_json::from_slice::<Value>(&answer.body);
    let data = json
        .as_ref()
        .map(|json| json["data"].clone())
        .unwrap_or_default();
    let is = match trouble {
        Trouble::Html => answer.text().starts_with("<!doctype html>") && answer.status == 200,
        Trouble::Empty => answer.body.is_empty() && answer.status == 200,
        Trouble::NoContent => answer.status == 204,
        Trouble::Redirect => answer.status == 302,
        Trouble::Error500 => answer.status == 500,
        Trouble::Unavailable503 => answer.status == 503,
        Trouble::NotJson | Trouble::Truncated | Trouble::Trailing | Trouble::Deep => json.is_err(),
        Trouble::Array => json.unwrap().is_array(),
        Trouble::Nothing => json.unwrap() == serde_json::json!({}),
        Trouble::OtherType => data["type"] == "authentication.something",
        Trouble::NoType => data["type"].is_null() && data["attributes"].is_object(),
        Trouble::NullData => data.is_null(),
        Trouble::NoAttributes => data["type"].is_string() && data.get("attributes").is_none(),
        Trouble::NullAttributes => data.get("attributes").is_some_and(Value::is_null),
        Trouble::MetaStep => {
            json.unwrap()["meta"]["nextAuthStep"].is_string()
                && data["attributes"] == serde_json::json!({})
        }
        Trouble::NullStep => data["attributes"]
            .get("nextAuthStep")
            .is_some_and(Value::is_null),
        Trouble::EmptyStep => data["attributes"]["nextAuthStep"] == "",
        Trouble::NumberStep => data["attributes"]["nextAuthStep"] == 0,
        Trouble::HostileStep => data["attributes"]["nextAuthStep"].as_str().unwrap().len() > 99_999,
        Trouble::ErrorsToo => data["type"].is_string() && json.unwrap()["errors"].is_array(),
        Trouble::ErrorsWith200 => answer.status == 200 && json.unwrap()["errors"].is_array(),
        Trouble::HostileError => json.unwrap()["errors"][0]["code"]
            .as_str()
            .unwrap()
            .contains('\u{1b}'),
        Trouble::NoErrors => {
            answer.status == 400 && json.unwrap()["errors"] == serde_json::json!([])
        }
        Trouble::TwoData => {
            answer.text().matches("\"data\"").count() == 2 && is_done(answer) == last
        }
        Trouble::TwoAttributes => {
            answer.text().matches("\"attributes\"").count() == 2 && is_done(answer)
        }
        Trouble::Huge => answer.body.len() > 20_000_000 && is_done(answer) == last,
        Trouble::Cookies => answer.head.matches("set-cookie: C").count() == 5_000,
        _ => false,
    };
    assert!(is, "{trouble}");
}

#[test]
fn places_are_kept_apart() {
    let tenant = start(Airlock::default());
    for place in Place::ALL {
        let mut troubled = Vec::new();
        for way in ["devices", "token", "phone"] {
            let mut browser = Browser::new(&tenant);
            let mut note = |place: &'static str, answer: &Response| {
                if answer.status == 500 {
                    troubled.push(place);
                }
            };
            note("password", &browser.log_in(&format!("{way}.{place}-500")));
            match way {
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
        for place in troubled {
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
