//! Approved logins: the device list, the QR code, the codes, the phone.

use super::Answer::{Scans, Types};
use super::{
    CHOICE, PASSWORD, SERIAL, configure, converse, log_in, log_in_to, paths, setup, unescaped,
};
use crate::setup::{PROMPTLY, Setup, TIMEOUT, USER, value};
use tenant::{Airlock, Image, Options, Token};

#[test]
fn a_person_with_several_devices_and_a_token_gets_in() {
    let setup = setup("lee", "", "");
    let answers = [
        ("visible", CHOICE, Types("2")),
        ("visible", "\nOTP: ", Scans),
    ];
    let (login, seen) = log_in_to("sshd", &setup, &answers);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(login.one("setcred").text, "PAM_SUCCESS");
    assert_eq!(
        seen[0],
        "Which device?\n  1. Lee's iPhone (IOS)\n  2. GAQT12345678 (HWTOKEN)\n  \
         3. GAQT87654321 (HWTOKEN)\nDevice (1-3): "
    );
    // The QR code has its own lines, even if the host prints text before a prompt.
    assert!(seen[1].starts_with("Scan this with your token, and type the OTP that it shows.\n"));
    assert_eq!(login.screen().len(), 3, "only the three questions");
    let device = paths(&setup)[3].clone();
    assert_eq!(
        paths(&setup),
        [
            "DELETE /flow/",
            "POST /password/check/",
            "POST /airlock-2fa/devices/retrieve/",
            &device,
            "POST /airlock-2fa/offline-qr-code/challenge/retrieve/",
            "POST /airlock-2fa/offline-qr-code/otp/check/",
            "DELETE ",
        ]
    );
    assert!(device.ends_with("/select/"));
    assert_eq!(setup.tenant.airlock_sessions(), 0, "logged out");
    assert_eq!(setup.tenant.connections(), 1);
    assert!(
        login.log().starts_with(&format!(
            "pam_logonbox(sshd:auth): approved user=\"{USER}\" account=\"lee\" \
             rhost=\"192.0.2.7\" device=\"{SERIAL}\" seconds=\""
        )),
        "{}",
        login.log()
    );
}

#[test]
fn the_table_of_accounts_counts_here_too() {
    let table = format!("[accounts]\n{USER} = \"token\"\n");
    for (rest, account, word) in [
        ("", "nobody", "wrong-password"),
        (&table, "token", "approved"),
    ] {
        let setup = setup("nobody", "", rest);
        let answers = [("visible", "\nOTP: ", Scans)];
        let asked = if account == "token" {
            &answers[..]
        } else {
            &[]
        };
        let login = log_in(&setup, asked);
        assert!(
            login.log().contains(&format!(": {word} ")),
            "{}",
            login.log()
        );
        assert_eq!(value(login.log(), "account"), Some(account));
    }
}

#[test]
fn a_single_device_is_not_asked_for() {
    for account in ["token", "token.gateway", "token.status-text"] {
        let setup = setup(account, "", "");
        let login = log_in(&setup, &[("visible", "\nOTP: ", Scans)]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{account} {:#?}", login.events);
        assert_eq!(setup.tenant.airlock_sessions(), 0);
        paths(&setup);
    }
}

#[test]
fn an_application_is_chosen_first_where_one_is_configured() {
    let options = Options {
        airlock: Airlock::default().application("ssh/door"),
        ..Options::default()
    };
    let setup = Setup::with(options, "approve", "", "");
    configure(&setup, "otp", "application = \"ssh/door\"", "");
    let login = log_in(&setup, &[("visible", "OTP: ", Types("A1b2C3"))]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert!(paths(&setup).contains(&"POST /applications/ssh%2Fdoor/access".to_owned()));
}

#[test]
fn the_configuration_can_choose_the_device() {
    for (wanted, device) in [
        (SERIAL, SERIAL),
        ("GAQT87654321", "GAQT87654321"),
        ("IOS", "Lee's iPhone"),
    ] {
        let setup = setup("lee", &format!("device = {wanted:?}"), "");
        let mut running = setup.start("login", &[]);
        converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
        if device == "Lee's iPhone" {
            let line = running.wait_for("info").text;
            assert_eq!(line, "Approve the request on your phone on Lee's iPhone.");
        } else {
            let prompt = unescaped(&running.wait_for("visible").text);
            let otp = Token::new(device).read(&prompt).unwrap();
            running.type_line(otp.as_bytes());
        }
        let login = running.finish();
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        assert_eq!(value(login.log(), "device"), Some(device));
    }
    // With two tokens, the user chooses.
    let setup = setup("lee", "device = \"HWTOKEN\"", "");
    let answers = [
        ("visible", "Device (1-2): ", Types("1")),
        ("visible", "\nOTP: ", Scans),
    ];
    let (login, seen) = log_in_to("login", &setup, &answers);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert!(!seen[0].contains("iPhone"), "{}", seen[0]);
}

#[test]
fn a_missing_device_is_refused_and_the_log_lists_the_others() {
    let setup = setup("lee", "device = \"ANDROID\"", "");
    let login = log_in(&setup, &[]);
    login.assert_refused("PAM_MAXTRIES", "no-key");
    let there = "Lee's iPhone (IOS), GAQT12345678 (HWTOKEN), GAQT87654321 (HWTOKEN)";
    assert!(login.log().contains(there), "{}", login.log());
    assert_eq!(login.all("error"), ["Login refused."]);
}

#[test]
fn numbers_that_are_not_in_the_list_are_asked_again() {
    let setup = setup("lee", "", "");
    let again = "Please type one of the numbers.\nDevice (1-3): ";
    let answers = [
        ("visible", CHOICE, Types("0")),
        ("visible", again, Types("4")),
        ("visible", again, Types(" 2 ")),
        ("visible", "\nOTP: ", Scans),
    ];
    assert_eq!(log_in(&setup, &answers).code(), "PAM_SUCCESS");

    let answers = [
        ("visible", CHOICE, Types("")),
        ("visible", again, Types("two")),
        ("visible", again, Types("18446744073709551617")),
    ];
    let login = log_in(&setup, &answers);
    login.assert_refused("PAM_MAXTRIES", "conversation");
    assert_eq!(
        setup.tenant.airlock_sessions(),
        1,
        "of which the flow is cleared"
    );
    assert_eq!(paths(&setup).last().unwrap(), "DELETE /flow/");
}

#[test]
fn devices_with_strange_names_and_ids_are_shown_harmlessly_and_found() {
    for (list, works) in [
        ("hostile-names", true),
        ("long-names", true),
        ("typeless", true),
        ("twins", true),
        ("odd-ids", true),
        ("dot-ids", false),
        ("nameless", false),
        ("many", false),
        ("none", false),
        ("not-a-list", false),
    ] {
        let setup = setup(&format!("lee.devices-{list}"), "", "");
        let mut running = setup.start("sshd", &[]);
        converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
        if !works {
            running
                .finish()
                .assert_refused("PAM_MAXTRIES", "bad-answer");
            continue;
        }
        let prompt = unescaped(&running.wait_for("visible").text);
        assert!(is_harmless(&prompt), "{prompt:?}");
        assert!(prompt.len() < 4000, "{prompt}");
        // The name of a token may have changed, so the phone is used.
        if list.ends_with("-names") {
            running.type_line(b"1");
            let prompt = unescaped(&running.wait_for("visible").text);
            assert!(
                prompt.starts_with("Approve the request on your phone on "),
                "{prompt}"
            );
            assert!(is_harmless(&prompt), "{prompt:?}");
        } else {
            running.type_line(if list == "twins" { b"5" } else { b"2" });
            let prompt = unescaped(&running.wait_for("visible").text);
            let otp = Token::new(SERIAL).read(&prompt);
            running.type_line(
                otp.unwrap_or_else(|why| panic!("{list}: {why:?}"))
                    .as_bytes(),
            );
        }
        let login = running.finish();
        assert_eq!(login.code(), "PAM_SUCCESS", "{list}: {:#?}", login.events);
        assert!(!login.log().contains("\\x"), "{}", login.log());
        paths(&setup);
    }
}

/// Lines of printable ASCII.
fn is_harmless(prompt: &str) -> bool {
    let mut bytes = prompt.bytes();
    bytes.all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
}

#[test]
fn the_picture_is_drawn_as_configured() {
    for (lines, ascii, light) in [
        ("qr_background = \"dark\"", false, false),
        ("qr = \"unicode\"\nqr_background = \"light\"", false, true),
        ("qr = \"ascii\"", true, false),
        ("qr = \"ascii\"\nqr_background = \"light\"", true, true),
    ] {
        let setup = setup("token", "", &format!("[conversation]\n{lines}"));
        let (login, seen) = log_in_to("sshd", &setup, &[("visible", "\nOTP: ", Scans)]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{lines} {:#?}", login.events);
        assert_eq!(seen[0].is_ascii(), ascii, "{lines}");
        // The margin of the code is light. On a light terminal it is blank.
        assert_eq!(seen[0].lines().nth(1) == Some(""), light, "{lines}");
    }
    let setup = setup("token", "", "[conversation]\nqr = \"none\"");
    let prompt = "The QR code is not shown here.\nOTP: ";
    let login = log_in(&setup, &[("visible", prompt, Types("000000"))]);
    assert_eq!(value(login.log(), "hint"), None);
}

/// The OTP prompt follows every image, within the limits of memory and time.
#[test]
fn an_image_that_cannot_be_drawn_still_leaves_the_question() {
    for image in Image::ALL.iter().copied() {
        let setup = setup(&format!("token.image-{image}"), "", "");
        let mut running = setup.start("sshd", &["memory=400"]);
        converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
        if matches!(image, Image::Missing | Image::Null) {
            running
                .finish()
                .assert_refused("PAM_MAXTRIES", "bad-answer");
            continue;
        }
        let prompt = unescaped(&running.wait_for("visible").text);
        let drawn = !matches!(
            image,
            Image::DataUrl
                | Image::NotBase64
                | Image::NotPng
                | Image::Truncated
                | Image::WrongCrc
                | Image::NoCode
                | Image::Bomb
                | Image::Empty
        );
        if drawn {
            let otp = Token::new(SERIAL)
                .read(&prompt)
                .unwrap_or_else(|why| panic!("{image}: {why:?}\n{prompt}"));
            running.type_line(otp.as_bytes());
            assert_eq!(running.finish().code(), "PAM_SUCCESS", "{image}");
        } else {
            assert_eq!(
                prompt, "The QR code cannot be shown here: please tell your administrator.\nOTP: ",
                "{image}"
            );
            running.type_line(b"000000");
            running.type_line(b"000000");
            running.type_line(b"000000");
            let login = running.finish();
            login.assert_refused("PAM_MAXTRIES", "wrong-otp");
            let hint = value(login.log(), "hint").unwrap_or_default();
            assert!(
                hint.starts_with("the QR code could not be drawn: "),
                "{}",
                login.log()
            );
        }
    }
}

#[test]
fn codes_without_a_picture_are_asked_for_as_well() {
    let setup = setup("otp", "", "");
    let (login, seen) = log_in_to("su", &setup, &[("visible", "OTP: ", Types(" A1b2C3 "))]);
    assert_eq!((login.code(), &*seen[0]), ("PAM_SUCCESS", "OTP: "));

    configure(&setup, "sms", "", "[conversation]\necho = false");
    let (login, seen) = log_in_to("su", &setup, &[("hidden", "OTP: ", Types("482913"))]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    assert_eq!(
        seen[0],
        "A code was sent by SMS to +41 ** *** ** 12.\nOTP: "
    );
}

#[test]
fn a_phone_with_one_touch_is_waited_for() {
    let setup = setup("phone", "", "");
    let prompt = "Approve the request on your phone.\nPress Enter to go on: ";
    let login = log_in(&setup, &[("visible", prompt, Types(""))]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let (login, _) = log_in_to("login", &setup, &[]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(login.one("info").text, "Approve the request on your phone.");
    let polls = paths(&setup)
        .iter()
        .filter(|path| path.ends_with("/status/poll/"))
        .count();
    assert_eq!(polls, 6, "three for each login");

    configure(&setup, "phone-error", "", "");
    log_in_to("login", &setup, &[])
        .0
        .assert_refused("PAM_MAXTRIES", "refused");
    configure(&setup, "phone-never", "", "[wait]\nlogin_seconds = 2");
    // The farewell has little time. On a busy machine it may not leave, but not every time.
    let ends_with_farewell = |_| {
        let (login, _) = log_in_to("sudo", &setup, &[]);
        login.assert_refused("PAM_ABORT", "timed-out");
        assert_eq!(login.all("error"), ["No answer from the phone within 2 s."]);
        setup.tenant.wait_for(PROMPTLY, |seen| {
            let last = seen.requests.last();
            last.is_some_and(|request| request.method == "DELETE")
        })
    };
    assert!((0..5).any(ends_with_farewell));
    assert_eq!(paths(&setup).last().unwrap(), "DELETE /flow/");
}

#[test]
fn ctrl_c_ends_the_wait_for_a_phone() {
    let setup = setup("phone-never", "", "");
    let mut running = setup.start("sudo", &["block"]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    running.wait_for("info");
    let polled = |seen: &tenant::Seen| {
        let mut requests = seen.airlock_requests().iter();
        requests.any(|request| request.path.ends_with("/status/poll/"))
    };
    assert!(setup.tenant.wait_for(TIMEOUT, polled));
    running.signal("INT");
    let login = running.finish();
    login.assert_refused("PAM_ABORT", "interrupted");
}
