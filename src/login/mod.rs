//! The ways in. Each is a conversation with a person that ends in a proof or a refusal.

pub mod airlock;
mod announce;
mod ask;
pub(crate) mod choice;
mod hold;
pub mod push;

use logonbox_authenticator::Canceller;

use crate::host::{Host, System};
use crate::verdict::{Refusal, Word};
use crate::wait::{Stopped, Waiter};

/// Makes a client, on the thread that will own it: reading CA certificates takes its time.
pub type MakeClient<C, E> = Box<dyn FnOnce(&Canceller) -> Result<C, E> + Send>;

/// Everybody who takes part in a login.
pub struct Parties<'a, C, E> {
    /// The person, through the host program.
    pub host: &'a mut dyn Host,
    /// This machine.
    pub system: &'a dyn System,
    /// The clock.
    pub waiter: &'a mut dyn Waiter,
    /// The way to the server.
    pub make_client: MakeClient<C, E>,
}

/// What became known on the way, for the log.
#[derive(Debug, Default)]
pub struct Notes {
    /// The server's name for the user.
    pub account: String,
    /// The comment of the key that was asked, or the device that was chosen.
    pub device: String,
    /// The key's fingerprint.
    pub key: String,
    /// Something that the administrator should know, however the login ended.
    pub hint: String,
}

impl Notes {
    /// Adds a hint.
    pub fn hint(&mut self, text: &str) {
        if !self.hint.is_empty() && !text.is_empty() {
            self.hint.push_str("; ");
        }
        self.hint.push_str(text);
    }
}

fn stopped(why: Stopped) -> Refusal {
    match why {
        Stopped::Deadline => Refusal::new(Word::TimedOut, "no answer in time"),
        Stopped::Interrupted(signal) => Refusal::new(Word::Interrupted, signal),
        Stopped::Panicked => Refusal::new(Word::Panic, "a thread of the module panicked"),
    }
}

/// A worker cannot be started.
fn no_thread(error: &std::io::Error) -> Refusal {
    Refusal::new(Word::LocalFailure, format!("no thread: {error}"))
}
