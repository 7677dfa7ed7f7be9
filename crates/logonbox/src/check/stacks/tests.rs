use std::rc::Rc;

use super::*;
use crate::check::test_host::{host, services};
use login::config::Config;

const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so nullok\n\
                      auth requisite pam_deny.so\nauth required pam_permit.so\n";
const GOOD: &str = "@include common-auth\n\
                    auth [success=ok ignore=ignore default=die] pam_logonbox.so\n";
const PUSH: &str = "[logonbox]\ntenant = \"acme\"\n";
const CONF: &str = "/etc/security/pam_logonbox.toml";

/// The findings on a host with these files in /etc/pam.d, as `id file:line`.
fn found(files: &[(&str, &str)], conf: &str, after_key: bool) -> Vec<String> {
    let all = [&[("pam.d/common-auth", COMMON)], files].concat();
    let (_dir, root) = host(&all);
    let config = Config::parse(Path::new(CONF), conf, "").unwrap();
    let mut configs = Configs::default();
    configs.insert(CONF.into(), config);
    let context = Context {
        root: &root,
        conf: Path::new(CONF),
        configs: &configs,
        after_key: after_key.then(|| "sshd".to_owned()),
        named: BTreeSet::new(),
    };
    let mut report = Report::default();
    check(&services(&root), &context, &mut report);
    let mut found: Vec<String> = report
        .findings
        .iter()
        .map(|(_, finding)| {
            let file = finding.file.as_deref().unwrap_or("-");
            let line = finding.line.map_or("-".to_owned(), |line| line.to_string());
            format!("{} {} {file}:{line}", finding.severity.word(), finding.id)
        })
        .collect();
    found.sort_unstable();
    found
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn mistakes_are_found_where_they_are() {
    for (files, expected) in [
        (vec![("pam.d/sshd", GOOD)], vec![]),
        (
            vec![("pam.d/sshd", "@include common-auth\n")],
            vec!["warning stack-none -:-"],
        ),
        // libpam logs nothing of a line that begins with a dash.
        (
            vec![(
                "pam.d/sshd",
                "@include common-auth\n-auth optional /lib/pam_logonbox.so\n",
            )],
            vec!["error module-missing /etc/pam.d/sshd:2"],
        ),
        (
            vec![(
                "pam.d/sshd",
                "@include common-auth\nauth optional pam_logonbx.so\n",
            )],
            vec![
                "error module-missing /etc/pam.d/sshd:2",
                "warning stack-none -:-",
            ],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!("{GOOD}account required pam_deny.so\n"),
            )],
            vec!["error stack-account-refuses /etc/pam.d/sshd:-"],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!("auth sufficient pam_permit.so\n{GOOD}"),
            )],
            vec!["error stack-asks-nothing /etc/pam.d/sshd:1"],
        ),
        (
            vec![(
                "pam.d/sshd",
                "@include common-auth\nauth optional pam_logonbox.so\n",
            )],
            vec!["error stack-refusal-does-not-count /etc/pam.d/sshd:2"],
        ),
        // Reported once, at the line that must be changed.
        (
            vec![
                ("pam.d/sshd", GOOD),
                ("pam.d/login", GOOD),
                (
                    "pam.d/common-auth",
                    "auth sufficient pam_unix.so\nauth requisite pam_deny.so\n",
                ),
            ],
            vec!["error stack-phone-skipped /etc/pam.d/common-auth:1"],
        ),
        (
            vec![("pam.d/su", GOOD), ("pam.d/su-l", "@include common-auth\n")],
            vec!["error stack-pair-differs /etc/pam.d/su-l:-"],
        ),
        (
            vec![("pam.d/su", GOOD), ("pam.d/su-l", "auth include su\n")],
            vec![],
        ),
        (
            vec![
                ("pam.d/sudo-i", GOOD),
                ("pam.d/sudo", "@include common-auth\n"),
            ],
            vec!["error stack-pair-differs /etc/pam.d/sudo:-"],
        ),
        (
            vec![
                ("pam.d/sshd", GOOD),
                ("pam.d/polkit-1", GOOD),
                ("pam.d/chsh", GOOD),
            ],
            vec!["warning stack-reaches-others /etc/pam.d/chsh:2"],
        ),
        (
            vec![
                ("pam.d/sshd", GOOD),
                ("pam.d/sshd.dpkg-old", GOOD),
                ("pam.d/sshd~", GOOD),
            ],
            vec![],
        ),
        (
            vec![("pam.d/sshd", GOOD), ("pam.d/sshd-airlock", GOOD)],
            vec!["warning stack-example-name /etc/pam.d/sshd-airlock:-"],
        ),
        (
            vec![
                ("pam.d/sshd", GOOD),
                ("pam.conf", "# x\nsu auth required pam_logonbox.so\n"),
            ],
            vec!["warning stack-pam-conf /etc/pam.conf:2"],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!("{GOOD}account required pam_logonbox.so\n"),
            )],
            vec!["warning stack-wrong-type /etc/pam.d/sshd:3"],
        ),
        (
            vec![("pam.d/sshd", "session required pam_logonbox.so\n")],
            vec![
                "error stack-wrong-type /etc/pam.d/sshd:1",
                "warning stack-none -:-",
            ],
        ),
        (
            vec![(
                "pam.d/sshd",
                &GOOD
                    .replace(".so\n", ".so Debug\n")
                    .replace("unix.so Debug", "unix.so"),
            )],
            vec!["error stack-bad-argument /etc/pam.d/sshd:2"],
        ),
        (
            vec![("pam.d/sshd", &format!("@include common-auht\n{GOOD}"))],
            vec!["error stack-include-missing /etc/pam.d/sshd:1"],
        ),
    ] {
        assert_eq!(found(&files, PUSH, false), expected, "{files:#?}");
    }
}

#[test]
fn the_configuration_of_the_stack_counts() {
    let alone = "auth [success=done ignore=ignore default=die] pam_logonbox.so\n\
                 auth requisite pam_deny.so\n";
    let airlock = "mode = \"airlock\"\n[airlock]\nurl = \"https://iam.acme.com/auth/rest\"\n";
    let sshd = |text| vec![("pam.d/sshd", text)];
    assert_eq!(found(&sshd(alone), airlock, false), [""; 0]);
    assert_eq!(
        found(&sshd(alone), PUSH, false),
        ["error stack-no-first-factor /etc/pam.d/sshd:1"]
    );
    let exempt = format!("{PUSH}[[policy.exempt]]\nusers = [\"kim\"]\n");
    let dies = "@include common-auth\nauth [success=ok default=die] pam_logonbox.so\n";
    assert_eq!(
        found(&sshd(dies), PUSH, false),
        ["warning stack-exempt-refused /etc/pam.d/sshd:2"]
    );
    assert_eq!(
        found(&sshd(dies), &exempt, false),
        ["error stack-exempt-refused /etc/pam.d/sshd:2"]
    );
    // A key that only sshd requires.
    let key = "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n\
               auth required pam_permit.so\n";
    assert_eq!(
        found(&sshd(key), PUSH, false),
        ["error stack-no-first-factor /etc/pam.d/sshd:1"]
    );
    assert_eq!(
        found(&sshd(key), PUSH, true),
        ["warning stack-key-not-checked /etc/pam.d/sshd:1"]
    );
    assert_eq!(
        found(&[("pam.d/su", key), ("pam.d/su-l", key)], PUSH, true),
        [
            "error stack-no-first-factor /etc/pam.d/su-l:1",
            "error stack-no-first-factor /etc/pam.d/su:1"
        ]
    );
}

/// Every fault has its own text, in each of its variants.
#[test]
fn faults_are_put_into_words() {
    let group = |fault, unsure: bool, phone| Group {
        occurrence: Occurrence {
            fault,
            at: None,
            codes: REFUSALS.to_vec(),
            always: true,
            unsure: if unsure {
                vec!["pam_acme.so".to_owned()]
            } else {
                Vec::new()
            },
        },
        at: Place {
            file: Rc::from(Path::new("/etc/pam.d/common-auth")),
            line: Some(1),
        },
        line: Some("sufficient pam_unix.so".to_owned()),
        phone,
        situation: Situation::default(),
        services: ["sshd", "su", "login"].map(str::to_owned).into(),
    };
    let mut ids = BTreeSet::new();
    for fault in [
        Fault::RefusalDoesNotCount,
        Fault::PhoneSkipped,
        Fault::PhoneInsteadOfPassword,
        Fault::NoFirstFactor,
        Fault::RingsBeforePassword,
        Fault::RingsAfterWrongPassword,
        Fault::RingsTwice,
        Fault::NobodyGetsIn,
        Fault::ExemptRefused,
        Fault::ExemptNothingLeft,
        Fault::ExemptWithoutFactor,
        Fault::KeyAloneWhileAway,
        Fault::AskedAfterRefusal,
        Fault::NoPasswordInStack,
        Fault::FirstFactorMayBeMissing,
        Fault::NothingAsked,
    ] {
        let finding = in_words(&group(fault, false, None)).unwrap();
        assert!(ids.insert(finding.id), "{finding:?}");
        let text = format!("{}{}{}", finding.what, finding.why, finding.advice);
        assert!(!text.contains("  "), "{finding:?}");
        let finding = in_words(&group(fault, true, None)).unwrap();
        assert_ne!(finding.severity, Severity::Error, "{finding:?}");
    }
    let phone = Place {
        file: Rc::from(Path::new("/etc/pam.d/sshd")),
        line: Some(7),
    };
    let finding = in_words(&group(Fault::PhoneSkipped, false, Some(phone))).unwrap();
    assert_eq!(
        finding.what,
        "This line leads past the line with pam_logonbox.so (/etc/pam.d/sshd:7): sufficient pam_unix.so"
    );
    assert!(
        finding.why.starts_with("In login, sshd and su, "),
        "{finding:?}"
    );
}
