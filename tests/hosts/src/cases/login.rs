//! login on the console.

use std::process::Command;
use std::thread;
use std::time::Instant;

use tenant::Press;

use super::{
    BY_HAND, NO_LIMIT, PROMPT, SHOW, approve_and_type, nothing_rang, password, prompt_comes_first,
    ring, ring_shown, type_nothing, wrong_code,
};
use crate::TestCase;
use crate::log::{logged, logged_with};
use crate::machine::{
    Machine, PASSWORD, PROMPTLY, configure, counts, piped, stack, tenant_goes_down, terminal,
};
use crate::phone::Phone;
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("login/approve", approve),
    case("login/prompt-first", prompt_first),
    case("login/wrong-code", wrong_code_typed),
    case("login/decline", decline),
    case("login/no-answer", no_answer),
    case("login/tenant-down", tenant_down),
    case("login/wrong-password", wrong_password),
    case("login/ctrl-c", ctrl_c),
    case("login/ctrl-c-at-the-prompt", ctrl_c_at_the_prompt),
    case("login/no-terminal", no_terminal),
    case("login/show", show),
];

const RINGING: &str = "pam_logonbox(login:auth): ringing user=\"lee\"";

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/bin/login", run)
}

#[track_caller]
pub(super) fn with_password(machine: &Machine, answer: &str) -> Terminal {
    stack("login", "login");
    let terminal = terminal(0, "login", &[]);
    terminal.see("login:");
    terminal.answer("lee");
    password(machine, &terminal, "Password:", answer);
    terminal
}

fn approve(machine: &mut Machine) {
    let terminal = with_password(machine, PASSWORD);
    let ring = ring(machine, &terminal);
    assert!(ring.text.contains(" (login) from "), "{}", ring.text);
    approve_and_type(machine, &terminal, &ring);
    is_in(&terminal);
    assert_eq!(counts(), 0);
    logged(&[RINGING, "pam_logonbox(login:auth): approved user=\"lee\""]);
}

fn prompt_first(machine: &mut Machine) {
    configure(NO_LIMIT);
    stack("login", "login");
    prompt_comes_first(machine, || {
        let terminal = terminal(0, "login", &["lee"]);
        terminal.see("Password:");
        terminal.answer(PASSWORD);
        terminal
    });
}

/// login asks for a name again, but not for this login.
fn wrong_code_typed(machine: &mut Machine) {
    let terminal = with_password(machine, PASSWORD);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    terminal.answer(&wrong_code(&ring));
    terminal.see("The code is wrong. Login refused.");
    is_out(machine, &terminal, 1);
    assert_eq!(counts(), 1);
    logged(&[RINGING, "pam_logonbox(login:auth): wrong-code user=\"lee\""]);
    logged_with("reason=\"the phone had approved\"");
}

fn decline(machine: &mut Machine) {
    let terminal = with_password(machine, PASSWORD);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    type_nothing(&terminal);
    terminal.see("Login denied on the phone.");
    is_out(machine, &terminal, 1);
    logged(&[RINGING, "pam_logonbox(login:auth): declined user=\"lee\""]);
}

/// The right code, but no approval.
fn no_answer(machine: &mut Machine) {
    configure("[wait]\nlogin_seconds = 5");
    let terminal = with_password(machine, PASSWORD);
    let ring = ring(machine, &terminal);
    terminal.answer(&Phone::code(&ring));
    terminal.see("No answer from the phone within 5 s.");
    is_out(machine, &terminal, 1);
    logged(&[RINGING, "pam_logonbox(login:auth): timed-out user=\"lee\""]);
}

fn tenant_down(machine: &mut Machine) {
    tenant_goes_down();
    let terminal = with_password(machine, PASSWORD);
    terminal.see(PROMPT);
    type_nothing(&terminal);
    terminal.see("The login service cannot be reached.");
    is_out(machine, &terminal, 0);
    nothing_rang(machine);
    logged(&["pam_logonbox(login:auth): unreachable user=\"lee\""]);
}

fn wrong_password(machine: &mut Machine) {
    let terminal = with_password(machine, "wrong");
    terminal.see("Login incorrect");
    is_out(machine, &terminal, 0);
    machine.phone.is_left_alone();
}

/// Ctrl-C ends the wait for the phone at once. login may take a while to end or to ask again.
fn ctrl_c(machine: &mut Machine) {
    let terminal = with_password(machine, PASSWORD);
    let ring = ring(machine, &terminal);
    let code = Phone::code(&ring);
    terminal.answer(&code);
    terminal.see(&code);
    // The terminal shows the code before the program has read it.
    thread::sleep(BY_HAND);
    let pressed = Instant::now();
    terminal.press("\x03");
    machine.phone.hung_up();
    let took = pressed.elapsed();
    assert!(took < PROMPTLY, "{took:?} from Ctrl-C to the end");
    is_out(machine, &terminal, 1);
}

/// util-linux's login, as in Debian 13, ignores Ctrl-C at a prompt. shadow's login ends.
fn ctrl_c_at_the_prompt(machine: &mut Machine) {
    let version = Command::new("login").arg("--version").output();
    let version = String::from_utf8(version.expect("login").stdout).expect("text");
    let goes_on = version.contains("util-linux");
    let terminal = with_password(machine, PASSWORD);
    ring(machine, &terminal);
    terminal.press("\x03");
    if goes_on {
        terminal.answer("");
        terminal.see("Login refused.");
    }
    machine.phone.hung_up();
    is_out(machine, &terminal, 1);
    assert_eq!(counts(), 1);
    let decision = "pam_logonbox(login:auth): wrong-code user=\"lee\"";
    let both = [RINGING, decision];
    let lines = if goes_on { &both[..] } else { &[RINGING] };
    logged(lines);
}

fn show(machine: &mut Machine) {
    configure(SHOW);
    let terminal = with_password(machine, PASSWORD);
    let ring = ring_shown(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    is_in(&terminal);
}

#[track_caller]
fn is_in(terminal: &Terminal) {
    // Text that is typed before the shell starts is lost.
    terminal.see("$ ");
    terminal.answer("echo in-$((40+2))");
    terminal.see("in-42");
    terminal.answer("exit");
}

fn no_terminal(machine: &mut Machine) {
    stack("login", "login");
    let output = piped(0, "login", &["lee"], &format!("{PASSWORD}\n")).end();
    assert!(!output.status.success(), "{output:?}");
    nothing_rang(machine);
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
