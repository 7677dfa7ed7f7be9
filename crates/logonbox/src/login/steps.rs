//! The terminal as the host of a login, and the lines that show the progress.

use std::cell::RefCell;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use login::config::{Config, Mode};
use login::host::{ConversationError, Echo, Host, Secret, User};
use login::progress::{Observer, Progress};
use logonbox_authenticator::PublicKey;
use nix::unistd::ttyname;

use super::person::Person;
use crate::cli;
use crate::end::Failure;
use crate::terminal::{HEADING, shown};

/// The host, with the person at the terminal.
pub struct Terminal<'t> {
    service: String,
    user: String,
    rhost: String,
    tty: String,
    person: &'t RefCell<Person>,
    authtok: Option<Secret>,
}

impl<'t> Terminal<'t> {
    pub fn new(args: &cli::Login, person: &'t RefCell<Person>) -> Self {
        Self {
            service: args.service.clone(),
            user: args.user.clone(),
            rhost: args.rhost.map_or_else(String::new, |ip| ip.to_string()),
            tty: ttyname(io::stdin()).map_or_else(
                |_| String::new(),
                |path| path.to_string_lossy().into_owned(),
            ),
            person,
            authtok: None,
        }
    }

    /// Asks for the password that an earlier module of the stack would ask for.
    pub fn ask_first(&mut self) -> Result<(), Failure> {
        let prompt = "Password, which another module of the stack would ask for: ";
        let answer = self.person.borrow_mut().ask(prompt, Echo::Off);
        let password = answer.map_err(|_| Failure::new("no password was typed"))?;
        self.authtok = Some(password);
        Ok(())
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

    fn user(&mut self) -> Result<User, ConversationError> {
        Ok(User::Named(self.user.clone()))
    }

    fn is_silent(&self) -> bool {
        false
    }

    fn show_info(&mut self, text: &str) {
        self.person.borrow_mut().tell(text);
    }

    fn show_error(&mut self, text: &str) {
        self.person.borrow_mut().tell(text);
    }

    fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, ConversationError> {
        self.person.borrow_mut().ask(prompt, echo)
    }

    fn authtok(&self) -> Option<Secret> {
        self.authtok.clone()
    }

    fn set_authtok(&mut self, _: &str) -> Result<(), ConversationError> {
        Ok(())
    }
}

/// Prints a line for each step, with its duration.
pub struct Steps<'s, 'o> {
    person: &'s RefCell<Person>,
    out: &'o mut dyn Write,
    last: Instant,
    /// `login_seconds`, from the configuration.
    login_seconds: Duration,
    /// The first output error.
    written: io::Result<()>,
}

impl<'s, 'o> Steps<'s, 'o> {
    pub fn new(person: &'s RefCell<Person>, out: &'o mut dyn Write) -> Self {
        let last = person.borrow().now();
        Self {
            person,
            out,
            last,
            login_seconds: Duration::ZERO,
            written: Ok(()),
        }
    }

    /// Prints the last step: the first word of the log line.
    pub fn end(mut self, word: &str) -> io::Result<&'o mut dyn Write> {
        let more = match word {
            "no-account" | "no-key" | "unknown-user" => {
                "held back for a while, as all refusals are that would tell who has an account"
            }
            _ => "",
        };
        self.step(word, more);
        self.written.map(|()| self.out)
    }

    fn step(&mut self, name: &str, more: &str) {
        let now = self.person.borrow().now();
        let time = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = now;
        let gap = if more.is_empty() { "" } else { "  " };
        let width = if more.is_empty() { 0 } else { 14 };
        let written = writeln!(
            self.out,
            "{time:8.3} s  {HEADING}{name:<width$}{HEADING:#}{gap}{more}"
        );
        if self.written.is_ok() {
            self.written = written;
        }
    }
}

impl Observer for Steps<'_, '_> {
    fn progress(&mut self, step: Progress<'_>) {
        self.person.borrow_mut().phone_done();
        match step {
            Progress::Configured(config) => {
                self.login_seconds = config.wait.login_seconds;
                self.step("configuration", &server(config));
            }
            Progress::NotExempt => self.step("policy", "not exempt: the login goes on"),
            Progress::Announced => self.step("prompt", "shown"),
            Progress::Listed { pinned: true } => self.step("key list", "pinned on this host"),
            Progress::Listed { pinned: false } => {
                self.step("key list", "fetched, beside the prompt");
            }
            Progress::Chosen(key) => self.step("key", &described(key)),
            Progress::Ringing => self.person.borrow_mut().phone_rings(self.login_seconds),
            Progress::Answered => self.step("phone", "answered"),
            Progress::Verified => self.step("signature", "good"),
            Progress::Flow(name) => self.step(name, "Airlock goes on"),
        }
    }
}

fn server(config: &Config) -> String {
    match &config.mode {
        Mode::Push(tenant) => format!("push, {tenant}"),
        Mode::Airlock(url) => format!("airlock, {url}"),
    }
}

fn described(key: &PublicKey) -> String {
    format!(
        "{} ({} {})",
        shown(key.comment()),
        key.algorithm(),
        key.fingerprint()
    )
}
