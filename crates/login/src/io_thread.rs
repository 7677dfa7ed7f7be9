//! The I/O thread: one event loop that runs one async task for a login.
//!
//! The PAM thread holds a [`Ticket`]. It waits for the task's events, answers its questions, and
//! cancels it by dropping the ticket. The task holds a [`Line`]. The thread makes all requests to
//! the server. The PAM thread never joins it, and waits at most 250 ms for its end.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::clock::{Clock, Woken, later};
use crate::outcome::{Reason, Refusal};

/// Stack memory that is not used is not allocated.
const STACK_BYTES: usize = 1 << 20;
/// A dropped ticket checks at most `FAREWELLS` times whether its thread has ended. Each check waits
/// up to `FAREWELL` milliseconds.
const FAREWELLS: u8 = 50;
const FAREWELL: u8 = 5;
/// The PAM thread's deadline is this much later than the task's, because the task can name the
/// exact cause.
const GRACE: Duration = Duration::from_millis(200);

/// The PAM thread's end: events `E` come out, answers `A` go in.
pub(crate) struct Ticket<E, A> {
    shared: Arc<Shared<E, A>>,
    /// How long the next event may take.
    patience: Duration,
    /// Aborts the task. Every turn of the event loop looks for that first.
    task: AbortHandle,
    ended: bool,
}

/// The task's end.
pub(crate) struct Line<E, A> {
    shared: Arc<Shared<E, A>>,
}

/// The state that both threads share. Channels would also work, but their code for each event type
/// would add 1 % to the module's size.
struct Shared<E, A> {
    events: Mutex<Events<E>>,
    /// Rings for each event, and at the end of the thread.
    bell: EventFd,
    answer: Mutex<Option<A>>,
    answered: Notify,
    is_cancelled: AtomicBool,
}

struct Events<E> {
    /// Each with the time that the next one may take.
    queue: VecDeque<(E, Duration)>,
    /// The thread has dropped everything of the task.
    have_ended: bool,
}

/// Why no event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The task did not keep its own deadline.
    Deadline,
    /// A signal asks the program to end; its name.
    Interrupted(&'static str),
    /// The task ended without its last event: it panicked.
    Panicked,
}

impl From<Stopped> for Refusal {
    fn from(why: Stopped) -> Self {
        match why {
            Stopped::Deadline => Self::new(Reason::TimedOut, "no answer in time"),
            Stopped::Interrupted(signal) => Self::new(Reason::Interrupted, signal),
            Stopped::Panicked => Self::new(Reason::Panic, "a thread of the module panicked"),
        }
    }
}

impl<E: Send + 'static, A: Send + 'static> Ticket<E, A> {
    /// Starts the thread, which runs the future that `task` returns. The first event must come
    /// within `patience`.
    ///
    /// # Errors
    ///
    /// [`Reason::LocalFailure`]: no thread or file descriptor is left.
    pub(crate) fn start<F: Future<Output = ()> + Send>(
        clock: &dyn Clock,
        patience: Duration,
        task: impl FnOnce(Line<E, A>) -> F + Send + 'static,
    ) -> Result<Self, Refusal> {
        let no_thread =
            |error: io::Error| Refusal::new(Reason::LocalFailure, format!("no thread: {error}"));
        let event_loop = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                Refusal::new(Reason::LocalFailure, format!("no event loop: {error}"))
            })?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = EventFd::from_flags(flags).map_err(|error| no_thread(error.into()))?;
        let shared = Arc::new(Shared {
            events: Mutex::new(Events {
                queue: VecDeque::new(),
                have_ended: false,
            }),
            bell,
            answer: Mutex::new(None),
            answered: Notify::new(),
            is_cancelled: AtomicBool::new(false),
        });
        let thread = thread::Builder::new()
            .name("logonbox".to_owned())
            .stack_size(STACK_BYTES);
        let line = Line {
            shared: shared.clone(),
        };
        // The event loop catches a panic of the task, and of its drop. Boxed: the event loop's code
        // for each type of task is large.
        let task: Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(async move { task(line).await });
        let running = event_loop.spawn(task);
        let task = running.abort_handle();
        let end = End(shared.clone());
        let body = move || {
            // Dropped last. If the last event is missing, the task has panicked.
            let _end = end;
            let _ = catch_unwind(AssertUnwindSafe(|| {
                let _ = event_loop.block_on(running);
                // Does not wait for anything.
                event_loop.shutdown_background();
            }));
        };
        clock.spawn(thread, Box::new(body)).map_err(no_thread)?;
        Ok(Self {
            shared,
            patience,
            task,
            ended: false,
        })
    }

    /// Waits for the next event of the task.
    ///
    /// # Errors
    ///
    /// Why no event came.
    pub(crate) fn next(&mut self, clock: &mut dyn Clock) -> Result<E, Stopped> {
        let until = later(later(clock.now(), self.patience), GRACE);
        loop {
            if let Some(event) = self.try_next()? {
                return Ok(event);
            }
            match clock.wait(Some(self.shared.bell.as_fd()), until) {
                // Fails only if the bell has not rung, as when the host has closed it.
                Woken::Event if self.shared.bell.read().is_err() && clock.now() >= until => {
                    return Err(Stopped::Deadline);
                }
                Woken::Event => {}
                Woken::Interrupted(signal) => return Err(Stopped::Interrupted(signal)),
                // An event that came at the last moment counts.
                Woken::Deadline => return self.try_next()?.ok_or(Stopped::Deadline),
            }
        }
    }

    /// The next event, if there is one already.
    ///
    /// # Errors
    ///
    /// [`Stopped::Panicked`].
    pub(crate) fn try_next(&mut self) -> Result<Option<E>, Stopped> {
        let mut events = lock(&self.shared.events);
        match events.queue.pop_front() {
            Some((event, patience)) => {
                self.patience = patience;
                Ok(Some(event))
            }
            None if events.have_ended => Err(Stopped::Panicked),
            None => Ok(None),
        }
    }

    /// Answers the task. Blocks the ending signals until the next wait ends, so that each is
    /// noticed.
    pub(crate) fn answer(&self, clock: &mut dyn Clock, answer: A) {
        clock.block_signals();
        *lock(&self.shared.answer) = Some(answer);
        self.shared.answered.notify_one();
    }
}

impl<E, A> Ticket<E, A> {
    /// Cancels the task and waits a moment for the end of its thread. Returns the events that the
    /// task still sent. `None` if the thread is still running, because it may still act.
    pub(crate) fn cancel(mut self) -> Option<Vec<E>> {
        self.end()
    }

    fn end(&mut self) -> Option<Vec<E>> {
        self.ended = true;
        self.shared.is_cancelled.store(true, Ordering::SeqCst);
        self.task.abort();
        for _ in 0..FAREWELLS {
            let mut events = lock(&self.shared.events);
            if events.have_ended {
                let events = events.queue.drain(..);
                return Some(events.map(|(event, _)| event).collect());
            }
            drop(events);
            let mut bell = [PollFd::new(self.shared.bell.as_fd(), PollFlags::POLLIN)];
            match poll(&mut bell, PollTimeout::from(FAREWELL)) {
                Ok(_) => drop(self.shared.bell.read()),
                Err(_) => thread::park_timeout(Duration::from_millis(FAREWELL.into())),
            }
        }
        None
    }
}

impl<E, A> Drop for Ticket<E, A> {
    fn drop(&mut self) {
        if !self.ended {
            self.end();
        }
    }
}

impl<E, A> Line<E, A> {
    /// Sends an event. The next one may take `patience`.
    pub(crate) fn tell(&self, event: E, patience: Duration) {
        lock(&self.shared.events).queue.push_back((event, patience));
        self.shared.ring();
    }

    /// Sends an event and waits for the answer. The next event may take `patience` after that.
    pub(crate) async fn ask(&mut self, event: E, patience: Duration) -> A {
        self.tell(event, patience);
        loop {
            if let Some(answer) = lock(&self.shared.answer).take() {
                return answer;
            }
            self.shared.answered.notified().await;
        }
    }

    /// Waits forever if the ticket is gone. Call it right before a request leaves.
    pub(crate) async fn stop_if_cancelled(&self) {
        if self.shared.is_cancelled.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
    }
}

impl<E, A> Shared<E, A> {
    fn ring(&self) {
        // Fails only if the counter is full, and then it has rung.
        let _ = self.bell.write(1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the PAM thread, when it is dropped, that the thread has dropped everything of the task.
struct End<E, A>(Arc<Shared<E, A>>);

impl<E, A> Drop for End<E, A> {
    fn drop(&mut self) {
        lock(&self.0.events).have_ended = true;
        self.0.ring();
    }
}

#[cfg(test)]
mod tests;
