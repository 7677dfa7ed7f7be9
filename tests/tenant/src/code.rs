//! The code in a question, which the user reads on the phone and types.

use std::ops::Range;

/// The text before a code.
const BEFORE: &str = "Code: ";

/// The last code in the text: the parts of a question that a stranger can choose, such as the
/// remote host, usually come before it.
pub(crate) fn code(text: &str) -> Option<String> {
    let range = codes(text).pop()?;
    Some(text[range].to_owned())
}

/// The places of all codes: runs of exactly four or six digits after `Code: `.
pub(crate) fn codes(text: &str) -> Vec<Range<usize>> {
    let runs = text.match_indices(BEFORE).map(|(at, _)| {
        let start = at + BEFORE.len();
        let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
        start..start + digits
    });
    runs.filter(|run| matches!(run.len(), 4 | 6)).collect()
}
