//! The picture in README.md shows the texts of the module.
#![allow(
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

use login::config::table;
use login::texts::{Text, Texts};

use crate::read;

/// The texts of one class, one after the other.
fn shown(picture: &str, class: &str) -> String {
    let texts: Vec<_> = picture
        .lines()
        .filter_map(|line| {
            let (_, text) = line
                .trim()
                .strip_prefix("<text class=\"")?
                .strip_prefix(class)?
                .split_once('>')?;
            text.strip_suffix("</text>")
        })
        .collect();
    texts.join(" ")
}

fn default(key: &str) -> String {
    let mut keys = table().iter().flat_map(|section| section.keys);
    let row = keys.find(|row| row.key == key).unwrap();
    row.default.trim_matches('"').to_owned()
}

#[test]
fn the_picture_shows_the_texts_of_the_module() {
    let picture = read("docs/login.svg");
    let code = shown(&picture, "code");
    assert!(
        code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()),
        "{code}"
    );
    let prompt = Texts::ENGLISH.say(&Text::ApproveAndType(None));
    assert_eq!(shown(&picture, "terminal"), format!("{prompt}{code}"));
    assert_eq!(shown(&picture, "verdict"), "PAM_SUCCESS");
    let question = default("prompt")
        .replace("{account}", "lee")
        .replace("{hostname}", "web1")
        .replace("{service}", "sshd")
        .replace("{rhost}", "192.0.2.7")
        .replace("{code}", &code);
    assert_eq!(shown(&picture, "phone"), question);
    assert_eq!(shown(&picture, "button"), default("button"));
}
