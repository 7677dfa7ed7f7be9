//! The exemptions of `[policy]`, with the real user database.

use crate::setup::{Login, SOURCES, Setup, USER, value};
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
fn groups_users_and_services() {
    let exempt = |condition: &str| format!("[[policy.exempt]]\n{condition}");
    let (first, only) = ("[[policy.exempt]] number 1", "in none of only_groups");
    for (policy, why) in [
        (exempt("users = [\"toor\", \"root\"]"), first),
        (exempt("users = [\"toor\", \"Root\"]"), ""),
        (exempt("groups = [\"daemon\", \"root\"]"), first),
        (exempt("groups = [\"daemon\"]"), ""),
        (exempt("services = [\"login\"]"), first),
        (exempt("services = [\"sshd\"]"), ""),
        (
            exempt("users = [\"root\"]\nservices = [\"login\"]\nreason = \"lost phone\""),
            "lost phone",
        ),
        (exempt("users = [\"root\"]\ngroups = [\"daemon\"]"), ""),
        ("only_groups = [\"daemon\", \"root\"]".to_owned(), ""),
        ("only_groups = [\"daemon\"]".to_owned(), only),
        ("only_groups = []".to_owned(), ""),
        (
            format!("only_groups = [\"root\"]\n{}", exempt("users = [\"root\"]")),
            first,
        ),
    ] {
        let login = login(&policy, &[]);
        let (code, word) = if why.is_empty() {
            (ASKED, ": approved user=")
        } else {
            (EXEMPT, ": exempt user=")
        };
        assert_eq!(login.code(), code, "{policy}: {:#?}", login.events);
        assert!(login.log().contains(word), "{}", login.log());
        assert_eq!(value(login.log(), "reason").unwrap_or(""), why);
        assert_eq!(value(login.log(), "hint"), None, "{policy}");
    }
    for (policy, hint) in [
        (
            "[[policy.exempt]]\ngroups = [\"no-such-group\"]",
            "groups: there is no group no-such-group",
        ),
        // Its members are not known, so all users are asked.
        (
            "only_groups = [\"no-such-group\", \"daemon\"]",
            "only_groups: there is no group no-such-group",
        ),
    ] {
        let login = login(policy, &[]);
        let asked = (login.code(), value(login.log(), "hint"));
        assert_eq!(asked, (ASKED, Some(hint)));
    }
}

/// A directory that does not answer hides groups. No directory knows root, so there is no witness.
#[test]
fn without_a_witness_the_user_is_asked() {
    let setup = setup("only_groups = [\"daemon\"]");
    for (sources, code) in [
        ("group: files\n", EXEMPT),
        ("group: files sss\n", ASKED),
        ("group: sss files\n", ASKED),
        ("group: files\ninitgroups: sss files\n", ASKED),
        ("", ASKED),
    ] {
        setup.write(SOURCES, sources);
        let login = setup.login("login", &[]);
        assert_eq!(login.code(), code, "{sources}: {:#?}", login.events);
        let hint = "only_groups: no directory has reported a group of this user";
        let expected = (code == ASKED).then_some(hint);
        assert_eq!(value(login.log(), "hint"), expected, "{sources}");
    }
    // A user that this host does not know could have the group as the primary group.
    for (sources, code) in [
        ("passwd: files\ngroup: files\n", EXEMPT),
        ("passwd: files sss\ngroup: files\n", "PAM_MAXTRIES"),
    ] {
        setup.write(SOURCES, sources);
        let login = setup.start_as("no-such-user", "login", &[], &[]).finish();
        assert_eq!(login.code(), code, "{sources}: {:#?}", login.events);
    }
}

#[test]
fn an_exemption_ends_in_utc_whatever_the_time_zone_of_the_caller() {
    // Today in UTC, or tomorrow if the day ends during this test.
    let now = time::OffsetDateTime::now_utc().date();
    for (until, code) in [
        (now.next_day().unwrap(), EXEMPT),
        (now.previous_day().unwrap(), ASKED),
    ] {
        let policy = format!("[[policy.exempt]]\nusers = [\"root\"]\nuntil = {until}");
        let setup = setup(&policy);
        for zone in ["UTC-24", "UTC+24", ":/nonexistent"] {
            let environment = [("TZ", zone)];
            let login = setup.start_as(USER, "su", &[], &environment).finish();
            assert_eq!(login.code(), code, "{until} {zone}: {:#?}", login.events);
            let ended = format!("the exemption has ended on {until}: [[policy.exempt]] number 1");
            let hint = (code == ASKED).then_some(&*ended);
            assert_eq!(value(login.log(), "hint"), hint);
        }
    }
}

#[test]
fn networks() {
    let policy = "[[policy.exempt]]\nnetworks = [\"192.0.2.0/24\", \"2001:db8::/32\"]";
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
            Some("networks: a name, or an address with a zone, is never exempt")
        );
    }
    assert_eq!(value(login(policy, &[]).log(), "hint"), None);
}

/// The caller of sudo can limit its descriptors and memory. The user database then returns fewer
/// groups.
#[test]
fn starving_the_host_takes_no_user_out_of_a_group() {
    for (policy, enough) in [
        ("only_groups = [\"root\"]", ASKED),
        ("only_groups = [\"daemon\"]", EXEMPT),
    ] {
        let setup = setup(policy);
        let mut others = 0;
        for limit in 4..40 {
            let login = setup.login("sudo", &[&format!("files={limit}")]);
            if login.code() == EXEMPT {
                assert_eq!(enough, EXEMPT, "{limit}: {:#?}", login.events);
                // The database is believed only if it could look.
                assert!(limit >= 20, "{limit}: {:#?}", login.events);
            } else if login.code() != enough {
                others += 1;
            }
        }
        assert!(others > 0, "{policy}: {others}");
        for megabytes in [16, 24, 32] {
            let login = setup.login("sudo", &[&format!("memory={megabytes}")]);
            assert_ne!(login.code(), EXEMPT, "{megabytes} MB: {:#?}", login.events);
        }
    }
}

/// Some NSS modules obey these variables even in sudo and su.
#[test]
fn the_environment_takes_no_user_out_of_a_group() {
    for (variable, text) in [
        ("_SSS_LOOPS", "NO"),
        ("_NO_WINBINDD", "1"),
        ("SYSTEMD_BYPASS_USERDB", "1"),
        ("SYSTEMD_ONLY_USERDB", "none"),
    ] {
        for (group, hint) in [
            (
                "daemon",
                Some("only_groups: the environment changes how groups are looked up"),
            ),
            ("root", None),
        ] {
            let setup = setup(&format!("only_groups = [{group:?}]"));
            let login = setup
                .start_as(USER, "su", &[], &[(variable, text)])
                .finish();
            assert_eq!(login.code(), ASKED, "{variable}: {:#?}", login.events);
            assert_eq!(value(login.log(), "hint"), hint);
        }
    }
}
