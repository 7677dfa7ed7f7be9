//! Airlock's login flow, from libpam to the token and back: what the person sees, what Airlock is
//! asked, what the host and the log are told.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use crate::stage::{Login, PATIENCE, Running, Stage, USER, nobody, value};
use tenant::{Airlock, Image, Options, Token, Trouble};

const PASSWORD: &str = "correct-horse";
const SERIAL: &str = "GAQT12345678";
/// What may never stand in a log.
const OTPS: [&str; 2] = ["A1b2C3", "482913"];

/// A host that logs in at Airlock as `account`, with more lines for `[airlock]` and for the rest.
fn stage(account: &str, airlock: &str, rest: &str) -> Stage {
    let stage = Stage::new("approve");
    configure(&stage, account, airlock, rest);
    stage
}

fn configure(stage: &Stage, account: &str, airlock: &str, rest: &str) {
    write_config(stage, "pam_logonbox.toml", account, airlock, rest);
}

fn write_config(stage: &Stage, name: &str, account: &str, airlock: &str, rest: &str) {
    let text = format!(
        "mode = \"airlock\"\n[airlock]\nurl = {:?}\naccount = {account:?}\n{airlock}\n\
         [tls]\nca_file = {:?}\n{rest}\n",
        stage.tenant.airlock_url(),
        stage.path("ca.pem").display().to_string()
    );
    stage.write(name, &text);
}

/// What the person does at a prompt.
enum Answer<'a> {
    Types(&'a str),
    /// Holds the token to the screen.
    Scans,
}

use Answer::{Scans, Types};

/// Answers one prompt after the other. Each must be of this kind, and end so.
fn converse(running: &mut Running, answers: &[(&str, &str, Answer<'_>)]) -> Vec<String> {
    let mut seen = Vec::new();
    for (kind, end, answer) in answers {
        let prompt = unescaped(&running.wait_for(kind).text);
        assert!(prompt.ends_with(end), "{prompt:?} does not end in {end:?}");
        match answer {
            Types(text) => running.type_line(text.as_bytes()),
            Scans => {
                let otp = Token::new(SERIAL).read(&prompt);
                running.type_line(
                    otp.unwrap_or_else(|why| panic!("{why:?}\n{prompt}"))
                        .as_bytes(),
                );
            }
        }
        seen.push(prompt);
    }
    seen
}

/// A login of this `account` with these answers after the password.
fn log_in(stage: &Stage, answers: &[(&str, &str, Answer<'_>)]) -> Login {
    log_in_to("sshd", stage, answers).0
}

fn log_in_to(
    service: &str,
    stage: &Stage,
    answers: &[(&str, &str, Answer<'_>)],
) -> (Login, Vec<String>) {
    let mut running = stage.start(service, &["rhost=192.0.2.7"]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    let seen = converse(&mut running, answers);
    (running.finish(), seen)
}

/// The text as the person sees it; see `pam_host.c`.
fn unescaped(text: &str) -> String {
    text.replace("\\x0a", "\n").replace("\\\\", "\\")
}

/// What Airlock was asked, without the way there.
fn paths(stage: &Stage) -> Vec<String> {
    let requests = stage.tenant.airlock_requests();
    for request in &requests {
        assert_eq!(request.problem, None, "{request:#?}");
    }
    let asked = requests.iter().map(|request| {
        let path = request.path.replace("/public/authentication", "");
        format!("{} {path}", request.method)
    });
    asked.collect()
}

fn otps_checked(stage: &Stage) -> usize {
    let paths = paths(stage);
    paths
        .iter()
        .filter(|path| path.ends_with("otp/check/") || path.ends_with("otp/check"))
        .count()
}

const CHOICE: &str = "Device (1-3): ";

#[test]
fn a_person_with_several_devices_and_a_token_gets_in() {
    let stage = stage("lee", "", "");
    let answers = [
        ("visible", CHOICE, Types("2")),
        ("visible", "\nOTP: ", Scans),
    ];
    let (login, seen) = log_in_to("sshd", &stage, &answers);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(login.one("setcred").text, "PAM_SUCCESS");
    assert_eq!(
        seen[0],
        "Which device?\n  1. Lee's iPhone (IOS)\n  2. GAQT12345678 (HWTOKEN)\n  \
         3. GAQT87654321 (HWTOKEN)\nDevice (1-3): "
    );
    // The picture has lines of its own, whatever the host puts before a prompt.
    assert!(seen[1].starts_with("Scan this with your token, and type the OTP that it shows.\n"));
    assert_eq!(login.screen().len(), 3, "nothing but the three questions");
    let device = paths(&stage)[3].clone();
    assert_eq!(
        paths(&stage),
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
    assert_eq!(stage.tenant.airlock_sessions(), 0, "logged out");
    assert_eq!(stage.tenant.connections(), 1);
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
fn a_single_device_is_not_asked_for() {
    for account in ["token", "token.gateway", "token.status-text"] {
        let stage = stage(account, "", "");
        let login = log_in(&stage, &[("visible", "\nOTP: ", Scans)]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{account} {:#?}", login.events);
        assert_eq!(stage.tenant.airlock_sessions(), 0);
        paths(&stage);
    }
}

#[test]
fn an_application_is_chosen_first_where_one_is_configured() {
    let options = Options {
        airlock: Airlock::default().application("ssh/door"),
        ..Options::default()
    };
    let stage = Stage::with(options, "approve", "", "");
    configure(&stage, "otp", "application = \"ssh/door\"", "");
    let login = log_in(&stage, &[("visible", "OTP: ", Types("A1b2C3"))]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert!(paths(&stage).contains(&"POST /applications/ssh%2Fdoor/access".to_owned()));
}

#[test]
fn the_configuration_can_choose_the_device() {
    for (wanted, device) in [
        (SERIAL, SERIAL),
        ("GAQT87654321", "GAQT87654321"),
        ("IOS", "Lee's iPhone"),
    ] {
        let stage = stage("lee", &format!("device = {wanted:?}"), "");
        let mut running = stage.start("login", &[]);
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
    // Of two tokens, the person chooses.
    let stage = stage("lee", "device = \"HWTOKEN\"", "");
    let answers = [
        ("visible", "Device (1-2): ", Types("1")),
        ("visible", "\nOTP: ", Scans),
    ];
    let (login, seen) = log_in_to("login", &stage, &answers);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert!(!seen[0].contains("iPhone"), "{}", seen[0]);
}

#[test]
fn a_device_that_is_not_there_is_a_refusal_that_says_what_is() {
    let stage = stage("lee", "device = \"ANDROID\"", "");
    let login = log_in(&stage, &[]);
    login.assert_refused("PAM_MAXTRIES", "no-key");
    let there = "Lee's iPhone (IOS), GAQT12345678 (HWTOKEN), GAQT87654321 (HWTOKEN)";
    assert!(login.log().contains(there), "{}", login.log());
    assert_eq!(login.all("error"), ["Login refused."]);
}

#[test]
fn numbers_that_are_not_in_the_list_are_asked_again() {
    let stage = stage("lee", "", "");
    let again = "Please type one of the numbers.\nDevice (1-3): ";
    let answers = [
        ("visible", CHOICE, Types("0")),
        ("visible", again, Types("4")),
        ("visible", again, Types(" 2 ")),
        ("visible", "\nOTP: ", Scans),
    ];
    assert_eq!(log_in(&stage, &answers).code(), "PAM_SUCCESS");

    let answers = [
        ("visible", CHOICE, Types("")),
        ("visible", again, Types("two")),
        ("visible", again, Types("18446744073709551617")),
    ];
    let login = log_in(&stage, &answers);
    login.assert_refused("PAM_MAXTRIES", "conversation");
    assert_eq!(
        stage.tenant.airlock_sessions(),
        1,
        "of which the flow is cleared"
    );
    assert_eq!(paths(&stage).last().unwrap(), "DELETE /flow/");
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
        let stage = stage(&format!("lee.devices-{list}"), "", "");
        let mut running = stage.start("sshd", &[]);
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
        // What was a token may have another name now, and so the phone it is.
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
        paths(&stage);
    }
}

/// Lines of printable ASCII.
fn is_harmless(prompt: &str) -> bool {
    let mut bytes = prompt.bytes();
    bytes.all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
}

#[test]
fn the_picture_is_drawn_as_configured() {
    for (lines, ascii) in [
        ("qr = \"unicode\"\nqr_background = \"light\"", false),
        ("qr = \"ascii\"", true),
        ("qr = \"ascii\"\nqr_background = \"light\"", true),
    ] {
        let stage = stage("token", "", &format!("[conversation]\n{lines}"));
        let (login, seen) = log_in_to("sshd", &stage, &[("visible", "\nOTP: ", Scans)]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{lines} {:#?}", login.events);
        assert_eq!(seen[0].is_ascii(), ascii, "{lines}");
    }
    let stage = stage("token", "", "[conversation]\nqr = \"none\"");
    let prompt = "The QR code is not shown here.\nOTP: ";
    let login = log_in(&stage, &[("visible", prompt, Types("000000"))]);
    assert_eq!(value(login.log(), "hint"), None);
}

/// Whatever the image, there is a question for the OTP, within the host's memory and time.
#[test]
fn an_image_that_cannot_be_drawn_still_leaves_the_question() {
    for image in Image::ALL.iter().copied() {
        let stage = stage(&format!("token.image-{image}"), "", "");
        let mut running = stage.start("sshd", &["memory=400"]);
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
    let stage = stage("otp", "", "");
    let (login, seen) = log_in_to("su", &stage, &[("visible", "OTP: ", Types(" A1b2C3 "))]);
    assert_eq!((login.code(), &*seen[0]), ("PAM_SUCCESS", "OTP: "));

    configure(&stage, "sms", "", "[conversation]\notp_echo = false");
    let (login, seen) = log_in_to("su", &stage, &[("hidden", "OTP: ", Types("482913"))]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    assert_eq!(
        seen[0],
        "A code was sent by SMS to +41 ** *** ** 12.\nOTP: "
    );
}

#[test]
fn a_phone_with_one_touch_is_waited_for() {
    let stage = stage("phone", "", "");
    let prompt = "Approve the request on your phone.\nPress Enter to go on: ";
    let login = log_in(&stage, &[("visible", prompt, Types(""))]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let (login, _) = log_in_to("login", &stage, &[]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(login.one("info").text, "Approve the request on your phone.");
    let polls = paths(&stage)
        .iter()
        .filter(|path| path.ends_with("/status/poll/"))
        .count();
    assert_eq!(polls, 6, "three for each login");

    configure(&stage, "phone-error", "", "");
    log_in_to("login", &stage, &[])
        .0
        .assert_refused("PAM_MAXTRIES", "refused");
    configure(&stage, "phone-never", "", "[wait]\nlogin_seconds = 2");
    let (login, _) = log_in_to("sudo", &stage, &[]);
    login.assert_refused("PAM_ABORT", "timed-out");
    assert_eq!(login.all("error"), ["No answer from the phone within 2 s."]);
    assert_eq!(paths(&stage).last().unwrap(), "DELETE /flow/");
}

#[test]
fn ctrl_c_ends_the_wait_for_a_phone() {
    let stage = stage("phone-never", "", "");
    let mut running = stage.start("sudo", &["block"]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    running.wait_for("info");
    let polled = |seen: &tenant::Seen| {
        let mut requests = seen.airlock_requests().iter();
        requests.any(|request| request.path.ends_with("/status/poll/"))
    };
    assert!(stage.tenant.wait_for(PATIENCE, polled));
    running.signal("INT");
    let login = running.finish();
    login.assert_refused("PAM_ABORT", "interrupted");
}

/// A login that comes to the module twice: first with a code, then, with these lines for
/// `[airlock]`, by SMS. And the second line of its stack.
fn stage_of_two(airlock: &str) -> (Stage, String) {
    let stage = stage("otp", "", "");
    write_config(&stage, "second.toml", "sms", airlock, "");
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

/// However often Airlock allows it.
#[test]
fn nobody_types_wrong_otps_for_ever() {
    let patient = tenant::User::new("patient").otp("A1b2C3").further_tries(20);
    let options = Options {
        airlock: Airlock::default().user(patient),
        ..Options::default()
    };
    let stage = Stage::with(options, "approve", "", "");
    configure(&stage, "patient", "", "");
    let answers: Vec<_> = (0..10)
        .map(|_| ("visible", "OTP: ", Types("wrong")))
        .collect();
    let login = log_in(&stage, &answers);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
    assert_eq!(login.all("visible").len(), 10, "{:#?}", login.events);
    assert_eq!(otps_checked(&stage), 10);
    assert_eq!(paths(&stage).last().unwrap(), "DELETE /flow/");
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
fn a_wrong_otp_is_asked_again_only_where_airlock_allows_it() {
    const AGAIN: &str = "That OTP was wrong. Try again.\nOTP: ";
    let stage = stage("token", "", "");
    let mut running = stage.start("sshd", &[]);
    converse(&mut running, &[("hidden", "Password: ", Types(PASSWORD))]);
    let picture = unescaped(&running.wait_for("visible").text);
    running.type_line(b"000000");
    // The same code, so nobody has to scan again.
    let again = unescaped(&running.wait_for("visible").text);
    assert_eq!(again, AGAIN);
    running.type_line(Token::new(SERIAL).read(&picture).unwrap().as_bytes());
    let login = running.finish();
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let pictures = paths(&stage)
        .iter()
        .filter(|path| path.ends_with("/challenge/retrieve/"))
        .count();
    assert_eq!(pictures, 1);

    let answers = [
        ("visible", "\nOTP: ", Types("000000")),
        ("visible", AGAIN, Types("000001")),
        ("visible", AGAIN, Types("000002")),
    ];
    let login = log_in(&stage, &answers);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
    assert_eq!(login.all("error"), ["Login refused."]);
    assert_eq!(otps_checked(&stage), 2 + 3);

    let stage = self::stage("otp.one-try", "", "");
    let login = log_in(&stage, &[("visible", "OTP: ", Types("wrong1"))]);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
    assert_eq!(otps_checked(&stage), 1);
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
        let stage = stage(account, "", "");
        let answers = [("visible", "OTP: ", Types("000000"))];
        let login = log_in(&stage, if at_otp { &answers } else { &[] });
        login.assert_refused("PAM_MAXTRIES", word);
        // Airlock's own word for "no such user, or a wrong password".
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
        let stage = stage(account, "", "");
        let login = log_in(&stage, &[]);
        login.assert_refused("PAM_MAXTRIES", "unsupported-step");
        assert!(login.log().contains(step), "{}", login.log());
        let said = format!("Login refused. Airlock wants a step that is not possible here: {step}");
        assert_eq!(login.all("error"), [said]);
        assert_eq!(paths(&stage).last().unwrap(), "DELETE /flow/");
    }
}

#[test]
fn what_cannot_be_an_otp_is_not_sent() {
    const AGAIN: &str = "That is no OTP. Try again.\nOTP: ";
    let long = "1".repeat(65);
    let stage = stage("otp", "", "");
    let answers = [
        ("visible", "OTP: ", Types("")),
        ("visible", AGAIN, Types(&long)),
        ("visible", AGAIN, Types("12\x1b[A34")),
    ];
    let login = log_in(&stage, &answers);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
    assert!(login.log().contains("was not sent"), "{}", login.log());
    let login = log_in(&stage, &[("visible", "OTP: ", Types(PASSWORD))]);
    login.assert_refused("PAM_MAXTRIES", "wrong-otp");
    assert_eq!(otps_checked(&stage), 0);
    // It has another try.
    let answers = [
        ("visible", "OTP: ", Types(" ")),
        ("visible", AGAIN, Types("A1b2C3")),
    ];
    assert_eq!(log_in(&stage, &answers).code(), "PAM_SUCCESS");
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

/// Nothing but the right answer is a success, wherever a wrong one comes.
#[test]
fn every_answer_but_the_right_one_is_a_refusal() {
    let all: Vec<(&str, &[_], Trouble)> = [
        // Here the password is all that is asked: a mistake would be a success.
        ("password-only.last", &[][..]),
        ("otp.password", &[]),
        ("otp.last", &[("visible", "OTP: ", Types("A1b2C3"))]),
    ]
    .into_iter()
    .flat_map(|(account, answers)| {
        let each = Trouble::ALL.iter();
        each.map(move |trouble| (account, answers, *trouble))
    })
    .collect();
    // Some take their time.
    thread::scope(|scope| {
        for some in all.chunks(all.len().div_ceil(8)) {
            scope.spawn(move || {
                for (account, answers, trouble) in some {
                    refused(account, answers, *trouble);
                }
            });
        }
    });
}

fn refused(account: &str, answers: &[(&str, &str, Answer<'_>)], trouble: Trouble) {
    let account = format!("{account}-{trouble}");
    let stage = stage(
        &account,
        "allow_password_only = true",
        "[wait]\nconnect_seconds = 2",
    );
    let login = log_in(&stage, answers);
    let words = match trouble {
        Trouble::Never | Trouble::Drip => &["timed-out"][..],
        Trouble::Endless => &["timed-out", "bad-answer"],
        Trouble::Error500 | Trouble::Unavailable503 | Trouble::Reset => &["unreachable"],
        Trouble::Cut => &["unreachable", "bad-answer"],
        Trouble::ErrorsToo | Trouble::ErrorsWith200 | Trouble::HostileError => {
            &["refused", "wrong-otp", "wrong-password", "bad-answer"]
        }
        Trouble::HostileStep => &["unsupported-step", "bad-answer"],
        _ => &["bad-answer"],
    };
    let logged = login.log().split_once(": ").unwrap().1;
    let word = logged.split(' ').next().unwrap();
    assert!(words.contains(&word), "{account}: {logged}");
    login.assert_refused("PAM_MAXTRIES", word);
    assert!(
        login.took() < Duration::from_secs(12),
        "{account}: {:#?}",
        login.events
    );
    assert!(!stage.tenant.redirect_followed());
    let said = login.all("error");
    assert!(
        said.iter()
            .all(|text| text.is_ascii() && !text.contains("\\x")),
        "{said:?}"
    );
}

#[test]
fn a_way_that_ends_before_the_first_request_is_told_from_one_after() {
    let ignore = "[wait]\nconnect_seconds = 1\n[policy]\non_unavailable = \"ignore\"";
    let stage = stage("otp", "", "[wait]\nconnect_seconds = 1");
    let here = stage.tenant.airlock_url();
    let there = format!("https://{}/auth/rest", nobody());
    for (rest, code) in [("", "PAM_AUTHINFO_UNAVAIL"), (ignore, "PAM_IGNORE")] {
        configure(&stage, "otp", "", rest);
        let text = std::fs::read_to_string(stage.path("pam_logonbox.toml")).unwrap();
        stage.write("pam_logonbox.toml", &text.replace(&here, &there));
        let login = log_in(&stage, &[]);
        login.assert_refused(code, "unreachable");
        assert_eq!(login.all("error"), ["The login service cannot be reached."]);
    }
    // From then on, nothing is ignored.
    for (trouble, word) in [
        ("reset", "unreachable"),
        ("500", "unreachable"),
        ("never", "timed-out"),
    ] {
        configure(&stage, &format!("otp.password-{trouble}"), "", ignore);
        let login = log_in(&stage, &[]);
        login.assert_refused("PAM_MAXTRIES", word);
        assert_eq!(login.all("error"), ["The login service cannot be reached."]);
    }
}

/// With `debug`, every line that the module logs.
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
        let stage = stage(account, "", "");
        stage.service("sshd", "debug");
        let login = log_in(&stage, answers);
        let log = login.all("log").concat();
        assert!(
            login.all("log").len() > 4 && log.contains("debug message="),
            "{log}"
        );
        let mut secrets: BTreeSet<String> = [PASSWORD, "wr0ng-one"].map(str::to_owned).into();
        secrets.extend(OTPS.map(str::to_owned));
        for request in stage.tenant.airlock_requests() {
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
    let stage = stage("otp", "", "");
    let mut running = stage.start("login", &["rename=daemon"]);
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

#[test]
fn many_logins_in_one_process_leave_nothing_behind() {
    let stage = stage("password-only", "allow_password_only = true", "");
    let login = stage.login("login", &["times=200", "types=correct-horse"]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let counts = |kind: &str| -> Vec<String> {
        let all = login.all(kind).into_iter();
        all.map(|line| line.split(" kilobytes=").next().unwrap().to_owned())
            .collect()
    };
    let before = counts("before");
    assert_eq!(counts("state"), [&*before[0], &before[0]]);
    assert_eq!(stage.tenant.airlock_sessions(), 0);
}
