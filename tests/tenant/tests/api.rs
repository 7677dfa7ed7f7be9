//! The JSON API, with which a test in any language plays the user.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Client, FORM, MOMENT, SIGN, TIMEOUT, form, form_asking, header, key_path};
use serde_json::{Value, json};
use tenant::{Options, PublicKey, Tenant};

const API_JSON: &str = "application/json";

fn start() -> (Tenant, PublicKey) {
    let tenant = Tenant::start(Options::default()).unwrap();
    let key = tenant.account("page").unwrap().public_keys().remove(0);
    (tenant, key)
}

/// A client whose sign request waits for a user.
fn ring(tenant: &Tenant, key: &PublicKey) -> Client {
    let one_more = tenant.waiting().len().saturating_add(1);
    let mut client = Client::new(tenant);
    client.send_sign("page", key);
    assert!(tenant.wait_for_waiting(one_more, TIMEOUT));
    client
}

fn post(api: &mut Client, path: &str, body: &Value) -> (u16, Value) {
    let answer = api.post(path, API_JSON, &body.to_string());
    (answer.status, answer.json())
}

fn get(api: &mut Client, path: &str) -> (u16, Value) {
    let answer = api.get(path);
    assert_eq!(header(&answer.head, "content-type"), Some(API_JSON));
    (answer.status, answer.json())
}

#[test]
fn a_request_can_be_listed_and_answered() {
    let (tenant, key) = start();
    let mut api = Client::new(&tenant);
    let none = json!({ "requests": [] });
    for (nth, press) in ["approve", "decline", "wrong-key"].iter().enumerate() {
        let id = nth + 1;
        let mut client = ring(&tenant, &key);
        let mut request = json!({
            "id": id,
            "state": "waiting",
            "account": "page",
            "phone": "Pixel 8",
            "text": "May a test log in? <b>&\"'",
            "code": null,
            "remoteName": "A <test>",
            "authorizeText": "Let it",
            "fingerprint": key.fingerprint(),
            "flags": 0,
            "problem": null,
        });
        let list = get(&mut api, "/api/v1/requests");
        assert_eq!(list, (200, json!({ "requests": [request] })));
        request["state"] = json!(press);
        let path = format!("/api/v1/requests/{id}/{press}");
        assert_eq!(post(&mut api, &path, &json!({})), (200, request.clone()));
        let answer = client.response().unwrap();
        if *press == "decline" {
            assert!(!answer.verdict().0);
        } else {
            assert_eq!(answer.signature().len(), 64);
        }
        assert_eq!(get(&mut api, "/api/v1/requests"), (200, none.clone()));
        let one = get(&mut api, &format!("/api/v1/requests/{id}"));
        assert_eq!(one, (200, request));
        let (status, late) = post(&mut api, &path, &json!({}));
        assert_eq!(status, 409);
        assert_eq!(
            late["error"],
            format!("Request {id} does not wait for an answer: its state is {press:?}.")
        );
    }
}

#[test]
fn the_state_of_every_request_is_told() {
    let (tenant, key) = start();
    let mut api = Client::new(&tenant);
    let asking = |text: &str| form_asking(text, "page", &key);
    let gone = ring(&tenant, &key);
    drop(gone);
    assert!(tenant.wait_for_waiting(0, TIMEOUT));
    let mut client = Client::new(&tenant);
    client.sign(
        "decline",
        &tenant.account("decline").unwrap().public_keys()[0],
    );
    client.sign("page@elsewhere", &key);
    let mut waits = Client::new(&tenant);
    waits.send_post(SIGN, FORM, &asking("Code: 482913"));
    assert!(tenant.wait_for_waiting(1, TIMEOUT));
    let (_, list) = get(&mut api, "/api/v1/requests?state=all");
    let requests = list["requests"].as_array().unwrap();
    let states: Vec<_> = requests.iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["gone", "decline", "invalid", "waiting"]);
    assert_eq!(requests[3]["code"], "482913");
    let problem = requests[2]["problem"].as_str().unwrap();
    assert!(problem.contains("is no key of"), "{problem}");
    assert_eq!(requests[2]["phone"], Value::Null);
    for (query, ids) in [
        ("state=all&after=2", vec![3, 4]),
        ("state=all&account=decline", vec![2]),
        ("account=decline", vec![]),
        ("account=page", vec![4]),
        ("after=4", vec![]),
    ] {
        let (_, list) = get(&mut api, &format!("/api/v1/requests?{query}"));
        let requests = list["requests"].as_array().unwrap();
        let found: Vec<_> = requests
            .iter()
            .map(|one| one["id"].as_u64().unwrap())
            .collect();
        assert_eq!(found, ids, "{query}");
    }
}

#[test]
fn a_list_waits_for_a_request() {
    let (tenant, key) = start();
    let mut api = Client::new(&tenant);
    assert_eq!(
        get(&mut api, "/api/v1/requests?wait=1"),
        (200, json!({ "requests": [] }))
    );
    api.send_get("/api/v1/requests?wait=60&account=page");
    api.timeout(MOMENT);
    assert!(api.response().is_err());
    api.timeout(TIMEOUT);
    let _client = ring(&tenant, &key);
    let list = api.response().unwrap().json();
    assert_eq!(list["requests"][0]["account"], "page");

    let mut log = Client::new(&tenant);
    let (_, lines) = get(&mut log, "/api/v1/log");
    let newest = lines["lines"].as_array().unwrap().last().unwrap();
    let number = newest["number"].as_u64().unwrap();
    log.send_get(&format!("/api/v1/log?after={number}&wait=60"));
    log.timeout(MOMENT);
    assert!(log.response().is_err());
    log.timeout(TIMEOUT);
    Client::new(&tenant).get(&key_path("approve"));
    let lines = log.response().unwrap().json();
    let lines = lines["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["number"], number.saturating_add(1));
    let text = lines[0]["text"].as_str().unwrap();
    assert!(
        text.ends_with("GET keys account=\"approve\" list=normal -> 200"),
        "{text}"
    );
    let time = lines[0]["time"].as_str().unwrap();
    assert!(
        time.len() == 24 && time.contains('T') && time.ends_with('Z'),
        "{time}"
    );
}

#[test]
fn a_reset_forgets_all_and_ends_what_waits() {
    let (tenant, key) = start();
    let mut api = Client::new(&tenant);
    let page = json!({ "name": "lee@logonbox.com", "phone": "page" });
    post(&mut api, "/api/v1/accounts", &page);
    let mut client = ring(&tenant, &key);
    assert_eq!(
        post(&mut api, "/api/v1/reset", &json!({})),
        (200, json!({}))
    );
    let (approved, reason) = client.response().unwrap().verdict();
    assert!(!approved && reason.contains("not be reached"), "{reason}");
    assert_eq!(
        get(&mut api, "/api/v1/requests?state=all"),
        (200, json!({ "requests": [] }))
    );
    let (_, log) = get(&mut api, "/api/v1/log");
    let lines = log["lines"].to_string();
    assert!(!lines.contains("/api/v1/accounts"), "{lines}");
    assert!(tenant.account("lee@logonbox.com").is_none());
    // A late answer does not reach a new request.
    let _next = ring(&tenant, &key);
    assert_eq!(tenant.waiting()[0].id, 2);
    assert_eq!(
        post(&mut api, "/api/v1/requests/1/approve", &json!({})).0,
        404
    );
}

#[test]
fn an_account_can_be_defined() {
    let (tenant, _) = start();
    let mut api = Client::new(&tenant);
    let lee = json!({
        "name": "lee@logonbox.com",
        "phones": [{ "name": "Lee's phone", "key": "ed25519" }],
        "phone": "page",
    });
    let path = "/api/v1/accounts";
    let done = (200, json!({ "name": "lee@logonbox.com" }));
    assert_eq!(post(&mut api, path, &lee), done);
    let key = tenant
        .account("lee@logonbox.com")
        .unwrap()
        .public_keys()
        .remove(0);
    let mut client = Client::new(&tenant);
    let list = client.get(&key_path("lee@logonbox.com"));
    assert!(list.text().contains("Lee's phone"), "{}", list.text());
    client.send_post(SIGN, FORM, &form("lee@logonbox.com", &key));
    assert!(tenant.wait_for_waiting(1, TIMEOUT));
    assert_eq!(tenant.waiting()[0].phone, "Lee's phone");
    let page = api.get("/?account=lee%40logonbox.com&phone=Lee%27s+phone");
    assert!(!page.text().contains("waits for nobody"), "{}", page.text());

    let declines = json!({ "name": "lee@logonbox.com", "phone": "decline" });
    assert_eq!(post(&mut api, path, &declines), done);
    let key = tenant
        .account("lee@logonbox.com")
        .unwrap()
        .public_keys()
        .remove(0);
    assert!(
        !Client::new(&tenant)
            .sign("lee@logonbox.com", &key)
            .verdict()
            .0
    );

    for (account, why) in [
        (json!({ "name": "a", "phone": "aprove" }), "`aprove`"),
        (json!({ "name": "a", "fone": "approve" }), "`fone`"),
        (json!([]), "The body is no account"),
        (
            json!({ "name": "a", "phones": vec![json!({ "name": "p" }); 17] }),
            "at most 16 phones",
        ),
    ] {
        let (status, answer) = post(&mut api, path, &account);
        let error = answer["error"].as_str().unwrap();
        assert!(status == 400 && error.contains(why), "{status} {error}");
    }
    for nth in 1..=1000 {
        let (status, answer) = post(&mut api, path, &json!({ "name": nth.to_string() }));
        let full = nth == 1000;
        assert_eq!(status, if full { 409 } else { 200 }, "{nth}: {answer}");
    }
}

#[test]
fn a_page_of_another_site_cannot_answer() {
    let (tenant, key) = start();
    let _client = ring(&tenant, &key);
    let mut api = Client::new(&tenant);
    for sent in [
        "Origin: https://elsewhere.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
    ] {
        for path in ["requests/1/approve", "reset", "accounts"] {
            api.send(&format!(
                "POST /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\n{sent}\r\nContent-Length: 0\r\n\r\n"
            ));
            let answer = api.response().unwrap();
            assert_eq!(answer.status, 403, "{path} {sent}");
            assert!(answer.json()["error"].is_string());
        }
    }
    assert_eq!(tenant.waiting().len(), 1);
    // No page may read an answer, either.
    api.send("GET /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nOrigin: https://elsewhere.example\r\n\r\n");
    let answer = api.response().unwrap();
    assert_eq!(header(&answer.head, "access-control-allow-origin"), None);
}

#[test]
fn a_wrong_call_is_explained() {
    let (tenant, _) = start();
    let mut api = Client::new(&tenant);
    for (path, status, why) in [
        (
            "/api/v1/requests?wait=61",
            400,
            "wait is a number of seconds up to 60.",
        ),
        (
            "/api/v1/requests?wait=-1",
            400,
            "wait is a whole number, not \"-1\".",
        ),
        (
            "/api/v1/requests?state=new",
            400,
            "state is waiting or all, not \"new\".",
        ),
        (
            "/api/v1/requests?acount=page",
            400,
            "The query has \"acount\"; this path knows account, after, state, wait.",
        ),
        (
            "/api/v1/requests/1?wait=1",
            400,
            "The query has \"wait\"; this path knows none.",
        ),
        ("/api/v1/requests/1", 404, "There is no request \"1\"."),
        ("/api/v1/requests/one", 404, "There is no request \"one\"."),
        ("/api/v1/request", 404, "There is no /api/v1/request."),
        ("/api/v2/requests", 404, "There is no /api/v2/requests."),
        ("/api/v1/reset", 405, "This path takes POST alone."),
        (
            "/api/v1/requests/1/approve",
            405,
            "This path takes POST alone.",
        ),
    ] {
        assert_eq!(
            get(&mut api, path),
            (status, json!({ "error": why })),
            "{path}"
        );
    }
    let answer = api.post("/api/v1/requests", API_JSON, "");
    assert_eq!(answer.status, 405);
    assert_eq!(header(&answer.head, "allow"), Some("GET"));
    let (status, _) = post(&mut api, "/api/v1/requests/9/approve", &json!({}));
    assert_eq!(status, 404);
    // Until the limit, the body is read.
    let long = json!({ "name": "a".repeat(1 << 20) });
    let (status, answer) = post(&mut Client::new(&tenant), "/api/v1/accounts", &long);
    let error = answer["error"].as_str().unwrap();
    assert!(
        status == 400 && error.starts_with("The body cannot be read"),
        "{error}"
    );
}

#[test]
fn the_ca_can_be_fetched() {
    let (tenant, _) = start();
    let answer = Client::new(&tenant).get("/api/v1/ca");
    assert_eq!(answer.text(), tenant.ca_pem());
}

#[test]
fn old_requests_make_room() {
    let tenant = Tenant::start(Options {
        history: Some(3),
        ..Options::default()
    })
    .unwrap();
    let key = tenant.account("approve").unwrap().public_keys().remove(0);
    let mut client = Client::new(&tenant);
    for _ in 0..5 {
        client.get(&key_path("approve"));
        client.sign("approve", &key);
    }
    let mut api = Client::new(&tenant);
    let (_, list) = get(&mut api, "/api/v1/requests?state=all");
    let requests = list["requests"].as_array().unwrap();
    let ids: Vec<_> = requests
        .iter()
        .map(|one| one["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [3, 4, 5]);
    let (_, log) = get(&mut api, "/api/v1/log");
    assert_eq!(log["lines"].as_array().unwrap().len(), 3);
    assert_eq!(log["lines"][2]["number"], 10);
    assert_eq!(
        (tenant.key_requests().len(), tenant.requests().len()),
        (3, 3)
    );
}
