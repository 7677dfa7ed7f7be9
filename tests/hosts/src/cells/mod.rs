//! The matrix: one file for each host program.

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

use crate::Cell;
use crate::machine::{Machine, PASSWORD};
use crate::terminal::Terminal;

/// All rows, in the order of the report.
pub fn all() -> Vec<Cell> {
    [
        sshd::CELLS,
        sudo::CELLS,
        su::CELLS,
        login::CELLS,
        controls::CELLS,
        policy::CELLS,
        pins::CELLS,
        fedora::CELLS,
        files::CELLS,
        fail2ban::CELLS,
        operating::CELLS,
        camera::CELLS,
        airlock::CELLS,
        check::CELLS,
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

/// Waits for the first prompt, a password's, and answers it: until then nobody is asked.
#[track_caller]
fn password(machine: &Machine, terminal: &Terminal, prompt: &str, answer: &str) {
    terminal.see(prompt);
    machine.phone.is_left_alone();
    terminal.answer(answer);
}

/// The same with a wrong password first, which rings nobody.
#[track_caller]
fn wrong_then_right(machine: &Machine, terminal: &Terminal, prompt: &str) {
    password(machine, terminal, prompt, "wrong");
    terminal.see_times(prompt, 2);
    machine.phone.is_left_alone();
    terminal.answer(PASSWORD);
}

/// Waits for a prompt that announces the phone, checks that the phone has not rung until it is
/// answered, answers it, and waits for the ring: the text on the phone has the same code.
#[track_caller]
fn enter(machine: &Machine, terminal: &Terminal) -> Waiting {
    let before = machine.phone.rings();
    terminal.see("Press Enter to send it:");
    machine.phone.stays_silent(before);
    terminal.answer("");
    ring(machine, terminal)
}

/// Waits for the ring: by then the announcement is on the screen, with the same code.
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
