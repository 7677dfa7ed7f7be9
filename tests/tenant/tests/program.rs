//! The program `logonbox-tenant`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod common;

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use common::Client;
use tenant::Token;

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
        let files = ["--ca", "ca.pem", "--port-file", "port"];
        Self::start_with(directory, &[&files, arguments].concat())
    }

    fn start_with(directory: &Path, arguments: &[&str]) -> Self {
        let child = program()
            .current_dir(directory)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn();
        Self::greeted(child.unwrap())
    }

    /// Waits until the tenant has said where it is.
    fn greeted(mut child: Child) -> Self {
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

    /// A client that trusts this CA accepts the server as localhost.
    fn trusted_by(&self, ca: &str) {
        self.accepted_as("localhost", ca);
    }

    fn accepted_as(&self, name: &str, ca: &str) {
        let (_, rest) = self.greeting.split_once("Tenant:    ").unwrap();
        let authority = rest.split_whitespace().next().unwrap();
        let (_, port) = authority.rsplit_once(':').unwrap();
        let address = ([127, 0, 0, 1], port.parse().unwrap()).into();
        Client::trusting(ca, address, name).unwrap();
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
        "code.png",
        "--state",
        "/api/v1/requests",
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
        "hostile-step ",
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

/// The program's complaint.
fn complaint(arguments: &[&str]) -> String {
    let result = output(arguments);
    assert!(!result.status.success());
    text(&result.stderr).to_owned()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_state_directory_keeps_the_ca() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("a/b");
    let path = state.to_str().unwrap();
    let start = || Running::start_with(directory.path(), &["--state", path]);
    // The second one runs while the first one does.
    let (first, second) = (start(), start());
    let ca = std::fs::read_to_string(state.join("ca.pem")).unwrap();
    assert!(
        first
            .greeting
            .contains("a/b/ca.pem   (for the client to trust; the same")
    );
    let key = state.join("ca-key.pem");
    assert_eq!((mode(&state), mode(&key)), (0o700, 0o600));
    // Clients that trust the first certificate accept both servers, and each later one.
    for running in [first, second, start()] {
        running.trusted_by(&ca);
        assert!(running.end("-TERM").1);
    }
    assert_eq!(std::fs::read_dir(&state).unwrap().count(), 2);

    // A copy of the certificate elsewhere, and a lost one.
    std::fs::remove_file(state.join("ca.pem")).unwrap();
    let running = Running::start(directory.path(), &["--state", path]);
    let copy = std::fs::read_to_string(directory.path().join("ca.pem")).unwrap();
    assert_eq!(copy, ca);
    running.trusted_by(&ca);
}

#[test]
fn many_processes_agree_about_a_new_ca() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let state = path.to_str().unwrap();
    let start = || {
        program()
            .args(["--state", state])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..8).map(|_| start()).collect();
    let running: Vec<_> = children.into_iter().map(Running::greeted).collect();
    let ca = std::fs::read_to_string(path.join("ca.pem")).unwrap();
    for running in running {
        running.trusted_by(&ca);
    }
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 2);
}

/// The complaint about a state directory. If there is none, it is about the port, which is taken.
fn complaint_about(state: &Path) -> String {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    complaint(&["--listen", &address, "--state", state.to_str().unwrap()])
}

#[test]
fn a_damaged_state_directory_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let path = state.to_str().unwrap();
    drop(Running::start_with(directory.path(), &["--state", path]));
    let file = state.join("ca-key.pem");
    let good = std::fs::read_to_string(&file).unwrap();

    let other = directory.path().join("other");
    let other_path = other.to_str().unwrap();
    drop(Running::start_with(
        directory.path(),
        &["--state", other_path],
    ));
    let other_key = std::fs::read_to_string(other.join("ca-key.pem")).unwrap();
    let (other_key, _) = other_key.split_once("-----BEGIN CERT").unwrap();
    let (_, certificate) = good.split_once("-----BEGIN CERT").unwrap();
    let mixed = format!("{other_key}-----BEGIN CERT{certificate}");
    let (half, _) = good.split_at(good.len() / 2);
    for damaged in ["", half, "-----BEGIN", &mixed] {
        std::fs::write(&file, damaged).unwrap();
        let error = complaint_about(&state);
        assert!(
            error.contains(&format!("{} is damaged (", file.display()))
                && error.contains("remove the directory for a new CA"),
            "{error}"
        );
    }
    std::fs::write(&file, &good).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let error = complaint_about(&state);
    assert!(error.contains("(mode 644): run chmod 600 "), "{error}");

    std::fs::remove_file(&file).unwrap();
    let error = complaint_about(&state);
    assert!(error.contains("with its key is missing"), "{error}");

    std::fs::write(&file, "").unwrap();
    let error = complaint_about(&file);
    assert!(error.contains("cannot make "), "{error}");
}

#[test]
fn the_environment_stands_in_for_options() {
    let directory = tempfile::tempdir().unwrap();
    let child = program()
        .current_dir(directory.path())
        .env("LOGONBOX_TENANT_LISTEN", "0.0.0.0:0")
        .env("LOGONBOX_TENANT_ALLOW_REMOTE", "true")
        .env("LOGONBOX_TENANT_STATE", "state")
        .env("LOGONBOX_TENANT_NAME", "tenant,tenant.example")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let running = Running::greeted(child);
    assert!(
        running.greeting.contains("Tenant:    tenant:"),
        "{}",
        running.greeting
    );
    let ca = std::fs::read_to_string(directory.path().join("state/ca.pem")).unwrap();
    for name in ["localhost", "tenant", "tenant.example", "127.0.0.1"] {
        running.accepted_as(name, &ca);
    }
    // A command of its own takes none of them.
    let token = program()
        .args(["token", "GAQT12345678", "missing.png"])
        .env("LOGONBOX_TENANT_LISTEN", "0.0.0.0:0")
        .output()
        .unwrap();
    assert!(text(&token.stderr).contains("cannot read missing.png"));
}

#[test]
fn the_token_reads_a_png() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("code.png");
    let serial = "GAQT12345678";
    let payload = [serial.as_bytes(), b"\0nonce"].concat();
    let code = qrcode::QrCode::new(&payload).unwrap();
    let pixels: Vec<u8> = {
        let side = code.width() + 8;
        let dark = |x: usize, y: usize| {
            (4..side - 4).contains(&x)
                && (4..side - 4).contains(&y)
                && code[(x - 4, y - 4)] == qrcode::Color::Dark
        };
        let rows = (0..side * 4).flat_map(|y| (0..side * 4).map(move |x| (x / 4, y / 4)));
        rows.map(|(x, y)| if dark(x, y) { 0 } else { 255 })
            .collect()
    };
    let side = u32::try_from((code.width() + 8) * 4).unwrap();
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&pixels)
        .unwrap();
    std::fs::write(&file, &png).unwrap();
    let otp = Token::new(serial).answer(&payload).unwrap();

    let named = output(&["token", serial, file.to_str().unwrap()]);
    assert_eq!(text(&named.stdout), format!("{otp}\n"));
    let read = program()
        .args(["token", serial])
        .stdin(std::fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    assert_eq!(text(&read.stdout), format!("{otp}\n"));
    std::fs::write(&file, &png[..png.len() / 2]).unwrap();
    let error = complaint(&["token", serial, file.to_str().unwrap()]);
    assert!(error.contains("the image is no whole PNG"), "{error}");
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
