//! `SELinux` enforces the distribution's policy.

use std::collections::BTreeSet;

use hosts::machine::{PASSWORD, TENANT};
use hosts::person::PROMPT;

use super::{approve, type_by_hand};
use crate::guest::Guest;
use crate::{Boot, test};

pub const BOOT: Boot = Boot {
    command_line: "selinux=1 security=selinux enforcing=1",
    set_up,
    tests: &[
        test("selinux/denied", denied),
        test("selinux/allowed", allowed),
        test("selinux/ports", ports),
        test("selinux/ignore", ignore),
        test("selinux/names", names),
    ],
};

/// A port that has no type of its own.
const ODD_PORT: u16 = 4443;

fn set_up(guest: &mut Guest) {
    assert_eq!(guest.sh("getenforce"), "Enforcing");
}

/// A login on the console, up to the password. It ends within 60 s.
#[track_caller]
fn console(guest: &Guest, user: &str) {
    guest.getty();
    guest.console.answer(user);
    guest.console.see("Password:");
    guest.console.answer(PASSWORD);
}

/// What the kernel has refused since the line `from` of the audit log: source type, target type,
/// class, permissions, command.
fn denials(guest: &Guest, from: usize) -> BTreeSet<String> {
    audited(guest);
    let log = guest.sh(&format!(
        "tail -n +{} /var/log/audit/audit.log | grep 'avc:  denied' || true",
        from + 1
    ));
    let denial = |line: &str| {
        let field = |name: &str| {
            let (_, rest) = line.split_once(&format!(" {name}="))?;
            rest.split(' ').next().map(ToOwned::to_owned)
        };
        let kind = |name| field(name)?.split(':').nth(2).map(ToOwned::to_owned);
        let (_, rest) = line.split_once("denied  ")?;
        Some(format!(
            "{} {} {} {} {}",
            kind("scontext")?,
            kind("tcontext")?,
            field("tclass")?,
            rest.split_once(" for ")?.0,
            field("comm")?
        ))
    };
    log.lines().filter_map(denial).collect()
}

/// The lines of the audit log, when the events so far are in it.
fn audited(guest: &Guest) -> usize {
    let end = guest.sh("end=end-$(date +%s.%N); auditctl -m $end >&2; echo $end");
    guest.eventually("the audit log is up to date", |guest| {
        let grep = format!("grep -cF {end} /var/log/audit/audit.log || true");
        guest.sh(&grep) != "0"
    });
    let lines = guest.sh("wc -l </var/log/audit/audit.log");
    lines.parse().expect("a number")
}

/// Without the package's policy module, the kernel refuses the connection.
fn denied(guest: &mut Guest) {
    guest.stack("login", "login");
    let from = audited(guest);
    console(guest, "lee");
    guest.console.see(PROMPT);
    type_by_hand(&guest.console, "");
    guest.console.see("refused");
    let lines = guest.lines();
    assert!(
        lines.len() == 1
            && lines
                .concat()
                .starts_with("pam_logonbox(login:auth): local-failure user=\"lee\"")
            && lines
                .concat()
                .contains("this host allows no connection to port 443 (SELinux"),
        "{lines:#?}"
    );
    assert_eq!(guest.rings(), 0);
    let denials = denials(guest, from);
    // The I/O thread has a name of its own.
    let ours = "local_login_t http_port_t tcp_socket { name_connect } \"logonbox\"";
    assert!(denials.contains(ours), "{denials:#?}");
    let check = guest.check();
    assert!(check.contains("selinux-policy-missing"), "{check}");
}

/// As the operating guide says.
fn install_policy(guest: &Guest) {
    guest.sh(
        "semodule --list-modules=full | grep -q '^200 pam_logonbox ' || {\n\
         semodule -X 200 -i /usr/share/selinux/packages/pam_logonbox.cil\n\
         systemd-tmpfiles --create pam_logonbox.conf\n\
         }",
    );
}

/// The programs that load the module, and its I/O thread.
const HOSTS: [&str; 6] = ["login", "logonbox", "sshd", "sshd-session", "su", "sudo"];

/// Logs in with each program that `SELinux` confines: login, sshd, and sudo and su of a confined user.
/// Returns the denials.
fn log_in_everywhere(guest: &Guest, with_phone: bool) -> BTreeSet<String> {
    let from = audited(guest);
    console(guest, "lee");
    if with_phone {
        approve(guest, &guest.console);
    }
    guest.console.see("lee@door");
    guest.console.answer("exit");
    for (command, answer) in [
        ("id -Z", "staff_u:staff_r:staff_t:"),
        ("sudo id -u", "0"),
        ("su lee -c id", "uid=1001(lee)"),
    ] {
        let mut ssh = guest.ssh("confined", &["-tt", command]);
        for time in 1..=if command.starts_with("id") { 1 } else { 2 } {
            ssh.see_times("assword", time);
            ssh.answer(PASSWORD);
            if with_phone {
                ssh.see_times(PROMPT, time);
                approve(guest, &ssh);
            }
        }
        assert!(ssh.end().success(), "{}", ssh.screen());
        assert!(ssh.screen().contains(answer), "{}", ssh.screen());
    }
    guest.eventually("sshd has ended the sessions", |guest| {
        guest.sh("pgrep -fc '[s]shd.*confined' || true") == "0"
    });
    denials(guest, from)
}

/// With the module, all of them ask the phone, and the kernel refuses the module nothing.
fn allowed(guest: &mut Guest) {
    install_policy(guest);
    let labels = "restorecon -nRv /run/pam_logonbox /var/lib/pam_logonbox /etc/security";
    assert_eq!(guest.sh(labels), "");
    guest.sh("systemctl restart ssh");
    let without = log_in_everywhere(guest, false);
    for service in ["login", "sudo", "su"] {
        guest.stack(service, service);
    }
    guest.sshd();
    guest.sh("systemctl restart ssh");
    let mut denials = log_in_everywhere(guest, true);
    let lines = guest.lines();
    assert_eq!(guest.rings(), 6, "{lines:#?}");
    assert_eq!(lines.len(), 12, "{lines:#?}");
    for (index, line) in lines.iter().enumerate() {
        let word = if index % 2 == 0 {
            "ringing"
        } else {
            "approved"
        };
        assert!(
            line.contains(&format!(" {word} ")) && !line.contains("hint="),
            "{line}"
        );
    }
    // The policy of Debian refuses something to these programs in any case.
    let is_host = |denial: &String| {
        HOSTS
            .iter()
            .any(|host| denial.ends_with(&format!("\"{host}\"")))
    };
    denials.retain(|denial| is_host(denial) && !without.contains(denial));
    assert!(denials.is_empty(), "{denials:#?}");
    // What the logins have written has the labels of the policy.
    assert_eq!(guest.sh(labels), "");
    for (path, kind) in [
        ("/run/pam_logonbox", "pam_logonbox_run_t"),
        ("/var/lib/pam_logonbox", "pam_logonbox_var_lib_t"),
    ] {
        let label = guest.sh(&format!("stat -c %C {path}"));
        assert!(label.contains(kind), "{path}: {label}");
    }
    let check = guest.check();
    assert!(!check.contains("selinux-"), "{check}");
}

/// A port without a type is refused until it has one. `check` says so before.
fn ports(guest: &mut Guest) {
    install_policy(guest);
    guest.stack("login", "login");
    let odd = |guest: &Guest| {
        guest.configure("");
        guest.sh(&format!(
            "sed -i 's/{TENANT}/{TENANT}:{ODD_PORT}/' /etc/security/pam_logonbox.toml"
        ));
    };
    odd(guest);
    let refused = |guest: &Guest, words: &str| {
        console(guest, "lee");
        guest.console.see(PROMPT);
        type_by_hand(&guest.console, "");
        guest.console.see(words);
        guest.lines().pop().unwrap_or_default()
    };
    let line = refused(guest, "Login refused.");
    assert!(
        line.contains("local-failure") && line.contains("SELinux"),
        "{line}"
    );
    let check = guest.check();
    assert!(check.contains("selinux-port"), "{check}");
    guest.sh(&format!(
        "semanage port -a -t http_port_t -p tcp {ODD_PORT}"
    ));
    // Now the connection leaves. No server listens.
    let line = refused(guest, "The login service cannot be reached.");
    assert!(line.contains("unreachable"), "{line}");
    let check = guest.check();
    assert!(!check.contains("selinux-port"), "{check}");
    assert_eq!(guest.rings(), 0);
}

/// `ignore` works for login, which `SELinux` starts in another domain, and never for sudo and su.
fn ignore(guest: &mut Guest) {
    install_policy(guest);
    for service in ["login", "sudo", "su"] {
        guest.stack(service, service);
    }
    guest.configure("[policy]\non_unavailable = \"ignore\"");
    // http_port_t, and no server there.
    guest.sh(&format!(
        "sed -i 's/{TENANT}/{TENANT}:8443/' /etc/security/pam_logonbox.toml"
    ));
    console(guest, "confined");
    guest.console.see(PROMPT);
    type_by_hand(&guest.console, "");
    guest.console.see("confined@door");
    // sudo tells PAM to be silent, and asks for the password again. Before that it ignores Ctrl-C.
    for (command, asks, prompt, (words, times)) in [
        ("sudo id", ("[sudo] password", 1), 2, ("[sudo] password", 2)),
        (
            "su lee -c id",
            ("Password:", 2),
            3,
            ("The login service cannot be reached.", 2),
        ),
    ] {
        guest.console.answer(command);
        guest.console.see_times(asks.0, asks.1);
        guest.console.answer(PASSWORD);
        guest.console.see_times(PROMPT, prompt);
        type_by_hand(&guest.console, "");
        guest.console.see_times(words, times);
        guest.console.press("\x03");
        guest.console.see_times("confined@door", prompt);
    }
    assert!(
        !guest.console.screen().contains("uid="),
        "{}",
        guest.console.screen()
    );
    let lines = guest.lines();
    let services =
        ["login", "sudo", "su"].map(|name| format!("pam_logonbox({name}:auth): unreachable"));
    assert!(
        lines.len() == 3
            && lines
                .iter()
                .zip(&services)
                .all(|(line, start)| line.starts_with(start)),
        "{lines:#?}"
    );
    guest.sh("systemctl restart serial-getty@ttyS0");
}

/// The types and booleans that packaging/selinux names are in this policy, except Fedora's.
fn names(guest: &mut Guest) {
    for kind in ["http_port_t", "http_cache_port_t", "squid_port_t"] {
        guest.sh(&format!(
            "printf system_u:object_r:{kind}:s0 >/sys/fs/selinux/context"
        ));
    }
    guest.sh("getsebool allow_ypbind");
    for fedoras in ["nis_enabled", "authlogin_yubikey"] {
        guest.sh(&format!("! getsebool {fedoras}"));
    }
}
