//! The flow over real HTTPS.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic fails a test")]

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_iam::{
    Application, Body, Client, Error, ErrorKind, Hint, Limits, LoggedIn, Next, OtpStep, Polled,
    Unreachable,
    http::{Request, Response},
};
use tenant::{Airlock, Options, Tenant, Token};
use tokio::sync::Barrier;

const PASSWORD: &str = "correct-horse";
const SERIAL: &str = "GAQT12345678";
const PATIENCE: Duration = Duration::from_secs(20);

fn tenant(airlock: Airlock) -> Tenant {
    Tenant::start(Options {
        airlock,
        ..Options::default()
    })
    .unwrap()
}

fn client(tenant: &Tenant) -> Client {
    Client::builder(tenant.airlock_url().parse().unwrap())
        .ca_pem(tenant.ca_pem())
        .build()
        .unwrap()
}

async fn check(tenant: &Tenant, user: &str, password: &str) -> Result<Next, Error> {
    check_with(&client(tenant), user, password).await
}

async fn check_with(client: &Client, user: &str, password: &str) -> Result<Next, Error> {
    Ok(client.begin().await?.check(user, password).await?)
}

async fn otp_step(next: Next) -> OtpStep {
    match next {
        Next::QrChallenge(challenge) => challenge.retrieve().await.unwrap(),
        Next::Otp(step) => step,
        other => panic!("{other:?}"),
    }
}

/// The OTP that a token shows for this step's image.
fn scan(step: &OtpStep) -> String {
    let Hint::QrCode(png) = step.hint() else {
        panic!("{:?}", step.hint());
    };
    Token::new(SERIAL).read_image(png).unwrap()
}

async fn log_out(next: Next) -> LoggedIn {
    match next {
        Next::Finished(finished) => finished.log_out().await,
        other => panic!("{other:?}"),
    }
}

/// Airlock understood all requests.
fn without_problems(tenant: &Tenant) {
    for request in tenant.airlock_requests() {
        assert_eq!(request.problem, None, "{request:#?}");
    }
}

#[tokio::test]
async fn the_documented_flow() {
    let tenant = tenant(Airlock::default());
    let Next::DeviceChoice(choice) = check(&tenant, "devices", PASSWORD).await.unwrap() else {
        panic!("no choice");
    };
    let list = choice.devices().await.unwrap();
    let devices: Vec<_> = list
        .devices()
        .iter()
        .map(|device| (device.display_name(), device.device_type()))
        .collect();
    assert_eq!(devices, [("Lee's iPhone", "IOS"), (SERIAL, "HWTOKEN")]);
    let step = otp_step(list.select(1).await.unwrap()).await;
    let otp = scan(&step);
    let proof = log_out(step.check(&otp).await.unwrap()).await;
    assert!(proof.had_second_factor());
    assert_eq!(tenant.airlock_sessions(), 0);
    assert_eq!(tenant.connections(), 1);
    without_problems(&tenant);
    for request in tenant.airlock_requests() {
        let length = (request.method == "POST").then(|| request.body.len().to_string());
        assert_eq!(
            request.http.header("content-length"),
            length.as_deref(),
            "{request:#?}"
        );
    }
}

#[tokio::test]
async fn a_gateway_s_cookies_and_tokens_are_returned() {
    let tenant = tenant(Airlock::default().gateway().session_cookie("x"));
    let step = otp_step(check(&tenant, "token", PASSWORD).await.unwrap()).await;
    let otp = scan(&step);
    assert!(
        log_out(step.check(&otp).await.unwrap())
            .await
            .had_second_factor()
    );
    without_problems(&tenant);
}

#[tokio::test]
async fn two_logins_of_one_client_share_a_connection_and_no_cookies() {
    let tenant = tenant(Airlock::default());
    let client = client(&tenant);
    let first = otp_step(check_with(&client, "token", PASSWORD).await.unwrap()).await;
    let second = otp_step(check_with(&client, "otp", PASSWORD).await.unwrap()).await;
    let otp = scan(&first);
    for next in [first.check(&otp).await, second.check("A1b2C3").await] {
        assert!(log_out(next.unwrap()).await.had_second_factor());
    }
    assert_eq!((tenant.connections(), tenant.airlock_sessions()), (1, 0));
    without_problems(&tenant);
}

#[tokio::test]
async fn an_application_can_be_chosen_first() {
    for (demanded, application) in [("ssh", Application::Id("ssh")), ("", Application::Default)] {
        let tenant = tenant(Airlock::default().application(demanded));
        let builder =
            || Client::builder(tenant.airlock_url().parse().unwrap()).ca_pem(tenant.ca_pem());
        let client = builder().application(application).unwrap().build().unwrap();
        let step = otp_step(check_with(&client, "otp", PASSWORD).await.unwrap()).await;
        let proof = log_out(step.check("A1b2C3").await.unwrap()).await;
        assert!(proof.had_second_factor());
        without_problems(&tenant);
        for bad in ["", ".", ".."] {
            let error = builder().application(Application::Id(bad)).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}

#[tokio::test]
async fn a_wrong_password_can_be_tried_again_if_airlock_says_so() {
    let tenant = tenant(Airlock::default());
    let step = client(&tenant).begin().await.unwrap();
    let rejected = step.check("otp", "wrong").await.unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::WrongPassword);
    let next = rejected
        .again
        .unwrap()
        .check("otp", PASSWORD)
        .await
        .unwrap();
    assert!(matches!(next, Next::Otp(_)));
    without_problems(&tenant);
}

#[tokio::test]
async fn a_wrong_otp_can_be_tried_again_if_airlock_says_so() {
    let tenant = tenant(Airlock::default());
    let step = otp_step(check(&tenant, "token", PASSWORD).await.unwrap()).await;
    let otp = scan(&step);
    let rejected = step.check("000000").await.unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::WrongOtp);
    let again = rejected.again.unwrap();
    assert_eq!(scan(&again), otp, "the challenge is the same");
    assert!(
        log_out(again.check(&otp).await.unwrap())
            .await
            .had_second_factor()
    );

    let step = otp_step(
        check(&tenant, "otp.one-try.lock-expiry", PASSWORD)
            .await
            .unwrap(),
    )
    .await;
    let rejected = step.check("000000").await.unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::WrongOtp);
    assert!(rejected.again.is_none());
    assert!(rejected.error.locked_until().is_some());
    without_problems(&tenant);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let tenant = tenant(Airlock::default());
    for (user, kind) in [
        ("locked", ErrorKind::Locked),
        ("locked-until", ErrorKind::TemporarilyLocked),
        ("protected", ErrorKind::Refused),
        ("fido", ErrorKind::UnsupportedStep),
        ("otp.password-html", ErrorKind::NotUnderstood),
        ("otp.password-redirect", ErrorKind::NotUnderstood),
        (
            "otp.password-500",
            ErrorKind::Unreachable(Unreachable::ServerError),
        ),
        (
            "otp.password-reset",
            ErrorKind::Unreachable(Unreachable::Cut),
        ),
    ] {
        let error = check(&tenant, user, PASSWORD).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{user}: {error}");
        assert!(error.request_sent());
    }
    let error = check(&tenant, "locked-until", PASSWORD).await.unwrap_err();
    let left = error.locked_until().unwrap().remaining().unwrap();
    assert!(
        left > Duration::from_secs(200) && left <= Duration::from_secs(300),
        "{left:?}"
    );
    assert!(!tenant.redirect_followed());
}

#[tokio::test]
async fn nothing_has_left_without_a_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = |address| format!("https://{address}/auth/rest");
    let client = |address, timeout| {
        Client::builder(url(address).parse().unwrap())
            .ca_pem(tenant(Airlock::default()).ca_pem())
            .timeout(timeout)
            .build()
            .unwrap()
    };
    // This listener never speaks TLS.
    let silent = listener.local_addr().unwrap();
    let error = client(silent, Duration::from_millis(300))
        .begin()
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.request_sent()),
        (ErrorKind::TimedOut, false)
    );
    let nobody = servers::vacant().unwrap();
    let error = client(nobody, PATIENCE).begin().await.unwrap_err();
    let refused = ErrorKind::Unreachable(Unreachable::Refused);
    assert_eq!((error.kind(), error.request_sent()), (refused, false));
}

#[tokio::test]
async fn a_phone_is_polled_until_it_has_answered() {
    let tenant = tenant(Airlock::default());
    let Next::OneTouch(mut step) = check(&tenant, "phone", PASSWORD).await.unwrap() else {
        panic!("no One-Touch");
    };
    let mut polls = 1;
    let next = loop {
        match step.poll().await.unwrap() {
            Polled::Pending(pending) => step = pending,
            Polled::Next(next) => break next,
        }
        polls += 1;
    };
    assert_eq!(polls, 3);
    assert!(log_out(next).await.had_second_factor());
    without_problems(&tenant);
}

#[tokio::test]
async fn a_password_alone_is_finished_only_if_it_is_accepted() {
    let tenant = tenant(Airlock::default());
    let only = async || match check(&tenant, "password-only", PASSWORD).await.unwrap() {
        Next::PasswordOnly(only) => only,
        other => panic!("{other:?}"),
    };
    only().await.abandon().await;
    assert_eq!(tenant.airlock_sessions(), 0);
    let finished = only().await.accept_without_second_factor();
    let proof = finished.log_out().await;
    assert!(!proof.had_second_factor());
    assert_eq!(tenant.airlock_sessions(), 0);
}

#[tokio::test]
async fn a_flow_that_is_given_up_is_cleared() {
    let tenant = tenant(Airlock::default());
    otp_step(check(&tenant, "token", PASSWORD).await.unwrap())
        .await
        .abandon()
        .await;
    let requests = tenant.airlock_requests();
    let last = requests.last().unwrap();
    assert_eq!(
        (&*last.method, &*last.path),
        ("DELETE", "/public/authentication/flow/")
    );
    without_problems(&tenant);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_future_cancels_its_request() {
    let tenant = tenant(Airlock::default());
    let client = Client::builder(tenant.airlock_url().parse().unwrap())
        .ca_pem(tenant.ca_pem())
        .timeout(PATIENCE * 3)
        .build()
        .unwrap();
    let step = client.begin().await.unwrap();
    let login =
        tokio::spawn(async move { step.check("otp.password-never", PASSWORD).await.map(drop) });
    assert!(tenant.wait_for_airlock_requests(2, PATIENCE));
    assert_eq!(tenant.open_connections(), 1);
    login.abort();
    assert!(tenant.wait_for(PATIENCE, |seen| seen.open == 0));
    assert!(client.begin().await.is_ok(), "the client goes on");
}

#[tokio::test]
async fn one_client_serves_many_logins_at_once() {
    const LOGINS: usize = 10;
    let tenant = tenant(Airlock::default());
    let client = client(&tenant);
    // All of them are in the middle of their login before any of them ends.
    let half_way = Arc::new(Barrier::new(LOGINS));
    let logins: Vec<_> = (0..LOGINS)
        .map(|_| {
            let (client, half_way) = (client.clone(), half_way.clone());
            tokio::spawn(async move {
                let step = otp_step(check_with(&client, "token", PASSWORD).await.unwrap()).await;
                half_way.wait().await;
                let otp = scan(&step);
                log_out(step.check(&otp).await.unwrap()).await
            })
        })
        .collect();
    for login in logins {
        assert!(login.await.unwrap().had_second_factor());
    }
    assert_eq!(tenant.airlock_sessions(), 0);
    without_problems(&tenant);
}

#[tokio::test]
async fn the_http_client_can_be_a_closure() {
    const DONE: &str = r#"{"data":{"type":"authentication.session","attributes":{}}}"#;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = seen.clone();
    let send = move |request: Request<Body>, limits: Limits| {
        let cookie = request.headers().get("cookie");
        let cookie = cookie.map(|value| value.to_str().unwrap().to_owned());
        let line = format!("{} {}", request.method(), request.uri());
        requests
            .lock()
            .unwrap()
            .push((line, cookie, limits.timeout));
        async move {
            let answer = Response::builder().header("set-cookie", "AL_SESS-S=x; Path=/");
            Ok(answer.body(Body::from(DONE.as_bytes().to_vec())).unwrap())
        }
    };
    let client = Client::builder("https://iam.invalid/auth/rest".parse().unwrap())
        .http_client(send)
        .timeout(Duration::from_secs(3))
        .build()
        .unwrap();
    let next = check_with(&client, "lee", "geheim").await.unwrap();
    let Next::PasswordOnly(only) = next else {
        panic!("{next:?}");
    };
    assert!(
        !only
            .accept_without_second_factor()
            .log_out()
            .await
            .had_second_factor()
    );
    let base = "https://iam.invalid/auth/rest/public/authentication";
    let cookie = Some("AL_SESS-S=x".to_owned());
    let expected = [
        (
            format!("DELETE {base}/flow/"),
            None,
            Duration::from_millis(3100),
        ),
        (
            format!("POST {base}/password/check/"),
            cookie.clone(),
            Duration::from_secs(3),
        ),
        (format!("DELETE {base}"), cookie, Duration::from_secs(2)),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn an_error_keeps_its_causes() {
    let tenant = tenant(Airlock::default());
    let stranger = Client::new(tenant.airlock_url().parse().unwrap()).unwrap();
    let error = stranger.begin().await.unwrap_err();
    assert!(error.to_string().starts_with("TLS failed: "), "{error}");
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let last = causes.last().unwrap().to_string();
    assert_eq!(last, "invalid peer certificate: UnknownIssuer");
    assert_eq!(
        error.detail(),
        "the certificate is not signed by a trusted CA"
    );
}

/// Clients and steps can move between threads, and so can the futures of their methods.
#[test]
fn nothing_is_bound_to_a_thread() {
    fn both<T: Send + Sync + 'static>() {}
    fn moves<T: Send>(_: T) {}
    both::<(
        Client,
        airlock_iam::ClientBuilder,
        Next,
        Polled,
        LoggedIn,
        Error,
    )>();
    let client = Client::new("https://iam.acme.com/auth/rest".parse().unwrap()).unwrap();
    moves(client.begin());
    moves(async move {
        let next = client.begin().await?.check("lee", "geheim").await?;
        next.abandon().await;
        Ok::<(), Error>(())
    });
}

#[tokio::test]
async fn nothing_secret_is_in_debug_output() {
    let tenant = tenant(Airlock::default());
    let client = client(&tenant);
    let begun = client.begin().await.unwrap();
    let first = format!("{client:?} {begun:?}");
    let step = otp_step(begun.check("token", PASSWORD).await.unwrap()).await;
    let shown = format!("{first} {step:?}");
    let requests = tenant.airlock_requests();
    let (_, value) = requests
        .last()
        .unwrap()
        .http
        .header("cookie")
        .unwrap()
        .split_once('=')
        .unwrap();
    assert!(
        !shown.contains(value) && !shown.contains(PASSWORD),
        "{shown}"
    );
}
