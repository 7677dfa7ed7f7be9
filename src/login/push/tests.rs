//! The person, the clock and the tenant are played here, so that what takes seconds takes none.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use logonbox_authenticator::{ErrorKind, KeySource, Signature, SignatureSource};
use tempfile::TempDir;

use super::*;
use crate::config::Mode;
use crate::host::played::Machine;
use crate::host::{Echo, NoAnswer, Secret, User};
use crate::verdict::Word;
use crate::wait::Woken;

const LISTING: &str = "# Authorized Keys\nssh-ed25519 \
     AAAAC3NzaC1lZDI1NTE5AAAAIL0ISnrIwtSbFr9oRTZNHJfaWcHH7xYKeCRJx8O3N+7+ Pixel 8\n";

/// What the host is told, and how long the person takes before each answer.
struct Script {
    service: &'static str,
    told: Vec<String>,
    answers: VecDeque<(Duration, Result<(), NoAnswer>)>,
    clock: std::rc::Rc<std::cell::Cell<Instant>>,
}

impl Host for Script {
    fn service(&self) -> String {
        self.service.to_owned()
    }

    fn rhost(&self) -> String {
        String::new()
    }

    fn tty(&self) -> String {
        String::new()
    }

    fn user(&mut self) -> Result<User, NoAnswer> {
        Ok(User::Named("lee".to_owned()))
    }

    fn inform(&mut self, text: &str) {
        self.told.push(format!("info: {text}"));
    }

    fn complain(&mut self, text: &str) {
        self.told.push(format!("error: {text}"));
    }

    fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, NoAnswer> {
        assert_eq!(echo, Echo::On);
        self.told.push(format!("prompt: {prompt}"));
        let (after, answer) = self
            .answers
            .pop_front()
            .expect("a prompt that was expected");
        self.clock.set(later(self.clock.get(), after));
        answer.map(|()| Secret::default())
    }

    fn password(&self) -> Option<Secret> {
        None
    }

    fn leave_password(&mut self, _: &str) -> Result<(), NoAnswer> {
        Err(NoAnswer)
    }
}

/// Waits for events for real, and jumps over every other time.
struct Jumper {
    clock: std::rc::Rc<std::cell::Cell<Instant>>,
    paused: Vec<Duration>,
    /// A signal has come in during the conversation.
    signalled: bool,
    /// Nothing that is waited for ever comes.
    stalled: bool,
}

impl Waiter for Jumper {
    fn now(&self) -> Instant {
        self.clock.get()
    }

    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken {
        let Some(event) = event else {
            if self.signalled {
                return Woken::Interrupted("SIGINT");
            }
            let time = until.duration_since(self.clock.get());
            if !time.is_zero() {
                self.paused.push(time);
            }
            self.clock.set(until);
            return Woken::Deadline;
        };
        if self.stalled {
            self.clock.set(until);
            return Woken::Deadline;
        }
        let mut ready = [nix::poll::PollFd::new(event, nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut ready, nix::poll::PollTimeout::NONE).unwrap();
        Woken::Event
    }

    fn keep_signals(&mut self) {}

    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        thread.spawn(body).map(drop)
    }

    fn was_held_up(&self) -> bool {
        false
    }
}

/// A tenant that answers every request in the same way.
#[derive(Clone, Copy)]
struct Tenant {
    listing: Result<&'static str, ErrorKind>,
    refusal: ErrorKind,
    /// Whether the refusal came to a request that had been sent.
    sent: bool,
}

impl KeySource for Tenant {
    fn list_keys(&self, _: &str) -> Result<String, Error> {
        self.listing
            .map(str::to_owned)
            .map_err(|kind| Error::new(kind, ""))
    }
}

impl SignatureSource for Tenant {
    fn request_signature(&self, _: &SignRequest) -> Result<Signature, Error> {
        let error = Error::new(self.refusal, "");
        Err(if self.sent {
            error.after_sending()
        } else {
            error
        })
    }
}

struct Played {
    refusal: Refusal,
    told: Vec<String>,
    paused: Vec<Duration>,
    notes: Notes,
}

struct Play {
    service: &'static str,
    user: &'static str,
    tenant: Tenant,
    byte: u8,
    signalled: bool,
    state_directory: PathBuf,
    /// The client is never ready.
    stalled: bool,
    /// A directory of pinned keys, which are required.
    pins: Option<TempDir>,
    answers: Vec<(Duration, Result<(), NoAnswer>)>,
}

impl Default for Play {
    fn default() -> Self {
        Self {
            service: "login",
            user: "lee",
            tenant: Tenant {
                listing: Ok(LISTING),
                refusal: ErrorKind::Declined,
                sent: true,
            },
            byte: 0,
            signalled: false,
            state_directory: Machine::default().state_directory,
            stalled: false,
            pins: None,
            answers: Vec::new(),
        }
    }
}

impl Play {
    #[expect(clippy::disallowed_methods, reason = "some time to begin with")]
    fn play(self) -> Played {
        let mut text = "[logonbox]\ntenant = \"tenant.invalid\"\n".to_owned();
        if self.pins.is_some() {
            text.push_str("pins = \"required\"\n");
        }
        let config = Config::parse(Path::new("test"), &text).unwrap();
        let Mode::Push(logonbox) = &config.mode else {
            panic!("no push");
        };
        let clock = std::rc::Rc::new(std::cell::Cell::new(Instant::now()));
        let mut host = Script {
            service: self.service,
            told: Vec::new(),
            answers: self.answers.into(),
            clock: clock.clone(),
        };
        let mut waiter = Jumper {
            clock,
            paused: Vec::new(),
            signalled: self.signalled,
            stalled: self.stalled,
        };
        let mut notes = Notes::default();
        let tenant = self.tenant;
        let (ended, stall) = mpsc::channel::<()>();
        let ended = self.stalled.then_some(ended);
        let parties = Parties {
            host: &mut host,
            system: &Machine {
                random: self.byte,
                state_directory: self.state_directory,
                pins_directory: self.pins.as_ref().map(|pins| pins.path().to_owned()),
                ..Machine::default()
            },
            waiter: &mut waiter,
            make_client: Box::new(move |canceller| {
                // Until the test has ended.
                let _ = stall.recv();
                Client::builder("tenant.invalid".parse().unwrap())
                    .key_source(tenant)
                    .signature_source(tenant)
                    .canceller(canceller)
                    .build()
            }),
        };
        let person = Person {
            user: User::Named(self.user.to_owned()),
            becomes: None,
        };
        let refusal = login(&config, logonbox, &person, parties, &mut notes).unwrap_err();
        drop(ended);
        Played {
            refusal,
            told: host.told,
            paused: waiter.paused,
            notes,
        }
    }
}

#[test]
fn whoever_has_no_phone_is_held_for_two_to_five_seconds() {
    let at_tenant = |listing| Tenant {
        listing,
        ..Play::default().tenant
    };
    for (user, tenant, word) in [
        ("kim", at_tenant(Ok(LISTING)), Word::UnknownUser),
        (
            "lee",
            at_tenant(Err(ErrorKind::NoSuchAccount)),
            Word::NoAccount,
        ),
        ("lee", at_tenant(Ok("# Authorized Keys\n")), Word::NoKey),
    ] {
        let mut held = Vec::new();
        for byte in [0x00, 0x3a, 0x80, 0xc5, 0xff] {
            let play = Play {
                user,
                tenant,
                byte,
                ..Play::default()
            };
            let played = play.play();
            assert_eq!(played.refusal.word, word);
            assert!(!played.refusal.rung);
            assert_eq!(played.told.len(), 1, "announced all the same");
            let [time] = played.paused[..] else {
                panic!("one hold: {:?}", played.paused);
            };
            assert!((2000..=5000).contains(&time.as_millis()), "{time:?}");
            held.push(time);
        }
        held.dedup();
        assert!(held.len() > 2, "chosen at random: {held:?}");
    }
    let declined = Play::default().play();
    assert_eq!(declined.refusal.word, Word::Declined);
    assert!(declined.refusal.rung);
    assert!(declined.paused.is_empty(), "nobody else is held");
}

#[test]
fn a_prompt_that_fails_at_once_was_never_shown_and_one_that_fails_later_was() {
    let failing_after = |time| Play {
        service: "sshd",
        answers: vec![(time, Err(NoAnswer))],
        ..Play::default()
    };
    let never_shown = failing_after(Duration::from_millis(3)).play();
    assert_eq!(never_shown.refusal.word, Word::Declined);
    assert!(never_shown.notes.hint.contains("keyboard-interactive"));
    let [prompt, info] = &never_shown.told[..] else {
        panic!("{:?}", never_shown.told);
    };
    assert_eq!(
        prompt,
        "prompt: Approve the request on your phone. Code: 0000\nPress Enter to send it: "
    );
    assert_eq!(info, "info: Approve the request on your phone. Code: 0000");

    let broken_off = failing_after(Duration::from_secs(3)).play();
    assert_eq!(broken_off.refusal.word, Word::Conversation);
    assert!(!broken_off.refusal.rung);
}

#[test]
fn a_ctrl_c_in_the_conversation_rings_nobody() {
    let play = Play {
        signalled: true,
        ..Play::default()
    };
    // The key is there, and the tenant would answer: the signal counts more.
    let refusal = play.play().refusal;
    assert_eq!((refusal.word, refusal.rung), (Word::Interrupted, false));
}

/// What did not come from the tenant says nothing about the tenant.
#[test]
fn a_host_that_is_slow_with_pinned_keys_does_not_make_the_tenant_unavailable() {
    let pins = tempfile::tempdir().unwrap();
    std::fs::write(pins.path().join("lee"), LISTING).unwrap();
    for (pins, unavailable) in [(None, Some(Unavailable::Unheard)), (Some(pins), None)] {
        let play = Play {
            stalled: true,
            pins,
            ..Play::default()
        };
        let refusal = play.play().refusal;
        assert_eq!(refusal.word, Word::TimedOut);
        assert_eq!((refusal.unavailable, refusal.rung), (unavailable, false));
    }
}

#[test]
fn the_code_has_four_digits() {
    for (byte, code) in [(0x00, "0000"), (0x01, "3009"), (0xff, "7295")] {
        let played = Play {
            byte,
            ..Play::default()
        }
        .play();
        let expected = format!("info: Approve the request on your phone. Code: {code}");
        assert_eq!(played.told, [expected]);
    }
}

#[test]
fn a_request_that_was_not_sent_is_not_counted() {
    let run = tempfile::tempdir().unwrap();
    for (sent, counted) in [(false, 0), (true, 1)] {
        let refusal = ErrorKind::Unreachable(logonbox_authenticator::Unreachable::Cut);
        let tenant = Tenant {
            refusal,
            sent,
            ..Play::default().tenant
        };
        let state_directory = run.path().join(counted.to_string());
        let played = Play {
            tenant,
            state_directory: state_directory.clone(),
            ..Play::default()
        };
        assert_eq!(played.play().refusal.rung, sent);
        assert_eq!(state_directory.read_dir().unwrap().count(), counted);
    }
}
