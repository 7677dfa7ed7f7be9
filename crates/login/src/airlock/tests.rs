//! The person and the clock are scripted. Airlock is the simulated one.

use std::path::Path;

use tenant::{Options, Tenant};

use super::*;
use crate::config::Mode;
use crate::host::User;
use crate::log::LogFields;
use crate::progress::Unobserved;
use crate::scripted::{Answer, NoLog, ScriptedClock, ScriptedHost, ScriptedSystem, Time};
use crate::texts::Texts;

const PASSWORD: &str = "correct-horse";

struct Ended {
    refusal: Refusal,
    pauses: usize,
    fields: LogFields,
}

/// One login, in which the person presses Ctrl-C in every pause that takes time.
fn log_in(tenant: &Tenant, user: &str, account: &str, answers: &[Answer]) -> Ended {
    let text = format!(
        "mode = \"airlock\"\n[airlock]\nurl = {:?}\naccount = {account:?}\n",
        tenant.airlock_url()
    );
    let config = Arc::new(Config::parse(Path::new("test"), &text, "").unwrap());
    let Mode::Airlock(url) = &config.mode else {
        panic!("not Airlock");
    };
    let builder = client_builder(&config, url, None)
        .unwrap()
        .ca_pem(tenant.ca_pem());
    let time = Time::default();
    let mut host = ScriptedHost {
        service: "sudo",
        time: time.clone(),
        answers: answers.iter().copied().collect(),
        ..ScriptedHost::default()
    };
    let mut clock = ScriptedClock {
        time,
        pauses_are_interrupted: true,
        ..ScriptedClock::default()
    };
    let mut fields = LogFields::default();
    let context = Context {
        host: &mut host,
        clock: &mut clock,
        observer: &mut Unobserved,
        system: Arc::new(ScriptedSystem::default()),
        log: Arc::new(NoLog),
        texts: Texts::ENGLISH,
        fields: &mut fields,
    };
    let person = Person {
        user: User::Named(user.to_owned()),
        becomes: None,
    };
    let refusal = login(&config, builder, &person, None, context).unwrap_err();
    Ended {
        refusal,
        pauses: clock.pauses.len(),
        fields,
    }
}

fn types(text: &'static str) -> Answer {
    Answer {
        text: Some(text),
        ..Answer::default()
    }
}

fn tenant() -> Tenant {
    Tenant::start(Options::default()).unwrap()
}

#[test]
fn all_refusals_of_airlock_are_delayed_like_a_wrong_password() {
    for (account, reason) in [
        ("token", Reason::WrongPassword),
        ("protected", Reason::Refused),
        ("locked", Reason::Locked),
        // Otherwise a caller learns at once that the password was right.
        ("password-only", Reason::Refused),
    ] {
        let wrong = reason == Reason::WrongPassword;
        let password = types(if wrong { "wrong" } else { PASSWORD });
        let ended = log_in(&tenant(), "lee", account, &[password]);
        // A Ctrl-C in the delay does not change the log or the code.
        assert_eq!(ended.refusal.reason, reason, "{account}");
        assert!(ended.refusal.request_sent, "{account}");
        assert_eq!(ended.pauses, 1, "{account}");
    }
}

#[test]
fn an_unknown_user_is_delayed_in_the_same_way() {
    let ended = log_in(&tenant(), "nobody-such", "token", &[types(PASSWORD)]);
    assert_eq!(ended.refusal.reason, Reason::UnknownUser);
    assert!(ended.refusal.request_sent);
    assert_eq!(ended.pauses, 1);
}

/// The time must not reveal user names, and sshd replaces the passwords of unknown users by junk.
#[test]
fn airlock_is_asked_for_a_session_without_a_name_and_a_password() {
    const JUNK: &str = "\x08\n\r\x7fINC";
    for (user, typed, reason) in [
        ("nobody-such", PASSWORD, Reason::UnknownUser),
        ("nobody-such", JUNK, Reason::UnknownUser),
        ("nobody-such", "", Reason::UnknownUser),
        ("lee", JUNK, Reason::WrongPassword),
        ("lee", "", Reason::WrongPassword),
    ] {
        let tenant = tenant();
        let ended = log_in(&tenant, user, "token", &[types(typed)]);
        assert_eq!(ended.refusal.reason, reason, "{user} {typed:?}");
        assert!(ended.refusal.request_sent);
        assert_eq!(ended.pauses, 1);
        let requests = tenant.airlock_requests();
        assert!(!requests.is_empty(), "{user} {typed:?}");
        let asked = requests.iter().any(|call| call.path.contains("password"));
        assert!(!asked, "{requests:#?}");
    }
}

#[test]
fn an_otp_after_ctrl_c_is_not_sent() {
    let tenant = tenant();
    let ctrl_c = Answer {
        ctrl_c: true,
        ..types("A1b2C3")
    };
    let ended = log_in(&tenant, "lee", "otp", &[types(PASSWORD), ctrl_c]);
    assert_eq!(ended.refusal.reason, Reason::Interrupted);
    assert!(ended.refusal.request_sent);
    let requests = tenant.airlock_requests();
    let last = requests.last().unwrap();
    assert!(last.path.ends_with("/password/check/"), "{last:#?}");
}

/// Operators set an alarm on the first hint. A later hint must not replace it.
#[test]
fn hints_add_up() {
    // The state directory does not exist, and the QR code is broken.
    let answers = [types(PASSWORD), Answer::default()];
    let ended = log_in(&tenant(), "lee", "token.image-not-png", &answers);
    let hints = ended.fields.hints();
    assert!(hints.contains("attempts cannot be counted"), "{hints}");
    assert!(hints.contains("QR code could not be drawn"), "{hints}");
}

#[test]
fn a_server_timeout_is_not_reported_as_a_phone_timeout() {
    let refusal = no_answer(Stopped::Deadline);
    assert_eq!(refusal.reason, Reason::TimedOut);
    assert!(refusal.request_sent);
    assert_eq!(refusal.message, Some(Text::NotReached));
    assert_eq!(no_answer(Stopped::Interrupted("SIGINT")).message, None);
}
