//! docs/dependencies.md names the shipped crates, and the fuzzers build the same versions.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use toml::de::DeTable;

use crate::{path, read};

const PAGE: &str = "docs/dependencies.md";

/// The packages that are shipped or meant to be, and their manifests.
const SHIPPED: [(&str, &str); 7] = [
    ("pam_logonbox", "Cargo.toml"),
    ("login", "crates/login/Cargo.toml"),
    ("bounded-https", "crates/bounded-https/Cargo.toml"),
    (
        "logonbox-authenticator",
        "crates/logonbox-authenticator/Cargo.toml",
    ),
    ("airlock-iam", "crates/airlock-iam/Cargo.toml"),
    ("logonbox", "crates/logonbox/Cargo.toml"),
    ("pam-stack", "crates/pam-stack/Cargo.toml"),
];

/// The crates of a manifest's `[dependencies]`.
fn direct(manifest: &str) -> BTreeSet<String> {
    let text = read(manifest);
    let table = DeTable::parse(&text).unwrap();
    let named = table.get_ref().get("dependencies").unwrap().get_ref();
    let named = named.as_table().unwrap();
    named
        .keys()
        .map(|name| name.get_ref().to_string())
        .collect()
}

/// Every crate of a lock file with its versions.
fn locked(lock_file: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut locked: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for package in read(lock_file).split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap().trim_matches('"').to_owned()
        };
        let versions = locked.entry(value("name = ")).or_default();
        versions.insert(value("version = "));
    }
    locked
}

/// The cells of the rows that begin with a name in backquotes, in the section of a crate.
fn rows<'p>(page: &'p str, shipped: &str) -> Vec<Vec<&'p str>> {
    let heading = format!("\n## `{shipped}`\n");
    let (_, section) = page.split_once(&heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').skip(1).map(str::trim).collect())
        .collect()
}

#[test]
fn every_direct_dependency_has_its_reason() {
    let page = read(PAGE);
    let lock = locked("Cargo.lock");
    for (shipped, manifest) in SHIPPED {
        let rows = rows(&page, shipped);
        let explained: BTreeSet<String> = rows
            .iter()
            .map(|row| row[0].trim_matches('`').to_owned())
            .collect();
        assert_eq!(explained, direct(manifest), "{PAGE}: {shipped}");
        for row in rows {
            let (name, version, why) = (row[0].trim_matches('`'), row[1], row[2]);
            let is_it =
                |locked: &String| locked == version || locked.starts_with(&format!("{version}."));
            assert!(lock[name].iter().any(is_it), "{PAGE}: {name} {version}");
            assert!(!why.is_empty(), "{PAGE}: {name} has no reason");
        }
    }
}

/// The crates of a package, including itself, each with the crates below it.
fn crates(
    shipped: &str,
    features: &[&str],
) -> (BTreeSet<String>, BTreeMap<String, BTreeSet<String>>) {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--target", "x86_64-unknown-linux-gnu"])
        .args(["--package", shipped, "--edges", "normal,no-proc-macro"])
        .args(["--prefix", "depth", "--no-dedupe"])
        .args(features)
        .current_dir(path(""))
        .output()
        .unwrap();
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let (mut all, mut below) = (BTreeSet::new(), BTreeMap::new());
    let mut direct = String::new();
    for line in String::from_utf8(tree.stdout).unwrap().lines() {
        // A line such as `2rustls v0.23.46`.
        let package = line.trim_start_matches(|c: char| c.is_ascii_digit());
        all.insert(package.to_owned());
        match line.strip_suffix(package).unwrap() {
            "0" => continue,
            "1" => package.split(' ').next().unwrap().clone_into(&mut direct),
            _ => {}
        }
        let one: &mut BTreeSet<_> = below.entry(direct.clone()).or_default();
        one.insert(package.to_owned());
    }
    (all, below)
}

#[test]
fn the_numbers_of_crates_are_those_of_cargo() {
    let page = read(PAGE);
    for (shipped, _) in SHIPPED {
        let (all, mut below) = crates(shipped, &[]);
        // Not there by default.
        let (_, mut others) = crates(shipped, &["--all-features"]);
        below.extend(others.remove_entry("aws-lc-rs"));
        for row in rows(&page, shipped) {
            let name = row[0].trim_matches('`');
            let said: usize = row[4].parse().unwrap();
            assert_eq!(said, below[name].len(), "{PAGE}: {shipped}: {name}");
        }
        let total = match shipped {
            "pam_logonbox" => "| the module, `pam_logonbox.so` | ",
            "logonbox" => "| the command, `logonbox` | ",
            _ => continue,
        };
        let (_, after) = page.split_once(total).unwrap();
        let said: usize = after.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(said, all.len(), "{PAGE}: {shipped}");
    }
}

#[test]
fn the_module_has_one_library_of_cryptography_for_tls() {
    let names = |features: &[&str]| -> Vec<String> {
        let (all, _) = crates("pam_logonbox", features);
        let name = |package: &String| package.split(' ').next().unwrap().to_owned();
        let libraries = ["ring", "aws-lc-rs", "aws-lc-sys"];
        let mut names: Vec<String> = all.iter().map(name).collect();
        names.retain(|name| libraries.contains(&name.as_str()));
        names
    };
    assert_eq!(names(&[]), ["ring"]);
    let aws_lc_rs = ["--no-default-features", "--features", "aws-lc-rs"];
    assert_eq!(names(&aws_lc_rs), ["aws-lc-rs", "aws-lc-sys"]);
}

#[test]
fn the_fuzzers_build_what_is_shipped() {
    let product = locked("Cargo.lock");
    for (name, versions) in locked("fuzz/Cargo.lock") {
        let known = product.get(&name);
        assert!(
            known.is_none_or(|known| known.is_superset(&versions)),
            "fuzz/Cargo.lock: {name} {versions:?}, not {known:?}"
        );
    }
}
