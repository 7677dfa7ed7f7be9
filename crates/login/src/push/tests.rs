//! The person, the clock and the tenant are scripted: seconds pass at once.

use std::path::Path;

use logonbox_authenticator::{BoxFuture, KeySource, Signature, SignatureSource, Unreachable};
use tempfile::TempDir;

use super::*;
use crate::config::Mode;
use crate::host::User;
use crate::log::LogFields;
use crate::progress::Unobserved;
use crate::scripted::{Answer, ScriptedClock, ScriptedHost, ScriptedSystem, Time};

const LISTING: &str = "# Authorized Keys\nssh-ed25519 \
     AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrIwtSbFr9oRTZNHJfaWcHH7xYKeCRJx8O3N+7+ Pixel 8\n";

/// A tenant that gives every request the same answer.
#[derive(Clone, Copy)]
struct Tenant {
    listing: Result<&'static str, ErrorKind>,
    refusal: ErrorKind,
    /// The refusal answers a request that was sent.
    sent: bool,
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
        Box::pin(async { Err(error) })
    }
}

/// One login, and how it ended.
struct Script {
    service: &'static str,
    user: &'static str,
    tenant: Tenant,
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
    fn default() -> Self {
        Self {
            service: "login",
            user: "lee",
            tenant: Tenant {
                listing: Ok(LISTING),
                refusal: ErrorKind::Declined,
                sent: true,
            },
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
        let config = Arc::new(Config::parse(Path::new("test"), &text).unwrap());
        let Mode::Push(tenant) = &config.mode else {
            panic!("not push");
        };
        let time = Time::default();
        time.signalled.set(self.signalled);
        let mut host = ScriptedHost {
            service: self.service,
            time: time.clone(),
            answers: self.answers.into(),
            ..ScriptedHost::default()
        };
        let mut clock = ScriptedClock {
            time,
            stalled: self.stalled,
            ..ScriptedClock::default()
        };
        let mut fields = LogFields::default();
        let builder = Client::builder("tenant.invalid".parse().unwrap())
            .key_source(self.tenant)
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
            fields: &mut fields,
        };
        let refusal = login(&config, tenant, builder, &person, None, context).unwrap_err();
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
                tenant,
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

/// For pinned keys, the tenant gets no request, so a delay is no sign of its failure.
#[test]
fn with_pinned_keys_a_slow_host_does_not_make_the_tenant_unavailable() {
    let pins = tempfile::tempdir().unwrap();
    std::fs::write(pins.path().join("lee"), LISTING).unwrap();
    for (pins, unavailable) in [(None, Some(Unavailable::Silent)), (Some(pins), None)] {
        let ended = Script {
            stalled: true,
            pins,
            ..Script::default()
        }
        .run();
        let refusal = ended.refusal;
        assert_eq!(refusal.reason, Reason::TimedOut);
        assert_eq!(refusal.unavailable, unavailable);
        assert!(!refusal.request_sent);
    }
}

#[test]
fn the_code_has_four_digits() {
    for (random, code) in [(0x00, "0000"), (0x01, "3009"), (0xff, "7295")] {
        let system = ScriptedSystem {
            random,
            ..ScriptedSystem::default()
        };
        let ended = Script {
            system,
            ..Script::default()
        }
        .run();
        let expected = format!("info: Approve the request on your phone. Code: {code}");
        assert_eq!(ended.shown, [expected]);
    }
}

#[test]
fn a_request_that_was_not_sent_is_not_counted() {
    let run = tempfile::tempdir().unwrap();
    for (sent, counted) in [(false, 0), (true, 1)] {
        let tenant = Tenant {
            refusal: ErrorKind::Unreachable(Unreachable::Cut),
            sent,
            ..Script::default().tenant
        };
        let state_directory = run.path().join(counted.to_string());
        let system = ScriptedSystem {
            state_directory: state_directory.clone(),
            ..ScriptedSystem::default()
        };
        let ended = Script {
            tenant,
            system,
            ..Script::default()
        }
        .run();
        assert_eq!(ended.refusal.request_sent, sent);
        assert_eq!(state_directory.read_dir().unwrap().count(), counted);
    }
}

/// The process may have been stopped in the conversation, and the fetch with it.
#[test]
fn keys_that_did_not_come_during_a_long_conversation_are_fetched_again() {
    let listing = Err(ErrorKind::TimedOut);
    let script = |after| Script {
        service: "sshd",
        tenant: Tenant {
            listing,
            ..Script::default().tenant
        },
        answers: vec![Answer {
            after,
            text: Some(""),
            ..Answer::default()
        }],
        ..Script::default()
    };
    let refusal = script(Duration::from_secs(60)).run().refusal;
    // Measured from the second fetch on: the conversation does not count.
    assert_eq!(refusal.after, Some(Duration::ZERO));
    let refusal = script(Duration::from_millis(100)).run().refusal;
    assert_eq!(refusal.after, Some(Duration::from_millis(100)));
}
