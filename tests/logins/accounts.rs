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
