//! A tenant, a configuration, and runs of the command.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use tenant::{Options, SignRequest, Tenant};

use crate::terminal::TIMEOUT;

/// The command that cargo has built for this test run.
pub const LOGONBOX: &str = env!("CARGO_BIN_EXE_logonbox");

/// Lines for `[policy]`.
pub const NO_LIMIT: &str = "failed_attempts_per_10_minutes = 0\nfailed_attempts_in_a_row = 0";

/// A tenant, and a configuration for it.
pub struct Setup {
    pub tenant: Tenant,
    pub dir: TempDir,
}

impl Setup {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let tenant = Tenant::start(options).expect("a tenant on loopback");
        let setup = Self {
            tenant,
            dir: tempfile::tempdir().expect("a directory"),
        };
        setup.write("ca.pem", setup.tenant.ca_pem());
        setup.configure("", "");
        setup
    }

    /// Writes the configuration, with more lines for `[logonbox]`, and then for `[tls]` and further
    /// sections.
    pub fn configure(&self, logonbox: &str, rest: &str) {
        self.configure_for(self.tenant.authority(), logonbox, rest);
    }

    /// Writes a configuration for another tenant.
    pub fn configure_for(&self, tenant: &str, logonbox: &str, rest: &str) {
        let ca = self.path("ca.pem").display().to_string();
        // These tests must not use the count of this machine. `[policy]` is always the last
        // section.
        let policy = if rest.contains("[policy]") {
            ""
        } else {
            "[policy]"
        };
        let rest = format!("{rest}\n{policy}\n{NO_LIMIT}");
        let text = format!(
            "[logonbox]\ntenant = {tenant:?}\n{logonbox}\n[tls]\nca_file = {ca:?}\n{rest}\n"
        );
        self.write("pam_logonbox.toml", &text);
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command with this configuration, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command.arg("--conf").arg(self.path("pam_logonbox.toml"));
        command
    }

    /// Runs the command without a terminal and with an empty standard input.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with("", arguments)
    }

    /// Runs the command with these lines on its standard input.
    pub fn run_with(&self, typed: &str, arguments: &[&str]) -> Run {
        run(self.command(arguments), typed)
    }

    /// Runs the command. When the phone rings, types the code that it shows.
    pub fn run_typing_code(&self, arguments: &[&str]) -> Run {
        self.run_typing(arguments, |push| push.code().expect("a code"))
    }

    /// Runs the command. When the phone rings, types this text.
    pub fn run_typing(&self, arguments: &[&str], text: impl Fn(&SignRequest) -> String) -> Run {
        let pushes = self.tenant.sign_requests().len();
        let mut child = start(self.command(arguments));
        let mut stdin = child.stdin.take().unwrap();
        if self.tenant.wait_for_sign_requests(pushes + 1, TIMEOUT) {
            let text = text(&self.tenant.sign_requests()[pushes]);
            writeln!(stdin, "{text}").unwrap();
        }
        drop(stdin);
        child.wait_with_output().expect("the command ends").into()
    }
}

/// The command without a configuration.
pub fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(LOGONBOX);
    command
        .args(arguments)
        .env_clear()
        // A terminal with colours. The command must check for a terminal itself.
        .env("TERM", "xterm-256color");
    command
}

/// Runs a command to its end.
pub fn run(command: Command, typed: &str) -> Run {
    let mut child = start(command);
    let mut stdin = child.stdin.take().unwrap();
    // The command may have ended already.
    let _ = stdin.write_all(typed.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the command ends").into()
}

fn start(mut command: Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts")
}

/// The result of a run.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let run = Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        // Without a terminal, no output has control characters.
        for said in [&run.out, &run.err] {
            let turns = |c: char| ('\u{202a}'..='\u{202e}').contains(&c);
            let harmless = |c: char| c == '\n' || !c.is_control() && !turns(c);
            assert!(said.chars().all(harmless), "{run:#?}");
            assert!(!said.contains("panicked"), "{run:#?}");
        }
        run
    }
}

impl Run {
    /// Panics unless the exit status is `code` and the outputs contain all of these texts.
    #[track_caller]
    pub fn assert(&self, code: i32, out: &[&str], err: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for (said, expected) in [(&self.out, out), (&self.err, err)] {
            for words in expected {
                assert!(said.contains(words), "{words:?} is missing: {self:#?}");
            }
        }
        if err.is_empty() {
            assert_eq!(self.err, "", "{self:#?}");
        }
    }

    /// The line that starts with this text.
    #[track_caller]
    pub fn line(&self, start: &str) -> &str {
        self.out
            .lines()
            .find(|line| line.trim_start().starts_with(start))
            .unwrap_or_else(|| panic!("no line {start:?}: {self:#?}"))
    }
}

/// A host and port without a listener.
pub fn unused_address() -> String {
    servers::vacant().unwrap().to_string()
}
