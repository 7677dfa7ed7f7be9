//! `failed_attempts_per_10_minutes`: how often a phone may ring without an approval.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use crate::airlock;
use crate::push::assert_refused_after_a_hold;
use crate::setup::{Login, Setup, TIMEOUT, value};
use tenant::{Options, Press};

fn setup(account: &str, most: usize) -> Setup {
    Setup::with(Options::default(), account, "", &policy(most))
}

fn policy(most: usize) -> String {
    format!("[policy]\nfailed_attempts_per_10_minutes = {most}\n")
}

/// A login in which the user presses this button on the phone.
fn answered(setup: &Setup, press: Press) -> Login {
    let running = setup.start("login", &[]);
    assert!(setup.tenant.wait_for_waiting(1, TIMEOUT));
    assert!(setup.tenant.answer(setup.tenant.waiting()[0].id, press));
    running.finish()
}

#[test]
fn six_by_default_from_wherever_they_come_and_the_next_rings_nobody() {
    let setup = Setup::new("decline");
    for (service, rhost) in [
        ("sshd", "192.0.2.1"),
        ("sshd", "192.0.2.2"),
        ("sshd", "2001:db8::1"),
        ("sudo", ""),
        ("su", ""),
        ("login", ""),
    ] {
        let login = setup.login(service, &[&format!("rhost={rhost}")]);
        assert!(login.log().contains(": declined "), "{}", login.log());
        assert_eq!(value(login.log(), "hint"), None);
    }
    thread::scope(|scope| {
        for rhost in ["192.0.2.1", "192.0.2.9"] {
            let setup = &setup;
            scope.spawn(move || {
                let login = setup.login("sshd", &[&format!("rhost={rhost}")]);
                login.assert_refused("PAM_MAXTRIES", "limit");
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
    assert_eq!(setup.pushes(), 6);
    // The count of another account is separate.
    setup.configure(setup.tenant.authority(), "approve", "", "");
    assert_eq!(setup.login("sshd", &[]).code(), "PAM_SUCCESS");
    // The remedy that the reason names works at once.
    std::fs::remove_dir_all(setup.path("run")).unwrap();
    setup.configure(setup.tenant.authority(), "decline", "", "");
    assert!(setup.login("sshd", &[]).log().contains(": declined "));
}

#[test]
fn an_approval_clears_the_count() {
    let setup = setup("page", 2);
    for _ in 0..3 {
        for (press, code) in [
            (Press::Decline, "PAM_MAXTRIES"),
            (Press::Authorize, "PAM_SUCCESS"),
        ] {
            assert_eq!(answered(&setup, press).code(), code);
        }
    }
    for _ in 0..2 {
        answered(&setup, Press::WrongKey).assert_refused("PAM_MAXTRIES", "bad-signature");
    }
    setup
        .login("login", &[])
        .assert_refused("PAM_MAXTRIES", "limit");
    assert_eq!(setup.pushes(), 8);
}

/// The caller kills su during the wait, so that it cannot log its result.
#[test]
fn a_login_that_was_killed_has_rung() {
    let setup = setup("never", 1);
    let mut running = setup.start("su", &[]);
    assert!(setup.tenant.wait_for_sign_requests(1, TIMEOUT));
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    setup
        .login("su", &[])
        .assert_refused("PAM_MAXTRIES", "limit");
    assert_eq!(setup.pushes(), 1);
}

#[test]
fn of_many_at_once_no_more_ring_than_may() {
    let setup = Setup::showing(Options::default(), "decline", "", &policy(3));
    let words: Vec<String> = thread::scope(|scope| {
        let logins: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| setup.login("login", &[]).log().to_owned()))
            .collect();
        logins.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let of = |word: &str| words.iter().filter(|log| log.contains(word)).count();
    assert_eq!((of(": declined "), of(": limit ")), (3, 5), "{words:#?}");
    assert_eq!(setup.pushes(), 3);
}

/// The caller of sudo and su sets the resource limits of the process that counts.
#[test]
fn nobody_rings_on_by_starving_the_host() {
    let setup = setup("decline", 1);
    setup.login("su", &["write=0", "umask=777"]);
    assert_eq!(setup.pushes(), 1);
    let directory = setup.path("run").metadata().unwrap();
    assert_eq!(directory.permissions().mode() & 0o7777, 0o700);
    thread::scope(|scope| {
        for first in 0..6 {
            let setup = &setup;
            scope.spawn(move || {
                for files in (4 + first..40).step_by(6) {
                    let login = setup.login("su", &[&format!("files={files}")]);
                    assert_ne!(login.code(), "PAM_SUCCESS", "{files}: {:#?}", login.events);
                }
            });
        }
    });
    assert_eq!(setup.pushes(), 1);
}

#[test]
fn where_nothing_can_be_kept_the_login_goes_on_and_the_log_says_so() {
    let setup = setup("approve", 1);
    File::create(setup.path("run")).unwrap();
    let login = setup.login("login", &[]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    let hint = value(login.log(), "hint").unwrap();
    assert!(
        hint.starts_with("attempts cannot be counted: /run/pam_logonbox: Not a directory"),
        "{hint}"
    );
    // Without a limit, no count is kept.
    setup.configure(setup.tenant.authority(), "approve", "", &policy(0));
    let login = setup.login("login", &[]);
    assert_eq!(value(login.log(), "hint"), None);
}

/// A service with `ProtectSystem=strict`: the file system is read-only.
#[test]
fn in_a_sandbox_that_cannot_write_the_hint_names_the_setting() {
    let setup = setup("approve", 1);
    // EROFS
    let login = setup.login("login", &["fault=mkdir:0:9:30"]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let hint = value(login.log(), "hint").unwrap();
    assert!(
        hint.starts_with("attempts cannot be counted: /run/pam_logonbox: ")
            && hint.ends_with("ReadWritePaths=-/run/pam_logonbox"),
        "{hint}"
    );
}

/// A screen locker runs as the user, who can read the configuration and cannot keep a count.
#[test]
#[expect(clippy::print_stderr, reason = "says that it tests less")]
fn a_program_that_runs_as_the_user_works_and_its_pushes_are_not_limited() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("NOT TESTED: a program that runs as another user, because this is not root");
        return;
    }
    let setup = Setup::showing(Options::default(), "approve", "", &policy(1));
    setup.directory("run");
    for (name, mode) in [("", 0o755), ("run", 0o700)] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(setup.path(name), permissions).unwrap();
    }
    // The user may not be able to read the directory of the build.
    let module = setup.path("pam_logonbox.so");
    std::fs::copy(crate::setup::module(), &module).unwrap();
    let line = format!(
        "auth [success=done ignore=ignore default=die] {} conf={}\n",
        module.display(),
        setup.path("pam_logonbox.toml").display()
    );
    setup.write("pam.d/i3lock", &line);
    let user = ["uid=65534", "silence"];
    for _ in 0..3 {
        let login = setup.login("i3lock", &user);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        let hint = value(login.log(), "hint").unwrap();
        let reason = "pushes are not limited, because this program runs as uid 65534: ";
        assert!(hint.starts_with(reason), "{hint}");
    }
    // The file was 0600 once: the log says what to do.
    let secret = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(setup.path("pam_logonbox.toml"), secret).unwrap();
    let login = setup.login("i3lock", &user);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
    let reason = value(login.log(), "reason").unwrap();
    assert!(
        reason.ends_with("run chmod 644, because this program runs as uid 65534"),
        "{reason}"
    );
}

/// The limit comes before Airlock would lock the account.
#[test]
fn passwords_at_airlock_are_counted() {
    let setup = airlock::setup("otp", "", &policy(2));
    let wrong = || setup.login("sshd", &["types=wrong"]);
    for _ in 0..2 {
        wrong().assert_refused("PAM_MAXTRIES", "wrong-password");
    }
    let checks = || {
        let paths = airlock::paths(&setup);
        paths
            .iter()
            .filter(|path| path.contains("password"))
            .count()
    };
    let so_far = checks();
    assert!(so_far >= 2);
    let login = setup.login("sshd", &[&format!("types={}", airlock::PASSWORD)]);
    login.assert_refused("PAM_MAXTRIES", "limit");
    assert_eq!(login.screen(), ["Password: ", "Login refused."]);
    assert!(
        login.took() >= Duration::from_secs(2),
        "as a wrong password"
    );
    assert_eq!(checks(), so_far, "{:?}", airlock::paths(&setup));
    assert_eq!(airlock::paths(&setup).last().unwrap(), "DELETE /flow/");

    // A complete login clears the count. A login that ends at the OTP does not.
    std::fs::remove_dir_all(setup.path("run")).unwrap();
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
        let login = airlock::log_in(&setup, answers);
        assert!(
            login.log().contains(&format!(": {word} ")),
            "{}",
            login.log()
        );
    }
    wrong().assert_refused("PAM_MAXTRIES", "limit");
}
