//! Real logins for tests: a tenant, a configuration, a PAM service, and `pam_host`, a small C
//! program that loads the module through libpam as sshd or sudo would.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tenant::{Options, Tenant};

/// Longer than any login in these tests takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A user that every system knows and a password database resolves.
pub const USER: &str = "root";

/// What libpam makes of an ignored module in these stacks.
pub const IGNORED: &str = "PAM_ACCT_EXPIRED";

/// A tenant, and a host that has been set up to use it.
pub struct Stage {
    pub tenant: Tenant,
    pub dir: TempDir,
}

impl Stage {
    /// A tenant with the built-in accounts, and a configuration for the account `account`.
    pub fn new(account: &str) -> Self {
        Self::with(Options::default(), account, "", "")
    }

    /// The same with more configuration: lines for `[logonbox]`, then lines for `[tls]` and
    /// further sections.
    pub fn with(options: Options, account: &str, logonbox: &str, rest: &str) -> Self {
        let tenant = Tenant::start(options).expect("a tenant on loopback");
        let stage = Self {
            tenant,
            dir: tempfile::tempdir().expect("a directory"),
        };
        stage.write("ca.pem", stage.tenant.ca_pem());
        let tenant = stage.tenant.authority().to_owned();
        stage.configure(&tenant, account, logonbox, rest);
        for service in ["login", "sshd", "sudo", "sudo-i", "su", "su-l"] {
            stage.service(service, "");
        }
        // Where it is missing, libpam complains to the system's log, and keeps that open.
        stage.write("pam.d/other", "auth required pam_deny.so\n");
        stage
    }

    /// Writes the configuration anew.
    pub fn configure(&self, tenant: &str, account: &str, logonbox: &str, rest: &str) {
        let text = format!(
            "[logonbox]\ntenant = {tenant:?}\naccount = {account:?}\n{logonbox}\n\
             [tls]\nca_file = {:?}\n{rest}\n",
            self.path("ca.pem").display().to_string()
        );
        self.write("pam_logonbox.toml", &text);
    }

    /// Writes the PAM service `name`, with more arguments for the module.
    pub fn service(&self, name: &str, arguments: &str) {
        let module = module();
        // A stack in which the only module is ignored refuses; here that shows as IGNORED.
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

    /// Makes a directory in which nobody else can write.
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

    /// What [`start_as`](Self::start_as) starts.
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

    /// One login of [`USER`], in which every prompt is answered with Enter.
    pub fn login(&self, service: &str, options: &[&str]) -> Login {
        self.start(service, options).finish()
    }

    /// How many sign requests have reached the tenant.
    pub fn pushes(&self) -> usize {
        self.tenant.sign_requests().len()
    }
}

/// A login under way.
pub struct Running {
    pub child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Event>,
    stderr: Receiver<String>,
    seen: Vec<Event>,
}

/// One thing that happened in the host.
#[derive(Debug, Clone)]
pub struct Event {
    /// Milliseconds since the host started.
    pub at: u64,
    /// See the beginning of `pam_host.c`.
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
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("no {kind}; seen: {:#?}", self.seen));
            self.seen.push(event.clone());
            if event.kind == kind {
                return event;
            }
        }
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        let _ = stdin.write_all(line);
        let _ = stdin.write_all(b"\n");
    }

    /// Sends a signal to the host.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// Answers every prompt that comes with Enter, and waits for the end.
    pub fn finish(self) -> Login {
        let login = self.end();
        assert_eq!(login.stderr, [""; 0], "nothing may reach the host's stderr");
        login
    }

    /// The same for a host that may have something to say on its stderr.
    pub fn end(self) -> Login {
        self.end_within(PATIENCE * 4)
    }

    /// The same for many logins in a row.
    pub fn end_within(mut self, patience: Duration) -> Login {
        if let Some(mut stdin) = self.stdin.take() {
            let _ = stdin.write_all(b"\n\n\n\n");
        }
        let deadline = Instant::now() + patience;
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
        // Whatever is the whole process's belongs to the host. There is none where it was killed.
        if let [after] = login.all("process")[..] {
            assert_eq!(after, login.one("before-process").text);
        }
        login
    }
}

/// A login that has ended.
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

    /// The one event of a kind.
    pub fn one(&self, kind: &str) -> &Event {
        let mut found = self.events.iter().filter(|event| event.kind == kind);
        match (found.next(), found.next()) {
            (Some(event), None) => event,
            _ => panic!("not exactly one {kind}: {:#?}", self.events),
        }
    }

    /// The name of the PAM code that the module gave.
    pub fn code(&self) -> &str {
        match &*self.one("result").text {
            IGNORED => "PAM_IGNORE",
            code => code,
        }
    }

    /// The log line, from the module's name on; there is never more than one.
    pub fn log(&self) -> &str {
        let line = &self.one("log").text;
        let start = line.find("pam_logonbox(").expect("the module's name");
        line.split_at(start).1
    }

    /// What the person saw, in order.
    pub fn screen(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter(|event| ["info", "error", "visible", "hidden"].contains(&&*event.kind))
            .map(|event| event.text.as_str())
            .collect()
    }

    /// From the start of the host to the result.
    pub fn took(&self) -> Duration {
        Duration::from_millis(self.one("result").at)
    }

    /// Panics unless this is a refusal of this kind, with this word in the log.
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

/// Descriptors and threads, and the signal mask, of a `before` or `state`; all but the memory.
pub fn but_memory(state: &str) -> (&str, &str) {
    let (counts, rest) = state.split_once(" kilobytes=").unwrap();
    (counts, rest.split_once(" blocked=").unwrap().1)
}

/// The module that `PAM_LOGONBOX_SO` names, as `make test` does with the one that is installed;
/// else that which cargo has built for this very test run.
pub fn module() -> PathBuf {
    let module = std::env::var_os("PAM_LOGONBOX_SO").map_or_else(
        || {
            let exe = std::env::current_exe().unwrap();
            exe.with_file_name("libpam_logonbox.so")
        },
        PathBuf::from,
    );
    assert!(module.exists(), "{} is missing", module.display());
    module
}

/// The host program, compiled once.
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
        // Other tests may be starting theirs.
        std::fs::rename(&fresh, &host).unwrap();
        host
    })
}

/// Host and port where nothing listens.
pub fn nobody() -> String {
    tenant::vacant().unwrap().to_string()
}

/// The value of `name="…"` in a log line.
pub fn value<'l>(log: &'l str, name: &str) -> Option<&'l str> {
    let (_, rest) = log.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
