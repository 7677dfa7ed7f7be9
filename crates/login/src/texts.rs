//! The texts at prompts, and the fixed words in texts on the phone. The phone's question, sender
//! and button are settings.
//!
//! All of it is printable ASCII. Values from outside are cleaned with [`for_terminal`], here or by
//! the caller.
#![allow(missing_docs, reason = "the texts explain themselves")]
#![allow(clippy::must_use_candidate, reason = "they are texts")]

use std::fmt::Write as _;
use std::time::Duration;

use crate::clean::for_terminal;

pub const SEND_ON_ENTER: &str = "Press Enter to send it: ";
pub const GO_ON_ON_ENTER: &str = "Press Enter to go on: ";
pub const PASSWORD: &str = "Password: ";
/// An earlier module has asked for another password.
pub const AIRLOCK_PASSWORD: &str = "Airlock password: ";
pub const OTP: &str = "OTP: ";
pub const SCAN: &str = "Scan this with your token, and type the OTP that it shows.\n";
pub const QR_CODE_NOT_SHOWN: &str = "The QR code is not shown here.\n";
pub const QR_CODE_BROKEN: &str =
    "The QR code cannot be shown here: please tell your administrator.\n";
pub const WRONG_OTP: &str = "That OTP was wrong. Try again.\n";
pub const NOT_AN_OTP: &str = "That is no OTP. Try again.\n";
pub const NOT_A_NUMBER: &str = "Please type one of the numbers.\n";

pub const DENIED_ON_PHONE: &str = "Login denied on the phone.";
pub const WRONG_CODE: &str = "The code is wrong. Login refused.";
pub const NOT_REACHED: &str = "The login service cannot be reached.";
pub const REFUSED: &str = "Login refused.";
pub const LOCKED: &str = "Login refused. The account is locked.";
pub const LOCKED_FOR_SOME_TIME: &str = "Login refused. The account is locked for some time.";
pub const TRY_AGAIN: &str = "Login refused. Please try again.";

/// On the phone, in place of an unknown remote host and terminal.
pub const THIS_MACHINE: &str = "this machine";
/// On the phone, in place of an unknown terminal.
pub const NO_TERMINAL: &str = "no terminal";

/// On the phone, for the service if su asks its caller.
pub fn service_to_target(service: &str, target: &str) -> String {
    format!("{service} to {target}")
}

/// The prompt for the code that the phone shows. `phone` is its name, if that was chosen or
/// configured.
pub fn approve_and_type(phone: Option<&str>) -> String {
    format!(
        "Approve the request on your phone{}, then type the code it shows: ",
        on(phone)
    )
}

pub fn approve_with_code(phone: Option<&str>, code: &str) -> String {
    format!(
        "Approve the request on your phone{}. Code: {code}",
        on(phone)
    )
}

pub fn approve(phone: Option<&str>) -> String {
    format!("Approve the request on your phone{}.", on(phone))
}

fn on(phone: Option<&str>) -> String {
    phone.map_or_else(String::new, |name| format!(" on {}", for_terminal(name)))
}

pub fn no_answer_from_phone(limit: Duration) -> String {
    format!("No answer from the phone within {} s.", limit.as_secs())
}

/// The list of devices, numbered from 1. `devices` are cleaned for a terminal.
pub fn device_list(devices: &[String]) -> String {
    let mut list = "Which device?\n".to_owned();
    for (number, device) in (1..).zip(devices) {
        let _ = writeln!(list, "{number:3}. {device}");
    }
    list
}

pub fn device_number(count: usize) -> String {
    format!("Device (1-{count}): ")
}

pub fn code_by_sms(number: Option<&str>) -> String {
    let to = number.map_or_else(String::new, |number| {
        format!(" to {}", for_terminal(number))
    });
    format!("A code was sent by SMS{to}.\n")
}

pub fn unsupported_step(step: &str) -> String {
    format!(
        "Login refused. Airlock wants a step that is not possible here: {}",
        for_terminal(step)
    )
}

pub fn locked_until(until: &str) -> String {
    format!(
        "Login refused. The account is locked until {}.",
        for_terminal(until)
    )
}

/// `left` is the remaining time. The message shows it in words, such as "12 minutes".
pub fn locked_for(left: Duration, until: &str) -> String {
    format!(
        "Login refused. The account is locked for another {}, until {}.",
        in_words(left),
        for_terminal(until)
    )
}

/// A time in words. Minutes and larger units are rounded up.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = if seconds <= 90 {
        (seconds, "second")
    } else if seconds <= 90 * 60 {
        (seconds.div_ceil(60), "minute")
    } else if seconds <= 36 * 3600 {
        (seconds.div_ceil(3600), "hour")
    } else {
        (seconds.div_ceil(24 * 3600), "day")
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_words() {
        for (seconds, words) in [
            (1, "1 second"),
            (90, "90 seconds"),
            (91, "2 minutes"),
            (60 * 60, "60 minutes"),
            (90 * 60 + 1, "2 hours"),
            (36 * 3600, "36 hours"),
            (36 * 3600 + 1, "2 days"),
            (7 * 24 * 3600, "7 days"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
