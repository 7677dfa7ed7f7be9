//! A terminal as the host of a login: it shows how far the login has come, and how long that took.

use std::cell::RefCell;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use logonbox_authenticator::PublicKey;
use nix::unistd::ttyname;
use pam_logonbox::config::{Config, Mode};
use pam_logonbox::host::{Echo, Host, NoAnswer, Secret, Step, User};

use super::person::Person;
use crate::cli;
use crate::end::Failure;
use crate::terminal::{HEADING, shown};

/// The host, and the person behind it.
pub struct Terminal<'t> {
    service: String,
    user: String,
    rhost: String,
    tty: String,
    person: &'t RefCell<Person>,
    steps: Steps<'t>,
    /// `login_seconds`, once it is known.
    patience: Duration,
    password: Option<Secret>,
}

/// The lines about what was done.
struct Steps<'t> {
    out: &'t mut dyn Write,
    last: Instant,
    /// What went wrong with writing.
    written: io::Result<()>,
}

impl<'t> Terminal<'t> {
    pub fn new(args: &cli::Login, person: &'t RefCell<Person>, out: &'t mut dyn Write) -> Self {
        let last = person.borrow().now();
        Self {
            service: args.service.clone(),
            user: args.user.clone(),
            rhost: args.rhost.map_or_else(String::new, |ip| ip.to_string()),
            tty: ttyname(io::stdin()).map_or_else(
                |_| String::new(),
                |path| path.to_string_lossy().into_owned(),
            ),
            person,
            steps: Steps {
                out,
                last,
                written: Ok(()),
            },
            patience: Duration::ZERO,
            password: None,
        }
    }

    /// Asks for the password that a module before this one would have asked for.
    pub fn ask_first(&mut self) -> Result<(), Failure> {
        let prompt = "Password, which another module of the stack would ask for: ";
        let answer = self.person.borrow_mut().ask(prompt, Echo::Off);
        let password = answer.map_err(|NoAnswer| Failure::new("no password was typed"))?;
        self.password = Some(password);
        self.steps.last = self.person.borrow().now();
        Ok(())
    }

    /// The last step, which ended with this word.
    pub fn end(mut self, word: &str) -> io::Result<()> {
        let more = match word {
            "no-account" | "no-key" | "unknown-user" => {
                "held back for a while, as all refusals are that would tell who has an account"
            }
            _ => "",
        };
        self.step(word, more);
        self.steps.written
    }

    fn step(&mut self, name: &str, more: &str) {
        let now = self.person.borrow().now();
        let time = now.saturating_duration_since(self.steps.last).as_secs_f64();
        self.steps.last = now;
        let out = &mut self.steps.out;
        let gap = if more.is_empty() { "" } else { "  " };
        let width = if more.is_empty() { 0 } else { 14 };
        let written = writeln!(
            out,
            "{time:8.3} s  {HEADING}{name:<width$}{HEADING:#}{gap}{more}"
        );
        if self.steps.written.is_ok() {
            self.steps.written = written;
        }
    }
}

impl Host for Terminal<'_> {
    fn service(&self) -> String {
        self.service.clone()
    }

    fn rhost(&self) -> String {
        self.rhost.clone()
    }

    fn tty(&self) -> String {
        self.tty.clone()
    }

    fn user(&mut self) -> Result<User, NoAnswer> {
        Ok(User::Named(self.user.clone()))
    }

    fn inform(&mut self, text: &str) {
        self.person.borrow_mut().tell(text);
    }

    fn complain(&mut self, text: &str) {
        self.person.borrow_mut().tell(text);
    }

    fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, NoAnswer> {
        self.person.borrow_mut().ask(prompt, echo)
    }

    fn password(&self) -> Option<Secret> {
        self.password.clone()
    }

    fn leave_password(&mut self, _: &str) -> Result<(), NoAnswer> {
        Ok(())
    }

    fn reached(&mut self, step: Step<'_>) {
        self.person.borrow_mut().phone_done();
        match step {
            Step::Configured(config) => {
                self.patience = config.wait.person;
                self.step("configuration", &way(config));
            }
            Step::NotExempt => self.step("policy", "not exempt: the login goes on"),
            Step::Announced => self.step("announcement", "shown"),
            Step::Listed { pinned: true } => self.step("key list", "pinned on this host"),
            Step::Listed { pinned: false } => {
                self.step("key list", "fetched, beside the announcement");
            }
            Step::Chosen(key) => self.step("key", &named(key)),
            Step::Ringing => self.person.borrow_mut().phone_rings(self.patience),
            Step::Answered => self.step("phone", "answered"),
            Step::Verified => self.step("signature", "good"),
            Step::Flow(name) => self.step(name, "Airlock goes on"),
        }
    }
}

fn way(config: &Config) -> String {
    match &config.mode {
        Mode::Push(logonbox) => format!("push, {}", logonbox.tenant),
        Mode::Airlock(airlock) => format!("airlock, {}", airlock.url),
    }
}

fn named(key: &PublicKey) -> String {
    format!(
        "{} ({} {})",
        shown(key.comment()),
        key.algorithm(),
        key.fingerprint()
    )
}
