//! The page where a person plays the phone.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Client, FORM, PATIENCE, header};
use tenant::{Options, Press, PublicKey, Tenant};

fn start() -> (Tenant, PublicKey) {
    let tenant = Tenant::start(Options::default()).unwrap();
    let key = tenant.account("page").unwrap().public_keys().remove(0);
    (tenant, key)
}

/// The value of the page's first input of that name.
fn input<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split_once('"').unwrap().0
}

#[test]
fn the_buttons_answer() {
    let (tenant, key) = start();
    let mut person = Client::new(&tenant);
    for press in ["authorize", "decline", "wrong-key"] {
        let mut client = Client::new(&tenant);
        client.send_sign("page", &key);
        assert!(tenant.wait_for_waiting(1, PATIENCE));

        let page = person.get("/");
        let body = format!(
            "token={}&id={}&press={press}",
            input(page.text(), "token"),
            input(page.text(), "id")
        );
        let answer = person.post("/press", FORM, &body);
        assert_eq!(
            (answer.status, header(&answer.head, "location")),
            (303, Some("/"))
        );
        let answer = client.response().unwrap();
        if press == "decline" {
            assert!(!answer.verdict().0);
        } else {
            assert_eq!(answer.signature().len(), 64);
        }
        assert!(tenant.waiting().is_empty());

        // Twice is once too often.
        let answer = person.post("/press", FORM, &body);
        assert_eq!(header(&answer.head, "location"), Some("/?too-late"));
    }
    assert!(
        person
            .get("/?too-late")
            .text()
            .contains("does not wait any more")
    );
}

#[test]
fn a_test_can_press_too() {
    let (tenant, key) = start();
    let mut client = Client::new(&tenant);
    client.send_sign(
        "page@acme.example",
        &tenant
            .account("page@acme.example")
            .unwrap()
            .public_keys()
            .remove(1),
    );
    assert!(tenant.wait_for_waiting(1, PATIENCE));
    let waiting = tenant.waiting().remove(0);
    assert_eq!(
        (waiting.account.as_str(), waiting.phone.as_str()),
        ("page@acme.example", "Old phone")
    );
    assert!(tenant.answer(waiting.id, Press::Authorize));
    assert!(!tenant.answer(waiting.id, Press::Authorize));
    assert_eq!(client.response().unwrap().signature().len(), 256);
    drop(key);
}

#[test]
fn what_the_client_sends_is_escaped() {
    let (tenant, key) = start();
    let mut client = Client::new(&tenant);
    client.send_sign("page", &key);
    assert!(tenant.wait_for_waiting(1, PATIENCE));
    let page = Client::new(&tenant).get("/");
    let text = page.text();
    assert!(
        text.contains("May a test log in? &lt;b&gt;&amp;&quot;&#39;"),
        "{text}"
    );
    assert!(text.contains("A &lt;test&gt;") && text.contains(">Let it<"));
    assert!(!text.contains("<b>") && !text.contains("<test>"));
    let policy = header(&page.head, "content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
}

#[test]
fn a_press_without_the_token_is_nothing() {
    let (tenant, key) = start();
    let mut client = Client::new(&tenant);
    client.send_sign("page", &key);
    assert!(tenant.wait_for_waiting(1, PATIENCE));
    let mut person = Client::new(&tenant);
    assert_eq!(
        person.post("/press", FORM, "id=1&press=authorize").status,
        403
    );
    assert_eq!(
        person
            .post("/press", FORM, "token=x&id=1&press=authorize")
            .status,
        403
    );
    let page = person.get("/");
    let token = input(page.text(), "token");
    assert_eq!(
        person
            .post("/press", FORM, &format!("token={token}&id=1&press=both"))
            .status,
        400
    );
    assert_eq!(person.get("/press").status, 404);
    assert_eq!(tenant.waiting().len(), 1);
    let (other, _) = start();
    assert!(!Client::new(&other).get("/").text().contains(token));
}

#[test]
fn an_abandoned_request_leaves_the_page() {
    let (tenant, key) = start();
    let mut person = Client::new(&tenant);
    let before = person.get("/waiting").json();
    assert_eq!(before["waiting"], 0);
    let mut client = Client::new(&tenant);
    client.send_sign("page", &key);
    assert!(tenant.wait_for_waiting(1, PATIENCE));
    let during = person.get("/waiting").json();
    assert!(during["waiting"] == 1 && during["html"].as_str().unwrap().contains("Let it"));
    drop(client);
    assert!(tenant.wait_for_waiting(0, PATIENCE));
    let after = person.get("/waiting").json();
    assert_eq!(after["html"], before["html"]);
    assert!(before["version"] != during["version"] && during["version"] != after["version"]);
}

#[test]
fn script_and_style_are_served() {
    let (tenant, _) = start();
    let mut person = Client::new(&tenant);
    let page = person.get("/");
    for (path, kind) in [("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        assert!(page.text().contains(path));
        let answer = person.get(path);
        assert_eq!(
            (answer.status, header(&answer.head, "content-type")),
            (200, Some(kind))
        );
    }
}
