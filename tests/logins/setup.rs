//! Sets up a login: a simulated tenant, a configuration, a PAM service and `pam_host`, a small C
//! program that loads the module through libpam, as sshd and sudo do.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::build::build;
use tempfile::TempDir;
use tenant::{Options, Tenant};

/// The limit for everything that a test waits for.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The limit for a login that has nothing to wait for. A busy machine needs some seconds. The wait
/// that the test rules out takes longer than this.
pub const PROMPTLY: Duration = Duration::from_secs(15);

/// The prompt of `code = "type"`.
pub const TYPE_THE_CODE: &str = "Approve the request on your phone, then type the code it shows: ";

/// The line of `code = "show"`, before the code.
pub const SHOWN: &str = "Approve the request on your phone. Code: ";

/// An answer that comes sooner is not a user's.
const NOT_EARLY: Duration = Duration::from_millis(300);

/// A user that exists on every system.
pub const USER: &str = "root";

/// The file that the module takes for nsswitch.conf(5).
pub const SOURCES: &str = "nsswitch.conf";

/// The result of these stacks when the module returns `PAM_IGNORE`.
pub const IGNORED: &str = "PAM_ACCT_EXPIRED";

/// A tenant, and a host that is configured for it.
pub struct Setup {
    pub tenant: Arc<Tenant>,
    pub dir: TempDir,
    shows: bool,
    watched: Arc<Watched>,
}

/// Tells whether the pushes that the tenant has received are those of one login.
#[derive(Default)]
struct Watched {
    started: AtomicUsize,
    running: AtomicUsize,
    /// The configuration names this tenant, and not another server.
    is_own: AtomicBool,
}

impl Setup {
    /// The tenant has the built-in accounts. The configuration names `account`.
    pub fn new(account: &str) -> Self {
        Self::with(Options::default(), account, "", "")
    }

    /// Adds lines to `[logonbox]`, and then to `[tls]` and further sections. `code` is not set, so
    /// that these are logins with `code = "type"`.
    pub fn with(options: Options, account: &str, logonbox: &str, rest: &str) -> Self {
        Self::start_tenant(options, account, logonbox, rest, false)
    }

    /// With `code = "show"`. The large tables use it: the phone rings at once and no user types, so
    /// each row tests the server or the host alone, and fast.
    pub fn showing(options: Options, account: &str, logonbox: &str, rest: &str) -> Self {
        Self::start_tenant(options, account, logonbox, rest, true)
    }

    fn start_tenant(
        options: Options,
        account: &str,
        logonbox: &str,
        rest: &str,
        shows: bool,
    ) -> Self {
        let setup = Self {
            tenant: Arc::new(Tenant::start(options).expect("a tenant on loopback")),
            dir: tempfile::tempdir().expect("a directory"),
            shows,
            watched: Arc::default(),
        };
        setup.write("ca.pem", setup.tenant.ca_pem());
        setup.write(SOURCES, "passwd: files\ngroup: files systemd\n");
        let tenant = setup.tenant.authority().to_owned();
        setup.configure(&tenant, account, logonbox, rest);
        for service in [
            "login", "sshd", "sudo", "sudo-i", "su", "su-l", "polkit-1", "i3lock",
        ] {
            setup.service(service, "");
        }
        // Without this file, libpam writes to the system log and keeps the log open.
        setup.write("pam.d/other", "auth required pam_deny.so\n");
        setup
    }

    /// Replaces the configuration.
    pub fn configure(&self, tenant: &str, account: &str, logonbox: &str, rest: &str) {
        let mut rest = rest.to_owned();
        if self.shows {
            let section = "[conversation]\n";
            if !rest.contains(section) {
                rest = format!("{rest}\n{section}");
            }
            rest = rest.replace(section, &format!("{section}code = \"show\"\n"));
        }
        let text = format!(
            "[logonbox]\ntenant = {tenant:?}\naccount = {account:?}\n{logonbox}\n\
             [tls]\nca_file = {:?}\n{rest}\n",
            self.path("ca.pem").display().to_string()
        );
        self.write("pam_logonbox.toml", &text);
        let is_own = tenant == self.tenant.authority();
        self.watched.is_own.store(is_own, SeqCst);
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
        // Another configuration may name another server.
        if name == "pam_logonbox.toml" {
            self.watched.is_own.store(false, SeqCst);
        }
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
        let mut running = Running::start(self.command(user, service, options, environment));
        running.user = Some(Person::new(self));
        running
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
            .arg(format!("lib={}", self.path("lib").display()))
            .arg(format!("sources={}", self.path(SOURCES).display()))
            .args(options)
            .envs(environment.iter().copied());
        command
    }

    /// Logs [`USER`] in. See [`Running::finish`] for the answers.
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
    /// Prompts without an answer. Below zero if answers were typed before their prompts.
    unanswered: isize,
    user: Option<Person>,
    /// Reads the code on the phone of another server.
    other_phone: Option<Box<dyn Fn() -> Option<String>>>,
}

/// The user with the phone.
struct Person {
    tenant: Arc<Tenant>,
    watched: Arc<Watched>,
    /// The pushes before this login.
    pushes: usize,
    /// The requests to Airlock before this login.
    airlock_requests: usize,
    /// The number of this login.
    number: usize,
    /// No other login ran when this one started.
    alone: bool,
}

impl Person {
    fn new(setup: &Setup) -> Self {
        let watched = setup.watched.clone();
        Self {
            pushes: setup.pushes(),
            airlock_requests: setup.tenant.airlock_requests().len(),
            number: watched.started.fetch_add(1, SeqCst),
            alone: watched.running.fetch_add(1, SeqCst) == 0,
            tenant: setup.tenant.clone(),
            watched,
        }
    }

    /// The code of the first push since the login started.
    fn code(&self) -> Option<String> {
        let pushes = self.tenant.sign_requests();
        let push = pushes.get(self.pushes)?;
        Some(
            push.code()
                .unwrap_or_else(|| panic!("no code: {}", push.text)),
        )
    }

    /// Each push has its line `ringing`, and no other login has one.
    fn check(&self, login: &Login) {
        let ringing = login.ringing().len();
        let alone = self.alone && self.watched.started.load(SeqCst) == self.number + 1;
        let only_push = self.tenant.airlock_requests().len() == self.airlock_requests;
        let is_own = self.watched.is_own.load(SeqCst);
        let logs = login.all("log");
        // Only the last login of a series prints its log.
        let (Some(code), 1) = (login.all("result").pop(), login.all("state").len()) else {
            return;
        };
        if logs.is_empty() || !alone || !only_push || !is_own {
            return;
        }
        assert!(ringing <= 1, "{:#?}", login.events);
        if ringing == 1 {
            let mut lines = logs.iter().filter(|line| !line.contains(": debug "));
            let first = lines.next().unwrap();
            assert!(first.contains("): ringing "), "{:#?}", login.events);
        }
        let pushes = self.tenant.sign_requests().len() - self.pushes;
        // The line comes first. If the connection then fails, no push leaves.
        let may_miss = matches!(code, "PAM_AUTHINFO_UNAVAIL" | IGNORED | "PAM_ABORT");
        assert!(
            pushes == ringing || (may_miss && pushes < ringing),
            "{pushes} pushes: {:#?}",
            login.events
        );
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.watched.running.fetch_sub(1, SeqCst);
    }
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

impl Event {
    fn is_prompt(&self) -> bool {
        ["visible", "hidden"].contains(&&*self.kind)
    }
}

impl Running {
    pub fn start(command: Command) -> Self {
        Self::with_stdin(command, Stdio::piped())
    }

    pub fn with_stdin(mut command: Command, stdin: Stdio) -> Self {
        let mut child = command
            .stdin(stdin)
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
            unanswered: 0,
            user: None,
            other_phone: None,
        }
    }

    /// The user reads codes with `phone`.
    pub fn reads(&mut self, phone: impl Fn() -> Option<String> + 'static) {
        self.other_phone = Some(Box::new(phone));
    }

    fn note(&mut self, event: Event) {
        self.unanswered += isize::from(event.is_prompt());
        self.seen.push(event);
    }

    /// Waits for an event of this kind.
    pub fn wait_for(&mut self, kind: &str) -> Event {
        loop {
            let event = self
                .lines
                .recv_timeout(TIMEOUT)
                .unwrap_or_else(|_| panic!("no {kind}; seen: {:#?}", self.seen));
            self.note(event.clone());
            if event.kind == kind {
                return event;
            }
        }
    }

    pub fn type_line(&mut self, line: &[u8]) {
        self.unanswered -= 1;
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(line);
            let _ = stdin.write_all(b"\n");
        }
    }

    /// The user closes the terminal, which ends the standard input of the host.
    pub fn hang_up(&mut self) {
        self.unanswered -= 1;
        self.stdin = None;
    }

    /// Sends the signal `name` to the host.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// The code on the phone, as soon as the push is there.
    pub fn code(&self) -> String {
        let user = self.user.as_ref().expect("a login of a setup");
        let pushed = user.pushes + 1;
        assert!(user.tenant.wait_for_sign_requests(pushed, TIMEOUT));
        user.code().unwrap()
    }

    /// Answers all prompts and waits for the end: the prompt for the code with the code of the push,
    /// and the others with Enter. If no push can come any more, Enter is the answer there, too. The
    /// stderr of the host must be empty.
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
        let deadline = Instant::now() + timeout;
        loop {
            while self.unanswered > 0 {
                self.answer();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(event) => self.note(event),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!("no end: {:#?}", self.seen);
                }
            }
        }
        self.stdin = None;
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
        login.check_fields();
        if let Some(user) = &self.user {
            user.check(&login);
        }
        login
    }

    /// Answers the last prompt.
    fn answer(&mut self) {
        let asked = self.seen.iter().rfind(|event| event.is_prompt());
        let is_for_code =
            asked.is_some_and(|event| event.text.ends_with("type the code it shows: "));
        let answer = if is_for_code { self.read_phone() } else { None };
        self.type_line(answer.unwrap_or_default().as_bytes());
    }

    /// The code on the phone. `None` if the phone does not ring and will not: the thread of the
    /// module has ended, or the host has.
    fn read_phone(&mut self) -> Option<String> {
        let begun = Instant::now();
        loop {
            let ended = match self.lines.recv_timeout(Duration::from_millis(10)) {
                Ok(event) => {
                    self.note(event);
                    // The host has not waited for the answer.
                    return None;
                }
                Err(why) => why == RecvTimeoutError::Disconnected,
            };
            let waited = begun.elapsed();
            let nothing_runs = self.threads() <= 1 && waited > NOT_EARLY;
            // Asked last: the push may have come, and the thread ended, in the meantime.
            let code = match (&self.other_phone, &self.user) {
                (Some(phone), _) => phone(),
                (None, user) => user.as_ref().and_then(Person::code),
            };
            if code.is_some() || ended || nothing_runs || waited > TIMEOUT {
                return code;
            }
        }
    }

    /// The threads of the host.
    pub fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.child.id())).map_or(0, Iterator::count)
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

    /// The decision: the only log line besides `ringing`, from the module's name on.
    pub fn log(&self) -> &str {
        let all = self.all("log");
        let mut decisions = all
            .iter()
            .filter(|line| line.contains("pam_logonbox(") && !line.contains("): ringing "));
        match (decisions.next(), decisions.next()) {
            (Some(line), None) => from_module(line),
            _ => panic!("not exactly one decision: {:#?}", self.events),
        }
    }

    /// The journal's fields say the same as the line.
    fn check_fields(&self) {
        for pair in self.events.windows(2) {
            let [fields, line] = pair else { continue };
            if fields.kind != "fields" {
                continue;
            }
            let (module, rest) = from_module(&line.text).split_once(": ").unwrap();
            let (word, values) = rest.split_once(' ').unwrap_or((rest, ""));
            let service = module.trim_start_matches("pam_logonbox(");
            let mut expected = vec![
                format!("MESSAGE_ID={:032x}", login::log::message_id(word)),
                format!("WORD={word}"),
                format!("SERVICE={}", service.trim_end_matches(":auth)")),
            ];
            // Values hold no quotes.
            for value in values.split_terminator('"').collect::<Vec<_>>().chunks(2) {
                let name = value[0].trim_matches([' ', '=']).to_uppercase();
                expected.push(format!("{name}={}", value[1]));
            }
            expected.sort();
            let mut found: Vec<String> = fields
                .text
                .split("\\x0a")
                .filter(|field| {
                    field.starts_with("PAM_LOGONBOX_") || field.starts_with("MESSAGE_ID=")
                })
                .map(|field| field.trim_start_matches("PAM_LOGONBOX_").to_owned())
                .collect();
            found.sort();
            assert_eq!(found, expected, "{fields:#?}");
            assert!(fields.text.contains("\\x0aSYSLOG_FACILITY=10\\x0a"));
        }
    }

    /// The lines that were logged before a push left.
    pub fn ringing(&self) -> Vec<&str> {
        let all = self.all("log").into_iter();
        let ringing = all.filter(|line| line.contains("): ringing "));
        ringing.map(from_module).collect()
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

fn from_module(line: &str) -> &str {
    let start = line.find("pam_logonbox(").expect("the module's name");
    line.split_at(start).1
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
    build(&["--package=pam_logonbox"]).join("libpam_logonbox.so")
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
    servers::vacant().unwrap().to_string()
}

/// The value of `name="…"` in a log line.
pub fn value<'l>(log: &'l str, name: &str) -> Option<&'l str> {
    let (_, rest) = log.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
