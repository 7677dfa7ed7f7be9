//! Bypass codes, made with the real command and typed in real programs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};
use std::thread;

use super::login::with_password;
use super::sshd::password_then_phone;
use super::{BY_HAND, PROMPT, password};
use crate::TestCase;
use crate::log::logged;
use crate::machine::{
    Machine, OTHER_ID, PASSWORD, USER_ID, command, configure, stack, tenant_goes_down, terminal,
    wait_until,
};
use crate::sshd::ssh;
use crate::terminal::Terminal;

const SSHD: &str = "/usr/sbin/sshd";
const SUDO: &str = "/usr/bin/sudo";
const CODES: &str = "/var/lib/pam_logonbox/bypass";

pub const CASES: &[TestCase] = &[
    TestCase::new("bypass/sshd", SSHD, in_sshd),
    TestCase::new("bypass/sudo", SUDO, in_sudo),
    TestCase::new("bypass/su", "/usr/bin/su", in_su),
    TestCase::new("bypass/login", "/usr/bin/login", in_login),
    TestCase::new("bypass/race", SSHD, race),
    TestCase::new("bypass/command", SUDO, the_command),
];

fn bypass(arguments: &[&str]) -> Output {
    let mut command = Command::new("logonbox");
    command.arg("bypass").args(arguments);
    command.output().expect("logonbox")
}

/// Makes a code for the user.
fn code() -> String {
    let output = bypass(&["lee", "--reason", "lost phone"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().next().expect("a code").to_owned()
}

/// Types the code at the prompt for the code from the phone.
#[track_caller]
fn type_code(terminal: &Terminal, code: &str) {
    terminal.see(PROMPT);
    thread::sleep(BY_HAND);
    terminal.answer(code);
}

fn line(service: &str, word: &str) -> String {
    format!("pam_logonbox({service}:auth): {word} user=\"lee\"")
}

/// ssh with the password, to the prompt for the code.
fn client() -> Terminal {
    let client = ssh(&["lee@localhost", "id -un"]);
    client.see("Password:");
    client.answer(PASSWORD);
    client
}

/// The tenant is away. The code lets the user in once.
fn in_sshd(machine: &mut Machine) {
    tenant_goes_down();
    let code = code();
    let _sshd = password_then_phone();
    let mut first = client();
    type_code(&first, &code.to_lowercase());
    assert!(first.end().success(), "{}", first.screen());
    assert!(first.has_line("lee"));
    let mut second = client();
    type_code(&second, &code);
    second.see("The login service cannot be reached.");
    second.give_up();
    assert!(!second.has_line("lee"));
    assert_eq!(machine.phone.rings(), 0);
    logged(&[&line("sshd", "bypass"), &line("sshd", "unreachable")]);
}

/// The same, when the phone rings in vain.
#[track_caller]
fn type_code_while_it_rings(machine: &Machine, terminal: &Terminal, code: &str, rings: usize) {
    terminal.see(PROMPT);
    wait_until("the phone rings", || machine.phone.rings() == rings);
    terminal.answer(code);
}

fn in_sudo(machine: &mut Machine) {
    stack("sudo", "sudo");
    let code = code();
    for (number, is_in) in [(1, true), (2, false)] {
        let mut terminal = terminal(USER_ID, SUDO, &["-k", "id", "-un"]);
        terminal.see("assword");
        terminal.answer(PASSWORD);
        type_code_while_it_rings(machine, &terminal, &code, number);
        assert_eq!(terminal.end().success(), is_in, "{}", terminal.screen());
        assert_eq!(terminal.has_line("root"), is_in);
    }
    let [ringing, bypass, wrong] =
        ["ringing", "bypass", "wrong-code"].map(|word| line("sudo", word));
    logged(&[&ringing, &bypass, &ringing, &wrong]);
}

/// su asks the phone of the target user, and takes the bypass code of the target user.
fn in_su(machine: &mut Machine) {
    stack("su", "su");
    let code = code();
    let mut terminal = terminal(OTHER_ID, "su", &["lee", "-c", "id -un"]);
    password(machine, &terminal, "assword", PASSWORD);
    type_code_while_it_rings(machine, &terminal, &code, 1);
    assert!(terminal.end().success(), "{}", terminal.screen());
    assert!(terminal.has_line("lee"));
    logged(&[&line("su", "ringing"), &line("su", "bypass")]);
}

fn in_login(machine: &mut Machine) {
    let code = code();
    let terminal = with_password(machine, PASSWORD);
    type_code_while_it_rings(machine, &terminal, &code, 1);
    terminal.see("$ ");
    terminal.answer("exit");
    logged(&[&line("login", "ringing"), &line("login", "bypass")]);
}

/// Two logins with one code at the same time.
fn race(_: &mut Machine) {
    configure("[policy]\nfailed_attempts_per_10_minutes = 0");
    let _sshd = password_then_phone();
    for _ in 0..3 {
        let code = code();
        let mut clients = [client(), client()];
        for client in &clients {
            client.see(PROMPT);
        }
        thread::sleep(BY_HAND);
        for client in &clients {
            client.answer(&code);
        }
        let is_in = clients.each_mut().map(|client| client.end().success());
        assert!(matches!(is_in, [true, false] | [false, true]), "{is_in:?}");
    }
}

/// Only root can make codes and see who has one. A directory that others could write is not used.
fn the_command(_: &mut Machine) {
    let code = code();
    let mode = |path: &str| fs::metadata(path).expect(path).mode() & 0o7777;
    assert_eq!(mode(CODES), 0o700);
    let listed = bypass(&["--list"]);
    let text = String::from_utf8(listed.stdout).expect("UTF-8");
    assert!(
        text.starts_with("lee  until 2") && text.ends_with(": lost phone\n"),
        "{text}"
    );
    assert!(!text.contains(&code));
    for arguments in [
        &["lee", "--reason", "x"][..],
        &["--list"],
        &["lee", "--revoke"],
    ] {
        let mut terminal = terminal(USER_ID, "logonbox", &[&["bypass"], arguments].concat());
        assert!(!terminal.end().success());
        terminal.see("Run this command as root");
    }
    command("chmod", &["755", CODES]);
    let refused = bypass(&["lee", "--reason", "x"]);
    let text = String::from_utf8(refused.stderr).expect("UTF-8");
    assert!(text.contains("is open to others; run chmod 700"), "{text}");
}
