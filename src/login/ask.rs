//! Questions to the person.

use std::time::Duration;

use crate::host::{Echo, Host, Secret};
use crate::verdict::{Refusal, Word};
use crate::wait::{Waiter, later};

/// A conversation that takes no longer was none: a host that fails a prompt so soon has not shown
/// it (sshd's `password` method).
pub(super) const AT_ONCE: Duration = Duration::from_millis(500);

pub(super) const USE_KEYBOARD_INTERACTIVE: &str =
    "sshd's password method cannot ask for more than a password; use keyboard-interactive";

/// How often a person may answer with what is no answer.
pub(super) const CHANCES: usize = 3;

/// Asks a question that must be answered. What the administrator should know goes into `hint`.
pub(super) fn ask(
    host: &mut dyn Host,
    waiter: &dyn Waiter,
    hint: &mut String,
    prompt: &str,
    echo: Echo,
) -> Result<Secret, Refusal> {
    let asked_at = waiter.now();
    host.ask(prompt, echo).map_err(|_| {
        let at_once = waiter.now() < later(asked_at, AT_ONCE);
        if at_once && host.service() == "sshd" {
            USE_KEYBOARD_INTERACTIVE.clone_into(hint);
        }
        broke_off()
    })
}

pub(super) fn broke_off() -> Refusal {
    let reason = "the person could not be asked, or broke off";
    Refusal::new(Word::Conversation, reason)
}
