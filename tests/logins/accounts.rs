//! `[accounts]`: users whose account name differs from the template.

use crate::setup::{Setup, value};
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
    let prompt = "prompt = \"{user}|{account}|Code: {code}\"";
    for (table, account) in [("", "root@"), (OTHERS, "root@"), (OURS, "lee@")] {
        let account = format!("{account}acme.com");
        let setup = Setup::with(options(), "{user}@acme.com", prompt, table);
        let login = setup.login("login", &[]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        assert_eq!(setup.tenant.key_requests()[0].principal, account);
        let asked = setup.tenant.sign_requests().remove(0);
        assert_eq!(asked.username, account);
        let code = asked.code().unwrap();
        assert_eq!(asked.text, format!("root|{account}|Code: {code}"));
        assert_eq!(value(login.log(), "user"), Some("root"));
        assert_eq!(value(login.log(), "account"), Some(&*account));
    }
}

#[test]
fn pinned_keys_are_those_of_the_account_in_the_table() {
    let keys = |name: &str| Account::new(name).all_keys()[1].line() + "\n";
    for (table, account) in [("", "root@acme.com"), (OURS, "lee@acme.com")] {
        let pins = "pins = \"required\"";
        let setup = Setup::with(options(), "{user}@acme.com", pins, table);
        setup.directory("keys");
        for name in ["lee@acme.com", "root@acme.com"] {
            setup.write(&format!("keys/{name}"), &keys(name));
        }
        let directory = format!("keys={}", setup.path("keys").display());
        let login = setup.login("login", &[&directory]);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        let pinned = Account::new(account).all_keys()[1].fingerprint();
        assert_eq!(value(login.log(), "key"), Some(&*pinned));
    }
}

/// As in some directories: a user may be written in several ways, for the table and for pinned
/// keys.
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
        let setup = Setup::with(options, "{user}@acme.com", pins, table);
        setup.directory("keys");
        let key = &Account::new(account).all_keys()[1];
        setup.write(&format!("keys/{account}"), &key.line());
        let keys = format!("keys={}", setup.path("keys").display());
        for user in ["root", "ROOT"] {
            let login = setup.start_as(user, "sshd", &["anycase", &keys], &[]);
            let login = login.finish();
            assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
            assert_eq!(value(login.log(), "user"), Some(user));
            assert_eq!(value(login.log(), "account"), Some(account));
            assert_eq!(value(login.log(), "key"), Some(&*key.fingerprint()));
        }
        assert_eq!(setup.tenant.key_requests().len(), 0);
        // If the database knows only one way to write the name, the other names no user.
        let login = setup.start_as("ROOT", "sshd", &[&keys], &[]).finish();
        login.assert_refused("PAM_MAXTRIES", "unknown-user");
    }
}

#[test]
fn a_mistake_in_the_table_refuses_everybody() {
    let table = "[accounts]\nother = \"{user}@acme.com\"\n";
    let setup = Setup::with(options(), "{user}@acme.com", "", table);
    let login = setup.login("login", &[]);
    login.assert_refused("PAM_SERVICE_ERR", "configuration");
    let reason = value(login.log(), "reason").unwrap();
    assert!(reason.contains(", accounts.other: must be the account itself"));
    assert_eq!(setup.tenant.connections(), 0);
}
