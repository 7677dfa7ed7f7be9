//! `pam_logonbox`: Linux login with a second factor, by phone or through Airlock IAM.
//!
//! A login flows one way: hook → [`config`] → [`policy`] → [`login`] → client crate →
//! [`verdict`] → one line in the [`log`] → PAM code. [`run`] is that way; everything C is in
//! [`pam`].
#![deny(unsafe_code)]

#[forbid(unsafe_code)]
pub mod args;
#[forbid(unsafe_code)]
pub mod config;
/// Parsers that only their fuzz targets reach from outside.
#[cfg(fuzzing)]
#[doc(hidden)]
#[forbid(unsafe_code)]
pub mod fuzz;
#[forbid(unsafe_code)]
pub mod host;
#[forbid(unsafe_code)]
pub mod log;
#[forbid(unsafe_code)]
pub mod login;
#[cfg(test)]
#[forbid(unsafe_code)]
mod manual;
#[allow(unsafe_code, reason = "PAM speaks C")]
pub mod pam;
#[forbid(unsafe_code)]
pub mod pins;
#[forbid(unsafe_code)]
pub mod policy;
#[forbid(unsafe_code)]
pub mod qr;
#[forbid(unsafe_code)]
pub mod text;
#[forbid(unsafe_code)]
pub mod verdict;
#[forbid(unsafe_code)]
pub mod wait;

use std::ffi::CStr;
use std::time::Duration;

pub use ::pam::constants::PamResultCode;
use logonbox_authenticator::Canceller;

use crate::args::Args;
use crate::config::{Airlock, Config, LogonBox, Mode};
use crate::host::{Host, Step, System};
use crate::log::{Line, Log, Severity};
use crate::login::{MakeClient, Notes, Parties, airlock, push};
use crate::policy::Exemption;
use crate::verdict::{NOT_REACHED, Outcome, Proof, Refusal, Word};
use crate::wait::Waiter;

/// One authentication, from the arguments to the PAM code.
pub fn run(
    words: &[&CStr],
    host: &mut dyn Host,
    system: &dyn System,
    waiter: &mut dyn Waiter,
    log: &dyn Log,
) -> PamResultCode {
    let started = waiter.now();
    let mut report = Report::default();
    let outcome = authenticate(words, host, system, waiter, &mut report);
    let seconds = waiter.now().duration_since(started);
    let (severity, line) = report.line(&outcome, &host.rhost(), seconds);
    log.write(severity, &line);
    if let Some(words) = report.words(&outcome) {
        host.complain(&words);
    }
    code(&outcome, &host.service())
}

/// What the log line and the last words to the person are made of, besides the outcome.
#[derive(Debug, Default)]
struct Report {
    /// Whom the host names.
    user: String,
    /// Who calls su, where they are asked in that user's place.
    caller: String,
    notes: Notes,
    /// `login_seconds`.
    person: Duration,
}

fn authenticate(
    words: &[&CStr],
    host: &mut dyn Host,
    system: &dyn System,
    waiter: &mut dyn Waiter,
    report: &mut Report,
) -> Outcome {
    let Ok(user) = host.user() else {
        return Outcome::Refused(Refusal::new(Word::Conversation, "the host names no user"));
    };
    user.shown().clone_into(&mut report.user);
    let configuration = |what: String| Refusal::new(Word::Configuration, what);
    let checked = Args::parse(words.iter().copied())
        .map_err(configuration)
        .and_then(|args| match Config::load(&args.path) {
            Ok(config) => Ok((args, config)),
            Err(error) => Err(configuration(error.to_string())),
        });
    let (args, config) = match checked {
        Ok(checked) => checked,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    report.person = config.wait.person;
    host.reached(Step::Configured(&config));
    let person = match policy::person(&config.policy, system, &user, &host.service()) {
        Ok(person) => person,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    if person.becomes.is_some() {
        person.user.shown().clone_into(&mut report.caller);
    }
    let hint = match policy::exemption(&config.policy, system, &person.user, &host.rhost()) {
        Ok(Exemption::Exempt(why)) => return Outcome::Exempt(why),
        Ok(Exemption::Asked(hint)) => hint,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    host.reached(Step::NotExempt);
    let debug = args.debug.then(|| host.service());
    let notes = &mut report.notes;
    let result = match &config.mode {
        Mode::Push(logonbox) => {
            let parties = Parties {
                make_client: logonbox_client(&config, logonbox, debug),
                host,
                system,
                waiter,
            };
            push::login(&config, logonbox, &person, parties, notes).map(Proof::Signature)
        }
        Mode::Airlock(airlock) => {
            let parties = Parties {
                make_client: airlock_client(&config, airlock, debug),
                host,
                system,
                waiter,
            };
            airlock::login(&config, airlock, &person, parties, notes).map(Proof::Flow)
        }
    };
    notes.hint(&hint);
    let outcome = match result {
        Ok(proof) => Outcome::Approved(proof),
        Err(mut refusal) => {
            if policy::goes_on_without(&config, system, waiter, &mut refusal) {
                Outcome::Ignored(refusal)
            } else {
                return Outcome::Refused(refusal);
            }
        }
    };
    // The modules after this one act for the user whom the host names.
    if host.user() != Ok(user) {
        let reason = "the host changed the user during the login";
        let refusal = Refusal::new(Word::Conversation, reason);
        return Outcome::Refused(match outcome {
            Outcome::Ignored(_) => refusal,
            _ => refusal.after_ringing(),
        });
    }
    outcome
}

/// How the LogonBox client is made. `debug` names the service whose log its diagnostics go to.
#[must_use]
pub fn logonbox_client(
    config: &Config,
    logonbox: &LogonBox,
    debug: Option<String>,
) -> MakeClient<logonbox_authenticator::Client, logonbox_authenticator::Error> {
    use logonbox_authenticator::{Client, Error, ErrorKind};
    let (config, logonbox) = (config.clone(), logonbox.clone());
    Box::new(move |canceller: &Canceller| {
        if let Some(service) = debug {
            log::debug_to(&service);
        }
        let mut builder = Client::builder(logonbox.tenant)
            .algorithms(&logonbox.algorithms)
            .connect_timeout(config.wait.connect)
            .person_timeout(config.wait.person)
            .canceller(canceller);
        let ca = config.tls.ca_pem();
        if let Some(pem) = ca.map_err(|what| Error::new(ErrorKind::Local, what))? {
            builder = builder.ca_pem(pem);
        }
        if let Some(proxy) = &config.tls.proxy {
            builder = builder.proxy(proxy);
        }
        builder.build()
    })
}

/// The same for Airlock's.
fn airlock_client(
    config: &Config,
    airlock: &Airlock,
    debug: Option<String>,
) -> MakeClient<airlock_iam::Client, airlock_iam::Error> {
    use airlock_iam::{Application, Client, Error, ErrorKind};
    let (config, airlock) = (config.clone(), airlock.clone());
    Box::new(move |canceller: &Canceller| {
        if let Some(service) = debug {
            log::debug_to(&service);
        }
        let application = airlock.application.as_deref();
        let mut builder = Client::builder(airlock.url)
            .application(application.map_or(Application::None, Application::Id))?
            .timeout(config.wait.connect)
            .canceller(canceller);
        let ca = config.tls.ca_pem();
        if let Some(pem) = ca.map_err(|what| Error::new(ErrorKind::Local, what))? {
            builder = builder.ca_pem(pem);
        }
        if let Some(proxy) = &config.tls.proxy {
            builder = builder.proxy(proxy);
        }
        builder.build()
    })
}

/// The one place that turns an outcome into a PAM code; the reasons are in the README's table.
fn code(outcome: &Outcome, service: &str) -> PamResultCode {
    let refusal = match outcome {
        Outcome::Approved(_) => return PamResultCode::PAM_SUCCESS,
        Outcome::Exempt(_) | Outcome::Ignored(_) => return PamResultCode::PAM_IGNORE,
        Outcome::Refused(refusal) => refusal,
    };
    match refusal.word {
        Word::Panic => PamResultCode::PAM_ABORT,
        // Hosts try most codes again by themselves, and each try would ring the phone.
        _ if refusal.rung && matches!(service, "sudo" | "sudo-i") => PamResultCode::PAM_ABORT,
        _ if refusal.rung => PamResultCode::PAM_MAXTRIES,
        Word::Configuration => PamResultCode::PAM_SERVICE_ERR,
        Word::Conversation | Word::Interrupted => PamResultCode::PAM_CONV_ERR,
        Word::Unreachable | Word::Tls | Word::BadAnswer | Word::TimedOut | Word::LocalFailure => {
            PamResultCode::PAM_AUTHINFO_UNAVAIL
        }
        Word::NoAccount
        | Word::NoKey
        | Word::UnknownUser
        | Word::Limit
        | Word::WrongPassword
        | Word::WrongOtp
        | Word::Locked
        | Word::UnsupportedStep
        | Word::Declined
        | Word::Refused
        | Word::BadSignature => PamResultCode::PAM_AUTH_ERR,
    }
}

impl Report {
    /// The last words to the person.
    fn words(&self, outcome: &Outcome) -> Option<String> {
        let (Outcome::Refused(refusal) | Outcome::Ignored(refusal)) = outcome else {
            return None;
        };
        if let Some(words) = &refusal.say {
            return Some(words.clone());
        }
        Some(match refusal.word {
            Word::Declined => "Login denied on the phone.".to_owned(),
            Word::TimedOut if refusal.rung => {
                format!(
                    "No answer from the phone within {} s.",
                    self.person.as_secs()
                )
            }
            Word::Unreachable | Word::Tls | Word::TimedOut if !refusal.rung => {
                NOT_REACHED.to_owned()
            }
            _ => "Login refused.".to_owned(),
        })
    }

    fn line(&self, outcome: &Outcome, rhost: &str, time: Duration) -> (Severity, String) {
        let (severity, word, reason) = match outcome {
            Outcome::Approved(proof) => {
                let reason = match proof {
                    Proof::Flow(login) if !login.had_second_factor() => "without a second factor",
                    Proof::Flow(_) | Proof::Signature(_) => "",
                };
                (Severity::Info, "approved", reason.to_owned())
            }
            Outcome::Exempt(why) => (Severity::Info, "exempt", why.clone()),
            Outcome::Ignored(refusal) => (
                Severity::Warning,
                refusal.word.as_str(),
                format!("{}; ignored by on_unavailable", refusal.reason),
            ),
            Outcome::Refused(refusal) => (
                match refusal.word {
                    Word::Configuration | Word::LocalFailure | Word::Panic => Severity::Error,
                    Word::Unreachable | Word::Tls | Word::BadAnswer | Word::BadSignature => {
                        Severity::Warning
                    }
                    _ => Severity::Notice,
                },
                refusal.word.as_str(),
                refusal.reason.clone(),
            ),
        };
        let line = Line::new(word)
            .with("user", &self.user)
            .with("caller", &self.caller)
            .with("account", &self.notes.account)
            .with("rhost", rhost)
            .with("device", &self.notes.device)
            .with("key", &self.notes.key)
            .with("seconds", &format!("{:.1}", time.as_secs_f64()))
            .with("reason", &reason)
            .with("hint", &self.notes.hint)
            .finish();
        (severity, line)
    }
}
