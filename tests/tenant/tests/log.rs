//! The log has one line for each request, and no secrets.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use common::{Client, FORM, PAYLOAD, SIGN, TIMEOUT, form, header, key_path};
use tenant::{Log, Options, Press, Tenant};

fn start() -> (Tenant, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let log = Some(Log::new(move |line| {
        kept.lock().unwrap().push(line.to_owned());
    }));
    (
        Tenant::start(Options {
            log,
            ..Options::default()
        })
        .unwrap(),
        lines,
    )
}

#[test]
fn each_request_is_one_line() {
    let (tenant, lines) = start();
    let key = tenant.account("approve").unwrap().public_keys().remove(0);
    let mut client = Client::new(&tenant);
    client.get(&key_path("approve"));
    let answer = client.sign("approve", &key);
    client.get("/waiting");
    client.post(
        SIGN,
        FORM,
        &form("approve", &key).replace("test+log", "test%0A%1B%E2%80%AElog"),
    );
    client.get("/nowhere%0A");
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(
        lines[0].ends_with("Z #1 GET keys account=\"approve\" list=normal -> 200"),
        "{}",
        lines[0]
    );
    for part in [
        "text=\"May a test",
        "button=\"Let it\"",
        "phone=\"Pixel 8\" (ssh-ed25519)",
        "did=approve",
        "-> 200",
    ] {
        assert!(lines[1].contains(part), "{part} in {}", lines[1]);
    }
    let json = answer.json();
    let signature = json["signature"].as_str().unwrap();
    assert!(
        !lines.concat().contains(signature) && !lines.concat().contains(&URL_SAFE.encode(PAYLOAD))
    );
    assert!(
        lines[2].contains("test\\n\\u{1b}\\u{202e}log"),
        "{}",
        lines[2]
    );
    assert!(lines[3].ends_with("GET /nowhere%0A -> 404"), "{}", lines[3]);
}

#[test]
fn a_page_that_is_closed_is_not_worth_a_line() {
    let (tenant, lines) = start();
    let mut page = Client::new(&tenant);
    page.send_get("/waiting?after=0");
    assert!(tenant.wait_for(TIMEOUT, |seen| seen.requests.len() == 1));
    drop(page);
    assert!(tenant.wait_for(TIMEOUT, |seen| seen.open == 0));
    let lines = lines.lock().unwrap();
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn waiting_and_hanging_up_are_told() {
    let (tenant, lines) = start();
    let key = tenant.account("page").unwrap().public_keys().remove(0);
    let mut client = Client::new(&tenant);
    client.send_sign("page", &key);
    assert!(tenant.wait_for_waiting(1, TIMEOUT));
    assert!(tenant.answer(1, Press::Decline));
    client.response().unwrap();
    assert!(lines.lock().unwrap()[0].ends_with("-> waits for a person on the page"));
    assert!(lines.lock().unwrap()[1].contains("did=decline"));

    client.send_sign(
        "never",
        &tenant.account("never").unwrap().public_keys().remove(0),
    );
    assert!(tenant.wait_for_sign_requests(2, TIMEOUT));
    drop(client);
    assert!(tenant.wait_for(TIMEOUT, |seen| seen.open == 0));
    assert!(lines.lock().unwrap()[2].contains("-> the client hung up after "));

    let mut client = Client::new(&tenant);
    client.send_sign("page", &key);
    assert!(tenant.wait_for_waiting(1, TIMEOUT));
    drop(tenant);
    // The client did not end that.
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[3].ends_with("-> waits for a person on the page"));
}

#[test]
fn a_login_to_airlock_is_told_without_its_secrets() {
    const PATH: &str = "/auth/rest/public/authentication";
    let (tenant, lines) = start();
    let mut client = Client::new(&tenant);
    let mut cookie = String::new();
    let mut post = |path: &str, body: &str| {
        let length = body.len();
        client.send(&format!(
            "POST {PATH}/{path} HTTP/1.1\r\nHost: localhost\r\nX-Same-Domain: 1\r\n{cookie}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        let answer = client.response().unwrap();
        if let Some(set) = header(&answer.head, "set-cookie") {
            cookie = format!("Cookie: {}\r\n", set.split(';').next().unwrap());
        }
    };
    post(
        "password/check/",
        r#"{"username":"otp","password":"correct-horse"}"#,
    );
    post("otp/check", r#"{"otp":"654321"}"#);
    post("otp/check", r#""654321""#);
    post("otp/check", r#"{"otp":"A1b2C3"}"#);
    let secret = cookie.trim().rsplit('=').next().unwrap().to_owned();
    assert_eq!(secret.len(), 32);

    let lines = lines.lock().unwrap();
    let expected = [
        "password/check/ user=\"otp\" did=\"next OTP_REQUIRED\" -> 200",
        "otp/check user=\"otp\" did=\"wrong OTP\" -> 400",
        "otp/check user=\"otp\" problem=\"the body is not a JSON object\" -> 400",
        "otp/check user=\"otp\" did=\"done\" -> 200",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, end) in lines.iter().zip(expected) {
        assert!(line.ends_with(&format!("#1 POST {PATH}/{end}")), "{line}");
    }
    for secret in ["correct-horse", "654321", "A1b2C3", secret.as_str()] {
        assert!(!lines.concat().contains(secret), "{secret}");
    }
}
