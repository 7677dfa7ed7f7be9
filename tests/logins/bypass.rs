//! Bypass codes at the prompt for the code from the phone.

use std::thread;
use std::time::Duration;

use login::bypass::{self, BypassCode};
use login::system::{Directories, ThisMachine};
use tenant::Options;

use crate::setup::{Login, Setup, TYPE_THE_CODE, USER, unused_address, value};

const WRONG: &str = "The code is wrong. Login refused.";
const REASON: &str = "lost phone";
/// Longer than an answer that no user can give.
const READ: Duration = Duration::from_millis(400);

/// Makes a code in the directory that the module of `setup` uses.
pub fn code_for(setup: &Setup, user: &str) -> String {
    let lib = Box::leak(setup.path("lib").into_boxed_path());
    let machine = ThisMachine::new(false).with(Directories {
        lib,
        ..Directories::usual()
    });
    let hour = Duration::from_secs(3600);
    let (code, _) = bypass::make(&machine, user, hour, REASON).unwrap();
    code.in_groups().to_string()
}

/// Types `code` at the prompt as soon as a user can.
pub fn login_with(setup: &Setup, service: &str, user: &str, code: &str, options: &[&str]) -> Login {
    let mut running = setup.start_as(user, service, options, &[]);
    running.wait_for("visible");
    thread::sleep(READ);
    running.type_line(code.as_bytes());
    running.finish()
}

fn login_as(setup: &Setup, user: &str, code: &str, options: &[&str]) -> Login {
    login_with(setup, "login", user, code, options)
}

fn login(setup: &Setup, code: &str) -> Login {
    login_as(setup, USER, code, &[])
}

#[track_caller]
fn assert_bypassed(login: &Login) {
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    let log = login.log();
    assert!(
        log.starts_with("pam_logonbox(login:auth): bypass "),
        "{log}"
    );
    assert_eq!(value(log, "reason"), Some(REASON));
    assert_eq!(login.screen(), [TYPE_THE_CODE]);
}

#[track_caller]
fn assert_wrong(login: &Login, hint: &str) {
    login.assert_refused("PAM_MAXTRIES", "wrong-code");
    assert_eq!(login.screen(), [TYPE_THE_CODE, WRONG]);
    let found = value(login.log(), "hint").unwrap_or("");
    assert!(found.contains(hint), "{hint}: {found}");
}

const UNKNOWN: &str = "this user has no such bypass code";

#[test]
fn a_code_lets_its_user_in_once() {
    let setup = Setup::new("never.ed25519");
    let code = code_for(&setup, USER);
    let login_with = |code: &str| login(&setup, code);
    assert_wrong(&login_with("AAAA-BBBB-CCCCC"), UNKNOWN);
    let first = login_with(&code.to_lowercase().replace('-', " "));
    assert_bypassed(&first);
    // authpriv.warning
    let lines = first.all("log");
    assert!(lines.last().unwrap().starts_with("<84>"), "{lines:#?}");
    assert_wrong(&login_with(&code), UNKNOWN);
    for log in [first.all("log"), first.all("fields")].concat() {
        let log = log.to_uppercase().replace([' ', '-'], "");
        assert!(!log.contains(&code.replace('-', "")), "{log}");
    }
}

#[test]
fn a_code_works_without_server_account_key_and_attempts() {
    for (account, logonbox, policy, is_away) in [
        ("approve", "", "", true),
        ("approve", "device = \"ask\"", "", true),
        (
            "approve",
            "device = \"ask\"",
            "on_unavailable = \"ignore\"",
            true,
        ),
        ("no-such-account", "", "", false),
        ("no-such-account", "device = \"ask\"", "", false),
        ("approve", "pins = \"required\"", "", false),
        (
            "never.ed25519",
            "",
            "failed_attempts_per_10_minutes = 1",
            false,
        ),
        (
            "never.ed25519",
            "device = \"ask\"",
            "failed_attempts_per_10_minutes = 1",
            false,
        ),
    ] {
        let policy = format!("[policy]\n{policy}");
        let setup = Setup::with(Options::default(), account, logonbox, &policy);
        if is_away {
            setup.configure(&unused_address(), account, logonbox, &policy);
        }
        if policy.contains("= 1") {
            assert_wrong(&login(&setup, "000000"), "");
            login(&setup, "000000").assert_refused("PAM_MAXTRIES", "limit");
        }
        let code = code_for(&setup, USER);
        assert_bypassed(&login(&setup, &code));
    }
}

/// The module cannot ask the server, because of a failure on this host.
#[test]
fn a_code_works_while_this_host_cannot_ask() {
    for device in ["first", "ask"] {
        let device = format!("device = {device:?}");
        let setup = Setup::with(Options::default(), "approve", &device, "");
        std::fs::remove_file(setup.path("ca.pem")).unwrap();
        let code = code_for(&setup, USER);
        assert_bypassed(&login(&setup, &code));
        let refused = setup.login("login", &[]);
        refused.assert_refused("PAM_AUTHINFO_UNAVAIL", "local-failure");
    }
}

/// While the server is away, a prompt for the code helps those alone who have a bypass code.
#[test]
fn without_a_code_the_user_is_told_at_once_that_the_server_is_away() {
    let policy = "[policy]\nbypass_codes = false";
    for (rest, has_code) in [("", false), (policy, true)] {
        let address = unused_address();
        let setup = Setup::new("approve");
        setup.configure(&address, "approve", "device = \"ask\"", rest);
        if has_code {
            code_for(&setup, USER);
        }
        let login = setup.login("login", &[]);
        login.assert_refused("PAM_AUTHINFO_UNAVAIL", "unreachable");
        assert_eq!(login.screen(), ["The login service cannot be reached."]);
    }
}

#[test]
fn unknown_users_and_other_users_have_no_code() {
    let setup = Setup::new("never.ed25519");
    let unknown = "no-such-user";
    let code = code_for(&setup, unknown);
    let refused = login_as(&setup, unknown, &code, &[]);
    refused.assert_refused("PAM_MAXTRIES", "unknown-user");
    assert_eq!(refused.screen(), [TYPE_THE_CODE, WRONG]);
    assert_wrong(&login(&setup, &code_for(&setup, "daemon")), UNKNOWN);
}

#[test]
fn a_setting_turns_the_codes_off() {
    let rest = "[policy]\nbypass_codes = false";
    let setup = Setup::with(Options::default(), "never.ed25519", "", rest);
    let code = code_for(&setup, USER);
    assert_wrong(&login(&setup, &code), "");
    setup.write(
        "pam_logonbox.toml",
        "[logonbox]\ntenant = \"acme\"\n[service.login.policy]\nbypass_codes = false\n",
    );
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
}

/// Such an answer is a program's. It must not use up the code.
#[test]
fn a_code_that_comes_too_early_is_not_used_up() {
    let setup = Setup::new("never.ed25519");
    let code = code_for(&setup, USER);
    let early = setup.start("login", &[&format!("types={code}")]).finish();
    assert_wrong(&early, "");
    assert_bypassed(&login(&setup, &code));
}

/// A code counts only when it is certain that it will not work again.
#[test]
fn a_code_that_cannot_be_removed_for_good_is_refused() {
    for (fault, hint) in [
        ("unlinkat:0:9:30", "-/var/lib/pam_logonbox"),
        ("unlinkat:0:9:5", "Input/output error"),
        ("fsync:0:9:5", "Input/output error"),
        ("unlinkat:0:9:2", UNKNOWN),
    ] {
        let setup = Setup::new("never.ed25519");
        let code = code_for(&setup, USER);
        let refused = login_as(&setup, USER, &code, &[&format!("fault={fault}")]);
        assert_wrong(&refused, hint);
        if fault.starts_with("fsync") {
            assert_wrong(&login(&setup, &code), UNKNOWN);
        } else {
            assert_bypassed(&login(&setup, &code));
        }
    }
}

#[test]
fn of_several_logins_with_one_code_one_is_let_in() {
    let setup = Setup::new("never.ed25519");
    let code = code_for(&setup, USER);
    let codes = thread::scope(|scope| {
        let logins = [(); 4].map(|()| scope.spawn(|| login(&setup, &code)));
        logins.map(|login| login.join().unwrap().code().to_owned())
    });
    let is_in = |code: &&String| *code == "PAM_SUCCESS";
    assert_eq!(codes.iter().filter(is_in).count(), 1, "{codes:?}");
}

#[test]
fn the_code_may_be_hidden() {
    let rest = "[conversation]\necho = false";
    let setup = Setup::with(Options::default(), "never.ed25519", "", rest);
    let code = code_for(&setup, USER);
    let mut running = setup.start("login", &[]);
    running.wait_for("hidden");
    thread::sleep(READ);
    running.type_line(code.as_bytes());
    assert_bypassed(&running.finish());
}

/// `code = "show"` has no prompt, and Airlock has codes of its own.
#[test]
fn other_prompts_take_no_bypass_codes() {
    let rest = "[conversation]\nannounce = \"enter\"";
    let setup = Setup::showing(Options::default(), "decline.ed25519", "", rest);
    let code = code_for(&setup, USER);
    let refused = setup.start("login", &[&format!("types={code}")]).finish();
    refused.assert_refused("PAM_MAXTRIES", "declined");
    assert!(BypassCode::parse(code.as_bytes()).is_some());
}
