//! Waiting for work on another thread: with a deadline, and for no longer than the person wants.
//!
//! The thread owns what it works with (the client, its connection), and drops it. The waiting
//! side never joins it and never drops a client, since either could block on the network.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use logonbox_authenticator::Canceller;
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Enough for what a login does; memory that is not touched costs nothing.
const STACK_BYTES: usize = 1 << 20;
/// How long the thread's end is waited for once it has been told to stop.
const FAREWELL: Duration = Duration::from_millis(250);
/// How much later than the client's own deadline the wait gives up: the client knows better why
/// there is no answer.
pub const GRACE: Duration = Duration::from_millis(200);

/// The clock, and what can wake a person's wait. The only place where time is read.
pub trait Waiter {
    /// The time.
    fn now(&self) -> Instant;

    /// Waits until `event` can be read, `until` has come, or the person breaks off.
    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken;

    /// Keeps the signals with which the person breaks off for the next wait, until that has ended: those
    /// that the host ignores would be lost before it.
    fn keep_signals(&mut self);

    /// Starts `body` as a thread that no signal will interrupt.
    ///
    /// # Errors
    ///
    /// There are no threads left.
    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()>;

    /// Whether this process was held up for long during a wait, as by Ctrl-Z: then a deadline
    /// that has passed says nothing about the tenant.
    fn was_held_up(&self) -> bool;
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The event is there.
    Event,
    /// Time is up.
    Deadline,
    /// The person, or the system, wants the program to end; the name of the signal.
    Interrupted(&'static str),
}

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Time is up.
    Deadline,
    /// The person, or the system, wants the program to end; the name of the signal.
    Interrupted(&'static str),
    /// The work panicked.
    Panicked,
}

/// Pauses for `time`.
///
/// # Errors
///
/// [`Stopped::Interrupted`], when the person breaks off.
pub fn pause(waiter: &mut dyn Waiter, time: Duration) -> Result<(), Stopped> {
    let until = later(waiter.now(), time);
    match waiter.wait(None, until) {
        Woken::Interrupted(signal) => Err(Stopped::Interrupted(signal)),
        Woken::Event | Woken::Deadline => Ok(()),
    }
}

/// A point in time that is never before `start`.
#[must_use]
pub fn later(start: Instant, time: Duration) -> Instant {
    start.checked_add(time).unwrap_or(start)
}

type Job<S> = Box<dyn FnOnce(&S) + Send>;

/// A thread that works on an `S`, one job after the other. Dropping it (or [`Worker::end`]) tells
/// the thread to drop the `S` and to end.
pub struct Worker<S> {
    jobs: Option<Sender<Job<S>>>,
    event: Arc<EventFd>,
    /// Disconnected when the thread has dropped everything.
    ended: Receiver<()>,
    canceller: Canceller,
}

impl<S: 'static> Worker<S> {
    /// Starts the thread, on which `make` makes what it works with. `canceller` stops that.
    ///
    /// # Errors
    ///
    /// There are no threads or descriptors left.
    pub fn start(
        waiter: &dyn Waiter,
        canceller: Canceller,
        make: impl FnOnce() -> S + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, queue) = channel::<Job<S>>();
        let (alive, ended) = channel::<()>();
        let event = Arc::new(EventFd::from_flags(
            EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK,
        )?);
        let thread = thread::Builder::new()
            .name("logonbox".to_owned())
            .stack_size(STACK_BYTES);
        waiter.spawn(
            thread,
            Box::new(move || {
                // A panic in here is known by the missing result.
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    let state = make();
                    for job in queue {
                        job(&state);
                    }
                }));
                drop(alive);
            }),
        )?;
        Ok(Self {
            jobs: Some(jobs),
            event,
            ended,
            canceller,
        })
    }

    /// Gives the thread something to do.
    pub fn begin<T: Send + 'static>(
        &self,
        work: impl FnOnce(&S) -> T + Send + 'static,
    ) -> Pending<T> {
        let answer = Arc::new(Mutex::new(Answer::Awaited));
        let reply = Reply {
            answer: answer.clone(),
            event: self.event.clone(),
        };
        let job = Box::new(move |state: &S| reply.send(work(state)));
        if let Some(jobs) = &self.jobs {
            // A thread that has ended drops the job, and with it the reply.
            let _ = jobs.send(job);
        }
        Pending {
            answer,
            event: self.event.clone(),
        }
    }

    /// Gives the thread something to do, and waits for it, at most until `until`.
    ///
    /// # Errors
    ///
    /// Why there is no result.
    pub fn run<T: Send + 'static>(
        &self,
        waiter: &mut dyn Waiter,
        until: Instant,
        work: impl FnOnce(&S) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        waiter.keep_signals();
        self.begin(work).wait(waiter, until)
    }

    /// Cancels what is under way, and waits a moment for the thread to have dropped everything.
    pub fn end(mut self) {
        self.canceller.cancel();
        self.jobs = None;
        // Nothing is ever sent: it is the end of the other side that is waited for. Signals wait,
        // too, since this takes no time unless the thread is stuck.
        let _ = self.ended.recv_timeout(FAREWELL);
    }
}

impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        self.canceller.cancel();
    }
}

/// A result that is not there yet.
pub struct Pending<T> {
    answer: Arc<Mutex<Answer<T>>>,
    event: Arc<EventFd>,
}

/// What has become of a result. Not a channel: the code of one for every type of result would be a
/// thirtieth of the module.
enum Answer<T> {
    Awaited,
    There(T),
    /// It was taken, or will never come.
    Gone,
}

impl<T> Pending<T> {
    /// Waits for the result, at most until `until`.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn wait(&self, waiter: &mut dyn Waiter, until: Instant) -> Result<T, Stopped> {
        loop {
            match self.take() {
                Answer::There(result) => return Ok(result),
                Answer::Gone => return Err(Stopped::Panicked),
                Answer::Awaited => {}
            }
            match waiter.wait(Some(self.event.as_fd()), until) {
                Woken::Event => silence(&self.event),
                Woken::Interrupted(signal) => return Err(Stopped::Interrupted(signal)),
                Woken::Deadline => {
                    return match self.take() {
                        // A result that came at the last moment counts.
                        Answer::There(result) => Ok(result),
                        Answer::Gone | Answer::Awaited => Err(Stopped::Deadline),
                    };
                }
            }
        }
    }

    fn take(&self) -> Answer<T> {
        let mut answer = lock(&self.answer);
        match *answer {
            Answer::Awaited => Answer::Awaited,
            Answer::There(_) | Answer::Gone => std::mem::replace(&mut *answer, Answer::Gone),
        }
    }
}

/// Wakes whoever waits, also when it is dropped without a result, as by a panic.
struct Reply<T> {
    answer: Arc<Mutex<Answer<T>>>,
    event: Arc<EventFd>,
}

impl<T> Reply<T> {
    fn send(self, result: T) {
        *lock(&self.answer) = Answer::There(result);
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        // First the answer, then the bell: whoever wakes must see that nothing more comes.
        let mut answer = lock(&self.answer);
        if matches!(*answer, Answer::Awaited) {
            *answer = Answer::Gone;
        }
        drop(answer);
        // Fails only where the counter is full, and then it has rung already.
        let _ = self.event.write(1);
    }
}

fn lock<T>(answer: &Mutex<Answer<T>>) -> MutexGuard<'_, Answer<T>> {
    answer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn silence(event: &EventFd) {
    // Fails only where nothing has rung.
    let _ = event.read();
}

#[cfg(test)]
mod tests;
