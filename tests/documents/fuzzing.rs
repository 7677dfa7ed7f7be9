//! Each fuzz target is built, has seeds, and is listed in docs/fuzzing.md.
#![allow(
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

use std::collections::BTreeSet;
use std::fs;

use crate::{path, read};

/// The names in a directory, without extensions.
fn entries(directory: &str) -> BTreeSet<String> {
    fs::read_dir(path(directory))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn every_fuzz_target_is_built_and_has_seeds_and_a_line_in_the_page() {
    let targets = entries("fuzz/fuzz_targets");
    assert_eq!(entries("fuzz/seeds"), targets);
    for target in &targets {
        assert!(
            entries(&format!("fuzz/seeds/{target}")).len() > 5,
            "{target}"
        );
    }
    assert!(entries("fuzz/dictionaries").is_subset(&targets));
    let manifest = read("fuzz/Cargo.toml");
    let built = manifest
        .split("[[bin]]\nname = \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned());
    assert_eq!(built.collect::<BTreeSet<_>>(), targets);
    let page = read("docs/fuzzing.md");
    let (_, table) = page.split_once("\n## The targets\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let explained = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned);
    assert_eq!(explained.collect::<BTreeSet<_>>(), targets);
}
