//! `su_asks`: whose phone rings when somebody becomes somebody else.

use std::process::Command;

use crate::stage::{Login, Stage, USER, value};
use tenant::{Account, Accounts, Options, Reaction};

/// A user that every system has, whose primary group has the same name.
const CALLER: &str = "daemon";
/// Nobody's.
const NAMELESS: &str = "caller=3999999999";

const ASKS_CALLER: &str = "su_asks = \"caller\"";

/// A host where everybody has an account, with these lines of `[policy]`.
fn stage(policy: &str) -> Stage {
    with(policy, "", "")
}

fn with(policy: &str, logonbox: &str, rest: &str) -> Stage {
    let names = ["root@acme.com", "daemon@acme.com"];
    let options = Options {
        accounts: Accounts::from_iter(names.map(Account::new)),
        ..Options::default()
    };
    let rest = format!("[policy]\n{policy}\n{rest}");
    Stage::with(options, "{user}@acme.com", logonbox, &rest)
}

/// As `pam_host` has it.
fn called_by(user: &str) -> String {
    let id = Command::new("id").args(["-u", user]).output().expect("id");
    assert!(id.status.success(), "there is no {user}");
    format!("caller={}", String::from_utf8(id.stdout).unwrap().trim())
}

fn approved(login: &Login, stage: &Stage, account: &str) {
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(value(login.log(), "user"), Some(USER));
    assert_eq!(value(login.log(), "account"), Some(account));
    let asked = stage.tenant.sign_requests();
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
        let stage = stage(policy);
        let login = stage.login(service, &[&by_daemon, "tty=pts/3"]);
        let user = if caller { CALLER } else { USER };
        approved(&login, &stage, &format!("{user}@acme.com"));
        assert_eq!(value(login.log(), "caller"), caller.then_some(CALLER));
        let what = if caller {
            format!("({service} to {USER})")
        } else {
            format!("({service})")
        };
        let asked = &stage.tenant.sign_requests()[0];
        let question = format!("{user}@acme.com wants to log in to {}", asked.remote_name);
        let question = format!("{question} {what} from pts/3. Code: ");
        assert!(asked.text.starts_with(&question), "{}", asked.text);
    }
}

#[test]
fn texts_accounts_and_pinned_keys_are_the_caller_s() {
    let texts = "prompt = \"{user}|{account}|{service}\"\npins = \"required\"";
    let accounts = "[accounts]\ndaemon = \"root@acme.com\"\nroot = \"nobody\"";
    let stage = with(ASKS_CALLER, texts, accounts);
    stage.directory("keys");
    let key = Account::new("root@acme.com").all_keys().remove(1);
    stage.write("keys/root@acme.com", &key.line());
    let keys = format!("keys={}", stage.path("keys").display());
    let login = stage.login("su", &[&called_by(CALLER), &keys]);
    approved(&login, &stage, "root@acme.com");
    assert_eq!(value(login.log(), "key"), Some(&*key.fingerprint()));
    let asked = &stage.tenant.sign_requests()[0];
    assert_eq!(asked.text, "daemon|root@acme.com|su to root");
}

#[test]
fn exemptions_are_about_whoever_is_asked() {
    let by_daemon = called_by(CALLER);
    for (policy, exempt_by_default, exempt_as_caller) in [
        ("exempt_users = [\"root\"]", true, false),
        ("exempt_users = [\"daemon\"]", false, true),
        ("exempt_groups = [\"root\"]", true, false),
        ("exempt_groups = [\"daemon\"]", false, true),
        ("only_groups = [\"root\"]", false, true),
        ("only_groups = [\"daemon\"]", true, false),
    ] {
        for (asks, exempt) in [("", exempt_by_default), (ASKS_CALLER, exempt_as_caller)] {
            let stage = stage(&format!("{policy}\n{asks}"));
            let login = stage.login("su", &[&by_daemon]);
            let code = if exempt { "PAM_IGNORE" } else { "PAM_SUCCESS" };
            assert_eq!(login.code(), code, "{policy} {asks}: {:#?}", login.events);
            let caller = (!asks.is_empty()).then_some(CALLER);
            assert_eq!(value(login.log(), "caller"), caller);
            assert_eq!(stage.pushes(), usize::from(!exempt));
        }
    }
}

/// Whoever calls cannot get around it by becoming somebody else, nor use up another's.
#[test]
fn the_limit_on_pushes_is_the_caller_s() {
    let options = Options {
        accounts: ["daemon@acme.com", "bin@acme.com"]
            .into_iter()
            .map(|name| Account::new(name).reaction(Reaction::Decline))
            .collect(),
        ..Options::default()
    };
    let policy = format!("[policy]\n{ASKS_CALLER}\nunapproved_pushes_per_10_minutes = 1");
    let stage = Stage::with(options, "{user}@acme.com", "", &policy);
    for (caller, target, word) in [
        (CALLER, USER, "declined"),
        (CALLER, "bin", "limit"),
        ("bin", USER, "declined"),
        ("bin", USER, "limit"),
    ] {
        let login = stage.start_as(target, "su", &[&called_by(caller)], &[]);
        let login = login.finish();
        let line = login.log();
        assert!(
            line.contains(&format!(": {word} user=")),
            "{caller}: {line}"
        );
        assert_eq!(value(line, "caller"), Some(caller));
    }
    assert_eq!(stage.pushes(), 2);
}

#[test]
fn who_calls_is_not_what_the_environment_says() {
    let by_daemon = called_by(CALLER);
    let stage = stage(ASKS_CALLER);
    let environment = ["SUDO_USER", "LOGNAME", "USER", "HOME"].map(|name| (name, "root"));
    let environment = [&environment[..], &[("SUDO_UID", "0")]].concat();
    let options = [&*by_daemon, "ruser=root", "tty=pts/3"];
    let login = stage.start_as(USER, "su", &options, &environment).finish();
    approved(&login, &stage, "daemon@acme.com");
}

/// Behind sudo, su is called by root.
#[test]
fn root_is_asked_for_itself() {
    let stage = stage(ASKS_CALLER);
    let environment = [("SUDO_USER", "daemon")];
    let login = stage
        .start_as(CALLER, "su", &["caller=0"], &environment)
        .finish();
    assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    assert_eq!(value(login.log(), "user"), Some(CALLER));
    assert_eq!(value(login.log(), "caller"), Some("root"));
    assert_eq!(value(login.log(), "account"), Some("root@acme.com"));
}

#[test]
fn a_caller_without_a_name_and_a_target_that_nobody_knows_are_refused_like_all_unknown_users() {
    let by_daemon = called_by(CALLER);
    for (user, caller, policy, said) in [
        (USER, NAMELESS, "", "uid 3999999999"),
        // Being in no group does not let them in.
        (
            USER,
            NAMELESS,
            "only_groups = [\"daemon\"]",
            "uid 3999999999",
        ),
        ("no-such-user", &by_daemon, "", CALLER),
    ] {
        let stage = stage(&format!("{ASKS_CALLER}\n{policy}"));
        let login = stage.start_as(user, "su", &[caller], &[]).finish();
        login.assert_refused("PAM_AUTH_ERR", "unknown-user");
        assert_eq!(value(login.log(), "user"), Some(user));
        assert_eq!(value(login.log(), "caller"), Some(said));
        let (told, refused) = (login.one("info"), login.one("error"));
        assert!(told.text.starts_with("Approve the request on your phone. "));
        assert!(refused.at - told.at >= 1900);
        assert_eq!(stage.tenant.connections(), 0);
    }
}

#[test]
fn a_host_that_changes_the_target_on_the_way_gets_nothing() {
    let enter = "[conversation]\nannounce = \"enter\"";
    for to in [CALLER, "nobody"] {
        let stage = with(ASKS_CALLER, "", enter);
        let rename = format!("rename={to}");
        let login = stage.login("su", &[&called_by(CALLER), &rename]);
        login.assert_refused("PAM_MAXTRIES", "conversation");
        assert_eq!(stage.pushes(), 1);
    }
}

#[test]
fn airlock_is_asked_for_the_caller_too() {
    let stage = Stage::new("approve");
    for (asks, user, caller) in [("", USER, None), (ASKS_CALLER, CALLER, Some(CALLER))] {
        stage.write(
            "pam_logonbox.toml",
            &format!(
                "mode = \"airlock\"\n[airlock]\nurl = {:?}\naccount = \"{{user}}@acme.com\"\n\
                 [policy]\n{asks}\n",
                stage.tenant.airlock_url(),
            ),
        );
        let login = stage.login("su", &[&called_by(CALLER)]);
        login.assert_refused("PAM_MAXTRIES", "wrong-password");
        let account = format!("{user}@acme.com");
        assert_eq!(value(login.log(), "account"), Some(&*account));
        assert_eq!(value(login.log(), "caller"), caller);
        assert_eq!(value(login.log(), "user"), Some(USER));
    }
}

/// The password that su has asked for is not the caller's: it must not reach Airlock as theirs.
#[test]
fn the_target_s_password_does_not_go_to_airlock() {
    let stage = Stage::new("approve");
    for (asks, word) in [("", "configuration"), (ASKS_CALLER, "configuration")] {
        stage.write(
            "pam_logonbox.toml",
            &format!(
                "mode = \"airlock\"\n[airlock]\nurl = {:?}\npassword = \"stack\"\n[policy]\n{asks}\n",
                stage.tenant.airlock_url(),
            ),
        );
        let login = stage.login("su", &[&called_by(CALLER)]);
        login.assert_refused("PAM_SERVICE_ERR", word);
        let reason = value(login.log(), "reason").unwrap();
        let why = "airlock.password = 'stack' does not go with policy.su_asks = 'caller': ";
        assert_eq!(reason.starts_with(why), asks == ASKS_CALLER, "{reason}");
        assert_eq!(stage.tenant.connections(), 0);
    }
}
