//! The exemptions of `[policy]`, with the real user database.

use crate::setup::{Login, Setup, USER, value};
use tenant::Options;

const EXEMPT: &str = "PAM_IGNORE";
const ASKED: &str = "PAM_SUCCESS";

fn setup(policy: &str) -> Setup {
    Setup::with(
        Options::default(),
        "approve",
        "",
        &format!("[policy]\n{policy}\n"),
    )
}

/// A login of root, whose primary group is `root`.
fn login(policy: &str, options: &[&str]) -> Login {
    let setup = setup(policy);
    let login = setup.login("login", options);
    let asked = usize::from(login.code() == ASKED);
    // No account is looked up for an exempt user.
    assert_eq!(setup.pushes(), asked, "{policy}");
    assert_eq!(setup.tenant.requests().len(), 2 * asked, "{policy}");
    if asked == 0 && login.code() == EXEMPT {
        // The module says nothing. This message comes from the stack.
        assert_eq!(login.screen(), ["auth=acct_expired"]);
    }
    login
}

#[test]
fn groups_and_users() {
    for (policy, code, why) in [
        ("exempt_users = [\"root\"]", EXEMPT, "exempt_users"),
        ("exempt_users = [\"toor\", \"Root\"]", ASKED, ""),
        (
            "exempt_groups = [\"daemon\", \"root\"]",
            EXEMPT,
            "exempt_groups: root",
        ),
        ("exempt_groups = [\"daemon\"]", ASKED, ""),
        ("only_groups = [\"daemon\", \"root\"]", ASKED, ""),
        (
            "only_groups = [\"daemon\"]",
            EXEMPT,
            "in none of only_groups",
        ),
        ("only_groups = []", ASKED, ""),
        (
            "only_groups = [\"root\"]\nexempt_users = [\"root\"]",
            EXEMPT,
            "exempt_users",
        ),
        // A group that does not exist has no members.
        (
            "only_groups = [\"no-such-group\"]",
            EXEMPT,
            "in none of only_groups; there is no group no-such-group",
        ),
    ] {
        let login = login(policy, &[]);
        assert_eq!(login.code(), code, "{policy}: {:#?}", login.events);
        let word = if code == EXEMPT {
            ": exempt user="
        } else {
            ": approved user="
        };
        assert!(login.log().contains(word), "{}", login.log());
        assert_eq!(value(login.log(), "reason").unwrap_or(""), why);
    }
    let asked = login("exempt_groups = [\"no-such-group\"]", &[]);
    assert_eq!(
        (asked.code(), value(asked.log(), "hint")),
        (ASKED, Some("there is no group no-such-group"))
    );
}

#[test]
fn networks() {
    let policy = "exempt_networks = [\"192.0.2.0/24\", \"2001:db8::/32\"]";
    for (rhost, code) in [
        ("192.0.2.7", EXEMPT),
        ("::ffff:192.0.2.7", EXEMPT),
        ("2001:db8::7", EXEMPT),
        ("192.0.3.7", ASKED),
        ("2001:db9::7", ASKED),
    ] {
        let login = login(policy, &[&format!("rhost={rhost}")]);
        assert_eq!(login.code(), code, "{rhost}");
        assert_eq!(value(login.log(), "hint"), None);
    }
    // Only IP addresses are compared, never names.
    for rhost in [
        "office.acme.com",
        "192.0.2.7.acme.com",
        "192.0.2.7/24",
        "192.0.2.7 ",
        "192.0.2.007",
        "3221225991",
        "0xc0000207",
        "2001:db8::7%eth0",
    ] {
        let login = login(policy, &[&format!("rhost={rhost}")]);
        assert_eq!(login.code(), ASKED, "{rhost}");
        assert_eq!(
            value(login.log(), "hint"),
            Some("exempt_networks: a name, or an address with a zone, is never exempt")
        );
    }
    assert_eq!(value(login(policy, &[]).log(), "hint"), None);
}

/// The caller of sudo can limit its descriptors and memory. The user database then returns fewer
/// groups.
#[test]
fn nobody_gets_out_of_a_group_by_starving_the_host() {
    for (policy, enough) in [
        ("only_groups = [\"root\"]", ASKED),
        ("only_groups = [\"daemon\"]", EXEMPT),
    ] {
        let setup = setup(policy);
        let mut refused = 0;
        for limit in 4..40 {
            let login = setup.login("sudo", &[&format!("files={limit}")]);
            if login.code() == EXEMPT {
                assert_eq!(enough, EXEMPT, "{limit}: {:#?}", login.events);
                // The database is believed only if it could look.
                assert!(limit >= 20, "{limit}: {:#?}", login.events);
            } else if login.code() != ASKED {
                refused += 1;
            }
        }
        assert!(refused > 0, "{policy}: {refused}");
        for megabytes in [16, 24, 32] {
            let login = setup.login("sudo", &[&format!("memory={megabytes}")]);
            assert_ne!(login.code(), EXEMPT, "{megabytes} MB: {:#?}", login.events);
        }
    }
}

/// Some NSS modules obey these variables even in sudo and su.
#[test]
fn nobody_gets_out_of_a_group_by_the_environment() {
    for (variable, text) in [
        ("_SSS_LOOPS", "NO"),
        ("_NO_WINBINDD", "1"),
        ("SYSTEMD_BYPASS_USERDB", "1"),
        ("SYSTEMD_ONLY_USERDB", "none"),
    ] {
        for (group, code) in [("daemon", "PAM_AUTHINFO_UNAVAIL"), ("root", ASKED)] {
            let setup = setup(&format!("only_groups = [{group:?}]"));
            let login = setup
                .start_as(USER, "su", &[], &[(variable, text)])
                .finish();
            assert_eq!(login.code(), code, "{variable}: {:#?}", login.events);
            if code != ASKED {
                let reason = value(login.log(), "reason");
                let why = "the environment changes how groups are looked up";
                assert_eq!(reason, Some(why));
            }
        }
    }
}
