use std::sync::mpsc::sync_channel;

use super::*;
use crate::clock::SystemClock;
use crate::scripted::ScriptedClock;

const SOON: Duration = Duration::from_secs(20);

fn ticket<E: Send + 'static, F: Future<Output = ()> + Send>(
    task: impl FnOnce(Line<E, u8>) -> F + Send + 'static,
) -> Ticket<E, u8> {
    Ticket::start(&SystemClock::new(), SOON, task).unwrap()
}

#[test]
fn events_come_in_order_and_questions_are_answered() {
    let mut clock = SystemClock::new();
    let mut ticket = ticket(|mut line: Line<u8, u8>| async move {
        line.tell(1, SOON);
        let answer = line.ask(2, SOON).await;
        line.tell(answer, SOON);
    });
    assert_eq!(ticket.next(&mut clock), Ok(1));
    assert_eq!(ticket.next(&mut clock), Ok(2));
    ticket.answer(&mut clock, 3);
    assert_eq!(ticket.next(&mut clock), Ok(3));
    assert_eq!(ticket.next(&mut clock), Err(Stopped::Panicked), "it ended");
}

#[test]
fn a_panic_is_noticed_before_the_deadline() {
    let mut clock = SystemClock::new();
    let begun = clock.now();
    let mut when_polled = ticket(|line: Line<u8, u8>| async move {
        line.tell(1, SOON);
        panic!("in the task");
    });
    assert_eq!(when_polled.next(&mut clock), Ok(1));
    assert_eq!(when_polled.next(&mut clock), Err(Stopped::Panicked));
    let mut when_made = ticket(|_: Line<u8, u8>| -> std::future::Pending<()> { panic!("made") });
    assert_eq!(when_made.next(&mut clock), Err(Stopped::Panicked));
    assert!(clock.now() < later(begun, SOON));
}

#[test]
fn a_task_that_is_stuck_delays_the_login_only_for_its_patience() {
    let (release, stuck) = sync_channel::<()>(0);
    let mut ticket = ticket(|line: Line<u8, u8>| async move {
        line.tell(1, Duration::from_millis(50));
        let _ = stuck.recv();
    });
    let mut clock = SystemClock::new();
    assert_eq!(ticket.next(&mut clock), Ok(1));
    let begun = clock.now();
    assert_eq!(ticket.next(&mut clock), Err(Stopped::Deadline));
    assert!(clock.now() >= later(begun, Duration::from_millis(50)));
    assert_eq!(ticket.cancel(), None, "it may still do something");
    assert!(clock.now() < later(begun, SOON));
    drop(release);
}

#[test]
fn a_cancelled_task_does_nothing_more_and_its_last_events_are_known() {
    let mut clock = SystemClock::new();
    let mut ticket = ticket(|mut line: Line<u8, u8>| async move {
        line.tell(1, SOON);
        line.tell(2, SOON);
        line.ask(3, SOON).await;
        line.tell(4, SOON);
    });
    assert_eq!(ticket.next(&mut clock), Ok(1));
    let rest = ticket.cancel().unwrap();
    assert!([&[2, 3][..], &[2], &[]].contains(&&*rest), "{rest:?}");
}

#[test]
fn a_task_that_looks_for_the_cancel_sends_nothing_after_it() {
    let (go, gone) = sync_channel::<()>(0);
    let mut clock = SystemClock::new();
    let mut ticket = ticket(|line: Line<u8, u8>| async move {
        line.tell(1, SOON);
        // The cancel comes in the middle of a turn.
        let _ = gone.recv();
        line.stop_if_cancelled().await;
        line.tell(2, SOON);
    });
    assert_eq!(ticket.next(&mut clock), Ok(1));
    ticket.shared.is_cancelled.store(true, Ordering::SeqCst);
    go.send(()).unwrap();
    assert_eq!(ticket.cancel(), Some(vec![]));
}

#[test]
fn signals_are_blocked_before_the_task_gets_its_answer() {
    let mut clock = ScriptedClock::default();
    let ticket = ticket(|_: Line<u8, u8>| std::future::pending());
    ticket.answer(&mut clock, 1);
    assert_eq!(clock.blocked, 1);
}
