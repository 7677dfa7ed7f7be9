//! What a person types: which device, an OTP, a password. Lines are one answer each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pam_logonbox::fuzz::{choose, otp, password};
use pam_logonbox::verdict::{Refusal, Word};

fuzz_target!(|data: &[u8]| {
    let mut answers = data.split(|byte| *byte == b'\n');
    let devices = ["Pixel 8".to_owned(), "GAQT12345678 (HWTOKEN)".to_owned()];
    let mut asked = 0;
    let chosen = choose(&devices, |prompt| {
        asked += 1;
        assert!(prompt.is_ascii() && prompt.ends_with("Device (1-2): "));
        let answer = answers
            .next()
            .ok_or_else(|| Refusal::new(Word::Conversation, "gone"))?;
        Ok(answer.to_vec().into())
    });
    assert!((1..=3).contains(&asked));
    match chosen {
        Ok(place) => assert!(place < devices.len()),
        Err(refusal) => assert_eq!(refusal.word, Word::Conversation),
    }

    match password(data) {
        Ok(sent) => {
            assert_eq!(&**sent, data);
            assert!(!sent.is_empty() && sent.len() <= 1024);
            assert!(!str::from_utf8(&sent).unwrap().contains(char::is_control));
        }
        Err(refusal) => assert_eq!((refusal.word, refusal.rung), (Word::WrongPassword, false)),
    }
    let known = data
        .split(|byte| *byte == b'\n')
        .next_back()
        .unwrap_or_default();
    let known = String::from_utf8_lossy(known);
    if let Some(sent) = otp(data, &known) {
        assert_eq!(sent, sent.trim());
        assert!(!sent.is_empty() && sent.chars().count() <= 64);
        assert!(!sent.contains(char::is_control));
        assert_ne!(sent, known);
    }
});
