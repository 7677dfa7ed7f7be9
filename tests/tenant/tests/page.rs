//! The page on which a user operates the phone.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Client, FORM, MOMENT, SIGN, TIMEOUT, form_asking, header};
use serde_json::json;
use tenant::{Account, KeyType, Options, Phone, Press, PublicKey, Reaction, Tenant};

fn start() -> (Tenant, PublicKey) {
    let tenant = Tenant::start(Options::default()).unwrap();
    let key = tenant.account("page").unwrap().public_keys().remove(0);
    (tenant, key)
}

/// The value of the page's first input with this name.
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
        assert!(tenant.wait_for_waiting(1, TIMEOUT));

        let page = person.get("/");
        let body = format!(
            "token={}&id={}&press={press}",
            input(page.text(), "token"),
            input(page.text(), "id")
        );
        let answer = person.post("/press", FORM, &body);
        assert_eq!(
            (answer.status, header(&answer.head, "location")),
            (303, Some(format!("/?said={press}").as_str()))
        );
        let answer = client.response().unwrap();
        if press == "decline" {
            assert!(!answer.verdict().0);
        } else {
            assert_eq!(answer.signature().len(), 64);
        }
        assert!(tenant.waiting().is_empty());

        // A second press has no effect.
        let answer = person.post("/press", FORM, &body);
        assert_eq!(header(&answer.head, "location"), Some("/?said=too-late"));
    }
    assert!(
        person
            .get("/?said=too-late")
            .text()
            .contains("role=\"status\">That request does not wait any more.<")
    );
    assert!(!person.get("/?said=%3Cb%3E").text().contains("<b>"));
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
    assert!(tenant.wait_for_waiting(1, TIMEOUT));
    let waiting = tenant.waiting().remove(0);
    assert_eq!(
        (waiting.account.as_str(), waiting.phone.as_str()),
        ("page@acme.example", "Pixel 8")
    );
    assert!(tenant.answer(waiting.id, Press::Authorize));
    assert!(!tenant.answer(waiting.id, Press::Authorize));
    assert_eq!(client.response().unwrap().signature().len(), 384);
    drop(key);
}

#[test]
fn what_the_client_sends_is_escaped() {
    let (tenant, key) = start();
    let mut client = Client::new(&tenant);
    client.send_sign("page", &key);
    assert!(tenant.wait_for_waiting(1, TIMEOUT));
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
fn a_code_stands_out() {
    let (tenant, key) = start();
    for (text, html) in [
        (
            "From <b>. Code: 482913",
            "<bdi>From &lt;b&gt;. Code: <strong class=\"code\"><span>482</span><span>913</span></strong></bdi>",
        ),
        (
            "Code: 4821 & more",
            "<bdi>Code: <strong class=\"code\">4821</strong> &amp; more</bdi>",
        ),
        (
            "\u{e9}Code: 111111 Code: 4821",
            "<bdi>\u{e9}Code: <strong class=\"code\"><span>111</span><span>111</span></strong> \
             Code: <strong class=\"code\">4821</strong></bdi>",
        ),
        ("Code: 48213", "<bdi>Code: 48213</bdi>"),
        ("Code: 1234567 <i>", "<bdi>Code: 1234567 &lt;i&gt;</bdi>"),
        ("Code: <b>1234", "<bdi>Code: &lt;b&gt;1234</bdi>"),
    ] {
        let mut client = Client::new(&tenant);
        client.send_post(SIGN, FORM, &form_asking(text, "page", &key));
        assert!(tenant.wait_for_waiting(1, TIMEOUT));
        let page = Client::new(&tenant).get("/");
        assert!(page.text().contains(html), "{html} in {}", page.text());
        drop(client);
        assert!(tenant.wait_for_waiting(0, TIMEOUT));
    }
}

#[test]
fn the_state_names_the_phone_the_question_and_the_code() {
    let (tenant, key) = start();
    for (text, code) in [("<b> Code: 482913", json!("482913")), ("?", json!(null))] {
        let mut client = Client::new(&tenant);
        client.send_post(SIGN, FORM, &form_asking(text, "page", &key));
        assert!(tenant.wait_for_waiting(1, TIMEOUT));
        let state = Client::new(&tenant).get("/waiting").json();
        let request = &state["requests"][0];
        let seen = ["account", "phone", "text", "code"].map(|name| request[name].clone());
        assert_eq!(seen, [json!("page"), json!("Pixel 8"), json!(text), code]);
        drop(client);
        assert!(tenant.wait_for_waiting(0, TIMEOUT));
    }
}

#[test]
fn a_press_without_the_token_is_ignored() {
    let (tenant, key) = start();
    let mut client = Client::new(&tenant);
    client.send_sign("page", &key);
    assert!(tenant.wait_for_waiting(1, TIMEOUT));
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
fn the_script_is_told_of_changes_at_once() {
    let (tenant, key) = start();
    let mut person = Client::new(&tenant);
    let before = person.get("/waiting").json();
    assert_eq!(before["requests"], json!([]));

    // The answer waits for a change.
    person.send_get(&format!("/waiting?after={}", before["version"]));
    person.timeout(MOMENT);
    assert!(person.response().is_err());
    person.timeout(TIMEOUT);
    let mut client = Client::new(&tenant);
    client.send_sign("page", &key);
    let during = person.response().unwrap().json();
    let request = &during["requests"][0];
    assert!(request["html"].as_str().unwrap().contains("Let it"));
    assert_eq!(
        request["news"],
        "New request for page on Pixel 8: May a test log in? <b>&\"'"
    );

    person.send_get(&format!("/waiting?after={}", during["version"]));
    drop(client);
    let after = person.response().unwrap().json();
    assert_eq!(
        (&after["requests"], &after["nav"]),
        (&before["requests"], &before["nav"])
    );
    // A page that has missed a change is told at once.
    person.get(&format!("/waiting?after={}", during["version"]));
}

#[test]
fn a_press_by_the_script_stays_on_the_page() {
    let (tenant, key) = start();
    let mut client = Client::new(&tenant);
    client.send_sign("page", &key);
    assert!(tenant.wait_for_waiting(1, TIMEOUT));
    let mut person = Client::new(&tenant);
    let token = person.get("/waiting").json()["token"].clone();
    let body = format!("token={}&id=1&press=decline", token.as_str().unwrap());
    let mut press = || {
        person.send(&format!(
            "POST /press HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\
             Content-Type: {FORM}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        person.response().unwrap()
    };
    let answer = press();
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({ "said": "Declined." }))
    );
    assert!(!client.response().unwrap().verdict().0);
    assert_eq!(
        press().json()["said"],
        "That request does not wait any more."
    );
}

#[test]
fn each_phone_can_have_a_page_of_its_own() {
    let accounts = ["lee & co", "kim"].map(|name| {
        Account::new(name)
            .phones(["Pixel 8", "Tablet"].map(|phone| Phone::new(phone, KeyType::Ed25519)))
            .reaction(Reaction::Page)
    });
    let tenant = Tenant::start(Options {
        accounts: accounts.iter().cloned().collect(),
        ..Options::default()
    })
    .unwrap();
    let mut clients = Vec::new();
    for account in &accounts {
        for key in account.public_keys() {
            let mut client = Client::new(&tenant);
            client.send_sign(&account.name, &key);
            clients.push(client);
        }
    }
    assert!(tenant.wait_for_waiting(4, TIMEOUT));
    let mut person = Client::new(&tenant);
    let page = person.get("/");
    assert_eq!(page.text().matches("<section").count(), 4);
    assert!(
        page.text().contains("All phones <strong>4</strong>"),
        "{}",
        page.text()
    );

    let own = "/?account=lee+%26+co&phone=Pixel+8";
    let link = own.replace('&', "&amp;");
    assert!(page.text().contains(&format!("<a href=\"{link}\">")));
    let page = person.get(own);
    assert_eq!(page.text().matches("<section").count(), 1);
    assert!(
        page.text()
            .contains("<h1 id=\"top\" tabindex=\"-1\"><bdi>Pixel 8 of lee &amp; co</bdi>")
    );
    assert!(
        page.text()
            .contains(&format!("<a href=\"{link}\" aria-current=\"page\">"))
    );
    let changes = person.get(&own.replacen('/', "/waiting", 1)).json();
    assert_eq!(changes["requests"].as_array().unwrap().len(), 1);

    // Without the script, a press leads back to the same phone.
    let body = format!(
        "token={}&id={}&press=decline&back={}",
        input(page.text(), "token"),
        input(page.text(), "id"),
        own.replace('%', "%25")
            .replace('&', "%26")
            .replace('+', "%2B"),
    );
    assert_eq!(input(page.text(), "back"), link);
    let answer = person.post("/press", FORM, &body);
    assert_eq!(
        header(&answer.head, "location"),
        Some(format!("{own}&said=decline").as_str())
    );
    // A press leads only to pages of this site.
    for elsewhere in ["https%3A%2F%2Felsewhere.example", "//elsewhere.example"] {
        let token = input(page.text(), "token");
        let body = format!("token={token}&id=9&press=decline&back={elsewhere}");
        let answer = person.post("/press", FORM, &body);
        assert_eq!(header(&answer.head, "location"), Some("/?said=too-late"));
    }
}

#[test]
fn script_and_style_are_served() {
    let (tenant, _) = start();
    let mut person = Client::new(&tenant);
    let page = person.get("/");
    for (path, kind) in [
        ("/page.css", "text/css"),
        ("/phones.js", "text/javascript"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        assert!(page.text().contains(path));
        let answer = person.get(path);
        assert_eq!(
            (answer.status, header(&answer.head, "content-type")),
            (200, Some(kind))
        );
    }
}
