//! `code = "type"`: the terminal asks for the code that only the phone shows. A login needs the
//! signature and the code.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use tenant::{Account, Listing, Options, Press};

use crate::setup::{
    Login, PROMPTLY, Running, SHOWN, Setup, TIMEOUT, TYPE_THE_CODE, USER, unused_address, value,
};

const WRONG: &str = "The code is wrong. Login refused.";
const UNKNOWN: &str = "no-such-user";

/// Makes the answer from the right code.
type Typed = fn(&str) -> String;

fn setup(account: &str, rest: &str) -> Setup {
    Setup::with(Options::default(), account, "", rest)
}

/// Runs `each` for all rows at once, because these logins are held for some seconds.
fn at_once<R: Sync>(rows: &[R], each: impl Fn(&R) + Sync) {
    thread::scope(|scope| {
        for row in rows {
            scope.spawn(|| each(row));
        }
    });
}

/// The user types this when the phone rings.
fn typing(setup: &Setup, options: &[&str], typed: impl Fn(&str) -> String) -> Login {
    let mut running = setup.start("login", options);
    let code = running.code();
    running.type_line(typed(&code).as_bytes());
    running.finish()
}

/// Another code.
fn other(code: &str) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}

/// The number of attempts that are counted.
fn counted(setup: &Setup) -> usize {
    std::fs::read_dir(setup.path("run")).map_or(0, Iterator::count)
}

/// The time from the answer that the user gave last, as far as the host's clock shows it.
fn assert_held(login: &Login) {
    let held = Duration::from_millis(login.one("error").at - login.one("visible").at);
    assert!(held > Duration::from_millis(1900), "{:#?}", login.events);
    assert!(held < PROMPTLY, "{:#?}", login.events);
}

/// A hold takes 2 s or more. A busy machine may be late, but not every time.
fn assert_not_held(run: impl Fn() -> Login) {
    let is_short = |_| {
        let login = run();
        let results = login.events.iter().find(|event| event.kind == "result");
        results.unwrap().at - login.events[0].at < 1900
    };
    assert!((0..5).any(is_short), "held");
}

fn reason(login: &Login) -> &str {
    value(login.log(), "reason").unwrap_or("")
}

#[test]
fn the_right_code_may_be_typed_before_the_approval_and_after_it() {
    let rows: [(bool, Typed); 4] = [
        (true, str::to_owned),
        (false, str::to_owned),
        (true, |code| format!(" {} {} ", &code[..3], &code[3..])),
        (false, |code| format!("{}-{}", &code[..3], &code[3..])),
    ];
    for (before, write) in rows {
        let setup = Setup::new("page");
        let mut running = setup.start("login", &[]);
        assert!(setup.tenant.wait_for_waiting(1, TIMEOUT));
        let code = write(&running.code());
        let approve = || {
            assert!(
                setup
                    .tenant
                    .answer(setup.tenant.waiting()[0].id, Press::Authorize)
            );
        };
        if before {
            running.type_line(code.as_bytes());
            // The code waits for the signature.
            thread::sleep(Duration::from_millis(300));
            assert!(running.child.try_wait().unwrap().is_none());
            approve();
        } else {
            approve();
            thread::sleep(Duration::from_millis(300));
            assert!(running.child.try_wait().unwrap().is_none());
            running.type_line(code.as_bytes());
        }
        let login = running.finish();
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        assert_eq!(login.screen(), [TYPE_THE_CODE]);
        assert_eq!(counted(&setup), 0, "a success resets the count");
    }
}

#[test]
fn a_wrong_code_is_refused_after_a_hold() {
    let rows: [(&str, Typed); 8] = [
        ("another", other),
        ("five digits", |code| code[..5].to_owned()),
        ("seven digits", |code| format!("{code}0")),
        ("twice", |code| format!("{code}{code}")),
        ("500 characters", |_| "1".repeat(500)),
        ("the right one at the end of 500", |code| {
            format!("{code:0>500}")
        }),
        ("not ASCII", |code| format!("\u{ff10}{}", &code[1..])),
        ("escape codes", |code| format!("\x1b[2J{code}")),
    ];
    at_once(&rows, |(name, typed)| {
        let setup = Setup::new("never.ed25519");
        let login = typing(&setup, &[], typed);
        login.assert_refused("PAM_MAXTRIES", "wrong-code");
        assert_eq!(reason(&login), "the phone had not approved", "{name}");
        assert_eq!(login.screen(), [TYPE_THE_CODE, WRONG], "{name}");
        assert_held(&login);
        assert_eq!((login.ringing().len(), setup.pushes()), (1, 1));
        assert_eq!(counted(&setup), 1);
        // authpriv.warning
        assert!(
            login.all("log")[1].starts_with("<84>"),
            "{:#?}",
            login.events
        );
        // The push is given up.
        assert!(setup.tenant.wait_for(TIMEOUT, |seen| seen.open == 0));
    });
}

#[test]
fn an_empty_answer_is_a_refusal() {
    let rows = [
        (
            "never.ed25519",
            "[wait]\nlogin_seconds = 45",
            "wrong-code",
            "Login refused.",
        ),
        ("approve", "", "wrong-code", "Login refused."),
        ("decline", "", "declined", "Login denied on the phone."),
    ];
    at_once(&rows, |(account, rest, word, said)| {
        let setup = setup(account, rest);
        // Blanks and hyphens are ignored.
        let typed = if *account == "approve" { " - " } else { "" };
        let login = typing(&setup, &[], |_| typed.to_owned());
        login.assert_refused("PAM_MAXTRIES", word);
        assert_eq!(login.screen(), [TYPE_THE_CODE, said]);
        assert_held(&login);
        if *word == "wrong-code" {
            let phone = if *account == "approve" {
                "approved"
            } else {
                "not approved"
            };
            assert_eq!(
                reason(&login),
                format!("no code was typed; the phone had {phone}")
            );
        }
    });
}

#[test]
fn an_answer_that_no_user_can_have_typed_rings_no_phone() {
    for user in [USER, UNKNOWN] {
        let setup = Setup::new("approve");
        let login = setup
            .start_as(user, "login", &["types=123456"], &[])
            .finish();
        let word = if user == USER {
            "wrong-code"
        } else {
            "unknown-user"
        };
        login.assert_refused("PAM_MAXTRIES", word);
        assert_eq!(login.screen(), [TYPE_THE_CODE, WRONG]);
        assert_held(&login);
        if user == USER {
            assert_eq!(reason(&login), "no push was sent");
        }
        assert_eq!((setup.pushes(), counted(&setup)), (0, 0));
        assert_eq!(login.ringing(), [""; 0]);
    }
}

#[test]
fn a_conversation_that_fails_at_once_rings_no_phone() {
    for user in [USER, UNKNOWN] {
        let setup = Setup::new("approve");
        for answers in ["none", "null", "nothing", "nobody", "password"] {
            assert_not_held(|| {
                let answers = format!("answers={answers}");
                let options = [&*answers, "types=x"];
                let login = setup.start_as(user, "login", &options, &[]).finish();
                assert_nothing_sent(&login);
                login
            });
        }
        // Enter, at once.
        assert_not_held(|| {
            let login = setup.start_as(user, "login", &["types="], &[]).finish();
            assert_nothing_sent(&login);
            login
        });
        // A closed standard input.
        assert_not_held(|| {
            let command = setup.command(user, "login", &[], &[]);
            let login = Running::with_stdin(command, Stdio::null()).finish();
            assert_nothing_sent(&login);
            login
        });
        assert_eq!((setup.pushes(), counted(&setup)), (0, 0));
    }
    // sshd's password method.
    let setup = Setup::new("approve");
    let login = setup.login("sshd", &["answers=password"]);
    assert_nothing_sent(&login);
    let hint = value(login.log(), "hint").unwrap_or("");
    assert!(hint.contains("keyboard-interactive"), "{}", login.log());
}

fn assert_nothing_sent(login: &Login) {
    login.assert_refused("PAM_CONV_ERR", "conversation");
    assert_eq!(login.ringing(), [""; 0]);
}

#[test]
fn a_conversation_that_fails_later_is_a_refusal() {
    at_once(&[USER, UNKNOWN], |user| {
        let setup = Setup::new("never.ed25519");
        let mut running = setup.start_as(user, "login", &[], &[]);
        running.wait_for("visible");
        let word = if *user == USER {
            running.code();
            "conversation"
        } else {
            thread::sleep(Duration::from_millis(400));
            "unknown-user"
        };
        running.hang_up();
        let login = running.finish();
        login.assert_refused("PAM_MAXTRIES", word);
        assert_eq!(login.screen(), [TYPE_THE_CODE, "Login refused."]);
        assert_held(&login);
        if *user == USER {
            assert_eq!(
                reason(&login),
                "the person broke off; the phone had not approved"
            );
            assert_eq!(counted(&setup), 1);
        }
    });
}

#[test]
fn users_whose_phone_does_not_ring_see_the_same() {
    let keyless = Account::new("keyless").listing(Listing::None);
    let rows = [
        (UNKNOWN, "approve", "unknown-user"),
        (USER, "nobody-here", "no-account"),
        (USER, "keyless", "no-key"),
        (USER, "never.ed25519", "limit"),
        (USER, "never.ed25519", "wrong-code"),
    ];
    at_once(&rows, |(user, account, word)| {
        let mut options = Options::default();
        if *account == "keyless" {
            options.accounts = [keyless.clone()].into_iter().collect();
        }
        let rest = "[policy]\nfailed_attempts_per_10_minutes = 1";
        let setup = Setup::with(options, account, "", rest);
        if *word == "limit" {
            typing(&setup, &[], |_| "wrong".to_owned());
        }
        let before = setup.pushes();
        let mut running = setup.start_as(user, "sshd", &[], &[]);
        let asked = Instant::now();
        running.wait_for("visible");
        if *word == "wrong-code" {
            running.code();
        }
        thread::sleep(Duration::from_millis(500).saturating_sub(asked.elapsed()));
        running.type_line(b"000 00");
        let answered = Instant::now();
        let login = running.finish();
        login.assert_refused("PAM_MAXTRIES", word);
        assert_eq!(login.screen(), [TYPE_THE_CODE, WRONG], "{word}");
        assert!(answered.elapsed() > Duration::from_secs(2), "{word}");
        assert!(answered.elapsed() < PROMPTLY, "{word}");
        let pushes = usize::from(*word == "wrong-code");
        assert_eq!(setup.pushes() - before, pushes, "{word}");
        assert_eq!(login.ringing().len(), pushes, "{word}");
    });
}

/// Somebody who approves a stranger's request does not open the door, and does not reset the count.
#[test]
fn an_approval_with_a_wrong_code_is_logged_and_counts() {
    let setup = Setup::new("approve");
    let mut running: Vec<Running> = (0..6).map(|_| setup.start("login", &[])).collect();
    assert!(setup.tenant.wait_for_sign_requests(6, TIMEOUT));
    for login in &mut running {
        login.type_line(b"wrong");
    }
    for login in running {
        let login = login.finish();
        login.assert_refused("PAM_MAXTRIES", "wrong-code");
        assert_eq!(reason(&login), "the phone had approved");
        assert_eq!(login.screen(), [TYPE_THE_CODE, WRONG]);
    }
    assert_eq!(counted(&setup), 6);
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_MAXTRIES", "limit");
    assert_eq!(setup.pushes(), 6);
}

#[test]
fn of_ten_logins_at_once_six_ring() {
    let setup = Setup::new("never.ed25519");
    let mut running: Vec<Running> = (0..10).map(|_| setup.start("login", &[])).collect();
    assert!(setup.tenant.wait_for_sign_requests(6, TIMEOUT));
    // The thread of a login over the limit ends.
    for login in &mut running {
        login.wait_for("visible");
    }
    let deadline = Instant::now() + TIMEOUT;
    while running.iter().filter(|login| login.threads() > 1).count() != 6 {
        assert!(Instant::now() < deadline, "not six logins wait");
        thread::sleep(Duration::from_millis(10));
    }
    for login in &mut running {
        login.type_line(b"wrong");
    }
    let mut words = Vec::new();
    for login in running {
        let login = login.finish();
        assert_eq!(login.code(), "PAM_MAXTRIES");
        assert_eq!(login.screen(), [TYPE_THE_CODE, WRONG]);
        let (_, logged) = login.log().split_once(": ").unwrap();
        let word = logged.split(' ').next().unwrap().to_owned();
        assert_eq!(login.ringing().len(), usize::from(word == "wrong-code"));
        words.push(word);
    }
    words.sort();
    assert_eq!(words.concat(), "limit".repeat(4) + &"wrong-code".repeat(6));
    assert_eq!(setup.pushes(), 6);
}

#[test]
fn every_login_has_another_code() {
    let setup = setup(
        "never.ed25519",
        "[policy]\nfailed_attempts_per_10_minutes = 0\nfailed_attempts_in_a_row = 0",
    );
    let running: Vec<Running> = (0..20).map(|_| setup.start("login", &[])).collect();
    assert!(setup.tenant.wait_for_sign_requests(20, TIMEOUT));
    for mut login in running {
        login.child.kill().unwrap();
        login.child.wait().unwrap();
    }
    let pushes = setup.tenant.sign_requests();
    let codes: BTreeSet<String> = pushes
        .iter()
        .filter_map(tenant::SignRequest::code)
        .collect();
    // Two of 20 are the same in one of 5,000 runs.
    assert!(codes.len() >= 19, "{codes:?}");
    assert!(codes.iter().all(|code| code.len() == 6), "{codes:?}");
}

#[test]
fn the_code_is_neither_on_the_terminal_nor_in_a_log() {
    for account in ["approve", "decline", "wrong-key", "never.ed25519"] {
        let both: [(Typed, bool); 2] = [(str::to_owned, true), (other, false)];
        for (typed, is_right) in both {
            let setup = setup(account, "[wait]\nlogin_seconds = 2");
            setup.service("login", "debug");
            let login = typing(&setup, &["rhost=192.0.2.7"], typed);
            assert_eq!(
                login.code() == "PAM_SUCCESS",
                account == "approve" && is_right
            );
            let code = setup.tenant.sign_requests()[0].code().unwrap();
            let lines = [login.all("log"), login.screen()].concat();
            assert!(lines.len() > 3, "{lines:?}");
            for line in lines {
                assert!(!line.contains(&code), "{code}: {line}");
                assert!(!line.contains(&typed(&code)), "{code}: {line}");
            }
        }
    }
}

#[test]
fn a_phone_that_declines_decides_over_the_right_code() {
    let rows: [(&str, &str, &str); 2] = [
        ("right", "declined", "Login denied on the phone."),
        ("wrong", "wrong-code", WRONG),
    ];
    at_once(&rows, |(typed, word, said)| {
        let setup = Setup::new("decline");
        let login = typing(&setup, &[], |code| match *typed {
            "right" => code.to_owned(),
            wrong => wrong.to_owned(),
        });
        login.assert_refused("PAM_MAXTRIES", word);
        assert_eq!(login.screen(), [TYPE_THE_CODE, said]);
        if *word == "wrong-code" {
            assert_eq!(reason(&login), "the phone had declined");
        }
    });
}

#[test]
fn a_phone_that_does_not_answer_is_waited_for_in_vain() {
    let said = "No answer from the phone within 1 s.";
    let setup = setup("never.ed25519", "[wait]\nlogin_seconds = 1");
    let login = typing(&setup, &[], str::to_owned);
    login.assert_refused("PAM_MAXTRIES", "timed-out");
    assert_eq!(login.screen(), [TYPE_THE_CODE, said]);

    // Enter after that time. Unknown users see the same.
    at_once(
        &[(USER, "timed-out"), (UNKNOWN, "unknown-user")],
        |(user, word)| {
            let setup = self::setup("never.ed25519", "[wait]\nlogin_seconds = 1");
            let mut running = setup.start_as(user, "login", &[], &[]);
            running.wait_for("visible");
            if *user == USER {
                running.code();
                assert!(setup.tenant.wait_for(TIMEOUT, |seen| seen.open == 0));
            }
            thread::sleep(Duration::from_millis(1500));
            running.type_line(b"");
            let login = running.finish();
            login.assert_refused("PAM_MAXTRIES", word);
            assert_eq!(login.screen(), [TYPE_THE_CODE, said]);
        },
    );
}

#[test]
fn the_code_is_hidden_if_the_configuration_says_so() {
    let hidden = "[conversation]\necho = false";
    let setup = setup("approve", hidden);
    let login = setup.login("login", &[]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(login.one("hidden").text, TYPE_THE_CODE);
    assert_eq!(login.all("visible"), [""; 0]);
    // Some hosts send the password to each hidden prompt, at once.
    let login = setup.login("login", &["types=hunter2"]);
    assert_nothing_sent(&login);
    assert!(!login.log().contains("hunter2"));
    assert_eq!(setup.pushes(), 1);
}

/// The line is in the log before the push leaves. It stays if the caller kills the program.
#[test]
fn a_killed_login_has_logged_that_the_phone_rang() {
    let setup = Setup::new("never.ed25519");
    let path = setup.path("log");
    let log = UnixDatagram::bind(&path).unwrap();
    log.set_nonblocking(true).unwrap();
    let mut running = setup.start("su", &[&format!("log={}", path.display())]);
    running.code();
    let mut line = [0; 2000];
    let length = log.recv(&mut line).expect("a line before the push");
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    let line = String::from_utf8_lossy(&line[..length]);
    // authpriv.info
    assert!(line.starts_with("<86>"), "{line}");
    assert!(
        line.contains("pam_logonbox(su:auth): ringing user=\"root\" account="),
        "{line}"
    );
    let push = &setup.tenant.sign_requests()[0];
    assert_eq!(value(&line, "key"), Some(&*push.fingerprint));
    assert!(!line.contains(&push.code().unwrap()));
    assert!(log.recv(&mut [0; 2000]).is_err(), "no other line");
}

/// A host that cannot ask says so sooner.
#[test]
fn the_push_leaves_250_ms_after_the_prompt() {
    let gaps: Vec<u128> = (0..3)
        .map(|_| {
            let setup = Setup::new("approve.ed25519");
            let mut running = setup.start("login", &["monotonic"]);
            let prompt = u128::from(running.wait_for("visible").at);
            let login = running.finish();
            assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
            let push = setup.tenant.sign_requests()[0].at;
            let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
            let since_boot = Duration::from(now).saturating_sub(push.elapsed());
            since_boot.as_millis() - prompt
        })
        .collect();
    println!("{gaps:?} ms");
    // The module starts to wait right before the prompt. A busy machine may show that late.
    assert!(gaps.iter().all(|gap| *gap >= 150), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap >= 250), "{gaps:?}");
}

#[test]
fn a_service_can_have_settings_of_its_own() {
    let rest = "[service.su.conversation]\ncode = \"show\"\nannounce = \"info\"\n\
                [service.su.logonbox]\nprompt = \"su: {account}\"\nbutton = \"Become\"\n\
                [service.sudo.conversation]\necho = false\n\
                [service.sudo.wait]\nlogin_seconds = 2\n\
                [service.login.policy]\non_unavailable = \"ignore\"\n\
                [service.i3lock]\nmode = \"airlock\"\n\
                [service.i3lock.airlock]\nurl = \"https://localhost:1/auth/rest\"\n";
    let setup = setup("approve", rest);
    let login = setup.login("su", &[]);
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert!(login.one("info").text.starts_with(SHOWN));
    let push = setup.tenant.sign_requests().remove(0);
    assert_eq!(
        (&*push.text, &*push.authorize_text),
        ("su: approve", "Become")
    );

    for (service, kind) in [("sshd", "visible"), ("su-l", "visible"), ("sudo", "hidden")] {
        let login = setup.login(service, &[]);
        assert_eq!(
            login.code(),
            "PAM_SUCCESS",
            "{service}: {:#?}",
            login.events
        );
        assert_eq!(login.one(kind).text, TYPE_THE_CODE);
        assert_eq!(
            setup.tenant.sign_requests().pop().unwrap().authorize_text,
            "Authorize"
        );
    }

    setup.service("i3lock", "");
    let login = setup.login("i3lock", &[]);
    assert_eq!(login.one("hidden").text, "Password: ");

    setup.configure(setup.tenant.authority(), "never.ed25519", "", rest);
    let login = setup.login("sudo", &[]);
    login.assert_refused("PAM_ABORT", "timed-out");
    assert_eq!(login.all("error"), ["No answer from the phone within 2 s."]);

    setup.configure(&unused_address(), "approve", "", rest);
    assert_eq!(setup.login("login", &[]).code(), "PAM_IGNORE");
    assert_eq!(setup.login("sshd", &[]).code(), "PAM_AUTHINFO_UNAVAIL");

    // No other service may decide who gets in.
    let key = "[service.su.logonbox]\npins = \"off\"\n";
    setup.configure(setup.tenant.authority(), "approve", "", key);
    for service in ["su", "sshd"] {
        let login = setup.login(service, &[]);
        login.assert_refused("PAM_SERVICE_ERR", "configuration");
    }
}

/// Ctrl-C at the prompt is the host's. After the code, it ends the wait.
#[test]
fn ctrl_c_after_the_code_ends_the_wait() {
    let setup = Setup::new("never.ed25519");
    let mut running = setup.start("sudo", &["block"]);
    let code = running.code();
    running.type_line(code.as_bytes());
    running.signal("INT");
    let login = running.finish();
    login.assert_refused("PAM_ABORT", "interrupted");
    assert_eq!(login.ringing().len(), 1);
    assert_eq!(setup.pushes(), 1);
}
