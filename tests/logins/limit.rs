//! `failed_attempts_per_10_minutes` and `failed_attempts_in_a_row`: how often a phone may ring
//! without an approval.

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
    // EROFS for both.
    let login = setup.login("login", &["fault=mkdir:0:9:30"]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let hint = value(login.log(), "hint").unwrap();
    assert!(
        hint.starts_with("attempts cannot be counted: /run/pam_logonbox: ")
            && hint.contains("; /var/lib/pam_logonbox: ")
            && hint.ends_with("ReadWritePaths=-/run/pam_logonbox -/var/lib/pam_logonbox"),
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

/// Without the limit of ten minutes.
fn in_a_row(most: usize) -> String {
    format!("[policy]\nfailed_attempts_per_10_minutes = 0\nfailed_attempts_in_a_row = {most}\n")
}

/// How many attempts in a row are counted, of all accounts.
fn counted(setup: &Setup) -> usize {
    let accounts = std::fs::read_dir(setup.path("lib").join("attempts")).unwrap();
    let attempts = accounts.map(|account| {
        let account = account.unwrap().path();
        std::fs::read_dir(account).unwrap().count()
    });
    attempts.sum()
}

#[test]
fn a_row_of_failures_ends_with_a_success_or_with_the_administrator() {
    let setup = Setup::with(Options::default(), "approve", "", &in_a_row(3));
    // An approval with a wrong code is no success.
    let login = setup.login("login", &["types=000000", "pause=1000"]);
    login.assert_refused("PAM_MAXTRIES", "wrong-code");
    assert_eq!((setup.pushes(), counted(&setup)), (1, 1));

    setup.configure(setup.tenant.authority(), "page", "", &in_a_row(3));
    answered(&setup, Press::Decline).assert_refused("PAM_MAXTRIES", "declined");
    assert_eq!(counted(&setup), 2);
    assert_eq!(answered(&setup, Press::Authorize).code(), "PAM_SUCCESS");
    assert_eq!(counted(&setup), 1);
    for press in [Press::Decline, Press::WrongKey, Press::Decline] {
        assert_ne!(answered(&setup, press).code(), "PAM_SUCCESS");
    }
    let login = setup.login("sudo", &[]);
    login.assert_refused("PAM_ABORT", "limit");
    assert_refused_after_a_hold(&login);
    let reason = value(login.log(), "reason").unwrap();
    let start = "3 in a row without success; free after logonbox unlock ACCOUNT, or after rm -r \
                 /var/lib/pam_logonbox/attempts/";
    assert!(reason.starts_with(start), "{reason}");
    assert_eq!(setup.pushes(), 6);
    // The remedy that the reason names works at once.
    let id = reason.rsplit('/').next().unwrap();
    std::fs::remove_dir_all(setup.path("lib").join("attempts").join(id)).unwrap();
    let login = answered(&setup, Press::Authorize);
    assert_eq!(login.code(), "PAM_SUCCESS");
    assert_eq!(value(login.log(), "hint"), None);
}

/// A user who is unknown here takes no place on the disk. A login that sends no push is not counted.
#[test]
fn no_row_is_kept_of_unknown_users_and_of_pushes_that_do_not_leave() {
    let setup = Setup::with(Options::default(), "approve", "", &in_a_row(3));
    let unknown = setup.start_as("no-such-user", "sshd", &["types=000000"], &[]);
    unknown
        .finish()
        .assert_refused("PAM_MAXTRIES", "unknown-user");
    assert!(!setup.path("lib").exists());
    setup.configure(
        setup.tenant.authority(),
        "no-such-account",
        "",
        &in_a_row(3),
    );
    setup
        .login("sshd", &["types=000000"])
        .assert_refused("PAM_MAXTRIES", "no-account");
    assert!(!setup.path("lib").exists());
}

/// The caller of su sets the resource limits and the mask of the process that counts.
#[test]
fn nobody_breaks_the_row_by_starving_the_host() {
    let setup = Setup::with(Options::default(), "decline", "", &in_a_row(2));
    for _ in 0..2 {
        setup.login("su", &["write=0", "umask=777"]);
    }
    assert_eq!((setup.pushes(), counted(&setup)), (2, 2));
    setup
        .login("su", &["write=0", "umask=777"])
        .assert_refused("PAM_MAXTRIES", "limit");
    // ENFILE, EMFILE, ENOMEM
    setup.configure(setup.tenant.authority(), "decline", "", &in_a_row(3));
    for error in [23, 24, 12] {
        let login = setup.login("su", &[&format!("fault=linkat:0:9:{error}")]);
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "local-failure");
    }
    assert_eq!(setup.pushes(), 2);
}

/// The file system is full: the limit of ten minutes still holds.
#[test]
fn without_room_for_the_row_the_login_goes_on_and_the_log_says_so() {
    let rest = format!("{}failed_attempts_in_a_row = 1\n", policy(2));
    let setup = Setup::with(Options::default(), "decline", "", &rest);
    for _ in 0..2 {
        let login = setup.login("login", &["fault=mkdirat:0:9:28"]);
        login.assert_refused("PAM_MAXTRIES", "declined");
        let hint = value(login.log(), "hint").unwrap();
        let start = "attempts cannot be counted: /var/lib/pam_logonbox: No space left on device";
        assert!(hint.starts_with(start), "{hint}");
    }
    let login = setup.login("login", &["fault=mkdirat:0:9:28"]);
    login.assert_refused("PAM_MAXTRIES", "limit");
    let reason = value(login.log(), "reason").unwrap();
    assert!(
        reason.starts_with("2 unapproved within 10 minutes"),
        "{reason}"
    );
}

#[test]
fn a_row_of_passwords_at_airlock_is_counted() {
    let setup = airlock::setup("otp", "", &in_a_row(2));
    let wrong = || setup.login("sshd", &["types=wrong"]);
    let otp = [("visible", "OTP: ", airlock::Answer::Types("A1b2C3"))];
    wrong().assert_refused("PAM_MAXTRIES", "wrong-password");
    airlock::log_in(&setup, &otp);
    assert_eq!(counted(&setup), 0);
    for _ in 0..2 {
        wrong().assert_refused("PAM_MAXTRIES", "wrong-password");
    }
    wrong().assert_refused("PAM_MAXTRIES", "limit");
    assert_eq!(counted(&setup), 2);
}
