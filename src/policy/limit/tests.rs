//! The time is played; the files are real.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::UNIX_EPOCH;

use tempfile::TempDir;

use super::*;
use crate::host::played::{Hasty, Machine, Meanwhile};

/// A host with a directory of its own.
struct Host {
    /// What `/run` is elsewhere.
    run: TempDir,
    machine: Machine,
    waiter: Hasty,
}

impl Host {
    fn new() -> Self {
        let run = tempfile::tempdir().unwrap();
        Self {
            machine: Machine {
                state_directory: run.path().join("pam_logonbox"),
                ..Machine::default()
            },
            run,
            waiter: Hasty::default(),
        }
    }

    fn directory(&self) -> &Path {
        &self.machine.state_directory
    }

    fn files(&self) -> usize {
        fs::read_dir(self.directory()).unwrap().count()
    }

    fn later(&self, seconds: u64) {
        let uptime = &self.machine.uptime;
        uptime.set(uptime.get().saturating_add(Duration::from_secs(seconds)));
    }

    /// What happens while the next login is stopped, after it has read the clock.
    fn stopped(&self, meanwhile: impl FnOnce(&mut Host) + 'static) {
        let directory = self.directory().to_owned();
        let meanwhile: Meanwhile = Box::new(move |uptime| {
            let mut host = Host::new();
            host.machine.state_directory = directory;
            host.machine.uptime.set(uptime.get());
            meanwhile(&mut host);
            uptime.set(host.machine.uptime.get());
        });
        self.machine.meanwhile.replace(Some(meanwhile));
    }

    fn count<'l>(&mut self, limit: &'l Limit) -> Result<Counted<'l>, Refusal> {
        limit.count(&self.machine, &mut self.waiter)
    }

    /// A try that nobody approves.
    fn vain(&mut self, limit: &Limit) -> Result<(), String> {
        let counted = self.count(limit).map_err(|refusal| {
            assert_eq!(refusal.word, Word::Limit);
            refusal.reason
        })?;
        assert_eq!(counted.hint, "");
        Ok(())
    }
}

fn lee() -> Limit {
    Limit::new(3, "acme", "lee")
}

#[test]
fn the_oldest_try_must_be_ten_minutes_old_before_another_one() {
    let mut host = Host::new();
    for _ in 0..3 {
        host.vain(&lee()).unwrap();
        host.later(100);
    }
    for (later, free_in) in [(0, "301"), (100, "201"), (199, "2")] {
        host.later(later);
        let reason = host.vain(&lee()).unwrap_err();
        let files = format!("{}/{}.*", host.directory().display(), lee().account);
        assert_eq!(
            reason,
            format!("3 unapproved within 10 minutes; free in {free_in} s, or after rm {files}")
        );
    }
    host.later(1);
    host.vain(&lee()).unwrap();
    host.vain(&lee()).unwrap_err();
    host.later(100);
    host.vain(&lee()).unwrap();
    host.vain(&lee()).unwrap_err();
}

#[test]
fn an_approval_clears_the_count_and_what_was_not_sent_is_taken_back() {
    let mut host = Host::new();
    for _ in 0..3 {
        host.vain(&lee()).unwrap();
        host.vain(&lee()).unwrap();
        let limit = lee();
        host.count(&limit).unwrap().take_back();
        host.count(&limit).unwrap().approved();
        assert_eq!(host.files(), 0);
    }
    // Of the same time, and of one that is cleared by another.
    let limit = lee();
    let (one, other) = (host.count(&limit).unwrap(), host.count(&limit).unwrap());
    one.approved();
    other.take_back();
    assert_eq!(host.files(), 0);
}

#[test]
fn accounts_are_counted_apart_and_however_they_are_written() {
    let mut host = Host::new();
    for name in ["lee", "LEE", "Lee"] {
        host.vain(&Limit::new(3, "acme", name)).unwrap();
    }
    host.vain(&Limit::new(3, "acme", "lEE")).unwrap_err();
    for (server, name) in [
        ("acme", "kim"),
        ("acme:8443", "lee"),
        ("acmelee", ""),
        ("", "acme\0lee"),
        ("acme", "../../etc/lee"),
    ] {
        host.vain(&Limit::new(3, server, name)).unwrap();
    }
    let limit = Limit::new(3, "acme", "kim");
    host.count(&limit).unwrap().approved();
    host.vain(&lee()).unwrap_err();
}

#[test]
fn no_limit_keeps_nothing() {
    let mut host = Host::new();
    for _ in 0..100 {
        host.vain(&Limit::new(0, "acme", "lee")).unwrap();
    }
    assert!(!host.directory().exists());
}

#[test]
fn the_directory_cleans_itself_and_may_be_deleted() {
    let mut host = Host::new();
    for name in ["lee", "kim", "sam"] {
        host.vain(&Limit::new(3, "acme", name)).unwrap();
    }
    host.later(600);
    host.vain(&lee()).unwrap();
    assert_eq!(host.files(), 1);
    // A state that has outlived the machine's time, as in a container's file system.
    host.machine.uptime.set(Duration::from_secs(10));
    host.vain(&lee()).unwrap();
    assert_eq!(host.files(), 1);
    // What somebody else has put there stays, and does no harm.
    for name in [
        "x",
        ".",
        "a.b",
        "\u{e9}.1",
        "x.-1",
        "y.99999999999999999999",
    ] {
        if name != "." {
            fs::write(host.directory().join(name), "").unwrap();
        }
    }
    host.vain(&lee()).unwrap();
    assert_eq!(host.files(), 7);
    let limit = lee();
    let counted = host.count(&limit).unwrap();
    fs::remove_dir_all(host.directory()).unwrap();
    counted.approved();
    for _ in 0..3 {
        host.vain(&lee()).unwrap();
    }
    host.vain(&lee()).unwrap_err();
}

#[test]
fn nobody_else_can_see_or_change_it() {
    let mut host = Host::new();
    host.vain(&lee()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(host.directory()), 0o700);
    for entry in fs::read_dir(host.directory()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o400);
    }
}

#[test]
fn where_tries_cannot_be_counted_the_login_goes_on_with_a_hint() {
    type Prepare = fn(&Path, &Path);
    let cases: [(&str, Prepare); 6] = [
        ("is open to others", |path, _| {
            fs::create_dir(path).unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o770)).unwrap();
        }),
        ("Not a directory", |path, place| {
            fs::create_dir(place.join("elsewhere")).unwrap();
            symlink(place.join("elsewhere"), path).unwrap();
        }),
        ("Not a directory", |path, _| fs::write(path, "").unwrap()),
        ("Not a directory", |path, _| {
            nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap();
        }),
        ("Not a directory", |path, place| {
            symlink(place.join("nowhere"), path).unwrap();
        }),
        ("No such file", |_, place| fs::remove_dir(place).unwrap()),
    ];
    for (why, prepare) in cases {
        let mut host = Host::new();
        prepare(host.directory(), host.run.path());
        for _ in 0..5 {
            let limit = lee();
            let counted = host.count(&limit).unwrap();
            let start = format!("tries cannot be counted: {}: ", host.directory().display());
            assert!(counted.hint.starts_with(&start), "{}", counted.hint);
            assert!(counted.hint.contains(why), "{why}: {}", counted.hint);
            counted.approved();
        }
        assert!(!host.run.path().join("elsewhere/x").exists());
    }
}

#[test]
fn another_login_is_waited_for_but_not_for_long() {
    let mut host = Host::new();
    host.vain(&lee()).unwrap();
    assert_eq!(host.waiter.waits, 0);
    let stopped = Flock::lock(
        File::open(host.directory()).unwrap(),
        FlockArg::LockExclusiveNonblock,
    )
    .unwrap();
    host.vain(&lee()).unwrap();
    assert_eq!(host.waiter.waits, LOCK_TRIES);
    // Not one more, either, while nobody keeps order.
    host.vain(&lee()).unwrap();
    host.vain(&lee()).unwrap_err();
    host.waiter.interrupted = true;
    let refusal = host.count(&lee()).unwrap_err().word;
    assert_eq!(refusal, Word::Interrupted);
    drop(stopped);
    host.vain(&lee()).unwrap_err();
}

/// The caller of su can stop it anywhere, and have it go on when that helps most.
#[test]
fn whoever_stops_a_login_while_it_counts_gains_no_try() {
    // As if it had been long ago.
    for seconds in [60, 599, 600, 100_000] {
        let mut host = Host::new();
        host.vain(&lee()).unwrap();
        host.later(601);
        host.stopped(move |later| later.later(seconds));
        let refusal = host.count(&lee()).unwrap_err();
        assert_eq!(refusal.word, Word::LocalFailure);
        assert_eq!(refusal.reason, "this process was stopped while counting");
        assert_eq!(host.files(), 0);
        host.vain(&lee()).unwrap();
    }
    // As if what has happened since lay ahead.
    let mut host = Host::new();
    host.stopped(|later| {
        later.later(100);
        for _ in 0..3 {
            later.vain(&lee()).unwrap();
        }
    });
    host.count(&Limit::new(3, "acme", "kim")).unwrap_err();
    assert_eq!(host.files(), 3);
    host.vain(&lee()).unwrap_err();
}

/// Whoever is told to wait could end it before it has cleaned up.
#[test]
fn a_try_too_many_leaves_nothing_at_any_moment() {
    let mut host = Host::new();
    for _ in 0..3 {
        host.vain(&lee()).unwrap();
    }
    let directory = File::open(host.directory()).unwrap();
    directory.set_modified(UNIX_EPOCH).unwrap();
    host.vain(&lee()).unwrap_err();
    assert_eq!(
        directory.metadata().unwrap().modified().unwrap(),
        UNIX_EPOCH
    );
}

/// As when a thousand people log in at once, or somebody tries to be faster than the count.
#[test]
fn of_many_at_once_no_more_get_through_than_may() {
    let host = Host::new();
    let directory = host.directory().to_owned();
    let through: usize = thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let directory = directory.clone();
                scope.spawn(move || {
                    let mut host = Host::new();
                    host.machine.state_directory = directory;
                    (0..50).filter(|_| host.vain(&lee()).is_ok()).count()
                })
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert!((1..=3).contains(&through), "{through}");
}

#[test]
fn who_has_not_waited_for_the_lock_is_seen_all_the_same() {
    let mut host = Host::new();
    for _ in 0..2 {
        host.vain(&lee()).unwrap();
    }
    host.stopped(|other| other.vain(&lee()).unwrap());
    host.vain(&lee()).unwrap_err();
    assert_eq!(host.files(), 3);
}
