//! The `MESSAGE_ID` of each word, in docs/operating.md.
#![allow(
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

use login::log::message_id;
use login::outcome::Reason;

use crate::read;

#[test]
fn the_page_has_the_message_id_of_each_word() {
    let page = read("docs/operating.md");
    let (_, table) = page
        .split_once("| word | `MESSAGE_ID` |\n|---|---|\n")
        .unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let words = Reason::ALL.map(Reason::as_str);
    let words = ["ringing", "approved", "bypass", "remembered", "exempt"]
        .into_iter()
        .chain(words)
        .chain(["debug"]);
    let expected: Vec<String> = words
        .map(|word| format!("| `{word}` | `{:032x}` |", message_id(word)))
        .collect();
    assert_eq!(table, expected.join("\n"));
    // The ids themselves never change.
    assert!(table.contains("| `wrong-code` | `01ff42cb8cba9314f6423272a358035d` |"));
}
