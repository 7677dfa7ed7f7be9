//! login on the console.

use std::time::Instant;

use tenant::Press;

use super::{password, ring};
use crate::TestCase;
use crate::log::logged;
use crate::machine::{Machine, PASSWORD, PROMPTLY, piped, stack, tenant_goes_down, terminal};
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("login/approve", approve),
    case("login/decline", decline),
    case("login/tenant-down", tenant_down),
    case("login/wrong-password", wrong_password),
    case("login/ctrl-c", ctrl_c),
    case("login/no-terminal", no_terminal),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/bin/login", run)
}

#[track_caller]
fn with_password(machine: &Machine, answer: &str) -> Terminal {
    stack("login", "login");
    let terminal = terminal(0, "login", &[]);
    terminal.see("login:");
    terminal.answer("lee");
    password(machine, &terminal, "Password:", answer);
    terminal
}

fn approve(machine: &mut Machine) {
    let mut terminal = with_password(machine, PASSWORD);
    let ring = ring(machine, &terminal);
    assert!(ring.text.contains(" (login) from "), "{}", ring.text);
    machine.phone.press(&ring, Press::Authorize);
    terminal.answer("echo in-$((40+2))");
    terminal.see("in-42");
    terminal.answer("exit");
    terminal.end();
    assert_eq!(machine.phone.rings(), 1);
    logged(&["pam_logonbox(login:auth): approved user=\"lee\""]);
}

fn decline(machine: &mut Machine) {
    let terminal = with_password(machine, PASSWORD);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    terminal.see("Login denied on the phone.");
    is_out(machine, &terminal, 1);
    logged(&["pam_logonbox(login:auth): declined user=\"lee\""]);
}

fn tenant_down(machine: &mut Machine) {
    tenant_goes_down();
    let terminal = with_password(machine, PASSWORD);
    terminal.see("The login service cannot be reached.");
    is_out(machine, &terminal, 0);
    logged(&["pam_logonbox(login:auth): unreachable user=\"lee\""]);
}

fn wrong_password(machine: &mut Machine) {
    let terminal = with_password(machine, "wrong");
    terminal.see("Login incorrect");
    is_out(machine, &terminal, 0);
    machine.phone.is_left_alone();
}

/// Ctrl-C ends the wait at once. login may take a while to end or to ask again.
fn ctrl_c(machine: &mut Machine) {
    let terminal = with_password(machine, PASSWORD);
    ring(machine, &terminal);
    let pressed = Instant::now();
    terminal.press("\x03");
    machine.phone.hung_up();
    let took = pressed.elapsed();
    assert!(took < PROMPTLY, "{took:?} from Ctrl-C to the end");
    is_out(machine, &terminal, 1);
}

fn no_terminal(machine: &mut Machine) {
    stack("login", "login");
    let output = piped(0, "login", &["lee"], &format!("{PASSWORD}\n")).end();
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(machine.phone.rings(), 0);
    // With one, the login works.
    approve(machine);
}

/// login ends or asks again. No shell starts.
#[track_caller]
fn is_out(machine: &Machine, terminal: &Terminal, rings: usize) {
    terminal.see_times_or_end("login: ", 2);
    assert!(!terminal.screen().contains('$'), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), rings);
}
