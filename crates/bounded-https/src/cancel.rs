//! Stopping a request from another thread.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

/// Stops a client from another thread: the call that waits returns at once with an error of the
/// kind `Cancelled`, the connection is closed, and the server is sent nothing more. Final: every
/// later call of that client fails, too.
///
/// Give one to the client's builder, and keep a clone. Several clients can have the same, which then
/// stops them all.
#[derive(Debug, Clone, Default)]
pub struct Canceller(Arc<Mutex<State>>);

#[derive(Debug)]
enum State {
    Running(Vec<AbortHandle>),
    Cancelled,
}

impl Default for State {
    fn default() -> Self {
        Self::Running(Vec::new())
    }
}

impl Canceller {
    /// A canceller that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops every client that has it, or will. Returns at once; does nothing the second time.
    pub fn cancel(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Cancelled);
        if let State::Running(all) = before {
            all.iter().for_each(AbortHandle::abort);
        }
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(*self.state(), State::Cancelled)
    }

    /// Puts `work` under this canceller, or ends it at once where it comes too late.
    pub(crate) fn watch(&self, work: AbortHandle) {
        let mut state = self.state();
        match &mut *state {
            State::Cancelled => work.abort(),
            State::Running(all) => {
                all.retain(|work| !work.is_finished());
                all.push(work);
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
