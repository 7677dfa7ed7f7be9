//! The password: where it comes from, where it goes, and what a wrong one reveals.

use std::time::Duration;

use super::Answer::Types;
use super::{PASSWORD, configuration, configure, converse, log_in, otps_checked, paths, setup};
use crate::setup::{Login, Setup, unused_address, value};

/// A host whose stack calls the module twice: first with a code, then by SMS with these lines for
/// `[airlock]`. Returns the second line of the stack.
fn setup_of_two(airlock: &str) -> (Setup, String) {
    let setup = setup("otp", "", "");
    let second = configuration(&setup.tenant.airlock_url(), &setup, "sms", airlock, "");
    setup.write("second.toml", &second);
    let module = crate::setup::module().display().to_string();
    let [first, second] = ["pam_logonbox.toml", "second.toml"].map(|name| {
        format!(
            "auth requisite {module} conf={}\n",
            setup.path(name).display()
        )
    });
    setup.write("pam.d/login", &format!("{first}{second}"));
    (setup, second)
}

/// Stands for other modules: the first call asks for the password, the second takes it from the
/// stack.
#[test]
fn the_password_is_left_to_the_modules_after() {
    let (setup, second) = setup_of_two("password = \"stack\"");
    let mut running = setup.start("login", &[]);
    let answers = [
        ("hidden", "Password: ", Types(PASSWORD)),
        ("visible", "OTP: ", Types("A1b2C3")),
        ("visible", "OTP: ", Types("482913")),
    ];
    converse(&mut running, &answers);
    let login = running.finish();
    assert_eq!(
        login.one("result").text,
        "PAM_SUCCESS",
        "{:#?}",
        login.events
    );
    assert_eq!(login.all("hidden").len(), 1);

    // If no module comes before, there is no password to take.
    setup.write("pam.d/login", &second);
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
    assert_eq!(login.screen(), ["Login refused."]);
}

/// Later modules would take it for the password of the target user.
#[test]
fn the_password_of_the_caller_of_su_is_not_left() {
    for (asks, code) in [("user", "PAM_SUCCESS"), ("caller", "PAM_SERVICE_ERR")] {
        let (setup, _) = setup_of_two("password = \"stack\"");
        let stack = std::fs::read_to_string(setup.path("pam.d/login")).unwrap();
        setup.write("pam.d/su", &stack);
        let policy = format!("[policy]\nsu_asks = {asks:?}\n");
        configure(&setup, "otp", "", &policy);
        let mut running = setup.start("su", &[]);
        let answers = [
            ("hidden", "Password: ", Types(PASSWORD)),
            ("visible", "OTP: ", Types("A1b2C3")),
        ];
        converse(&mut running, &answers);
        if asks == "user" {
            converse(&mut running, &[("visible", "OTP: ", Types("482913"))]);
        }
        let login = running.finish();
        assert_eq!(login.one("result").text, code, "{:#?}", login.events);
        assert!(login.all("log")[0].contains(": approved "));
    }
}

/// A later module finds no password.
#[test]
fn only_an_approved_login_leaves_the_password() {
    let (setup, second) = setup_of_two("password = \"stack\"");
    let module = crate::setup::module().display().to_string();
    let first = format!(
        "auth [default=ignore] {module} conf={}\n",
        setup.path("pam_logonbox.toml").display()
    );
    setup.write("pam.d/login", &format!("{first}{second}"));
    let finds_none = |login: &Login| {
        let last = login.all("log").pop().unwrap().to_owned();
        assert!(last.contains("no module before this one"), "{last}");
    };

    // The login is refused.
    let mut running = setup.start("login", &[]);
    converse(&mut running, &[("hidden", "Password: ", Types("wrong"))]);
    finds_none(&running.finish());

    // The tenant is down, and the module is ignored.
    configure(&setup, "otp", "", "[policy]\non_unavailable = \"ignore\"");
    let text = std::fs::read_to_string(setup.path("pam_logonbox.toml")).unwrap();
    let there = format!("https://{}/auth/rest", unused_address());
    let text = text.replace(&setup.tenant.airlock_url(), &there);
    setup.write("pam_logonbox.toml", &text);
    let mut running = setup.start("login", &[]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    let login = running.finish();
    assert!(login.all("log")[0].contains("ignored by on_unavailable"));
    finds_none(&login);
}

/// The password of an earlier module is used only if the configuration says so.
#[test]
fn a_password_of_the_stack_is_not_sent_by_default() {
    let (setup, _) = setup_of_two("");
    let mut running = setup.start("login", &[]);
    let answers = [
        ("hidden", "Password: ", Types(PASSWORD)),
        ("visible", "OTP: ", Types("A1b2C3")),
        // The two passwords must not look the same.
        ("hidden", "Airlock password: ", Types("another")),
    ];
    converse(&mut running, &answers);
    let login = running.finish();
    assert_eq!(login.one("result").text, "PAM_MAXTRIES");
    let passwords = setup.tenant.airlock_requests();
    let last = passwords
        .iter()
        .rfind(|request| request.path.ends_with("/password/check/"));
    assert!(last.unwrap().body.contains("another"));
}

#[test]
fn a_wrong_password_is_not_asked_again_and_takes_its_time() {
    for (service, code, account) in [
        ("sshd", "PAM_MAXTRIES", "token"),
        ("sudo", "PAM_ABORT", "token"),
        // A user who does not exist has no lock, so no lock is shown.
        ("sshd", "PAM_MAXTRIES", "token.lock-expiry"),
    ] {
        let setup = setup(account, "", "");
        let mut running = setup.start(service, &[]);
        converse(&mut running, &[("hidden", "Password: ", Types("wrong"))]);
        let login = running.finish();
        login.assert_refused(code, "wrong-password");
        assert_eq!(login.all("error"), ["Login refused."]);
        assert!(
            login.took() >= Duration::from_secs(2),
            "{:#?}",
            login.events
        );
        let checks = paths(&setup)
            .iter()
            .filter(|path| path.contains("password"))
            .count();
        assert_eq!(checks, 1);
    }
}

#[test]
fn a_user_whom_the_system_does_not_know_is_asked_and_refused_alike() {
    let setup = setup("token", "", "");
    let mut running = setup.start_as("nobody-such", "sshd", &[], &[]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    let login = running.finish();
    // The same code as for a wrong password. With another code, sshd would ask again and reveal the
    // difference.
    login.assert_refused("PAM_MAXTRIES", "unknown-user");
    assert_eq!(login.all("error"), ["Login refused."]);
    assert!(
        login.took() >= Duration::from_secs(2),
        "{:#?}",
        login.events
    );
    // Airlock's answer takes as long as for other users. It gets neither a name nor a password.
    assert_begun_and_abandoned(&setup);
}

/// A session was begun at Airlock, and nothing was asked in it.
pub fn assert_begun_and_abandoned(setup: &Setup) {
    let paths = paths(setup);
    assert!(
        !paths.iter().any(|path| path.contains("password")),
        "{paths:?}"
    );
    assert_eq!(paths.last().map_or("", |path| path), "DELETE /flow/");
    for request in setup.tenant.airlock_requests() {
        assert_eq!(
            request.body.trim_matches(['{', '}', ' ']),
            "",
            "{request:#?}"
        );
    }
}

#[test]
fn a_password_alone_is_no_login_without_leave() {
    let setup = setup("password-only", "", "");
    let login = log_in(&setup, &[]);
    login.assert_refused("PAM_MAXTRIES", "refused");
    assert!(
        login.log().contains("allow_password_only"),
        "{}",
        login.log()
    );
    assert_eq!(setup.tenant.airlock_sessions(), 0);

    configure(&setup, "password-only", "allow_password_only = true", "");
    let login = log_in(&setup, &[]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    assert_eq!(
        value(login.log(), "reason"),
        Some("without a second factor")
    );
    assert_eq!(setup.tenant.airlock_sessions(), 0);
    // The setting applies to nothing else.
    configure(&setup, "otp.one-try", "allow_password_only = true", "");
    let login = log_in(&setup, &[("visible", "OTP: ", Types("wrong1"))]);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
}

/// This includes the text that sshd sends as the password of users whom it will refuse.
#[test]
fn invalid_passwords_are_not_sent() {
    let setup = setup("otp", "", "");
    for typed in [&b""[..], b"\x08\r\x7fINCORRECT", b"caf\xe9", &[b'x'; 2000]] {
        let mut running = setup.start("sshd", &[]);
        running.wait_for("hidden");
        running.type_line(typed);
        let login = running.finish();
        // The same as for a wrong password.
        assert!(
            login.took() >= Duration::from_secs(2),
            "{:#?}",
            login.events
        );
        login.assert_refused("PAM_MAXTRIES", "wrong-password");
        // A session begins, as for a user who is unknown here.
        let requests = setup.tenant.airlock_requests();
        assert!(!requests.is_empty());
        let sent = |path: &str| path.ends_with("/password/check/");
        assert!(!requests.iter().any(|request| sent(&request.path)));
    }
    let login = setup.login("sshd", &["answers=none"]);
    login.assert_refused("PAM_CONV_ERR", "conversation");
    let login = setup.login("sshd", &["answers=null"]);
    login.assert_refused("PAM_CONV_ERR", "conversation");
}

/// sshd answers hidden prompts with the password and fails visible prompts.
#[test]
fn sshds_password_method_is_refused_cleanly() {
    for (account, conversation, word) in [
        ("token", "", "conversation"),
        ("lee", "", "conversation"),
        ("otp", "[conversation]\necho = false", "wrong-otp"),
    ] {
        let setup = setup(account, "", conversation);
        let mut running = setup.start("sshd", &["answers=password"]);
        running.type_line(PASSWORD.as_bytes());
        running.type_line(PASSWORD.as_bytes());
        let login = running.finish();
        login.assert_refused("PAM_MAXTRIES", word);
        let hint = value(login.log(), "hint").unwrap_or_default();
        assert!(hint.contains("use keyboard-interactive"), "{}", login.log());
        assert_eq!(otps_checked(&setup), 0);
        assert_eq!(paths(&setup).last().unwrap(), "DELETE /flow/");
    }
    // One-Touch needs no answer.
    let setup = setup("phone", "", "");
    let mut running = setup.start("sshd", &["answers=password"]);
    running.type_line(PASSWORD.as_bytes());
    let login = running.finish();
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
}
