//! The key list, good and bad.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Client, header, key_path};
use tenant::{
    Account, Accounts, KeyType, Listing, Options, Phone, Tenant, ed25519_blob, fingerprint,
    rsa_blob,
};

/// A list that the public clients accept, and the result.
const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrIwtSbFr9oRTZNHJfaWcHH7xYKeCRJx8O3N+7+";
const ED25519_FINGERPRINT: &str = "SHA256:HJmwFN7kuX0rZzPGi+4kqO2ftzQ1DAN5BwqW6B3d2AE";
const RSA: &str = "AAAAB3NzaC1yc2EAAAADAQABAAABgQDbu8Ihw4x/B6+V/1W7IRNb08cF7VoAm/4kdwi8ltnu7VrfKxXt6zeKg/x27MkJoy8ei051f797iamoPrNPdrh3E6nfRJoZda9ybqoOFFxunkk5ezT1V/Ai57iZunLyYxmDJfAdz3Ul8jTbMVjQusFV8rCacLBRa9t+hc5cErKcsRqYvVEpHuJYRnsApLBpW6bdqZ+jXiiRe17KW/aWq530ZlbsNhyN0jHalWpOxOiuFELVsO+TUGborY4wekyhwe5AWi29tqKj2p67ApFUDv6x8Y71pYLxfF4XrDD8ydGgFRES3sa+IogaTqN/PZgfamKQ+3DNW/SKpxdc0jzlBtX0V+E3q49a6t8k9277YnkDkTSFUYCUepPX5+Kjs4X0+dFTOFhO9fOCm7WDOesW6UPN0NIpndDUSY5654B8qqzW57/Nw7AQOVwzSvqrhP6yJS7qL2uZ8rN4UrjD4IY9T3QirZmq3ZBAeCuAdZ4+mcPgcv4eoXBQqGcC14J4q0MZrFs=";
const RSA_FINGERPRINT: &str = "SHA256:BzftJTuzZTYRl9xxAqRVJKvWc4zPMn0iAS4IV8PVUMo";

#[test]
fn blobs_and_fingerprints_are_those_of_the_public_clients() {
    let blob = STANDARD.decode(ED25519).unwrap();
    assert_eq!(fingerprint(&blob), ED25519_FINGERPRINT);
    assert_eq!(ed25519_blob(blob[19..].try_into().unwrap()), blob);

    let blob = STANDARD.decode(RSA).unwrap();
    assert_eq!(fingerprint(&blob), RSA_FINGERPRINT);
    // After the name come the exponent of 3 bytes and the modulus with a leading zero.
    assert_eq!(rsa_blob(&blob[15..18], &blob[23..]), blob);
}

#[test]
fn three_addresses_serve_the_same_list() {
    let tenant = Tenant::start(Options::default()).unwrap();
    let mut client = Client::new(&tenant);
    let list = client.get(&key_path("approve"));
    assert_eq!(list.status, 200);
    for path in [
        "/authorizedKeys/approve",
        "/app/api/authenticator/authorizedKeys/approve",
    ] {
        assert_eq!(client.get(path).body, list.body, "{path}");
    }
    assert_eq!(tenant.key_requests().len(), 3);
    assert_ne!(client.get(&key_path("decline")).body, list.body);
}

#[test]
fn a_phone_publishes_two_keys_and_the_header_names_the_account() {
    let tenant = Tenant::start(Options::default()).unwrap();
    let list = Client::new(&tenant).get(&key_path("approve%40acme.example"));
    let keys = tenant
        .account("approve@acme.example")
        .unwrap()
        .public_keys();
    assert_eq!(
        list.text(),
        format!(
            "# Authorized keys for approve@acme.example\n{}\n{}",
            keys[0].line(),
            keys[1].line()
        )
    );
    let (ed25519, rsa) = (keys[0].line(), keys[1].line());
    assert!(ed25519.starts_with("ssh-ed25519 ") && ed25519.ends_with(" LogonBox Key"));
    assert!(rsa.starts_with("ssh-rsa ") && rsa.ends_with(" Legacy RSA"));
    // The blob of 3072 bits: two lengths and the name, the exponent, and 385 bytes of modulus.
    assert_eq!(keys[1].blob.len(), 15 + 3 + 4 + 385);
}

/// A line break in the name must not become a line of the list.
#[test]
fn the_header_is_one_line() {
    let tenant = Tenant::start(Options::default()).unwrap();
    let list = Client::new(&tenant).get(&key_path("approve@x%0Assh-rsa%20AAAA%1B"));
    assert_eq!(list.text().lines().count(), 3, "{}", list.text());
    let header = "# Authorized keys for approve@x?ssh-rsa AAAA?\n";
    assert!(list.text().starts_with(header), "{}", list.text());
}

#[test]
fn two_phones_of_an_account_have_keys_of_their_own() {
    let lee = Account::new("lee").phones(["Pixel 8", "Tablet"].map(Phone::credential));
    let keys = lee.public_keys();
    let comments: Vec<_> = keys.iter().map(|key| key.comment.as_str()).collect();
    assert_eq!(
        comments,
        ["LogonBox Key", "Legacy RSA", "LogonBox Key", "Legacy RSA"]
    );
    for (n, key) in keys.iter().enumerate() {
        assert!(!keys[..n].contains(key));
    }
}

#[test]
fn principals_are_percent_decoded_and_the_path_is_kept() {
    let tenant = Tenant::start(Options::default()).unwrap();
    let mut client = Client::new(&tenant);
    assert_eq!(client.get(&key_path("approve%40acme.example")).status, 200);
    assert_eq!(client.get(&key_path("nobody%2F..%2F%C3%A9")).status, 404);
    let seen = tenant.key_requests();
    assert_eq!(seen[0].principal, "approve@acme.example");
    assert_eq!(seen[0].http.path, key_path("approve%40acme.example"));
    assert_eq!(seen[0].http.header("x-test"), Some("one"));
    assert_eq!(seen[1].principal, "nobody/../é");
    assert_eq!(seen[1].connection, seen[0].connection);
}

#[test]
fn phones_come_in_their_order_and_unpublished_ones_not_at_all() {
    let account = Account::new("lee@logonbox.com").phones([
        Phone::new("First", KeyType::Rsa),
        Phone::new("Hidden", KeyType::Ed25519).unpublished(),
        Phone::new("Second", KeyType::Ed25519),
    ]);
    let accounts = Accounts::from_iter([account]);
    let tenant = Tenant::start(Options {
        accounts,
        ..Options::default()
    })
    .unwrap();
    let list = Client::new(&tenant).get(&key_path("lee@logonbox.com"));
    let comments: Vec<_> = list
        .text()
        .lines()
        .skip(1)
        .map(|line| line.splitn(3, ' ').nth(2).unwrap())
        .collect();
    assert_eq!(comments, ["First", "Second"]);

    let account = tenant.account("lee@logonbox.com").unwrap();
    let hidden = &account.all_keys()[1];
    assert_eq!(
        Client::new(&tenant)
            .sign("lee@logonbox.com", hidden)
            .signature()
            .len(),
        64
    );
    assert_eq!(Client::new(&tenant).get(&key_path("approve")).status, 404);
}

#[test]
fn lists_that_are_text() {
    let tenant = Tenant::start(Options::default()).unwrap();
    let get = |name: &str| Client::new(&tenant).get(&key_path(&format!("keys-{name}")));
    let good = |name: &str| {
        tenant
            .account(&format!("keys-{name}"))
            .unwrap()
            .public_keys()
    };

    for line in get("no-comment").text().lines().skip(1) {
        assert_eq!(line.split(' ').count(), 2);
    }
    let list = get("crlf");
    assert_eq!(list.text().matches("\r\n").count(), 3);
    assert_eq!(list.text().matches('\n').count(), 3);

    let list = get("unknown-first");
    let lines: Vec<_> = list.text().lines().collect();
    let first = lines
        .iter()
        .position(|line| *line == good("unknown-first")[0].line())
        .unwrap();
    assert!(first > 15 && lines.contains(&""), "{lines:?}");

    assert!(
        get("mislabelled")
            .text()
            .contains("\nssh-rsa AAAAC3NzaC1lZDI1NTE5")
    );
    assert_eq!(get("none").text(), "# Authorized keys for keys-none\n");
    assert!(get("no-header").text().starts_with("ssh-ed25519 "));
    assert_eq!(get("empty").text(), "");
    assert_eq!(good("rsa-1024")[0].blob.len(), 151);
    assert_eq!(get("rsa-1024").text().lines().count(), 2);
    assert!(
        get("weak-ed25519")
            .text()
            .contains(&good("weak-ed25519")[0].line())
    );
    assert!(std::str::from_utf8(&get("not-utf8").body).is_err());

    let list = get("huge");
    assert!(list.body.len() > 9_900_000 && list.text().ends_with(&good("huge")[1].line()));
}

#[test]
fn error_pages_in_place_of_a_list() {
    let tenant = Tenant::start(Options::default()).unwrap();
    let get = |name: &str| Client::new(&tenant).get(&key_path(&format!("keys-{name}")));
    assert_eq!(get("not-found").status, 404);
    assert_eq!(get("error-500").status, 500);
    assert_eq!(get("unavailable-503").status, 503);
    assert_eq!(get("forbidden-403").status, 403);
    let path = "/app/api/authenticator/authorizedKeys/keys-forbidden-403";
    assert_eq!(Client::new(&tenant).get(path).status, 403);
    let busy = get("too-many-429");
    assert_eq!(
        (busy.status, header(&busy.head, "retry-after")),
        (429, Some("60"))
    );
    let page = get("html");
    assert_eq!(page.status, 200);
    assert!(page.text().starts_with("<!doctype html>"));
    let away = get("redirect");
    assert_eq!(
        (away.status, header(&away.head, "location")),
        (302, Some("/elsewhere"))
    );
    assert!(!tenant.redirect_followed());
    assert_eq!(Client::new(&tenant).get("/elsewhere").status, 200);
    assert!(tenant.redirect_followed());
}

#[test]
fn lists_that_do_not_end() {
    let tenant = Tenant::start(Options::default()).unwrap();
    let good = tenant.account("keys-cut").unwrap().public_keys();

    let mut client = Client::new(&tenant);
    client.send_get(&key_path("keys-cut"));
    let head = client.head().unwrap();
    let body = client.rest().unwrap();
    assert!(body.ends_with(good[1].line().as_bytes()));
    let promised: usize = header(&head, "content-length").unwrap().parse().unwrap();
    assert_eq!(promised, body.len() + 100);

    let mut client = Client::new(&tenant);
    client.send_get(&key_path("keys-endless"));
    assert!(header(&client.head().unwrap(), "content-length").is_none());
    assert!(client.some(5_000_000).unwrap().ends_with(b"#") || tenant.open_connections() > 0);

    let mut client = Client::new(&tenant);
    client.send_get(&key_path("keys-drip"));
    client.head().unwrap();
    assert_eq!(client.some(12).unwrap(), b"1\r\n#\r\n1\r\n \r\n");

    let mut client = Client::new(&tenant);
    client.timeout(common::MOMENT);
    client.send_get(&key_path("keys-never"));
    assert!(client.head().is_err());
    assert!(tenant.wait_for_key_requests(4, common::TIMEOUT));
}

#[test]
fn every_listing_is_an_account() {
    let accounts = Accounts::default();
    for listing in Listing::ALL {
        assert_eq!(
            accounts
                .find(&format!("keys-{listing}@acme.example"))
                .unwrap()
                .listing,
            *listing
        );
    }
}
