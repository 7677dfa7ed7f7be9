//! The person, the clock and the tenant are scripted: seconds pass at once.

use std::future::pending;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use logonbox_authenticator::{
    BoxFuture, KeySource, SignRequest, Signature, SignatureSource, Unreachable,
};
use tempfile::TempDir;

use super::*;
use crate::config::Mode;
use crate::host::User;
use crate::log::LogFields;
use crate::progress::Unobserved;
use crate::scripted::{Answer, NoLog, ScriptedClock, ScriptedHost, ScriptedSystem, Time};
use crate::texts::Texts;

const LISTING: &str = "# Authorized Keys\nssh-ed25519 \
     AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrIwtSbFr9oRTZNHJfaWcHH7xYKeCRJx8O3N+7+ Pixel 8\n";

/// A tenant that gives every request the same answer.
#[derive(Clone)]
struct Tenant {
    listing: Result<&'static str, ErrorKind>,
    refusal: ErrorKind,
    /// The refusal answers a request that was sent.
    sent: bool,
    /// The phone never answers.
    silent: bool,
    rings: SyncSender<()>,
}

impl KeySource for Tenant {
    fn list_keys<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async {
            self.listing
                .map(str::to_owned)
                .map_err(|kind| Error::new(kind, ""))
        })
    }
}

impl SignatureSource for Tenant {
    fn request_signature<'a>(
        &'a self,
        _: &'a SignRequest,
    ) -> BoxFuture<'a, Result<Signature, Error>> {
        let error = Error::new(self.refusal, "");
        let error = if self.sent {
            error.after_sending()
        } else {
            error
        };
        let silent = self.silent;
        let _ = self.rings.try_send(());
        Box::pin(async move {
            if silent {
                pending::<()>().await;
            }
            Err(error)
        })
    }
}

/// One login, and how it ended.
struct Script {
    service: &'static str,
    user: &'static str,
    tenant: Tenant,
    rings: Receiver<()>,
    /// The settings of `[conversation]`.
    conversation: &'static str,
    authtok: Option<&'static str>,
    system: ScriptedSystem,
    /// A signal comes in during the conversation.
    signalled: bool,
    /// The I/O thread never runs.
    stalled: bool,
    /// A directory of pinned keys, which are required.
    pins: Option<TempDir>,
    answers: Vec<Answer>,
}

struct Ended {
    refusal: Refusal,
    shown: Vec<String>,
    pauses: Vec<Duration>,
    fields: LogFields,
}

impl Default for Script {
    /// `code = "show"`, and the phone declines.
    fn default() -> Self {
        let (sender, rings) = sync_channel(1);
        Self {
            service: "login",
            user: "lee",
            tenant: Tenant {
                listing: Ok(LISTING),
                refusal: ErrorKind::Declined,
                sent: true,
                silent: false,
                rings: sender,
            },
            rings,
            conversation: "code = \"show\"",
            authtok: None,
            system: ScriptedSystem::default(),
            signalled: false,
            stalled: false,
            pins: None,
            answers: Vec::new(),
        }
    }
}

impl Script {
    fn run(mut self) -> Ended {
        let mut text = "[logonbox]\ntenant = \"tenant.invalid\"\n".to_owned();
        if let Some(pins) = &self.pins {
            text.push_str("pins = \"required\"\n");
            self.system.pins_directory = pins.path().to_owned();
        }
        text = format!("{text}[conversation]\n{}\n", self.conversation);
        let config = Arc::new(Config::parse(Path::new("test"), &text, "").unwrap());
        let Mode::Push(tenant) = &config.mode else {
            panic!("not push");
        };
        let time = Time::default();
        time.signalled.set(self.signalled);
        let mut host = ScriptedHost {
            service: self.service,
            time: time.clone(),
            answers: self.answers.into(),
            rings: Some(self.rings),
            authtok: self.authtok,
            ..ScriptedHost::default()
        };
        let mut clock = ScriptedClock {
            time,
            stalled: self.stalled,
            ..ScriptedClock::default()
        };
        let mut fields = LogFields::default();
        let builder = Client::builder("tenant.invalid".parse().unwrap())
            .key_source(self.tenant.clone())
            .signature_source(self.tenant);
        let person = Person {
            user: User::Named(self.user.to_owned()),
            becomes: None,
        };
        let context = Context {
            host: &mut host,
            clock: &mut clock,
            observer: &mut Unobserved,
            system: Arc::new(self.system),
            log: Arc::new(NoLog),
            texts: Texts::ENGLISH,
            fields: &mut fields,
        };
        let known = person.known(&*context.system);
        let person = (&person, known);
        let refusal = login(&config, tenant, builder, person, None, context).unwrap_err();
        Ended {
            refusal,
            shown: host.shown,
            pauses: clock.pauses,
            fields,
        }
    }
}

#[test]
fn users_without_a_phone_are_delayed_by_two_to_five_seconds() {
    let at_tenant = |listing| Tenant {
        listing,
        ..Script::default().tenant
    };
    for (user, tenant, reason) in [
        ("kim", at_tenant(Ok(LISTING)), Reason::UnknownUser),
        (
            "lee",
            at_tenant(Err(ErrorKind::NoSuchAccount)),
            Reason::NoAccount,
        ),
        ("lee", at_tenant(Ok("# Authorized Keys\n")), Reason::NoKey),
    ] {
        let mut delays = Vec::new();
        for random in [0x00, 0x3a, 0x80, 0xc5, 0xff] {
            let ended = Script {
                user,
                tenant: tenant.clone(),
                system: ScriptedSystem {
                    random,
                    ..ScriptedSystem::default()
                },
                ..Script::default()
            }
            .run();
            assert_eq!(ended.refusal.reason, reason);
            assert!(!ended.refusal.request_sent);
            assert_eq!(ended.shown.len(), 1, "announced as for others");
            let [time] = ended.pauses[..] else {
                panic!("not one delay: {:?}", ended.pauses);
            };
            assert!((2000..=5000).contains(&time.as_millis()), "{time:?}");
            delays.push(time);
        }
        delays.dedup();
        assert!(delays.len() > 2, "not random: {delays:?}");
    }
    let declined = Script::default().run();
    assert_eq!(declined.refusal.reason, Reason::Declined);
    assert!(declined.refusal.request_sent);
    assert!(declined.pauses.is_empty(), "others are not delayed");
}

#[test]
fn a_prompt_that_fails_at_once_was_never_shown() {
    let failing_after = |after| Script {
        service: "sshd",
        answers: vec![Answer {
            after,
            ..Answer::default()
        }],
        ..Script::default()
    };
    let never_shown = failing_after(Duration::from_millis(3)).run();
    assert_eq!(never_shown.refusal.reason, Reason::Declined);
    assert!(never_shown.fields.hints().contains("keyboard-interactive"));
    assert_eq!(
        never_shown.shown,
        [
            "prompt: Approve the request on your phone. Code: 0000\nPress Enter to send it: ",
            "info: Approve the request on your phone. Code: 0000"
        ]
    );

    let broken_off = failing_after(Duration::from_secs(3)).run();
    assert_eq!(broken_off.refusal.reason, Reason::Conversation);
    assert!(!broken_off.refusal.request_sent);
}

#[test]
fn after_a_ctrl_c_in_the_conversation_no_phone_rings() {
    let ended = Script {
        signalled: true,
        ..Script::default()
    }
    .run();
    let refusal = ended.refusal;
    assert_eq!(refusal.reason, Reason::Interrupted);
    assert!(!refusal.request_sent);
}

/// With `code = "type"`, a code that was not sent was shown to nobody.
#[test]
fn a_request_that_was_not_sent_is_not_counted() {
    let run = tempfile::tempdir().unwrap();
    for (sent, counted) in [(false, 0), (true, 1)] {
        let tenant = Tenant {
            refusal: ErrorKind::Unreachable(Unreachable::Cut),
            sent,
            ..Script::default().tenant
        };
        let run_directory = run.path().join(counted.to_string());
        let system = ScriptedSystem {
            run_directory: run_directory.clone(),
            ..ScriptedSystem::default()
        };
        let script = typing(after_ring(Some("000000")));
        let ended = Script {
            tenant: Tenant {
                rings: script.tenant.rings,
                ..tenant
            },
            system,
            ..script
        }
        .run();
        assert_eq!(ended.refusal.request_sent, sent);
        assert_eq!(run_directory.read_dir().unwrap().count(), counted);
    }
}

/// `code = "type"`, and the phone shows 000000.
fn typing(answer: Answer) -> Script {
    Script {
        conversation: "code = \"type\"",
        answers: vec![answer],
        ..Script::default()
    }
}

fn silent(script: Script) -> Script {
    Script {
        tenant: Tenant {
            silent: true,
            ..script.tenant
        },
        ..script
    }
}

fn after_ring(text: Option<&'static str>) -> Answer {
    Answer {
        after: Duration::from_secs(4),
        after_ring: true,
        text,
        ..Answer::default()
    }
}

fn without_ring(milliseconds: u64, text: Option<&'static str>) -> Answer {
    Answer {
        after: Duration::from_millis(milliseconds),
        text,
        ..Answer::default()
    }
}

impl Ended {
    fn assert(&self, reason: Reason, message: Option<&Text>, holds: usize) {
        assert_eq!(self.refusal.reason, reason, "{}", self.refusal.detail);
        assert_eq!(self.refusal.message.as_ref(), message);
        assert_eq!(self.pauses.len(), holds, "{:?}", self.pauses);
    }
}

#[test]
fn the_right_code_waits_for_the_phone() {
    let ended = typing(after_ring(Some(" 000-000"))).run();
    ended.assert(Reason::Declined, None, 0);
    let prompt = "prompt: Approve the request on your phone, then type the code it shows: ";
    assert_eq!(ended.shown, [prompt]);
}

#[test]
fn a_wrong_code_is_refused_after_a_hold() {
    for (text, reason, message, detail) in [
        (
            Some("000001"),
            Reason::WrongCode,
            Text::WrongCode,
            "the phone had not approved",
        ),
        (
            Some(""),
            Reason::WrongCode,
            Text::Refused,
            "no code was typed; the phone had not approved",
        ),
        (
            None,
            Reason::Conversation,
            Text::Refused,
            "the person broke off; the phone had not approved",
        ),
        (
            Some("\x08\n\r\x7fINCORRECT\x08"),
            Reason::Refused,
            Text::WrongCode,
            "sshd does not let this user in; the phone had not approved",
        ),
    ] {
        let ended = silent(typing(after_ring(text))).run();
        ended.assert(reason, Some(&message), 1);
        assert_eq!(ended.refusal.detail, detail);
        assert!(ended.refusal.request_sent);
    }
    let late = Answer {
        after: Duration::from_secs(301),
        ..after_ring(Some("000000"))
    };
    let ended = silent(typing(late)).run();
    ended.assert(Reason::TimedOut, Some(&Text::WrongCode), 1);
}

#[test]
fn enter_asks_for_the_result_of_the_phone() {
    let ended = typing(after_ring(Some(""))).run();
    ended.assert(Reason::Declined, Some(&Text::DeniedOnPhone), 1);
    let slow = Answer {
        after: Duration::from_secs(46),
        ..after_ring(Some(""))
    };
    let no_answer = Text::NoAnswerFromPhone(Duration::from_secs(45));
    let ended = silent(typing(slow)).run();
    ended.assert(Reason::WrongCode, Some(&no_answer), 1);
    let unknown = Script {
        user: "kim",
        ..typing(without_ring(46_000, Some("")))
    };
    unknown
        .run()
        .assert(Reason::UnknownUser, Some(&no_answer), 1);
}

/// With pinned keys, the push is the first request.
#[test]
fn a_push_that_cannot_be_sent_is_no_wrong_code() {
    for text in ["", "000001"] {
        let script = typing(after_ring(Some(text)));
        let tenant = Tenant {
            refusal: ErrorKind::Unreachable(Unreachable::Refused),
            sent: false,
            ..script.tenant
        };
        let ended = Script { tenant, ..script }.run();
        ended.assert(Reason::Unreachable, None, 1);
        assert!(ended.refusal.unavailable);
    }
}

/// Users whose phone is not asked see the same as after a wrong code.
#[test]
fn with_a_typed_code_unknown_users_cannot_be_told_apart() {
    for (text, message) in [
        (Some("000000"), Text::WrongCode),
        (Some(""), Text::Refused),
        (None, Text::Refused),
    ] {
        for (user, listing, reason) in [
            ("kim", Ok(LISTING), Reason::UnknownUser),
            ("lee", Err(ErrorKind::NoSuchAccount), Reason::NoAccount),
            ("lee", Ok("# Authorized Keys\n"), Reason::NoKey),
        ] {
            let script = typing(without_ring(3000, text));
            let script = Script {
                user,
                tenant: Tenant {
                    listing,
                    ..script.tenant
                },
                ..script
            };
            let ended = script.run();
            ended.assert(reason, Some(&message), 1);
            assert!(ended.refusal.request_sent);
        }
    }
}

#[test]
fn a_host_that_cannot_ask_costs_no_push() {
    for text in [None, Some("")] {
        for user in ["lee", "kim"] {
            let ended = Script {
                user,
                service: "sshd",
                ..typing(without_ring(249, text))
            }
            .run();
            ended.assert(Reason::Conversation, None, 0);
            assert!(!ended.refusal.request_sent);
            assert!(ended.fields.hints().contains("keyboard-interactive"));
        }
    }
    // A code that nobody can have read yet.
    let ended = typing(without_ring(249, Some("000000"))).run();
    ended.assert(Reason::WrongCode, Some(&Text::WrongCode), 1);
    assert_eq!(ended.refusal.detail, "no push was sent");
}

/// sshd's password method and some lockers answer a hidden prompt with the password.
#[test]
fn a_password_in_place_of_a_code_is_a_failed_conversation() {
    let hidden = |answer| Script {
        conversation: "echo = false",
        authtok: Some("000000"),
        ..typing(answer)
    };
    let at_once = hidden(without_ring(10, Some("000000"))).run();
    at_once.assert(Reason::Conversation, None, 0);
    let later = silent(hidden(after_ring(Some("000000")))).run();
    later.assert(Reason::Conversation, Some(&Text::Refused), 1);
    let typed = silent(hidden(after_ring(Some("000001")))).run();
    typed.assert(Reason::WrongCode, Some(&Text::WrongCode), 1);
}

#[test]
fn the_server_s_failure_decides_before_a_push_left() {
    for (kind, reason, unavailable) in [
        (ErrorKind::TimedOut, Reason::TimedOut, true),
        (
            ErrorKind::Unreachable(Unreachable::Refused),
            Reason::Unreachable,
            true,
        ),
        (
            ErrorKind::Unreachable(Unreachable::ServerError),
            Reason::Unreachable,
            false,
        ),
        (
            ErrorKind::Unreachable(Unreachable::Proxy),
            Reason::Unreachable,
            false,
        ),
        (ErrorKind::Tls, Reason::Tls, false),
        (ErrorKind::NotUnderstood, Reason::BadAnswer, false),
        (ErrorKind::Local, Reason::LocalFailure, false),
    ] {
        for text in ["", "000000"] {
            let script = typing(without_ring(3000, Some(text)));
            let tenant = Tenant {
                listing: Err(kind),
                ..script.tenant
            };
            let ended = Script { tenant, ..script }.run();
            ended.assert(reason, None, 0);
            assert_eq!(ended.refusal.unavailable, unavailable, "{kind:?}");
            assert!(!ended.refusal.request_sent);
        }
    }
}

/// The I/O thread may still read CA certificates from a dead network file system. The tenant is not
/// silent then.
#[test]
fn a_slow_host_does_not_make_the_tenant_unavailable() {
    let stalled = Script {
        stalled: true,
        ..typing(without_ring(3000, Some("000000")))
    };
    let refusal = stalled.run().refusal;
    assert_eq!(refusal.reason, Reason::TimedOut);
    assert!(!refusal.unavailable && !refusal.request_sent);
}
