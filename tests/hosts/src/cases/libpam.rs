//! `logonbox check` and what this distribution's libpam makes of unusual files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::check::{Clean, finds, finds_in, is_fine, run, sshd_with_phone, sudo_with_two_services};
use crate::TestCase;
use crate::machine::{Machine, append, command, edit_stack, stack};

pub const CASES: &[TestCase] = &[
    case("check/first-factors", first_factors),
    case("check/unusual-files", unusual_files),
    case("check/users-of-one", users_of_one),
    case("check/another-name", another_name),
    case("check/odd-entries", odd_entries),
    case("check/false-alarms", false_alarms),
    case("check/other", other),
    case("check/no-helper", no_helper),
    case("check/missing", missing),
    case("check/sudo-services", sudo),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/sbin/sshd", run)
}

const SSHD: &str = "/etc/pam.d/sshd";
const PHONE: &str = "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n";
const ACCOUNT: &str = "account required pam_permit.so\n";

/// A stack of `auth` lines, with the phone behind them.
fn sshd(lines: &str) {
    fs::write(SSHD, format!("{lines}{PHONE}{ACCOUNT}")).expect(SSHD);
}

/// The directory of modules.
fn security() -> String {
    ["/lib", "/usr/lib"]
        .iter()
        .map(|lib| format!("{lib}/{}-linux-gnu/security", std::env::consts::ARCH))
        .find(|directory| Path::new(directory).exists())
        .expect("the directory of modules")
}

/// A file that libpam can load under this name. `check` runs no module.
fn module(name: &str) {
    let security = security();
    let permit = format!("{security}/pam_permit.so");
    fs::copy(permit, format!("{security}/{name}")).expect(name);
}

/// Users who are known to one of two modules, and users who meet a condition.
fn users_of_one(_: &mut Machine) {
    let clean = Clean::save();
    clean.restore();
    sshd_with_phone();
    module("pam_sss.so");
    let both = |unix: &str, sss: &str| {
        let lines = format!(
            "auth [success={unix} default=ignore] pam_unix.so\n\
             auth [success={sss} default=ignore] pam_sss.so\n\
             auth requisite pam_deny.so\n{PHONE}auth required pam_permit.so\n{ACCOUNT}"
        );
        fs::write(SSHD, lines).expect(SSHD);
    };
    let names = |case: &str, severity: &str, id: &str, who: &str| {
        let found = run();
        finds_in(case, severity, &[id], &found);
        let text = found.document.to_string();
        assert!(text.contains(who), "{case}: {text}");
    };
    both("2", "1");
    is_fine("both", &[]);
    both("2", "ok");
    names("refused", "warning", "stack-refuses-some", "of pam_sss.so");
    both("2", "2");
    names("skips", "error", "stack-phone-skipped", "of pam_sss.so");
    let svc = "pam_succeed_if.so user = svc";
    let condition = format!("auth [success=1 default=ignore] {svc}\n");
    sshd(&format!("@include common-auth\n{condition}"));
    names(
        "a condition",
        "warning",
        "stack-phone-skipped-for-some",
        svc,
    );
    sshd(&format!(
        "{condition}auth [success=1 default=ignore] pam_unix.so\n\
         auth requisite pam_deny.so\nauth required pam_permit.so\n"
    ));
    names("to pam_deny.so", "warning", "stack-refuses-some", svc);
    sshd("auth required pam_succeed_if.so user != root\n@include common-auth\n");
    is_fine("a condition that refuses", &[]);
}

/// A copy of our module, and a symlink to it.
fn another_name(_: &mut Machine) {
    let clean = Clean::save();
    let security = security();
    let ours = format!("{security}/pam_logonbox.so");
    for name in ["pam_copy.so", "pam_link.so"] {
        clean.restore();
        sshd_with_phone();
        let other = format!("{security}/{name}");
        if name == "pam_copy.so" {
            fs::copy(&ours, &other).expect(&other);
        } else {
            symlink(&ours, &other).expect(&other);
        }
        edit_stack("sshd", "pam_logonbox.so", name);
        is_fine(name, &[]);
        edit_stack("sshd", "[success=ok ignore=ignore default=die]", "optional");
        finds(name, "error", "stack-refusal-does-not-count");
        fs::remove_file(&other).expect(&other);
    }
}

/// A file whose name libpam does not look for, and no file where libpam looks for one.
fn odd_entries(_: &mut Machine) {
    let clean = Clean::save();
    let start = || {
        clean.restore();
        sshd_with_phone();
        stack("su", "su");
        stack("su-l", "su-l");
    };
    start();
    fs::copy(SSHD, "/etc/pam.d/SSHD").expect(SSHD);
    finds("SSHD", "warning", "stack-capitals");
    start();
    fs::remove_file(SSHD).expect(SSHD);
    fs::create_dir(SSHD).expect(SSHD);
    finds("a directory", "error", "stack-file");
    start();
    fs::remove_file(SSHD).expect(SSHD);
    command("mkfifo", &[SSHD]);
    let found = run();
    let text = found.document.to_string();
    let place = "\"file\":\"/etc/pam.d/sshd\"";
    assert!(text.contains(place), "a FIFO: {:#}", found.document);
}

/// libpam 1.6 reads lines in another way than 1.4 and 1.5.
fn is_before_1_6() -> bool {
    let release = fs::read_to_string("/etc/os-release").expect("/etc/os-release");
    ["\"11\"", "\"12\""]
        .iter()
        .any(|number| release.contains(&format!("VERSION_ID={number}")))
}

fn first_factors(_: &mut Machine) {
    let clean = Clean::save();
    clean.restore();
    sshd_with_phone();
    // Each failure but the last returns PAM_IGNORE.
    sshd(
        "auth requisite pam_faillock.so preauth\n\
         auth [success=1 default=ignore] pam_unix.so\n\
         auth requisite pam_faillock.so authfail\n",
    );
    finds("faillock", "error", "stack-phone-instead-of-password");
    for (name, argument) in [
        ("pam_google_authenticator.so", "nullok"),
        ("pam_u2f.so", "nouserok"),
        ("pam_sss.so", "ignore_unknown_user"),
    ] {
        module(name);
        sshd(&format!("auth requisite {name} {argument}\n"));
        finds(argument, "warning", "stack-first-factor-optional");
        sshd(&format!("auth requisite {name}\n"));
        is_fine(name, &[]);
        // The password is needed, too.
        sshd(&format!(
            "auth requisite pam_unix.so\nauth required {name} {argument}\n"
        ));
        is_fine(argument, &[]);
    }
    // A module that the table does not have.
    module("pam_acme.so");
    sshd("auth required pam_acme.so\n");
    let ids = ["stack-no-first-factor", "stack-rings-after-wrong-password"];
    finds_in("pam_acme.so", "warning", &ids, &run());
}

/// Errors that lock everybody out. libpam finds them, and each version in its own way.
fn unusual_files(_: &mut Machine) {
    let clean = Clean::save();
    let locks_out = |case: &str, advice: &str| {
        let found = run();
        assert_eq!(found.code, Some(1), "{case}: {:#}", found.document);
        let text = found.document.to_string();
        assert!(text.contains("refuses every login to "), "{case}: {text}");
        assert!(text.contains(advice), "{case}: {text}");
    };
    let windows = "Windows line ends";
    let plain = format!("@include common-auth\n{PHONE}{ACCOUNT}");
    for (case, text) in [
        ("all lines", plain.replace('\n', "\r\n")),
        ("an empty line", plain.replacen('\n', "\n\r\n", 1)),
        ("our line", plain.replace("box.so\n", "box.so\r\n")),
    ] {
        clean.restore();
        sshd_with_phone();
        fs::write(SSHD, text).expect(SSHD);
        locks_out(case, windows);
    }
    clean.restore();
    sshd_with_phone();
    let common = "/etc/pam.d/common-auth";
    let text = fs::read_to_string(common).expect(common);
    fs::write(common, text.replace('\n', "\r\n")).expect(common);
    locks_out("common-auth", windows);

    clean.restore();
    sshd_with_phone();
    let vendor = "/usr/lib/pam.d";
    fs::create_dir_all(vendor).expect(vendor);
    fs::rename(common, format!("{vendor}/common-auth")).expect(common);
    let found = run();
    // Debian patches libpam: `@include` looks in /etc/pam.d alone, up to 13.
    if fs::read_to_string("/etc/os-release").is_ok_and(|text| text.contains("VERSION_ID")) {
        finds_in(
            "common-auth in /usr/lib",
            "error",
            &["stack-include-missing"],
            &found,
        );
    } else {
        assert_eq!(found.code, Some(0), "{:#}", found.document);
    }
    fs::rename(format!("{vendor}/common-auth"), common).expect(common);

    clean.restore();
    sshd_with_phone();
    fs::write(SSHD, format!("# {}\n{plain}", "x ".repeat(600))).expect(SSHD);
    if is_before_1_6() {
        locks_out("a long comment", "illegal module type");
    } else {
        is_fine("a long comment", &[]);
    }

    clean.restore();
    sshd_with_phone();
    fs::write(SSHD, format!("{plain}session optional pam_motd.so \\")).expect(SSHD);
    locks_out("a backslash at the end", "");

    // libpam ends at a limit, or not at all.
    let in_vain = |case: &str, ids: &[&str]| {
        let found = run();
        assert_eq!(found.code, Some(1), "{case}: {:#}", found.document);
        let known = |(_, id): &(String, String)| ids.contains(&id.as_str());
        assert!(
            found.findings.iter().any(known),
            "{case}: {:#}",
            found.document
        );
    };
    clean.restore();
    sshd_with_phone();
    append(SSHD, "session include sshd\n");
    in_vain(
        "a loop",
        &["stack-loop", "stack-file", "stack-include-missing"],
    );
    clean.restore();
    sshd_with_phone();
    command("mkfifo", &["/etc/pam.d/fifo"]);
    append(SSHD, "@include fifo\n");
    in_vain("a FIFO", &["stack-file"]);
    // libpam reads it for each service.
    clean.restore();
    sshd_with_phone();
    fs::remove_file("/etc/pam.d/common-auth").expect("common-auth");
    command("mkfifo", &["/etc/pam.d/common-auth"]);
    in_vain("a FIFO for all", &["stack-file"]);
}

/// Files that look wrong, and that libpam takes.
fn false_alarms(_: &mut Machine) {
    let clean = Clean::save();
    let start = || {
        clean.restore();
        sshd_with_phone();
    };
    start();
    sshd("@Include common-auth\n");
    is_fine("@Include", &[]);

    start();
    let vendor = "/usr/lib/pam.d";
    fs::create_dir_all(vendor).expect(vendor);
    fs::rename(SSHD, format!("{vendor}/sshd")).expect(SSHD);
    symlink("/nowhere", SSHD).expect(SSHD);
    is_fine("a link that leads nowhere", &[]);
    fs::remove_file(format!("{vendor}/sshd")).expect(vendor);

    start();
    symlink("/dev/null", "/etc/pam.d/masked").expect("masked");
    is_fine("a masked service", &[]);

    start();
    sshd("@include common-auth\nauth optional pam_faildelay.so \\\n# delay\n\n delay=2000000\n");
    if is_before_1_6() {
        is_fine("a continued line and a comment", &[]);
    } else {
        assert_eq!(run().code, Some(1), "a continued line and a comment");
    }

    start();
    command("pam-auth-update", &["--package", "--enable", "logonbox"]);
    let common = "@include common-auth\n@include common-account\n";
    fs::write(SSHD, common).expect(SSHD);
    module("pam_ssh_add.so");
    let cockpit = "auth required pam_sepermit.so\nauth substack common-auth\n\
                   auth optional pam_ssh_add.so\naccount required pam_permit.so\n";
    fs::write("/etc/pam.d/cockpit", cockpit).expect("cockpit");
    let found = run();
    let ids: Vec<&str> = found.findings.iter().map(|(_, id)| id.as_str()).collect();
    assert!(
        !ids.contains(&"stack-asks-after-refusal"),
        "{:#}",
        found.document
    );
    command("pam-auth-update", &["--package", "--remove", "logonbox"]);
}

/// libpam logs nothing of a line that begins with a dash.
fn missing(_: &mut Machine) {
    let clean = Clean::save();
    clean.restore();
    sshd_with_phone();
    for line in [
        "-auth [success=ok ignore=ignore default=die] /lib/pam_logonbox.so",
        "-auth optional /lib/pam_logonbox.so",
        "auth optional pam_logonbx.so",
        "auth [success=ok ignore=ignore default=die] pam_logonbox",
    ] {
        let text = format!("@include common-auth\n{line}\n{ACCOUNT}");
        fs::write(SSHD, text).expect(SSHD);
        finds(line, "error", "module-missing");
    }
    sshd("@include common-auth\n");
    append(SSHD, "account required pam_deny.so\n");
    finds("account", "error", "stack-account-refuses");
    for first in ["pam_permit.so", "pam_rootok.so"] {
        sshd(&format!("auth sufficient {first}\n@include common-auth\n"));
        finds(first, "error", "stack-asks-nothing");
    }
}

/// A service without a file is `other`.
fn other(_: &mut Machine) {
    let clean = Clean::save();
    for (short, long) in [("su", "su-l"), ("sudo", "sudo-i")] {
        for missing in [long, short] {
            clean.restore();
            sudo_with_two_services();
            sshd_with_phone();
            stack(short, short);
            stack(long, long);
            is_fine("both", &[]);
            let file = format!("/etc/pam.d/{missing}");
            if missing == short {
                // Its twin may include it.
                let text = format!("@include common-auth\n{PHONE}@include common-account\n");
                fs::write(format!("/etc/pam.d/{long}"), text).expect(long);
            }
            fs::remove_file(&file).expect(&file);
            finds(&file, "error", "stack-pair-differs");
        }
    }
    clean.restore();
    sshd_with_phone();
    append("/etc/pam.d/other", PHONE);
    let found = run();
    // Debian has services without auth lines.
    let id = |(_, id): &(String, String)| id == "stack-reaches-others";
    assert!(found.findings.iter().any(id), "{:#}", found.document);
}

/// What cannot be asked is not checked, and the exit status says so.
fn no_helper(_: &mut Machine) {
    let _clean = Clean::save();
    sshd_with_phone();
    let helper = "/usr/libexec/pam_logonbox/pam-stack-helper";
    fs::rename(helper, "/root/helper").expect(helper);
    let found = run();
    assert_eq!(found.code, Some(3), "{:#}", found.document);
    let text = format!("{:?}", found.not_checked());
    assert!(text.contains("The PAM stacks"), "{text}");
    // A helper that hangs or crashes.
    for program in ["sleep 1000", "kill -SEGV $$"] {
        fs::write(helper, format!("#!/bin/sh\n{program}\n")).expect(helper);
        command("chmod", &["755", helper]);
        let found = run();
        assert_eq!(found.code, Some(3), "{:#}", found.document);
        let text = format!("{:?}", found.not_checked());
        assert!(text.contains("The PAM stacks"), "{text}");
    }
}

/// sudo's own settings name the PAM services.
fn sudo(_: &mut Machine) {
    let clean = Clean::save();
    for service in ["sudo", "sudo-i"] {
        stack(service, service);
    }
    sshd_with_phone();
    let settings = "/etc/sudoers.d/settings";
    // sudo skips a name with a dot.
    let skipped = "/etc/sudoers.d/settings.old";
    fs::write(skipped, "Defaults pam_service=login\n").expect(skipped);
    is_fine("as it is", &[]);
    fs::remove_file(skipped).expect(skipped);
    for (text, severity, id) in [
        ("Defaults pam_service=nophone", "error", "sudo-service-name"),
        (
            "Defaults pam_login_service=nophone",
            "error",
            "sudo-service-name",
        ),
        (
            "Defaults:lee pam_service=nophone",
            "warning",
            "sudo-service-name",
        ),
        ("Defaults !authenticate", "warning", "sudo-asks-nothing"),
        ("Defaults:lee rootpw", "warning", "sudo-asks-other-user"),
        ("Defaults timestamp_timeout=-1", "warning", "sudo-remembers"),
        (
            "Defaults:lee timestamp_timeout=-1",
            "warning",
            "sudo-remembers",
        ),
    ] {
        fs::write(settings, format!("{text}\n")).expect(settings);
        command("chmod", &["440", settings]);
        finds(text, severity, id);
    }
    // Another service, and the phone is there.
    fs::write(settings, "Defaults pam_service=pam-of-sudo\n").expect(settings);
    fs::copy("/etc/pam.d/sudo", "/etc/pam.d/pam-of-sudo").expect("pam-of-sudo");
    is_fine("another service with the phone", &[]);
    fs::write(settings, "Defaults:lee !authenticate\n").expect(settings);
    fs::remove_file("/etc/pam.d/pam-of-sudo").expect("pam-of-sudo");
    is_fine("for lee", &["sudo-asks-nothing"]);
    fs::write(settings, "Defaults timestamp_type=global\n").expect(settings);
    is_fine("all terminals", &["sudo-remembers"]);
    fs::remove_file(settings).expect(settings);
    clean.restore();
}
