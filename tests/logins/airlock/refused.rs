//! Refused logins: wrong OTPs, locks, unknown steps, every wrong answer; and the secrets that the
//! log must not hold.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use super::Answer::{self, Scans, Types};
use super::{
    CHOICE, PASSWORD, SERIAL, configure, converse, log_in, otps_checked, paths, setup, unescaped,
};
use crate::setup::{PROMPTLY, Setup, unused_address};
use tenant::{Airlock, BadAnswer, Options, Token};

/// The OTPs that must not be logged.
const OTPS: [&str; 2] = ["A1b2C3", "482913"];

/// The module limits the tries even if Airlock does not.
#[test]
fn wrong_otps_are_limited() {
    let patient = tenant::User::new("patient").otp("A1b2C3").further_tries(20);
    let options = Options {
        airlock: Airlock::default().user(patient),
        ..Options::default()
    };
    let setup = Setup::with(options, "approve", "", "");
    configure(&setup, "patient", "", "");
    let answers: Vec<_> = (0..10)
        .map(|_| ("visible", "OTP: ", Types("wrong")))
        .collect();
    let login = log_in(&setup, &answers);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
    assert_eq!(login.all("visible").len(), 10, "{:#?}", login.events);
    assert_eq!(otps_checked(&setup), 10);
    assert_eq!(paths(&setup).last().unwrap(), "DELETE /flow/");
}

#[test]
fn a_wrong_otp_is_asked_again_only_where_airlock_allows_it() {
    const AGAIN: &str = "That OTP was wrong. Try again.\nOTP: ";
    let setup = setup("token", "", "");
    let mut running = setup.start("sshd", &[]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    let picture = unescaped(&running.wait_for("visible").text);
    running.type_line(b"000000");
    // The code stays the same, so the user need not scan again.
    let again = unescaped(&running.wait_for("visible").text);
    assert_eq!(again, AGAIN);
    running.type_line(Token::new(SERIAL).read(&picture).unwrap().as_bytes());
    let login = running.finish();
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let pictures = paths(&setup)
        .iter()
        .filter(|path| path.ends_with("/challenge/retrieve/"))
        .count();
    assert_eq!(pictures, 1);

    let answers = [
        ("visible", "\nOTP: ", Types("000000")),
        ("visible", AGAIN, Types("000001")),
        ("visible", AGAIN, Types("000002")),
    ];
    let login = log_in(&setup, &answers);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
    assert_eq!(login.all("error"), ["Login refused."]);
    assert_eq!(otps_checked(&setup), 2 + 3);

    let setup = self::setup("otp.one-try", "", "");
    let login = log_in(&setup, &[("visible", "OTP: ", Types("wrong1"))]);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
    assert_eq!(otps_checked(&setup), 1);
}

#[test]
fn locks_are_said_in_words() {
    for (account, at_otp, word, words) in [
        (
            "locked",
            false,
            "locked",
            "Login refused. The account is locked.",
        ),
        (
            "locked-until",
            false,
            "locked",
            "Login refused. The account is locked for another 5 minutes, until ",
        ),
        ("protected", false, "refused", "Login refused."),
        (
            "otp.otp-locked",
            true,
            "locked",
            "Login refused. The account is locked.",
        ),
        (
            "otp.otp-locked-until",
            true,
            "locked",
            "Login refused. The account is locked for another 5 minutes, until ",
        ),
        ("otp.otp-protected", true, "refused", "Login refused."),
        (
            "otp.one-try.lock-expiry",
            true,
            "wrong-otp",
            "Login refused. The account is locked for another ",
        ),
    ] {
        let setup = setup(account, "", "");
        let answers = [("visible", "OTP: ", Types("000000"))];
        let login = log_in(&setup, if at_otp { &answers } else { &[] });
        login.assert_refused("PAM_MAXTRIES", word);
        // Airlock's answer for an unknown user and for a wrong password.
        assert!(account != "protected" || login.took() >= Duration::from_secs(2));
        let said = login.all("error");
        assert!(
            said.len() == 1 && said[0].starts_with(words),
            "{account}: {said:?}"
        );
        if word == "locked" && account.ends_with("until") {
            assert!(login.log().contains(" UTC"), "{}", login.log());
        }
    }
}

#[test]
fn a_step_that_is_not_supported_is_refused_by_name() {
    for (account, step) in [
        ("fido", "FIDO_AUTHENTICATION_CHALLENGE_RETRIEVAL_REQUIRED"),
        (
            "mobile-only",
            "AIRLOCK_2FA_MOBILE_ONLY_CHALLENGE_RETRIEVAL_REQUIRED",
        ),
        ("step-PASSWORD_CHANGE_REQUIRED", "PASSWORD_CHANGE_REQUIRED"),
        ("step-PASSWORD_REQUIRED", "PASSWORD_REQUIRED"),
    ] {
        let setup = setup(account, "", "");
        let login = log_in(&setup, &[]);
        login.assert_refused("PAM_MAXTRIES", "unsupported-step");
        assert!(login.log().contains(step), "{}", login.log());
        let said = format!("Login refused. Airlock wants a step that is not possible here: {step}");
        assert_eq!(login.all("error"), [said]);
        assert_eq!(paths(&setup).last().unwrap(), "DELETE /flow/");
    }
}

#[test]
fn invalid_otps_are_not_sent() {
    const AGAIN: &str = "That is no OTP. Try again.\nOTP: ";
    let long = "1".repeat(65);
    let setup = setup("otp", "", "");
    let answers = [
        ("visible", "OTP: ", Types("")),
        ("visible", AGAIN, Types(&long)),
        ("visible", AGAIN, Types("12\x1b[A34")),
    ];
    let login = log_in(&setup, &answers);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
    assert!(login.log().contains("was not sent"), "{}", login.log());
    let login = log_in(&setup, &[("visible", "OTP: ", Types(PASSWORD))]);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
    assert_eq!(otps_checked(&setup), 0);
    // The user has another try.
    let answers = [
        ("visible", "OTP: ", Types(" ")),
        ("visible", AGAIN, Types("A1b2C3")),
    ];
    assert_eq!(log_in(&setup, &answers).code(), "PAM_SUCCESS");
}

/// A wrong answer in any place is a refusal.
#[test]
fn every_answer_but_the_right_one_is_a_refusal() {
    let all: Vec<(&str, &[_], BadAnswer)> = [
        // The password is the only factor here, so that a mistake would be a success.
        ("password-only.last", &[][..]),
        ("otp.password", &[]),
        ("otp.last", &[("visible", "OTP: ", Types("A1b2C3"))]),
    ]
    .into_iter()
    .flat_map(|(account, answers)| {
        let each = BadAnswer::ALL.iter();
        each.map(move |bad_answer| (account, answers, *bad_answer))
    })
    .collect();
    // Some of these take time.
    thread::scope(|scope| {
        for some in all.chunks(all.len().div_ceil(8)) {
            scope.spawn(move || {
                for (account, answers, bad_answer) in some {
                    refused(account, answers, *bad_answer);
                }
            });
        }
    });
}

fn refused(account: &str, answers: &[(&str, &str, Answer<'_>)], bad_answer: BadAnswer) {
    let account = format!("{account}-{bad_answer}");
    let waits = match bad_answer {
        BadAnswer::Never | BadAnswer::Drip | BadAnswer::Endless => "[wait]\nconnect_seconds = 2",
        _ => "[wait]\nconnect_seconds = 20",
    };
    let setup = setup(&account, "allow_password_only = true", waits);
    let login = log_in(&setup, answers);
    let words = match bad_answer {
        BadAnswer::Never | BadAnswer::Drip => &["timed-out"][..],
        BadAnswer::Endless => &["timed-out", "bad-answer"],
        BadAnswer::Error500 | BadAnswer::Unavailable503 | BadAnswer::Reset => &["unreachable"],
        BadAnswer::Cut => &["unreachable", "bad-answer"],
        BadAnswer::ErrorsToo | BadAnswer::ErrorsWith200 | BadAnswer::HostileError => {
            &["refused", "wrong-otp", "wrong-password", "bad-answer"]
        }
        BadAnswer::HostileStep => &["unsupported-step", "bad-answer"],
        _ => &["bad-answer"],
    };
    let logged = login.log().split_once(": ").unwrap().1;
    let word = logged.split(' ').next().unwrap();
    assert!(words.contains(&word), "{account}: {logged}");
    login.assert_refused("PAM_MAXTRIES", word);
    assert!(login.took() < PROMPTLY, "{account}: {:#?}", login.events);
    assert!(!setup.tenant.redirect_followed());
    let said = login.all("error");
    assert!(
        said.iter()
            .all(|text| text.is_ascii() && !text.contains("\\x")),
        "{said:?}"
    );
}

#[test]
fn a_failure_before_the_first_request_is_told_from_one_after() {
    let ignore = "[wait]\nconnect_seconds = 3\n[policy]\non_unavailable = \"ignore\"";
    let setup = setup("otp", "", "");
    let here = setup.tenant.airlock_url();
    let there = format!("https://{}/auth/rest", unused_address());
    for (rest, code) in [("", "PAM_AUTHINFO_UNAVAIL"), (ignore, "PAM_IGNORE")] {
        configure(&setup, "otp", "", rest);
        let text = std::fs::read_to_string(setup.path("pam_logonbox.toml")).unwrap();
        setup.write("pam_logonbox.toml", &text.replace(&here, &there));
        let login = log_in(&setup, &[]);
        login.assert_refused(code, "unreachable");
        assert_eq!(login.all("error"), ["The login service cannot be reached."]);
    }
    // After the first request, no failure is ignored.
    for (bad_answer, word) in [
        ("reset", "unreachable"),
        ("500", "unreachable"),
        ("never", "timed-out"),
    ] {
        configure(&setup, &format!("otp.password-{bad_answer}"), "", ignore);
        let login = log_in(&setup, &[]);
        login.assert_refused("PAM_MAXTRIES", word);
        assert_eq!(login.all("error"), ["The login service cannot be reached."]);
    }
}

/// Checks every line that the module logs with `debug`.
#[test]
fn no_password_otp_or_cookie_reaches_a_log() {
    for (account, answers) in [
        (
            "lee.gateway",
            &[
                ("visible", CHOICE, Types("2")),
                ("visible", "\nOTP: ", Scans),
            ][..],
        ),
        ("otp.gateway", &[("visible", "OTP: ", Types("A1b2C3"))]),
        ("sms", &[("visible", "OTP: ", Types("482913"))]),
        ("otp.one-try", &[("visible", "OTP: ", Types("wr0ng-one"))]),
        ("otp.last-cookies", &[("visible", "OTP: ", Types("A1b2C3"))]),
        ("otp.last-html", &[("visible", "OTP: ", Types("A1b2C3"))]),
    ] {
        let setup = setup(account, "", "");
        setup.service("sshd", "debug");
        let login = log_in(&setup, answers);
        let log = login.all("log").concat();
        assert!(
            login.all("log").len() > 4 && log.contains("debug message="),
            "{log}"
        );
        let mut secrets: BTreeSet<String> = [PASSWORD, "wr0ng-one"].map(str::to_owned).into();
        secrets.extend(OTPS.map(str::to_owned));
        for request in setup.tenant.airlock_requests() {
            let cookies = request.http.header("cookie").unwrap_or_default();
            let values = cookies
                .split("; ")
                .filter_map(|pair| Some(pair.split_once('=')?.1.to_owned()));
            secrets.extend(values.filter(|value| value.len() > 3));
            secrets.extend(otp_of(&request.body));
        }
        assert!(secrets.len() > 4, "{secrets:?}");
        for secret in secrets {
            assert!(!log.contains(&secret), "{secret}: {log}");
        }
    }
}

fn otp_of(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("\"otp\":\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[test]
fn a_host_that_changes_the_user_is_refused() {
    let setup = setup("otp", "", "");
    let mut running = setup.start("login", &["rename=daemon"]);
    converse(
        &mut running,
        &[
            ("hidden", "Password: ", Types(PASSWORD)),
            ("visible", "OTP: ", Types("A1b2C3")),
        ],
    );
    running
        .finish()
        .assert_refused("PAM_MAXTRIES", "conversation");
}
