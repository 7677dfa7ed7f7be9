//! What a program's log may show: logins at the level `trace`, also of the libraries below.

#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use airlock_iam::{Client, Next};
use log::{LevelFilter, Log, Metadata, Record};
use tenant::{Options, PASSWORD, Tenant};

const WRONG_PASSWORD: &str = "battery-staple";
const OTP: &str = "A1b2C3";
const WRONG_OTP: &str = "Z9y8X7";

/// Keeps all lines: `LEVEL TARGET: MESSAGE`.
struct Recorder(Mutex<Vec<String>>);

static RECORDER: Recorder = Recorder(Mutex::new(Vec::new()));

impl Log for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }

    fn flush(&self) {}
}

#[tokio::test]
async fn no_secret_is_logged_even_at_trace() {
    log::set_logger(&RECORDER).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let tenant = Tenant::start(Options::default()).unwrap();
    let client = Client::builder(tenant.airlock_url().parse().unwrap())
        .ca_pem(tenant.ca_pem())
        .build()
        .unwrap();
    for user in ["otp", "otp.gateway"] {
        let begun = client.begin().await.unwrap();
        let rejected = begun.check(user, WRONG_PASSWORD).await.unwrap_err();
        let again = rejected.again.unwrap();
        let Next::Otp(step) = again.check(user, PASSWORD).await.unwrap() else {
            panic!("{user} has an OTP");
        };
        let rejected = step.check(WRONG_OTP).await.unwrap_err();
        let next = rejected.again.unwrap().check(OTP).await.unwrap();
        let Next::Finished(finished) = next else {
            panic!("{user} is done");
        };
        let _proof = finished.log_out().await;
    }
    let Next::QrChallenge(challenge) = client
        .begin()
        .await
        .unwrap()
        .check("token", PASSWORD)
        .await
        .unwrap()
    else {
        panic!("a token");
    };
    challenge.retrieve().await.unwrap();

    let lines = RECORDER.0.lock().unwrap().join("\n");
    for told in [
        "DEBUG bounded_https::https: the server answers with HTTP status 200",
        "DEBUG airlock_iam::flow: Airlock answers ",
        // The libraries below are recorded, too.
        "TRACE rustls::",
    ] {
        assert!(lines.contains(told), "{told}\nis not in\n{lines}");
    }

    let mut secrets: BTreeSet<String> = [PASSWORD, WRONG_PASSWORD, OTP, WRONG_OTP]
        .map(str::to_owned)
        .into();
    for request in tenant.airlock_requests() {
        let cookies = request.http.header("cookie").unwrap_or_default();
        for cookie in cookies.split("; ") {
            let (_, value) = cookie.split_once('=').unwrap_or_default();
            // Some cookies hold a word, such as `de`.
            secrets.extend(Some(value.to_owned()).filter(|value| value.len() >= 8));
        }
    }
    // The sessions' cookies, and the Gateway's token.
    assert!(secrets.len() >= 7, "{secrets:?}");
    for secret in secrets {
        assert!(!lines.contains(&secret), "{secret} is logged:\n{lines}");
    }
}
