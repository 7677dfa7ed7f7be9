//! A push, from libpam to the phone and back: the screen, the phone, the result and the log.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

use crate::setup::{PROMPTLY, SHOWN, Setup, TIMEOUT, TYPE_THE_CODE, USER, unused_address, value};
use tenant::{Account, Accounts, KeyType, Listing, Options, Phone, Press};

#[test]
fn an_approved_push_is_a_login() {
    let setup = Setup::new("approve");
    let login = setup.login("login", &["rhost=192.0.2.7"]);

    assert_eq!(login.code(), "PAM_SUCCESS");
    assert_eq!(login.one("setcred").text, "PAM_SUCCESS");
    assert_eq!(login.one("visible").text, TYPE_THE_CODE);
    assert_eq!(login.screen().len(), 1, "{:?}", login.screen());

    let asked = setup.tenant.sign_requests();
    assert_eq!(asked.len(), 1);
    let code = asked[0].code().unwrap();
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(asked[0].problem, None);
    assert_eq!(asked[0].username, "approve");
    assert_eq!(asked[0].payload.len(), 128);
    assert_eq!(asked[0].authorize_text, "Authorize");
    let hostname = asked[0].remote_name.clone();
    assert_eq!(
        asked[0].text,
        format!("approve wants to log in to {hostname} (login) from 192.0.2.7. Code: {code}"),
    );

    let log = login.log();
    let ringing = login.ringing()[0];
    for (line, word) in [(ringing, "ringing"), (log, "approved")] {
        let begins = format!(
            "pam_logonbox(login:auth): {word} user=\"{USER}\" account=\"approve\" \
             rhost=\"192.0.2.7\" device=\"LogonBox Key\" key=\""
        );
        assert!(line.starts_with(&begins), "{line}");
        assert_eq!(value(line, "key"), Some(&*asked[0].fingerprint));
    }
    // authpriv.info
    assert!(login.all("log")[0].starts_with("<86>"), "{ringing}");
    assert!(value(log, "seconds").is_some_and(|seconds| seconds.contains('.')));
}

#[test]
fn both_requests_use_one_connection_and_every_push_its_own_payload() {
    let setup = Setup::new("approve");
    setup.login("login", &[]);
    setup.login("login", &[]);
    let keys = setup.tenant.key_requests();
    let signs = setup.tenant.sign_requests();
    assert_eq!((keys.len(), signs.len()), (2, 2));
    assert_eq!(keys[0].connection, signs[0].connection);
    assert_eq!(setup.tenant.connections(), 2, "one for each login");
    assert_ne!(signs[0].payload, signs[1].payload);
}

#[test]
fn a_declined_push_says_so_and_is_not_tried_again() {
    for (service, code) in [
        ("login", "PAM_MAXTRIES"),
        ("sshd", "PAM_MAXTRIES"),
        ("su", "PAM_MAXTRIES"),
        ("sudo", "PAM_ABORT"),
        ("sudo-i", "PAM_ABORT"),
    ] {
        let setup = Setup::new("decline");
        let login = setup.login(service, &[]);
        login.assert_refused(code, "declined");
        assert_eq!(login.all("error"), ["Login denied on the phone."]);
        assert_eq!(setup.pushes(), 1);
    }
}

#[test]
fn a_code_that_is_shown_is_on_both_screens() {
    let setup = showing("approve", "");
    let login = setup.login("login", &["rhost=192.0.2.7"]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    let code = login.one("info").text.strip_prefix(SHOWN).unwrap();
    assert!(code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(login.screen().len(), 1, "{:?}", login.screen());
    let asked = setup.tenant.sign_requests();
    assert!(asked[0].text.ends_with(&format!(". Code: {code}")));
    assert_eq!(login.ringing().len(), 1);
}

fn showing(account: &str, rest: &str) -> Setup {
    Setup::showing(Options::default(), account, "", rest)
}

#[test]
fn sshd_announces_in_a_prompt_and_rings_only_after_enter() {
    let setup = showing("approve", "");
    let mut running = setup.start("sshd", &["rhost=192.0.2.7"]);
    let prompt = running.wait_for("visible").text;
    assert!(
        prompt.starts_with(SHOWN) && prompt.ends_with("\\x0aPress Enter to send it: "),
        "{prompt}"
    );
    // The keys are fetched while the user reads. The phone does not ring yet.
    assert!(setup.tenant.wait_for_key_requests(1, TIMEOUT));
    assert_eq!(setup.pushes(), 0);
    running.type_line(b"");
    let login = running.finish();
    assert_eq!(login.code(), "PAM_SUCCESS");
    assert_eq!(login.screen().len(), 1, "{:?}", login.screen());
}

#[test]
fn where_sshd_refuses_visible_prompts_the_push_goes_out_all_the_same() {
    let setup = showing("approve", "");
    let login = setup.login("sshd", &["answers=password"]);
    assert_eq!(login.code(), "PAM_SUCCESS");
    assert!(login.one("info").text.starts_with(SHOWN));
    assert!(
        login.log().contains("keyboard-interactive"),
        "{}",
        login.log()
    );

    // Only with `auto`, and only in sshd: elsewhere a failed prompt ends the login.
    let setup = showing("approve", "[conversation]\nannounce = \"enter\"");
    for service in ["sshd", "login"] {
        let login = setup.login(service, &["answers=password"]);
        login.assert_refused("PAM_CONV_ERR", "conversation");
    }
    assert_eq!(setup.pushes(), 0);
}

#[test]
fn a_prompt_without_an_answer_rings_nobody() {
    let setup = showing("approve", "[conversation]\nannounce = \"enter\"");
    for answers in ["answers=none", "answers=null"] {
        let login = setup.login("login", &[answers]);
        login.assert_refused("PAM_CONV_ERR", "conversation");
    }
    assert_eq!(setup.pushes(), 0);
}

#[test]
fn what_is_typed_at_the_announcement_does_not_matter() {
    for typed in [&b"hunter2"[..], b"\xff\xfe\x1b[2J", &b"x".repeat(100_000)] {
        let setup = showing("approve", "");
        let mut running = setup.start("sshd", &[]);
        running.wait_for("visible");
        running.type_line(typed);
        let login = running.finish();
        assert_eq!(login.code(), "PAM_SUCCESS");
        assert!(!login.log().contains("hunter2"));
    }
}

#[test]
fn every_announce_mode_shows_what_it_says() {
    for (announce, options, expected) in [
        ("info", &[][..], &["info"][..]),
        ("enter", &[], &["visible"]),
        ("none", &[], &[]),
        // PAM_SILENT suppresses messages, but not prompts.
        ("info", &["silent"], &[]),
        ("enter", &["silent"], &["visible"]),
        // A host that rejects messages must not fail the login.
        ("info", &["silence"], &["info"]),
    ] {
        let more = format!("[conversation]\nannounce = {announce:?}");
        let setup = showing("approve", &more);
        let login = setup.login("sshd", options);
        assert_eq!(login.code(), "PAM_SUCCESS");
        let shown: Vec<_> = login
            .events
            .iter()
            .filter(|event| event.text.starts_with(SHOWN))
            .map(|event| event.kind.as_str())
            .collect();
        assert_eq!(shown, expected, "{announce} {options:?}");
    }
}

#[test]
fn silence_also_covers_the_refusal() {
    let setup = Setup::new("decline");
    let login = setup.login("login", &["silent"]);
    login.assert_refused("PAM_MAXTRIES", "declined");
    assert_eq!(login.screen(), [TYPE_THE_CODE], "a prompt is no message");

    // With `announce = "auto"`, the code that is shown must be seen: it is in a prompt, too.
    let setup = showing("decline", "");
    let login = setup.login("login", &["silent"]);
    login.assert_refused("PAM_MAXTRIES", "declined");
    assert!(login.one("visible").text.starts_with(SHOWN));
    assert_eq!(login.screen().len(), 1);
}

#[test]
fn the_texts_are_filled_in_and_made_harmless() {
    let more = r#"
        remote_name = "{hostname}/{service}"
        prompt = "{user}|{account}|{tenant}|{rhost}|{tty}|Code: {code}"
        button = "Let {user} in"
    "#;
    let setup = Setup::with(Options::default(), "approve", more, "");
    setup.login("su", &["rhost={user}\u{202e}\x1b[2J", "tty=pts/3"]);
    setup.login("su", &["tty=pts/3"]);
    setup.login("su", &[]);
    let asked = setup.tenant.sign_requests();
    let text = |n: usize| asked[n].text.rsplit_once('|').unwrap().0.to_owned();
    assert_eq!(text(0), "root|approve|localhost|{user}??[2J|pts/3");
    assert_eq!(text(1), "root|approve|localhost|pts/3|pts/3");
    assert_eq!(text(2), "root|approve|localhost|this machine|no terminal");
    assert!(asked[0].remote_name.ends_with("/su"));
    assert_eq!(asked[0].authorize_text, "Let root in");
}

#[test]
fn the_account_is_made_from_the_user_and_reaches_the_tenant_as_it_is() {
    let account = "o'neil/../50%+?#&=\u{fc}@acme";
    let accounts = Accounts::from_iter([Account::new(account)]);
    let options = Options {
        accounts,
        ..Options::default()
    };
    let setup = Setup::with(options, account, "", "");
    assert_eq!(setup.login("login", &[]).code(), "PAM_SUCCESS");
    assert_eq!(setup.tenant.key_requests()[0].principal, account);
    assert_eq!(setup.tenant.sign_requests()[0].username, account);

    let options = Options {
        accounts: Accounts::from_iter([Account::new("root@acme.example")]),
        ..Options::default()
    };
    let setup = Setup::with(options, "{user}@acme.example", "", "");
    assert_eq!(setup.login("login", &[]).code(), "PAM_SUCCESS");
}

#[test]
fn accounts_that_would_walk_up_the_path_do_not_exist() {
    for account in [".", ".."] {
        let setup = Setup::new(account);
        let login = setup.login("login", &[]);
        login.assert_refused("PAM_MAXTRIES", "no-account");
        assert_eq!(setup.tenant.requests().len(), 0);
    }
}

fn two_phones() -> Options {
    let phones = [
        Phone::new("Old phone", KeyType::Rsa),
        Phone::new("Pixel 8", KeyType::Ed25519),
    ];
    Options {
        accounts: Accounts::from_iter([Account::new("approve").phones(phones)]),
        ..Options::default()
    }
}

#[test]
fn the_best_allowed_key_is_asked_unless_a_device_is_named() {
    for (more, device) in [
        ("", "Pixel 8"),
        ("algorithms = [\"ssh-ed25519\"]", "Pixel 8"),
        ("algorithms = [\"ssh-rsa\"]", "Old phone"),
        ("device = \"Pixel 8\"", "Pixel 8"),
    ] {
        let setup = Setup::with(two_phones(), "approve", more, "");
        let login = setup.login("login", &[]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{more}");
        assert_eq!(value(login.log(), "device"), Some(device), "{more}");
        let named = more.starts_with("device");
        let prompt = &login.one("visible").text;
        assert_eq!(
            prompt.starts_with("Approve the request on your phone on Pixel 8, then type"),
            named,
            "{prompt}"
        );
    }
    for more in [
        "device = \"Pixel 9\"",
        "device = \"Old phone\"\nalgorithms = [\"ssh-ed25519\"]",
    ] {
        let setup = Setup::with(two_phones(), "approve", more, "");
        let login = setup.login("login", &[]);
        login.assert_refused("PAM_MAXTRIES", "no-key");
        assert_eq!(setup.pushes(), 0);
    }
}

#[test]
fn nobody_learns_whether_a_name_is_known() {
    // Unknown to the system, unknown to the tenant, known without a key.
    let setup = Setup::new("approve");
    let login = setup.start_as("no-such-user", "sshd", &[], &[]).finish();
    login.assert_refused("PAM_MAXTRIES", "unknown-user");
    assert_eq!(setup.tenant.connections(), 0, "the tenant is not asked");
    assert_refused_after_a_hold(&login);

    for (account, word) in [("nobody-here", "no-account"), ("keyless", "no-key")] {
        let keyless = Account::new("keyless").listing(Listing::None);
        let options = Options {
            accounts: Accounts::from_iter([keyless]),
            ..Options::default()
        };
        let setup = Setup::with(options, account, "", "");
        let login = setup.login("sshd", &[]);
        login.assert_refused("PAM_MAXTRIES", word);
        assert_eq!(setup.pushes(), 0);
        assert_refused_after_a_hold(&login);
    }
}

pub fn assert_refused_after_a_hold(login: &crate::setup::Login) {
    let screen = login.screen();
    assert_eq!(screen.len(), 2, "{screen:?}");
    assert_eq!(screen[0], TYPE_THE_CODE);
    assert_eq!(screen[1], "Login refused.");
    let (shown, refused) = (login.one("visible").at, login.one("error").at);
    let held = Duration::from_millis(refused - shown);
    assert!(
        (Duration::from_millis(1900)..PROMPTLY).contains(&held),
        "{held:?}"
    );
}

#[test]
fn a_user_name_that_is_no_name_is_unknown() {
    let setup = Setup::with(Options::default(), "{user}", "", "");
    let long = "x".repeat(10_000);
    let names = ["", "../approve", "{user}", "a\nb", "\u{202e}root", &long];
    // In parallel, because each login is held for some seconds.
    std::thread::scope(|scope| {
        for name in names {
            let setup = &setup;
            scope.spawn(move || {
                let login = setup.start_as(name, "login", &[], &[]).finish();
                login.assert_refused("PAM_MAXTRIES", "unknown-user");
            });
        }
    });
    assert_eq!(setup.tenant.connections(), 0);
}

#[test]
fn a_host_that_changes_the_user_on_the_way_gets_nothing() {
    let setup = Setup::new("approve");
    let login = setup.login("sshd", &["rename=daemon"]);
    login.assert_refused("PAM_MAXTRIES", "conversation");
    // The same if the tenant is unavailable.
    let rest = "[policy]\non_unavailable = \"ignore\"";
    setup.configure(&unused_address(), "approve", "", rest);
    let login = setup.login("sshd", &["rename=daemon"]);
    login.assert_refused("PAM_CONV_ERR", "conversation");
    assert_eq!(setup.login("sshd", &[]).code(), "PAM_IGNORE");
}

#[test]
fn a_person_at_the_page_decides() {
    for (press, code) in [
        (Press::Authorize, "PAM_SUCCESS"),
        (Press::Decline, "PAM_MAXTRIES"),
        (Press::WrongKey, "PAM_MAXTRIES"),
    ] {
        let setup = Setup::new("page");
        let running = setup.start("login", &[]);
        // The phone rings while the prompt is open.
        assert!(setup.tenant.wait_for_waiting(1, TIMEOUT));
        assert!(setup.tenant.answer(setup.tenant.waiting()[0].id, press));
        assert_eq!(running.finish().code(), code, "{press:?}");
    }
}

#[test]
fn the_configuration_and_the_arguments_must_be_right() {
    let setup = Setup::new("approve");
    setup.service("login", "nullok");
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
    assert!(login.log().contains("nullok"), "{}", login.log());

    setup.service("login", "");
    setup.write(
        "pam_logonbox.toml",
        "[logonbox]\ntenant = \"x\"\n\ndevise = \"first\"\n",
    );
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
    assert!(
        login
            .log()
            .contains("pam_logonbox.toml line 4, logonbox.devise"),
        "{}",
        login.log()
    );
    assert_eq!(login.screen(), ["Login refused."]);

    std::fs::remove_file(setup.path("pam_logonbox.toml")).unwrap();
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
    assert_eq!(setup.tenant.connections(), 0);
}

#[test]
fn debug_says_more_but_no_secrets() {
    let setup = Setup::new("approve");
    setup.service("login", "debug");
    let login = setup.login("login", &[]);
    let logs = login.all("log");
    assert!(logs.len() > 2, "{logs:?}");
    let payload = URL_SAFE.encode(&setup.tenant.sign_requests()[0].payload);
    let beginning = payload.get(..20).unwrap();
    for line in logs {
        assert!(!line.contains(beginning), "{line}");
    }
}
