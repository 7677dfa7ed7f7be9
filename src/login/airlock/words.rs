//! What the person reads.

use std::time::Duration;

use airlock_iam::{Device, Error, ErrorKind, Hint, LockExpiry};

use crate::config::Conversation;
use crate::qr;
use crate::text::for_terminal;
use crate::verdict::{NOT_REACHED, Refusal};

/// The question, also after a picture.
pub(crate) const OTP: &str = "OTP: ";

/// The prompt for an OTP: how to come by it, and the question. A line break stands before a
/// picture, since hosts put words of their own in front of a prompt.
pub(crate) fn otp(hint: Hint<'_>, conversation: Conversation, note: &mut String) -> String {
    let picture = match (hint, conversation.qr) {
        (Hint::QrCode(png), Some(style)) => {
            qr::draw(png, style, conversation.qr_background).map_err(|why| why.to_string())
        }
        (Hint::QrCode(_) | Hint::UnreadableQrCode, None) => {
            return format!("The QR code is not shown here.\n{OTP}");
        }
        (Hint::UnreadableQrCode, Some(_)) => Err("it is not base64".to_owned()),
        (Hint::Sms(number), _) => {
            let to = number.map_or_else(String::new, |number| {
                format!(" to {}", for_terminal(number))
            });
            return format!("A code was sent by SMS{to}.\n{OTP}");
        }
        (Hint::None, _) => return OTP.to_owned(),
    };
    match picture {
        Ok(picture) => {
            format!("Scan this with your token, and type the OTP that it shows.\n{picture}{OTP}")
        }
        Err(why) => {
            *note = format!("the QR code could not be drawn: {why}");
            format!("The QR code cannot be shown here: please tell your administrator.\n{OTP}")
        }
    }
}

/// The devices at these places, as the person reads them.
pub(super) fn described_at(devices: &[Device], wanted: &[usize]) -> Vec<String> {
    let chosen = wanted.iter().filter_map(|index| devices.get(*index));
    chosen.map(described).collect()
}

/// The places of the devices with this display name; where there are none, of those of this type.
pub(super) fn wanted(devices: &[Device], name: &str) -> Vec<usize> {
    let those = |is: &dyn Fn(&Device) -> bool| -> Vec<usize> {
        let matching = devices.iter().enumerate().filter(|(_, device)| is(device));
        matching.map(|(index, _)| index).collect()
    };
    let named = those(&|device| device.display_name() == name);
    if named.is_empty() {
        those(&|device| device.device_type() == name)
    } else {
        named
    }
}

/// For the log: what was looked for, and what there is.
pub(super) fn no_such_device(devices: &[Device], name: &str) -> String {
    let there: Vec<String> = devices.iter().map(described).collect();
    format!(
        "no device has the name or the type {name}; there are: {}",
        there.join(", ")
    )
}

fn described(device: &Device) -> String {
    let name = for_terminal(device.display_name());
    match device.device_type() {
        "" => name,
        kind => format!("{name} ({})", for_terminal(kind)),
    }
}

/// An error as a refusal, with words where the word for the log does not say enough.
pub(crate) fn refusal(error: Error) -> Refusal {
    let say = match (error.kind(), error.locked_until()) {
        // Whoever does not exist is told nothing more, either.
        (ErrorKind::WrongPassword, _) => None,
        (_, Some(lock)) => Some(locked_until(lock)),
        (ErrorKind::Locked, None) => Some("Login refused. The account is locked.".to_owned()),
        (ErrorKind::TemporarilyLocked, None) => {
            Some("Login refused. The account is locked for some time.".to_owned())
        }
        (ErrorKind::UnsupportedStep, None) => Some(format!(
            "Login refused. Airlock wants a step that is not possible here: {}",
            for_terminal(error.detail())
        )),
        (ErrorKind::TimedOut | ErrorKind::Unreachable(_), None) => Some(NOT_REACHED.to_owned()),
        _ => None,
    };
    Refusal {
        say,
        ..Refusal::from(error)
    }
}

/// "for another 12 minutes, until 2026-11-22 14:05 UTC".
fn locked_until(lock: &LockExpiry) -> String {
    let until = for_terminal(&lock.to_string());
    match lock.remaining() {
        Some(left) if left.is_zero() => "Login refused. Please try again.".to_owned(),
        Some(left) => format!(
            "Login refused. The account is locked for another {}, until {until}.",
            in_words(left)
        ),
        None => format!("Login refused. The account is locked until {until}."),
    }
}

/// A time as a person would say it; from minutes on, rounded up.
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
    fn times_are_said_as_people_say_them() {
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
