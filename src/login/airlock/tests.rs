//! The person and the clock are played here; Airlock is the simulated one.

use std::cell::Cell;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::rc::Rc;
use std::thread;

use tenant::{Options, Tenant};

use super::*;
use crate::config::Mode;
use crate::host::played::Machine;
use crate::host::{NoAnswer, User};
use crate::wait::Woken;

/// Types a password, and at an OTP's prompt presses Ctrl-C before the OTP.
struct Person {
    password: &'static str,
    signalled: Rc<Cell<bool>>,
}

impl Host for Person {
    fn service(&self) -> String {
        "sudo".to_owned()
    }

    fn rhost(&self) -> String {
        String::new()
    }

    fn tty(&self) -> String {
        String::new()
    }

    fn user(&mut self) -> Result<User, NoAnswer> {
        Err(NoAnswer)
    }

    fn inform(&mut self, _: &str) {}

    fn complain(&mut self, _: &str) {}

    fn ask(&mut self, prompt: &str, _: Echo) -> Result<Secret, NoAnswer> {
        let typed = match prompt {
            "Password: " => self.password,
            "OTP: " => {
                self.signalled.set(true);
                "A1b2C3"
            }
            other => panic!("{other}"),
        };
        Ok(Zeroizing::new(typed.as_bytes().to_vec()))
    }

    fn password(&self) -> Option<Secret> {
        None
    }

    fn leave_password(&mut self, _: &str) -> Result<(), NoAnswer> {
        Ok(())
    }
}

/// Waits for events for real. In every pause that takes time, somebody presses Ctrl-C.
#[derive(Default)]
struct Impatient {
    paused: Vec<Duration>,
    /// A signal has come in during the conversation.
    signalled: Rc<Cell<bool>>,
}

impl Waiter for Impatient {
    #[expect(clippy::disallowed_methods, reason = "real answers take real time")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken {
        if let Some(event) = event {
            let mut ready = [nix::poll::PollFd::new(event, nix::poll::PollFlags::POLLIN)];
            nix::poll::poll(&mut ready, nix::poll::PollTimeout::NONE).unwrap();
            return Woken::Event;
        }
        let time = until.saturating_duration_since(self.now());
        if time.is_zero() && !self.signalled.get() {
            return Woken::Deadline;
        }
        self.paused.push(time);
        Woken::Interrupted("SIGINT")
    }

    fn keep_signals(&mut self) {}

    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        thread.spawn(body).map(drop)
    }

    fn was_held_up(&self) -> bool {
        false
    }
}

/// How a login of this account ends, and how often it was held up.
fn log_in(tenant: &Tenant, user: &str, account: &str, password: &'static str) -> (Refusal, usize) {
    let text = format!(
        "mode = \"airlock\"\n[airlock]\nurl = {:?}\naccount = {account:?}\n",
        tenant.airlock_url()
    );
    let config = Config::parse(Path::new("test"), &text).unwrap();
    let Mode::Airlock(airlock) = &config.mode else {
        panic!("no airlock");
    };
    let (url, ca) = (airlock.url.clone(), tenant.ca_pem().to_owned());
    let mut waiter = Impatient::default();
    let parties = Parties {
        host: &mut Person {
            password,
            signalled: waiter.signalled.clone(),
        },
        system: &Machine::default(),
        waiter: &mut waiter,
        make_client: Box::new(move |canceller| {
            let builder = Client::builder(url).ca_pem(ca);
            builder.canceller(canceller).build()
        }),
    };
    let person = policy::Person {
        user: User::Named(user.to_owned()),
        becomes: None,
    };
    let refusal = login(&config, airlock, &person, parties, &mut Notes::default()).unwrap_err();
    (refusal, waiter.paused.len())
}

fn tenant() -> Tenant {
    Tenant::start(Options::default()).unwrap()
}

#[test]
fn whatever_airlock_refuses_takes_as_long_as_a_wrong_password() {
    for (account, word) in [
        ("token", Word::WrongPassword),
        ("protected", Word::Refused),
        ("locked", Word::Locked),
        // Nobody learns at once that the password was right.
        ("password-only", Word::Refused),
    ] {
        let wrong = word == Word::WrongPassword;
        let password = if wrong { "wrong" } else { "correct-horse" };
        let (refusal, held) = log_in(&tenant(), "lee", account, password);
        // Who breaks that off hides nothing from the log, nor has the host try again.
        assert_eq!((refusal.word, refusal.rung), (word, true), "{account}");
        assert_eq!(held, 1, "{account}");
    }
}

#[test]
fn so_does_a_user_whom_nobody_knows_in_the_same_way() {
    let (refusal, held) = log_in(&tenant(), "nobody-such", "token", "correct-horse");
    assert_eq!((refusal.word, refusal.rung), (Word::UnknownUser, true));
    assert_eq!(held, 1);
}

#[test]
fn an_otp_after_ctrl_c_is_not_sent() {
    let tenant = tenant();
    let (refusal, _) = log_in(&tenant, "lee", "otp", "correct-horse");
    assert_eq!((refusal.word, refusal.rung), (Word::Interrupted, true));
    let requests = tenant.airlock_requests();
    let last = requests.last().unwrap();
    assert!(last.path.ends_with("/password/check/"), "{last:#?}");
}

#[test]
fn a_server_without_an_answer_is_not_taken_for_a_phone() {
    let refusal = no_answer(Stopped::Deadline);
    assert_eq!((refusal.word, refusal.rung), (Word::TimedOut, true));
    assert_eq!(refusal.say.as_deref(), Some(NOT_REACHED));
    assert_eq!(no_answer(Stopped::Interrupted("SIGINT")).say, None);
}
