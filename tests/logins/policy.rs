//! Who is asked at all: the exemptions of `[policy]`, against the real user database.

use crate::stage::{Login, Stage, USER, value};
use tenant::Options;

const EXEMPT: &str = "PAM_IGNORE";
const ASKED: &str = "PAM_SUCCESS";

fn stage(policy: &str) -> Stage {
    Stage::with(
        Options::default(),
        "approve",
        "",
        &format!("[policy]\n{policy}\n"),
    )
}

/// A login of root, whose primary group is `root`.
fn login(policy: &str, options: &[&str]) -> Login {
    let stage = stage(policy);
    let login = stage.login("login", options);
    let asked = usize::from(login.code() == ASKED);
    // Whoever is exempt is not even looked up.
    assert_eq!(stage.pushes(), asked, "{policy}");
    assert_eq!(stage.tenant.requests().len(), 2 * asked, "{policy}");
    if asked == 0 && login.code() == EXEMPT {
        // Of the module, nothing: this is what the stack makes of that.
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
        // A group that does not exist holds nobody.
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
    // Names decide nothing, whatever they look like.
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

/// Whoever calls sudo can take it its descriptors and memory, and the user database then tells of fewer
/// groups.
#[test]
fn nobody_gets_out_of_a_group_by_starving_the_host() {
    for (policy, enough) in [
        ("only_groups = [\"root\"]", ASKED),
        ("only_groups = [\"daemon\"]", EXEMPT),
    ] {
        let stage = stage(policy);
        let mut refused = 0;
        for limit in 4..40 {
            let login = stage.login("sudo", &[&format!("files={limit}")]);
            if login.code() == EXEMPT {
                assert_eq!(enough, EXEMPT, "{limit}: {:#?}", login.events);
                // What the database says is believed where it could look.
                assert!(limit >= 20, "{limit}: {:#?}", login.events);
            } else if login.code() != ASKED {
                refused += 1;
            }
        }
        assert!(refused > 0, "{policy}: {refused}");
        for megabytes in [16, 24, 32] {
            let login = stage.login("sudo", &[&format!("memory={megabytes}")]);
            assert_ne!(login.code(), EXEMPT, "{megabytes} MB: {:#?}", login.events);
        }
    }
}

/// The modules of some user databases obey these in sudo and su, too.
#[test]
fn nobody_gets_out_of_a_group_by_the_environment() {
    for (variable, text) in [
        ("_SSS_LOOPS", "NO"),
        ("_NO_WINBINDD", "1"),
        ("SYSTEMD_BYPASS_USERDB", "1"),
        ("SYSTEMD_ONLY_USERDB", "none"),
    ] {
        for (group, code) in [("daemon", "PAM_AUTHINFO_UNAVAIL"), ("root", ASKED)] {
            let stage = stage(&format!("only_groups = [{group:?}]"));
            let login = stage
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
