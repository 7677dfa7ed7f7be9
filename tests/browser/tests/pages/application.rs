//! The example application, started as its header says.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;
use tenant::Tenant;

use crate::cargo::outside_of_cargo;

pub struct Application {
    child: Child,
    /// The URL, without a `/` at its end.
    pub url: String,
    address: String,
    dir: TempDir,
    // The program ends if it cannot print.
    _stdout: BufReader<ChildStdout>,
}

impl Application {
    pub fn start(tenant: &Tenant) -> Self {
        Self::start_as(tenant, &[])
    }

    /// The application behind a reverse proxy, with this public URL.
    pub fn start_behind_proxy(tenant: &Tenant, url: &str) -> Self {
        Self::start_as(tenant, &[url])
    }

    fn start_as(tenant: &Tenant, url: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        fs::write(&ca, tenant.ca_pem()).unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let mut child = Command::new(program())
            .arg(tenant.authority())
            .arg(ca)
            .arg("127.0.0.1:0")
            .args(url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let mut application = Self {
            child,
            url: String::new(),
            address: String::new(),
            dir,
            _stdout: stdout,
        };
        let said = line.trim_end().strip_prefix("Open ");
        let (url, address) = said
            .and_then(|said| said.strip_suffix(')')?.split_once("/ (listening on "))
            .unwrap_or_else(|| panic!("the example says where it is, not {line:?}"));
        application.url += url;
        application.address += address;
        application
    }
}

/// A login that has been started.
pub struct Started {
    /// The session cookie with its attributes.
    pub cookie: String,
    /// The name and value of the cookie.
    pub session: (String, String),
    /// The address to which the browser is redirected.
    pub location: String,
}

impl Application {
    /// Starts a login and records the exact response.
    pub fn start_login(&self, user: &str) -> Started {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        let body = format!("user={user}");
        write!(
            connection,
            "POST /start HTTP/1.1\r\nHost: elsewhere.example\r\nOrigin: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            self.url,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let header = |name: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name}{answer}"))
                .to_owned()
        };
        let cookie = header("set-cookie: ");
        let (pair, _attributes) = cookie.split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        Started {
            session: (name.to_owned(), value.to_owned()),
            cookie,
            location: header("location: "),
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.dir.path().join("log"));
            eprintln!("--- the application says\n{}", log.unwrap_or_default());
        }
    }
}

/// Built once by cargo, which reports the path.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = outside_of_cargo(env!("CARGO"))
            .args([
                "build",
                "--locked",
                "--message-format",
                "json-render-diagnostics",
            ])
            .args(["--package", "logonbox-authenticator", "--example", "web"])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(built.status.success(), "the example does not build");
        let messages = String::from_utf8(built.stdout).unwrap();
        let executable = messages.lines().rev().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            Some(PathBuf::from(message.get("executable")?.as_str()?))
        });
        executable.expect("cargo names the example's program")
    })
}
