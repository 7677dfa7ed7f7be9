//! `logonbox check` on real hosts: it reports no fault in what is shipped, and finds each mistake
//! that a test makes, with the distribution's own sshd, libpam and files.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::SHOW;
use crate::TestCase;
use crate::machine::{
    Machine, append, command, configure, configure_airlock, edit_stack, install, stack,
    tenant_goes_down,
};

pub const CASES: &[TestCase] = &[
    case("check/shipped", shipped),
    case("check/shipped-fedora", shipped_fedora),
    case("check/pam-auth-update", pam_auth_update),
    case("check/stacks", stacks),
    case("check/airlock", airlock),
    case("check/sshd", sshd),
    case("check/sshd-publickey", sshd_publickey),
    case("check/sshd-match", sshd_match),
    case("check/sshd-methods", sshd_methods),
    case("check/sshd-options", sshd_options),
    case("check/sshd-service", sshd_service),
    case("check/configuration", configuration),
    case("check/host", host),
    case("check/programs", programs),
    case("check/sudo", sudo),
    case("check/not-root", not_root),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/sbin/sshd", run)
}

/// The report of a run.
#[derive(Debug)]
pub struct Found {
    pub code: Option<i32>,
    /// The severities and ids.
    pub findings: Vec<(String, String)>,
    pub document: Value,
}

#[track_caller]
fn list<'d>(document: &'d Value, key: &str) -> &'d [Value] {
    document.get(key).and_then(Value::as_array).expect(key)
}

impl Found {
    /// What was checked, and what could not be checked.
    fn checked(&self) -> &[Value] {
        list(&self.document, "checked")
    }

    /// What could not be checked.
    pub fn not_checked(&self) -> Vec<&Value> {
        let skipped = |checked: &&Value| checked.get("not_checked").is_some_and(Value::is_string);
        self.checked().iter().filter(skipped).collect()
    }
}

/// Runs the command as this user, with these arguments.
#[track_caller]
fn run_as(user: &str, arguments: &[&str]) -> Found {
    let program = "/usr/sbin/logonbox";
    let output = Command::new("/usr/bin/setpriv")
        .args(["--reuid", user, "--regid", user, "--clear-groups", program])
        .args(["check", "--json"])
        .args(arguments)
        // A check that trusted the caller's PATH would not find sshd.
        .env("PATH", "/nowhere")
        .output()
        .expect(program);
    let text = String::from_utf8_lossy(&output.stdout);
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "{error}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    let word = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let findings = ["findings", "notes"]
        .iter()
        .flat_map(|kind| list(&document, kind))
        .map(|finding| (word(finding, "severity"), word(finding, "id")))
        .collect();
    Found {
        code: output.status.code(),
        findings,
        document,
    }
}

#[track_caller]
pub fn run() -> Found {
    run_as("root", &[])
}

/// Whether `logonbox check` reports this finding.
pub fn check_finds(id: &str) -> bool {
    run().findings.iter().any(|(_, found)| found == id)
}

/// Expects only notes of these kinds, and that all was checked.
#[track_caller]
pub fn is_fine(case: &str, notes: &[&str]) {
    let found = run();
    let expected: Vec<_> = notes
        .iter()
        .map(|id| ("note".to_owned(), (*id).to_owned()))
        .collect();
    assert_eq!(found.findings, expected, "{case}: {:#}", found.document);
    assert_eq!(found.code, Some(0), "{case}");
    assert!(found.checked().len() >= 7, "{case}: {:#}", found.document);
    assert!(
        found.not_checked().is_empty(),
        "{case}: {:#}",
        found.document
    );
}

/// Expects this finding with this severity, and no other error.
#[track_caller]
pub fn finds(case: &str, severity: &str, id: &str) {
    finds_in(case, severity, &[id], &run());
}

#[track_caller]
pub fn finds_in(case: &str, severity: &str, ids: &[&str], found: &Found) {
    let expected: BTreeSet<&str> = ids.iter().copied().collect();
    let told: BTreeSet<&str> = found
        .findings
        .iter()
        .filter(|(found, _)| found == severity)
        .map(|(_, id)| id.as_str())
        .collect();
    assert_eq!(told, expected, "{case}: {:#}", found.document);
    let code = match severity {
        "error" => 1,
        "warning" => 3,
        _ => 0,
    };
    assert_eq!(found.code, Some(code), "{case}: {:#}", found.document);
}

const CONFIGURATION: &str = "/etc/security/pam_logonbox.toml";
const DIRECTORIES: [&str; 3] = ["/etc/pam.d", "/etc/ssh/sshd_config.d", "/etc/sudoers.d"];

/// A copy of the distribution's files, to restore them.
pub struct Clean;

impl Clean {
    pub fn save() -> Self {
        for directory in DIRECTORIES {
            command("cp", &["-a", directory, &format!("{directory}.clean")]);
        }
        // systemd creates it elsewhere, and sshd -T needs it.
        fs::create_dir_all("/run/sshd").expect("/run/sshd");
        Self
    }

    #[allow(clippy::unused_self, reason = "only what was saved comes back")]
    pub fn restore(&self) {
        for directory in DIRECTORIES {
            command("rm", &["-rf", directory]);
            command("cp", &["-a", &format!("{directory}.clean"), directory]);
        }
        configure("");
    }
}

/// Sets up sshd as the README says, with the phone after every key, too.
pub fn sshd_with_phone() {
    stack("sshd", "sshd");
    sshd_config("00-logonbox.conf", |text| text.replace("#Auth", "Auth"));
}

/// Sets what most distributions have. In Debian 11, `sudo -i` asks the service sudo.
pub fn sudo_with_two_services() {
    sudoers("Defaults pam_login_service = sudo-i\n");
}

fn sudoers(text: &str) {
    let path = "/etc/sudoers.d/settings";
    fs::write(path, text).expect(path);
    command("chmod", &["440", path]);
}

fn sshd_config(example: &str, change: impl FnOnce(&str) -> String) {
    let path = format!("/etc/ssh/sshd_config.d/{example}");
    install(&format!("sshd_config.d/{example}"), &path);
    let text = fs::read_to_string(&path).expect(&path);
    fs::write(&path, change(&text)).expect(&path);
}

fn as_it_is(text: &str) -> String {
    text.to_owned()
}

const KEYS_SKIP: &str = "sshd-key-skips-phone";
const SUDO_SILENT: &str = "sudo-shows-no-code";
const IGNORES: &str = "on-unavailable-ignore";
const NO_END: &str = "exempt-without-end";

fn shipped(_: &mut Machine) {
    let clean = Clean::save();
    stack("sshd", "sshd");
    sshd_config("00-logonbox.conf", as_it_is);
    is_fine("sshd", &[KEYS_SKIP]);
    sshd_with_phone();
    is_fine("sshd, with AuthenticationMethods", &[]);
    for service in ["sudo", "sudo-i", "su", "su-l", "login"] {
        stack(service, service);
    }
    is_fine("all services", &[]);
    configure(SHOW);
    is_fine("all services, and a code to compare", &[]);
    configure("[conversation]\ncode = \"show\"\nannounce = \"info\"");
    is_fine("all services, and no prompts", &[SUDO_SILENT]);
    command("usermod", &["-aG", "sudo", "lee"]);
    configure(
        "[policy]\nonly_groups = [\"sudo\"]\non_unavailable = \"ignore\"\n[[policy.exempt]]\nusers = [\"root\"]",
    );
    is_fine("all services, and users who are exempt", &[NO_END, IGNORES]);

    clean.restore();
    for (short, long) in [("su", "su-l"), ("sudo", "sudo-i")] {
        stack(short, short);
        stack(long, long);
    }
    is_fine("without sshd", &[]);

    clean.restore();
    stack("sshd", "sshd-publickey");
    sshd_config("00-logonbox-publickey.conf", as_it_is);
    is_fine("sshd-publickey", &[]);
    // As the manual describes it for emergencies.
    append(
        "/etc/ssh/sshd_config.d/00-logonbox-publickey.conf",
        "Match User root Address 192.0.2.0/24\n    AuthenticationMethods publickey\n",
    );
    is_fine("sshd-publickey, and a key for emergencies", &[KEYS_SKIP]);

    clean.restore();
    configure_airlock("");
    stack("sshd", "sshd-airlock");
    sshd_config("00-logonbox.conf", as_it_is);
    is_fine("sshd-airlock", &[KEYS_SKIP]);
    configure_airlock("[policy]\non_unavailable = \"ignore\"");
    is_fine("sshd-airlock, which ignores nothing", &[IGNORES, KEYS_SKIP]);
}

fn shipped_fedora(_: &mut Machine) {
    let clean = Clean::save();
    let install = |names: &[(&str, &str)]| {
        for shared in ["system-auth", "password-auth", "postlogin"] {
            let text = "account required pam_unix.so\n";
            fs::write(format!("/etc/pam.d/{shared}"), text).expect(shared);
        }
        for (service, example) in names {
            let path = format!("/etc/pam.d/{service}");
            fs::copy(format!("/in/conf/pam.d/fedora/{example}"), &path).expect(&path);
        }
    };
    let services = ["login", "sshd", "su", "su-l", "sudo", "sudo-i"];
    install(&services.map(|service| (service, service)));
    sshd_config("00-logonbox.conf", as_it_is);
    is_fine("all services", &[KEYS_SKIP]);
    clean.restore();
    install(&[("sshd", "sshd-publickey")]);
    sshd_config("00-logonbox-publickey.conf", as_it_is);
    is_fine("sshd-publickey", &[]);
    clean.restore();
    configure_airlock("");
    install(&[("sshd", "sshd-airlock")]);
    sshd_config("00-logonbox.conf", as_it_is);
    is_fine("sshd-airlock", &[KEYS_SKIP]);
}

/// The profile reaches every service, and the stacks are right.
fn pam_auth_update(_: &mut Machine) {
    let _clean = Clean::save();
    finds("installed, and not turned on", "warning", "stack-none");
    command("pam-auth-update", &["--package", "--enable", "logonbox"]);
    sshd_config("00-logonbox.conf", |text| text.replace("#Auth", "Auth"));
    finds("pam-auth-update", "warning", "stack-reaches-others");
    // The administrator's own line, which the manual says to remove.
    stack("sshd", "sshd");
    finds("twice", "error", "stack-rings-twice");
}

const LINE: &str = "auth     [success=ok ignore=ignore default=die]  pam_logonbox.so\n";
const COMMON: &str = "@include common-auth\n";

/// The case, the severity, the id, and the change that makes the mistake.
type Plant = (&'static str, &'static str, &'static str, fn());

fn control(to: &str) {
    edit_stack("sshd", "[success=ok ignore=ignore default=die]", to);
}

/// Before each mistake, sshd is configured correctly.
const IN_STACKS: &[Plant] = &[
    ("optional", "error", "stack-refusal-does-not-count", || {
        control("optional");
    }),
    (
        "sufficient",
        "error",
        "stack-refusal-does-not-count",
        || control("sufficient"),
    ),
    (
        "fails open",
        "error",
        "stack-refusal-does-not-count",
        || control("[success=ok ignore=ignore authinfo_unavail=ignore default=die]"),
    ),
    (
        "the phone in place of the password",
        "error",
        "stack-phone-instead-of-password",
        || {
            edit_stack(
                "sshd",
                COMMON,
                "auth sufficient pam_logonbox.so\n@include common-auth\n",
            );
        },
    ),
    (
        "the phone before the password",
        "error",
        "stack-rings-before-password",
        || {
            edit_stack("sshd", LINE, "");
            edit_stack("sshd", COMMON, &format!("{LINE}{COMMON}"));
        },
    ),
    ("no first factor", "error", "stack-no-first-factor", || {
        edit_stack("sshd", COMMON, "");
    }),
    (
        "a wrong password rings",
        "error",
        "stack-rings-after-wrong-password",
        || edit_stack("sshd", COMMON, "auth required pam_unix.so\n"),
    ),
    (
        "a substack rings",
        "error",
        "stack-rings-after-wrong-password",
        || {
            let inside = "auth sufficient pam_unix.so\nauth required pam_deny.so\n";
            fs::write("/etc/pam.d/system-auth", inside).expect("system-auth");
            edit_stack("sshd", COMMON, "auth substack system-auth\n");
        },
    ),
    (
        "an include that ends the stack",
        "error",
        "stack-phone-skipped",
        || {
            let inside = "auth sufficient pam_unix.so\nauth requisite pam_deny.so\n";
            fs::write("/etc/pam.d/system-auth", inside).expect("system-auth");
            edit_stack("sshd", COMMON, "auth include system-auth\n");
        },
    ),
    (
        "common-auth ends the stack",
        "error",
        "stack-phone-skipped",
        || edit_stack("common-auth", "[success=1 default=ignore]", "sufficient"),
    ),
    (
        "a jump that is too long",
        "error",
        "stack-phone-skipped",
        || {
            stack("sudo", "sudo");
            stack("sudo-i", "sudo-i");
            edit_stack("sudo", "[success=2 ", "[success=3 ");
        },
    ),
    (
        "a jump that is too short",
        "error",
        "stack-nobody-gets-in",
        || {
            stack("sudo", "sudo");
            stack("sudo-i", "sudo-i");
            edit_stack("sudo", "[success=2 ", "[success=1 ");
        },
    ),
    ("default=bad", "warning", "stack-exempt-refused", || {
        control("[success=ok default=bad]");
    }),
    (
        "default=bad, and somebody is exempt",
        "error",
        "stack-exempt-refused",
        || {
            edit_stack("sshd", "ignore=ignore default=die", "default=bad");
            configure("[[policy.exempt]]\nusers = [\"lee\"]");
        },
    ),
    ("nothing left", "error", "stack-exempt-nothing-left", || {
        stack("sudo", "sudo");
        stack("sudo-i", "sudo-i");
        edit_stack(
            "sudo",
            "auth     required                                     pam_permit.so\n",
            "",
        );
        configure("[[policy.exempt]]\nusers = [\"lee\"]");
    }),
    ("twice", "error", "stack-rings-twice", || {
        edit_stack("sshd", LINE, &LINE.repeat(2));
    }),
    (
        "required, and another question behind it",
        "warning",
        "stack-asks-after-refusal",
        || {
            let both = "auth required pam_logonbox.so\nauth required pam_unix.so\n";
            edit_stack("sshd", LINE, both);
        },
    ),
    ("a typing mistake", "error", "module-missing", || {
        edit_stack("sshd", "pam_logonbox.so", "pam_logonbx.so");
    }),
    ("no module of that name", "error", "module-missing", || {
        edit_stack("sshd", "pam_logonbox.so", "/lib/security/pam_logonbox.so");
    }),
    (
        "an argument that is not known",
        "error",
        "stack-bad-argument",
        || edit_stack("sshd", "pam_logonbox.so\n", "pam_logonbox.so nullok\n"),
    ),
    (
        "a configuration that is not there",
        "error",
        "config-missing",
        || {
            edit_stack(
                "sshd",
                "pam_logonbox.so\n",
                "pam_logonbox.so conf=/etc/security/gone.toml\n",
            );
        },
    ),
    (
        "an include that is not there",
        "error",
        "stack-include-missing",
        || {
            edit_stack(
                "sshd",
                "@include common-password\n",
                "@include common-passwort\n",
            );
        },
    ),
    (
        "a control that makes no sense",
        "error",
        "stack-syntax",
        || append("/etc/pam.d/sshd", "session [success=okay] pam_permit.so\n"),
    ),
    (
        "a password that no line asks for",
        "error",
        "stack-no-earlier-password",
        || {
            edit_stack(
                "sshd",
                COMMON,
                "auth requisite pam_unix.so use_first_pass\n",
            );
        },
    ),
    (
        "account lines that only ignore",
        "error",
        "stack-account-refuses",
        || {
            edit_stack("sshd", "@include common-account\n", "");
        },
    ),
    (
        "a service that no program has",
        "warning",
        "stack-unknown-service",
        || {
            fs::rename("/etc/pam.d/sshd", "/etc/pam.d/ssh").expect("ssh");
            fs::copy("/etc/pam.d.clean/sshd", "/etc/pam.d/sshd").expect("sshd");
        },
    ),
    ("under account alone", "error", "stack-wrong-type", || {
        append("/etc/pam.d/su", "account required pam_logonbox.so\n");
    }),
    ("su, but not su -", "error", "stack-pair-differs", || {
        stack("su", "su");
        fs::write(
            "/etc/pam.d/su-l",
            "auth sufficient pam_rootok.so\n@include common-auth\n",
        )
        .expect("su-l");
    }),
    (
        "sudo, but not sudo -i",
        "error",
        "stack-pair-differs",
        || {
            sudo_with_two_services();
            stack("sudo", "sudo");
            fs::write("/etc/pam.d/sudo-i", COMMON).expect("sudo-i");
        },
    ),
    (
        "a key that a stack does not look for",
        "warning",
        "stack-key-not-checked",
        || {
            stack("sshd", "sshd-publickey");
            edit_stack("sshd", "auth     requisite  pam_exec", "#");
            fs::remove_file("/etc/ssh/sshd_config.d/00-logonbox.conf").expect("sshd_config.d");
            sshd_config("00-logonbox-publickey.conf", as_it_is);
        },
    ),
    (
        "a key alone while the tenant is away",
        "warning",
        "stack-key-alone-while-away",
        || {
            stack("sshd", "sshd-publickey");
            fs::remove_file("/etc/ssh/sshd_config.d/00-logonbox.conf").expect("sshd_config.d");
            sshd_config("00-logonbox-publickey.conf", as_it_is);
            configure("[policy]\non_unavailable = \"ignore\"");
        },
    ),
];

fn stacks(_: &mut Machine) {
    let clean = Clean::save();
    for (case, severity, id, plant) in IN_STACKS {
        clean.restore();
        sshd_with_phone();
        plant();
        finds(case, severity, id);
    }
}

fn airlock(_: &mut Machine) {
    let clean = Clean::save();
    let plants: [Plant; 4] = [
        (
            "everybody who is exempt",
            "error",
            "stack-exempt-without-password",
            || {
                edit_stack(
                    "sshd",
                    "auth     requisite  pam_deny.so",
                    "auth required pam_permit.so",
                );
                configure_airlock("[[policy.exempt]]\nusers = [\"lee\"]");
            },
        ),
        (
            "who is exempt is locked out",
            "error",
            "stack-exempt-nothing-left",
            || configure_airlock("[[policy.exempt]]\nusers = [\"lee\"]"),
        ),
        (
            "a stack for Airlock, with a phone",
            "error",
            "stack-no-first-factor",
            || configure(""),
        ),
        (
            "no password for Airlock",
            "error",
            "stack-no-password-for-airlock",
            || {
                let text = fs::read_to_string(CONFIGURATION).expect(CONFIGURATION);
                fs::write(CONFIGURATION, text + "password = \"stack\"\n").expect(CONFIGURATION);
            },
        ),
    ];
    for (case, severity, id, plant) in plants {
        clean.restore();
        configure_airlock("");
        stack("sshd", "sshd-airlock");
        sshd_config("00-logonbox.conf", as_it_is);
        plant();
        finds(case, severity, id);
    }
}

const GOOD_SSHD: &str = "UsePAM yes\nKbdInteractiveAuthentication yes\nChallengeResponseAuthentication yes\n\
                PasswordAuthentication no\n\
                AuthenticationMethods publickey,keyboard-interactive:pam keyboard-interactive:pam\n";

fn sshd(_: &mut Machine) {
    let clean = Clean::save();
    let with = |lines: &str| {
        clean.restore();
        stack("sshd", "sshd");
        fs::write("/etc/ssh/sshd_config.d/00-test.conf", lines).expect("sshd_config.d");
    };
    let good = GOOD_SSHD;
    with(good);
    is_fine("sshd", &[]);
    // sshd does not offer a method that is in no list.
    let password = good.replace("PasswordAuthentication no", "PasswordAuthentication yes");
    with(&password);
    is_fine(&password, &[]);
    let (no_lists, _) = good.split_once("AuthenticationMethods").expect("lists");
    let off = "UsePAM no";
    let no_questions = "KbdInteractiveAuthentication no\nChallengeResponseAuthentication no\n";
    for (lines, severity, id) in [
        (good.replace("UsePAM yes", off), "error", "sshd-usepam-off"),
        (
            format!("{no_questions}UsePAM yes\nPasswordAuthentication no\n"),
            "error",
            "sshd-keyboard-interactive-off",
        ),
        (
            format!("{no_questions}UsePAM yes\nPasswordAuthentication yes\n"),
            "error",
            "sshd-keyboard-interactive-off",
        ),
        (
            good.replace("PasswordAuthentication no", "PasswordAuthentication yes")
                .replace(":pam keyboard", ":pam publickey,password keyboard"),
            "warning",
            "sshd-password-method-on",
        ),
        (
            good.replace("publickey,keyboard-interactive:pam", "publickey"),
            "warning",
            KEYS_SKIP,
        ),
        (no_lists.to_owned(), "note", KEYS_SKIP),
        (
            format!("{no_lists}PubkeyAuthentication no\nHostbasedAuthentication yes\n"),
            "warning",
            "sshd-hostbased-skips-phone",
        ),
        (
            format!("{no_lists}PubkeyAuthentication no\nGSSAPIAuthentication yes\n"),
            "warning",
            "sshd-gssapi-skips-phone",
        ),
        (
            format!("{good}LoginGraceTime 30\n"),
            "warning",
            "sshd-login-grace-time",
        ),
        (
            format!(
                "{good}Match User lee\nPasswordAuthentication yes\nAuthenticationMethods password keyboard-interactive:pam\n"
            ),
            "warning",
            "sshd-password-method-on",
        ),
        (
            format!("{no_lists}Match User lee\nKbdInteractiveAuthentication no\n"),
            "note",
            KEYS_SKIP,
        ),
        (
            format!("{good}Match Address 192.0.2.0/24\nAuthenticationMethods publickey\n"),
            "note",
            KEYS_SKIP,
        ),
    ] {
        with(&lines);
        // If this sshd does not know a method, the mistake cannot be made.
        if lines.contains("GSSAPI") && !knows_gssapi() {
            continue;
        }
        finds(&lines, severity, id);
    }
    with(good);
    configure("[[policy.exempt]]\nnetworks = [\"192.0.2.0/24\"]");
    append("/etc/ssh/sshd_config.d/00-test.conf", "UseDNS yes\n");
    finds("UseDNS", "warning", "sshd-usedns-on");
    with("Nonsense yes\n");
    finds("a mistake in sshd_config", "error", "sshd-does-not-tell");
    assert_eq!(run().not_checked().len(), 1);
}

/// A stack that requires a key.
fn sshd_publickey(_: &mut Machine) {
    let clean = Clean::save();
    for (lines, id) in [
        (
            GOOD_SSHD
                .split("AuthenticationMethods")
                .next()
                .unwrap_or_default()
                .to_owned(),
            KEYS_SKIP,
        ),
        (
            format!("{GOOD_SSHD}PubkeyAuthentication no\n")
                .replace("publickey,keyboard-interactive:pam ", ""),
            "sshd-pubkey-off",
        ),
    ] {
        clean.restore();
        fs::write("/etc/ssh/sshd_config.d/00-test.conf", &lines).expect("sshd_config.d");
        stack("sshd", "sshd-publickey");
        finds_in(&lines, "error", &[id], &run());
    }
}

/// Each is a block of sshd's files, with a user or address that meets it.
const MATCHES: &[&str] = &[
    "Match User lee # break glass",
    "Match User \"lee\"",
    "Match User=lee",
    "Match\tuSEr\tlee",
    "Match User l?e",
    "Match User lee Address *",
    "Match Group admin*",
    "Match Group \"domain users\"",
    "Match Group users",
    "Match Group nosuch,users",
    "Match User other Group admin*",
    "Match Host *.example.com",
    "Match LocalAddress 127.0.0.1",
    "Match LocalPort 2222",
    "Match RDomain red",
    "Match Address !192.0.2.0,192.0.2.0/24",
    "Match Address 2001:db8::/32",
    "Match Address 10.0.0.0/8,!10.0.0.0/9",
    "Match User lee\n  Include /etc/ssh/inner*.conf\n  X11Forwarding no\nMatch User other",
    "Match Group admin-door\n  AuthenticationMethods publickey,keyboard-interactive:pam\nMatch User other,lee",
];

/// Blocks that all users meet.
const MATCH_ALL: &[&str] = &[
    "Match all",
    "Match User *",
    "Match User *,!root",
    "Match User *,!nobody,!root",
    "Match Address *,!10.0.0.0/8",
    "Match Group *",
];

/// Blocks that no connection meets.
const MATCH_NONE: &[&str] = &["Match Group nosuch", "Match User lee User other"];

/// sshd is asked with connections that meet its blocks.
fn sshd_match(_: &mut Machine) {
    let clean = Clean::save();
    command("groupadd", &["--force", "users"]);
    command("usermod", &["--gid", "users", "lee"]);
    command("groupadd", &["admin-door"]);
    command("usermod", &["--append", "--groups", "admin-door", "other"]);
    append("/etc/group", "domain users:x:4242:other\n");
    fs::write(
        "/etc/ssh/inner-1.conf",
        "Match Address 198.51.100.0/24\n  AuthenticationMethods publickey\n",
    )
    .expect("inner");
    let with = |block: &str, setting: &str| {
        clean.restore();
        stack("sshd", "sshd");
        let text = format!("{GOOD_SSHD}{block}\n  {setting}\n");
        fs::write("/etc/ssh/sshd_config.d/50-match.conf", text).expect("sshd_config.d");
    };
    let methods = "AuthenticationMethods publickey";
    for block in MATCHES {
        with(block, methods);
        is_fine(block, &[KEYS_SKIP]);
        with(block, "X11Forwarding no");
        if !block.contains("Include") {
            is_fine(block, &[]);
        }
    }
    for block in MATCH_ALL {
        with(block, methods);
        finds(block, "warning", KEYS_SKIP);
    }
    // From OpenSSH 9.9 on, these quotes are quotes.
    with("Match User 'lee'", methods);
    let found = run();
    let is_met = found.findings == [("note".to_owned(), KEYS_SKIP.to_owned())];
    assert_ne!(is_met, found.code == Some(3), "{:#}", found.document);
    with("Match User !lee", methods);
    finds("a negated user alone", "warning", "sshd-match-never");
    for block in MATCH_NONE {
        with(block, methods);
        let found = run();
        assert_eq!(found.findings, [], "{block}: {:#}", found.document);
        assert_eq!(
            found.not_checked().len(),
            1,
            "{block}: {:#}",
            found.document
        );
        assert_eq!(found.code, Some(3), "{block}: {:#}", found.document);
    }
}

fn sshd_methods(_: &mut Machine) {
    let clean = Clean::save();
    let with = |methods: &str, more: &str| {
        clean.restore();
        stack("sshd", "sshd");
        let (before, _) = GOOD_SSHD
            .split_once("AuthenticationMethods")
            .expect("the methods");
        let text = format!("{more}{before}AuthenticationMethods {methods}\n");
        fs::write("/etc/ssh/sshd_config.d/00-test.conf", text).expect("sshd_config.d");
    };
    let both = "PasswordAuthentication yes\n";
    with("keyboard-interactive:pam,keyboard-interactive:pam", "");
    finds("twice", "warning", "sshd-rings-twice");
    with("password,keyboard-interactive:pam", both);
    let ids = ["sshd-password-method-on", "sshd-rings-twice"];
    finds_in("password", "warning", &ids, &run());
    with("publickey,keyboard-interactive:pam", "");
    is_fine("once", &[]);
    if knows_gssapi() {
        let gssapi = "GSSAPIAuthentication yes\nGSSAPIKeyExchange yes\n";
        with("gssapi-keyex publickey,keyboard-interactive:pam", gssapi);
        finds("gssapi-keyex", "warning", "sshd-gssapi-skips-phone");
        with("password", &format!("{both}KerberosAuthentication yes\n"));
        let ids = ["sshd-kerberos-skips-phone", "sshd-password-method-on"];
        finds_in("Kerberos", "warning", &ids, &run());
    }
}

/// sshd is asked with the options with which this host starts it.
fn sshd_options(_: &mut Machine) {
    let clean = Clean::save();
    clean.restore();
    sshd_with_phone();
    let defaults = "/etc/default/ssh";
    let before = fs::read_to_string(defaults).expect(defaults);
    is_fine("no options", &[]);
    fs::write(defaults, "SSHD_OPTS=\"-o UsePAM=no\"\n").expect(defaults);
    finds(defaults, "error", "sshd-usepam-off");
    fs::write(defaults, "SSHD_OPTS=\"-o X11Forwarding=no\"\n").expect(defaults);
    is_fine("an option that does not matter", &[]);
    fs::write(defaults, "SSHD_OPTS=--usepam\n").expect(defaults);
    let found = run();
    assert_eq!(found.code, Some(3), "{:#}", found.document);
    assert_eq!(found.not_checked().len(), 1, "{:#}", found.document);
    fs::write(defaults, &before).expect(defaults);

    let directory = "/etc/systemd/system/ssh.service.d";
    fs::create_dir_all(directory).expect(directory);
    let text =
        "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -f /etc/ssh/other_config $SSHD_OPTS\n";
    fs::write(format!("{directory}/other.conf"), text).expect(directory);
    fs::write("/etc/ssh/other_config", "UsePAM no\n").expect("other_config");
    finds("another configuration", "error", "sshd-usepam-off");
    fs::remove_dir_all(directory).expect(directory);

    // A second sshd.
    let unit = "/etc/systemd/system/sshd-vpn.service";
    let text = "[Service]\nExecStart=/usr/sbin/sshd -D -f /etc/ssh/other_config\n";
    fs::write(unit, text).expect(unit);
    finds("another unit", "error", "sshd-usepam-off");
    fs::write(
        unit,
        text.replace("/usr/sbin/sshd", "/bin/env /usr/sbin/sshd"),
    )
    .expect(unit);
    let found = run();
    assert_eq!(found.code, Some(3), "{:#}", found.document);
    assert_eq!(found.not_checked().len(), 1, "{:#}", found.document);
    fs::remove_file(unit).expect(unit);

    // The sshd that runs has other options than the unit.
    is_fine("no options again", &[]);
    let pid = "/run/sshd-test.pid";
    let pid_file = format!("-oPidFile={pid}");
    command("/usr/sbin/sshd", &["-oPort=2222", "-oUsePAM=no", &pid_file]);
    let is_there = || fs::metadata(pid).is_ok_and(|pid| pid.len() > 0);
    let end = Instant::now() + Duration::from_secs(20);
    while !is_there() {
        assert!(Instant::now() < end, "sshd does not start");
        thread::sleep(Duration::from_millis(20));
    }
    finds("the sshd that runs", "error", "sshd-usepam-off");
}

/// `PAMServiceName` decides which stack counts.
fn sshd_service(_: &mut Machine) {
    let clean = Clean::save();
    clean.restore();
    sshd_with_phone();
    let said = Command::new("/usr/sbin/sshd")
        .arg("-T")
        .output()
        .expect("sshd");
    let said = String::from_utf8_lossy(&said.stdout).to_lowercase();
    let file = "/etc/ssh/sshd_config.d/50.conf";
    fs::write("/etc/pam.d/sshd-nophone", COMMON).expect("sshd-nophone");
    fs::write(file, "PAMServiceName sshd-nophone\n").expect(file);
    if !said.contains("pamservicename") {
        // Before OpenSSH 10, it is a mistake.
        finds("an old sshd", "error", "sshd-does-not-tell");
        return;
    }
    finds("another stack", "error", "sshd-service-name");
    fs::write(file, "Match User lee\n  PAMServiceName sshd-nophone\n").expect(file);
    finds("another stack for a user", "error", "sshd-service-name");
    fs::write(file, "PAMServiceName sshd-gone\n").expect(file);
    finds("a stack that is not there", "error", "sshd-service-name");
    // The other way round.
    command("mv", &["/etc/pam.d/sshd", "/etc/pam.d/Sshd-phone"]);
    command("mv", &["/etc/pam.d/sshd-nophone", "/etc/pam.d/sshd"]);
    command("mv", &["/etc/pam.d/Sshd-phone", "/etc/pam.d/sshd-phone"]);
    fs::write(file, "PAMServiceName Sshd-Phone\n").expect(file);
    let found = run();
    assert!(
        !found
            .findings
            .iter()
            .any(|(_, id)| id == "sshd-service-name"),
        "{:#}",
        found.document
    );
    append(file, "UsePAM no\n");
    command(
        "sed",
        &[
            "-i",
            "s/^UsePAM yes/UsePAM no/",
            "/etc/ssh/sshd_config.d/00-logonbox.conf",
        ],
    );
    let found = run();
    let is_read = found.findings.iter().any(|(_, id)| id == "sshd-usepam-off");
    assert!(is_read, "{:#}", found.document);
}

fn knows_gssapi() -> bool {
    let output = Command::new("/usr/sbin/sshd")
        .arg("-T")
        .output()
        .expect("sshd");
    String::from_utf8_lossy(&output.stdout)
        .to_lowercase()
        .contains("gssapiauthentication")
}

fn configuration(_: &mut Machine) {
    let clean = Clean::save();
    let plants: [Plant; 11] = [
        ("an unknown key", "error", "config-invalid", || {
            configure("[policy]\nexempt_users = []");
        }),
        (
            "a file that others can write",
            "error",
            "config-invalid",
            || command("chmod", &["666", CONFIGURATION]),
        ),
        ("a file of somebody else", "error", "config-invalid", || {
            command("chown", &["lee", CONFIGURATION]);
        }),
        ("no file", "error", "config-missing", || {
            fs::remove_file(CONFIGURATION).expect(CONFIGURATION);
        }),
        ("no CA file", "error", "config-ca-file", || {
            configure("[tls]\nca_file = \"/etc/gone.pem\"");
        }),
        ("an unknown user", "error", "unknown-user", || {
            configure("[[policy.exempt]]\nusers = [\"leee\"]");
        }),
        ("an unknown group", "error", "unknown-group", || {
            configure("[policy]\nonly_groups = [\"pussh\"]");
        }),
        (
            "a group without members",
            "warning",
            "only-groups-empty",
            || {
                configure("[policy]\nonly_groups = [\"sudo\"]");
            },
        ),
        ("an exemption for ssh", "warning", "service-unknown", || {
            configure(
                "[[policy.exempt]]\nusers = [\"lee\"]\nservices = [\"ssh\"]\nuntil = 2999-12-31",
            );
        }),
        ("a link", "error", "config-invalid", || {
            fs::rename(CONFIGURATION, "/etc/security/real.toml").expect(CONFIGURATION);
            std::os::unix::fs::symlink("real.toml", CONFIGURATION).expect(CONFIGURATION);
        }),
        // The last one: this file is not restored.
        (
            "a directory, and root has no exemption",
            "warning",
            "only-groups-witness",
            || {
                command("usermod", &["-aG", "sudo", "lee"]);
                append("/etc/nsswitch.conf", "initgroups: files sss\n");
                configure("[policy]\nonly_groups = [\"sudo\"]");
            },
        ),
    ];
    for (case, severity, id, plant) in plants {
        clean.restore();
        sshd_with_phone();
        plant();
        let found = run();
        finds_in(case, severity, &[id], &found);
        let named = list(&found.document, "findings")
            .iter()
            .all(|finding| finding.get("file").is_some_and(Value::is_string));
        assert!(named, "{case}: {:#}", found.document);
        command("rm", &["-f", CONFIGURATION]);
        configure("");
        command("chown", &["root", CONFIGURATION]);
        command("chmod", &["600", CONFIGURATION]);
    }
}

fn host(machine: &mut Machine) {
    let clean = Clean::save();
    sshd_with_phone();
    is_fine("before", &[]);
    // A user's account and phone.
    let found = run_as("root", &["--user", "lee"]);
    assert_eq!(found.findings, [], "{:#}", found.document);
    let told = format!("{:#?}", found.checked());
    assert!(told.contains("lee: account lee, "), "{told}");
    assert!(told.contains("LogonBox Key"), "{told}");
    finds_in(
        "no account",
        "error",
        &["user-no-account"],
        &run_as("root", &["--user", "other"]),
    );
    finds_in(
        "no user",
        "error",
        &["user-unknown"],
        &run_as("root", &["--user", "nobody-such"]),
    );
    assert_eq!(machine.phone.rings(), 0);

    let module = Command::new("find")
        .args([
            "/usr/lib",
            "/lib/x86_64-linux-gnu/",
            "-name",
            "pam_logonbox.so",
        ])
        .output()
        .expect("find");
    let module = String::from_utf8_lossy(&module.stdout);
    let module = module.lines().next().expect("the module").to_owned();
    command("chmod", &["666", &module]);
    finds("a module that others can write", "error", "module-writable");
    command("chmod", &["644", &module]);

    stack("login", "login");
    configure("[wait]\nlogin_seconds = 70");
    finds("login gives up", "warning", "login-timeout");

    clean.restore();
    sshd_with_phone();
    command("mv", &["/dev/log", "/dev/log.away"]);
    finds("no log", "warning", "log-missing");
    command("mv", &["/dev/log.away", "/dev/log"]);

    let bundle = "/etc/ssl/certs/ca-certificates.crt";
    let authorities = fs::read_to_string(bundle).expect(bundle);
    let without = authorities.replace(machine.phone.ca().trim(), "");
    fs::write(bundle, without).expect(bundle);
    let found = run();
    let unknown = found
        .findings
        .iter()
        .any(|(_, id)| id == "tls-unknown-ca" || id == "tls-failed");
    assert!(unknown, "{:#}", found.document);
    fs::write(bundle, authorities).expect(bundle);

    tenant_goes_down();
    finds("the tenant is down", "error", "server-unreachable");
    let hosts = fs::read_to_string("/etc/hosts").expect("/etc/hosts");
    fs::write(
        "/etc/hosts",
        hosts.replace("acme.logonbox", "ecma.logonbox"),
    )
    .expect("/etc/hosts");
    // These containers have no network, which the look-up alone does not tell.
    finds("no such name", "error", "server-local");
}

/// sudo's own settings, and sudo-rs with rules of its own.
fn sudo(_: &mut Machine) {
    let _clean = Clean::save();
    sshd_with_phone();
    stack("sudo", "sudo");
    stack("sudo-i", "sudo-i");
    for service in ["su", "su-l", "login"] {
        stack(service, service);
    }
    let file = "/etc/sudoers.d/mistake";
    let write = |path: &str, text: &str| {
        fs::write(path, text).expect(path);
        command("chmod", &["440", path]);
    };
    for (case, text, id) in [
        (
            "sudo's own prompt",
            "Defaults passprompt_override\n",
            "sudo-replaces-prompt",
        ),
        (
            "six seconds for a prompt",
            "Defaults passwd_timeout = 0.1\n",
            "sudo-timeout",
        ),
        (
            "all commands, by an alias",
            "Cmnd_Alias EVERY = ALL\nother ALL = NOPASSWD: EVERY\n",
            "sudo-asks-nothing",
        ),
    ] {
        write(file, text);
        finds(case, "warning", id);
        fs::remove_file(file).expect(file);
        is_fine(case, &[]);
    }
    write(file, "other ALL = (www-data) NOPASSWD: ALL\n");
    finds("another target", "note", "sudo-asks-nothing");
    write(file, "other another-host = NOPASSWD: ALL\n");
    is_fine("another host", &[]);
    fs::remove_file(file).expect(file);
    let has_sudo_rs = fs::exists("/usr/bin/sudo-rs").unwrap_or_default();
    if !has_sudo_rs {
        fs::write("/etc/pam.d/sudo-i", COMMON).expect("sudo-i");
        write(file, "Defaults pam_login_service = sudo\n");
        is_fine("one service for sudo and sudo -i", &[]);
    }
    if has_sudo_rs {
        write(
            "/etc/sudoers-rs",
            "root ALL = ALL\nother ALL = NOPASSWD: ALL\n",
        );
        finds("sudo-rs", "warning", "sudo-asks-nothing");
        write("/etc/sudoers-rs", "Defaults targetpw\nroot ALL = ALL\n");
        finds("sudo-rs", "warning", "sudo-asks-other-user");
    }
}

/// Screen lockers show no prompt, and run as the user.
fn programs(_: &mut Machine) {
    let clean = Clean::save();
    clean.restore();
    sshd_with_phone();
    stack("i3lock", "sshd");
    command("chmod", &["644", CONFIGURATION]);
    finds("a locker", "warning", "service-cannot-prompt");
    configure("[service.i3lock.conversation]\ncode = \"show\"\nannounce = \"none\"");
    is_fine("a locker without a code", &[]);
    command("chmod", &["600", CONFIGURATION]);
    finds("its user cannot read", "error", "service-cannot-read");
}

/// Without root, it lists what it could not check, and does not judge it.
fn not_root(_: &mut Machine) {
    let _clean = Clean::save();
    sshd_with_phone();
    command("chmod", &["600", CONFIGURATION]);
    let found = run_as("lee", &[]);
    let wrong: Vec<_> = found
        .findings
        .iter()
        .filter(|(severity, _)| severity == "error")
        .collect();
    assert!(wrong.is_empty(), "{:#}", found.document);
    let told = format!("{:#?}", found.checked());
    assert!(told.contains("only root may read it"), "{told}");
    assert!(told.contains("sshd's settings"), "{told}");
}
