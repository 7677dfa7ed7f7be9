//! `unapproved_pushes_per_10_minutes`: how often a phone rings in vain.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use crate::airlock;
use crate::push::assert_refused_after_a_hold;
use crate::stage::{Login, PATIENCE, Stage, value};
use tenant::{Options, Press};

fn stage(account: &str, most: usize) -> Stage {
    Stage::with(Options::default(), account, "", &policy(most))
}

fn policy(most: usize) -> String {
    format!("[policy]\nunapproved_pushes_per_10_minutes = {most}\n")
}

/// A login in which the person presses this on the phone.
fn answered(stage: &Stage, press: Press) -> Login {
    let running = stage.start("login", &[]);
    assert!(stage.tenant.wait_for_waiting(1, PATIENCE));
    assert!(stage.tenant.answer(stage.tenant.waiting()[0].id, press));
    running.finish()
}

#[test]
fn six_by_default_from_wherever_they_come_and_the_next_rings_nobody() {
    let stage = Stage::new("decline");
    for (service, rhost) in [
        ("sshd", "192.0.2.1"),
        ("sshd", "192.0.2.2"),
        ("sshd", "2001:db8::1"),
        ("sudo", ""),
        ("su", ""),
        ("login", ""),
    ] {
        let login = stage.login(service, &[&format!("rhost={rhost}")]);
        assert!(login.log().contains(": declined "), "{}", login.log());
        assert_eq!(value(login.log(), "hint"), None);
    }
    thread::scope(|scope| {
        for rhost in ["192.0.2.1", "192.0.2.9"] {
            let stage = &stage;
            scope.spawn(move || {
                let login = stage.login("sshd", &[&format!("rhost={rhost}")]);
                login.assert_refused("PAM_AUTH_ERR", "limit");
                assert_refused_after_a_hold(&login);
                let reason = value(login.log(), "reason").unwrap();
                assert!(
                    reason.starts_with("6 unapproved within 10 minutes; free in "),
                    "{reason}"
                );
                assert_eq!(value(login.log(), "account"), Some("decline"));
            });
        }
    });
    assert_eq!(stage.pushes(), 6);
    // Another account's phone is another matter.
    stage.configure(stage.tenant.authority(), "approve", "", "");
    assert_eq!(stage.login("sshd", &[]).code(), "PAM_SUCCESS");
    // What the reason says to do helps at once.
    std::fs::remove_dir_all(stage.path("run")).unwrap();
    stage.configure(stage.tenant.authority(), "decline", "", "");
    assert!(stage.login("sshd", &[]).log().contains(": declined "));
}

#[test]
fn an_approval_clears_the_count() {
    let stage = stage("page", 2);
    for _ in 0..3 {
        for (press, code) in [
            (Press::Decline, "PAM_MAXTRIES"),
            (Press::Authorize, "PAM_SUCCESS"),
        ] {
            assert_eq!(answered(&stage, press).code(), code);
        }
    }
    for _ in 0..2 {
        answered(&stage, Press::WrongKey).assert_refused("PAM_MAXTRIES", "bad-signature");
    }
    stage
        .login("login", &[])
        .assert_refused("PAM_AUTH_ERR", "limit");
    assert_eq!(stage.pushes(), 8);
}

/// Whoever ends su during the wait, so that it cannot say how it ended.
#[test]
fn a_login_that_was_killed_has_rung() {
    let stage = stage("never", 1);
    let mut running = stage.start("su", &[]);
    assert!(stage.tenant.wait_for_sign_requests(1, PATIENCE));
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    stage
        .login("su", &[])
        .assert_refused("PAM_AUTH_ERR", "limit");
    assert_eq!(stage.pushes(), 1);
}

#[test]
fn of_many_at_once_no_more_ring_than_may() {
    let stage = stage("decline", 3);
    let words: Vec<String> = thread::scope(|scope| {
        let logins: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| stage.login("login", &[]).log().to_owned()))
            .collect();
        logins.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let of = |word: &str| words.iter().filter(|log| log.contains(word)).count();
    assert_eq!((of(": declined "), of(": limit ")), (3, 5), "{words:#?}");
    assert_eq!(stage.pushes(), 3);
}

/// The caller of sudo and su sets the limits of the process that counts.
#[test]
fn nobody_rings_on_by_starving_the_host() {
    let stage = stage("decline", 1);
    stage.login("su", &["write=0", "umask=777"]);
    assert_eq!(stage.pushes(), 1);
    let directory = stage.path("run").metadata().unwrap();
    assert_eq!(directory.permissions().mode() & 0o7777, 0o700);
    thread::scope(|scope| {
        for first in 0..6 {
            let stage = &stage;
            scope.spawn(move || {
                for files in (4 + first..40).step_by(6) {
                    let login = stage.login("su", &[&format!("files={files}")]);
                    assert_ne!(login.code(), "PAM_SUCCESS", "{files}: {:#?}", login.events);
                }
            });
        }
    });
    assert_eq!(stage.pushes(), 1);
}

#[test]
fn where_nothing_can_be_kept_the_login_goes_on_and_the_log_says_so() {
    let stage = stage("approve", 1);
    File::create(stage.path("run")).unwrap();
    let login = stage.login("login", &[]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    let hint = value(login.log(), "hint").unwrap();
    assert!(
        hint.starts_with("tries cannot be counted: /run/pam_logonbox: Not a directory"),
        "{hint}"
    );
    // Where there is no limit, there is nothing to keep.
    stage.configure(stage.tenant.authority(), "approve", "", &policy(0));
    let login = stage.login("login", &[]);
    assert_eq!(value(login.log(), "hint"), None);
}

/// Before Airlock would lock the account.
#[test]
fn passwords_at_airlock_are_counted() {
    let stage = airlock::stage("otp", "", &policy(2));
    let wrong = || stage.login("sshd", &["types=wrong"]);
    for _ in 0..2 {
        wrong().assert_refused("PAM_MAXTRIES", "wrong-password");
    }
    let checks = || {
        let paths = airlock::paths(&stage);
        paths
            .iter()
            .filter(|path| path.contains("password"))
            .count()
    };
    let so_far = checks();
    assert!(so_far >= 2);
    let login = stage.login("sshd", &[&format!("types={}", airlock::PASSWORD)]);
    login.assert_refused("PAM_MAXTRIES", "limit");
    assert_eq!(login.screen(), ["Password: ", "Login refused."]);
    assert!(
        login.took() >= Duration::from_secs(2),
        "as a wrong password"
    );
    assert_eq!(checks(), so_far, "{:?}", airlock::paths(&stage));
    assert_eq!(airlock::paths(&stage).last().unwrap(), "DELETE /flow/");

    // A login that is done clears the count, one that ends at the OTP does not.
    std::fs::remove_dir_all(stage.path("run")).unwrap();
    let otp = |text| [("visible", "OTP: ", airlock::Answer::Types(text))];
    for (answers, word) in [
        (&otp("A1b2C3")[..], "approved"),
        (
            &[("visible", "OTP: ", airlock::Answer::Types("\u{1b}"))],
            "wrong-otp",
        ),
        (&otp("A1b2C3"), "approved"),
        (
            &[("visible", "OTP: ", airlock::Answer::Types("\u{1b}"))],
            "wrong-otp",
        ),
        (
            &[("visible", "OTP: ", airlock::Answer::Types("\u{1b}"))],
            "wrong-otp",
        ),
    ] {
        let login = airlock::log_in(&stage, answers);
        assert!(
            login.log().contains(&format!(": {word} ")),
            "{}",
            login.log()
        );
    }
    wrong().assert_refused("PAM_MAXTRIES", "limit");
}
