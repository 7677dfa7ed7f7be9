//! Sets up a login: a simulated tenant, a configuration, a PAM service and `pam_host`, a small C
//! program that loads the module through libpam, as sshd and sudo do.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tenant::{Options, Tenant};

/// The limit for everything that a test waits for.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The limit for a login that has nothing to wait for. A busy machine needs some seconds. The wait
/// that the test rules out takes longer than this.
pub const PROMPTLY: Duration = Duration::from_secs(15);

/// A user that exists on every system.
pub const USER: &str = "root";

/// The result of these stacks when the module returns `PAM_IGNORE`.
pub const IGNORED: &str = "PAM_ACCT_EXPIRED";

/// A tenant, and a host that is configured for it.
pub struct Setup {
    pub tenant: Tenant,
    pub dir: TempDir,
}

impl Setup {
    /// The tenant has the built-in accounts. The configuration names `account`.
    pub fn new(account: &str) -> Self {
        Self::with(Options::default(), account, "", "")
    }

    /// Adds lines to `[logonbox]`, and then to `[tls]` and further sections.
    pub fn with(options: Options, account: &str, logonbox: &str, rest: &str) -> Self {
        let tenant = Tenant::start(options).expect("a tenant on loopback");
        let setup = Self {
            tenant,
            dir: tempfile::tempdir().expect("a directory"),
        };
        setup.write("ca.pem", setup.tenant.ca_pem());
        let tenant = setup.tenant.authority().to_owned();
        setup.configure(&tenant, account, logonbox, rest);
        for service in ["login", "sshd", "sudo", "sudo-i", "su", "su-l"] {
            setup.service(service, "");
        }
        // Without this file, libpam writes to the system log and keeps the log open.
        setup.write("pam.d/other", "auth required pam_deny.so\n");
        setup
    }

    /// Replaces the configuration.
    pub fn configure(&self, tenant: &str, account: &str, logonbox: &str, rest: &str) {
        let text = format!(
            "[logonbox]\ntenant = {tenant:?}\naccount = {account:?}\n{logonbox}\n\
             [tls]\nca_file = {:?}\n{rest}\n",
            self.path("ca.pem").display().to_string()
        );
        self.write("pam_logonbox.toml", &text);
    }

    /// Writes the PAM service `name`. `arguments` are added to the module's.
    pub fn service(&self, name: &str, arguments: &str) {
        let module = module();
        // libpam refuses when every module is ignored. Here such a stack returns IGNORED.
        let line = format!(
            "auth [success=done ignore=ignore default=die] {} conf={} {arguments}\n\
             auth required pam_debug.so auth=acct_expired\n",
            module.display(),
            self.path("pam_logonbox.toml").display()
        );
        std::fs::create_dir_all(self.path("pam.d")).unwrap();
        self.write(&format!("pam.d/{name}"), &line);
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// Creates a directory that only its owner can write.
    pub fn directory(&self, name: &str) {
        std::fs::create_dir(self.path(name)).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(name), mode).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts a login of [`USER`] through `service`.
    pub fn start(&self, service: &str, options: &[&str]) -> Running {
        self.start_as(USER, service, options, &[])
    }

    pub fn start_as(
        &self,
        user: &str,
        service: &str,
        options: &[&str],
        environment: &[(&str, &str)],
    ) -> Running {
        Running::start(self.command(user, service, options, environment))
    }

    /// The command that [`start_as`](Self::start_as) runs.
    pub fn command(
        &self,
        user: &str,
        service: &str,
        options: &[&str],
        environment: &[(&str, &str)],
    ) -> Command {
        let mut command = Command::new(pam_host());
        command
            .arg(self.path("pam.d"))
            .arg(service)
            .arg(user)
            .arg(format!("run={}", self.path("run").display()))
            .args(options)
            .envs(environment.iter().copied());
        command
    }

    /// Logs [`USER`] in. Every prompt is answered with Enter.
    pub fn login(&self, service: &str, options: &[&str]) -> Login {
        self.start(service, options).finish()
    }

    /// The number of sign requests that the tenant has received.
    pub fn pushes(&self) -> usize {
        self.tenant.sign_requests().len()
    }
}

/// A login in progress.
pub struct Running {
    pub child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Event>,
    stderr: Receiver<String>,
    seen: Vec<Event>,
}

/// An event that the host has printed.
#[derive(Debug, Clone)]
pub struct Event {
    /// Milliseconds since the host started.
    pub at: u64,
    /// `pam_host.c` lists the kinds in its first comment.
    pub kind: String,
    pub text: String,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pam_host starts");
        let stdin = child.stdin.take();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let mut parts = line.splitn(3, ' ');
                let mut next = || parts.next().unwrap_or_default().to_owned();
                let event = Event {
                    at: next().parse().unwrap_or_default(),
                    kind: next(),
                    text: next(),
                };
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        let (sender, errors) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            child,
            stdin,
            lines,
            stderr: errors,
            seen: Vec::new(),
        }
    }

    /// Waits for an event of this kind.
    pub fn wait_for(&mut self, kind: &str) -> Event {
        loop {
            let event = self
                .lines
                .recv_timeout(TIMEOUT)
                .unwrap_or_else(|_| panic!("no {kind}; seen: {:#?}", self.seen));
            self.seen.push(event.clone());
            if event.kind == kind {
                return event;
            }
        }
    }

    pub fn type_line(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        let _ = stdin.write_all(line);
        let _ = stdin.write_all(b"\n");
    }

    /// Sends the signal `name` to the host.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// Answers all prompts with Enter and waits for the end. The stderr of the host must be empty.
    pub fn finish(self) -> Login {
        let login = self.end();
        assert_eq!(
            login.stderr, [""; 0],
            "the stderr of the host must be empty"
        );
        login
    }

    /// Waits for the end of a host that may write to stderr.
    pub fn end(self) -> Login {
        self.end_within(TIMEOUT * 4)
    }

    /// Waits for the end of many logins in a row.
    pub fn end_within(mut self, timeout: Duration) -> Login {
        if let Some(mut stdin) = self.stdin.take() {
            let _ = stdin.write_all(b"\n\n\n\n");
        }
        let deadline = Instant::now() + timeout;
        while let Ok(event) = self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.seen.push(event);
        }
        let status = self.child.wait().expect("pam_host ends");
        let login = Login {
            events: self.seen,
            status,
            stderr: self.stderr.iter().collect(),
        };
        // The module must leave the state of the process as it was. A host that was killed prints
        // no state.
        if let [after] = login.all("process")[..] {
            assert_eq!(after, login.one("before-process").text);
        }
        login
    }
}

/// A finished login.
#[derive(Debug)]
pub struct Login {
    pub events: Vec<Event>,
    pub status: std::process::ExitStatus,
    pub stderr: Vec<String>,
}

impl Login {
    pub fn all(&self, kind: &str) -> Vec<&str> {
        self.events
            .iter()
            .filter(|event| event.kind == kind)
            .map(|event| event.text.as_str())
            .collect()
    }

    /// The only event of this kind.
    pub fn one(&self, kind: &str) -> &Event {
        let mut found = self.events.iter().filter(|event| event.kind == kind);
        match (found.next(), found.next()) {
            (Some(event), None) => event,
            _ => panic!("not exactly one {kind}: {:#?}", self.events),
        }
    }

    /// The PAM code that the module returned.
    pub fn code(&self) -> &str {
        match &*self.one("result").text {
            IGNORED => "PAM_IGNORE",
            code => code,
        }
    }

    /// The only log line, from the module's name on.
    pub fn log(&self) -> &str {
        let line = &self.one("log").text;
        let start = line.find("pam_logonbox(").expect("the module's name");
        line.split_at(start).1
    }

    /// The messages and prompts that the user saw, in order.
    pub fn screen(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter(|event| ["info", "error", "visible", "hidden"].contains(&&*event.kind))
            .map(|event| event.text.as_str())
            .collect()
    }

    /// The time from the start of the host to the result.
    pub fn took(&self) -> Duration {
        Duration::from_millis(self.one("result").at)
    }

    /// Panics unless the module returned `code` and logged `word`.
    pub fn assert_refused(&self, code: &str, word: &str) {
        assert_eq!(self.code(), code, "{:#?}", self.events);
        let log = self.log();
        let logged = log.split_once(": ").map_or("", |(_, rest)| rest);
        assert!(logged.starts_with(&format!("{word} ")), "not {word}: {log}");
        assert!(log.bytes().all(|byte| byte >= b' '), "{log}");
        assert!(!log.contains("\\x"), "{log}");
        assert!(log.len() < 2000, "{log}");
    }
}

/// An event `before` or `state` without its memory: descriptors, threads and signal mask.
pub fn without_memory(state: &str) -> (&str, &str) {
    let (counts, rest) = state.split_once(" kilobytes=").unwrap();
    (counts, rest.split_once(" blocked=").unwrap().1)
}

/// The module to test: `PAM_LOGONBOX_SO`, or else a debug build. `cargo test` does not build a cdylib,
/// and the tests must not run with an older one.
pub fn module() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let module = std::env::var_os("PAM_LOGONBOX_SO")
        .map_or_else(|| BUILT.get_or_init(build_module).clone(), PathBuf::from);
    assert!(module.exists(), "{} is missing", module.display());
    module
}

fn build_module() -> PathBuf {
    // This program is `debug/deps/logins-…` in the target directory.
    let exe = std::env::current_exe().unwrap();
    let target = exe.ancestors().nth(3).unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--package=pam_logonbox"])
        .arg("--target-dir")
        .arg(target)
        .status()
        .unwrap();
    assert!(built.success(), "cargo build: {built}");
    target.join("debug/libpam_logonbox.so")
}

/// The host program. It is compiled once.
pub fn pam_host() -> &'static Path {
    static HOST: OnceLock<PathBuf> = OnceLock::new();
    HOST.get_or_init(|| {
        let exe = std::env::current_exe().unwrap();
        let dir = exe.parent().unwrap();
        let host = dir.join("pam_host");
        let fresh = dir.join(format!("pam_host.{}", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/logins/pam_host.c");
        let output = Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-O1", "-o"])
            .arg(&fresh)
            .args([source, "-lpam", "-ldl"])
            .output()
            .expect("a C compiler: apt-get install gcc libpam0g-dev");
        assert!(
            output.status.success(),
            "pam_host does not compile; it needs a C compiler and the PAM headers \
             (apt-get install gcc libpam0g-dev, or dnf install gcc pam-devel):\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        // A rename is atomic: other test processes may be running the old file.
        std::fs::rename(&fresh, &host).unwrap();
        host
    })
}

/// A host and port on which nothing listens.
pub fn unused_address() -> String {
    tenant::vacant().unwrap().to_string()
}

/// The value of `name="…"` in a log line.
pub fn value<'l>(log: &'l str, name: &str) -> Option<&'l str> {
    let (_, rest) = log.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
