//! The example program against a simulated tenant.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a panic here fails a test")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use tenant::{Options, Tenant};

/// The exit code and the output of the example.
fn get(arguments: &[&str]) -> (Option<i32>, String, String) {
    let tests = env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).unwrap();
    let output = Command::new(folder.join("examples/get"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn get_prints_an_answer_or_why_there_is_none() {
    let tenant = Tenant::start(Options {
        names: vec!["localhost".to_owned()],
        ..Options::default()
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    fs::write(&file, tenant.ca_pem()).unwrap();
    let ca_file = file.to_str().unwrap();
    let url = |path: &str| format!("https://{}{path}", tenant.authority());

    let (code, out, err) = get(&[&url("/discover"), ca_file]);
    assert_eq!((code, &*err), (Some(0), ""));
    assert!(out.starts_with("200 OK\n"), "{out}");

    let huge = url("/app/api/authenticator/keys/keys-huge");
    let why = "the answer was not understood: an answer of more than 65536 bytes (sent: true)\n";
    let expected = (Some(1), String::new(), why.to_owned());
    assert_eq!(get(&[&huge, ca_file]), expected);

    let (code, _, err) = get(&[&url("/").replace("localhost", "127.0.0.1"), ca_file]);
    let why = "TLS failed: the certificate is for another name: localhost (sent: false)\n";
    assert_eq!((code, &*err), (Some(1), why));

    let (code, _, err) = get(&[]);
    assert_eq!((code, &*err), (Some(2), "usage: get URL CA_FILE\n"));
}
