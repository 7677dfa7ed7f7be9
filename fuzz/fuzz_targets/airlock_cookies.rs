//! The cookies of an Airlock IAM. Each line is a header field; an empty line ends an answer.
#![no_main]

use airlock_iam::fuzz;
use airlock_iam::http::{HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use properties::reply;

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
            let headers = reply.headers_mut();
            headers.clear();
            for (name, value) in fields.lines().filter_map(|line| line.split_once(": ")) {
                let name = name.parse::<HeaderName>();
                if let (Ok(name), Ok(value)) = (name, value.parse()) {
                    headers.append(name, value);
                }
            }
            reply
        })
        .collect();
    let Ok(headers) = fuzz::returned(&replies) else {
        return;
    };
    let value = |value: &HeaderValue| {
        assert!(value.is_sensitive() && value.len() <= 50 * 4096);
        value.to_str().unwrap().to_owned()
    };
    let Some(cookies) = headers.get("cookie") else {
        assert!(headers.is_empty());
        return;
    };
    let cookies = value(cookies);
    let pairs: Vec<&str> = cookies.split("; ").collect();
    assert!(pairs.len() <= 50 && pairs.iter().all(|pair| pair.contains('=')));
    for (name, token) in headers.iter().filter(|(name, _)| *name != "cookie") {
        let number = name.as_str().strip_prefix("x-csrft").unwrap();
        assert!(!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        let echoed = format!("CSRFT{number}-S={}", value(token));
        assert!(pairs.contains(&echoed.as_str()));
    }
});
