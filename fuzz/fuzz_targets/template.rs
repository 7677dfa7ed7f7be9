//! A text with placeholders.
#![no_main]

use libfuzzer_sys::fuzz_target;
use login::config::{Placeholder, Template};

const KNOWN: [(&str, Placeholder); 4] = [
    ("user", Placeholder::User),
    ("account", Placeholder::Account),
    ("rhost", Placeholder::Rhost),
    ("code", Placeholder::Code),
];

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match Template::parse(text, &KNOWN) {
        Ok(template) => {
            // Every brace is a placeholder's: without them, none is left.
            let bare = template.fill(|_| String::new());
            assert!(!bare.contains(['{', '}']), "{bare:?}");
            // What is filled in is not looked at again, and nothing else changes.
            let itself = template.fill(|placeholder| {
                let (name, _) = KNOWN
                    .iter()
                    .find(|(_, known)| *known == placeholder)
                    .unwrap();
                format!("{{{name}}}")
            });
            assert_eq!(itself, text);
            assert_eq!(
                Template::parse(&bare, &[])
                    .unwrap()
                    .fill(|_| unreachable!()),
                bare
            );
        }
        Err(why) => {
            assert!(text.contains(['{', '}']));
            assert!(!why.contains(char::is_control), "{why:?}");
            assert!(why.chars().count() <= 500);
        }
    }
});
