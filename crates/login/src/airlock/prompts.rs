//! Makes prompts, device names and refusals from Airlock's answers.

use airlock_iam::{Device, Error, ErrorKind, Hint, LockExpiry};

use crate::clean::for_terminal;
use crate::config::Conversation;
use crate::outcome::Refusal;
use crate::qr;
use crate::texts::{Text, Texts};

/// The prompt for an OTP, and a hint for the log. The prompt names the source of the OTP. A line
/// break precedes a QR code, because hosts put their own text in front of a prompt.
#[must_use]
pub fn otp(hint: Hint<'_>, conversation: Conversation, texts: Texts) -> (String, String) {
    let before_otp = |text: &Text| texts.say(text) + &texts.say(&Text::Otp);
    let no_hint = String::new();
    let qr_code = match (hint, conversation.qr) {
        (Hint::QrCode(png), Some(style)) => {
            qr::draw(png, style, conversation.qr_background).map_err(|why| why.to_string())
        }
        (Hint::UnreadableQrCode, Some(_)) => Err("it is not base64".to_owned()),
        (Hint::QrCode(_) | Hint::UnreadableQrCode, None) => {
            return (before_otp(&Text::QrCodeNotShown), no_hint);
        }
        (Hint::Sms(number), _) => {
            let number = number.map(str::to_owned);
            return (before_otp(&Text::CodeBySms(number)), no_hint);
        }
        _ => return (texts.say(&Text::Otp), no_hint),
    };
    match qr_code {
        Ok(qr_code) => (
            texts.say(&Text::Scan) + &qr_code + &texts.say(&Text::Otp),
            no_hint,
        ),
        Err(why) => (
            before_otp(&Text::QrCodeBroken),
            format!("the QR code could not be drawn: {why}"),
        ),
    }
}

/// The names of the devices at these indexes, cleaned for a terminal.
pub(super) fn names(devices: &[Device], indexes: &[usize]) -> Vec<String> {
    let chosen = indexes.iter().filter_map(|index| devices.get(*index));
    chosen.map(described).collect()
}

/// The indexes of the devices with this display name. If no device has it, the devices of this
/// type.
pub(super) fn matching(devices: &[Device], name: &str) -> Vec<usize> {
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

/// For the log: the configured device, and the devices that exist.
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

/// An error as a refusal. It gets a message if the reason alone does not say enough.
#[must_use]
pub fn refusal(error: Error) -> Refusal {
    let message = match (error.kind(), error.locked_until()) {
        // The same message as for unknown users.
        (ErrorKind::WrongPassword, _) => None,
        (_, Some(lock)) => Some(locked_until(lock)),
        (ErrorKind::Locked, None) => Some(Text::Locked),
        (ErrorKind::TemporarilyLocked, None) => Some(Text::LockedForSomeTime),
        (ErrorKind::UnsupportedStep, None) => {
            Some(Text::UnsupportedStep(error.detail().to_owned()))
        }
        (ErrorKind::TimedOut | ErrorKind::Unreachable(_), None) => Some(Text::NotReached),
        _ => None,
    };
    Refusal {
        message,
        ..Refusal::from(error)
    }
}

fn locked_until(lock: &LockExpiry) -> Text {
    let until = lock.to_string();
    match lock.remaining() {
        Some(left) if left.is_zero() => Text::TryAgain,
        Some(left) => Text::LockedFor(left, until),
        None => Text::LockedUntil(until),
    }
}
