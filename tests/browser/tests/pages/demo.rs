//! `make demo PHONE=page`: libpam, the module, and a tenant, in a terminal.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::cargo::outside_of_cargo;

pub struct Demo {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The URL of the tenant's phone page.
    pub url: String,
}

impl Demo {
    pub fn start() -> Self {
        let mut child = outside_of_cargo("tests/demo.sh")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
            .env("PHONE", "page")
            .env_remove("MODE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut demo = Self {
            child,
            stdout,
            url: String::new(),
        };
        let line = demo.line("Open https://");
        let (url, _) = line.split_once(" in a browser").unwrap();
        demo.url += url.trim_start_matches("Open ");
        demo
    }

    /// Reads up to the first line that contains `part`.
    pub fn line(&mut self, part: &str) -> String {
        let mut seen = String::new();
        loop {
            let start = seen.len();
            let read = self.stdout.read_line(&mut seen).unwrap();
            assert!(read != 0, "the demo ends without {part:?}:\n{seen}");
            let line = seen.get(start..).unwrap_or_default();
            if line.contains(part) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Types a line.
    pub fn answer(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{text}").unwrap();
    }

    /// Reads to the end. The demo itself checks the result.
    pub fn end(mut self) {
        self.line("log ");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // With a signal, so that it ends its tenant. It may have ended already.
        if let Ok(None) = self.child.try_wait() {
            let _ = Command::new("kill")
                .arg(self.child.id().to_string())
                .status();
            let _ = self.child.wait();
        }
    }
}
