//! The password: whose it is, who gets to see it, and what a wrong one tells.

use std::time::Duration;

use super::Answer::Types;
use super::{PASSWORD, configuration, configure, converse, log_in, otps_checked, paths, stage};
use crate::stage::{Login, Stage, nobody, value};

/// A login that comes to the module twice: first with a code, then, with these lines for
/// `[airlock]`, by SMS. And the second line of its stack.
fn stage_of_two(airlock: &str) -> (Stage, String) {
    let stage = stage("otp", "", "");
    let second = configuration(&stage.tenant.airlock_url(), &stage, "sms", airlock, "");
    stage.write("second.toml", &second);
    let module = crate::stage::module().display().to_string();
    let [first, second] = ["pam_logonbox.toml", "second.toml"].map(|name| {
        format!(
            "auth requisite {module} conf={}\n",
            stage.path(name).display()
        )
    });
    stage.write("pam.d/login", &format!("{first}{second}"));
    (stage, second)
}

/// Nobody else's modules: one of this kind, and then another that takes its password.
#[test]
fn the_password_is_left_to_the_modules_after() {
    let (stage, second) = stage_of_two("password = \"stack\"");
    let mut running = stage.start("login", &[]);
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

    // Without a module before, there is no password to take.
    stage.write("pam.d/login", &second);
    let login = stage.login("login", &[]);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
    assert_eq!(login.screen(), ["Login refused."]);
}

/// Those modules would take it for the password of the user one becomes.
#[test]
fn the_password_of_whoever_calls_su_is_left_to_nobody() {
    for (asks, code) in [("user", "PAM_SUCCESS"), ("caller", "PAM_SERVICE_ERR")] {
        let (stage, _) = stage_of_two("password = \"stack\"");
        let stack = std::fs::read_to_string(stage.path("pam.d/login")).unwrap();
        stage.write("pam.d/su", &stack);
        let policy = format!("[policy]\nsu_asks = {asks:?}\n");
        configure(&stage, "otp", "", &policy);
        let mut running = stage.start("su", &[]);
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

/// A module after this one that takes the password finds none.
#[test]
fn the_password_is_left_by_nothing_but_a_login() {
    let (stage, second) = stage_of_two("password = \"stack\"");
    let module = crate::stage::module().display().to_string();
    let first = format!(
        "auth [default=ignore] {module} conf={}\n",
        stage.path("pam_logonbox.toml").display()
    );
    stage.write("pam.d/login", &format!("{first}{second}"));
    let finds_none = |login: &Login| {
        let last = login.all("log").pop().unwrap().to_owned();
        assert!(last.contains("no module before this one"), "{last}");
    };

    // A refusal.
    let mut running = stage.start("login", &[]);
    converse(&mut running, &[("hidden", "Password: ", Types("wrong"))]);
    finds_none(&running.finish());

    // Nobody listens, and the module takes no part.
    configure(&stage, "otp", "", "[policy]\non_unavailable = \"ignore\"");
    let text = std::fs::read_to_string(stage.path("pam_logonbox.toml")).unwrap();
    let there = format!("https://{}/auth/rest", nobody());
    let text = text.replace(&stage.tenant.airlock_url(), &there);
    stage.write("pam_logonbox.toml", &text);
    let mut running = stage.start("login", &[]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    let login = running.finish();
    assert!(login.all("log")[0].contains("ignored by on_unavailable"));
    finds_none(&login);
}

/// A password that a module before has asked for is not touched, unless that is wanted.
#[test]
fn a_password_of_the_stack_is_not_sent_by_default() {
    let (stage, _) = stage_of_two("");
    let mut running = stage.start("login", &[]);
    let answers = [
        ("hidden", "Password: ", Types(PASSWORD)),
        ("visible", "OTP: ", Types("A1b2C3")),
        // Nobody shall take it for the same one.
        ("hidden", "Airlock password: ", Types("another")),
    ];
    converse(&mut running, &answers);
    let login = running.finish();
    assert_eq!(login.one("result").text, "PAM_MAXTRIES");
    let passwords = stage.tenant.airlock_requests();
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
        // Whoever does not exist has no lock, so nobody is told of one.
        ("sshd", "PAM_MAXTRIES", "token.lock-expiry"),
    ] {
        let stage = stage(account, "", "");
        let mut running = stage.start(service, &[]);
        converse(&mut running, &[("hidden", "Password: ", Types("wrong"))]);
        let login = running.finish();
        login.assert_refused(code, "wrong-password");
        assert_eq!(login.all("error"), ["Login refused."]);
        assert!(
            login.took() >= Duration::from_secs(2),
            "{:#?}",
            login.events
        );
        let checks = paths(&stage)
            .iter()
            .filter(|path| path.contains("password"))
            .count();
        assert_eq!(checks, 1);
    }
}

#[test]
fn a_user_whom_the_system_does_not_know_is_asked_and_refused_alike() {
    let stage = stage("token", "", "");
    let mut running = stage.start_as("nobody-such", "sshd", &[], &[]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    let login = running.finish();
    // As for a wrong password: with another code sshd would ask again, and tell.
    login.assert_refused("PAM_MAXTRIES", "unknown-user");
    assert_eq!(login.all("error"), ["Login refused."]);
    assert!(
        login.took() >= Duration::from_secs(2),
        "{:#?}",
        login.events
    );
    assert_eq!(stage.tenant.airlock_requests().len(), 0);
}

#[test]
fn a_password_alone_is_no_login_without_leave() {
    let stage = stage("password-only", "", "");
    let login = log_in(&stage, &[]);
    login.assert_refused("PAM_MAXTRIES", "refused");
    assert!(
        login.log().contains("allow_password_only"),
        "{}",
        login.log()
    );
    assert_eq!(stage.tenant.airlock_sessions(), 0);

    configure(&stage, "password-only", "allow_password_only = true", "");
    let login = log_in(&stage, &[]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    assert_eq!(
        value(login.log(), "reason"),
        Some("without a second factor")
    );
    assert_eq!(stage.tenant.airlock_sessions(), 0);
    // That leave is for nothing else.
    configure(&stage, "otp.one-try", "allow_password_only = true", "");
    let login = log_in(&stage, &[("visible", "OTP: ", Types("wrong1"))]);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
}

/// Among others what sshd says in place of a password for users that it will refuse.
#[test]
fn what_cannot_be_a_password_is_not_sent() {
    let stage = stage("otp", "", "");
    for typed in [&b""[..], b"\x08\r\x7fINCORRECT", b"caf\xe9", &[b'x'; 2000]] {
        let mut running = stage.start("sshd", &[]);
        running.wait_for("hidden");
        running.type_line(typed);
        let login = running.finish();
        // As for a wrong one.
        assert!(
            login.took() >= Duration::from_secs(2),
            "{:#?}",
            login.events
        );
        login.assert_refused("PAM_MAXTRIES", "wrong-password");
        assert_eq!(stage.tenant.airlock_requests().len(), 0);
    }
    let login = stage.login("sshd", &["answers=none"]);
    login.assert_refused("PAM_CONV_ERR", "conversation");
    let login = stage.login("sshd", &["answers=null"]);
    login.assert_refused("PAM_CONV_ERR", "conversation");
}

/// It answers hidden prompts with the password, and fails visible ones.
#[test]
fn sshds_password_method_is_refused_cleanly() {
    for (account, conversation, word) in [
        ("token", "", "conversation"),
        ("lee", "", "conversation"),
        ("otp", "[conversation]\notp_echo = false", "wrong-otp"),
    ] {
        let stage = stage(account, "", conversation);
        let mut running = stage.start("sshd", &["answers=password"]);
        running.type_line(PASSWORD.as_bytes());
        running.type_line(PASSWORD.as_bytes());
        let login = running.finish();
        login.assert_refused("PAM_MAXTRIES", word);
        let hint = value(login.log(), "hint").unwrap_or_default();
        assert!(hint.contains("use keyboard-interactive"), "{}", login.log());
        assert_eq!(otps_checked(&stage), 0);
        assert_eq!(paths(&stage).last().unwrap(), "DELETE /flow/");
    }
    // One-Touch needs no answer.
    let stage = stage("phone", "", "");
    let mut running = stage.start("sshd", &["answers=password"]);
    running.type_line(PASSWORD.as_bytes());
    let login = running.finish();
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
}
