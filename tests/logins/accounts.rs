//! `[accounts]`: people whom the tenant, or Airlock, calls otherwise than the template says.

use crate::stage::{Stage, value};
use tenant::{Account, Options};

const OTHERS: &str = "[accounts]\nother = \"approve\"\n";
const OURS: &str = "[accounts]\nother = \"approve\"\nroot = \"lee@acme.com\"\n";

fn options() -> Options {
    Options {
        accounts: ["lee@acme.com", "root@acme.com"]
            .into_iter()
            .map(Account::new)
            .collect(),
        ..Options::default()
    }
}

#[test]
fn the_tenant_the_phone_and_the_log_get_the_account_of_the_table() {
    let prompt = "prompt = \"{user}|{account}\"";
    for (table, account) in [("", "root@"), (OTHERS, "root@"), (OURS, "lee@")] {
        let account = format!("{account}acme.com");
        let stage = Stage::with(options(), "{user}@acme.com", prompt, table);
        let login = stage.login("login", &[]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        assert_eq!(stage.tenant.key_requests()[0].principal, account);
        let asked = stage.tenant.sign_requests().remove(0);
        assert_eq!(asked.username, account);
        assert_eq!(asked.text, format!("root|{account}"));
        assert_eq!(value(login.log(), "user"), Some("root"));
        assert_eq!(value(login.log(), "account"), Some(&*account));
    }
}

#[test]
fn pinned_keys_are_those_of_the_account_in_the_table() {
    let keys = |name: &str| Account::new(name).all_keys()[1].line() + "\n";
    for (table, account) in [("", "root@acme.com"), (OURS, "lee@acme.com")] {
        let pins = "pins = \"required\"";
        let stage = Stage::with(options(), "{user}@acme.com", pins, table);
        stage.directory("keys");
        for name in ["lee@acme.com", "root@acme.com"] {
            stage.write(&format!("keys/{name}"), &keys(name));
        }
        let directory = format!("keys={}", stage.path("keys").display());
        let login = stage.login("login", &[&directory]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        let pinned = Account::new(account).all_keys()[1].fingerprint();
        assert_eq!(value(login.log(), "key"), Some(&*pinned));
    }
}

/// As some directories do: the table and the pinned keys are not for one of the ways alone.
#[test]
fn an_account_is_the_same_however_the_user_is_written() {
    for (table, account) in [("", "root@acme.com"), (OURS, "lee@acme.com")] {
        let options = Options {
            accounts: ["ROOT@acme.com", "root@acme.com", "lee@acme.com"]
                .into_iter()
                .map(Account::new)
                .collect(),
            ..Options::default()
        };
        let pins = "pins = \"if-present\"";
        let stage = Stage::with(options, "{user}@acme.com", pins, table);
        stage.directory("keys");
        let key = &Account::new(account).all_keys()[1];
        stage.write(&format!("keys/{account}"), &key.line());
        let keys = format!("keys={}", stage.path("keys").display());
        for user in ["root", "ROOT"] {
            let login = stage.start_as(user, "sshd", &["anycase", &keys], &[]);
            let login = login.finish();
            assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
            assert_eq!(value(login.log(), "user"), Some(user));
            assert_eq!(value(login.log(), "account"), Some(account));
            assert_eq!(value(login.log(), "key"), Some(&*key.fingerprint()));
        }
        assert_eq!(stage.tenant.key_requests().len(), 0);
        // Where there is one way to write it, there is no other user.
        let login = stage.start_as("ROOT", "sshd", &[&keys], &[]).finish();
        login.assert_refused("PAM_AUTH_ERR", "unknown-user");
    }
}

#[test]
fn a_mistake_in_the_table_refuses_everybody() {
    let table = "[accounts]\nother = \"{user}@acme.com\"\n";
    let stage = Stage::with(options(), "{user}@acme.com", "", table);
    let login = stage.login("login", &[]);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
    let reason = value(login.log(), "reason").unwrap();
    assert!(reason.contains(", accounts.other: must be the account itself"));
    assert_eq!(stage.tenant.connections(), 0);
}
