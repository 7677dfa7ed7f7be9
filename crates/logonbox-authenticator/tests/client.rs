//! The client against a tenant over TLS, and with each of its parts replaced.

#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use logonbox_authenticator::{
    Algorithm, Approval, AuthorizedKeys, Canceller, Client, ClientBuilder, Error, ErrorKind,
    KeySource, Payload, PublicKey, RandomSource, Redirect, RedirectRequest, Response, SavedRequest,
    SignRequest, Signature, SignatureSource, TenantAddress, Texts, Unreachable, Wording,
};
use tenant::{Options, Silence, Tenant};

const PATIENCE: Duration = Duration::from_secs(30);

fn tenant() -> Tenant {
    Tenant::start(Options::default()).unwrap()
}

fn builder(tenant: &Tenant) -> ClientBuilder {
    Client::builder(tenant.authority().parse().unwrap()).ca_pem(tenant.ca_pem())
}

fn client(tenant: &Tenant) -> Client {
    builder(tenant).build().unwrap()
}

#[test]
fn authenticate_and_verify() {
    let tenant = tenant();
    let client = client(&tenant);
    for (account, algorithm) in [
        ("approve.ed25519", Algorithm::Ed25519),
        ("approve.rsa", Algorithm::Rsa),
    ] {
        let approval = client.authenticate(account).unwrap().verify().unwrap();
        assert_eq!(approval.principal(), account);
        assert_eq!(approval.key().algorithm(), algorithm);
    }
    let asked = &tenant.sign_requests()[0];
    assert_eq!(
        asked.text,
        "approve.ed25519 wants to authenticate from LogonBox Authenticator API using your \
         localhost credentials."
    );
    assert_eq!(asked.remote_name, "LogonBox Authenticator API");
    assert_eq!(asked.authorize_text, "Authorize");
    assert_eq!(asked.problem, None);
    assert_eq!(tenant.connections(), 1, "one connection for everything");
}

#[test]
fn step_by_step() {
    let tenant = tenant();
    let client = builder(&tenant)
        .texts(Texts {
            prompt: "{username} from {remoteName} at {hostname}".to_owned(),
            remote_name: "the door".to_owned(),
            authorize: "Open".to_owned(),
        })
        .algorithms(&[Algorithm::Rsa])
        .build()
        .unwrap();
    let listing = client.listing("approve").unwrap();
    assert!(listing.starts_with("# Authorized"));
    let keys = client.keys("approve").unwrap();
    let key = client.choose(&keys).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Rsa);
    assert_eq!(client.choose_by_comment(&keys, key.comment()).unwrap(), key);
    let error = client.choose_by_comment(&keys, "Pixel 8").unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::NoUsableKey,
        "Ed25519 is not allowed"
    );

    let request = client.request("approve", key).unwrap();
    let response = client.sign(request).unwrap();
    assert_eq!(response.verify().unwrap().key(), key);
    let asked = &tenant.sign_requests()[0];
    assert_eq!(asked.text, "approve from the door at localhost");
    assert_eq!(asked.authorize_text, "Open");
    assert_eq!(asked.flags, 4);

    let payload = b"a payload of my own".to_vec().into();
    let wording = Wording {
        remote_name: "a".to_owned(),
        question: "{username} & co = 50% + \u{fc}?".to_owned(),
        authorize: "b".to_owned(),
    };
    let request = SignRequest::new("approve", key, wording, payload);
    let approval = client.sign(request).unwrap().verify().unwrap();
    assert_eq!(approval.key(), key);
    let asked = &tenant.sign_requests()[1];
    assert_eq!(asked.payload, b"a payload of my own");
    assert_eq!(asked.text, "{username} & co = 50% + \u{fc}?");
}

#[test]
fn errors_tell_apart_what_happened() {
    let tenant = tenant();
    let client = builder(&tenant)
        .person_timeout(Duration::from_millis(300))
        .connect_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    for (account, kind, rang) in [
        ("nobody-here", ErrorKind::NoSuchAccount, false),
        ("", ErrorKind::InvalidInput, false),
        ("..", ErrorKind::InvalidInput, false),
        ("keys-none", ErrorKind::NoUsableKey, false),
        ("keys-html", ErrorKind::NotUnderstood, false),
        ("keys-never", ErrorKind::TimedOut, false),
        (
            "keys-unavailable-503",
            ErrorKind::Unreachable(Unreachable::ServerError),
            false,
        ),
        ("decline", ErrorKind::Declined, true),
        ("refuse", ErrorKind::Refused, true),
        ("never", ErrorKind::TimedOut, true),
        ("html", ErrorKind::NotUnderstood, true),
        ("cut", ErrorKind::Unreachable(Unreachable::Cut), true),
    ] {
        let error = client.authenticate(account).unwrap_err();
        assert_eq!(error.kind(), kind, "{account}: {error}");
        assert_eq!(error.request_sent(), rang, "{account}: {error}");
    }
    let response = client.authenticate("wrong-key").unwrap();
    assert_eq!(
        response.verify().unwrap_err().kind(),
        ErrorKind::BadSignature
    );

    let stranger = Client::builder(tenant.authority().parse().unwrap());
    let error = stranger.build().unwrap().keys("approve").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert_eq!(
        Client::new("https://acme").unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn a_canceller_ends_a_call_at_once_and_for_good() {
    let tenant = tenant();
    let canceller = Canceller::new();
    let client = Arc::new(builder(&tenant).canceller(&canceller).build().unwrap());
    let asking = thread::spawn({
        let client = client.clone();
        move || client.authenticate("never")
    });
    assert!(tenant.wait_for_sign_requests(1, PATIENCE));
    let before = Instant::now();
    canceller.cancel();
    let error = asking.join().unwrap().unwrap_err();
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.request_sent());
    // The connection is gone although the client is still there.
    assert!(tenant.wait_for(PATIENCE, |seen| seen.open == 0));
    assert_eq!(
        client.keys("approve").unwrap_err().kind(),
        ErrorKind::Cancelled
    );
    let late = builder(&tenant).canceller(&canceller).build();
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_canceller_ends_all_clients_that_have_it() {
    let tenant = tenant();
    let canceller = Canceller::new();
    let asking: Vec<_> = (0..3)
        .map(|_| builder(&tenant).canceller(&canceller).build().unwrap())
        .map(|client| thread::spawn(move || client.authenticate("never")))
        .collect();
    assert!(tenant.wait_for_sign_requests(3, PATIENCE));
    canceller.cancel();
    for asking in asking {
        let error = asking.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}

#[test]
fn dropping_a_client_closes_its_connection() {
    let tenant = tenant();
    let client = client(&tenant);
    client.keys("approve").unwrap();
    assert_eq!(tenant.open_connections(), 1);
    drop(client);
    assert!(tenant.wait_for(PATIENCE, |seen| seen.open == 0));
}

#[test]
fn a_deadline_holds_whatever_the_tenant_does() {
    for silence in [Silence::BeforeTls, Silence::AfterTls] {
        let tenant = Tenant::start(Options {
            silence: Some(silence),
            ..Options::default()
        })
        .unwrap();
        let client = builder(&tenant)
            .connect_timeout(Duration::from_millis(300))
            .build()
            .unwrap();
        let before = Instant::now();
        let error = client.keys("approve").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{silence:?}: {error}");
        assert!(before.elapsed() < Duration::from_millis(800), "{silence:?}");
    }
}

/// Sources of a program's own.
struct Canned {
    listing: &'static str,
    payloads: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl KeySource for Canned {
    fn list_keys(&self, principal: &str) -> Result<String, Error> {
        if principal == "lee" {
            Ok(self.listing.to_owned())
        } else {
            Err(Error::new(ErrorKind::NoSuchAccount, "not in the list"))
        }
    }
}

impl SignatureSource for Canned {
    fn request_signature(&self, request: &SignRequest) -> Result<Signature, Error> {
        self.payloads
            .lock()
            .unwrap()
            .push(request.payload().to_vec());
        Ok(vec![0; 64].into())
    }
}

struct Sevens;

impl RandomSource for Sevens {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(7);
        Ok(())
    }
}

#[test]
fn every_part_can_be_replaced() {
    const LISTING: &str = "# Authorized Keys\nssh-ed25519 \
         AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrIwtSbFr9oRTZNHJfaWcHH7xYKeCRJx8O3N+7+ Pixel 8\n";
    let payloads = Arc::new(Mutex::new(Vec::new()));
    let canned = Arc::new(Canned {
        listing: LISTING,
        payloads: payloads.clone(),
    });
    // Nothing listens there, and nobody is asked.
    let client = Client::builder("tenant.invalid".parse().unwrap())
        .key_source(canned.clone())
        .signature_source(canned)
        .random_source(Arc::new(Sevens))
        .build()
        .unwrap();
    let response: Response = client.authenticate("lee").unwrap();
    assert_eq!(*payloads.lock().unwrap(), [vec![7; 128]]);
    // Wherever it came from, it is verified.
    assert_eq!(
        response.verify().unwrap_err().kind(),
        ErrorKind::BadSignature
    );
    assert_eq!(
        client.keys("kim").unwrap_err().kind(),
        ErrorKind::NoSuchAccount
    );
}

/// A client and what it gives out can be shared and moved between threads, and an error boxed.
#[test]
fn nothing_is_bound_to_a_thread() {
    fn both<T: Send + Sync + 'static>() {}
    both::<(Client, ClientBuilder, Canceller)>();
    both::<(AuthorizedKeys, PublicKey, SignRequest, Response, Approval)>();
    both::<(Redirect, RedirectRequest, SavedRequest, Payload, Signature)>();
    let _: Box<dyn std::error::Error + Send + Sync> = Error::new(ErrorKind::Local, "").into();
}

/// What goes wrong in between comes out as the client's own error, with `?`.
#[test]
fn errors_become_the_clients_own() {
    fn address(text: &str) -> Result<TenantAddress, Error> {
        Ok(text.parse()?)
    }
    fn keys(text: &str) -> Result<AuthorizedKeys, Error> {
        Ok(AuthorizedKeys::parse(text)?)
    }
    let error = address("https://acme").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let told = Client::new("https://acme").unwrap_err();
    assert_eq!(error.to_string(), told.to_string());
    assert_eq!(keys("<html>").unwrap_err().kind(), ErrorKind::NotUnderstood);
}

#[test]
fn what_is_printed_holds_no_secrets() {
    let tenant = tenant();
    let client = client(&tenant);
    let keys = client.keys("approve").unwrap();
    let request = client.request("approve", &keys.keys()[0]).unwrap();
    let byte = format!("{:?}", &request.payload()[..4]);
    let printed = format!("{request:?}");
    assert!(
        !printed.contains(byte.trim_matches(['[', ']'])),
        "{printed}"
    );
    let response = client.sign(request).unwrap();
    let printed = format!("{response:?} {client:?}");
    assert!(!printed.contains("signature"), "{printed}");

    let wiped = (Payload::from(vec![7; 3]), Signature::from(vec![7; 3]));
    assert_eq!(format!("{wiped:?}"), "(Payload { .. }, Signature { .. })");
    let redirect = client
        .redirect(
            "approve",
            &keys.keys()[0],
            "https://wiki.acme.com/{response}",
        )
        .unwrap();
    let (_, secret) = redirect.url.rsplit_once('/').unwrap();
    let saved = redirect.request.save();
    let printed = format!("{redirect:?} {saved:?}");
    assert!(printed.contains("SavedRequest { .. }"), "{printed}");
    assert!(!printed.contains(secret), "{printed}");
    let proxied = Client::builder("acme.example".parse().unwrap()).proxy("http://lee:pw@proxy:1");
    assert!(!format!("{proxied:?}").contains("pw"));
}
