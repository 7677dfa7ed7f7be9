//! Two thousand logins, each in its own process, which wait and are approved at the same time.

use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::figures::{megabytes, milliseconds, table};
use crate::setup::{Setup, Trust};
use crate::waiting::{Held, approve_all, start};

const PEOPLE: usize = 2000;
/// The number of logins that connect at the same time, so that `connect_seconds` is enough.
const AT_ONCE: usize = 50;
const TIMEOUT: Duration = Duration::from_secs(60);

pub fn measure(setup: &Setup) {
    // One account for each login, so that no limit is reached. The part before the @ selects the
    // behaviour.
    let service = setup.service(&setup.authority(), "page@{user}", Trust::System, false);
    let before = used();
    let began = Instant::now();
    let mut logins: Vec<Child> = Vec::new();
    while logins.len() < PEOPLE {
        for number in logins.len()..(logins.len() + AT_ONCE).min(PEOPLE) {
            logins.push(start(&[
                setup.path("host"),
                setup.services(),
                service.clone(),
                format!("u{}", number + 1),
            ]));
        }
        let here = setup.tenant.wait_for_waiting(logins.len(), TIMEOUT);
        assert!(here, "only {} wait", setup.tenant.waiting().len());
    }
    let waiting = began.elapsed();
    let mut held = Held::default();
    for login in &logins {
        let one = Held::by(login.id());
        held.private += one.private;
        held.proportional += one.proportional;
        held.threads += one.threads;
    }
    let approved = Instant::now();
    approve_all(setup);
    let succeeded = logins
        .into_iter()
        .map(|mut login| login.wait().unwrap().success())
        .filter(|success| *success)
        .count();
    let ended = approved.elapsed();
    let each = |sum: f64| sum / PEOPLE as f64;
    let rows = [
        ("succeeded", succeeded.to_string()),
        (
            "CPU of one, with its host, ms",
            milliseconds(each(used() - before)),
        ),
        (
            "private memory of one, with its host, MB",
            megabytes(each(held.private)),
        ),
        (
            "memory of one, with its share of what all share, MB",
            megabytes(each(held.proportional)),
        ),
        (
            "threads of one, with the host's",
            each(held.threads).to_string(),
        ),
        (
            "until all waited, s",
            format!("{:.1}", waiting.as_secs_f64()),
        ),
        (
            "from the first approval until all were in, s",
            format!("{:.1}", ended.as_secs_f64()),
        ),
    ]
    .map(|(name, figure)| vec![name.to_owned(), figure]);
    let heading = format!("{PEOPLE} logins that wait at once, approved at once");
    table(&heading, &["", ""], &rows);
    assert_eq!(succeeded, PEOPLE, "not everybody got in");
}

/// The CPU time of all children that have ended, in microseconds.
fn used() -> f64 {
    let usage: Usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    (usage.user_time() + usage.system_time()).num_microseconds() as f64
}
