//! The cases: one file for each host program.

mod airlock;
mod camera;
mod check;
mod controls;
mod fail2ban;
mod fedora;
mod files;
mod login;
mod operating;
mod pins;
mod policy;
mod sshd;
mod su;
mod sudo;

use tenant::Waiting;

use crate::TestCase;
use crate::machine::{Machine, PASSWORD};
use crate::terminal::Terminal;

/// All cases, in the order of the report.
pub fn all() -> Vec<TestCase> {
    [
        sshd::CASES,
        sudo::CASES,
        su::CASES,
        login::CASES,
        controls::CASES,
        policy::CASES,
        pins::CASES,
        fedora::CASES,
        files::CASES,
        fail2ban::CASES,
        operating::CASES,
        camera::CASES,
        airlock::CASES,
        check::CASES,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect()
}

/// The code in the announcement on the screen.
#[track_caller]
fn code(terminal: &Terminal) -> String {
    let screen = terminal.screen();
    let (_, rest) = screen
        .split_once("Approve the request on your phone. Code: ")
        .unwrap_or_else(|| panic!("no announcement:\n{screen}"));
    rest.chars().take_while(char::is_ascii_digit).collect()
}

/// Waits for the password prompt, which comes first, and answers it. The tenant has not been asked
/// before.
#[track_caller]
fn password(machine: &Machine, terminal: &Terminal, prompt: &str, answer: &str) {
    terminal.see(prompt);
    machine.phone.is_left_alone();
    terminal.answer(answer);
}

/// Types a wrong password first. No phone rings for it.
#[track_caller]
fn wrong_then_right(machine: &Machine, terminal: &Terminal, prompt: &str) {
    password(machine, terminal, prompt, "wrong");
    terminal.see_times(prompt, 2);
    machine.phone.is_left_alone();
    terminal.answer(PASSWORD);
}

/// Waits for a prompt that announces the push. The phone must not ring before the answer. Then
/// answers it and waits for the phone, which must show the same code.
#[track_caller]
fn enter(machine: &Machine, terminal: &Terminal) -> Waiting {
    let before = machine.phone.rings();
    terminal.see("Press Enter to send it:");
    machine.phone.stays_silent(before);
    terminal.answer("");
    ring(machine, terminal)
}

/// Waits until the phone rings. The announcement with the same code is on the screen by then.
#[track_caller]
fn ring(machine: &Machine, terminal: &Terminal) -> Waiting {
    let ring = machine.phone.ring();
    terminal.see("Approve the request on your phone. Code: ");
    let code = code(terminal);
    assert_eq!(code.len(), 4, "{code:?}");
    assert!(
        ring.text.ends_with(&format!("Code: {code}")),
        "{}: not {code}",
        ring.text
    );
    ring
}
