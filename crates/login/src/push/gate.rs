//! Whether a push may still leave. The PAM thread closes the gate; the task passes it once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const OPEN: u8 = 0;
const PASSED: u8 = 1;
const CLOSED: u8 = 2;

#[derive(Clone, Default)]
pub(super) struct Gate(Arc<AtomicU8>);

impl Gate {
    /// Lets no push through from now on. Returns whether the task has passed before.
    pub(super) fn close(&self) -> bool {
        self.change_to(CLOSED) == Err(PASSED)
    }

    /// The task goes through, if the gate is open.
    pub(super) fn pass(&self) -> bool {
        self.change_to(PASSED).is_ok()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.load(Ordering::SeqCst) == CLOSED
    }

    fn change_to(&self, state: u8) -> Result<u8, u8> {
        let (success, failure) = (Ordering::SeqCst, Ordering::SeqCst);
        self.0.compare_exchange(OPEN, state, success, failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_leaves_only_before_the_gate_closes() {
        let gate = Gate::default();
        assert!(!gate.close());
        assert!(gate.is_closed());
        assert!(!gate.pass());

        let gate = Gate::default();
        assert!(gate.pass());
        assert!(gate.close(), "the push has left");
        assert!(!gate.pass(), "only once");
    }
}
