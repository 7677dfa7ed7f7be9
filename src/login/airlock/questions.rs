//! What the person is asked, and which answers are never sent: each wrong one counts towards a
//! lock of the account.

use zeroize::Zeroizing;

use super::super::ask::{self, CHANCES, USE_KEYBOARD_INTERACTIVE};
use super::super::choice::choose;
use super::words;
use crate::host::{Echo, Host, Secret};
use crate::verdict::{Refusal, Word};
use crate::wait::Waiter;

/// The longest password that is sent, in bytes.
const LONGEST_PASSWORD: usize = 1024;
/// The longest OTP that is sent, in characters.
const LONGEST_OTP: usize = 64;

/// The password that somebody typed.
///
/// # Errors
///
/// It cannot be one. What sshd answers for users that it will refuse anyway cannot be one, either:
/// it begins with control characters.
pub(crate) fn password(typed: &[u8]) -> Result<Zeroizing<String>, Refusal> {
    let refused = |why| Err(Refusal::new(Word::WrongPassword, why));
    match str::from_utf8(typed) {
        _ if typed.is_empty() => refused("it is empty, and was not sent"),
        _ if typed.len() > LONGEST_PASSWORD => refused("it is too long, and was not sent"),
        Ok(text) if text.chars().any(char::is_control) => {
            refused("it holds control characters, and was not sent")
        }
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => refused("it is not UTF-8, and was not sent"),
    }
}

/// Why an answer is not sent as an OTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The password: most likely a program answers, not a person.
    ThePassword,
    Other(&'static str),
}

/// The OTP that somebody typed. Blanks around it are nobody's intention.
pub(crate) fn fit<'t>(typed: &'t [u8], password: &str) -> Result<&'t str, Unfit> {
    let text = str::from_utf8(typed).map_err(|_| Unfit::Other("it is not UTF-8"))?;
    let otp = text.trim();
    if otp == password || text == password {
        Err(Unfit::ThePassword)
    } else if otp.is_empty() {
        Err(Unfit::Other("it is empty"))
    } else if otp.chars().nth(LONGEST_OTP).is_some() {
        Err(Unfit::Other("it is too long"))
    } else if otp.chars().any(char::is_control) {
        Err(Unfit::Other("it holds control characters"))
    } else {
        Ok(otp)
    }
}

/// A conversation with a person who has given the password.
pub(super) struct Questions<'q> {
    pub(super) host: &'q mut dyn Host,
    pub(super) waiter: &'q dyn Waiter,
    /// For OTPs.
    pub(super) echo: Echo,
    pub(super) password: &'q str,
    /// For the administrator.
    pub(super) hint: &'q mut String,
}

impl Questions<'_> {
    /// Which of these, by place.
    pub(super) fn device(&mut self, devices: &[String]) -> Result<usize, Refusal> {
        choose(devices, |prompt| self.ask(prompt, Echo::On)).map_err(Refusal::after_ringing)
    }

    /// An OTP that can be sent. `prompt` ends in the question.
    pub(super) fn otp(&mut self, prompt: &str) -> Result<Zeroizing<String>, Refusal> {
        let mut prompt = prompt.to_owned();
        let mut last = "";
        for _ in 0..CHANCES {
            let answer = self.ask(&prompt, self.echo)?;
            match fit(&answer, self.password) {
                Ok(otp) => return Ok(Zeroizing::new(otp.to_owned())),
                Err(Unfit::Other(why)) => last = why,
                Err(Unfit::ThePassword) => {
                    if self.host.service() == "sshd" {
                        USE_KEYBOARD_INTERACTIVE.clone_into(self.hint);
                    }
                    let reason = "the answer was the password, and was not sent";
                    return Err(Refusal::new(Word::WrongOtp, reason).after_ringing());
                }
            }
            prompt = format!("That is no OTP. Try again.\n{}", words::OTP);
        }
        let reason = format!("{last}, and was not sent");
        Err(Refusal::new(Word::WrongOtp, reason).after_ringing())
    }

    fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, Refusal> {
        ask::ask(self.host, self.waiter, self.hint, prompt, echo).map_err(Refusal::after_ringing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_otp_is_not_sent() {
        let fit = |typed: &[u8]| fit(typed, "correct-horse").map(str::to_owned);
        assert_eq!(fit(b"123456").unwrap(), "123456");
        assert_eq!(fit(b" 123 456\t").unwrap(), "123 456");
        assert_eq!(fit("h\u{e4}user".as_bytes()).unwrap(), "h\u{e4}user");
        assert_eq!(fit(&[b'x'; 64]).unwrap().len(), 64);
        for typed in [
            &b""[..],
            b"   ",
            b"\xff123",
            b"12\x0734",
            b"\x1b[A",
            b"\x08\n\r\x7fINCORRECT",
            "12\u{9b}34".as_bytes(),
            &[b'x'; 65],
        ] {
            assert!(matches!(fit(typed), Err(Unfit::Other(_))), "{typed:?}");
        }
        for typed in [&b"correct-horse"[..], b"correct-horse ", b" correct-horse"] {
            assert_eq!(fit(typed), Err(Unfit::ThePassword));
        }
        assert_eq!(super::fit(b" x ", " x "), Err(Unfit::ThePassword));
    }

    #[test]
    fn what_cannot_be_a_password_is_not_sent() {
        for typed in [
            &b""[..],
            b"\x08\n\r\x7fINCORRECT",
            b"caf\xe9",
            &[b'x'; 1025],
        ] {
            let refusal = password(typed).unwrap_err();
            assert_eq!(refusal.word, Word::WrongPassword);
            assert!(!refusal.rung);
        }
        for typed in [" x ", "caf\u{e9}", &"x".repeat(1024)] {
            assert_eq!(*password(typed.as_bytes()).unwrap(), typed);
        }
    }
}
