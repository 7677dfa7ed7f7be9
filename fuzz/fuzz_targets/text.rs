//! What strips a text for a terminal, a phone, the log, or an error.
#![no_main]

use bounded_https::printable;
use libfuzzer_sys::fuzz_target;
use login::clean::{for_log, for_phone, for_terminal};
use login::log::Line;
use properties::assert_harmless;

/// 256, and three dots.
const LIMIT: usize = 259;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    for strip in [for_terminal, for_phone, for_log] {
        let stripped = strip(&text);
        assert_harmless(&stripped, LIMIT);
        let unseen = |c| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        assert!(!stripped.contains(unseen), "{stripped:?}");
        assert_eq!(strip(&stripped), stripped, "stripped again");
    }
    assert!(
        for_terminal(&text)
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte))
    );
    assert_harmless(&printable(&text), 300);
    assert_eq!(printable(&printable(&text)), printable(&text));

    // No value ends its quotes: there are as many as there are values.
    let (user, reason) = text.split_once('\0').unwrap_or((&text, "x"));
    let line = Line::new("declined")
        .with("user", user)
        .with("reason", reason);
    let line = line.text();
    assert_harmless(line, 2 * LIMIT + 40);
    let values = [("user", user), ("reason", reason)];
    let values: Vec<_> = values
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let quoted: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
    assert_eq!(line.matches('"').count(), 2 * values.len());
    for ((_, value), quoted) in values.into_iter().zip(quoted) {
        assert_eq!(for_log(value), quoted);
    }
});
