//! The texts at prompts, in one file for each language, and the fixed words in texts on the phone. The
//! phone's question, sender and button are settings.

mod de;
mod en;
mod fr;
mod it;

use std::fmt::Write as _;
use std::time::Duration;

use crate::clean::for_terminal;
use crate::config::Language;

/// On the phone, in place of an unknown remote host and terminal.
pub const THIS_MACHINE: &str = "this machine";
/// On the phone, in place of an unknown terminal.
pub const NO_TERMINAL: &str = "no terminal";

/// On the phone, for the service if su asks its caller.
#[must_use]
pub fn service_to_target(service: &str, target: &str) -> String {
    format!("{service} to {target}")
}

/// A text at a prompt. The files of the languages have the sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "en.rs has the sentences")]
pub enum Text {
    /// With the name of the phone, if it was chosen or configured.
    Approve(Option<String>),
    ApproveAndType(Option<String>),
    ApproveWithCode(Option<String>, String),
    SendOnEnter,
    GoOnOnEnter,
    WhichDevice,
    /// With the number of devices.
    DeviceNumber(usize),
    NotANumber,
    Password,
    /// An earlier module has asked for another password.
    AirlockPassword,
    Otp,
    Scan,
    QrCodeNotShown,
    QrCodeBroken,
    /// With the telephone number, if the server names it.
    CodeBySms(Option<String>),
    WrongOtp,
    NotAnOtp,

    DeniedOnPhone,
    NoAnswerFromPhone(Duration),
    WrongCode,
    NotReached,
    Refused,
    TryAgain,
    Locked,
    LockedForSomeTime,
    LockedUntil(String),
    /// With the remaining time.
    LockedFor(Duration, String),
    UnsupportedStep(String),
}

/// The texts of a language.
#[derive(Debug)]
struct Words {
    /// The sentence, with placeholders in braces.
    sentence: fn(&Text) -> &'static str,
    /// One second, seconds, one minute, minutes, one hour, hours, one day, days.
    units: [&'static str; 8],
    /// The letters beyond ASCII that the sentences use, and their spelling in ASCII.
    ascii: &'static [(char, &'static str)],
}

/// The texts for one login.
#[derive(Debug, Clone, Copy)]
pub struct Texts {
    words: &'static Words,
    is_ascii: bool,
}

impl Texts {
    /// English, which is ASCII.
    pub const ENGLISH: Self = Self {
        words: &en::WORDS,
        is_ascii: true,
    };

    /// The texts in this language. `has_utf8_terminal`: the terminal is known to show letters beyond
    /// ASCII. It is asked if the language has such letters.
    #[must_use]
    pub fn new(language: Language, has_utf8_terminal: impl FnOnce() -> bool) -> Self {
        let words = match language {
            Language::English => &en::WORDS,
            Language::German => &de::WORDS,
            Language::French => &fr::WORDS,
            Language::Italian => &it::WORDS,
        };
        Self {
            words,
            is_ascii: words.ascii.is_empty() || !has_utf8_terminal(),
        }
    }

    /// The sentence, with its values. Values from outside are cleaned for a terminal.
    #[must_use]
    pub fn say(self, text: &Text) -> String {
        let sentence = self.spell((self.words.sentence)(text));
        let mut said = String::new();
        for part in sentence.split_inclusive('}') {
            let (before, name) = match part.split_once('{') {
                Some((before, name)) => (before, name.trim_end_matches('}')),
                None => (part, ""),
            };
            said.push_str(before);
            said.push_str(&self.value(text, name));
        }
        said
    }

    /// The value of the placeholder `name`.
    fn value(self, text: &Text, name: &str) -> String {
        match (text, name) {
            (
                Text::Approve(Some(phone))
                | Text::ApproveAndType(Some(phone))
                | Text::ApproveWithCode(Some(phone), _),
                "phone",
            ) => for_terminal(phone),
            (Text::ApproveWithCode(_, code), "code") => code.clone(),
            (Text::DeviceNumber(count), "count") => count.to_string(),
            (Text::CodeBySms(Some(number)), "number") => for_terminal(number),
            (Text::NoAnswerFromPhone(limit), "seconds") => limit.as_secs().to_string(),
            (Text::LockedFor(left, _), "time") => self.time(*left),
            (Text::LockedFor(_, until) | Text::LockedUntil(until), "until") => for_terminal(until),
            (Text::UnsupportedStep(step), "step") => for_terminal(step),
            _ => String::new(),
        }
    }

    /// The list of devices, numbered from 1, and the prompt for a number. `devices` are cleaned for a
    /// terminal.
    #[must_use]
    pub fn device_list(self, devices: &[String]) -> String {
        let mut list = self.say(&Text::WhichDevice);
        for (number, device) in (1..).zip(devices) {
            let _ = writeln!(list, "{number:3}. {device}");
        }
        list + &self.say(&Text::DeviceNumber(devices.len()))
    }

    /// A time in words, such as "12 minutes". Minutes and larger units are rounded up.
    fn time(self, time: Duration) -> String {
        let seconds = time.as_secs();
        let (count, unit) = if seconds <= 90 {
            (seconds, 0)
        } else if seconds <= 90 * 60 {
            (seconds.div_ceil(60), 2)
        } else if seconds <= 36 * 3600 {
            (seconds.div_ceil(3600), 4)
        } else {
            (seconds.div_ceil(24 * 3600), 6)
        };
        let mut words = self.words.units.iter().skip(unit);
        let unit = if count == 1 {
            words.next()
        } else {
            words.nth(1)
        };
        format!("{count} {}", self.spell(unit.unwrap_or(&"")))
    }

    fn spell(self, text: &str) -> String {
        if !self.is_ascii {
            return text.to_owned();
        }
        let mut spelled = String::with_capacity(text.len());
        for letter in text.chars() {
            match self.words.ascii.iter().find(|(known, _)| *known == letter) {
                Some((_, ascii)) => spelled.push_str(ascii),
                None => spelled.push(letter),
            }
        }
        spelled
    }
}

#[cfg(test)]
mod tests;
