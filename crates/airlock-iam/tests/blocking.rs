//! The blocking client over real HTTPS.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic fails a test")]

use std::sync::Barrier;
use std::thread;

use airlock_iam::blocking::{Client, Next, OtpStep, Polled};
use airlock_iam::{ErrorKind, Hint};
use tenant::{Airlock, Options, Tenant, Token};

const PASSWORD: &str = "correct-horse";
const SERIAL: &str = "GAQT12345678";

fn tenant() -> Tenant {
    Tenant::start(Options {
        airlock: Airlock::default(),
        ..Options::default()
    })
    .unwrap()
}

fn client(tenant: &Tenant) -> Client {
    Client::builder(tenant.airlock_url().parse().unwrap())
        .ca_pem(tenant.ca_pem())
        .build_blocking()
        .unwrap()
}

fn check(client: &Client, user: &str) -> Next {
    client.begin().unwrap().check(user, PASSWORD).unwrap()
}

fn scan(step: &OtpStep) -> String {
    let Hint::QrCode(png) = step.hint() else {
        panic!("{:?}", step.hint());
    };
    Token::new(SERIAL).read_image(png).unwrap()
}

/// Whether the login had a second factor.
fn log_out(next: Next) -> bool {
    match next {
        Next::Finished(finished) => finished.log_out().had_second_factor(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_documented_flow() {
    let tenant = tenant();
    let client = client(&tenant);
    let rejected = client.begin().unwrap().check("devices", "wrong");
    let rejected = rejected.unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::WrongPassword);
    let next = rejected.again.unwrap().check("devices", PASSWORD).unwrap();
    let Next::DeviceChoice(choice) = next else {
        panic!("{next:?}");
    };
    let list = choice.devices().unwrap();
    assert_eq!(list.devices().len(), 2);
    let next = list.select(1).unwrap();
    let Next::QrChallenge(challenge) = next else {
        panic!("{next:?}");
    };
    let step = challenge.retrieve().unwrap();
    let otp = scan(&step);
    let rejected = step.check("000000").unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::WrongOtp);
    assert!(log_out(rejected.again.unwrap().check(&otp).unwrap()));
    assert_eq!((tenant.airlock_sessions(), tenant.connections()), (0, 1));
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

#[test]
fn a_phone_is_polled_until_it_has_answered() {
    let tenant = tenant();
    let mut next = check(&client(&tenant), "phone");
    let mut polls = 0;
    while let Next::OneTouch(step) = next {
        polls += 1;
        next = match step.poll().unwrap() {
            Polled::Pending(step) => Next::OneTouch(step),
            Polled::Next(next) => next,
        };
    }
    assert_eq!(polls, 3);
    assert!(log_out(next));
}

#[test]
fn each_step_can_be_given_up() {
    let tenant = tenant();
    let client = client(&tenant);
    client.begin().unwrap().abandon();
    for user in ["devices", "token", "otp", "phone", "password-only"] {
        check(&client, user).abandon();
        let requests = tenant.airlock_requests();
        assert_eq!(requests.last().unwrap().method, "DELETE", "{user}");
    }
    let Next::PasswordOnly(only) = check(&client, "password-only") else {
        panic!("no password-only");
    };
    let proof = only.accept_without_second_factor().log_out();
    assert!(!proof.had_second_factor());
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

#[test]
fn several_threads_log_in_at_the_same_time() {
    const LOGINS: usize = 6;
    let tenant = tenant();
    let client = client(&tenant);
    let half_way = Barrier::new(LOGINS);
    let login = || {
        let Next::QrChallenge(challenge) = check(&client, "token") else {
            panic!("no challenge");
        };
        let step = challenge.retrieve().unwrap();
        half_way.wait();
        let otp = scan(&step);
        log_out(step.check(&otp).unwrap())
    };
    thread::scope(|scope| {
        let logins: Vec<_> = (0..LOGINS).map(|_| scope.spawn(login)).collect();
        assert!(logins.into_iter().all(|login| login.join().unwrap()));
    });
    assert_eq!(tenant.airlock_sessions(), 0);
}
