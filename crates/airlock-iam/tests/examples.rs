//! The example programs against a simulated Airlock.

#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tenant::{Options, PASSWORD, Tenant, Token};

const EXAMPLES: [&str; 4] = ["closure", "flow", "flow_blocking", "token"];

struct Stage {
    tenant: Tenant,
    directory: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self {
            tenant: Tenant::start(Options::default()).unwrap(),
            directory: tempfile::tempdir().unwrap(),
        };
        fs::write(stage.file("ca.pem"), stage.tenant.ca_pem()).unwrap();
        stage
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn start(&self, name: &str, user: &str) -> Child {
        let mut command = program(name);
        command
            .args([&self.tenant.airlock_url(), user])
            .arg(self.file("ca.pem"));
        if name == "token" {
            command.arg(self.file("code.png"));
        }
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The exit code and the output of an example whose user types these lines.
    fn run(&self, name: &str, user: &str, lines: &[&str]) -> (Option<i32>, String, String) {
        let mut child = self.start(name, user);
        let typed = lines.join("\n") + "\n";
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(typed.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }
}

/// An example, as `cargo test` builds it.
fn program(name: &str) -> Command {
    let tests = env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).unwrap();
    let program = folder.join("examples").join(name);
    assert!(program.exists(), "{} is missing", program.display());
    Command::new(program)
}

#[test]
fn every_example_is_tested_and_explains_its_usage() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, EXAMPLES);
    for name in EXAMPLES {
        let output = program(name).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.starts_with(&format!("usage: {name} BASE_URL ")),
            "{told}"
        );
    }
}

#[test]
fn flow() {
    let stage = Stage::new();
    for (user, lines, code, out, err) in [
        (
            "otp",
            &[PASSWORD, "A1b2C3"][..],
            0,
            "Password: OTP: otp is logged in\n",
            "",
        ),
        (
            "otp",
            &[PASSWORD, "wrong", "A1b2C3"],
            0,
            "Password: OTP: OTP: otp is logged in\n",
            "",
        ),
        (
            "phone",
            &[PASSWORD],
            0,
            "Password: phone is logged in\n",
            "",
        ),
        (
            "devices",
            &[PASSWORD, "0"],
            0,
            "Password: 0: \"Lee's iPhone\"\n1: \"GAQT12345678\"\nDevice: devices is logged in\n",
            "",
        ),
        (
            "password-only",
            &[PASSWORD],
            1,
            "Password: ",
            "no login: Airlock asked for no second factor\n",
        ),
        (
            "otp",
            &["wrong"],
            1,
            "Password: ",
            "no login: wrong user or password\n",
        ),
    ] {
        let expected = (Some(code), out.to_owned(), err.to_owned());
        assert_eq!(stage.run("flow", user, lines), expected, "{user}");
    }
    assert_eq!(stage.tenant.airlock_problems(), [""; 0]);
}

#[test]
fn flow_blocking() {
    let stage = Stage::new();
    let run = |user, lines| stage.run("flow_blocking", user, lines);
    let (code, out, err) = run("otp", &[PASSWORD, "A1b2C3"]);
    assert_eq!((code, &*err), (Some(0), ""));
    assert_eq!(out, "Password: OTP: otp is logged in\n");
    let (code, _, err) = run("otp", &[PASSWORD, "wrong"]);
    assert_eq!((code, &*err), (Some(1), "no login: wrong OTP\n"));
    let (code, _, err) = run("token", &[PASSWORD]);
    let why = "no login: Airlock asked for something other than an OTP\n";
    assert_eq!((code, &*err), (Some(1), why));
}

#[test]
fn closure() {
    let stage = Stage::new();
    let (code, out, err) = stage.run("closure", "phone", &[PASSWORD]);
    assert_eq!((code, &*err), (Some(0), ""));
    assert_eq!(out, "Password:\nphone is logged in\n");
    for request in stage.tenant.airlock_requests() {
        assert_eq!(request.http.header("x-requested-by"), Some("the wiki"));
    }
    let (code, _, err) = stage.run("closure", "otp", &[PASSWORD]);
    let why = "no login: Airlock asked for something other than One-Touch\n";
    assert_eq!((code, &*err), (Some(1), why));
}

#[test]
fn token() {
    let stage = Stage::new();
    for user in ["token", "devices"] {
        let mut child = stage.start("token", user);
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{PASSWORD}").unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(out.next().unwrap().unwrap(), "Password:");
        let asked = out.next().unwrap().unwrap();
        let image = stage.file("code.png");
        assert_eq!(asked, format!("Scan {} and type the OTP:", image.display()));
        let otp = Token::new("GAQT12345678").read_image(&fs::read(&image).unwrap());
        writeln!(stdin, "{}", otp.unwrap()).unwrap();
        let last = out.next().unwrap().unwrap();
        assert_eq!(last, format!("{user} is logged in"));
        assert!(child.wait().unwrap().success());
    }
    let (code, _, err) = stage.run("token", "otp", &[PASSWORD]);
    let why = "no login: Airlock does not ask for a token\n";
    assert_eq!((code, &*err), (Some(1), why));
    assert_eq!(stage.tenant.airlock_problems(), [""; 0]);
}
