//! `su_asks`: which user is asked when one user becomes another.

use std::process::Command;

use crate::setup::{Login, Setup, TYPE_THE_CODE, USER, value};
use tenant::{Account, Accounts, Options, Reaction};

/// A user of every system. The primary group has the same name.
const CALLER: &str = "daemon";
/// A uid without a user.
const NAMELESS: &str = "caller=3999999999";

const ASKS_CALLER: &str = "su_asks = \"caller\"";

/// A host on which every user has an account, with these lines in `[policy]`.
fn setup(policy: &str) -> Setup {
    with(policy, "", "")
}

fn with(policy: &str, logonbox: &str, rest: &str) -> Setup {
    let names = ["root@acme.com", "daemon@acme.com"];
    let options = Options {
        accounts: Accounts::from_iter(names.map(Account::new)),
        ..Options::default()
    };
    let rest = format!("[policy]\n{policy}\n{rest}");
    Setup::with(options, "{user}@acme.com", logonbox, &rest)
}

/// The option of `pam_host` for this caller.
fn called_by(user: &str) -> String {
    let id = Command::new("id").args(["-u", user]).output().expect("id");
    assert!(id.status.success(), "there is no {user}");
    format!("caller={}", String::from_utf8(id.stdout).unwrap().trim())
}

fn approved(login: &Login, setup: &Setup, account: &str) {
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(value(login.log(), "user"), Some(USER));
    assert_eq!(value(login.log(), "account"), Some(account));
    let asked = setup.tenant.sign_requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].username, account);
}

#[test]
fn the_caller_is_asked_in_su_alone_and_only_where_that_is_configured() {
    let by_daemon = called_by(CALLER);
    for (policy, service, caller) in [
        ("", "su", false),
        ("", "su-l", false),
        ("su_asks = \"user\"", "su", false),
        (ASKS_CALLER, "su", true),
        (ASKS_CALLER, "su-l", true),
        (ASKS_CALLER, "sudo", false),
        (ASKS_CALLER, "sudo-i", false),
        (ASKS_CALLER, "sshd", false),
        (ASKS_CALLER, "login", false),
    ] {
        let setup = setup(policy);
        let login = setup.login(service, &[&by_daemon, "tty=pts/3"]);
        let user = if caller { CALLER } else { USER };
        approved(&login, &setup, &format!("{user}@acme.com"));
        assert_eq!(value(login.log(), "caller"), caller.then_some(CALLER));
        let what = if caller {
            format!("({service} to {USER})")
        } else {
            format!("({service})")
        };
        let asked = &setup.tenant.sign_requests()[0];
        let question = format!("{user}@acme.com wants to log in to {}", asked.remote_name);
        let question = format!("{question} {what} from pts/3. Code: ");
        assert!(asked.text.starts_with(&question), "{}", asked.text);
    }
}

#[test]
fn texts_accounts_and_pinned_keys_are_the_caller_s() {
    let texts = "prompt = \"{user}|{account}|{service}|Code: {code}\"\npins = \"required\"";
    let accounts = "[accounts]\ndaemon = \"root@acme.com\"\nroot = \"nobody\"";
    let setup = with(ASKS_CALLER, texts, accounts);
    setup.directory("keys");
    let key = Account::new("root@acme.com").all_keys().remove(1);
    setup.write("keys/root@acme.com", &key.line());
    let keys = format!("keys={}", setup.path("keys").display());
    let login = setup.login("su", &[&called_by(CALLER), &keys]);
    approved(&login, &setup, "root@acme.com");
    assert_eq!(value(login.log(), "key"), Some(&*key.fingerprint()));
    let asked = &setup.tenant.sign_requests()[0];
    assert!(
        asked
            .text
            .starts_with("daemon|root@acme.com|su to root|Code: ")
    );
}

#[test]
fn exemptions_apply_to_the_user_who_is_asked() {
    let by_daemon = called_by(CALLER);
    for (policy, exempt_by_default, exempt_as_caller) in [
        ("[[policy.exempt]]\nusers = [\"root\"]", true, false),
        ("[[policy.exempt]]\nusers = [\"daemon\"]", false, true),
        ("[[policy.exempt]]\ngroups = [\"root\"]", true, false),
        ("[[policy.exempt]]\ngroups = [\"daemon\"]", false, true),
        ("only_groups = [\"root\"]", false, true),
        ("only_groups = [\"daemon\"]", true, false),
    ] {
        for (asks, exempt) in [("", exempt_by_default), (ASKS_CALLER, exempt_as_caller)] {
            let setup = setup(&format!("{asks}\n{policy}"));
            let login = setup.login("su", &[&by_daemon]);
            let code = if exempt { "PAM_IGNORE" } else { "PAM_SUCCESS" };
            assert_eq!(login.code(), code, "{policy} {asks}: {:#?}", login.events);
            let caller = (!asks.is_empty()).then_some(CALLER);
            assert_eq!(value(login.log(), "caller"), caller);
            assert_eq!(setup.pushes(), usize::from(!exempt));
        }
    }
}

/// The caller cannot avoid the limit by choosing another target, nor use up another caller's limit.
#[test]
fn the_limit_on_pushes_is_the_caller_s() {
    let options = Options {
        accounts: ["daemon@acme.com", "bin@acme.com"]
            .into_iter()
            .map(|name| Account::new(name).reaction(Reaction::Decline))
            .collect(),
        ..Options::default()
    };
    let policy = format!("[policy]\n{ASKS_CALLER}\nfailed_attempts_per_10_minutes = 1");
    let setup = Setup::with(options, "{user}@acme.com", "", &policy);
    for (caller, target, word) in [
        (CALLER, USER, "declined"),
        (CALLER, "bin", "limit"),
        ("bin", USER, "declined"),
        ("bin", USER, "limit"),
    ] {
        let login = setup.start_as(target, "su", &[&called_by(caller)], &[]);
        let login = login.finish();
        let line = login.log();
        assert!(
            line.contains(&format!(": {word} user=")),
            "{caller}: {line}"
        );
        assert_eq!(value(line, "caller"), Some(caller));
    }
    assert_eq!(setup.pushes(), 2);
}

#[test]
fn who_calls_is_not_what_the_environment_says() {
    let by_daemon = called_by(CALLER);
    let setup = setup(ASKS_CALLER);
    let environment = ["SUDO_USER", "LOGNAME", "USER", "HOME"].map(|name| (name, "root"));
    let environment = [&environment[..], &[("SUDO_UID", "0")]].concat();
    let options = [&*by_daemon, "ruser=root", "tty=pts/3"];
    let login = setup.start_as(USER, "su", &options, &environment).finish();
    approved(&login, &setup, "daemon@acme.com");
}

/// sudo runs su as root.
#[test]
fn root_is_asked_for_itself() {
    let setup = setup(ASKS_CALLER);
    let environment = [("SUDO_USER", "daemon")];
    let login = setup
        .start_as(CALLER, "su", &["caller=0"], &environment)
        .finish();
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(value(login.log(), "user"), Some(CALLER));
    assert_eq!(value(login.log(), "caller"), Some("root"));
    assert_eq!(value(login.log(), "account"), Some("root@acme.com"));
}

#[test]
fn unknown_callers_and_unknown_targets_are_refused_alike() {
    let by_daemon = called_by(CALLER);
    for (user, caller, policy, said) in [
        (USER, NAMELESS, "", "uid 3999999999"),
        // A caller who is in no group is refused, too.
        (
            USER,
            NAMELESS,
            "only_groups = [\"daemon\"]",
            "uid 3999999999",
        ),
        ("no-such-user", &by_daemon, "", CALLER),
    ] {
        let setup = setup(&format!("{ASKS_CALLER}\n{policy}"));
        let login = setup.start_as(user, "su", &[caller], &[]).finish();
        login.assert_refused("PAM_MAXTRIES", "unknown-user");
        assert_eq!(value(login.log(), "user"), Some(user));
        assert_eq!(value(login.log(), "caller"), Some(said));
        let (told, refused) = (login.one("visible"), login.one("error"));
        assert_eq!(told.text, TYPE_THE_CODE);
        assert!(refused.at - told.at >= 1900);
        assert_eq!(setup.tenant.connections(), 0);
    }
}

#[test]
fn a_host_that_changes_the_target_on_the_way_gets_nothing() {
    for to in [CALLER, "nobody"] {
        let setup = with(ASKS_CALLER, "", "");
        let rename = format!("rename={to}");
        let login = setup.login("su", &[&called_by(CALLER), &rename]);
        login.assert_refused("PAM_MAXTRIES", "conversation");
        assert_eq!(setup.pushes(), 1);
    }
}

#[test]
fn airlock_is_asked_for_the_caller_too() {
    let setup = Setup::new("approve");
    for (asks, user, caller) in [("", USER, None), (ASKS_CALLER, CALLER, Some(CALLER))] {
        setup.write(
            "pam_logonbox.toml",
            &format!(
                "mode = \"airlock\"\n[airlock]\nurl = {:?}\naccount = \"{{user}}@acme.com\"\n\
                 [policy]\n{asks}\n",
                setup.tenant.airlock_url(),
            ),
        );
        let login = setup.login("su", &[&called_by(CALLER)]);
        login.assert_refused("PAM_MAXTRIES", "wrong-password");
        let account = format!("{user}@acme.com");
        assert_eq!(value(login.log(), "account"), Some(&*account));
        assert_eq!(value(login.log(), "caller"), caller);
        assert_eq!(value(login.log(), "user"), Some(USER));
    }
}

/// The password that su has asked for belongs to the target. It must not reach Airlock as the
/// caller's.
#[test]
fn the_target_s_password_does_not_go_to_airlock() {
    let setup = Setup::new("approve");
    for (asks, word) in [("", "configuration"), (ASKS_CALLER, "configuration")] {
        setup.write(
            "pam_logonbox.toml",
            &format!(
                "mode = \"airlock\"\n[airlock]\nurl = {:?}\npassword = \"stack\"\n[policy]\n{asks}\n",
                setup.tenant.airlock_url(),
            ),
        );
        let login = setup.login("su", &[&called_by(CALLER)]);
        login.assert_refused("PAM_SERVICE_ERR", word);
        let reason = value(login.log(), "reason").unwrap();
        let why = "airlock.password = 'stack' does not go with policy.su_asks = 'caller': ";
        assert_eq!(reason.starts_with(why), asks == ASKS_CALLER, "{reason}");
        assert_eq!(setup.tenant.connections(), 0);
    }
}
