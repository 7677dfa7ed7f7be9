//! One login with `pam_logonbox`, without the C interface.
//!
//! [`run`] takes all steps: arguments → [`config`] → [`policy`] → [`push`] or [`airlock`] →
//! [`outcome`] → one line in the [`log`] → PAM code. `docs/architecture.md` has a picture.
#![forbid(unsafe_code)]

pub mod airlock;
pub mod args;
pub mod bypass;
pub mod clean;
pub mod clock;
pub mod config;
mod conversation;
mod delay;
pub mod directory;
pub mod host;
mod io_thread;
pub mod log;
pub mod network;
pub mod outcome;
pub mod pins;
pub mod policy;
pub mod progress;
pub mod push;
pub mod qr;
#[cfg(test)]
mod scripted;
pub mod system;
pub mod texts;

use std::ffi::CStr;
use std::sync::Arc;
use std::time::Duration;

pub use conversation::{Context, chosen};

use crate::args::Args;
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::host::Host;
use crate::log::{LONG_PATIENCE, Line, Log, LogFields, PATIENCE, Severity};
use crate::outcome::{Code, Outcome, Proof, Reason, Refusal};
use crate::policy::{Exemption, Remember};
use crate::progress::{Observer, Progress};
use crate::system::System;
use crate::texts::Texts;

/// One authentication, from the module's arguments to the PAM code. Writes the decision to the log and
/// shows the person why a login failed.
pub fn run(
    arguments: &[&CStr],
    host: &mut dyn Host,
    system: Arc<dyn System>,
    clock: &mut dyn Clock,
    log: &Arc<dyn Log>,
    observer: &mut dyn Observer,
) -> Code {
    let started = clock.now();
    let mut fields = LogFields::default();
    fields.rhost = host.rhost();
    let mut login_seconds = Duration::ZERO;
    let mut texts = Texts::ENGLISH;
    let context = Context {
        host: &mut *host,
        clock: &mut *clock,
        observer,
        system,
        log: log.clone(),
        texts,
        fields: &mut fields,
    };
    let outcome = authenticate(arguments, context, &mut texts, &mut login_seconds);
    let seconds = clock.now().saturating_duration_since(started);
    let (severity, line) = line(&outcome, &fields, seconds);
    let patience = match outcome {
        Outcome::Refused(_) => PATIENCE,
        _ => LONG_PATIENCE,
    };
    log.write(severity, &line, patience);
    if let Some(message) = outcome.message(login_seconds) {
        host.show_error(&texts.say(&message));
    }
    outcome.code(&host.service())
}

fn authenticate(
    arguments: &[&CStr],
    context: Context<'_>,
    texts: &mut Texts,
    login_seconds: &mut Duration,
) -> Outcome {
    authenticate_or_refuse(arguments, context, texts, login_seconds)
        .unwrap_or_else(Outcome::Refused)
}

fn authenticate_or_refuse(
    arguments: &[&CStr],
    context: Context<'_>,
    texts: &mut Texts,
    login_seconds: &mut Duration,
) -> Result<Outcome, Refusal> {
    let Context {
        host,
        clock,
        observer,
        system,
        log,
        fields,
        ..
    } = context;
    let user = host
        .user()
        .map_err(|_| Refusal::new(Reason::Conversation, "the host names no user"))?;
    user.shown().clone_into(&mut fields.user);
    let wrong = |what: String| Refusal::new(Reason::Configuration, what);
    let args = Args::parse(arguments.iter().copied()).map_err(wrong)?;
    let service = host.service();
    let config = Config::load(&args.path, &service).map_err(|error| wrong(error.to_string()))?;
    let config = Arc::new(config);
    *login_seconds = config.wait.login_seconds;
    *texts = Texts::new(config.conversation.language, || system.has_utf8_terminal());
    observer.progress(Progress::Configured(&config));
    let person = policy::person(&config.policy, &*system, &user, &service)?;
    if person.becomes.is_some() {
        person.user.shown().clone_into(&mut fields.caller);
    }
    let rhost = host.rhost();
    match policy::exemption(&config.policy, &*system, &person.user, &service, &rhost) {
        Exemption::Exempt(why) => return Ok(Outcome::Exempt(why)),
        Exemption::Asked(hint) => fields.add_hint(&hint),
    }
    // Airlock looks the user up when the password is there.
    let known = matches!(config.mode, Mode::Push(_)).then(|| person.known(&*system));
    let name = known.as_ref().and_then(|known| known.clone().ok());
    let remember = name
        .as_ref()
        .filter(|_| person.becomes.is_none())
        .and_then(|name| Remember::new(&config, &*system, name, &service, &rhost));
    if let Some(remember) = &remember {
        match remember.approved_ago(&*system) {
            Ok(Some(ago)) => {
                fields.account.clone_from(&remember.account);
                return Ok(Outcome::Remembered(ago));
            }
            Ok(None) => {}
            Err(hint) => fields.add_hint(&hint),
        }
    }
    observer.progress(Progress::NotExempt);
    let debug = args.debug.then_some(service);
    let context = Context {
        host: &mut *host,
        clock: &mut *clock,
        observer,
        system: system.clone(),
        log,
        texts: *texts,
        fields: &mut *fields,
    };
    let credentials = config.tls.proxy_credentials().map_err(wrong)?;
    let credentials = credentials.as_ref();
    let result = match &config.mode {
        Mode::Push(tenant) => {
            let builder = push::client_builder(&config, tenant, credentials);
            let known = known.unwrap_or_else(|| person.known(&*system));
            push::login(&config, tenant, builder, (&person, known), debug, context)
        }
        Mode::Airlock(url) => airlock::client_builder(&config, url, credentials)
            .map_err(Refusal::from)
            .and_then(|builder| airlock::login(&config, builder, &person, debug, context))
            .map(Proof::Flow),
    };
    let outcome = match result {
        Ok(proof) => Outcome::Approved(proof),
        Err(mut refusal) => {
            // Also with `remember_minutes = 0`: another program may have another configuration.
            if let Some(name) = name.filter(|_| refusal.request_sent)
                && let Err(error) = policy::forget(&*system, &name)
            {
                fields.add_hint(&format!("approvals stay remembered: {error}"));
            }
            if !policy::fails_open(&config, &*system, &mut refusal) {
                return Err(refusal);
            }
            Outcome::Ignored(refusal)
        }
    };
    // Later modules act for the user that the host names.
    if host.user() != Ok(user) {
        let detail = "the host changed the user during the login";
        let refusal = Refusal::new(Reason::Conversation, detail);
        return Err(match outcome {
            Outcome::Ignored(_) => refusal,
            _ => refusal.after_sending(),
        });
    }
    if let (Outcome::Approved(Proof::Signature(_)), Some(remember)) = (&outcome, remember)
        && let Err(hint) = remember.approved(&*system)
    {
        fields.add_hint(&hint);
    }
    Ok(outcome)
}

fn line(outcome: &Outcome, fields: &LogFields, time: Duration) -> (Severity, Line) {
    let (severity, word, reason) = match outcome {
        Outcome::Approved(Proof::Bypass(code)) => {
            (Severity::Warning, "bypass", code.reason().to_owned())
        }
        Outcome::Approved(Proof::Flow(login)) if !login.had_second_factor() => {
            let reason = "without a second factor".to_owned();
            (Severity::Info, "approved", reason)
        }
        Outcome::Approved(_) => (Severity::Info, "approved", String::new()),
        Outcome::Remembered(ago) => {
            let minutes = ago.as_secs() / 60;
            (
                Severity::Info,
                "remembered",
                format!("approved {minutes} min ago"),
            )
        }
        Outcome::Exempt(why) => (Severity::Info, "exempt", why.clone()),
        Outcome::Ignored(refusal) => (
            Severity::Warning,
            refusal.reason.as_str(),
            format!("{}; ignored by on_unavailable", refusal.detail),
        ),
        Outcome::Refused(refusal) => (
            refusal.reason.severity(),
            refusal.reason.as_str(),
            refusal.detail.clone(),
        ),
    };
    let line = fields
        .line(word)
        .with("seconds", &seconds(time))
        .with("reason", &reason)
        .with("hint", fields.hints());
    (severity, line)
}

/// Seconds with one decimal place, without the large code that formats floats.
fn seconds(time: Duration) -> String {
    let tenths = time.as_millis().saturating_add(50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}
