//! Whether a push may leave. The PAM thread opens the gate when the conversation begins, and closes it
//! when the conversation ends. The task passes it once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep, sleep_until};

/// How often the task looks for a gate that is not open yet. It opens a moment after the order.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Clone, Default)]
pub(super) struct Gate(Arc<Mutex<State>>);

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    NotOpen,
    /// A push may leave from this time on.
    OpenFrom(Instant),
    Passed,
    Closed,
}

impl Gate {
    /// Lets the push through from `time` on.
    pub(super) fn open_from(&self, time: Instant) {
        self.change(|_| Some(State::OpenFrom(time)));
    }

    /// Lets no push through from now on. Returns whether the task has passed before.
    pub(super) fn close(&self) -> bool {
        let close = |state| (!matches!(state, State::Passed)).then_some(State::Closed);
        matches!(self.change(close), State::Passed)
    }

    /// Waits until the gate is open or closed. Returns whether it is open.
    pub(super) async fn opens(&self) -> bool {
        loop {
            match self.change(|_| None) {
                State::NotOpen => sleep(LOOK).await,
                State::OpenFrom(time) => {
                    sleep_until(time.into()).await;
                    return !matches!(self.change(|_| None), State::Closed);
                }
                State::Passed | State::Closed => return false,
            }
        }
    }

    /// The task goes through, if the gate is open.
    pub(super) fn pass(&self) -> bool {
        let pass = |state| matches!(state, State::OpenFrom(_)).then_some(State::Passed);
        matches!(self.change(pass), State::OpenFrom(_))
    }

    /// Changes the state, unless `next` returns nothing. Returns the state before.
    fn change(&self, next: impl FnOnce(State) -> Option<State>) -> State {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *state;
        if let Some(next) = next(before) {
            *state = next;
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any time")]
    #[test]
    fn a_push_leaves_only_while_the_gate_is_open() {
        let now = Instant::now();
        let gate = Gate::default();
        assert!(!gate.pass(), "not open yet");
        gate.open_from(now);
        assert!(!gate.close());
        assert!(!gate.pass(), "closed");

        let gate = Gate::default();
        gate.open_from(now);
        assert!(gate.pass());
        assert!(gate.close(), "the push has left");
        assert!(!gate.pass(), "only once");
    }
}
