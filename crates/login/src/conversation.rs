//! The conversation with the person, and the context of a login.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::{Clock, later, pause};
use crate::config::Announce;
use crate::host::{Echo, Host, Secret};
use crate::log::{Log, LogFields};
use crate::outcome::{Reason, Refusal};
use crate::progress::{Observer, Progress};
use crate::system::System;
use crate::texts::{Text, Texts};

/// If a prompt fails within this time, the host did not show it. sshd's `password` method causes
/// this.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(500);

const USE_KEYBOARD_INTERACTIVE: &str =
    "sshd's password method cannot ask for more than a password; use keyboard-interactive";

/// The number of attempts to give a valid answer.
pub(crate) const CHANCES: usize = 3;

/// The context of a login. All of it stays on the PAM thread, except the system.
pub struct Context<'c> {
    /// The host program, and the person in front of it.
    pub host: &'c mut dyn Host,
    /// The time and the waiting.
    pub clock: &'c mut dyn Clock,
    /// Observes the progress.
    pub observer: &'c mut dyn Observer,
    /// This machine.
    pub system: Arc<dyn System>,
    /// The log, for the line before a push leaves.
    pub log: Arc<dyn Log>,
    /// The texts in the configured language.
    pub texts: Texts,
    /// The fields of the log line.
    pub fields: &'c mut LogFields,
}

impl Context<'_> {
    pub(crate) fn progress(&mut self, step: Progress<'_>) {
        self.observer.progress(step);
    }

    /// Looks for a signal that came in during a conversation and that the host blocks.
    pub(crate) fn look_for_signal(&mut self) -> Result<(), Refusal> {
        pause(self.clock, Duration::ZERO)
            .map_err(|signal| Refusal::new(Reason::Interrupted, signal))
    }

    /// Announces the push with `text`. If the announcement is a prompt, `end` follows. Returns the
    /// time at which the announcement is over.
    pub(crate) fn announce(
        &mut self,
        configured: Announce,
        text: &Text,
        end: &Text,
    ) -> Result<Instant, Refusal> {
        let line = self.texts.say(text);
        let service = self.host.service();
        let is_sshd = service == "sshd";
        let announce = match configured {
            Announce::Auto if is_sshd || service == "cockpit" || self.host.is_silent() => {
                Announce::Enter
            }
            Announce::Auto => Announce::Info,
            chosen => chosen,
        };
        match announce {
            Announce::None => {}
            Announce::Auto | Announce::Info => self.host.show_info(&line),
            Announce::Enter => {
                let asked_at = self.clock.now();
                let answer = self
                    .host
                    .ask(&format!("{line}\n{}", self.texts.say(end)), Echo::On);
                if answer.is_err() {
                    if configured == Announce::Enter || !is_sshd || !self.is_at_once(asked_at) {
                        return Err(broke_off());
                    }
                    self.host.show_info(&line);
                    self.fields.add_hint(
                        "sshd's password method shows the announcement too late; \
                         keyboard-interactive shows it in time",
                    );
                }
            }
        }
        self.progress(Progress::Announced);
        Ok(self.clock.now())
    }

    /// Asks a question that needs an answer.
    pub(crate) fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, Refusal> {
        let asked_at = self.clock.now();
        self.host.ask(prompt, echo).map_err(|_| {
            if self.is_at_once(asked_at) {
                self.hint_at_password_method();
            }
            broke_off()
        })
    }

    /// If the host is sshd, its `password` method is the likely reason of a failed question.
    pub(crate) fn hint_at_password_method(&mut self) {
        if self.host.service() == "sshd" {
            self.fields.add_hint(USE_KEYBOARD_INTERACTIVE);
        }
    }

    /// Lets the person choose one of `devices`. The caller has cleaned the names for a terminal.
    /// Returns the index.
    ///
    /// # Errors
    ///
    /// [`Reason::Conversation`], also if the person made no valid choice.
    pub(crate) fn choose(&mut self, devices: &[String]) -> Result<usize, Refusal> {
        let mut prompt = self.texts.device_list(devices);
        for _ in 0..CHANCES {
            let answer = self.ask(&prompt, Echo::On)?;
            if let Some(index) = chosen(&answer, devices.len()) {
                return Ok(index);
            }
            prompt = self.texts.say(&Text::NotANumber)
                + &self.texts.say(&Text::DeviceNumber(devices.len()));
        }
        let detail = "the person chose no device from the list";
        Err(Refusal::new(Reason::Conversation, detail))
    }

    fn is_at_once(&self, asked_at: Instant) -> bool {
        self.clock.now() < later(asked_at, AT_ONCE)
    }
}

/// The index of the device with the number that the person typed. `count` devices are numbered from
/// 1.
#[must_use]
pub fn chosen(answer: &[u8], count: usize) -> Option<usize> {
    let number: usize = str::from_utf8(answer).ok()?.trim().parse().ok()?;
    number.checked_sub(1).filter(|index| *index < count)
}

pub(crate) fn broke_off() -> Refusal {
    let detail = "the person could not be asked, or broke off";
    Refusal::new(Reason::Conversation, detail)
}
