//! The tests: one file for each kind of machine.

mod directory;
mod odd;
mod power;
mod selinux;
mod systemd;

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

/// Approves and types the code.
#[track_caller]
fn approve(guest: &Guest, terminal: &Terminal) {
    let ring = ring(&guest.phone, terminal);
    approve_and_type(&guest.phone, terminal, &ring);
}
