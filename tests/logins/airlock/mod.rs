//! Airlock's login flow, from libpam to the token and back: what the person sees, what Airlock is
//! asked, what the host and the log are told.

mod password;
mod refused;
mod way_in;

use crate::stage::{Login, Running, Stage};
use tenant::{Airlock, Options, Token, User};

pub const PASSWORD: &str = "correct-horse";
const SERIAL: &str = "GAQT12345678";

/// A host that logs in at Airlock as `account`, with more lines for `[airlock]` and for the rest.
pub fn stage(account: &str, airlock: &str, rest: &str) -> Stage {
    let stage = Stage::new("approve");
    configure(&stage, account, airlock, rest);
    stage
}

/// The same for somebody with a token by the OTP `A1b2C3`, who may try as often as they like.
pub fn patient_stage(rest: &str) -> Stage {
    let patient = User::new("patient").otp("A1b2C3").further_tries(u32::MAX);
    let options = Options {
        airlock: Airlock::default().user(patient),
        ..Options::default()
    };
    let stage = Stage::with(options, "approve", "", "");
    configure(&stage, "patient", "", rest);
    stage
}

fn configure(stage: &Stage, account: &str, airlock: &str, rest: &str) {
    configure_at(&stage.tenant.airlock_url(), stage, account, airlock, rest);
}

/// The same at another URL.
pub fn configure_at(url: &str, stage: &Stage, account: &str, airlock: &str, rest: &str) {
    let text = configuration(url, stage, account, airlock, rest);
    stage.write("pam_logonbox.toml", &text);
}

fn configuration(url: &str, stage: &Stage, account: &str, airlock: &str, rest: &str) -> String {
    let ca = stage.path("ca.pem").display().to_string();
    format!(
        "mode = \"airlock\"\n[airlock]\nurl = {url:?}\naccount = {account:?}\n{airlock}\n\
         [tls]\nca_file = {ca:?}\n{rest}\n"
    )
}

/// What the person does at a prompt.
pub enum Answer<'a> {
    Types(&'a str),
    /// Holds the token to the screen.
    Scans,
}

use Answer::{Scans, Types};

/// Answers one prompt after the other. Each must be of this kind, and end so.
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

/// A login of this `account` with these answers after the password.
pub fn log_in(stage: &Stage, answers: &[(&str, &str, Answer<'_>)]) -> Login {
    log_in_to("sshd", stage, answers).0
}

fn log_in_to(
    service: &str,
    stage: &Stage,
    answers: &[(&str, &str, Answer<'_>)],
) -> (Login, Vec<String>) {
    let mut running = stage.start(service, &["rhost=192.0.2.7"]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    let seen = converse(&mut running, answers);
    (running.finish(), seen)
}

/// The text as the person sees it; see `pam_host.c`.
fn unescaped(text: &str) -> String {
    text.replace("\\x0a", "\n").replace("\\\\", "\\")
}

/// What Airlock was asked, without the way there.
pub fn paths(stage: &Stage) -> Vec<String> {
    let requests = stage.tenant.airlock_requests();
    for request in &requests {
        assert_eq!(request.problem, None, "{request:#?}");
    }
    let asked = requests.iter().map(|request| {
        let path = request.path.replace("/public/authentication", "");
        format!("{} {path}", request.method)
    });
    asked.collect()
}

fn otps_checked(stage: &Stage) -> usize {
    let paths = paths(stage);
    paths
        .iter()
        .filter(|path| path.ends_with("otp/check/") || path.ends_with("otp/check"))
        .count()
}

const CHOICE: &str = "Device (1-3): ";
