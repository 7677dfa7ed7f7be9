//! The redirect, from the application through the browser and back.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod common;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use common::{Client, FORM, Response, TIMEOUT, header, key_path};
use ed25519_dalek::{Signature, VerifyingKey};
use tenant::{Comeback, Options, Press, PublicKey, Tenant};

const BACK: &str = "https://wiki.example/finish?response={response}&from=a-tenant";

fn start() -> Tenant {
    Tenant::start(Options::default()).unwrap()
}

fn key(tenant: &Tenant, account: &str) -> PublicKey {
    tenant.account(account).unwrap().public_keys().remove(0)
}

/// A request as protocol.md describes it.
struct Request {
    texts: [String; 5],
    flags: u32,
    back: String,
    more: Vec<u8>,
}

impl Request {
    fn new(account: &str, key: &PublicKey) -> Self {
        let texts = [
            account,
            &key.fingerprint(),
            "the <wiki>",
            "{username} at {hostname}: {remoteName}?",
            "Let me in",
        ];
        Self {
            texts: texts.map(str::to_owned),
            flags: if key.algorithm == "ssh-rsa" { 4 } else { 0 },
            back: BACK.into(),
            more: Vec::new(),
        }
    }

    fn blob(&self) -> Vec<u8> {
        let string = |text: &String| {
            let length = u32::try_from(text.len()).unwrap().to_be_bytes();
            [&length, text.as_bytes()].concat()
        };
        let texts: Vec<u8> = self.texts.iter().flat_map(string).collect();
        [
            &texts[..],
            &self.flags.to_be_bytes(),
            b"rand",
            &string(&self.back),
            b"sixteen more....",
            &self.more,
        ]
        .concat()
    }

    fn path(&self) -> String {
        format!("/authenticator/sign/{}", URL_SAFE.encode(self.blob()))
    }
}

/// Requests the page's address again, as its browser does.
fn ask_as(tenant: &Tenant, path: &str, accept: &str) -> Response {
    let mut client = Client::new(tenant);
    client.send(&format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n"
    ));
    client.response().unwrap()
}

/// The response that the browser takes back.
fn response(answer: &Response) -> Vec<u8> {
    assert_eq!(answer.status, 303, "{}", answer.head);
    let to = header(&answer.head, "location").unwrap();
    let (before, after) = BACK.split_once("{response}").unwrap();
    let response = to.strip_prefix(before).unwrap().strip_suffix(after);
    URL_SAFE.decode(response.unwrap()).unwrap()
}

fn comes_back(account: &str) -> Vec<u8> {
    let tenant = start();
    let request = Request::new(account, &key(&tenant, account));
    response(&Client::new(&tenant).get(&request.path()))
}

/// The username, fingerprint, flags and signature.
fn signed(blob: &[u8]) -> (String, String, u32, Vec<u8>) {
    assert_eq!(blob[0], 1);
    let mut rest = &blob[1..];
    let string = |rest: &mut &[u8]| {
        let (length, more) = rest.split_first_chunk().unwrap();
        let (text, more) = more.split_at(u32::from_be_bytes(*length) as usize);
        *rest = more;
        text.to_vec()
    };
    let username = string(&mut rest);
    let fingerprint = string(&mut rest);
    let (flags, mut rest) = rest.split_first_chunk().unwrap();
    let signature = string(&mut rest);
    assert!(rest.is_empty());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(username),
        text(fingerprint),
        u32::from_be_bytes(*flags),
        signature,
    )
}

fn verifies(key: &PublicKey, payload: &[u8], signature: &[u8]) -> bool {
    let key = VerifyingKey::from_bytes(key.blob[19..].try_into().unwrap()).unwrap();
    let signature = Signature::from_slice(signature).unwrap();
    key.verify_strict(payload, &signature).is_ok()
}

#[test]
fn the_page_says_who_asks_and_does_not_ask_by_itself() {
    let tenant = start();
    let request = Request::new("page", &key(&tenant, "page"));
    let page = ask_as(&tenant, &request.path(), "text/html,*/*;q=0.8");
    assert_eq!(page.status, 200);
    let text = page.text();
    for part in [
        "page at localhost: the &lt;wiki&gt;?",
        "<dd>https://wiki.example</dd>",
        "<bdi>Let me in</bdi>",
        "Waiting for <bdi>Pixel 8</bdi>",
        "<noscript><meta http-equiv=\"refresh\" content=\"0; url=?ask\"></noscript>",
        "src=\"/sign.js\"",
        "href=\"/?account=page&amp;phone=Pixel+8\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("<wiki>"));
    assert!(header(&page.head, "content-security-policy").is_some());
    assert_eq!(header(&page.head, "referrer-policy"), Some("no-referrer"));
    assert!(tenant.sign_requests().is_empty());
}

#[test]
fn the_phone_signs_the_request_and_the_browser_takes_that_back() {
    let tenant = start();
    let key = key(&tenant, "page");
    let request = Request::new("page", &key);
    // A browser without scripts, a browser with scripts, and a program without a page.
    let path = request.path();
    let encoded = path.replace('=', "%3D");
    assert_ne!(path, encoded);
    for (path, accept) in [
        (format!("{path}?ask"), "text/html"),
        (format!("{path}?ask"), "application/json"),
        (path, "*/*"),
        (encoded, "*/*"),
    ] {
        let mut client = Client::new(&tenant);
        client.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n",
        ));
        assert!(tenant.wait_for_waiting(1, TIMEOUT));
        let waiting = tenant.waiting().remove(0);
        assert_eq!(waiting.text, "page at localhost: the <wiki>?");
        assert_eq!(waiting.authorize_text, "Let me in");
        assert!(tenant.answer(waiting.id, Press::Authorize));
        let mut answer = client.response().unwrap();
        if accept == "application/json" {
            assert_eq!(answer.status, 200);
            answer.head = format!("location: {}", answer.json()["location"].as_str().unwrap());
            answer.status = 303;
        }
        let (username, fingerprint, flags, signature) = signed(&response(&answer));
        assert_eq!((username.as_str(), flags), ("page", 0));
        assert_eq!(fingerprint, key.fingerprint());
        assert!(verifies(&key, &request.blob(), &signature));
    }
    let seen = tenant.sign_requests();
    assert_eq!((seen.len(), &seen[0].payload), (4, &request.blob()));
}

#[test]
fn without_a_signature_a_reason_comes_back() {
    for (account, reason) in [
        ("decline", "The keystore rejected the signature request."),
        ("unreachable", "The device could not be reached."),
        ("refuse", "The phone cannot be reached."),
    ] {
        let blob = comes_back(account);
        assert_eq!((blob[0], &blob[5..]), (0, reason.as_bytes()));
    }
    assert!(comes_back("hostile-reason").contains(&0x1b));
    assert!(comes_back("empty").is_empty());
    assert_eq!(comes_back("missing-fields"), [1]);
    assert!(signed(&comes_back("yes-without-signature")).3.is_empty());

    // The account does not exist.
    let tenant = start();
    let mut request = Request::new("approve", &key(&tenant, "approve"));
    request.texts[0] = "nobody".into();
    let blob = response(&Client::new(&tenant).get(&request.path()));
    assert_eq!(
        (blob[0], &blob[5..]),
        (0, "there is no account \"nobody\"".as_bytes())
    );
    assert!(tenant.sign_requests()[0].problem.is_some());
}

#[test]
fn a_browser_that_leaves_ends_the_wait() {
    let tenant = start();
    let request = Request::new("page", &key(&tenant, "page"));
    let mut client = Client::new(&tenant);
    client.send_get(&request.path());
    assert!(tenant.wait_for_waiting(1, TIMEOUT));
    drop(client);
    assert!(tenant.wait_for_waiting(0, TIMEOUT));
}

#[test]
fn lies_about_the_phone() {
    for comeback in Comeback::ALL {
        let tenant = start();
        let account = format!("redirect-{comeback}");
        let key = key(&tenant, &account);
        let request = Request::new(&account, &key);
        let answer = Client::new(&tenant).get(&request.path());
        if *comeback == Comeback::SpareBits {
            // Bits that strict decoders refuse and lax ones ignore.
            let to = header(&answer.head, "location").unwrap();
            let text = to.split(['=', '&']).nth(1).unwrap();
            assert!(URL_SAFE_NO_PAD.decode(text).is_err(), "{text}");
            continue;
        }
        let mut blob = response(&answer);
        if *comeback == Comeback::TrailingBytes {
            assert_eq!(blob.pop(), Some(0));
        }
        let (username, fingerprint, flags, signature) = signed(&blob);
        let as_asked = (
            username == account,
            fingerprint == key.fingerprint(),
            flags == request.flags,
        );
        assert_eq!(
            as_asked,
            (
                *comeback != Comeback::OtherUser,
                *comeback != Comeback::OtherKey,
                *comeback != Comeback::LowerFlags,
            ),
            "{comeback}"
        );
        if *comeback == Comeback::LowerFlags {
            assert_eq!((key.algorithm, flags, signature.len()), ("ssh-rsa", 0, 256));
        } else if *comeback != Comeback::OtherKey {
            assert!(verifies(&key, &request.blob(), &signature), "{comeback}");
        }
    }
}

/// A client that looks for the user and the key of the response finds both, and the signature
/// verifies. It must compare them with its own request.
#[test]
fn lies_that_a_trusting_client_believes() {
    for account in [
        "redirect-other-user",
        "redirect-other-user@acme.example",
        "redirect-other-key",
        "redirect-other-key@acme.example",
        "redirect-other-key.ed25519",
    ] {
        let tenant = start();
        let asked = key(&tenant, account);
        let request = Request::new(account, &asked);
        let blob = response(&Client::new(&tenant).get(&request.path()));
        let (username, fingerprint, _, signature) = signed(&blob);
        let list = Client::new(&tenant).get(&key_path(&username));
        assert_eq!(list.status, 200, "{username}");
        let named = tenant.account(&username).unwrap().public_keys();
        let named = named
            .into_iter()
            .find(|key| key.fingerprint() == fingerprint);
        let named = named.expect("a key of the user who came back");
        assert!(list.text().contains(&named.line()));
        assert!(verifies(&named, &request.blob(), &signature), "{account}");
        let lies = (username != account, named != asked);
        assert_eq!(lies, (account.contains("user"), account.contains("key")));
    }
    let tenant = start();
    // The other user can log in, too, and only such an account has one.
    let other = "other.redirect-other-user";
    let key = key(&tenant, other);
    assert_eq!(Client::new(&tenant).sign(other, &key).signature().len(), 64);
    assert!(tenant.account("other.approve").is_none());
    assert!(tenant.account(&format!("other.{other}")).is_none());
}

#[test]
fn requests_that_cannot_be_used_are_named_and_lead_nowhere() {
    let tenant = start();
    let good = || Request::new("approve", &key(&tenant, "approve"));
    let back = |url: &str| Request {
        back: url.into(),
        ..good()
    };
    let encoded = |blob: &[u8]| format!("/authenticator/sign/{}", URL_SAFE.encode(blob));
    let blob = good().blob();
    let mut not_text = blob.clone();
    not_text[4] = 0xff;
    let more = Request {
        more: vec![0],
        ..good()
    };
    for (path, problem) in [
        ("/authenticator/sign/".into(), "ends before the user"),
        ("/authenticator/sign/%21".into(), "not base64url"),
        (encoded(&blob[..30]), "within the fingerprint"),
        (encoded(&blob[..blob.len() - 1]), "random bytes at the end"),
        (encoded(&not_text), "the user is not UTF-8"),
        (encoded(&more.blob()), "goes on after its end"),
        (
            back("javascript:alert('{response}')").path(),
            "neither https:// nor",
        ),
        (back("/finish?{response}").path(), "neither https:// nor"),
        (
            back("https://wiki.example@evil.example/{response}").path(),
            "no plain host",
        ),
        (
            back("https://{response}.evil.example/").path(),
            "no plain host",
        ),
        (back("https:///{response}").path(), "no plain host"),
        (
            back("https://wiki.example\\.evil.example/{response}").path(),
            "do not belong",
        ),
        (
            back("https://wiki.example/\r\nx: {response}").path(),
            "do not belong",
        ),
        (
            back("https://wiki.example/").path(),
            "does not hold {response} once",
        ),
        (
            back("https://wiki.example/{response}{response}").path(),
            "does not hold",
        ),
    ] {
        for accept in ["text/html", "*/*"] {
            let answer = ask_as(&tenant, &path, accept);
            assert_eq!(answer.status, 400, "{problem}");
            assert!(
                answer
                    .text()
                    .to_lowercase()
                    .contains(&problem.to_lowercase()),
                "{problem}: {}",
                answer.text()
            );
            assert!(header(&answer.head, "location").is_none());
        }
    }
    assert!(tenant.sign_requests().is_empty());
    let path = good().path();
    assert_eq!(Client::new(&tenant).post(&path, FORM, "").status, 405);
}
