//! A thousand logins that wait at once, each in a process of its own, and are approved at once.

use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::figures::{megabytes, milliseconds, table};
use crate::stage::{Stage, Trust};
use crate::waiting::{Held, approve_all, start};

const PEOPLE: usize = 1000;
/// Under way at once on their way to the tenant: their `connect_seconds` are for a machine's usual
/// load.
const AT_ONCE: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

pub fn measure(stage: &Stage) {
    // An account each, so that no limit is reached: the part before the @ is what happens.
    let service = stage.service(&stage.authority(), "page@{user}", Trust::System, false);
    let before = used();
    let began = Instant::now();
    let mut logins: Vec<Child> = Vec::new();
    while logins.len() < PEOPLE {
        for number in logins.len()..(logins.len() + AT_ONCE).min(PEOPLE) {
            logins.push(start(&[
                stage.path("host"),
                stage.services(),
                service.clone(),
                format!("u{}", number + 1),
            ]));
        }
        let here = stage.tenant.wait_for_waiting(logins.len(), PATIENCE);
        assert!(here, "only {} wait", stage.tenant.waiting().len());
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
    approve_all(stage);
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

/// CPU of all children that have ended, in microseconds.
fn used() -> f64 {
    let usage: Usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    (usage.user_time() + usage.system_time()).num_microseconds() as f64
}
