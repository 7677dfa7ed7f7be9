//! What a person does at a prompt, with the phone in the hand.

use tenant::{Press, Waiting};

use crate::phone::Phone;
use crate::terminal::Terminal;

/// The prompt for the code, without the blank at its end.
pub const PROMPT: &str = "Approve the request on your phone, then type the code it shows:";

/// Waits for the prompt for the code, and for the phone. Only the phone shows the code.
#[track_caller]
pub fn ring(phone: &Phone, terminal: &Terminal) -> Waiting {
    terminal.see(PROMPT);
    let ring = phone.ring();
    let screen = terminal.screen();
    assert!(!screen.contains(&Phone::code(&ring)), "{screen}");
    ring
}

/// Approves, and types the code that the phone shows.
#[track_caller]
pub fn approve_and_type(phone: &Phone, terminal: &Terminal, ring: &Waiting) {
    phone.press(ring, Press::Authorize);
    terminal.answer(&Phone::code(ring));
}
