//! README is true: its code is code that tests run, and its table has every kind of error.

#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Without indentation and blank lines.
fn flat<'l>(lines: impl Iterator<Item = &'l str>) -> String {
    lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[test]
fn its_code_is_the_code_of_tested_examples() {
    let readme = read("README.md");
    let mut blocks = readme.split("```rust,no_run\n");
    let mut before = blocks.next().unwrap();
    let mut sources = Vec::new();
    for block in blocks {
        let (code, after) = block.split_once("```\n").unwrap();
        let source = before
            .trim_end()
            .rsplit_once('\n')
            .and_then(|(_, last)| last.strip_prefix("<!-- ")?.strip_suffix(" -->"));
        if let Some(source) = source {
            let code = flat(code.lines().filter(|line| !line.starts_with("# ")));
            let there = flat(read(source).lines());
            assert!(there.contains(&code), "not in {source}:\n{code}");
        }
        sources.push(source);
        before = after;
    }
    // The first one has a tenant and an account that do not exist.
    let (first, rest) = sources.split_first().unwrap();
    assert_eq!(*first, None);
    assert!(rest.iter().all(Option::is_some), "{sources:?}");
    assert_eq!(rest.len(), 8);
    assert_eq!(readme.matches("```rust").count(), sources.len());
}

#[test]
fn every_kind_of_error_is_in_the_table() {
    let readme = read("README.md");
    let (_, table) = readme.split_once("| `ErrorKind` |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let told: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let listing = read("public-api.txt");
    let kinds: BTreeSet<&str> = listing
        .lines()
        .filter_map(|line| line.strip_prefix("pub logonbox_authenticator::ErrorKind::"))
        .filter_map(|kind| kind.split('(').next())
        .collect();
    assert!(!kinds.is_empty());
    assert_eq!(told, kinds);
}
