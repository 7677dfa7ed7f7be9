//! The async client against a tenant over TLS, and with each of its parts replaced.

#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

use std::error::Error as _;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ed25519_dalek::{Signer, SigningKey};
use logonbox_authenticator::http::{Request, Response as Answer};
use logonbox_authenticator::{
    Algorithm, Approval, AuthorizedKeys, Body, BoxFuture, Client, ClientBuilder, Error, ErrorKind,
    HttpError, KeySource, Limits, Payload, PublicKey, RandomSource, Redirect, RedirectRequest,
    Response, SavedRequest, SignRequest, Signature, SignatureSource, TenantAddress, Texts,
    Unreachable, Wording,
};
use tenant::{Options, Press, Silence, Tenant};

const PATIENCE: Duration = Duration::from_secs(30);
const ED25519: &str = "ssh-ed25519 \
     AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrIwtSbFr9oRTZNHJfaWcHH7xYKeCRJx8O3N+7+ LogonBox Key";

fn tenant() -> Tenant {
    Tenant::start(Options::default()).unwrap()
}

fn builder(tenant: &Tenant) -> ClientBuilder {
    Client::builder(tenant.authority().parse().unwrap()).ca_pem(tenant.ca_pem())
}

fn client(tenant: &Tenant) -> Client {
    builder(tenant).build().unwrap()
}

#[tokio::test]
async fn authenticate_and_verify() {
    let tenant = tenant();
    let client = client(&tenant);
    for (account, algorithm) in [
        ("approve.ed25519", Algorithm::Ed25519),
        ("approve.rsa", Algorithm::Rsa),
    ] {
        let approval = client
            .authenticate(account)
            .await
            .unwrap()
            .verify()
            .unwrap();
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

#[tokio::test]
async fn step_by_step() {
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
    let listing = client.listing("approve").await.unwrap();
    assert!(listing.starts_with("# Authorized"));
    let keys = client.keys("approve").await.unwrap();
    let key = client.choose(&keys).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Rsa);
    assert_eq!(client.choose_named(&keys, key.comment()).unwrap(), key);
    let error = client.choose_named(&keys, "LogonBox Key").unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::NoUsableKey,
        "Ed25519 is not allowed"
    );

    let request = client.request("approve", key).unwrap();
    let response = client.sign(request).await.unwrap();
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
    let approval = client.sign(request).await.unwrap().verify().unwrap();
    assert_eq!(approval.key(), key);
    let asked = &tenant.sign_requests()[1];
    assert_eq!(asked.payload, b"a payload of my own");
    assert_eq!(asked.text, "{username} & co = 50% + \u{fc}?");
}

/// A credential has a key of each algorithm. The comments name the kind of key, so that those of two
/// phones are alike.
#[test]
fn ed25519_is_preferred() {
    let key = |line| PublicKey::from_line(line).unwrap();
    let line = |name: &str, blob: &[u8], comment: &str| {
        format!("{name} {} {comment}\n", STANDARD.encode(blob))
    };
    let vectors: serde_json::Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let listing = vectors["authorized_keys"].as_str().unwrap();
    let [header, ed25519, rsa] = listing.lines().collect::<Vec<_>>()[..] else {
        panic!("{listing}");
    };
    let second = SigningKey::from_bytes(&[7; 32]).verifying_key();
    let second = [b"\0\0\0\x0bssh-ed25519\0\0\0\x20", &second.to_bytes()[..]].concat();
    let second = line("ssh-ed25519", &second, "LogonBox Key");
    let lines = [header, rsa, ed25519, &second].join("\n");
    let keys = AuthorizedKeys::parse(&lines).unwrap();
    let (rsa, ed25519, second) = (key(rsa), key(ed25519), key(&second));

    let allowing = |algorithms: &[Algorithm]| {
        let builder = Client::builder("acme.logonbox.directory".parse().unwrap());
        builder.algorithms(algorithms).build().unwrap()
    };
    // The order of the allowed algorithms has no effect.
    for client in [
        allowing(Algorithm::ALL),
        allowing(&[Algorithm::Rsa, Algorithm::Ed25519]),
    ] {
        assert_eq!(*client.choose(&keys).unwrap(), ed25519);
        assert_eq!(client.choices(&keys), [&ed25519, &second]);
        for (name, expected) in [
            ("LogonBox Key", &ed25519),
            ("Legacy RSA", &rsa),
            (&*second.fingerprint(), &second),
            (&*rsa.fingerprint(), &rsa),
        ] {
            assert_eq!(client.choose_named(&keys, name).unwrap(), expected);
        }
    }
    let client = allowing(&[Algorithm::Rsa]);
    assert_eq!(*client.choose(&keys).unwrap(), rsa);
    assert_eq!(client.choices(&keys), [&rsa]);
    for name in ["LogonBox Key", &*ed25519.fingerprint(), "Pixel 8", ""] {
        let error = client.choose_named(&keys, name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoUsableKey, "{name}");
    }

    // One comment for both algorithms, and a comment that pretends to be a fingerprint.
    let disguised = ed25519.fingerprint();
    let lines = [
        "# Authorized\n",
        &line("ssh-rsa", rsa.blob(), "Pixel 8"),
        &line("ssh-ed25519", second.blob(), &disguised),
        &line("ssh-ed25519", ed25519.blob(), "Pixel 8"),
    ];
    let keys = AuthorizedKeys::parse(&lines.concat()).unwrap();
    let client = allowing(Algorithm::ALL);
    for name in ["Pixel 8", &disguised] {
        assert_eq!(*client.choose_named(&keys, name).unwrap(), ed25519);
    }
}

#[tokio::test]
async fn errors_tell_apart_what_happened() {
    let tenant = tenant();
    let patient = client(&tenant);
    let impatient = builder(&tenant)
        .person_timeout(Duration::from_millis(300))
        .connect_timeout(Duration::from_secs(1))
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
        ("error-500", ErrorKind::NotUnderstood, true),
        ("unavailable-503", ErrorKind::TimedOut, true),
        ("cut", ErrorKind::TimedOut, true),
    ] {
        let is_slow = matches!(
            kind,
            ErrorKind::TimedOut | ErrorKind::Unreachable(Unreachable::ServerError)
        );
        let client = if is_slow { &impatient } else { &patient };
        let error = client.authenticate(account).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{account}: {error}");
        assert_eq!(error.request_sent(), rang, "{account}: {error}");
    }
    let response = patient.authenticate("wrong-key").await.unwrap();
    assert_eq!(
        response.verify().unwrap_err().kind(),
        ErrorKind::BadSignature
    );

    let stranger = Client::builder(tenant.authority().parse().unwrap());
    let error = stranger.build().unwrap().keys("approve").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert_eq!(
        Client::new("https://acme").unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

/// An HTTP status on the key list, and on the sign request.
#[tokio::test]
async fn a_status_tells_what_happened() {
    const SERVER_ERROR: ErrorKind = ErrorKind::Unreachable(Unreachable::ServerError);
    for (status, keys, sign) in [
        (403, ErrorKind::Forbidden, ErrorKind::Forbidden),
        (404, ErrorKind::NoSuchAccount, ErrorKind::NotUnderstood),
        (418, ErrorKind::NotUnderstood, ErrorKind::NotUnderstood),
        (429, ErrorKind::TooManyRequests, ErrorKind::TooManyRequests),
        (500, SERVER_ERROR, ErrorKind::NotUnderstood),
        (502, SERVER_ERROR, ErrorKind::TimedOut),
        (503, SERVER_ERROR, ErrorKind::TimedOut),
        (504, SERVER_ERROR, ErrorKind::TimedOut),
    ] {
        let client = Client::builder("tenant.invalid".parse().unwrap())
            .http_client(move |_, _| async move {
                let mut answer = Answer::new(Body::default());
                *answer.status_mut() = status.try_into().unwrap();
                Ok(answer)
            })
            .build()
            .unwrap();
        let error = client.keys("lee").await.unwrap_err();
        assert_eq!((error.kind(), error.request_sent()), (keys, false));
        let key = PublicKey::from_line(ED25519).unwrap();
        let request = client.request("lee", &key).unwrap();
        let error = client.sign(request).await.unwrap_err();
        assert_eq!((error.kind(), error.request_sent()), (sign, true));
        let detail = format!("HTTP status {status} on the sign request");
        assert_eq!(error.detail(), detail);
    }
}

/// A connection that ends before the request rings no phone.
#[tokio::test]
async fn a_connection_that_ends_while_the_phone_rings_is_no_answer() {
    const CUT: ErrorKind = ErrorKind::Unreachable(Unreachable::Cut);
    for (sent, kind) in [(false, CUT), (true, ErrorKind::TimedOut)] {
        let client = Client::builder("tenant.invalid".parse().unwrap())
            .http_client(move |_, _| async move {
                let cut = logonbox_authenticator::HttpErrorKind::Unreachable(Unreachable::Cut);
                let error = HttpError::new(cut, "reset");
                Err(if sent { error.after_sending() } else { error })
            })
            .build()
            .unwrap();
        let key = PublicKey::from_line(ED25519).unwrap();
        let request = client.request("lee", &key).unwrap();
        let error = client.sign(request).await.unwrap_err();
        assert_eq!((error.kind(), error.request_sent()), (kind, sent));
        assert_eq!(error.detail(), "reset");
        let error = client.keys("lee").await.unwrap_err();
        assert_eq!((error.kind(), error.request_sent()), (CUT, false));
    }
    let tenant = Tenant::start(Options {
        reset_on_sign: true,
        ..Options::default()
    })
    .unwrap();
    let error = client(&tenant).authenticate("approve").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.request_sent()),
        (ErrorKind::TimedOut, true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_future_cancels_its_request() {
    let tenant = tenant();
    let client = client(&tenant);
    let login = tokio::spawn({
        let client = client.clone();
        async move { client.authenticate("page").await }
    });
    assert!(tenant.wait_for_waiting(1, PATIENCE));
    login.abort();
    assert!(tenant.wait_for(PATIENCE, |seen| seen.abandoned.len() == 1));
    assert!(tenant.waiting().is_empty(), "the push is withdrawn");
    assert!(tenant.wait_for(PATIENCE, |seen| seen.open == 0));
    let response = client.authenticate("approve").await.unwrap();
    assert!(response.verify().is_ok(), "the client goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_serves_many_logins_at_once() {
    const LOGINS: usize = 20;
    let tenant = tenant();
    let client = client(&tenant);
    let logins: Vec<_> = (0..LOGINS)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.authenticate("page").await?.verify() })
        })
        .collect();
    assert!(tenant.wait_for_waiting(LOGINS, PATIENCE));
    for (place, waiting) in tenant.waiting().iter().enumerate() {
        let press = [Press::Authorize, Press::Decline][place % 2];
        assert!(tenant.answer(waiting.id, press));
    }
    let mut approved = 0;
    for login in logins {
        match login.await.unwrap() {
            Ok(approval) => approved += usize::from(approval.principal() == "page"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Declined),
        }
    }
    assert_eq!(approved, LOGINS / 2);
}

#[tokio::test]
async fn an_error_keeps_its_causes() {
    let chain = |error: &Error| {
        let first = error.source();
        std::iter::successors(first, |&cause| cause.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let tenant = tenant();
    let stranger = Client::new(tenant.authority()).unwrap();
    let error = stranger.keys("lee.smith").await.unwrap_err();
    assert!(error.to_string().starts_with("TLS failed: "), "{error}");
    assert_eq!(
        error.detail(),
        "the certificate is not signed by a trusted CA"
    );
    let causes = chain(&error);
    assert_eq!(
        causes.last().unwrap(),
        "invalid peer certificate: UnknownIssuer"
    );
    assert!(!causes.concat().contains("lee.smith"), "{causes:?}");

    let vacant = servers::vacant().unwrap().to_string();
    let error = Client::new(&vacant).unwrap().keys("lee").await.unwrap_err();
    let refused = ErrorKind::Unreachable(Unreachable::Refused);
    assert_eq!((error.kind(), error.request_sent()), (refused, false));
    assert_eq!(error.to_string(), "the tenant refused the connection");
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    let io = causes.find_map(|cause| cause.downcast_ref::<std::io::Error>());
    assert_eq!(io.unwrap().kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_client_without_a_runtime_says_so() {
    let client = Client::new("acme.logonbox.directory").unwrap();
    let call = pin!(client.keys("lee"));
    let mut context = Context::from_waker(Waker::noop());
    let std::task::Poll::Ready(Err(error)) = call.poll(&mut context) else {
        panic!("no error");
    };
    assert_eq!(error.to_string(), "this machine failed: no tokio runtime");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_client_closes_its_connection() {
    let tenant = tenant();
    let client = client(&tenant);
    client.keys("approve").await.unwrap();
    assert_eq!(tenant.open_connections(), 1);
    drop(client);
    assert!(tenant.wait_for(PATIENCE, |seen| seen.open == 0));
}

#[tokio::test]
async fn a_deadline_holds_whatever_the_tenant_does() {
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
        let error = client.keys("approve").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{silence:?}: {error}");
        // Far below the default of 5 s.
        assert!(before.elapsed() < Duration::from_secs(4), "{silence:?}");
    }
}

/// Sources of a program's own.
struct Canned {
    listing: String,
    payloads: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl KeySource for Canned {
    fn list_keys<'a>(&'a self, principal: &'a str) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            if principal == "lee" {
                Ok(self.listing.clone())
            } else {
                Err(Error::new(ErrorKind::NoSuchAccount, "not in the list"))
            }
        })
    }
}

impl SignatureSource for Canned {
    fn request_signature<'a>(
        &'a self,
        request: &'a SignRequest,
    ) -> BoxFuture<'a, Result<Signature, Error>> {
        Box::pin(async move {
            let payload = request.payload().to_vec();
            self.payloads.lock().unwrap().push(payload);
            Ok(vec![0; 64].into())
        })
    }
}

struct Sevens;

impl RandomSource for Sevens {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(7);
        Ok(())
    }
}

#[tokio::test]
async fn every_part_can_be_replaced() {
    let payloads = Arc::new(Mutex::new(Vec::new()));
    let canned = Arc::new(Canned {
        listing: format!("# Authorized Keys\n{ED25519}\n"),
        payloads: payloads.clone(),
    });
    // The name does not exist, and is not looked up.
    let client = Client::builder("tenant.invalid".parse().unwrap())
        .key_source(canned.clone())
        .signature_source(canned)
        .random_source(Arc::new(Sevens))
        .build()
        .unwrap();
    let response: Response = client.authenticate("lee").await.unwrap();
    let payloads = payloads.lock().unwrap().concat();
    assert_eq!((payloads.len(), &payloads[..2]), (128, &[0x87, 7][..]));
    // Signatures of any source are verified.
    assert_eq!(
        response.verify().unwrap_err().kind(),
        ErrorKind::BadSignature
    );
    assert_eq!(
        client.keys("kim").await.unwrap_err().kind(),
        ErrorKind::NoSuchAccount
    );
}

/// A tenant in a closure: it publishes one key and signs with it.
fn in_a_closure(request: &Request<Body>) -> Answer<Body> {
    let phone = SigningKey::from_bytes(&[7; 32]);
    let uri = request.uri().to_string();
    let answer = if request.method() == "GET" {
        assert_eq!(
            uri,
            "https://tenant.invalid/app/api/authenticator/keys/lee%40acme.com"
        );
        let key = phone.verifying_key();
        let blob = [b"\0\0\0\x0bssh-ed25519\0\0\0\x20", &key.to_bytes()[..]].concat();
        format!(
            "# Authorized\nssh-ed25519 {} LogonBox Key",
            STANDARD.encode(blob)
        )
    } else {
        assert_eq!(
            uri,
            "https://tenant.invalid/app/api/authenticator/signPayload"
        );
        let form = str::from_utf8(request.body().as_bytes()).unwrap();
        let (_, payload) = form.rsplit_once("payload=").unwrap();
        let payload = URL_SAFE.decode(payload.replace("%3D", "=")).unwrap();
        let signature = URL_SAFE.encode(phone.sign(&payload).to_bytes());
        format!(r#"{{"success":true,"signature":"{signature}"}}"#)
    };
    Answer::new(Body::from(answer.into_bytes()))
}

#[tokio::test]
async fn the_http_client_can_be_a_closure() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let limits = seen.clone();
    let client = Client::builder("tenant.invalid".parse().unwrap())
        .connect_timeout(Duration::from_secs(3))
        .person_timeout(Duration::from_secs(30))
        .http_client(move |request: Request<Body>, limit: Limits| {
            limits.lock().unwrap().push(limit);
            async move { Ok(in_a_closure(&request)) }
        })
        .build()
        .unwrap();
    let response = client.authenticate("lee@acme.com").await.unwrap();
    assert_eq!(response.verify().unwrap().principal(), "lee@acme.com");
    let expected = [
        Limits::new(Duration::from_secs(3), 256 << 10),
        Limits::new(Duration::from_secs(30), 64 << 10),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);

    let broken = Client::builder("tenant.invalid".parse().unwrap())
        .http_client(|_, _| async {
            let error = HttpError::new(logonbox_authenticator::HttpErrorKind::TimedOut, "slow");
            Err(error.after_sending())
        })
        .build()
        .unwrap();
    let error = broken.keys("lee").await.unwrap_err();
    assert_eq!(error.to_string(), "no answer in time: slow");
    assert!(!error.request_sent(), "a key list rings no phone");
}

/// A client and what it returns can be shared and moved between threads, and an error boxed.
#[test]
fn nothing_is_bound_to_a_thread() {
    fn both<T: Send + Sync + 'static>() {}
    fn moves<T: Send>(_: T) {}
    both::<(Client, ClientBuilder)>();
    let client = Client::new("acme.logonbox.directory").unwrap();
    moves((client.keys("lee"), client.authenticate("lee")));
    both::<(AuthorizedKeys, PublicKey, SignRequest, Response, Approval)>();
    both::<(Redirect, RedirectRequest, SavedRequest, Payload, Signature)>();
    let _: Box<dyn std::error::Error + Send + Sync> = Error::new(ErrorKind::Local, "").into();
}

/// Errors of the parts become errors of the client, with `?`.
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

#[tokio::test]
async fn what_is_printed_holds_no_secrets() {
    let tenant = tenant();
    let client = client(&tenant);
    let keys = client.keys("approve").await.unwrap();
    let request = client.request("approve", &keys.keys()[0]).unwrap();
    let byte = format!("{:?}", &request.payload()[..4]);
    let printed = format!("{request:?}");
    assert!(
        !printed.contains(byte.trim_matches(['[', ']'])),
        "{printed}"
    );
    let response = client.sign(request).await.unwrap();
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
