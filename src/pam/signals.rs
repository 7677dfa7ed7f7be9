//! Waiting in poll(2), with the signals that end a program beside what is waited for.
//!
//! sudo blocks SIGINT while PAM runs, so that a wait in poll alone hears nothing of Ctrl-C. A
//! signalfd(2) reports a blocked signal at once. It is never read: the signal stays pending, and
//! the host does with it what it always does. Where the host does not block a signal, it is
//! blocked on this thread for the wait.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::wait::{Waiter, Woken};

/// The signals that end a login.
pub const ENDING: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

/// The kernel's default, 50 microseconds.
const SLACK_NANOSECONDS: u64 = 50_000;

/// How long one poll lasts at most, so that a stop of this process is noticed.
const SLICE: Duration = Duration::from_millis(200);
/// A poll that lasts this much longer than it should was stopped.
const HELD_UP: Duration = Duration::from_millis(500);

/// The real clock, and poll(2).
#[derive(Debug)]
pub struct Poller {
    /// For the next wait.
    kept: Option<Blocked>,
    /// Blocked until the login has been answered and logged: unblocking lets a pending signal
    /// end the host.
    interrupted: Option<Blocked>,
    held_up: bool,
    /// What the caller had, where it had to be changed.
    timer_slack: Option<u64>,
}

impl Poller {
    /// Nothing is blocked yet. The timers of this thread, and of those that it starts, are made
    /// exact: their slack (prctl(2), `PR_SET_TIMERSLACK`) is inherited from the caller, who could
    /// stretch every deadline with it.
    #[must_use]
    pub fn new() -> Self {
        let slack = prctl::get_timerslack()
            .ok()
            .and_then(|slack| u64::try_from(slack).ok());
        let timer_slack = slack.filter(|slack| *slack > SLACK_NANOSECONDS);
        if timer_slack.is_some() {
            let _ = prctl::set_timerslack(SLACK_NANOSECONDS);
        }
        Self {
            kept: None,
            interrupted: None,
            held_up: false,
            timer_slack,
        }
    }
}

impl Default for Poller {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        if let Some(slack) = self.timer_slack {
            let _ = prctl::set_timerslack(slack);
        }
    }
}

impl Waiter for Poller {
    #[expect(clippy::disallowed_methods, reason = "the only clock")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken {
        self.keep_signals();
        let blocked = self.kept.take();
        // Without a descriptor for signals the wait is still bounded by its deadline.
        let signals = SignalFd::with_flags(
            &ENDING.into_iter().collect(),
            SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
        )
        .ok();
        let woken = self.poll(event, signals.as_ref(), until);
        if matches!(woken, Woken::Interrupted(_)) && self.interrupted.is_none() {
            self.interrupted = blocked;
        }
        woken
    }

    fn keep_signals(&mut self) {
        self.kept
            .get_or_insert_with(|| Blocked::these(&ENDING.into_iter().collect()));
    }

    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        // A thread inherits the mask of the one that starts it.
        let _blocked = Blocked::these(&SigSet::all());
        thread.spawn(body).map(drop)
    }

    fn was_held_up(&self) -> bool {
        self.held_up
    }
}

impl Poller {
    fn poll(
        &mut self,
        event: Option<BorrowedFd<'_>>,
        signals: Option<&SignalFd>,
        until: Instant,
    ) -> Woken {
        loop {
            let before = self.now();
            let left = until.saturating_duration_since(before);
            let slice = left.min(SLICE);
            let mut ready: Vec<PollFd<'_>> = [signals.map(AsFd::as_fd), event]
                .into_iter()
                .flatten()
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
                .collect();
            // Rounded up, lest the last millisecond be spent in a busy loop.
            let timeout = slice.saturating_add(Duration::from_micros(999)).as_millis();
            let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::ZERO);
            let polled = poll(&mut ready, timeout);
            let signalled = signals.is_some() && ready.first().is_some_and(is_ready);
            drop(ready);
            let slept = self.now().saturating_duration_since(before);
            self.held_up |= slept > slice.saturating_add(HELD_UP);
            // They are blocked, so that this misses none where their descriptor is not there to tell.
            if (signals.is_none() || polled.is_err())
                && let Some(signal) = pending()
            {
                return Woken::Interrupted(signal.as_str());
            }
            match polled {
                Ok(_) if signalled => {
                    return Woken::Interrupted(pending().map_or("a signal", Signal::as_str));
                }
                Ok(0) | Err(_) if left.is_zero() => return Woken::Deadline,
                // EINTR alone means nothing: a SIGCHLD or SIGWINCH of the host.
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Woken::Event,
                // Nothing can be waited for: the deadline, at least, is kept.
                Err(_) => thread::park_timeout(slice),
            }
        }
    }
}

fn is_ready(fd: &PollFd<'_>) -> bool {
    fd.any().unwrap_or(false)
}

/// One of the signals that is pending on this thread.
fn pending() -> Option<Signal> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `set` is valid for writes of a sigset_t, and nothing else is asked of the pointer.
    let result = unsafe { libc::sigpending(set.as_mut_ptr()) };
    if result != 0 {
        return None;
    }
    // SAFETY: sigpending(2) has filled the set in, since it returned 0.
    let set = unsafe { set.assume_init() };
    // SAFETY: the set is an initialised sigset_t, which is all that the wrapper relies on.
    let set = unsafe { SigSet::from_sigset_t_unchecked(set) };
    ENDING.into_iter().find(|signal| set.contains(*signal))
}

/// Signals blocked on this thread, until dropped.
#[derive(Debug)]
struct Blocked {
    before: Option<SigSet>,
}

impl Blocked {
    fn these(signals: &SigSet) -> Self {
        Self {
            before: signals.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok(),
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = before.thread_set_mask();
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{SigHandler, raise, signal};

    use super::*;

    /// As login(1) does with Ctrl-C, at times: without keeping it, the first of these would pass for the
    /// second.
    #[test]
    fn a_signal_that_the_host_ignores_is_not_lost_once_it_is_kept() {
        // SAFETY: to ignore a signal runs no code; no other test here looks at this one.
        unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) }.unwrap();
        let mut poller = Poller::new();
        let until = poller.now() + Duration::from_secs(20);
        raise(Signal::SIGHUP).unwrap();
        let now = poller.now();
        assert_eq!(poller.wait(None, now), Woken::Deadline);
        poller.keep_signals();
        raise(Signal::SIGHUP).unwrap();
        assert_eq!(poller.wait(None, until), Woken::Interrupted("SIGHUP"));
    }
}
