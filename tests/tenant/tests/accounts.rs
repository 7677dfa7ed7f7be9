//! Account files.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use tenant::{Account, Accounts, KeyType, Listing, Phone, Reaction};

fn error(text: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let error = Accounts::from_file(file.path()).unwrap_err().to_string();
    assert!(
        error.starts_with(&file.path().display().to_string()),
        "{error}"
    );
    error
}

#[test]
fn the_example_is_understood() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("accounts.example.toml");
    let accounts = Accounts::from_file(&file).unwrap();
    assert_eq!(
        accounts.names(),
        ["kim@logonbox.com", "lee@logonbox.com", "sam@logonbox.com"]
    );
    let expected = Account::new("lee@logonbox.com")
        .phones([
            Phone::credential("Pixel 8"),
            Phone::new("Old phone", KeyType::Rsa),
        ])
        .reaction(Reaction::Approve)
        .think(Duration::from_millis(1500))
        .listing(Listing::Normal);
    assert_eq!(accounts.find("lee@logonbox.com").unwrap(), expected);
    assert_eq!(
        accounts.find("sam@logonbox.com").unwrap().reaction,
        Reaction::Page
    );
    let keys = accounts.find("kim@logonbox.com").unwrap().public_keys();
    assert_eq!((keys.len(), keys[0].comment.as_str()), (1, "New phone"));
    let keys = accounts.find("sam@logonbox.com").unwrap().public_keys();
    let comments: Vec<_> = keys.iter().map(|key| key.comment.as_str()).collect();
    assert_eq!(comments, ["LogonBox Key", "Legacy RSA"]);
    assert!(accounts.find("approve").is_none());
}

#[test]
fn mistakes_are_named_with_their_line() {
    let head = "[[account]]\nname = \"lee@logonbox.com\"\n";
    for (rest, line, why) in [
        (
            "phone = \"aprove\"",
            "line 3",
            "unknown phone behaviour `aprove`",
        ),
        (
            "list = \"nope\"",
            "line 3",
            "unknown key list behaviour `nope`",
        ),
        ("seconds = -1", "line 3", "zero seconds or more"),
        ("colour = 1", "line 3", "unknown field `colour`"),
        (
            "\nphones = [{ name = \"a\", key = \"dsa\" }]",
            "line 4",
            "`dsa`",
        ),
        (
            "phones = [{ name = \"a\\nb\", key = \"rsa\" }]",
            "line 3",
            "control characters",
        ),
        (
            "phones = [{ name = \"a\", colour = 1 }]",
            "line 3",
            "unknown field `colour`",
        ),
        ("phone = ", "line 3", ""),
        (
            "[[account]]\nname = \"lee@logonbox.com\"",
            "line 4",
            "is there twice",
        ),
    ] {
        let error = error(&format!("{head}{rest}\n"));
        assert!(
            error.contains(line) && error.contains(why),
            "{rest}: {error}"
        );
    }
    assert!(
        Accounts::from_file(Path::new("/nonexistent"))
            .unwrap_err()
            .to_string()
            .contains("/nonexistent")
    );
}
