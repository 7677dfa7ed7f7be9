//! Which answers are sent: each wrong one counts towards a lock of the account.

use zeroize::Zeroizing;

use crate::outcome::{Reason, Refusal};

/// The longest password that is sent, in bytes.
const LONGEST_PASSWORD: usize = 1024;
/// The longest OTP that is sent, in characters.
const LONGEST_OTP: usize = 64;

/// The password to send for an answer.
///
/// # Errors
///
/// [`Reason::WrongPassword`]: no server accepts this answer. For a user that sshd will refuse, sshd
/// itself sends junk as the password. The junk begins with control characters, so this function
/// refuses it.
pub fn password_to_send(typed: &[u8]) -> Result<Zeroizing<String>, Refusal> {
    let refused = |why| Err(Refusal::new(Reason::WrongPassword, why));
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

/// The reason not to send an answer as an OTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is the password: most likely a program answers, not a person.
    ThePassword,
    /// Another reason.
    Other(&'static str),
}

/// The OTP to send for an answer, without blanks around it.
///
/// # Errors
///
/// Why it is not sent.
pub fn otp_to_send<'t>(typed: &'t [u8], password: &str) -> Result<&'t str, Unfit> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_otps_are_not_sent() {
        let fit = |typed: &[u8]| otp_to_send(typed, "correct-horse").map(str::to_owned);
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
        assert_eq!(otp_to_send(b" x ", " x "), Err(Unfit::ThePassword));
    }

    #[test]
    fn invalid_passwords_are_not_sent() {
        for typed in [
            &b""[..],
            b"\x08\n\r\x7fINCORRECT",
            b"caf\xe9",
            &[b'x'; 1025],
        ] {
            let refusal = password_to_send(typed).unwrap_err();
            assert_eq!(refusal.reason, Reason::WrongPassword);
            assert!(!refusal.request_sent);
        }
        for typed in [" x ", "caf\u{e9}", &"x".repeat(1024)] {
            assert_eq!(*password_to_send(typed.as_bytes()).unwrap(), typed);
        }
    }
}
