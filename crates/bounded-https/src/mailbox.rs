//! Where an answer is left for a waiting thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::cancel::Canceller;
use crate::failure::{Failure, FailureKind};
use crate::transport::Reply;

/// Where the thread puts its answer. Unlike a channel it also tells that the thread has ended,
/// even by a panic that leaves the sending half behind somewhere in the event loop.
#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
}

/// What is in it.
#[derive(Default)]
pub(crate) enum State {
    #[default]
    Empty,
    Answered(Result<Reply, Failure>),
    Ended(Failure),
}

impl Mailbox {
    pub(crate) fn put(&self, state: State) {
        let mut current = self.state();
        // Nothing comes after the end.
        if !matches!(*current, State::Ended(_)) {
            *current = state;
            self.changed.notify_all();
        }
    }

    /// Waits for an answer, or for the end of the thread.
    pub(crate) fn take(&self) -> Result<Reply, Failure> {
        let mut state = self
            .changed
            .wait_while(self.state(), |state| matches!(state, State::Empty))
            .unwrap_or_else(PoisonError::into_inner);
        if let State::Ended(error) = &*state {
            // Nobody knows how far the request had got.
            return Err(error.clone().after_sending());
        }
        match std::mem::take(&mut *state) {
            State::Answered(answer) => answer,
            State::Empty | State::Ended(_) => Err(panicked()),
        }
    }

    /// Why the thread has ended, where it has.
    pub(crate) fn ended(&self) -> Option<Failure> {
        match &*self.state() {
            State::Ended(error) => Some(error.clone()),
            State::Empty | State::Answered(_) => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by the thread: tells the mailbox that its thread has ended, however it did.
pub(crate) struct End {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) canceller: Canceller,
}

impl Drop for End {
    fn drop(&mut self) {
        self.mailbox
            .put(State::Ended(if self.canceller.is_cancelled() {
                Failure::new(FailureKind::Cancelled, "")
            } else {
                panicked()
            }));
    }
}

pub(crate) fn panicked() -> Failure {
    Failure::new(FailureKind::Panicked, "")
}
