//! The program `logonbox-tenant`.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_logonbox-tenant"))
}

fn output(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A running tenant. It is killed if the test fails.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    greeting: String,
}

impl Running {
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut child = program()
            .current_dir(directory)
            .args(["--ca", "ca.pem", "--port-file", "port"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("Requests:") {
            assert!(
                out.read_line(&mut greeting).unwrap() > 0,
                "ended after: {greeting}"
            );
        }
        Self {
            child,
            out,
            greeting,
        }
    }

    /// Sends the signal. Returns the rest of the output and whether the program succeeded.
    fn end(mut self, signal: &str) -> (String, bool) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().success())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn help_teaches() {
    let help = output(&["--help"]);
    assert!(help.status.success());
    for part in [
        "--port-file",
        "approve@acme.example",
        "[[account]]",
        "curl --cacert",
        "--list-scenarios",
        "correct-horse",
        "token GAQT12345678 <",
    ] {
        assert!(text(&help.stdout).contains(part), "{part}");
    }
    let scenarios = output(&["--list-scenarios"]);
    for part in [
        "wrong-key ",
        "keys-unknown-first ",
        "hostile-reason ",
        "otp-locked-until ",
        "devices-odd-ids ",
        "image-bomb ",
        "redirect-lower-flags ",
        "two-attributes ",
    ] {
        assert!(text(&scenarios.stdout).contains(part), "{part}");
    }
}

#[test]
fn it_says_where_it_is_and_ends_on_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("port"), "1\n").unwrap();
        let tenant = Running::start(directory.path(), &[]);
        let port = std::fs::read_to_string(directory.path().join("port")).unwrap();
        let authority = format!("localhost:{}", port.trim());
        assert!(
            tenant.greeting.contains(&authority)
                && tenant
                    .greeting
                    .contains(&format!("https://{authority}/auth/rest"))
                && tenant.greeting.contains("ca.pem"),
            "{}",
            tenant.greeting
        );
        let ca = std::fs::read_to_string(directory.path().join("ca.pem")).unwrap();
        assert!(ca.starts_with("-----BEGIN CERTIFICATE-----\n"));
        std::net::TcpStream::connect(("127.0.0.1", port.trim().parse().unwrap())).unwrap();
        assert!(tenant.end(signal).1);
        assert!(!directory.path().join("port").exists());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let result = output(&["--listen", &address]);
    assert!(!result.status.success());
    assert!(
        text(&result.stderr).contains(&format!("{address} is taken")),
        "{}",
        text(&result.stderr)
    );
}

#[test]
fn other_machines_are_kept_out() {
    let result = output(&["--listen", "0.0.0.0:0"]);
    assert!(!result.status.success());
    assert!(text(&result.stderr).contains("--allow-remote"));
}

#[test]
fn a_bad_account_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("accounts.toml");
    std::fs::write(&file, "[[account]]\nnam = \"a\"\n").unwrap();
    let result = output(&["--accounts", file.to_str().unwrap()]);
    assert!(!result.status.success());
    let error = text(&result.stderr);
    assert!(
        error.contains("accounts.toml") && error.contains("line 2"),
        "{error}"
    );
}
