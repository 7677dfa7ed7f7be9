//! `failed_attempts_in_a_row`.

use std::os::unix::fs::DirBuilderExt;

use super::*;

/// The limit in a row alone.
fn most(most: usize) -> Limit {
    of(most, "lee")
}

fn of(most: usize, account: &str) -> Limit {
    let keys = format!("failed_attempts_per_10_minutes = 0\nfailed_attempts_in_a_row = {most}");
    Limit::new(&policy(&keys), "acme", account)
}

impl Machine {
    fn counted(&self, limit: &Limit) -> Attempts {
        let uptime = self.system.uptime().unwrap();
        limit.counted(self.system.directories(), uptime).unwrap()
    }

    fn unlock(&self, limit: &Limit) -> Attempts {
        let uptime = self.system.uptime().unwrap();
        limit.unlock(self.system.directories(), uptime).unwrap()
    }

    fn in_a_row(&self, limit: &Limit) -> usize {
        let counted = self.counted(limit);
        assert_eq!(counted.recent, 0);
        counted.in_a_row
    }

    /// The directory of lee's attempts.
    fn of_lee(&self) -> std::path::PathBuf {
        self.lib().join("attempts").join(&most(0).in_a_row.account)
    }

    /// Another process of the same machine.
    fn same(&self) -> Self {
        let mut other = Self::new();
        other.system.run_directory = self.directory().to_owned();
        other.system.lib_directory = self.lib().to_owned();
        other
    }
}

/// `code = "show"` counts before the user is told. No time clears this count, so a login whose push
/// does not leave must not use it up.
#[test]
fn a_request_that_does_not_leave_is_not_counted() {
    let machine = Machine::new();
    let limit = Limit::new(&policy("failed_attempts_in_a_row = 2"), "acme", "lee");
    for _ in 0..3 {
        drop(machine.count_before(&limit).unwrap());
        let mut attempt = machine.count(&limit).unwrap();
        attempt.leaves(false);
    }
    let counted = machine.counted(&limit);
    assert_eq!((counted.in_a_row, counted.recent), (0, 6));
    drop(machine.count(&most(2)).unwrap());
    assert_eq!(machine.counted(&limit).in_a_row, 1);
}

#[test]
fn only_success_and_an_administrator_reset_the_count() {
    let machine = Machine::new();
    for _ in 0..5 {
        machine.attempt(&most(5)).unwrap();
        machine.later(100_000);
    }
    // A reboot empties /run.
    *machine.system.uptime.lock().unwrap() = Duration::from_secs(1);
    let _ = fs::remove_dir_all(machine.directory());
    for _ in 0..3 {
        assert_eq!(
            machine.attempt(&most(5)).unwrap_err(),
            format!(
                "5 in a row without success; free after logonbox unlock ACCOUNT, or after rm -r {}",
                machine.of_lee().display()
            )
        );
    }
    machine.attempt(&of(5, "kim")).unwrap();
    machine.attempt(&of(5, "LEE")).unwrap_err();
    let removed = machine.unlock(&most(5));
    assert_eq!((removed.in_a_row, removed.recent), (5, 0));
    assert!(!machine.of_lee().exists());
    assert_eq!(machine.in_a_row(&of(5, "kim")), 1);
    let nothing = machine.unlock(&most(5));
    assert_eq!((nothing.in_a_row, nothing.recent), (0, 0));

    for _ in 0..3 {
        machine.attempt(&most(5)).unwrap();
        machine.count(&most(5)).unwrap().take_back();
    }
    assert_eq!(machine.in_a_row(&most(5)), 3);
    machine.count(&most(5)).unwrap().succeeded();
    assert_eq!(machine.in_a_row(&most(5)), 0);
    assert!(!machine.of_lee().exists());
    machine.count(&most(5)).unwrap().take_back();
    assert!(!machine.of_lee().exists());
}

#[test]
fn one_limit_leaves_the_other_as_it_is() {
    let keys = "failed_attempts_per_10_minutes = 3\nfailed_attempts_in_a_row = 4";
    let both = || Limit::new(&policy(keys), "acme", "lee");
    let machine = Machine::new();
    let counted = || {
        let counted = machine.counted(&both());
        (counted.in_a_row, counted.recent)
    };
    for _ in 0..3 {
        machine.attempt(&both()).unwrap();
    }
    // Otherwise an attacker would use up the count in a row without a push.
    let reason = machine.attempt(&both()).unwrap_err();
    assert!(reason.contains("within 10 minutes"), "{reason}");
    assert_eq!(counted(), (3, 3));
    machine.later(601);
    assert_eq!(counted(), (3, 0));
    machine.attempt(&both()).unwrap();
    let reason = machine.attempt(&both()).unwrap_err();
    assert!(reason.contains("in a row"), "{reason}");
    assert_eq!(counted(), (4, 1));
    let removed = machine.unlock(&both());
    assert_eq!((removed.in_a_row, removed.recent), (4, 1));
    machine.count(&both()).unwrap().take_back();
    assert_eq!(counted(), (0, 0));
    machine.attempt(&both()).unwrap();
    machine.count(&both()).unwrap().succeeded();
    assert_eq!(counted(), (0, 0));
}

#[test]
fn a_changed_limit_applies_to_the_attempts_before() {
    let machine = Machine::new();
    for _ in 0..5 {
        machine.attempt(&most(5)).unwrap();
    }
    machine.attempt(&most(3)).unwrap_err();
    machine.attempt(&most(6)).unwrap();
    machine.attempt(&most(6)).unwrap_err();
    machine.attempt(&most(0)).unwrap();
    assert_eq!(machine.in_a_row(&most(6)), 6);
}

/// All of them at once, at the last attempts before the limit.
#[test]
fn of_many_at_once_exactly_the_rest_passes() {
    for rest in [1, 2, 7] {
        let machine = Machine::new();
        for _ in 0..(20 - rest) {
            machine.attempt(&most(20)).unwrap();
        }
        let passed: usize = thread::scope(|scope| {
            let others: Vec<_> = (0..8)
                .map(|_| {
                    let other = machine.same();
                    scope.spawn(move || {
                        let tries = (0..20).filter(|_| other.attempt(&most(20)).is_ok());
                        tries.count()
                    })
                })
                .collect();
            others.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(passed, rest);
    }
}

/// Successes remove the directory and the first number while others count.
#[test]
fn of_many_at_once_none_passes_uncounted() {
    let machine = Machine::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            let other = machine.same();
            scope.spawn(move || {
                for number in 0..200 {
                    match other.count(&most(1000)) {
                        Ok(attempt) => {
                            assert_eq!(attempt.hint, "");
                            assert!(attempt.in_a_row.is_some());
                            match number % 3 {
                                0 => attempt.succeeded(),
                                1 => attempt.take_back(),
                                _ => {}
                            }
                        }
                        Err(refusal) => assert_eq!(refusal.reason, Reason::LocalFailure),
                    }
                }
            });
        }
    });
    let left = machine.in_a_row(&most(1000));
    for _ in left..1000 {
        machine.attempt(&most(1000)).unwrap();
    }
    machine.attempt(&most(1000)).unwrap_err();
}

/// The caller of su stops it after its attempt was counted. A success comes, then other pushes, and
/// then the caller continues it and lets the push fail.
#[test]
fn an_attempt_from_before_a_success_takes_nothing_back_after_it() {
    let machine = Machine::new();
    let stopped = machine.count(&most(2)).unwrap();
    machine.count(&most(2)).unwrap().succeeded();
    for _ in 0..2 {
        machine.attempt(&most(2)).unwrap();
    }
    stopped.take_back();
    assert_eq!(machine.in_a_row(&most(2)), 2);
    machine.attempt(&most(2)).unwrap_err();
}

/// A process can be killed between any two steps.
#[test]
fn a_kill_between_the_steps_loses_no_attempt() {
    let machine = Machine::new();
    // After creating the directories, before the chmod.
    let mut private = fs::DirBuilder::new();
    private.mode(0o700).recursive(true);
    private.create(machine.of_lee()).unwrap();
    assert_eq!(machine.in_a_row(&most(2)), 0);
    machine.attempt(&most(2)).unwrap();
    machine.attempt(&most(2)).unwrap();
    // In the middle of a success, or of a take-back: the first number is gone.
    fs::remove_file(machine.of_lee().join("1")).unwrap();
    assert_eq!(machine.in_a_row(&most(2)), 1);
    machine.attempt(&most(2)).unwrap();
    machine.attempt(&most(2)).unwrap_err();
    assert_eq!(machine.in_a_row(&most(2)), 2);
}

#[test]
fn an_account_needs_one_file_and_unknown_names_none() {
    let machine = Machine::new();
    for _ in 0..50 {
        machine.attempt(&most(50)).unwrap();
    }
    let files: Vec<_> = fs::read_dir(machine.of_lee()).unwrap().collect();
    let inodes: std::collections::BTreeSet<u64> = files
        .into_iter()
        .map(|file| file.unwrap().metadata().unwrap().ino())
        .collect();
    assert_eq!(inodes.len(), 1);
    for path in [
        machine.lib(),
        &machine.lib().join("attempts"),
        &machine.of_lee(),
    ] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o700);
    }
    let file = fs::metadata(machine.of_lee().join("50")).unwrap();
    assert_eq!((file.mode() & 0o7777, file.len()), (0o400, 0));
}

#[test]
fn if_it_cannot_be_kept_the_login_goes_on_and_ten_minutes_count() {
    type Prepare = fn(&Machine);
    let cases: [(&str, Prepare); 6] = [
        ("is open to others", |machine| {
            fs::create_dir(machine.lib()).unwrap();
            fs::set_permissions(machine.lib(), Permissions::from_mode(0o755)).unwrap();
        }),
        ("Not a directory", |machine| {
            fs::write(machine.lib(), "").unwrap();
        }),
        ("Not a directory", |machine| {
            private(machine.lib());
            private(&machine.run.path().join("elsewhere"));
            symlink("../elsewhere", machine.lib().join("attempts")).unwrap();
        }),
        ("Not a directory", |machine| {
            private(&machine.lib().join("attempts"));
            private(&machine.run.path().join("elsewhere"));
            symlink("../../elsewhere", machine.of_lee()).unwrap();
        }),
        ("is open to others", |machine| {
            private(&machine.of_lee());
            fs::set_permissions(machine.of_lee(), Permissions::from_mode(0o777)).unwrap();
        }),
        ("Not a directory", |machine| {
            private(&machine.lib().join("attempts"));
            fs::write(machine.of_lee(), "").unwrap();
        }),
    ];
    for (why, prepare) in cases {
        let machine = Machine::new();
        prepare(&machine);
        let keys = "failed_attempts_per_10_minutes = 2\nfailed_attempts_in_a_row = 1";
        let both = || Limit::new(&policy(keys), "acme", "lee");
        for _ in 0..2 {
            let counted = machine.count(&both()).unwrap();
            let start = format!("attempts cannot be counted: {}: ", machine.lib().display());
            assert!(counted.hint.starts_with(&start), "{}", counted.hint);
            assert!(counted.hint.contains(why), "{why}: {}", counted.hint);
        }
        let reason = machine.attempt(&both()).unwrap_err();
        assert!(reason.contains("within 10 minutes"), "{reason}");
        assert!(!machine.run.path().join("elsewhere/1").exists());
    }
    // Both hints.
    let machine = Machine::new();
    fs::write(machine.lib(), "").unwrap();
    fs::write(machine.directory(), "").unwrap();
    let keys = "failed_attempts_per_10_minutes = 2\nfailed_attempts_in_a_row = 1";
    let limit = Limit::new(&policy(keys), "acme", "lee");
    let hint = machine.count(&limit).unwrap().hint.clone();
    assert_eq!(hint.matches("Not a directory").count(), 2, "{hint}");
    let directories = machine.system.directories();
    assert!(limit.counted(directories, Duration::ZERO).is_err());
    assert!(limit.unlock(directories, Duration::ZERO).is_err());
}

fn private(path: &Path) {
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700).recursive(true).create(path).unwrap();
}

/// Something else in place of a number counts as an attempt. What has no number stays.
#[test]
fn foreign_files_free_nobody() {
    let machine = Machine::new();
    private(&machine.of_lee());
    for name in ["x", "-1", "1.5"] {
        fs::write(machine.of_lee().join(name), "").unwrap();
    }
    symlink("/nowhere", machine.of_lee().join("1")).unwrap();
    nix::unistd::mkfifo(&machine.of_lee().join("2"), Mode::S_IRWXU).unwrap();
    machine.attempt(&most(3)).unwrap();
    machine.attempt(&most(3)).unwrap_err();
    let removed = machine.unlock(&most(3));
    assert_eq!(removed.in_a_row, 3);
    assert_eq!(fs::read_dir(machine.of_lee()).unwrap().count(), 3);
    for _ in 0..3 {
        machine.attempt(&most(3)).unwrap();
    }
    machine.attempt(&most(3)).unwrap_err();
}
