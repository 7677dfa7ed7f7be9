use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use super::*;
use crate::pam::Poller;

const SOON: Duration = Duration::from_secs(20);

fn worker<S: 'static>(make: impl FnOnce() -> S + Send + 'static) -> Worker<S> {
    Worker::start(&Poller::new(), Canceller::new(), make).unwrap()
}

fn wait<T>(pending: &Pending<T>) -> Result<T, Stopped> {
    let mut poller = Poller::new();
    let until = later(poller.now(), SOON);
    pending.wait(&mut poller, until)
}

#[test]
fn jobs_are_done_in_turn_with_what_was_made() {
    let worker = worker(|| 7);
    let (first, second) = (worker.begin(|n| n + 1), worker.begin(|n| n + 2));
    assert_eq!(wait(&second), Ok(9));
    assert_eq!(wait(&first), Ok(8));
    worker.end();
}

#[test]
fn a_panic_is_known_at_once_wherever_it_happens() {
    let mut poller = Poller::new();
    let begun = poller.now();
    let in_job = worker(|| 7);
    let pending = in_job.begin(|_| -> u8 { panic!("in the job") });
    assert_eq!(wait(&pending), Err(Stopped::Panicked));
    let after = in_job.begin(|n| *n);
    assert_eq!(wait(&after), Err(Stopped::Panicked));

    let in_making = worker(|| -> u8 { panic!("in the making") });
    assert_eq!(wait(&in_making.begin(|n| *n)), Err(Stopped::Panicked));
    assert!(
        poller.now() < later(begun, SOON),
        "not only at the deadline"
    );
    assert_eq!(poller.wait(None, begun), Woken::Deadline);
}

#[test]
fn work_that_is_stuck_holds_up_nobody() {
    let (release, stuck) = sync_channel::<()>(0);
    let worker = worker(|| ());
    let pending = worker.begin(move |()| {
        let _ = stuck.recv();
    });
    let mut poller = Poller::new();
    let until = later(poller.now(), Duration::from_millis(50));
    assert_eq!(pending.wait(&mut poller, until), Err(Stopped::Deadline));
    assert!(poller.now() >= until);
    worker.end();
    assert!(poller.now() < later(until, SOON));
    drop(release);
}

#[test]
fn no_signal_reaches_a_worker() {
    let worker = worker(|| ());
    let mask = worker.begin(|()| nix::sys::signal::SigSet::thread_get_mask());
    let mask = wait(&mask).unwrap().unwrap();
    for signal in [
        nix::sys::signal::Signal::SIGINT,
        nix::sys::signal::Signal::SIGPIPE,
        nix::sys::signal::Signal::SIGALRM,
        nix::sys::signal::Signal::SIGCHLD,
    ] {
        assert!(mask.contains(signal), "{signal}");
    }
    let here = nix::sys::signal::SigSet::thread_get_mask().unwrap();
    assert!(!here.contains(nix::sys::signal::Signal::SIGINT));
}

#[test]
fn a_signal_that_waits_is_seen_by_a_wait_that_takes_no_time_and_stays() {
    use nix::sys::signal::{SigSet, Signal, raise};

    let quit = SigSet::from_iter([Signal::SIGQUIT]);
    quit.thread_block().unwrap();
    let mut poller = Poller::new();
    assert_eq!(pause(&mut poller, Duration::ZERO), Ok(()));
    raise(Signal::SIGQUIT).unwrap();
    for _ in 0..2 {
        assert_eq!(
            pause(&mut poller, Duration::ZERO),
            Err(Stopped::Interrupted("SIGQUIT"))
        );
    }
    assert_eq!(quit.wait(), Ok(Signal::SIGQUIT), "left for the host");
    assert_eq!(pause(&mut poller, Duration::ZERO), Ok(()));
}

/// Waits as a login does, and tells whether signals were to be kept.
struct Keeping(Poller, Arc<AtomicBool>);

impl Waiter for Keeping {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken {
        self.0.wait(event, until)
    }

    fn keep_signals(&mut self) {
        self.1.store(true, Ordering::SeqCst);
    }

    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        self.0.spawn(thread, body)
    }

    fn was_held_up(&self) -> bool {
        self.0.was_held_up()
    }
}

#[test]
fn signals_are_kept_before_anything_is_begun() {
    let kept = Arc::new(AtomicBool::new(false));
    let mut waiter = Keeping(Poller::new(), kept.clone());
    let until = later(waiter.now(), SOON);
    let worker = worker(|| ());
    let in_time = worker.run(&mut waiter, until, move |()| kept.load(Ordering::SeqCst));
    assert_eq!(in_time, Ok(true));
}
