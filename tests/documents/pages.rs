//! Every test, case and file that a document names exists.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{path, read};

/// The files below a directory whose names end like this, with their text.
fn files(directory: &Path, end: &str) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            let text = fs::read_to_string(&path).unwrap();
            found.insert(path, text);
        }
    }
    found
}

/// The sources, by their paths.
fn sources() -> BTreeMap<PathBuf, String> {
    ["src", "tests", "crates"]
        .into_iter()
        .flat_map(|directory| files(&path(directory), ".rs"))
        .collect()
}

fn pages() -> BTreeMap<PathBuf, String> {
    let mut pages = files(&path("docs"), ".md");
    for name in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
    ] {
        pages.insert(path(name), read(name));
    }
    pages
}

/// The texts in backquotes, outside of code blocks.
fn quoted(page: &str) -> Vec<&str> {
    page.split("\n```")
        .step_by(2)
        .flat_map(|text| text.split('`').skip(1).step_by(2))
        .collect()
}

fn is_name(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// `file: name`, or a name that is long enough for a test.
fn test(text: &str) -> Option<(&str, &str)> {
    let (file, name) = text.split_once(": ").unwrap_or(("", text));
    let is_file = |file: &str| {
        file.split('/')
            .all(|part| !part.is_empty() && is_name(part))
    };
    let named = is_name(name) && (name.matches('_').count() > 2 || is_file(file));
    (named && (file.is_empty() || is_file(file))).then_some((file, name))
}

fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let begins = format!("fn {name}()");
    let is_attribute = |line: &str| line == "#[test]" || line.starts_with("#[tokio::test");
    lines.windows(2).any(|two| {
        let function = two[1].strip_prefix("async ").unwrap_or(two[1]);
        is_attribute(two[0]) && function.starts_with(&begins)
    })
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let sources = sources();
    let keys = read("conf/pam_logonbox.toml");
    let mut checked = 0;
    for (page, text) in pages() {
        for (file, name) in quoted(&text).into_iter().filter_map(test) {
            if keys.contains(&format!("#{name} = ")) {
                continue;
            }
            checked += 1;
            let there = sources.iter().any(|(path, source)| {
                let path = path.to_string_lossy();
                let is_it = ["", "/mod", "/main"]
                    .iter()
                    .any(|end| path.ends_with(&format!("/{file}{end}.rs")));
                (file.is_empty() || is_it) && has_test(source, name)
            });
            assert!(there, "{}: there is no test {file}: {name}", page.display());
        }
    }
    assert!(checked > 60, "{checked}");
}

#[test]
fn every_host_test_that_a_page_names_is_there() {
    let cases = files(&path("tests/hosts/src/cases"), ".rs");
    let kinds: Vec<&str> = cases
        .keys()
        .map(|path| path.file_stem().unwrap().to_str().unwrap())
        .collect();
    let cases: String = cases.values().map(String::as_str).collect();
    let mut checked = 0;
    for (page, text) in pages() {
        for name in quoted(&text) {
            let name = name.rsplit(' ').next().unwrap();
            let Some((kind, _)) = name.split_once('/') else {
                continue;
            };
            if !kinds.contains(&kind) || name.contains("/tests") || name.contains('.') {
                continue;
            }
            checked += 1;
            let named = format!("(\"{name}");
            assert!(cases.contains(&named), "{}: {name}", page.display());
        }
    }
    assert!(checked > 15, "{checked}");
}

#[test]
fn every_file_that_a_page_links_to_is_there() {
    let mut checked = 0;
    for (page, text) in pages() {
        for link in text.split("](").skip(1) {
            let (link, _) = link.split_once(')').unwrap();
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            if path.contains("://") {
                continue;
            }
            checked += 1;
            let target = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            if !heading.is_empty() {
                let there = fs::read_to_string(&target)
                    .unwrap()
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| anchor(line) == heading);
                assert!(there, "{}: {link}", page.display());
            }
        }
    }
    assert!(checked > 40, "{checked}");
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(line: &str) -> String {
    line.trim_start_matches('#')
        .trim()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || "-_".contains(c) => Some(c.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}
