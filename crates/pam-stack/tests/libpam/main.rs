//! The doubles and the real modules, asked by the same libpam, lead to the same answers.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::doc_markdown,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

mod generated;
mod helper;
mod host;
mod modules;
mod reading;
mod traces;

use std::process::Command;

use host::Host;

/// The text blocks of the README.
fn blocks() -> Vec<&'static str> {
    let readme = include_str!("../../README.md");
    let after = readme.split("```text\n").skip(1);
    after
        .map(|text| text.split("```").next().unwrap())
        .collect()
}

#[test]
fn the_example_prints_what_the_readme_shows() {
    let [stack, expected] = blocks().try_into().unwrap();
    let host = Host::new(&[("sshd", stack)]);
    let permit = std::fs::read(host::modules().join("pam_permit.so")).unwrap();
    host.module("pam_unix.so", &permit);
    host.module("pam_u2f.so", &permit);
    let example = host::helper().with_file_name("examples/what_if");
    let output = Command::new(example)
        .arg(host::helper())
        .args(["pam_u2f.so", "sshd"])
        .arg(host.root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}
