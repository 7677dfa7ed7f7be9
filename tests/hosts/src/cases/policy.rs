//! The exemptions, with the users and groups of a real host.

use std::fs;
use std::os::unix::fs::MetadataExt;

use tenant::Press;

use super::{
    PROMPT, approve_and_type, nothing_rang, password, ring, ring_shown, type_nothing,
    type_without_a_ring,
};
use crate::TestCase;
use crate::log::{logged, logged_with};
use crate::machine::{
    Machine, OTHER_ID, PASSWORD, USER_ID, command, configure, stack, tenant_goes_down, terminal,
};
use crate::phone::Phone;
use crate::sshd::{Sshd, ssh};
use crate::terminal::Terminal;

const SUDO: &str = "/usr/bin/sudo";

pub const CASES: &[TestCase] = &[
    TestCase::new("policy/groups", SUDO, groups),
    TestCase::new("policy/limit", SUDO, limit),
    TestCase::new("policy/limit-in-a-row", "/usr/sbin/sshd", limit_in_a_row),
    TestCase::new("policy/ignore-in-sudo", SUDO, ignore_in_sudo),
    TestCase::new(
        "policy/ignore-in-sudo-rs",
        "/usr/bin/sudo-rs",
        ignore_in_sudo,
    ),
    TestCase::new("policy/ignore-in-su", "/usr/bin/su", ignore_in_su),
    TestCase::new("policy/ignore-in-login", "/usr/bin/login", ignore_in_login),
    TestCase::new("policy/ignore-in-sshd", "/usr/sbin/sshd", ignore_in_sshd),
    TestCase::new("policy/one-service", SUDO, one_service),
];

fn only_push() {
    stack("sudo", "sudo");
    configure("[policy]\nonly_groups = [\"push\"]");
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
    let ring = ring(machine, &terminal);
    approve_and_type(machine, &terminal, &ring);
    assert!(terminal.end().success(), "{}", terminal.screen());
    logged(&[
        "pam_logonbox(sudo:auth): exempt user=\"lee\"",
        "pam_logonbox(sudo:auth): ringing user=\"lee\"",
        "pam_logonbox(sudo:auth): approved user=\"lee\"",
    ]);
}

/// An attacker with the password sends push after push, from two services.
fn limit(machine: &mut Machine) {
    for service in ["sudo", "su"] {
        stack(service, service);
    }
    configure("[policy]\nfailed_attempts_per_10_minutes = 2");
    for (id, program, arguments) in [
        (USER_ID, SUDO, &["-k", "id"][..]),
        (OTHER_ID, "su", &["lee", "-c", "id"]),
    ] {
        let mut terminal = terminal(id, program, arguments);
        terminal.see("assword");
        terminal.answer(PASSWORD);
        let ring = ring(machine, &terminal);
        machine.phone.press(&ring, Press::Decline);
        terminal.answer(&Phone::code(&ring));
        assert!(!terminal.end().success(), "{}", terminal.screen());
    }
    // A person who reaches the limit sees the same as after a wrong code.
    for (code, words) in [
        ("123456", "The code is wrong. Login refused."),
        ("", "Login refused."),
    ] {
        let fetches = machine.phone.fetches();
        let mut terminal = terminal(OTHER_ID, "su", &["lee", "-c", "id"]);
        terminal.see("assword");
        terminal.answer(PASSWORD);
        type_without_a_ring(machine, &terminal, fetches, code);
        assert!(!terminal.end().success());
        terminal.see(words);
    }
    assert_eq!(machine.phone.rings(), 2);
    let directory = fs::metadata("/run/pam_logonbox").expect("the directory of the counts");
    assert_eq!(directory.mode() & 0o7777, 0o700);
    logged(&[
        "pam_logonbox(sudo:auth): ringing user=\"lee\"",
        "pam_logonbox(sudo:auth): declined user=\"lee\"",
        "pam_logonbox(su:auth): ringing user=\"lee\"",
        "pam_logonbox(su:auth): declined user=\"lee\"",
        "pam_logonbox(su:auth): limit user=\"lee\"",
        "pam_logonbox(su:auth): limit user=\"lee\"",
    ]);
}

/// Logs lee in through sshd with this button. Returns whether sshd lets lee in.
fn log_in(machine: &Machine, press: Press) -> bool {
    let mut client = ssh(&["lee@localhost", "echo in-$((40+2))"]);
    client.see("Password:");
    client.answer(PASSWORD);
    let ring = ring(machine, &client);
    machine.phone.press(&ring, press);
    client.answer(&Phone::code(&ring));
    client.end().success() && client.has_line("in-42")
}

/// The limit in a row survives a restart, and ends with the administrator's command.
fn limit_in_a_row(machine: &mut Machine) {
    stack("sshd", "sshd");
    configure("[policy]\nfailed_attempts_in_a_row = 3");
    let _sshd = Sshd::start("00-logonbox.conf");
    assert!(!log_in(machine, Press::Decline));
    assert!(log_in(machine, Press::Authorize));
    for _ in 0..3 {
        assert!(!log_in(machine, Press::Decline));
        // As a restart does.
        fs::remove_dir_all("/run/pam_logonbox").expect("the count of ten minutes");
    }
    let fetches = machine.phone.fetches();
    let mut client = ssh(&["lee@localhost"]);
    client.see("Password:");
    client.answer(PASSWORD);
    type_without_a_ring(machine, &client, fetches, "123456");
    client.see("The code is wrong. Login refused.");
    assert!(!client.end().success());
    assert_eq!(machine.phone.rings(), 5);
    logged_with("3 in a row without success; free after logonbox unlock ACCOUNT");

    let mut check = terminal(0, "logonbox", &["check", "--user", "lee"]);
    check.see("[user-limit]");
    check.end();
    let mut unlock = terminal(0, "logonbox", &["unlock", "lee"]);
    unlock.see("3 attempts without success removed. The account is free.");
    assert!(unlock.end().success());
    assert!(log_in(machine, Press::Authorize));
    let mut unlock = terminal(0, "logonbox", &["unlock", "lee"]);
    unlock.see("There is nothing to unlock");
    assert!(unlock.end().success());
}

const IGNORE: &str = "[policy]\non_unavailable = \"ignore\"";
const NOT_IGNORED: &str = "not ignored: this program has more rights than its caller";

/// The caller of sudo can make the tenant unreachable, so the phone is never ignored there.
fn ignore_in_sudo(machine: &mut Machine) {
    stack("sudo", "sudo");
    let terminal = terminal(USER_ID, machine.program, &["id", "-un"]);
    stays_shut(machine, terminal, "sudo");
}

fn ignore_in_su(machine: &mut Machine) {
    stack("su", "su");
    let terminal = terminal(OTHER_ID, "su", &["lee", "-c", "id -un"]);
    stays_shut(machine, terminal, "su");
}

#[track_caller]
fn stays_shut(machine: &Machine, mut terminal: Terminal, service: &str) {
    configure(IGNORE);
    tenant_goes_down();
    password(machine, &terminal, "assword", PASSWORD);
    terminal.see(PROMPT);
    type_nothing(&terminal);
    let line = format!("pam_logonbox({service}:auth): unreachable user=\"lee\"");
    logged(&[&line]);
    logged_with(NOT_IGNORED);
    terminal.give_up();
    assert!(!terminal.end().success(), "{}", terminal.screen());
    for name in ["root", "lee"] {
        assert!(!terminal.has_line(name), "{}", terminal.screen());
    }
    nothing_rang(machine);
}

fn ignore_in_login(machine: &mut Machine) {
    stack("login", "login");
    let terminal = terminal(0, "login", &["lee"]);
    opens(machine, &terminal, "login");
}

fn ignore_in_sshd(machine: &mut Machine) {
    stack("sshd", "sshd");
    let _sshd = Sshd::start("00-logonbox.conf");
    let client = ssh(&["lee@localhost"]);
    opens(machine, &client, "sshd");
}

#[track_caller]
fn opens(machine: &Machine, terminal: &Terminal, service: &str) {
    // The ssh client looks its host up before.
    terminal.see("Password:");
    configure(IGNORE);
    tenant_goes_down();
    password(machine, terminal, "Password:", PASSWORD);
    terminal.see(PROMPT);
    type_nothing(terminal);
    terminal.see("$ ");
    terminal.answer("echo in-$((40+2))");
    terminal.see("in-42");
    nothing_rang(machine);
    logged(&[&format!(
        "pam_logonbox({service}:auth): unreachable user=\"lee\""
    )]);
    logged_with("; ignored by on_unavailable\"");
}

/// [service.su] holds for su alone.
fn one_service(machine: &mut Machine) {
    for service in ["sudo", "su"] {
        stack(service, service);
    }
    configure("[service.su.conversation]\ncode = \"show\"");
    let mut su = terminal(OTHER_ID, "su", &["lee", "-c", "id"]);
    password(machine, &su, "assword", PASSWORD);
    let shown = ring_shown(machine, &su);
    machine.phone.press(&shown, Press::Authorize);
    assert!(su.end().success(), "{}", su.screen());
    let mut sudo = terminal(USER_ID, SUDO, &["-k", "id"]);
    sudo.see("assword");
    sudo.answer(PASSWORD);
    let typed = ring(machine, &sudo);
    approve_and_type(machine, &sudo, &typed);
    assert!(sudo.end().success(), "{}", sudo.screen());
}
