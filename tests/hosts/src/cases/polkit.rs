//! polkit: pkexec in a terminal, with its agent and polkit's helper.

use std::process::Command;
use std::thread;
use std::time::Instant;

use tenant::Press;

use super::check::check_finds;
use super::{BY_HAND, CANNOT_PROMPT, PROMPT, SHOW, approve_and_type, ring, ring_shown, wrong_code};
use crate::TestCase;
use crate::log::{logged, logged_with};
use crate::machine::{
    Machine, PASSWORD, PROMPTLY, USER_ID, add_module, background, command, configure, counts,
    system_bus, terminal, wait_until,
};
use crate::phone::Phone;
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("polkit/type", typed),
    case("polkit/refused", refused),
    case("polkit/show", show),
    case("polkit/ctrl-c", ctrl_c),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/bin/pkexec", run)
}

const RINGING: &str = "pam_logonbox(polkit-1:auth): ringing user=\"lee\"";

/// Starts polkit. lee is an administrator.
fn polkit() {
    add_module("polkit-1");
    command("usermod", &["-aG", "sudo", "lee"]);
    system_bus();
    background("/usr/lib/polkit-1/polkitd", &["--no-debug"]);
    wait_until("polkitd is on the bus", || {
        let name = "string:org.freedesktop.PolicyKit1";
        let output = Command::new("dbus-send")
            .args(["--system", "--print-reply", "--dest=org.freedesktop.DBus"])
            .args(["/", "org.freedesktop.DBus.NameHasOwner", name])
            .output()
            .expect("dbus-send");
        String::from_utf8_lossy(&output.stdout).contains("true")
    });
}

/// Starts a program as root, and types this password.
#[track_caller]
fn pkexec(password: &str) -> Terminal {
    // polkit asks for the parent of pkexec, which must not be the container's first process.
    let command = "trap : INT; pkexec id -un; exit $?";
    let terminal = terminal(USER_ID, "sh", &["-c", command]);
    terminal.see("Password:");
    agent_reads(&terminal);
    terminal.answer(password);
    terminal
}

/// Waits until the agent has hidden what is typed. It drops what was typed before.
#[track_caller]
fn agent_reads(terminal: &Terminal) {
    wait_until("the agent reads", || terminal.is_silent());
}

#[track_caller]
fn is_in(terminal: &mut Terminal) {
    assert!(terminal.end().success(), "{}", terminal.screen());
    assert!(terminal.has_line("root"), "{}", terminal.screen());
}

#[track_caller]
fn is_out(terminal: &mut Terminal) {
    terminal.see("==== AUTHENTICATION FAILED ====");
    assert_eq!(terminal.end().code(), Some(127));
    assert!(!terminal.has_line("root"), "{}", terminal.screen());
    let passwords = terminal.screen().matches("Password:").count();
    assert_eq!(passwords, 1, "{}", terminal.screen());
}

fn typed(machine: &mut Machine) {
    polkit();
    assert!(!check_finds(CANNOT_PROMPT));
    let mut terminal = pkexec(PASSWORD);
    let ring = ring(machine, &terminal);
    assert!(ring.text.contains(" (polkit-1) "), "{}", ring.text);
    agent_reads(&terminal);
    approve_and_type(machine, &terminal, &ring);
    is_in(&mut terminal);
    // The agent hides what is typed.
    let shown = format!("{PROMPT} ");
    assert!(terminal.has_line(shown.trim_end()), "{}", terminal.screen());
    assert_eq!((machine.phone.rings(), counts()), (1, 0));
    logged(&[
        RINGING,
        "pam_logonbox(polkit-1:auth): approved user=\"lee\"",
    ]);
}

/// pkexec asks once.
fn refused(machine: &mut Machine) {
    polkit();
    let mut terminal = pkexec("wrong");
    is_out(&mut terminal);
    machine.phone.is_left_alone();

    let mut terminal = pkexec(PASSWORD);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    agent_reads(&terminal);
    terminal.answer(&wrong_code(&ring));
    terminal.see("Error: The code is wrong. Login refused.");
    is_out(&mut terminal);
    assert_eq!((machine.phone.rings(), counts()), (1, 1));
    logged(&[
        RINGING,
        "pam_logonbox(polkit-1:auth): wrong-code user=\"lee\"",
    ]);
    logged_with("reason=\"the phone had approved\"");
}

/// The agent shows the code at once, while the phone rings.
fn show(machine: &mut Machine) {
    configure(SHOW);
    polkit();
    assert!(!check_finds(CANNOT_PROMPT));
    let mut terminal = pkexec(PASSWORD);
    let ring = ring_shown(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    terminal.see("Error: Login denied on the phone.");
    is_out(&mut terminal);

    let mut terminal = pkexec(PASSWORD);
    let ring = ring_shown(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    is_in(&mut terminal);
    assert_eq!(machine.phone.rings(), 2);
    logged(&[
        RINGING,
        "pam_logonbox(polkit-1:auth): declined user=\"lee\"",
        RINGING,
        "pam_logonbox(polkit-1:auth): approved user=\"lee\"",
    ]);
}

/// Ctrl-C ends pkexec and polkit's helper at once: at the prompt, and in the wait for the phone.
fn ctrl_c(machine: &mut Machine) {
    polkit();
    for types in [false, true] {
        let mut terminal = pkexec(PASSWORD);
        let ring = ring(machine, &terminal);
        if types {
            agent_reads(&terminal);
            terminal.answer(&Phone::code(&ring));
            thread::sleep(BY_HAND);
        }
        terminal.press("\x03");
        let pressed = Instant::now();
        assert!(!terminal.end().success());
        assert!(!terminal.has_line("root"), "{}", terminal.screen());
        assert!(pressed.elapsed() < PROMPTLY);
        wait_until("nobody waits for the phone", || !machine.phone.is_ringing());
    }
    assert_eq!(machine.phone.rings(), 2);
    let interrupted = "pam_logonbox(polkit-1:auth): interrupted user=\"lee\"";
    logged(&[RINGING, RINGING, interrupted]);
}
