//! The code that ties a push to its login.

use std::io;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::config;
use crate::delay::below;
use crate::system::System;

/// sshd answers with these bytes for users that it will refuse: as many as the user typed, and again
/// from the start if the user typed more (OpenSSH, auth-pam.c, `fake_password`).
const SSHD_JUNK: &[u8] = b"\x08\n\r\x7fINCORRECT";

/// Random digits. Each value is equally likely, within 1 in 4,000.
pub(super) struct Code(Zeroizing<String>);

/// An answer to the prompt for the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    Right,
    Wrong,
    Empty,
    /// Not the user's answer, but sshd's.
    SshdJunk,
}

impl Code {
    /// A new code: six digits to type, or four to compare.
    pub(super) fn new(system: &dyn System, use_of_code: config::Code) -> io::Result<Self> {
        let (bound, digits) = match use_of_code {
            config::Code::Type => (1_000_000, 6),
            config::Code::Show => (10_000, 4),
        };
        let number = below(system, bound)?;
        Ok(Self(Zeroizing::new(format!("{number:0digits$}"))))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in constant time. Blanks and hyphens in the answer are ignored.
    pub(super) fn compare(&self, answer: &[u8]) -> Typed {
        if !answer.is_empty()
            && answer
                .iter()
                .eq(SSHD_JUNK.iter().cycle().take(answer.len()))
        {
            return Typed::SshdJunk;
        }
        let mut typed = Zeroizing::new(Vec::with_capacity(answer.len()));
        typed.extend(answer.iter().filter(|byte| !b" \t\r\n-".contains(byte)));
        if typed.is_empty() {
            Typed::Empty
        } else if bool::from(typed.ct_eq(self.0.as_bytes())) {
            Typed::Right
        } else {
            Typed::Wrong
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::ScriptedSystem;

    fn code(random: u8, use_of_code: config::Code) -> Code {
        let system = ScriptedSystem {
            random,
            ..ScriptedSystem::default()
        };
        Code::new(&system, use_of_code).unwrap()
    }

    #[test]
    fn a_code_has_six_digits_to_type_or_four_to_compare() {
        for (random, typed, shown) in [
            (0x00, "000000", "0000"),
            (0x01, "843009", "3009"),
            (0xff, "967295", "7295"),
        ] {
            assert_eq!(code(random, config::Code::Type).as_str(), typed);
            assert_eq!(code(random, config::Code::Show).as_str(), shown);
        }
    }

    #[test]
    fn only_the_six_digits_are_right() {
        let code = code(0x01, config::Code::Type);
        for right in ["843009", "843 009", "843-009", " 8 4-3 0\t0 9 ", "843009\r"] {
            assert_eq!(code.compare(right.as_bytes()), Typed::Right, "{right:?}");
        }
        for wrong in [
            "843008",
            "84300",
            "8430090",
            "0843009",
            "843009x",
            "843.009",
            "843009\0",
            "\u{ff18}43009",
            "843009843009",
        ] {
            assert_eq!(code.compare(wrong.as_bytes()), Typed::Wrong, "{wrong:?}");
        }
        assert_eq!(code.compare(b"\xff43009"), Typed::Wrong);
        assert_eq!(code.compare(&vec![b'8'; 100_000]), Typed::Wrong);
        for empty in ["", " ", "-", "\r"] {
            assert_eq!(code.compare(empty.as_bytes()), Typed::Empty, "{empty:?}");
        }
    }

    #[test]
    fn the_answer_of_sshd_for_a_refused_user_is_recognized() {
        let code = code(0x00, config::Code::Type);
        for length in [1, 4, 6, 13, 14, 40] {
            let junk: Vec<u8> = SSHD_JUNK.iter().copied().cycle().take(length).collect();
            assert_eq!(code.compare(&junk), Typed::SshdJunk, "{length}");
        }
        for other in [&b"INCORRECT"[..], b"\x08\n\r\x7fINCORREC!", b"N"] {
            assert_eq!(code.compare(other), Typed::Wrong, "{other:?}");
        }
    }
}
