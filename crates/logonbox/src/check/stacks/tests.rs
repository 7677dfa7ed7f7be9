use std::rc::Rc;

use super::*;
use crate::check::test_host::{host, services};
use login::config::Config;

const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so nullok\n\
                      auth requisite pam_deny.so\nauth required pam_permit.so\n";
const GOOD: &str = "@include common-auth\n\
                    auth [success=ok ignore=ignore default=die] pam_logonbox.so\n";
const PUSH: &str = "[logonbox]\ntenant = \"acme\"\n";
const DELAY: &str = "auth optional pam_faildelay.so delay=100000";
const CONF: &str = "/etc/security/pam_logonbox.toml";

/// The findings on a host with these files in /etc.
fn findings(files: &[(&str, &str)], conf: &str, after_key: bool) -> Vec<Finding> {
    asked(files, conf, Some(after_key))
}

/// `after_key` is `None` if sshd does not tell.
fn asked(files: &[(&str, &str)], conf: &str, after_key: Option<bool>) -> Vec<Finding> {
    let all = [&[("pam.d/common-auth", COMMON)], files].concat();
    let (_dir, root) = host(&all);
    let config = Config::parse(Path::new(CONF), conf, "").unwrap();
    let mut configs = Configs::default();
    configs.insert(CONF.into(), config);
    let context = Context {
        root: &root,
        conf: Path::new(CONF),
        configs: &configs,
        after_key: (after_key == Some(true)).then(|| "sshd".to_owned()),
        sshd_unknown: after_key.is_none(),
        named: BTreeSet::new(),
        sudos: &[],
        has_package: |files| Some(!files.contains(&"/etc/pam.d/ssh")),
    };
    let mut report = Report::default();
    check(&services(&root), &context, &mut report);
    let findings = report.findings.into_iter();
    findings.map(|(_, finding)| finding).collect()
}

/// The findings as `severity id file:line`.
fn found(files: &[(&str, &str)], conf: &str, after_key: bool) -> Vec<String> {
    let mut found: Vec<String> = findings(files, conf, after_key)
        .iter()
        .map(|finding| {
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
    let mut wrong = Vec::new();
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
        // No program asks for the service ssh.
        (
            vec![("pam.d/ssh", GOOD)],
            vec!["warning stack-unknown-service /etc/pam.d/ssh:2"],
        ),
        (
            vec![("pam.d/sshd", GOOD), ("pam.d/ssh", GOOD)],
            vec!["note stack-unknown-service /etc/pam.d/ssh:2"],
        ),
        // Each module ignores the user.
        (
            vec![(
                "pam.d/sshd",
                &format!("{GOOD}account required pam_nologin.so\n"),
            )],
            vec!["error stack-account-refuses /etc/pam.d/sshd:-"],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!("{GOOD}account required pam_nologin.so successok\n"),
            )],
            vec![],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!("{GOOD}account required pam_logonbox.so\n"),
            )],
            vec![
                "error stack-account-refuses /etc/pam.d/sshd:-",
                "warning stack-wrong-type /etc/pam.d/sshd:3",
            ],
        ),
        // pam_krb5.so asks by itself.
        (
            vec![(
                "pam.d/sshd",
                &format!("auth requisite pam_sss.so use_first_pass\n{PHONE}"),
            )],
            vec!["error stack-no-earlier-password /etc/pam.d/sshd:1"],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!("auth requisite pam_krb5.so use_first_pass\n{PHONE}"),
            )],
            vec![],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!(
                    "auth optional pam_sss.so use_first_pass\nauth requisite pam_unix.so\n{PHONE}"
                ),
            )],
            vec!["warning stack-no-earlier-password /etc/pam.d/sshd:1"],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!(
                    "auth requisite pam_unix.so\nauth optional pam_sss.so use_first_pass\n{PHONE}"
                ),
            )],
            vec![],
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
        // The first two have a line of their own.
        (
            vec![
                ("pam.d/sshd", GOOD),
                ("pam.d/polkit-1", GOOD),
                ("pam.d/chsh", "auth include chfn\n"),
                ("pam.d/chfn", GOOD),
            ],
            vec!["warning stack-reaches-others /etc/pam.d/chfn:2"],
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
        // Included, so that libpam reads it.
        (
            vec![("pam.d/sshd", "auth include SSHD\n"), ("pam.d/SSHD", GOOD)],
            vec![],
        ),
        (
            vec![
                ("pam.d/su", GOOD),
                ("pam.d/su-l", GOOD),
                ("pam.d/SSHD", GOOD),
            ],
            vec!["warning stack-capitals /etc/pam.d/SSHD:2"],
        ),
        (
            vec![
                ("pam.d/su", GOOD),
                ("pam.d/su-l", GOOD),
                ("pam.d/sshd/file", ""),
            ],
            vec!["error stack-file /etc/pam.d/sshd:-"],
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
                &format!("{GOOD}account required pam_unix.so\naccount required pam_logonbox.so\n"),
            )],
            vec!["warning stack-wrong-type /etc/pam.d/sshd:4"],
        ),
        (
            vec![("pam.d/sshd", "session required pam_logonbox.so\n")],
            vec![
                "error stack-session-refuses /etc/pam.d/sshd:-",
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
        // The backslash makes the line of the module part of the line before it.
        (
            vec![
                (
                    "pam.d/sshd",
                    &format!("@include common-auth\n{DELAY} \\\n{PHONE}"),
                ),
                ("pam.d/su", GOOD),
                ("pam.d/su-l", GOOD),
            ],
            vec!["error stack-line-not-taken /etc/pam.d/sshd:3"],
        ),
        (
            vec![
                ("pam.d/sshd", "@include common-auth\n"),
                ("pam.d/common-auth", &format!("{COMMON}{DELAY} \\\n{PHONE}")),
            ],
            vec![
                "error stack-line-not-taken /etc/pam.d/common-auth:5",
                "warning stack-none -:-",
            ],
        ),
        (
            vec![(
                "pam.d/sshd",
                &GOOD.replace(" pam_logonbox", " \\\n pam_logonbox"),
            )],
            vec![],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!("{GOOD}# auth required pam_logonbox.so\n"),
            )],
            vec![],
        ),
        // sudo keeps the user id of its caller.
        (
            vec![
                (
                    "pam.d/sudo",
                    &format!("auth sufficient pam_rootok.so\n{GOOD}"),
                ),
                ("pam.d/sudo-i", GOOD),
            ],
            vec![],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!("{GOOD}session required pam_lastlogg.so\n"),
            )],
            vec!["error module-missing /etc/pam.d/sshd:3"],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!(
                    "{GOOD}session required pam_permit.so\nsession optional pam_lastlogg.so\n\
                     -session optional pam_systemdd.so\n"
                ),
            )],
            vec![],
        ),
        (
            vec![(
                "pam.d/sshd",
                &format!("{GOOD}session requisite pam_deny.so\n"),
            )],
            vec!["error stack-session-refuses /etc/pam.d/sshd:-"],
        ),
        (
            vec![("pam.d/sshd", ""), ("pam.d/su", GOOD), ("pam.d/su-l", GOOD)],
            vec!["error stack-takes-other /etc/pam.d/sshd:-"],
        ),
    ] {
        let found = found(&files, PUSH, false);
        if found != expected {
            wrong.push(format!("{files:?}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
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
        ["error stack-no-first-factor /etc/pam.d/su:1"]
    );
}

/// sshd may require a key, and does not call the stack of su.
#[test]
fn a_phone_alone_if_sshd_does_not_tell() {
    let alone = "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n";
    let remember =
        format!("{PUSH}[policy]\nremember_minutes = 10\nremember_services = [\"sshd\"]\n");
    for (conf, expected) in [
        (PUSH, vec!["warning stack-no-first-factor"]),
        (
            &*remember,
            vec![
                "warning stack-exempt-without-password",
                "warning stack-no-first-factor",
            ],
        ),
    ] {
        let stack = format!("{alone}auth required pam_permit.so\n");
        let found = asked(&[("pam.d/sshd", &stack)], conf, None);
        let why = |finding: &Finding| finding.why.contains("depends on sshd's settings");
        assert!(found.iter().all(why), "{found:?}");
        let found = found.iter();
        let mut found: Vec<_> = found
            .map(|finding| format!("{} {}", finding.severity.word(), finding.id))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
    let files = [
        ("pam.d/common-phone", alone),
        ("pam.d/sshd", "@include common-phone\n"),
        ("pam.d/su", "@include common-phone\n"),
        ("pam.d/su-l", "@include common-phone\n"),
    ];
    let found = asked(&files, PUSH, None);
    let found = found
        .iter()
        .filter(|finding| finding.id == "stack-no-first-factor");
    let mut severities: Vec<_> = found.map(|finding| finding.severity.word()).collect();
    severities.sort_unstable();
    assert_eq!(severities, ["error", "warning"]);
    // This stack has a first factor of its own.
    let skips = "auth sufficient pam_logonbox.so\n@include common-auth\n";
    let found = asked(&[("pam.d/sshd", skips)], PUSH, None);
    assert!(
        found
            .iter()
            .any(|finding| finding.severity == Severity::Error
                && finding.id == "stack-phone-instead-of-password"),
        "{found:?}"
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
            conditions: Vec::new(),
            users_of: BTreeSet::new(),
            unsure: if unsure {
                vec!["pam_acme.so".to_owned()]
            } else {
                Vec::new()
            },
        },
        at: BTreeSet::from([Place {
            file: Rc::from(Path::new("/etc/pam.d/common-auth")),
            line: Some(1),
        }]),
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
        Fault::UsersOfOneRefused,
        Fault::ExemptRefused,
        Fault::ExemptNothingLeft,
        Fault::ExemptWithoutFactor,
        Fault::KeyAloneWhileAway,
        Fault::AskedAfterRefusal,
        Fault::NoPasswordInStack,
        Fault::NoEarlierPassword,
        Fault::FirstFactorMayBeMissing,
        Fault::NothingAsked,
    ] {
        let finding = in_words(&group(fault, false, None));
        assert!(ids.insert(finding.id), "{finding:?}");
        let text = format!("{}{}{}", finding.what, finding.why, finding.advice);
        assert!(!text.contains("  "), "{finding:?}");
        let finding = in_words(&group(fault, true, None));
        assert_ne!(finding.severity, Severity::Error, "{finding:?}");
    }
    let phone = Place {
        file: Rc::from(Path::new("/etc/pam.d/sshd")),
        line: Some(7),
    };
    let finding = in_words(&group(Fault::PhoneSkipped, false, Some(phone)));
    assert_eq!(
        finding.what,
        "After this line, libpam skips the line with pam_logonbox.so (/etc/pam.d/sshd:7): sufficient pam_unix.so"
    );
    assert!(
        finding.why.starts_with("In login, sshd and su, "),
        "{finding:?}"
    );
}

/// The only finding about sshd with these lines, and who meets it.
fn the_finding(lines: &str) -> String {
    let findings = findings(&[("pam.d/sshd", lines)], PUSH, false);
    let [finding] = findings.as_slice() else {
        panic!("{lines}{findings:#?}");
    };
    let line = finding.line.map_or("-".to_owned(), |line| line.to_string());
    let beginnings = [" This is about users ", " This happens "];
    let who = beginnings
        .iter()
        .find_map(|start| finding.why.split_once(start));
    let who = who.map_or("all", |(_, who)| who);
    format!("{} {}:{line} {who}", finding.severity.word(), finding.id)
}

const PHONE: &str = "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n";

/// One module of several knows a user.
#[test]
fn users_of_one_module() {
    let or = |unix: &str, sss: &str| {
        format!(
            "auth [success={unix} default=ignore] pam_unix.so\n\
             auth [success={sss} default=ignore] pam_sss.so\n\
             auth requisite pam_deny.so\n{PHONE}auth required pam_permit.so\n"
        )
    };
    for (lines, expected) in [
        (or("2", "ok"), "warning stack-refuses-some:2 of pam_sss.so."),
        (or("1", "1"), "error stack-refuses-some:1 of pam_unix.so."),
        (or("2", "2"), "error stack-phone-skipped:2 of pam_sss.so."),
        (or("ok", "ok"), "error stack-nobody-gets-in:4 all"),
        // Only users with a token skip the phone.
        (
            format!(
                "auth [success=2 ignore=ignore default=die] pam_google_authenticator.so nullok\n\
                 auth requisite pam_unix.so\n{PHONE}auth required pam_permit.so\n"
            ),
            "error stack-phone-skipped:1 of pam_google_authenticator.so.",
        ),
        // A jump does not count as success.
        (
            format!(
                "auth [success=ok default=1] pam_unix.so\n\
                 auth [default=2] pam_permit.so\n\
                 auth [success=1 default=ignore] pam_sss.so\n\
                 auth requisite pam_deny.so\n{PHONE}"
            ),
            "warning stack-exempt-nothing-left:5 of pam_sss.so.",
        ),
    ] {
        assert_eq!(the_finding(&lines), expected, "{lines}");
    }
    for lines in [
        or("2", "1"),
        // All of these modules must know the user.
        format!("auth required pam_google_authenticator.so\n{GOOD}"),
        format!("@include common-auth\nauth required pam_google_authenticator.so nullok\n{PHONE}"),
        format!("@include common-auth\nauth optional pam_krb5.so\n{PHONE}"),
    ] {
        assert_eq!(
            found(&[("pam.d/sshd", &lines)], PUSH, false),
            [""; 0],
            "{lines}"
        );
    }
}

#[test]
fn conditions_that_cannot_be_evaluated() {
    let svc = "pam_succeed_if.so user = svc";
    for (lines, expected) in [
        (
            format!("@include common-auth\nauth [success=1 default=ignore] {svc}\n{PHONE}"),
            format!("warning stack-phone-skipped-for-some:2 only if {svc} is true."),
        ),
        // Over the password, to pam_deny.so.
        (
            format!("auth [success=1 default=ignore] {svc}\n{GOOD}"),
            format!("warning stack-refuses-some:3 only if {svc} is true."),
        ),
        (
            format!("@include common-auth\nauth [success=ignore default=1] {svc}\n{PHONE}"),
            format!("warning stack-phone-skipped-for-some:2 only if {svc} is not true."),
        ),
    ] {
        assert_eq!(the_finding(&lines), expected, "{lines}");
    }
    // Two conditions, and one of them does not matter.
    let both = format!(
        "auth optional pam_localuser.so\n@include common-auth\n\
         auth [success=1 default=ignore] {svc}\n{PHONE}"
    );
    assert_eq!(
        the_finding(&both),
        format!("warning stack-phone-skipped-for-some:3 only if {svc} is true.")
    );
    // The condition itself refuses these users.
    for lines in [
        format!("auth required pam_succeed_if.so user != root\n{GOOD}"),
        format!("auth [success=1 default=ignore] {svc}\nauth requisite pam_deny.so\n{GOOD}"),
        // As authselect writes it.
        format!("auth substack password-auth\n{PHONE}"),
    ] {
        let password = "auth required pam_env.so\n\
            auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
            auth [default=1 ignore=ignore success=ok] pam_localuser.so\n\
            auth sufficient pam_unix.so nullok\n\
            auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
            auth sufficient pam_sss.so forward_pass\n\
            auth required pam_deny.so\n";
        let files = [("pam.d/sshd", &*lines), ("pam.d/password-auth", password)];
        let mut found = found(&files, PUSH, false);
        // This is why the README replaces that line.
        found.retain(|one| !one.contains("stack-rings-after-wrong-password"));
        assert_eq!(found, [""; 0], "{lines}");
    }
}

/// A mistake in a file that many services include is one finding.
#[test]
fn shared_files() {
    let names: Vec<String> = (0..10).map(|number| format!("pam.d/app{number}")).collect();
    for (common, place) in [
        (COMMON.replace('\n', "\r\n"), 1),
        (COMMON.replace("requisite", "requisit"), 2),
        (COMMON.replace("default=ignore", "default=ignored"), 1),
        (COMMON.replace("auth requisite", "aut requisite"), 2),
    ] {
        let mut files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, GOOD)).collect();
        files.push(("pam.d/common-auth", &common));
        let mut findings = findings(&files, PUSH, false);
        findings.retain(|finding| ["module-missing", "stack-syntax"].contains(&finding.id));
        let [finding] = findings.as_slice() else {
            panic!("{common}{findings:#?}");
        };
        assert_eq!(finding.file.as_deref(), Some("/etc/pam.d/common-auth"));
        assert_eq!(finding.line, Some(place), "{finding:?}");
        let many = "app0, app1, app2, app3, app4, app5, app6, app7 and 2 more.";
        assert!(finding.why.ends_with(many), "{finding:?}");
    }
}

#[test]
fn an_auth_line_with_a_module_for_account() {
    let common = format!("{COMMON}auth required pam_account.so\n");
    let (_dir, root) = host(&[
        ("pam.d/common-auth", &*common),
        ("pam.d/sshd", GOOD),
        ("pam.d/su", GOOD),
        ("pam.d/su-l", GOOD),
    ]);
    crate::check::test_host::account_module(&root, "pam_account.so");
    let context = Context {
        root: &root,
        conf: Path::new(CONF),
        configs: &Configs::default(),
        after_key: None,
        sshd_unknown: false,
        named: BTreeSet::new(),
        sudos: &[],
        has_package: |_| None,
    };
    let mut report = Report::default();
    check(&services(&root), &context, &mut report);
    let mut found = report.findings.iter().map(|(_, finding)| finding);
    let finding = found.find(|one| one.id == "stack-wrong-module").unwrap();
    assert_eq!(
        finding.what,
        "An auth line names pam_account.so, which cannot authenticate"
    );
    assert_eq!(finding.file.as_deref(), Some("/etc/pam.d/common-auth"));
    assert_eq!(finding.line, Some(4));
    assert!(finding.why.ends_with("sshd, su and su-l."), "{finding:?}");
}

/// The pair of sudo has the names that sudo tells.
#[test]
fn the_services_that_sudo_names() {
    let (_dir, root) = host(&[
        ("pam.d/common-auth", COMMON),
        ("pam.d/sudo", GOOD),
        ("pam.d/sudo-i", "@include common-auth\n"),
        ("pam.d/x", GOOD),
        ("pam.d/y", "@include common-auth\n"),
    ]);
    let services = services(&root);
    let found = |sudos: &[(&str, &str)]| {
        let sudos: Vec<_> = sudos
            .iter()
            .map(|(service, login_service)| {
                let mut sudo = Sudo::default();
                sudo.service = (*service).to_owned();
                sudo.login_service = (*login_service).to_owned();
                sudo
            })
            .collect();
        let context = Context {
            root: &root,
            conf: Path::new(CONF),
            configs: &Configs::default(),
            after_key: None,
            named: BTreeSet::new(),
            sshd_unknown: false,
            sudos: &sudos,
            has_package: |_| None,
        };
        let mut report = Report::default();
        pairs(&services, &context, &mut report);
        let found = report.findings.into_iter();
        found.map(|(_, finding)| finding.what).collect::<Vec<_>>()
    };
    let differs = "sudo -i does not ask for the phone: its service is sudo-i";
    assert_eq!(found(&[]), [differs]);
    assert_eq!(found(&[("sudo", "sudo-i")]), [differs]);
    assert_eq!(found(&[("sudo", "sudo")]), [""; 0]);
    assert_eq!(found(&[("sudo", "SUDO")]), [""; 0]);
    assert_eq!(found(&[("sudo", "sudo"), ("x", "sudo-i")]), [differs]);
    // Its finding is sudo-service-name.
    assert_eq!(found(&[("sudo", "y")]), [""; 0]);
    assert_eq!(
        found(&[("sudo-i", "sudo")]),
        ["sudo does not ask for the phone: its service is sudo-i"]
    );
    // The phone is in a file that no sudo asks for.
    assert_eq!(found(&[("sudo-i", "sudo-i")]), [differs]);
}

/// A fault at the lines of several services is one finding.
#[test]
fn a_shared_file_that_is_damaged() {
    let names: Vec<String> = (0..10).map(|number| format!("pam.d/app{number}")).collect();
    let many = "app0, app1, app2, app3, app4, app5, app6, app7 and 2 more";
    for (common, expected) in [
        ("", "stack-no-first-factor"),
        ("auth required pam_deny.so\n", "stack-nobody-gets-in"),
        ("@include gone\n", "stack-include-missing"),
        ("auth required pam_gone.so\n", "module-missing"),
        ("account requisite pam_deny.so\n", "stack-account-refuses"),
        ("@include common-auth\n", "stack-loop"),
    ] {
        let common = format!(
            "{}{common}",
            if common.contains("account") {
                COMMON
            } else {
                ""
            }
        );
        let mut files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, GOOD)).collect();
        files.push(("pam.d/common-auth", &common));
        let found = findings(&files, PUSH, false);
        let ids: Vec<_> = found.iter().map(|finding| finding.id).collect();
        assert!(ids.contains(&expected), "{common}{found:#?}");
        for finding in found {
            let text = format!("{} {}", finding.what, finding.why);
            assert!(text.contains(many), "{common}{finding:#?}");
        }
    }
    // The file itself is missing.
    let gone = GOOD.replace("common-auth", "common-auht");
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &*gone)).collect();
    let found = findings(&files, PUSH, false);
    let ids: Vec<_> = found.iter().map(|finding| finding.id).collect();
    assert_eq!(ids, ["stack-include-missing"], "{found:#?}");
}

/// libpam takes the lines of the service other, so that they are at fault.
#[test]
fn services_without_auth_lines() {
    let common = format!("auth sufficient pam_unix.so\n{PHONE}");
    let found = findings(
        &[
            ("pam.d/common-auth", &common),
            ("pam.d/other", "@include common-auth\n"),
            ("pam.d/passwd", "password required pam_unix.so\n"),
            ("pam.d/sshd", "@include common-auth\n"),
        ],
        PUSH,
        false,
    );
    let skipped = |finding: &&Finding| finding.id == "stack-phone-skipped";
    let skipped: Vec<_> = found.iter().filter(skipped).collect();
    let [finding] = skipped.as_slice() else {
        panic!("{found:#?}");
    };
    assert!(finding.why.contains("In passwd and sshd, "), "{finding:?}");
    assert_eq!(finding.file.as_deref(), Some("/etc/pam.d/common-auth"));
    assert_eq!(finding.line, Some(1));
}

/// libpam says several things about one line.
#[test]
fn a_byte_order_mark() {
    let text = format!("\u{feff}#\n{GOOD}");
    assert_eq!(
        found(&[("pam.d/sshd", &text)], PUSH, false),
        ["error stack-syntax /etc/pam.d/sshd:1"]
    );
}

/// libpam would wait for a writer. This command does not.
#[test]
fn a_fifo_in_place_of_a_file() {
    for (fifo, hanging, also) in [
        ("sshd", "sshd", Some("stack-refusal-does-not-count")),
        ("common-auth", "sshd, su and su-l", None),
        // libpam reads it for each service.
        ("other", "login, sshd, su and su-l", None),
    ] {
        let optional = "@include common-auth\nauth optional pam_logonbox.so\n";
        let (dir, root) = host(&[
            ("pam.d/common-auth", COMMON),
            ("pam.d/login", "auth required pam_unix.so\n"),
            ("pam.d/sshd", GOOD),
            ("pam.d/su", optional),
            ("pam.d/su-l", optional),
        ]);
        let path = dir.path().join("etc/pam.d").join(fifo);
        std::fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let context = Context {
            root: &root,
            conf: Path::new(CONF),
            configs: &Configs::default(),
            after_key: None,
            sshd_unknown: false,
            named: BTreeSet::new(),
            sudos: &[],
            has_package: |files| Some(!files.contains(&"/etc/pam.d/ssh")),
        };
        let mut report = Report::default();
        check(&services(&root), &context, &mut report);
        let what = format!(
            "libpam does not answer about {hanging}: /etc/pam.d/{fifo} is a FIFO, which libpam opens"
        );
        let of_fifo = |finding: &&(Area, Finding)| finding.1.what == what;
        let found: Vec<_> = report.findings.iter().filter(of_fifo).collect();
        let [(_, finding)] = found.as_slice() else {
            panic!("{fifo}: {:#?}", report.findings);
        };
        assert_eq!(finding.id, "stack-file");
        assert_eq!(
            finding.file.as_deref(),
            Some(&*format!("/etc/pam.d/{fifo}"))
        );
        assert!(report.has_gaps(), "{fifo}");
        assert!(!crate::check::test_host::ids(&report).contains(&"stack-none"));
        let ids = crate::check::test_host::ids(&report);
        assert!(also.is_none_or(|id| ids.contains(&id)), "{fifo}: {ids:?}");
    }
}

/// The module returns `PAM_IGNORE` for remembered logins, so another line must ask for a factor.
#[test]
fn approvals_are_remembered_in_a_stack_without_another_factor() {
    let alone = format!("auth {RIGHT} pam_logonbox.so\n");
    let permit = format!("{alone}auth required pam_permit.so\n");
    let stack = |text: &str, minutes: u32| {
        let conf = format!("{PUSH}[policy]\nremember_minutes = {minutes}\n");
        let ids = findings(&[("pam.d/sshd", text)], &conf, false).into_iter();
        ids.filter(|finding| finding.severity == Severity::Error)
            .map(|finding| (finding.id, finding.what.contains("remembered")))
            .collect::<Vec<_>>()
    };
    let no_first = ("stack-no-first-factor", false);
    assert_eq!(stack(&alone, 0), [no_first]);
    let locked_out = ("stack-exempt-nothing-left", false);
    assert_eq!(stack(&alone, 10), [no_first, locked_out]);
    let no_factor = ("stack-exempt-without-password", true);
    assert_eq!(stack(&permit, 10), [no_first, no_factor]);
    assert_eq!(stack(GOOD, 10), []);
}

/// Before libpam 1.6, a continued line goes on behind a comment.
#[test]
fn a_comment_in_a_continued_line() {
    let sshd = format!("@include common-auth\n{DELAY} \\\n# the phone\n{PHONE}");
    let files = [("pam.d/sshd", &*sshd), ("pam.d/common-auth", COMMON)];
    let (_dir, root) = host(&files);
    let expected = if services(&root).get("sshd").unwrap().has_phone() {
        vec![]
    } else {
        vec![
            "error stack-line-not-taken /etc/pam.d/sshd:4",
            "warning stack-none -:-",
        ]
    };
    assert_eq!(found(&files, PUSH, false), expected);
}

/// If `other` is part of a loop, libpam refuses all services.
#[test]
fn services_beside_a_loop_are_checked() {
    let permits = "account required pam_permit.so\nsession required pam_permit.so\n";
    let unix = "auth requisite pam_unix.so\n";
    let of_su = "error stack-refusal-does-not-count /etc/pam.d/su-l:2";
    for (other, expected) in [("@include common-auth\n", vec![]), (unix, vec![of_su])] {
        let mut found = found(
            &[
                ("pam.d/common-auth", &format!("{COMMON}@include sshd\n")),
                ("pam.d/other", &format!("{other}{permits}")),
                ("pam.d/sshd", GOOD),
                ("pam.d/su", &format!("{unix}{PHONE}{permits}")),
                (
                    "pam.d/su-l",
                    &format!("{unix}auth optional pam_logonbox.so\n{permits}"),
                ),
            ],
            PUSH,
            false,
        );
        let all = found.len();
        found.retain(|one| !one.starts_with("error stack-loop"));
        assert!(found.len() < all, "{other}");
        assert_eq!(found, expected, "{other}");
    }
}

/// libpam goes on to the file of the vendor, or to the service other.
#[test]
fn links_in_place_of_files() {
    for (target, vendor, expected) in [
        ("nowhere", "", vec!["stack-takes-other"]),
        ("nowhere", GOOD, vec![]),
        // Masked on purpose.
        ("/dev/null", "", vec![]),
    ] {
        let (dir, root) = host(&[
            ("pam.d/common-auth", COMMON),
            ("pam.d/su", GOOD),
            ("pam.d/su-l", GOOD),
        ]);
        let link = dir.path().join("etc/pam.d/sshd");
        std::os::unix::fs::symlink(target, link).unwrap();
        std::fs::create_dir_all(dir.path().join("dev")).unwrap();
        if !vendor.is_empty() {
            let directory = dir.path().join("usr/lib/pam.d");
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join("sshd"), vendor).unwrap();
        }
        let context = Context {
            root: &root,
            conf: Path::new(CONF),
            configs: &Configs::default(),
            after_key: None,
            sshd_unknown: false,
            named: BTreeSet::new(),
            sudos: &[],
            has_package: |files| Some(!files.contains(&"/etc/pam.d/ssh")),
        };
        let mut report = Report::default();
        check(&services(&root), &context, &mut report);
        assert_eq!(crate::check::test_host::ids(&report), expected, "{target}");
    }
}

#[test]
fn ways_around_and_lists_of_users_are_notes() {
    let access = "account required pam_access.so\n";
    let sudo = format!("{GOOD}{access}");
    let files = [
        ("pam.d/sudo", sudo.as_str()),
        ("pam.d/sudo-i", GOOD),
        ("pam.d/polkit-1", "@include common-auth\n"),
        ("pam.d/cockpit", "@include common-auth\n"),
    ];
    let notes = |files: &[(&str, &str)]| {
        let found = findings(files, PUSH, false).into_iter();
        let words = found.map(|one| format!("{}: {}", one.severity.word(), one.what));
        words.collect::<Vec<_>>()
    };
    let pam_access =
        "note: pam_access.so can refuse users by its own file, which this command does not read";
    assert_eq!(
        notes(&files),
        [
            "note: The phone is asked in sudo, and not in polkit-1 (pkexec, run0)",
            pam_access
        ]
    );
    assert_eq!(
        notes(&[&files[..2], &[("pam.d/polkit-1", GOOD)]].concat()),
        [pam_access]
    );
    let sshd = [("pam.d/sshd", GOOD), files[3]];
    assert_eq!(
        notes(&sshd),
        ["note: The phone is asked in sshd, and not in cockpit"]
    );
}
