//! `logonbox report`, after a login.

use std::process::Command;

use tenant::Press;

use super::ring;
use crate::TestCase;
use crate::log::logged_with;
use crate::machine::{Machine, PASSWORD, TENANT, stack};
use crate::phone::Phone;
use crate::sshd::{Sshd, ssh};

pub const CASES: &[TestCase] = &[TestCase::new("report/sshd", "/usr/sbin/sshd", sshd)];

fn report(arguments: &[&str]) -> String {
    let mut command = Command::new("/usr/sbin/logonbox");
    let output = command.arg("report").args(arguments).output();
    let output = output.expect("logonbox");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn sshd(machine: &mut Machine) {
    stack("sshd", "sshd");
    let _sshd = Sshd::start("00-logonbox.conf");
    let mut client = ssh(&["lee@localhost"]);
    client.see("Password:");
    client.answer(PASSWORD);
    let ring = ring(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    let code = Phone::code(&ring);
    client.answer(&code);
    assert!(!client.end().success());
    logged_with("declined user=\"lee\"");

    let said = report(&[]);
    for text in [
        "packages: libpam-logonbox ",
        "OpenSSH: OpenSSH_",
        "sudo: Sudo version ",
        &format!("tenant = \"{TENANT}\""),
        "declined user=\"lee\"",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    // OpenSSH 10.6 writes the names with capitals.
    let small = said.to_lowercase();
    assert!(
        small.contains("\nkbdinteractiveauthentication yes\n"),
        "{said}"
    );
    // It matters to no login.
    assert!(!small.contains("\nciphers "), "{said}");
    for secret in [PASSWORD, &code] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
    let said = report(&["--anonymous"]);
    assert!(said.contains("tenant = \"tenant-1\""), "{said}");
    let lines = said.lines();
    let names = lines.filter(|line| line.contains("lee") || line.contains(TENANT));
    assert_eq!(names.count(), 0, "{said}");
}
