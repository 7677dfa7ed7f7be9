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

#[test]
fn in_the_example_pam_deny_refuses() {
    let stack = "auth [success=1 default=ignore] pam_unix.so
auth requisite pam_deny.so
auth required pam_permit.so
";
    let host = Host::new(&[("login", stack)]);
    let permit = std::fs::read(host::modules().join("pam_permit.so")).unwrap();
    for module in ["pam_unix.so", "pam_deny.so", "pam_permit.so"] {
        host.module(module, &permit);
    }
    let output = Command::new(host::helper().with_file_name("examples/what_if"))
        .arg(host::helper())
        .args(["pam_unix.so", "login"])
        .arg(host.root())
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    for line in [
        "pam_unix.so returns PAM_SUCCESS: login gets PAM_SUCCESS\n",
        "pam_unix.so returns PAM_IGNORE: login gets PAM_AUTH_ERR\n",
    ] {
        assert!(out.contains(line), "{line} is not in\n{out}");
    }
}
