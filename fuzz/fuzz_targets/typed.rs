//! What a person types: the number of a device, a password, an OTP.
#![no_main]

use libfuzzer_sys::fuzz_target;
use login::airlock::{otp_to_send, password_to_send};
use login::chosen;
use login::outcome::Reason;

fuzz_target!(|data: &[u8]| {
    for line in data.split(|byte| *byte == b'\n') {
        for count in [0, 1, 2, 20] {
            if let Some(index) = chosen(line, count) {
                assert!(index < count);
                let number = str::from_utf8(line).unwrap().trim();
                assert_eq!(number.parse(), Ok(index + 1));
            }
        }
    }

    match password_to_send(data) {
        Ok(sent) => {
            assert_eq!(sent.as_bytes(), data);
            assert!(!sent.is_empty() && sent.len() <= 1024);
            assert!(!sent.contains(char::is_control));
        }
        Err(refusal) => {
            assert_eq!(refusal.reason, Reason::WrongPassword);
            assert!(!refusal.request_sent);
        }
    }
    let known = data
        .split(|byte| *byte == b'\n')
        .next_back()
        .unwrap_or_default();
    let known = String::from_utf8_lossy(known);
    if let Ok(sent) = otp_to_send(data, &known) {
        assert_eq!(sent, sent.trim());
        assert!(!sent.is_empty() && sent.chars().count() <= 64);
        assert!(!sent.contains(char::is_control));
        assert_ne!(sent, known);
    }
});
