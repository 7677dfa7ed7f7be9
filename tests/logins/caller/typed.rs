//! Typed input, and faults in place of an answer.

use crate::airlock;
use crate::setup::{Login, Running, Setup};
use tenant::{Account, KeyType, Options, Phone};

/// The input at a prompt.
fn typed() -> Vec<Vec<u8>> {
    vec![
        b"".to_vec(),
        b"\0".to_vec(),
        b"1\0junk".to_vec(),
        b"\xff\xfe\x80".to_vec(),
        b"\x1b[2J\x1b]0;title\x07".to_vec(),
        "\u{202e}1".into(),
        b"x".repeat(100_000),
        b"%s%n".to_vec(),
        b"{user}".to_vec(),
        b"-1".to_vec(),
        b"18446744073709551617".to_vec(),
    ]
}

/// Types this at every prompt.
fn types(mut running: Running, line: &[u8]) -> Login {
    for _ in 0..12 {
        running.type_line(line);
    }
    running.finish()
}

#[test]
fn whatever_is_typed_at_any_prompt_is_no_crash_and_no_way_in() {
    let phones = ["Pixel 8", "Old phone"].map(|name| Phone::new(name, KeyType::Ed25519));
    let lee = Account::new("lee").phones(phones);
    let options = Options {
        accounts: [lee].into_iter().collect(),
        ..Options::default()
    };
    let no_limit = "[policy]\nfailed_attempts_per_10_minutes = 0\nfailed_attempts_in_a_row = 0";
    let choice = Setup::showing(options, "lee", "device = \"ask\"", no_limit);
    let at_phone = Setup::with(Options::default(), "approve", "", no_limit);
    let at_airlock = airlock::patient_setup(no_limit);
    let password = format!("types={}", airlock::PASSWORD);
    for line in typed() {
        let shown = String::from_utf8_lossy(&line[..line.len().min(20)]).into_owned();
        // A choice of a device: `1` before a NUL is valid.
        let login = types(choice.start("login", &["speed=20"]), &line);
        if line.starts_with(b"1\0") {
            assert_eq!(login.code(), "PAM_SUCCESS", "{shown:?}");
        } else {
            login.assert_refused("PAM_CONV_ERR", "conversation");
        }
        // The code of the phone. Lines that are typed ahead ring no phone.
        let login = types(at_phone.start("login", &["speed=20"]), &line);
        match line.first() {
            None | Some(0) => login.assert_refused("PAM_CONV_ERR", "conversation"),
            Some(_) => login.assert_refused("PAM_MAXTRIES", "wrong-code"),
        }
        assert_eq!(at_phone.pushes(), 0, "{shown:?}");
        // Airlock's password and OTP.
        let login = types(at_airlock.start("login", &["speed=20"]), &line);
        assert_ne!(login.code(), "PAM_SUCCESS", "{shown:?}");
        assert!(!login.log().contains("x".repeat(300).as_str()));
        let line_of_text = String::from_utf8_lossy(&line).replace('\0', "");
        let given = format!("otp={line_of_text}");
        let login = at_airlock.login("login", &[&password, &given, "speed=20"]);
        assert_ne!(login.code(), "PAM_SUCCESS", "{shown:?}");
        assert_ne!(login.code(), "PAM_IGNORE", "{shown:?}");
    }
    for answers in ["null", "none", "nothing", "nobody"] {
        let answers = format!("answers={answers}");
        let pushes = choice.pushes();
        let login = choice.login("login", &[&answers]);
        login.assert_refused("PAM_CONV_ERR", "conversation");
        assert_eq!(choice.pushes(), pushes);
        let checked = airlock::paths(&at_airlock).len();
        let login = at_airlock.login("login", &[&answers]);
        assert_ne!(login.code(), "PAM_SUCCESS");
        assert!(login.log().contains(": conversation "), "{}", login.log());
        assert_eq!(airlock::paths(&at_airlock).len(), checked);
    }
    // The announcement in a prompt.
    let enter = Setup::showing(
        Options::default(),
        "approve",
        "",
        "[conversation]\nannounce = \"enter\"",
    );
    for answers in ["null", "none", "nothing", "nobody"] {
        let login = enter.login("login", &[&format!("answers={answers}")]);
        login.assert_refused("PAM_CONV_ERR", "conversation");
    }
    assert_eq!(enter.pushes(), 0);
}
