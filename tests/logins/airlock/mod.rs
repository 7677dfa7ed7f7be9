//! Airlock's login flow, from libpam to the token and back: the screen, the requests to Airlock,
//! the result and the log.

mod approved;
mod password;
mod refused;

pub use self::password::assert_begun_and_abandoned;
use crate::setup::{Login, Running, Setup};
use tenant::{Airlock, Options, Token, User};

pub const PASSWORD: &str = "correct-horse";
const SERIAL: &str = "GAQT12345678";

/// A host that logs in at Airlock as `account`, with more lines for `[airlock]` and for the rest.
pub fn setup(account: &str, airlock: &str, rest: &str) -> Setup {
    let setup = Setup::new("approve");
    configure(&setup, account, airlock, rest);
    setup
}

/// A host whose user has the OTP `A1b2C3` and any number of tries.
pub fn patient_setup(rest: &str) -> Setup {
    let patient = User::new("patient").otp("A1b2C3").further_tries(u32::MAX);
    let options = Options {
        airlock: Airlock::default().user(patient),
        ..Options::default()
    };
    let setup = Setup::with(options, "approve", "", "");
    configure(&setup, "patient", "", rest);
    setup
}

fn configure(setup: &Setup, account: &str, airlock: &str, rest: &str) {
    configure_at(&setup.tenant.airlock_url(), setup, account, airlock, rest);
}

/// Writes a configuration for another URL.
pub fn configure_at(url: &str, setup: &Setup, account: &str, airlock: &str, rest: &str) {
    let text = configuration(url, setup, account, airlock, rest);
    setup.write("pam_logonbox.toml", &text);
}

fn configuration(url: &str, setup: &Setup, account: &str, airlock: &str, rest: &str) -> String {
    let ca = setup.path("ca.pem").display().to_string();
    format!(
        "mode = \"airlock\"\n[airlock]\nurl = {url:?}\naccount = {account:?}\n{airlock}\n\
         [tls]\nca_file = {ca:?}\n{rest}\n"
    )
}

/// How the user answers a prompt.
pub enum Answer<'a> {
    Types(&'a str),
    /// Scans the screen with the token.
    Scans,
}

use Answer::{Scans, Types};

/// Answers the prompts in order. Each must be of this kind and end with this text.
fn converse(running: &mut Running, answers: &[(&str, &str, Answer<'_>)]) -> Vec<String> {
    let mut seen = Vec::new();
    for (kind, end, answer) in answers {
        let prompt = unescaped(&running.wait_for(kind).text);
        assert!(prompt.ends_with(end), "{prompt:?} does not end in {end:?}");
        match answer {
            Types(text) => running.type_line(text.as_bytes()),
            Scans => {
                let otp = Token::new(SERIAL).read(&prompt);
                running.type_line(
                    otp.unwrap_or_else(|why| panic!("{why:?}\n{prompt}"))
                        .as_bytes(),
                );
            }
        }
        seen.push(prompt);
    }
    seen
}

/// A login with these answers after the password.
pub fn log_in(setup: &Setup, answers: &[(&str, &str, Answer<'_>)]) -> Login {
    log_in_to("sshd", setup, answers).0
}

fn log_in_to(
    service: &str,
    setup: &Setup,
    answers: &[(&str, &str, Answer<'_>)],
) -> (Login, Vec<String>) {
    let mut running = setup.start(service, &["rhost=192.0.2.7"]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    let seen = converse(&mut running, answers);
    (running.finish(), seen)
}

/// The text as the user sees it; see `pam_host.c`.
fn unescaped(text: &str) -> String {
    text.replace("\\x0a", "\n").replace("\\\\", "\\")
}

/// The requests to Airlock, by method and path.
pub fn paths(setup: &Setup) -> Vec<String> {
    let requests = setup.tenant.airlock_requests();
    for request in &requests {
        assert_eq!(request.problem, None, "{request:#?}");
    }
    let asked = requests.iter().map(|request| {
        let path = request.path.replace("/public/authentication", "");
        format!("{} {path}", request.method)
    });
    asked.collect()
}

fn otps_checked(setup: &Setup) -> usize {
    let paths = paths(setup);
    paths
        .iter()
        .filter(|path| path.ends_with("otp/check/") || path.ends_with("otp/check"))
        .count()
}

const CHOICE: &str = "Device (1-3): ";
