//! `logonbox check`, with the configuration of the test and the stacks of this machine.

use serde_json::Value;
use tenant::{Certificate, Options};

use crate::setup::Setup;

/// The findings with these ids: id, severity, text and line.
fn found(setup: &Setup, ids: &[&str]) -> Vec<(String, String, String, Option<u64>)> {
    let run = setup.run(&["check", "--json"]);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let list = |name: &str| report[name].as_array().unwrap().clone();
    let findings = [list("findings"), list("notes")].concat();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .filter(|finding| ids.contains(&finding["id"].as_str().unwrap()))
        .map(|finding| {
            let line = finding["line"].as_u64();
            let [id, severity, what] = ["id", "severity", "what"].map(|key| text(finding, key));
            (id, severity, what, line)
        })
        .collect()
}

/// Each of these hides the second certificate from a lenient reader.
#[test]
fn a_ca_file_with_a_certificate_that_would_be_skipped() {
    let setup = Setup::new();
    let ids = ["config-ca-file", "tls-unknown-ca"];
    let good = setup.tenant.ca_pem().to_owned();
    let other = Setup::new().tenant.ca_pem().to_owned();
    let first = other.lines().count();
    for (text, line, why) in [
        (
            format!("\u{feff}{good}"),
            1,
            "a byte-order mark before -----BEGIN",
        ),
        (
            format!("{other}  {good}"),
            first + 1,
            "-----BEGIN must be at the start of the line",
        ),
        (
            format!("{other}{}", good.replace(" CERT", " TRUSTED CERT")),
            first + 1,
            "TRUSTED CERTIFICATE is a form that only OpenSSL reads",
        ),
        (
            format!("{}{good}", other.trim_end()),
            first,
            "a line break must follow CERTIFICATE-----",
        ),
    ] {
        setup.write("ca.pem", &text);
        let found = found(&setup, &ids);
        let [(id, severity, what, at)] = &found[..] else {
            panic!("{text}: {found:?}");
        };
        assert_eq!(
            (id.as_str(), severity.as_str(), *at),
            ("config-ca-file", "error", Some(5))
        );
        assert!(what.starts_with("tls.ca_file: "), "{what}");
        assert!(what.contains(&format!("line {line}: {why}")), "{what}");
    }
    setup.write("ca.pem", &format!("{other}{good}"));
    assert_eq!(found(&setup, &ids), []);
}

#[test]
fn the_server_is_told_from_others() {
    let ids = [
        "server-not-tenant",
        "tls-ca-as-server",
        "tls-failed",
        "tls-self-signed",
    ];
    assert_eq!(found(&Setup::new(), &ids), []);
    let setup = Setup::with(Options {
        certificate: Certificate::SelfSignedCa,
        ..Options::default()
    });
    let found = found(&setup, &ids);
    assert_eq!(found[0].0, "tls-ca-as-server", "{found:?}");
    let what = format!(
        "{} uses the certificate of a CA as its own",
        setup.tenant.authority()
    );
    assert_eq!((found.len(), &found[0].2), (1, &what));
}

#[test]
fn settings_that_are_easily_forgotten() {
    let setup = Setup::new();
    setup.configure(
        "account = \"everybody@acme.com\"",
        "[accounts]\nroot = \"lee@acme.com\"\nlee = \"lee@acme.com\"\n\
         [service.no-such-service.wait]\nlogin_seconds = 20\n\
         [[policy.exempt]]\nusers = [\"root\"]\nuntil = 2026-01-31\n\
         [[policy.exempt]]\nservices = [\"su\"]\n\
         [service.no-such-service.policy]\nonly_groups = [\"no-such-group\"]\n\
         [policy]",
    );
    let found = found(
        &setup,
        &[
            "accounts-shared",
            "exempt-ended",
            "exempt-without-end",
            "service-unknown",
            "unknown-group",
        ],
    );
    let found: Vec<_> = found
        .iter()
        .map(|(id, severity, what, line)| (&**id, &**severity, &**what, line.unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            (
                "unknown-group",
                "error",
                "service.no-such-service.policy.only_groups: there is no group no-such-group",
                17
            ),
            (
                "exempt-ended",
                "warning",
                "policy.exempt: number 1 ended on 2026-01-31",
                12
            ),
            (
                "accounts-shared",
                "warning",
                "logonbox.account: all users who are not in [accounts] share the account \
                 everybody@acme.com",
                3
            ),
            (
                "accounts-shared",
                "warning",
                "accounts: lee, root share the account lee@acme.com",
                8
            ),
            (
                "service-unknown",
                "warning",
                "[service.no-such-service]: there is no PAM file of this name",
                10
            ),
            (
                "exempt-without-end",
                "note",
                "policy.exempt: number 2 has no last day",
                15
            ),
        ]
    );
}

#[test]
fn settings_of_remembered_approvals_without_an_effect_are_found() {
    let setup = Setup::new();
    let remembers = |services: &str| {
        let policy = format!("[policy]\nremember_minutes = 10\nremember_services = [{services}]");
        setup.configure("", &policy);
        let found = found(&setup, &["remember-no-effect"]).into_iter();
        found.map(|(_, _, what, _)| what).collect::<Vec<_>>()
    };
    assert_eq!(remembers("\"sshd\", \"cockpit\""), [""; 0]);
    assert_eq!(
        remembers("\"sshd\", \"sudo\""),
        ["policy.remember_services: sudo never remembers an approval"]
    );
}
