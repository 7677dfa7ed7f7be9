//! The tests: one file for each kind of machine.

mod directory;
mod odd;
mod power;
mod selinux;
mod systemd;

use std::thread;
use std::time::Duration;

use hosts::machine::PASSWORD;
use hosts::person::{approve_and_type, ring};
use hosts::terminal::Terminal;

use crate::Boot;
use crate::guest::Guest;

pub const ALL: &[Boot] = &[
    systemd::BOOT,
    selinux::BOOT,
    directory::BOOT,
    odd::BOOT,
    power::BOOT,
];

/// Answers the password prompt, then approves and types the code.
#[track_caller]
fn log_in(guest: &Guest, terminal: &Terminal) {
    terminal.see("assword");
    terminal.answer(PASSWORD);
    approve(guest, terminal);
}

/// Types an answer to the prompt for the code as slowly as a person. The module takes an answer within
/// 250 ms for a program's.
fn type_by_hand(terminal: &Terminal, answer: &str) {
    thread::sleep(Duration::from_secs(1));
    terminal.answer(answer);
}

/// Approves and types the code.
#[track_caller]
fn approve(guest: &Guest, terminal: &Terminal) {
    let ring = ring(&guest.phone, terminal);
    approve_and_type(&guest.phone, terminal, &ring);
}
