//! A client that follows the protocol of Airlock IAM, unless a test turns parts of it off.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tenant::{Airlock, Options, PASSWORD, Tenant, User};

use crate::common::{Client, Response};

pub const PASSWORD_CHECK: &str = "password/check/";
pub const DEVICES: &str = "airlock-2fa/devices/retrieve/";
pub const POLL: &str = "airlock-2fa/status/poll/";
pub const CHALLENGE: &str = "airlock-2fa/offline-qr-code/challenge/retrieve/";
pub const QR_OTP: &str = "airlock-2fa/offline-qr-code/otp/check/";

pub fn start(airlock: Airlock) -> Tenant {
    Tenant::start(Options {
        airlock,
        ..Options::default()
    })
    .unwrap()
}

/// A server with this user and the built-in ones.
pub fn start_with(user: User) -> Tenant {
    start(Airlock::default().user(user))
}

pub struct Browser {
    pub client: Client,
    pub cookies: BTreeMap<String, String>,
    /// Not sent if false.
    pub same_domain: bool,
    pub echo_csrf: bool,
    pub content_type: &'static str,
}

impl Browser {
    pub fn new(tenant: &Tenant) -> Self {
        Self {
            client: Client::new(tenant),
            cookies: BTreeMap::new(),
            same_domain: true,
            echo_csrf: true,
            content_type: "application/json",
        }
    }

    /// A POST below `/public/authentication/`.
    pub fn post(&mut self, path: &str, body: &str) -> Response {
        self.send("POST", &format!("/{path}"), body);
        self.answer()
    }

    pub fn delete(&mut self, path: &str) -> Response {
        self.send("DELETE", path, "");
        self.answer()
    }

    pub fn send(&mut self, method: &str, path: &str, body: &str) {
        let length = body.len();
        let mut head = vec![
            format!("{method} /auth/rest/public/authentication{path} HTTP/1.1"),
            "Host: localhost".into(),
            format!("Content-Length: {length}"),
        ];
        if self.same_domain {
            head.push("X-Same-Domain: 1".into());
        }
        if method == "POST" {
            head.push(format!("Content-Type: {}", self.content_type));
        }
        let cookies = self.cookies.iter().map(|(k, v)| format!("{k}={v}"));
        let cookies: Vec<String> = cookies.collect();
        if !cookies.is_empty() {
            head.push(format!("Cookie: {}", cookies.join("; ")));
        }
        if let (true, Some(csrf)) = (self.echo_csrf, self.cookies.get("CSRFT123-S")) {
            head.push(format!("X-CSRFT123: {csrf}"));
        }
        let head = head.join("\r\n");
        self.client.send(&format!("{head}\r\n\r\n{body}"));
    }

    pub fn answer(&mut self) -> Response {
        let answer = self.client.response().unwrap();
        for line in answer.head.lines() {
            let Some(cookie) = line.strip_prefix("set-cookie: ") else {
                continue;
            };
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        answer
    }

    /// Sends the right password.
    pub fn log_in(&mut self, user: &str) -> Response {
        self.password(user, PASSWORD)
    }

    pub fn password(&mut self, user: &str, password: &str) -> Response {
        let body = json!({ "username": user, "password": password });
        self.post(PASSWORD_CHECK, &body.to_string())
    }

    pub fn otp(&mut self, path: &str, otp: &str) -> Response {
        self.post(path, &json!({ "otp": otp }).to_string())
    }

    /// The challenge's image.
    pub fn challenge(&mut self) -> Vec<u8> {
        let answer = self.post(CHALLENGE, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let data = &answer.json()["data"];
        assert_eq!(
            data["type"],
            "authentication.airlock-2fa.offline-qr-code.challenge"
        );
        STANDARD
            .decode(data["attributes"]["challengeImage"].as_str().unwrap())
            .unwrap()
    }
}

/// The next step of a session.
pub fn step(answer: &Response) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json = answer.json();
    assert_eq!(json["data"]["type"], "authentication.session");
    json["data"]["attributes"]["nextAuthStep"]
        .as_str()
        .unwrap()
        .to_owned()
}

pub fn is_done(answer: &Response) -> bool {
    let done = json!({ "data": { "type": "authentication.session", "attributes": {} } });
    answer.status == 200
        && answer
            .head
            .contains("content-type: application/vnd.api+json")
        && serde_json::from_slice::<Value>(&answer.body).is_ok_and(|json| json == done)
}

/// The HTTP status, code and next step of an error.
pub fn error(answer: &Response) -> (u16, String, Option<String>) {
    let json = answer.json();
    let code = json["errors"][0]["code"].as_str().unwrap().to_owned();
    let next = json["meta"]["nextAuthStep"].as_str().map(String::from);
    (answer.status, code, next)
}
