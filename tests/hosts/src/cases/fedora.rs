//! The stacks for Fedora and RHEL, with the programs and the libpam of this distribution. Debian
//! has the same modules. The files of Fedora's authselect are imitated.

use std::fs;

use tenant::Press;

use super::{approve_and_type, ring, wrong_then_right};
use crate::TestCase;
use crate::machine::{KEY, Machine, OTHER_ID, PASSWORD, USER_ID, terminal};
use crate::phone::Phone;
use crate::sshd::{Sshd, ssh};

pub const CASES: &[TestCase] = &[
    case("fedora/sshd", sshd),
    case("fedora/sshd-publickey", sshd_publickey),
    case("fedora/sudo", sudo),
    case("fedora/su", su),
    case("fedora/login", login),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/sbin/sshd", run)
}

/// Our stacks include these files for account, password and session.
const ELSEWHERE: &str = "account required pam_unix.so\n\
    password required pam_unix.so\n\
    session required pam_limits.so\n\
    session required pam_unix.so\n";

/// Installs Fedora's files on this host.
fn install() {
    for name in ["system-auth", "password-auth"] {
        fs::write(format!("/etc/pam.d/{name}"), ELSEWHERE).expect(name);
    }
    fs::write(
        "/etc/pam.d/postlogin",
        "session optional pam_umask.so silent\n",
    )
    .expect("postlogin");
    for file in fs::read_dir("/in/conf/pam.d/fedora").expect("the sources") {
        let file = file.expect("a file");
        fs::copy(
            file.path(),
            format!("/etc/pam.d/{}", file.file_name().display()),
        )
        .expect("a stack");
    }
}

fn sshd(machine: &mut Machine) {
    install();
    let _sshd = Sshd::start("00-logonbox.conf");
    let mut client = ssh(&["lee@localhost"]);
    wrong_then_right(machine, &client, "Password:");
    let ring = ring(machine, &client);
    approve_and_type(machine, &client, &ring);
    client.answer("echo in-$((40+2))");
    client.see("in-42");
    client.answer("exit");
    assert!(client.end().success());

    let mut client = ssh(&["lee@localhost"]);
    client.see("Password:");
    client.answer(PASSWORD);
    let ring = super::ring(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    client.answer(&Phone::code(&ring));
    client.see("Login denied on the phone.");
    assert!(!client.end().success());
    assert_eq!(machine.phone.rings(), 2);
}

fn sshd_publickey(machine: &mut Machine) {
    install();
    fs::copy("/etc/pam.d/sshd-publickey", "/etc/pam.d/sshd").expect("a stack");
    let _sshd = Sshd::start("00-logonbox-publickey.conf");
    let mut client = ssh(&["-i", KEY, "lee@localhost", "id -un"]);
    let ring = ring(machine, &client);
    approve_and_type(machine, &client, &ring);
    assert!(client.end().success(), "{}", client.screen());
    assert!(client.has_line("lee"), "{}", client.screen());
    assert_eq!(machine.phone.rings(), 1);

    assert!(!ssh(&["lee@localhost"]).end().success());
    assert_eq!(machine.phone.rings(), 1);
}

fn sudo(machine: &mut Machine) {
    install();
    let mut terminal = terminal(USER_ID, "sudo", &["id", "-un"]);
    wrong_then_right(machine, &terminal, "password for lee:");
    let ring = ring(machine, &terminal);
    approve_and_type(machine, &terminal, &ring);
    assert!(terminal.end().success(), "{}", terminal.screen());
    assert!(terminal.has_line("root"), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), 1);
}

fn su(machine: &mut Machine) {
    install();
    let become_lee = |password| {
        let terminal = terminal(OTHER_ID, "su", &["lee", "-c", "id -un"]);
        terminal.see("Password:");
        terminal.answer(password);
        terminal
    };
    assert!(!become_lee("wrong").end().success());
    machine.phone.is_left_alone();
    let mut terminal = become_lee(PASSWORD);
    let ring = ring(machine, &terminal);
    approve_and_type(machine, &terminal, &ring);
    assert!(terminal.end().success(), "{}", terminal.screen());
    assert!(terminal.has_line("lee"), "{}", terminal.screen());
}

fn login(machine: &mut Machine) {
    install();
    let terminal = terminal(0, "login", &[]);
    terminal.see("login:");
    terminal.answer("lee");
    terminal.see("Password:");
    terminal.answer(PASSWORD);
    let ring = ring(machine, &terminal);
    approve_and_type(machine, &terminal, &ring);
    // Text that is typed before the shell starts is lost.
    terminal.see("$ ");
    terminal.answer("echo in-$((40+2))");
    terminal.see("in-42");
}
