//! The server redirect from end to end: the test is the browser.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic here fails a test"
)]

use std::time::Duration;

use bounded_https::blocking::EventLoop;
use bounded_https::http::{Request, Response};
use bounded_https::{Body, HttpClient, Https, Limits, Roots};
use logonbox_authenticator::blocking::Client;
use logonbox_authenticator::{Algorithm, Approval, Error, ErrorKind};
use tenant::{Comeback, Reaction, Tenant};

const BACK: &str = "https://wiki.example/finish?response={response}";
const PATIENCE: Duration = Duration::from_secs(30);

/// Goes to `url`, and does not follow the redirect.
fn browse(tenant: &Tenant, url: &str) -> Response<Body> {
    let browser = Https::builder()
        .roots(Roots::Pem(tenant.ca_pem().into()))
        .build()
        .unwrap();
    let request = Request::get(url).body(Body::default()).unwrap();
    let answer = browser.send(request, Limits::new(PATIENCE, 64 << 10));
    EventLoop::new().unwrap().run(answer).unwrap()
}

/// A login as `account`, whose name tells its phones what to do. `None` if the browser does not
/// come back.
fn login(tenant: &Tenant, account: &str) -> Option<Result<Approval, Error>> {
    let client = Client::builder(tenant.authority().parse().unwrap())
        .ca_pem(tenant.ca_pem())
        .build_blocking()
        .unwrap();
    let keys = client.keys(account).unwrap();
    let key = client.choose(&keys).unwrap();
    let redirect = client.redirect(account, key, BACK).unwrap();
    let reply = browse(tenant, &redirect.url);
    let (before, after) = BACK.split_once("{response}").unwrap();
    let location = reply.headers().get("location");
    let back = location.and_then(|to| to.to_str().ok()?.strip_prefix(before)?.strip_suffix(after));
    back.map(|response| redirect.request.finish(response))
}

#[test]
fn the_phone_signs_with_each_kind_of_key() {
    let tenant = Tenant::start(tenant::Options::default()).unwrap();
    for (account, algorithm) in [
        ("approve.ed25519@acme.example", Algorithm::Ed25519),
        ("approve.rsa@acme.example", Algorithm::Rsa),
    ] {
        let approval = login(&tenant, account).unwrap().unwrap();
        assert_eq!(approval.principal(), account);
        assert_eq!(approval.key().algorithm(), algorithm);
    }
    let asked = tenant.sign_requests();
    assert_eq!(
        asked[0].text,
        "approve.ed25519@acme.example wants to authenticate from LogonBox Authenticator API \
         using your localhost credentials."
    );
    assert_eq!((asked[0].flags, asked[1].flags), (0, 4));
    assert!(asked.iter().all(|request| request.problem.is_none()));
}

#[test]
fn every_answer_but_the_right_signature_is_refused() {
    let tenant = Tenant::start(tenant::Options::default()).unwrap();
    for reaction in Reaction::ALL {
        for key in ["ed25519", "rsa"] {
            // No answer comes, and the browser would wait.
            if matches!(reaction, Reaction::Page | Reaction::Never) {
                continue;
            }
            let expected = match reaction {
                Reaction::Approve | Reaction::Padded => None,
                // Ed25519 has only one kind of signature.
                Reaction::Sha1 if key == "ed25519" => None,
                Reaction::Decline => Some(ErrorKind::Declined),
                Reaction::Unreachable | Reaction::Refuse | Reaction::HostileReason => {
                    Some(ErrorKind::Refused)
                }
                Reaction::WrongKey
                | Reaction::WrongPayload
                | Reaction::Sha1
                | Reaction::Zeros
                | Reaction::Random
                | Reaction::Truncated
                | Reaction::Long
                | Reaction::YesWithoutSignature => Some(ErrorKind::BadSignature),
                Reaction::Empty | Reaction::MissingFields | Reaction::NotJson => {
                    Some(ErrorKind::NotUnderstood)
                }
                // These break HTTP or answer JSON, so the browser does not come back.
                _ => continue,
            };
            let came = login(&tenant, &format!("{reaction}.{key}")).unwrap();
            let kind = came.as_ref().err().map(Error::kind);
            assert_eq!(kind, expected, "{reaction} {key}");
            if let Err(error) = came {
                let text = error.to_string();
                assert!(error.request_sent());
                assert!(
                    !text.contains(char::is_control) && text.len() < 1000,
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn a_tenant_that_lies_about_the_phone_is_refused() {
    let tenant = Tenant::start(tenant::Options::default()).unwrap();
    for comeback in Comeback::ALL {
        for key in ["ed25519", "rsa"] {
            let expected = match comeback {
                Comeback::Normal => None,
                // Ed25519 has no weaker signature.
                Comeback::LowerFlags if key == "ed25519" => None,
                Comeback::OtherUser | Comeback::OtherKey | Comeback::LowerFlags => {
                    Some(ErrorKind::Mismatch)
                }
                Comeback::TrailingBytes | Comeback::SpareBits => Some(ErrorKind::NotUnderstood),
            };
            let came = login(&tenant, &format!("redirect-{comeback}.{key}")).unwrap();
            assert_eq!(
                came.err().map(|error| error.kind()),
                expected,
                "{comeback} {key}"
            );
        }
    }
}
