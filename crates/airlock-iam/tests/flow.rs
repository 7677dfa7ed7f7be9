//! The flow as a program meets it, over real HTTPS.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic fails a test")]
#![allow(
    clippy::disallowed_methods,
    reason = "what happens here happens at real times"
)]

use std::thread;
use std::time::{Duration, Instant};

use airlock_iam::{
    Application, Canceller, Client, Error, ErrorKind, Hint, LoggedIn, Next, OtpStep, Polled,
    Unreachable,
};
use tenant::{Airlock, Options, Tenant, Token};

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

fn check(tenant: &Tenant, user: &str, password: &str) -> Result<Next, Error> {
    Ok(client(tenant).begin()?.check(user, password)?)
}

fn otp_step(next: Next) -> OtpStep {
    match next {
        Next::QrChallenge(challenge) => challenge.retrieve().unwrap(),
        Next::Otp(step) => step,
        other => panic!("{other:?}"),
    }
}

/// What a token answers to this step's image.
fn scan(step: &OtpStep) -> String {
    let Hint::QrCode(png) = step.hint() else {
        panic!("{:?}", step.hint());
    };
    Token::new(SERIAL).read_image(png).unwrap()
}

fn log_out(next: Next) -> LoggedIn {
    match next {
        Next::Finished(finished) => finished.log_out(),
        other => panic!("{other:?}"),
    }
}

/// Every request was one that Airlock understands.
fn without_problems(tenant: &Tenant) {
    for request in tenant.airlock_requests() {
        assert_eq!(request.problem, None, "{request:#?}");
    }
}

#[test]
fn the_documented_flow() {
    let tenant = tenant(Airlock::default());
    let Next::DeviceChoice(choice) = check(&tenant, "devices", PASSWORD).unwrap() else {
        panic!("no choice");
    };
    let list = choice.devices().unwrap();
    let devices: Vec<_> = list
        .devices()
        .iter()
        .map(|device| (device.display_name(), device.device_type()))
        .collect();
    assert_eq!(devices, [("Lee's iPhone", "IOS"), (SERIAL, "HWTOKEN")]);
    let step = otp_step(list.select(1).unwrap());
    let otp = scan(&step);
    let proof = log_out(step.check(&otp).unwrap());
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

#[test]
fn a_gateway_s_cookies_and_tokens_are_returned() {
    let tenant = tenant(Airlock::default().gateway().session_cookie("x"));
    let step = otp_step(check(&tenant, "token", PASSWORD).unwrap());
    let otp = scan(&step);
    log_out(step.check(&otp).unwrap());
    without_problems(&tenant);
}

#[test]
fn two_logins_of_one_client_share_a_connection_and_no_cookies() {
    let tenant = tenant(Airlock::default());
    let client = client(&tenant);
    let first = otp_step(client.begin().unwrap().check("token", PASSWORD).unwrap());
    let second = otp_step(client.begin().unwrap().check("otp", PASSWORD).unwrap());
    let otp = scan(&first);
    log_out(first.check(&otp).unwrap());
    log_out(second.check("A1b2C3").unwrap());
    assert_eq!((tenant.connections(), tenant.airlock_sessions()), (1, 0));
    without_problems(&tenant);
}

#[test]
fn an_application_can_be_chosen_first() {
    for (demanded, application) in [("ssh", Application::Id("ssh")), ("", Application::Default)] {
        let tenant = tenant(Airlock::default().application(demanded));
        let builder =
            || Client::builder(tenant.airlock_url().parse().unwrap()).ca_pem(tenant.ca_pem());
        let client = builder().application(application).unwrap().build().unwrap();
        let step = otp_step(client.begin().unwrap().check("otp", PASSWORD).unwrap());
        log_out(step.check("A1b2C3").unwrap());
        without_problems(&tenant);
        for bad in ["", ".", ".."] {
            let error = builder().application(Application::Id(bad)).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}

#[test]
fn a_wrong_password_can_be_tried_again_where_airlock_says_so() {
    let tenant = tenant(Airlock::default());
    let step = client(&tenant).begin().unwrap();
    let rejected = step.check("otp", "wrong").unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::WrongPassword);
    let next = rejected.again.unwrap().check("otp", PASSWORD).unwrap();
    assert!(matches!(next, Next::Otp(_)));
    without_problems(&tenant);
}

#[test]
fn a_wrong_otp_can_be_tried_again_where_airlock_says_so() {
    let tenant = tenant(Airlock::default());
    let step = otp_step(check(&tenant, "token", PASSWORD).unwrap());
    let otp = scan(&step);
    let rejected = step.check("000000").unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::WrongOtp);
    let again = rejected.again.unwrap();
    assert_eq!(scan(&again), otp, "the challenge is the same");
    assert!(log_out(again.check(&otp).unwrap()).had_second_factor());

    let step = otp_step(check(&tenant, "otp.one-try.lock-expiry", PASSWORD).unwrap());
    let rejected = step.check("000000").unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::WrongOtp);
    assert!(rejected.again.is_none());
    assert!(rejected.error.locked_until().is_some());
    without_problems(&tenant);
}

#[test]
fn refusals_are_told_apart() {
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
        let error = check(&tenant, user, PASSWORD).unwrap_err();
        assert_eq!(error.kind(), kind, "{user}: {error}");
        assert!(error.request_sent());
    }
    let error = check(&tenant, "locked-until", PASSWORD).unwrap_err();
    let left = error.locked_until().unwrap().remaining().unwrap();
    assert!(
        left > Duration::from_secs(200) && left <= Duration::from_secs(300),
        "{left:?}"
    );
    assert!(!tenant.redirect_followed());
}

#[test]
fn nothing_has_left_while_nobody_answers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = |address| format!("https://{address}/auth/rest");
    let client = |address, timeout| {
        Client::builder(url(address).parse().unwrap())
            .ca_pem(tenant(Airlock::default()).ca_pem())
            .timeout(timeout)
            .build()
            .unwrap()
    };
    // A listener that never speaks TLS.
    let silent = listener.local_addr().unwrap();
    let error = client(silent, Duration::from_millis(300))
        .begin()
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.request_sent()),
        (ErrorKind::TimedOut, false)
    );
    let nobody = tenant::vacant().unwrap();
    let error = client(nobody, PATIENCE).begin().unwrap_err();
    let refused = ErrorKind::Unreachable(Unreachable::Refused);
    assert_eq!((error.kind(), error.request_sent()), (refused, false));
}

#[test]
fn a_phone_is_polled_until_it_has_answered() {
    let tenant = tenant(Airlock::default());
    let Next::Approval(mut approval) = check(&tenant, "phone", PASSWORD).unwrap() else {
        panic!("no approval");
    };
    let mut polls = 1;
    let next = loop {
        match approval.poll().unwrap() {
            Polled::Pending(pending) => approval = pending,
            Polled::Next(next) => break next,
        }
        polls += 1;
    };
    assert_eq!(polls, 3);
    assert!(log_out(next).had_second_factor());
    without_problems(&tenant);
}

#[test]
fn a_password_alone_is_finished_only_where_it_is_accepted() {
    let tenant = tenant(Airlock::default());
    let only = || match check(&tenant, "password-only", PASSWORD).unwrap() {
        Next::PasswordOnly(only) => only,
        other => panic!("{other:?}"),
    };
    only().abandon();
    assert_eq!(tenant.airlock_sessions(), 0);
    let proof = only().accept_without_second_factor().log_out();
    assert!(!proof.had_second_factor());
    assert_eq!(tenant.airlock_sessions(), 0);
}

#[test]
fn a_flow_that_is_given_up_is_cleared() {
    let tenant = tenant(Airlock::default());
    otp_step(check(&tenant, "token", PASSWORD).unwrap()).abandon();
    let requests = tenant.airlock_requests();
    let last = requests.last().unwrap();
    assert_eq!(
        (&*last.method, &*last.path),
        ("DELETE", "/public/authentication/flow/")
    );
    without_problems(&tenant);
}

#[test]
fn a_canceller_ends_a_call_at_once() {
    let tenant = tenant(Airlock::default());
    let canceller = Canceller::new();
    let client = Client::builder(tenant.airlock_url().parse().unwrap())
        .ca_pem(tenant.ca_pem())
        .timeout(PATIENCE * 3)
        .canceller(&canceller)
        .build()
        .unwrap();
    let step = client.begin().unwrap();
    let waiting = thread::spawn(move || {
        let error = step
            .check("otp.password-never", PASSWORD)
            .unwrap_err()
            .error;
        (error.kind(), Instant::now())
    });
    let asked = |seen: &tenant::Seen| seen.airlock_requests().len() == 2;
    assert!(tenant.wait_for(PATIENCE, asked));
    canceller.cancel();
    let since = Instant::now();
    let (kind, ended) = waiting.join().unwrap();
    assert_eq!(kind, ErrorKind::Cancelled);
    assert!(ended < since + PATIENCE);
    assert_eq!(client.begin().unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn nothing_secret_is_in_debug_output() {
    let tenant = tenant(Airlock::default());
    let client = client(&tenant);
    let begun = client.begin().unwrap();
    let first = format!("{client:?} {begun:?}");
    let step = otp_step(begun.check("token", PASSWORD).unwrap());
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
