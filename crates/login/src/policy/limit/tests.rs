//! The time is scripted; the files are real.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::thread;
use std::time::UNIX_EPOCH;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::Mode;
use tempfile::TempDir;

use super::*;
use crate::config::Config;
use crate::scripted::ScriptedSystem;

mod in_a_row;

/// A machine with its own state directory.
struct Machine {
    /// Its /run.
    run: TempDir,
    system: ScriptedSystem,
}

impl Machine {
    fn new() -> Self {
        let run = tempfile::tempdir().unwrap();
        let system = ScriptedSystem {
            run_directory: run.path().join("pam_logonbox"),
            lib_directory: run.path().join("lib"),
            ..ScriptedSystem::default()
        };
        Self { run, system }
    }

    fn directory(&self) -> &Path {
        &self.system.run_directory
    }

    fn lib(&self) -> &Path {
        &self.system.lib_directory
    }

    fn files(&self) -> usize {
        fs::read_dir(self.directory()).unwrap().count()
    }

    fn later(&self, seconds: u64) {
        let mut uptime = self.system.uptime.lock().unwrap();
        *uptime = uptime.saturating_add(Duration::from_secs(seconds));
    }

    /// Runs `meanwhile` while the next login is stopped, right after it has read the clock.
    fn stopped(&self, meanwhile: impl FnOnce(&Machine) + Send + 'static) {
        let directory = self.directory().to_owned();
        let lib = self.lib().to_owned();
        *self.system.meanwhile.lock().unwrap() = Some(Box::new(move |uptime| {
            let mut machine = Machine::new();
            machine.system.run_directory = directory;
            machine.system.lib_directory = lib;
            *machine.system.uptime.lock().unwrap() = *uptime;
            meanwhile(&machine);
            *uptime = *machine.system.uptime.lock().unwrap();
        }));
    }

    /// Counts an attempt whose request then leaves.
    fn count(&self, limit: &Limit) -> Result<Attempt, Refusal> {
        let mut attempt = self.count_before(limit)?;
        attempt.leaves(true);
        Ok(attempt)
    }

    fn count_before(&self, limit: &Limit) -> Result<Attempt, Refusal> {
        // On another thread, because another login may run while this one is stopped.
        thread::scope(|scope| {
            let counting = scope.spawn(|| {
                let event_loop = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build()
                    .unwrap();
                event_loop.block_on(limit.count(&self.system))
            });
            counting.join().unwrap()
        })
    }

    /// An attempt without success. The error is the log's reason.
    fn attempt(&self, limit: &Limit) -> Result<(), String> {
        let counted = self.count(limit).map_err(|refusal| {
            assert_eq!(refusal.reason, Reason::Limit);
            refusal.detail
        })?;
        assert_eq!(counted.hint, "");
        Ok(())
    }
}

fn policy(keys: &str) -> Policy {
    let text = format!("[logonbox]\ntenant = \"acme.com\"\n[policy]\n{keys}");
    Config::parse(Path::new("/conf"), &text, "").unwrap().policy
}

/// The limit of ten minutes alone.
fn limit(most: usize, server: &str, account: &str) -> Limit {
    let keys = format!("failed_attempts_per_10_minutes = {most}\nfailed_attempts_in_a_row = 0");
    Limit::new(&policy(&keys), server, account)
}

fn lee() -> Limit {
    limit(3, "acme", "lee")
}

#[test]
fn the_oldest_attempt_must_expire_before_another_one() {
    let machine = Machine::new();
    for _ in 0..3 {
        machine.attempt(&lee()).unwrap();
        machine.later(100);
    }
    for (later, free_in) in [(0, "301"), (100, "201"), (199, "2")] {
        machine.later(later);
        let reason = machine.attempt(&lee()).unwrap_err();
        let files = format!(
            "{}/{}.*",
            machine.directory().display(),
            lee().recent.account
        );
        assert_eq!(
            reason,
            format!(
                "3 unapproved within 10 minutes; free in {free_in} s, or after logonbox unlock \
                 ACCOUNT, or after rm {files}"
            )
        );
    }
    machine.later(1);
    machine.attempt(&lee()).unwrap();
    machine.attempt(&lee()).unwrap_err();
    machine.later(100);
    machine.attempt(&lee()).unwrap();
    machine.attempt(&lee()).unwrap_err();
}

#[test]
fn success_resets_the_count_and_an_unsent_attempt_is_taken_back() {
    let machine = Machine::new();
    for _ in 0..3 {
        machine.attempt(&lee()).unwrap();
        machine.attempt(&lee()).unwrap();
        let limit = lee();
        machine.count(&limit).unwrap().take_back();
        machine.count(&limit).unwrap().succeeded();
        assert_eq!(machine.files(), 0);
    }
    // At the same time, and with a reset by another login.
    let limit = lee();
    let (one, other) = (
        machine.count(&limit).unwrap(),
        machine.count(&limit).unwrap(),
    );
    one.succeeded();
    other.take_back();
    assert_eq!(machine.files(), 0);
}

#[test]
fn each_account_has_one_count_for_all_spellings() {
    let machine = Machine::new();
    for name in ["lee", "LEE", "Lee"] {
        machine.attempt(&limit(3, "acme", name)).unwrap();
    }
    machine.attempt(&limit(3, "acme", "lEE")).unwrap_err();
    for (server, name) in [
        ("acme", "kim"),
        ("acme:8443", "lee"),
        ("acmelee", ""),
        ("", "acme\0lee"),
        ("acme", "../../etc/lee"),
    ] {
        machine.attempt(&limit(3, server, name)).unwrap();
    }
    let limit = limit(3, "acme", "kim");
    machine.count(&limit).unwrap().succeeded();
    machine.attempt(&lee()).unwrap_err();
}

#[test]
fn without_a_limit_there_is_no_file() {
    let machine = Machine::new();
    for _ in 0..100 {
        machine.attempt(&limit(0, "acme", "lee")).unwrap();
    }
    assert!(!machine.directory().exists());
}

#[test]
fn expired_files_are_removed_and_the_directory_may_be_deleted() {
    let machine = Machine::new();
    for name in ["lee", "kim", "sam"] {
        machine.attempt(&limit(3, "acme", name)).unwrap();
    }
    machine.later(600);
    machine.attempt(&lee()).unwrap();
    assert_eq!(machine.files(), 1);
    // Files from before the last boot, as in a container's file system.
    *machine.system.uptime.lock().unwrap() = Duration::from_secs(10);
    machine.attempt(&lee()).unwrap();
    assert_eq!(machine.files(), 1);
    // Foreign files stay, and do no harm.
    for name in [
        "x",
        ".",
        "a.b",
        "\u{e9}.1",
        "x.-1",
        "y.99999999999999999999",
    ] {
        if name != "." {
            fs::write(machine.directory().join(name), "").unwrap();
        }
    }
    machine.attempt(&lee()).unwrap();
    assert_eq!(machine.files(), 7);
    let limit = lee();
    let counted = machine.count(&limit).unwrap();
    fs::remove_dir_all(machine.directory()).unwrap();
    counted.succeeded();
    for _ in 0..3 {
        machine.attempt(&lee()).unwrap();
    }
    machine.attempt(&lee()).unwrap_err();
}

#[test]
fn the_files_are_private() {
    let machine = Machine::new();
    machine.attempt(&lee()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(machine.directory()), 0o700);
    for entry in fs::read_dir(machine.directory()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o400);
    }
}

#[test]
fn if_counting_is_impossible_the_login_goes_on_with_a_hint() {
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
        let machine = Machine::new();
        prepare(machine.directory(), machine.run.path());
        for _ in 0..5 {
            let limit = lee();
            let counted = machine.count(&limit).unwrap();
            let start = format!(
                "attempts cannot be counted: {}: ",
                machine.directory().display()
            );
            assert!(counted.hint.starts_with(&start), "{}", counted.hint);
            assert!(counted.hint.contains(why), "{why}: {}", counted.hint);
            counted.succeeded();
        }
        assert!(!machine.run.path().join("elsewhere/x").exists());
    }
}

#[test]
fn a_lock_that_another_login_holds_is_waited_for_but_not_for_long() {
    let machine = Machine::new();
    machine.attempt(&lee()).unwrap();
    let stopped = Flock::lock(
        File::open(machine.directory()).unwrap(),
        FlockArg::LockExclusiveNonblock,
    )
    .unwrap();
    machine.attempt(&lee()).unwrap();
    // Without the lock, the limit still holds.
    machine.attempt(&lee()).unwrap();
    machine.attempt(&lee()).unwrap_err();
    drop(stopped);
    machine.attempt(&lee()).unwrap_err();
}

/// The caller of su can stop it anywhere and continue it later.
#[test]
fn stopping_a_login_while_it_counts_gains_no_attempt() {
    // The attempt would look expired.
    for seconds in [60, 599, 600, 100_000] {
        let machine = Machine::new();
        machine.attempt(&lee()).unwrap();
        machine.later(601);
        machine.stopped(move |later| later.later(seconds));
        let refusal = machine.count(&lee()).unwrap_err();
        assert_eq!(refusal.reason, Reason::LocalFailure);
        assert_eq!(refusal.detail, "this process was stopped while counting");
        assert_eq!(machine.files(), 0);
        machine.attempt(&lee()).unwrap();
    }
    // Attempts of others would look future.
    let machine = Machine::new();
    machine.stopped(|later| {
        later.later(100);
        for _ in 0..3 {
            later.attempt(&lee()).unwrap();
        }
    });
    machine.count(&limit(3, "acme", "kim")).unwrap_err();
    assert_eq!(machine.files(), 3);
    machine.attempt(&lee()).unwrap_err();
}

/// Otherwise a kill before the clean-up would leave the file.
#[test]
fn an_attempt_too_many_never_writes_a_file() {
    let machine = Machine::new();
    for _ in 0..3 {
        machine.attempt(&lee()).unwrap();
    }
    let directory = File::open(machine.directory()).unwrap();
    directory.set_modified(UNIX_EPOCH).unwrap();
    machine.attempt(&lee()).unwrap_err();
    assert_eq!(
        directory.metadata().unwrap().modified().unwrap(),
        UNIX_EPOCH
    );
}

#[test]
fn concurrent_logins_stay_within_the_limit() {
    let machine = Machine::new();
    let directory = machine.directory().to_owned();
    let through: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let directory = directory.clone();
                scope.spawn(move || {
                    let mut machine = Machine::new();
                    machine.system.run_directory = directory;
                    (0..50).filter(|_| machine.attempt(&lee()).is_ok()).count()
                })
            })
            .collect();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert!((1..=3).contains(&through), "{through}");
}

#[test]
fn a_login_without_the_lock_is_counted() {
    let machine = Machine::new();
    for _ in 0..2 {
        machine.attempt(&lee()).unwrap();
    }
    machine.stopped(|other| other.attempt(&lee()).unwrap());
    machine.attempt(&lee()).unwrap_err();
    assert_eq!(machine.files(), 3);
}
