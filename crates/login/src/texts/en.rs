//! English. All of it is ASCII.

use super::{Text, Words};

pub const WORDS: Words = Words {
    sentence,
    units: [
        "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days",
    ],
    ascii: &[],
};

fn sentence(text: &Text) -> &'static str {
    match text {
        Text::Approve(None) => "Approve the request on your phone.",
        Text::Approve(Some(_)) => "Approve the request on your phone on {phone}.",
        Text::ApproveAndType(None) => {
            "Approve the request on your phone, then type the code it shows: "
        }
        Text::ApproveAndType(Some(_)) => {
            "Approve the request on your phone on {phone}, then type the code it shows: "
        }
        Text::ApproveWithCode(None, _) => "Approve the request on your phone. Code: {code}",
        Text::ApproveWithCode(Some(_), _) => {
            "Approve the request on your phone on {phone}. Code: {code}"
        }
        Text::SendOnEnter => "Press Enter to send it: ",
        Text::GoOnOnEnter => "Press Enter to go on: ",
        Text::WhichDevice => "Which device?\n",
        Text::DeviceNumber(_) => "Device (1-{count}): ",
        Text::NotANumber => "Please type one of the numbers.\n",
        Text::Password => "Password: ",
        Text::AirlockPassword => "Airlock password: ",
        Text::Otp => "OTP: ",
        Text::Scan => "Scan this with your token, and type the OTP that it shows.\n",
        Text::QrCodeNotShown => "The QR code is not shown here.\n",
        Text::QrCodeBroken => "The QR code cannot be shown here: please tell your administrator.\n",
        Text::CodeBySms(None) => "A code was sent by SMS.\n",
        Text::CodeBySms(Some(_)) => "A code was sent by SMS to {number}.\n",
        Text::WrongOtp => "That OTP was wrong. Try again.\n",
        Text::NotAnOtp => "That is no OTP. Try again.\n",
        Text::DeniedOnPhone => "Login denied on the phone.",
        Text::NoAnswerFromPhone(_) => "No answer from the phone within {seconds} s.",
        Text::WrongCode => "The code is wrong. Login refused.",
        Text::NotReached => "The login service cannot be reached.",
        Text::Refused => "Login refused.",
        Text::TryAgain => "Login refused. Please try again.",
        Text::Locked => "Login refused. The account is locked.",
        Text::LockedForSomeTime => "Login refused. The account is locked for some time.",
        Text::LockedUntil(_) => "Login refused. The account is locked until {until}.",
        Text::LockedFor(..) => {
            "Login refused. The account is locked for another {time}, until {until}."
        }
        Text::UnsupportedStep(_) => {
            "Login refused. Airlock wants a step that is not possible here: {step}"
        }
    }
}
