//! The cookies of an Airlock IAM. Each line is a header field; an empty line ends an answer.
#![no_main]

use airlock_iam::fuzz;
use libfuzzer_sys::fuzz_target;
use properties::{header, reply};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    // What HTTP lets through as text (RFC 9110, section 5.5).
    let visible = |c: char| c == '\t' || (' '..='~').contains(&c);
    if !text.chars().all(|c| c == '\n' || visible(c)) {
        return;
    }
    let replies: Vec<_> = text
        .split("\n\n")
        .map(|fields| {
            let mut reply = reply(200, b"");
            reply.headers = fields
                .lines()
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| header(name, value))
                .collect();
            reply
        })
        .collect();
    let Ok(headers) = fuzz::returned(&replies) else {
        return;
    };
    for (place, header) in headers.iter().enumerate() {
        assert!(header.value.chars().all(visible), "{:?}", *header.value);
        assert!(header.value.len() <= 50 * 4096);
        if place == 0 {
            assert_eq!(header.name, "cookie");
            let pairs: Vec<&str> = header.value.split("; ").collect();
            assert!(pairs.len() <= 50 && pairs.iter().all(|pair| pair.contains('=')));
        } else {
            let number = header.name.strip_prefix("x-csrft").unwrap();
            assert!(!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
            let echoed = format!("CSRFT{number}-S={}", *header.value);
            assert!(headers[0].value.split("; ").any(|pair| pair == echoed));
        }
    }
});
