//! The server redirect from end to end: a browser without a screen carries the request to a
//! tenant, and the response back.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic here fails a test"
)]

use std::time::Duration;

use bounded_https::{Call, Canceller, Method, Options, Reply, Roots, Transport};
use logonbox_authenticator::{Algorithm, Approval, Client, Error, ErrorKind};
use tenant::{Comeback, Reaction, Tenant};

const BACK: &str = "https://wiki.example/finish?response={response}";
const PATIENCE: Duration = Duration::from_secs(30);

/// Goes to `url`, and does not follow where it leads.
fn browse(tenant: &Tenant, url: &str) -> Reply {
    let browser = Transport::start(Options {
        roots: Roots::Pem(tenant.ca_pem().into()),
        proxy: None,
        connect_timeout: PATIENCE,
        canceller: Canceller::new(),
        user_agent: "a browser",
    })
    .unwrap();
    let call = Call {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: None,
        timeout: PATIENCE,
        limit: 64 << 10,
    };
    browser.call(call).unwrap()
}

/// A login as `account`, whose phones do what its name says. Nothing where the browser does not
/// come back.
fn login(tenant: &Tenant, account: &str) -> Option<Result<Approval, Error>> {
    let client = Client::builder(tenant.authority().parse().unwrap())
        .ca_pem(tenant.ca_pem())
        .build()
        .unwrap();
    let keys = client.keys(account).unwrap();
    let key = client.choose(&keys).unwrap();
    let redirect = client.redirect(account, key, BACK).unwrap();
    let reply = browse(tenant, &redirect.url);
    let (before, after) = BACK.split_once("{response}").unwrap();
    let back = reply
        .header("location")
        .find_map(|to| to.strip_prefix(before)?.strip_suffix(after));
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
            // Nobody answers: the browser waits for as long as the person does.
            if matches!(reaction, Reaction::Page | Reaction::Never) {
                continue;
            }
            let expected = match reaction {
                Reaction::Approve | Reaction::Padded => None,
                // Ed25519 has but one kind of signature.
                Reaction::Sha1 if key == "ed25519" => None,
                Reaction::Decline | Reaction::Refuse | Reaction::HostileReason => {
                    Some(ErrorKind::Declined)
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
                // These break HTTP or speak JSON: no browser comes back from there.
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
                // There is nothing lower for Ed25519.
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
