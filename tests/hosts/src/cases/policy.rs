//! The exemptions, with the users and groups of a real host.

use std::fs;
use std::os::unix::fs::MetadataExt;

use tenant::Press;

use super::{enter, password};
use crate::TestCase;
use crate::log::logged;
use crate::machine::{Machine, OTHER_ID, PASSWORD, USER_ID, command, configure, stack, terminal};

const SUDO: &str = "/usr/bin/sudo";

pub const CASES: &[TestCase] = &[
    TestCase::new("policy/groups", SUDO, groups),
    TestCase::new("policy/limit", SUDO, limit),
];

fn only_push() {
    stack("sudo", "sudo");
    configure("[policy]\nonly_groups = [\"push\"]\n[conversation]\nannounce = \"enter\"");
    command("groupadd", &["push"]);
}

/// A new member of the group is asked from the next login on, without a restart.
fn groups(machine: &mut Machine) {
    only_push();
    let mut terminal = terminal(USER_ID, SUDO, &["-k", "id", "-un"]);
    password(machine, &terminal, "assword", PASSWORD);
    assert!(terminal.end().success(), "{}", terminal.screen());
    machine.phone.is_left_alone();

    command("usermod", &["--append", "--groups", "push", "lee"]);
    let mut terminal = crate::machine::terminal(USER_ID, SUDO, &["-k", "id", "-un"]);
    password(machine, &terminal, "assword", PASSWORD);
    let ring = enter(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    assert!(terminal.end().success(), "{}", terminal.screen());
    logged(&[
        "pam_logonbox(sudo:auth): exempt user=\"lee\"",
        "pam_logonbox(sudo:auth): approved user=\"lee\"",
    ]);
}

/// An attacker with the password sends push after push, from two services.
fn limit(machine: &mut Machine) {
    for service in ["sudo", "su"] {
        stack(service, service);
    }
    configure("[policy]\nfailed_attempts_per_10_minutes = 2\n[conversation]\nannounce = \"enter\"");
    for (id, program, arguments) in [
        (USER_ID, SUDO, &["-k", "id"][..]),
        (OTHER_ID, "su", &["lee", "-c", "id"]),
    ] {
        let mut terminal = terminal(id, program, arguments);
        terminal.see("assword");
        terminal.answer(PASSWORD);
        let ring = enter(machine, &terminal);
        machine.phone.press(&ring, Press::Decline);
        assert!(!terminal.end().success(), "{}", terminal.screen());
    }
    let mut terminal = terminal(OTHER_ID, "su", &["lee", "-c", "id"]);
    terminal.see("assword");
    terminal.answer(PASSWORD);
    terminal.see("Press Enter to send it: ");
    terminal.answer("");
    assert!(!terminal.end().success());
    assert!(terminal.has_line("Login refused."), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), 2);
    let directory = fs::metadata("/run/pam_logonbox").expect("the directory of the tries");
    assert_eq!(directory.mode() & 0o7777, 0o700);
    logged(&[
        "pam_logonbox(sudo:auth): declined user=\"lee\"",
        "pam_logonbox(su:auth): declined user=\"lee\"",
        "pam_logonbox(su:auth): limit user=\"lee\"",
    ]);
}
