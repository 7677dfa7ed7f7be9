//! The clock, and the wait of the PAM thread: poll(2) on the task's event and on the signals that
//! end a program.
//!
//! sudo blocks SIGINT while PAM runs, so a plain poll never hears Ctrl-C. A signalfd(2) reports a
//! blocked signal at once. The signal stays pending, and the host handles it as usual. Only if
//! poll(2) fails, this module reads the signal and raises it again. If the host does not block a
//! signal, this thread blocks it during the wait.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals that end a login.
pub const ENDING: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

/// The kernel's default timer slack: 50 microseconds.
const SLACK_NANOSECONDS: u64 = 50_000;
/// The longest single poll. Then the clock tries again to open a signalfd, if it has none.
const SLICE: Duration = Duration::from_millis(200);

/// The time and the waiting of a login. All of the PAM thread's time comes from here.
pub trait Clock {
    /// The monotonic time.
    fn now(&self) -> Instant;

    /// Waits until `event` is readable, until `until`, or until one of [`ENDING`] is pending.
    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken;

    /// Blocks [`ENDING`] until the next wait ends. Call it before any work that comes before a
    /// wait. Otherwise, a signal that the host ignores is lost during that work.
    fn block_signals(&mut self);

    /// Starts a thread with all signals blocked.
    ///
    /// # Errors
    ///
    /// No more threads are available.
    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()>;
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The event is readable.
    Event,
    /// Time is up.
    Deadline,
    /// A signal asks the program to end; its name.
    Interrupted(&'static str),
}

/// Pauses for `time`. A pause of zero only looks for a pending signal.
///
/// # Errors
///
/// The name of the signal that ended the pause.
pub fn pause(clock: &mut dyn Clock, time: Duration) -> Result<(), &'static str> {
    let until = later(clock.now(), time);
    match clock.wait(None, until) {
        Woken::Interrupted(signal) => Err(signal),
        Woken::Event | Woken::Deadline => Ok(()),
    }
}

/// `start` plus `time`; `start` if that overflows.
#[must_use]
pub fn later(start: Instant, time: Duration) -> Instant {
    start.checked_add(time).unwrap_or(start)
}

/// The real clock, and poll(2).
#[derive(Debug)]
pub struct SystemClock {
    /// Blocked for the next wait.
    for_next_wait: Option<Blocked>,
    /// Blocked until this clock is dropped, which is after the log line: unblocking lets a pending
    /// signal end the host.
    interrupted: Option<Blocked>,
    /// The caller's timer slack, if this clock changed it.
    timer_slack: Option<u64>,
}

impl SystemClock {
    /// Makes the timers of this thread, and of threads that it starts, exact. A process inherits
    /// its timer slack (prctl(2), `PR_SET_TIMERSLACK`) from the caller, who could stretch every
    /// deadline with it. Blocks no signal yet.
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
            for_next_wait: None,
            interrupted: None,
            timer_slack,
        }
    }

    fn poll(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken {
        // Opened for each wait: the host may close descriptors in a conversation.
        let mut signal_fd = None;
        loop {
            // Absent if too few descriptors are left. Then no signal ends the wait until a later
            // turn succeeds.
            signal_fd = signal_fd.or_else(|| new_signal_fd(&ENDING));
            let before = self.now();
            let left = until.saturating_duration_since(before);
            let slice = left.min(SLICE);
            let signals = signal_fd.as_ref().map(AsFd::as_fd);
            let mut ready: Vec<PollFd<'_>> = [signals, event]
                .into_iter()
                .flatten()
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
                .collect();
            // Rounded up: the last millisecond must not become a busy loop.
            let timeout = slice.saturating_add(Duration::from_micros(999)).as_millis();
            let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::ZERO);
            let polled = poll(&mut ready, timeout);
            let signalled = signals.is_some() && ready.first().is_some_and(is_ready);
            drop(ready);
            match polled {
                Ok(_) if signalled => return Woken::Interrupted(pending()),
                Err(errno) if errno != Errno::EINTR && signal_fd.is_some() => {
                    // poll(2) fails: look for signals in another way.
                    if let Some(signal) = signal_fd.as_ref().and_then(read_and_raise) {
                        return Woken::Interrupted(signal);
                    }
                    if left.is_zero() {
                        return Woken::Deadline;
                    }
                    thread::park_timeout(slice);
                }
                Ok(0) | Err(_) if left.is_zero() => return Woken::Deadline,
                // EINTR alone is no reason to end: the host's SIGCHLD or SIGWINCH causes it, too.
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Woken::Event,
                Err(_) => thread::park_timeout(slice),
            }
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for SystemClock {
    fn drop(&mut self) {
        if let Some(slack) = self.timer_slack {
            let _ = prctl::set_timerslack(slack);
        }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only clock")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken {
        self.block_signals();
        let blocked = self.for_next_wait.take();
        let woken = self.poll(event, until);
        if matches!(woken, Woken::Interrupted(_)) && self.interrupted.is_none() {
            self.interrupted = blocked;
        }
        woken
    }

    fn block_signals(&mut self) {
        self.for_next_wait
            .get_or_insert_with(|| Blocked::new(&ENDING.into_iter().collect()));
    }

    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        // A thread inherits the mask of the thread that starts it.
        let _blocked = Blocked::new(&SigSet::all());
        thread.spawn(body).map(drop)
    }
}

fn is_ready(fd: &PollFd<'_>) -> bool {
    fd.any().unwrap_or(false)
}

fn new_signal_fd(signals: &[Signal]) -> Option<SignalFd> {
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    SignalFd::with_flags(&signals.iter().copied().collect(), flags).ok()
}

/// The name of a signal in [`ENDING`] that is pending. sigpending(2) would need `unsafe`. A
/// signalfd for each signal gives the same result.
fn pending() -> &'static str {
    let is_pending = |signal: &Signal| {
        new_signal_fd(&[*signal]).is_some_and(|fd| {
            let mut ready = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
            poll(&mut ready, PollTimeout::ZERO) == Ok(1)
        })
    };
    let found = ENDING.into_iter().find(is_pending);
    found.map_or("a signal", Signal::as_str)
}

/// The name of a pending signal, if poll(2) fails. Reading the signalfd consumes the signal, so
/// this raises it again for the host.
fn read_and_raise(signals: &SignalFd) -> Option<&'static str> {
    let read = signals.read_signal().ok().flatten()?;
    let signal = Signal::try_from(i32::try_from(read.ssi_signo).ok()?).ok()?;
    let _ = raise(signal);
    Some(signal.as_str())
}

/// Blocks signals on this thread until dropped.
#[derive(Debug)]
pub struct Blocked {
    before: Option<SigSet>,
}

impl Blocked {
    /// Adds `signals` to the mask of this thread.
    #[must_use]
    pub fn new(signals: &SigSet) -> Self {
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
    use super::*;

    #[test]
    fn a_pending_signal_ends_a_wait_of_zero_and_stays_pending() {
        let quit = SigSet::from_iter([Signal::SIGQUIT]);
        quit.thread_block().unwrap();
        let mut clock = SystemClock::new();
        assert_eq!(pause(&mut clock, Duration::ZERO), Ok(()));
        raise(Signal::SIGQUIT).unwrap();
        for _ in 0..2 {
            assert_eq!(pause(&mut clock, Duration::ZERO), Err("SIGQUIT"));
        }
        assert_eq!(quit.wait(), Ok(Signal::SIGQUIT), "left for the host");
        assert_eq!(pause(&mut clock, Duration::ZERO), Ok(()));
    }

    #[test]
    fn a_thread_that_the_clock_starts_gets_no_signals() {
        let (sender, mask) = std::sync::mpsc::channel();
        let body = move || sender.send(SigSet::thread_get_mask().unwrap()).unwrap();
        let clock = SystemClock::new();
        clock.spawn(thread::Builder::new(), Box::new(body)).unwrap();
        let mask = mask.recv().unwrap();
        for signal in [
            Signal::SIGINT,
            Signal::SIGPIPE,
            Signal::SIGALRM,
            Signal::SIGCHLD,
        ] {
            assert!(mask.contains(signal), "{signal}");
        }
        let here = SigSet::thread_get_mask().unwrap();
        assert!(!here.contains(Signal::SIGINT));
    }

    /// login(1) sometimes ignores Ctrl-C (SIGINT). This test uses SIGWINCH instead: it is ignored
    /// by default, and no other test uses it.
    #[test]
    fn blocking_keeps_a_signal_that_the_host_ignores() {
        let fd = new_signal_fd(&[Signal::SIGWINCH]).unwrap();
        let readable = || {
            let mut ready = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
            poll(&mut ready, PollTimeout::ZERO) == Ok(1)
        };
        raise(Signal::SIGWINCH).unwrap();
        assert!(!readable(), "lost");
        let blocked = Blocked::new(&SigSet::from_iter([Signal::SIGWINCH]));
        raise(Signal::SIGWINCH).unwrap();
        assert!(readable());
        drop(blocked);
    }
}
