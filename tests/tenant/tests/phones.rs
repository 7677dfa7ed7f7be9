//! The phones' answers to sign requests.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

mod common;

use std::time::{Duration, Instant};

use common::{Client, FORM, PAYLOAD, SIGN, form, form_asking, form_with, header, key_path};
use ed25519_dalek::{Signature, VerifyingKey};
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use tenant::{Accounts, Options, Press, PublicKey, Reaction, Tenant};

fn start() -> Tenant {
    Tenant::start(Options::default()).unwrap()
}

fn first_key(tenant: &Tenant, account: &str) -> PublicKey {
    tenant.account(account).unwrap().public_keys().remove(0)
}

fn sign(tenant: &Tenant, account: &str) -> common::Response {
    Client::new(tenant).sign(account, &first_key(tenant, account))
}

fn ed25519_verifies(key: &PublicKey, payload: &[u8], signature: &[u8]) -> bool {
    let key = VerifyingKey::from_bytes(key.blob[19..].try_into().unwrap()).unwrap();
    let signature = Signature::from_slice(signature).unwrap();
    key.verify_strict(payload, &signature).is_ok()
}

fn rsa_verifies(key: &PublicKey, hash: u32, payload: &[u8], signature: &[u8]) -> bool {
    let number = BigUint::from_bytes_be;
    let key = RsaPublicKey::new(number(&key.blob[22..]), number(&key.blob[15..18])).unwrap();
    match hash {
        4 => key.verify(
            Pkcs1v15Sign::new::<Sha512>(),
            &Sha512::digest(payload),
            signature,
        ),
        2 => key.verify(
            Pkcs1v15Sign::new::<Sha256>(),
            &Sha256::digest(payload),
            signature,
        ),
        _ => key.verify(
            Pkcs1v15Sign::new::<Sha1>(),
            &Sha1::digest(payload),
            signature,
        ),
    }
    .is_ok()
}

#[test]
fn approve_signs_with_the_key_that_was_asked_for() {
    let tenant = start();
    let keys = tenant.account("approve").unwrap().public_keys();
    let mut client = Client::new(&tenant);
    let answer = client.sign("approve", &keys[0]);
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert_eq!(
        (&json["success"], &json["message"], &json["response"]),
        (&true.into(), &"".into(), &"".into())
    );
    assert_eq!(json.as_object().unwrap().len(), 4);
    assert!(!json["signature"].as_str().unwrap().contains('='));
    assert!(ed25519_verifies(&keys[0], &PAYLOAD, &answer.signature()));

    for flags in [0, 2, 4] {
        let body = form_with("approve", &keys[1].fingerprint(), flags, b"short");
        let signature = client.post(SIGN, FORM, &body).signature();
        assert!(
            rsa_verifies(&keys[1], flags, b"short", &signature),
            "flags {flags}"
        );
    }

    let seen = tenant.sign_requests();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0].username, "approve");
    assert_eq!(seen[0].fingerprint, keys[0].fingerprint());
    assert_eq!(seen[0].remote_name, "A <test>");
    assert_eq!(seen[0].text, "May a test log in? <b>&\"'");
    assert_eq!(seen[0].authorize_text, "Let it");
    assert_eq!((seen[0].flags, seen[3].flags), (0, 4));
    assert_eq!(seen[0].payload, PAYLOAD);
    assert_eq!(seen[0].problem, None);
    assert_eq!((seen[0].connection, seen[3].connection), (1, 1));
    assert!(seen[0].at < seen[3].at);
}

#[test]
fn both_keys_of_a_phone_ring_that_phone() {
    let tenant = start();
    for (key, length) in tenant
        .account("page")
        .unwrap()
        .public_keys()
        .iter()
        .zip([64, 384])
    {
        let mut client = Client::new(&tenant);
        client.send_sign("page", key);
        assert!(tenant.wait_for_waiting(1, common::TIMEOUT));
        let waiting = tenant.waiting().remove(0);
        assert_eq!(waiting.phone, "Pixel 8");
        assert!(tenant.answer(waiting.id, Press::Authorize));
        let signature = client.response().unwrap().signature();
        assert_eq!(signature.len(), length);
        if length == 384 {
            assert!(rsa_verifies(key, 4, &PAYLOAD, &signature));
        } else {
            assert!(ed25519_verifies(key, &PAYLOAD, &signature));
        }
    }
}

/// A signature of another length would be refused for the wrong reason.
#[test]
fn a_wrong_key_is_as_long_as_the_right_one() {
    let tenant = start();
    for key in tenant.account("wrong-key").unwrap().public_keys() {
        let signature = Client::new(&tenant).sign("wrong-key", &key).signature();
        if key.algorithm == "ssh-rsa" {
            assert_eq!(signature.len(), 384);
            assert!(!rsa_verifies(&key, 4, &PAYLOAD, &signature));
        } else {
            assert!(!ed25519_verifies(&key, &PAYLOAD, &signature));
        }
    }
}

#[test]
fn the_connection_ends_while_the_phone_rings() {
    let think = Duration::from_millis(300);
    let tenant = Tenant::start(Options {
        accounts: Accounts::scenarios(think),
        ..Options::default()
    })
    .unwrap();
    let begun = Instant::now();
    let mut client = Client::new(&tenant);
    client.send_sign("hang-up", &first_key(&tenant, "hang-up"));
    assert!(client.rest().unwrap().is_empty());
    assert!(begun.elapsed() >= think);
    assert_eq!(tenant.sign_requests().len(), 1);
}

#[test]
fn a_test_reads_the_code_from_the_phone() {
    let tenant = start();
    let key = first_key(&tenant, "page");
    for (text, code) in [
        (
            "lee wants to log in from 192.0.2.7. Code: 482913",
            Some("482913"),
        ),
        ("Code: 4821", Some("4821")),
        ("Code: 4821, for lee", Some("4821")),
        // The host's own code is the last one.
        ("from Code: 111111. Code: 482913", Some("482913")),
        ("Code: 48213", None),
        ("Code: 1234567", None),
        ("Code:482913", None),
        ("code: 482913", None),
        ("Code: 482 913", None),
        ("Code: \u{661}\u{662}\u{663}\u{664}", None),
        ("", None),
    ] {
        let mut client = Client::new(&tenant);
        client.send_post(SIGN, FORM, &form_asking(text, "page", &key));
        assert!(tenant.wait_for_waiting(1, common::TIMEOUT));
        let waiting = tenant.waiting().remove(0);
        assert_eq!(waiting.text, text);
        assert_eq!(waiting.code().as_deref(), code, "{text}");
        assert_eq!(
            tenant.sign_requests().last().unwrap().code().as_deref(),
            code
        );
        assert!(tenant.answer(waiting.id, Press::Decline));
        client.response().unwrap();
    }
}

#[test]
fn the_person_takes_time() {
    let think = Duration::from_millis(300);
    let accounts = Accounts::scenarios(think);
    let tenant = Tenant::start(Options {
        accounts,
        ..Options::default()
    })
    .unwrap();
    let begun = Instant::now();
    assert_eq!(sign(&tenant, "approve").status, 200);
    assert!(begun.elapsed() >= think);
}

#[test]
fn no_signature() {
    let tenant = start();
    let (yes, reason) = sign(&tenant, "decline").verdict();
    let declined = "The keystore rejected the signature request.";
    assert!(!yes && reason == declined, "{reason}");
    let (yes, reason) = sign(&tenant, "unreachable").verdict();
    let failed = "The device could not be reached.";
    assert!(!yes && reason == failed, "{reason}");
    assert_eq!(sign(&tenant, "decline").json()["signature"], "");
    let json = sign(&tenant, "refuse").json();
    assert_eq!(json["success"], false);
    assert!(!json["message"].as_str().unwrap().is_empty());
    assert!(sign(&tenant, "yes-without-signature").verdict().0);
    assert_eq!(sign(&tenant, "missing-fields").text(), "{}");
    let json = sign(&tenant, "empty").json();
    assert_eq!(
        (&json["success"], &json["signature"], &json["response"]),
        (&true.into(), &"".into(), &"".into())
    );
    let (yes, reason) = sign(&tenant, "hostile-reason").verdict();
    assert!(
        !yes && reason.len() > 99_000 && reason.contains('\u{1b}') && reason.contains('\u{202e}')
    );
}

#[test]
fn wrong_signatures() {
    let tenant = start();
    for (scenario, length) in [
        ("wrong-key", 64),
        ("wrong-payload", 64),
        ("zeros", 64),
        ("random", 64),
    ] {
        let signature = sign(&tenant, scenario).signature();
        assert_eq!(signature.len(), length, "{scenario}");
        assert!(
            !ed25519_verifies(&first_key(&tenant, scenario), &PAYLOAD, &signature),
            "{scenario}"
        );
    }
    for (scenario, length) in [
        ("wrong-key.rsa", 256),
        ("wrong-payload.rsa", 256),
        ("zeros.rsa", 256),
        ("random.rsa", 256),
        ("sha1", 256),
    ] {
        let signature = sign(&tenant, scenario).signature();
        assert_eq!(signature.len(), length, "{scenario}");
        assert!(
            !rsa_verifies(&first_key(&tenant, scenario), 4, &PAYLOAD, &signature),
            "{scenario}"
        );
    }
    let signature = sign(&tenant, "sha1").signature();
    assert!(rsa_verifies(
        &first_key(&tenant, "sha1"),
        0,
        &PAYLOAD,
        &signature
    ));
    let signature = sign(&tenant, "sha1.ed25519").signature();
    let key = first_key(&tenant, "sha1.ed25519");
    assert!(ed25519_verifies(&key, &PAYLOAD, &signature));

    assert_eq!(sign(&tenant, "truncated").signature().len(), 63);
    let signature = sign(&tenant, "long").signature();
    assert!(
        ed25519_verifies(&first_key(&tenant, "long"), &PAYLOAD, &signature[..64])
            && signature.len() > 64
    );
}

#[test]
fn right_signatures_in_other_encodings() {
    let tenant = start();
    let json = sign(&tenant, "padded").json();
    assert!(json["signature"].as_str().unwrap().ends_with("=="));
}

#[test]
fn weak_keys_and_small_keys_are_signed_with() {
    let tenant = start();
    let key = first_key(&tenant, "keys-weak-ed25519");
    let signature = sign(&tenant, "keys-weak-ed25519").signature();
    let lax = VerifyingKey::from_bytes(key.blob[19..].try_into().unwrap()).unwrap();
    let parsed = Signature::from_slice(&signature).unwrap();
    assert!(ed25519_dalek::Verifier::verify(&lax, &PAYLOAD, &parsed).is_ok());
    assert!(!ed25519_verifies(&key, &PAYLOAD, &signature));
    assert_eq!(sign(&tenant, "keys-rsa-1024").signature().len(), 128);
}

#[test]
fn error_pages_in_place_of_an_answer() {
    let tenant = start();
    assert_eq!(sign(&tenant, "not-found").status, 404);
    assert_eq!(sign(&tenant, "error-500").status, 500);
    assert_eq!(sign(&tenant, "bad-gateway-502").status, 502);
    assert_eq!(sign(&tenant, "unavailable-503").status, 503);
    assert_eq!(sign(&tenant, "gateway-timeout-504").status, 504);
    let busy = sign(&tenant, "too-many-429");
    assert_eq!(
        (busy.status, header(&busy.head, "retry-after")),
        (429, Some("60"))
    );
    assert!(sign(&tenant, "html").text().starts_with("<!doctype html>"));
    let away = sign(&tenant, "redirect");
    assert_eq!(
        (away.status, header(&away.head, "location")),
        (302, Some("/elsewhere"))
    );
    let answer = sign(&tenant, "not-json");
    assert_eq!(
        header(&answer.head, "content-type"),
        Some("application/json")
    );
    assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());

    let send = |account: &str| {
        let mut client = Client::new(&tenant);
        client.send_sign(account, &first_key(&tenant, account));
        client
    };
    assert!(send("hang-up").rest().unwrap().is_empty());
    let mut client = send("cut");
    let promised: usize = header(&client.head().unwrap(), "content-length")
        .unwrap()
        .parse()
        .unwrap();
    let body = client.rest().unwrap();
    assert_eq!(promised, body.len() + 100);
    assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());

    let mut client = send("endless");
    client.head().unwrap();
    let body = client.some(3_000_000).unwrap();
    assert!(body.windows(14).any(|part| part == b"\"success\":true"));
    let mut client = send("drip");
    client.head().unwrap();
    assert_eq!(client.some(12).unwrap(), b"1\r\n{\r\n1\r\n\"\r\n");

    let client = &mut send("never");
    assert!(tenant.wait_for(common::TIMEOUT, |seen| {
        seen.sign_requests.iter().any(|one| one.username == "never")
    }));
    client.timeout(common::MOMENT);
    assert!(client.head().is_err());
}

#[test]
fn an_abandoned_request_is_noticed() {
    let tenant = start();
    let mut client = Client::new(&tenant);
    client.send_sign("never", &first_key(&tenant, "never"));
    assert!(tenant.wait_for_sign_requests(1, common::TIMEOUT));
    drop(client);
    assert!(
        tenant.wait_for(common::TIMEOUT, |seen| seen.abandoned == [1]
            && seen.open == 0)
    );
}

#[test]
fn bad_forms_are_refused_with_a_reason() {
    let tenant = start();
    let key = first_key(&tenant, "approve");
    let good = form("approve", &key);
    let mut client = Client::new(&tenant);
    let mut refused = |content_type: &str, body: &str, why: &str| {
        let answer = client.post(SIGN, content_type, body);
        let json = answer.json();
        assert_eq!((answer.status, &json["success"]), (200, &false.into()));
        assert!(json["message"].as_str().unwrap().contains(why), "{json}");
        assert_eq!(
            tenant.sign_requests().last().unwrap().problem.as_deref(),
            json["message"].as_str()
        );
    };
    refused("application/json", &good, "content type");
    refused(
        FORM,
        &good.replace("remoteName", "remotename"),
        "`remoteName` is missing",
    );
    refused(FORM, &good.replace("flags=0", "flags=x"), "not a number");
    refused(FORM, &good.replace("flags=0", "flags=4"), "do not go with");
    refused(FORM, &good.replace("payload=", "payload=!"), "base64url");
    refused(FORM, &good.replace("=approve", "=nobody"), "no account");
    refused(FORM, &good.replace("=approve", "=decline"), "no key of");
    refused(FORM, "", "missing");
}

#[test]
fn other_methods_and_paths() {
    let tenant = start();
    let mut client = Client::new(&tenant);
    assert_eq!(client.get(SIGN).status, 405);
    assert_eq!(client.post(&key_path("approve"), FORM, "").status, 405);
    assert_eq!(client.get("/nothing/here").status, 404);
    assert!(tenant.sign_requests().is_empty());
}

#[test]
fn the_tenant_can_be_probed_without_an_account() {
    let tenant = start();
    let mut client = Client::new(&tenant);
    let discovered = client.get("/discover");
    assert_eq!(discovered.status, 200);
    assert_eq!(
        header(&discovered.head, "content-type"),
        Some("application/json")
    );
    let json = discovered.json();
    assert_eq!(json["basePath"], "/app");
    assert!(!json["version"].as_str().unwrap().is_empty());
    assert_eq!(client.get("/app/api/server/ping").status, 200);
    for path in ["/discover", "/app/api/server/ping"] {
        assert_eq!(client.post(path, FORM, "").status, 405, "{path}");
    }
    assert!(tenant.key_requests().is_empty());
}

#[test]
fn every_reaction_is_an_account() {
    let accounts = Accounts::default();
    for reaction in Reaction::ALL {
        assert_eq!(
            accounts
                .find(&format!("{reaction}@acme.example"))
                .unwrap()
                .reaction,
            *reaction
        );
    }
    for bad in [
        "",
        "@acme.example",
        "approve.decline",
        "approve.",
        "keys-nothing",
        "keys-crlf.keys-none",
        "Approve",
    ] {
        assert!(accounts.find(bad).is_none(), "{bad}");
    }
}
