//! The server redirect, with a tenant in this test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic here fails a test"
)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "small numbers, and ASCII"
)]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use logonbox_authenticator::{
    Approval, Client, ClientBuilder, Error, ErrorKind, PublicKey, RandomSource, Redirect,
    RedirectRequest, Texts,
};
use serde_json::Value;

const BACK: &str = "https://localhost/authenticator_finish?response={response}";
const PRINCIPAL: &str = "lee@logonbox.com";

struct Zeros;

impl RandomSource for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(0);
        Ok(())
    }
}

fn string(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text].concat()
}

fn phone() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn key(phone: &SigningKey) -> PublicKey {
    let blob = [
        string(b"ssh-ed25519"),
        string(phone.verifying_key().as_bytes()),
    ]
    .concat();
    PublicKey::from_blob(blob, "LogonBox Key").unwrap()
}

fn builder() -> ClientBuilder {
    // It sends no request, so any CA certificate will do.
    Client::builder("tenant.logonbox.directory".parse().unwrap())
        .ca_pem(
            tenant::Tenant::start(tenant::Options::default())
                .unwrap()
                .ca_pem(),
        )
        .random_source(Zeros)
}

fn client() -> Client {
    builder().build().unwrap()
}

fn redirect() -> Redirect {
    client().redirect(PRINCIPAL, &key(&phone()), BACK).unwrap()
}

/// The bytes that the phone signs.
fn blob(redirect: &Redirect) -> Vec<u8> {
    let (_, encoded) = redirect.url.rsplit_once('/').unwrap();
    URL_SAFE.decode(encoded).unwrap()
}

/// A response in which each part can be wrong.
struct Response {
    boolean: u8,
    username: Vec<u8>,
    fingerprint: Vec<u8>,
    flags: u32,
    signature: Vec<u8>,
    more: Vec<u8>,
}

impl Response {
    fn right(redirect: &Redirect) -> Self {
        Self {
            boolean: 1,
            username: PRINCIPAL.into(),
            fingerprint: key(&phone()).fingerprint().into(),
            flags: 0,
            signature: phone().sign(&blob(redirect)).to_bytes().to_vec(),
            more: Vec::new(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        [
            vec![self.boolean],
            string(&self.username),
            string(&self.fingerprint),
            self.flags.to_be_bytes().to_vec(),
            string(&self.signature),
            self.more.clone(),
        ]
        .concat()
    }
}

fn finish(change: impl FnOnce(&mut Response)) -> Result<Approval, Error> {
    let redirect = redirect();
    let mut response = Response::right(&redirect);
    change(&mut response);
    redirect.request.finish(&URL_SAFE.encode(response.bytes()))
}

#[test]
fn the_request_is_that_of_the_published_java_client() {
    let vectors: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let vector = &vectors["redirect_request"];
    let listing = vectors["authorized_keys"].as_str().unwrap();
    let keys = logonbox_authenticator::AuthorizedKeys::parse(listing).unwrap();
    let client = client();
    let redirect = client
        .redirect(
            vector["principal"].as_str().unwrap(),
            client.choose(&keys).unwrap(),
            vector["redirect_url"].as_str().unwrap(),
        )
        .unwrap();
    assert_eq!(redirect.url, vector["url"].as_str().unwrap());
}

/// The tenant replaces the placeholders of the Java client.
#[test]
fn the_principal_of_the_node_client_becomes_the_username_of_the_java_client() {
    let blob_of = |prompt: &str| {
        let texts = Texts {
            prompt: prompt.to_owned(),
            ..Texts::default()
        };
        let client = builder().texts(texts).build().unwrap();
        blob(&client.redirect(PRINCIPAL, &key(&phone()), BACK).unwrap())
    };
    assert_eq!(blob_of("{principal}?"), blob_of("{username}?"));
}

#[test]
fn a_response_to_the_request_is_an_approval() {
    let approval = finish(|_| {}).unwrap();
    assert_eq!(approval.principal(), PRINCIPAL);
    assert_eq!(approval.key().comment(), "LogonBox Key");
    // With and without padding.
    let redirect = redirect();
    let response = URL_SAFE_NO_PAD.encode(Response::right(&redirect).bytes());
    assert!(redirect.request.finish(&response).is_ok());
}

/// The vendor's clients trust these values of the response.
#[test]
fn another_user_key_or_kind_of_signature_is_refused() {
    let kind = |change: fn(&mut Response)| finish(change).unwrap_err().kind();
    let other = |response: &mut Response| response.username = b"root@logonbox.com".to_vec();
    assert_eq!(kind(other), ErrorKind::Mismatch);
    assert_eq!(
        kind(|response| response.username.clear()),
        ErrorKind::Mismatch
    );
    let other = |response: &mut Response| response.fingerprint.push(b'=');
    assert_eq!(kind(other), ErrorKind::Mismatch);
    for flags in [1, 2, 4, u32::MAX] {
        let error = finish(|response| response.flags = flags).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{flags}");
    }
    let forged = |response: &mut Response| {
        let stranger = SigningKey::from_bytes(&[8; 32]);
        response.signature = stranger.sign(&response.signature).to_bytes().to_vec();
    };
    assert_eq!(kind(forged), ErrorKind::BadSignature);
    assert_eq!(
        kind(|response| response.signature.clear()),
        ErrorKind::BadSignature
    );
}

#[test]
fn a_response_to_another_request_is_refused() {
    let other = client()
        .redirect(PRINCIPAL, &key(&phone()), "https://x/{response}")
        .unwrap();
    let response = URL_SAFE.encode(Response::right(&other).bytes());
    let error = redirect().request.finish(&response).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadSignature);
}

#[test]
fn what_is_not_encoded_as_it_must_be_is_refused() {
    for change in [
        (|response| response.boolean = 2) as fn(&mut Response),
        |response| response.more = vec![0],
    ] {
        assert_eq!(finish(change).unwrap_err().kind(), ErrorKind::NotUnderstood);
    }
    let redirect = || redirect().request;
    let good = URL_SAFE_NO_PAD.encode(Response::right(&self::redirect()).bytes());
    let mut odd: Vec<String> = ["", " ", "AA", "AQ", "====", "\u{e9}"]
        .map(str::to_owned)
        .into();
    // The same bytes in another encoding.
    odd.push(format!("{good}\n"));
    odd.push(format!(" {good}"));
    odd.push(format!("{good}===="));
    odd.push(good.replace('-', "+").replace('_', "/") + "+");
    odd.push("A".repeat(20_000));
    for response in odd {
        let error = redirect().finish(&response).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotUnderstood, "{response}");
        assert!(error.request_sent());
    }
    // Every truncation.
    let bytes = Response::right(&self::redirect()).bytes();
    for length in 0..bytes.len() {
        let response = URL_SAFE.encode(bytes.get(..length).unwrap());
        let error = redirect().finish(&response).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotUnderstood, "{length}");
    }
}

/// Padding is optional, but the bits have one encoding, and the length has a limit.
#[test]
fn base64url_has_one_form() {
    let kind = |response: &str| redirect().request.finish(response).unwrap_err().kind();
    let refused = |length| [vec![0], string(&vec![b'x'; length])].concat();
    for length in 1..=3 {
        let bytes = refused(length);
        for response in [URL_SAFE.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            assert_eq!(kind(&response), ErrorKind::Refused, "{response}");
        }
    }
    // The last two bits of 'x' are unused here.
    let good = URL_SAFE_NO_PAD.encode(refused(3));
    let (start, last) = good.split_at(good.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    assert_eq!(kind(&format!("{start}{next}")), ErrorKind::NotUnderstood);
    let long = URL_SAFE.encode(refused(16_000));
    assert_eq!(kind(&long), ErrorKind::NotUnderstood);
}

#[test]
fn one_reason_alone_is_a_decline() {
    const DECLINED: &str = "The keystore rejected the signature request.";
    for (reason, kind, detail) in [
        (DECLINED, ErrorKind::Declined, DECLINED),
        ("Not me\x1b[2J", ErrorKind::Refused, "Not me [2J"),
    ] {
        let response = URL_SAFE.encode([vec![0], string(reason.as_bytes())].concat());
        let error = redirect().request.finish(&response).unwrap_err();
        assert_eq!((error.kind(), error.detail()), (kind, detail));
        assert!(error.request_sent());
    }
}

#[test]
fn a_request_is_good_for_a_time() {
    let redirect = redirect();
    let expires = redirect.request.expires();
    let response = URL_SAFE.encode(Response::right(&redirect).bytes());
    let saved = redirect.request.save();
    let at = |time| {
        RedirectRequest::restore(saved.as_str())
            .unwrap()
            .finish_at(&response, time)
    };
    let second = Duration::from_secs(1);
    assert!(at(expires - second).is_ok());
    assert_eq!(at(expires).unwrap_err().kind(), ErrorKind::Expired);
    assert_eq!(at(expires + second).unwrap_err().kind(), ErrorKind::Expired);
    assert_eq!(
        at(std::time::UNIX_EPOCH - second).unwrap_err().kind(),
        ErrorKind::Expired
    );
}

#[test]
fn a_request_can_be_kept_as_text() {
    let redirect = redirect();
    let response = URL_SAFE.encode(Response::right(&redirect).bytes());
    let saved = redirect.request.save();
    let saved = saved.as_str();
    assert!(saved.len() < 700, "{}", saved.len());
    let restored = RedirectRequest::restore(saved).unwrap();
    assert_eq!(restored.principal(), PRINCIPAL);
    assert_eq!(restored.key(), redirect.request.key());
    assert_eq!(restored.key().comment(), "LogonBox Key");
    assert_eq!(restored.expires(), redirect.request.expires());
    assert!(restored.finish(&response).is_ok());
    for bad in [
        "",
        "AAAA",
        &saved[1..],
        &saved[..saved.len() - 4],
        &format!("{saved}AAAA"),
    ] {
        let error = RedirectRequest::restore(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
    }
    let mut more = URL_SAFE_NO_PAD.decode(saved.trim_end_matches('=')).unwrap();
    more.push(0);
    let error = RedirectRequest::restore(&URL_SAFE.encode(more)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn the_way_back_is_a_url_that_holds_the_response_once() {
    let redirect = |back| client().redirect(PRINCIPAL, &key(&phone()), back);
    for (back, why) in [
        ("https://localhost/", "once"),
        ("https://localhost/{response}/{response}", "once"),
        ("https://localhost/{Response}", "once"),
        ("", "absolute"),
        ("{response}", "absolute"),
        ("/finish?response={response}", "absolute"),
        ("//localhost/{response}", "absolute"),
        ("://localhost/{response}", "absolute"),
        ("javascript:alert('{response}')", "absolute"),
        ("https://{response}", "no host"),
        ("https://{response}.acme.com/", "no host"),
        ("https:///{response}", "no host"),
        ("https://localhost/a b/{response}", "encode"),
        ("https://localhost/{response}\r\nx: y", "encode"),
        ("https://localhost/\u{fc}/{response}", "encode"),
    ] {
        let error = redirect(back).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{back}");
        assert!(error.to_string().contains(why), "{back}: {error}");
    }
    for back in [
        "http://localhost:3000/{response}",
        "com.acme.app+1://finish?response={response}",
    ] {
        assert!(redirect(back).is_ok(), "{back}");
    }
}
