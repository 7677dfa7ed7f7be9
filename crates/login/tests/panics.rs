//! A panic at each place at which a login calls the host, the system, the clock, the log or the
//! observer, and on the I/O thread. The PAM hook catches a panic (`src/lib.rs`), as this test does;
//! `local: a_panic_anywhere_is_a_refusal_and_the_host_lives` tests the hook. A panic must not become
//! a success, and nothing may stay behind.
//!
//! Seen to fail with a `run` that turns a caught panic into an exemption, and with one that leaves a
//! file descriptor open.

#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

use std::collections::BTreeSet;
use std::ffi::CString;
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use login::clock::{Clock, SystemClock, Woken};
use login::host::{ConversationError, Echo, Host, Secret, User};
use login::log::{Line, Log, Severity};
use login::outcome::Code;
use login::progress::{Observer, Progress};
use login::system::{Directories, Group, System, ThisMachine, UserGroups};
use tempfile::TempDir;
use tenant::{Options, Tenant};
use time::OffsetDateTime;

const OTP: &str = "A1b2C3";
const PATIENCE: Duration = Duration::from_secs(30);

/// The payload of this test's panics.
struct Thrown;

/// Panics at one of the places, by its number.
struct Trigger {
    left: AtomicU32,
    places: Mutex<BTreeSet<String>>,
}

impl Trigger {
    fn passes(&self, place: &str) {
        self.places.lock().unwrap().insert(place.to_owned());
        let left = self
            .left
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if left == Ok(1) {
            panic_any(Thrown);
        }
    }

    fn has_panicked(&self) -> bool {
        self.left.load(SeqCst) == 0
    }
}

struct Machine {
    trigger: Arc<Trigger>,
    directory: PathBuf,
    clock: SystemClock,
}

/// The person types the right answers.
struct Person<'t> {
    trigger: Arc<Trigger>,
    tenant: &'t Tenant,
    pushes: usize,
}

struct Lines(Arc<Trigger>);

impl Person<'_> {
    /// The code on the phone. If the phone does not ring, a wrong one.
    fn code(&self) -> String {
        let rings = self
            .tenant
            .wait_for_sign_requests(self.pushes.saturating_add(1), Duration::from_secs(2));
        let requests = self.tenant.sign_requests();
        let text = requests.last().filter(|_| rings).map(|push| &*push.text);
        let code = text.and_then(|text| text.rsplit(' ').next());
        code.unwrap_or("no code").to_owned()
    }
}

impl Host for Person<'_> {
    fn service(&self) -> String {
        self.trigger.passes("service");
        "login".to_owned()
    }

    fn rhost(&self) -> String {
        self.trigger.passes("rhost");
        String::new()
    }

    fn tty(&self) -> String {
        self.trigger.passes("tty");
        "tty1".to_owned()
    }

    fn user(&mut self) -> Result<User, ConversationError> {
        self.trigger.passes("user");
        Ok(User::Named("lee".to_owned()))
    }

    fn is_silent(&self) -> bool {
        self.trigger.passes("is_silent");
        false
    }

    fn show_info(&mut self, _: &str) {
        self.trigger.passes("show_info");
    }

    fn show_error(&mut self, _: &str) {
        self.trigger.passes("show_error");
    }

    fn ask(&mut self, prompt: &str, _: Echo) -> Result<Secret, ConversationError> {
        self.trigger.passes("ask");
        let answer = match prompt {
            _ if prompt.contains("Password") => tenant::PASSWORD.to_owned(),
            _ if prompt.contains("OTP") => OTP.to_owned(),
            _ if prompt.contains("type the code") => self.code(),
            _ => String::new(),
        };
        Ok(answer.into_bytes().into())
    }

    fn authtok(&self) -> Option<Secret> {
        self.trigger.passes("authtok");
        None
    }

    fn set_authtok(&mut self, _: &str) -> Result<(), ConversationError> {
        self.trigger.passes("set_authtok");
        Ok(())
    }
}

impl Observer for Person<'_> {
    fn progress(&mut self, step: Progress<'_>) {
        let step = format!("{step:?}");
        let name = step.split([' ', '{']).next().unwrap();
        let name = name.split_once("(Config").map_or(name, |(name, _)| name);
        let name = name.split_once("(Public").map_or(name, |(name, _)| name);
        self.trigger.passes(name);
    }
}

impl System for Machine {
    fn name_of(&self, user: &str) -> io::Result<Option<String>> {
        self.trigger.passes("name_of");
        Ok(Some(user.to_owned()))
    }

    fn id_of(&self, _: &str) -> io::Result<Option<u32>> {
        Ok(None)
    }

    fn caller(&self) -> io::Result<User> {
        Ok(User::Named("lee".to_owned()))
    }

    fn groups_of(&self, _: &str) -> io::Result<Option<UserGroups>> {
        self.trigger.passes("groups_of");
        Ok(None)
    }

    fn group(&self, _: &str) -> io::Result<Option<Group>> {
        self.trigger.passes("group");
        Ok(None)
    }

    fn group_name(&self, _: u32) -> io::Result<Option<String>> {
        Ok(None)
    }

    fn group_file(&self) -> io::Result<String> {
        self.trigger.passes("group_file");
        Ok("push:x:500:\n".to_owned())
    }

    fn name_services(&self) -> io::Result<String> {
        self.trigger.passes("name_services");
        Ok(String::new())
    }

    fn now(&self) -> OffsetDateTime {
        self.trigger.passes("wall_clock");
        ThisMachine::new(false).now()
    }

    fn hostname(&self) -> String {
        self.trigger.passes("hostname");
        "web1".to_owned()
    }

    fn directories(&self) -> Directories<'_> {
        self.trigger.passes("directories");
        Directories {
            run: &self.directory,
            lib: &self.directory,
            pins: Path::new("/nowhere"),
        }
    }

    fn uptime(&self) -> io::Result<Duration> {
        self.trigger.passes("uptime");
        ThisMachine::new(false).uptime()
    }

    fn machine_id(&self) -> io::Result<String> {
        ThisMachine::new(false).machine_id()
    }

    fn boot_id(&self) -> io::Result<String> {
        ThisMachine::new(false).boot_id()
    }

    fn owns(&self, _: IpAddr) -> bool {
        self.trigger.passes("owns");
        false
    }

    fn is_setuid(&self) -> bool {
        false
    }

    fn has_utf8_terminal(&self) -> bool {
        false
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.trigger.passes("random");
        ThisMachine::new(false).random(bytes)
    }
}

impl Clock for Machine {
    fn now(&self) -> Instant {
        self.trigger.passes("now");
        self.clock.now()
    }

    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken {
        self.trigger.passes("wait");
        let woken = self.clock.wait(event, until);
        self.trigger.passes("woken");
        woken
    }

    fn block_signals(&mut self) {
        self.trigger.passes("block_signals");
        self.clock.block_signals();
    }

    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        self.trigger.passes("spawn");
        let trigger = self.trigger.clone();
        let body = move || {
            trigger.passes("thread");
            body();
        };
        self.clock.spawn(thread, Box::new(body))
    }
}

impl Log for Lines {
    fn write(&self, _: Severity, line: &Line, _: Duration) {
        let is_ringing = line.text().starts_with("ringing ");
        self.0
            .passes(if is_ringing { "log of the push" } else { "log" });
    }
}

/// A login that panics at the place with this number, from 1. No code if the panic has left `run`.
fn log_in(setup: &Setup, number: u32) -> (Arc<Trigger>, Option<Code>) {
    let trigger = Arc::new(Trigger {
        left: number.into(),
        places: Mutex::default(),
    });
    let machine = || Machine {
        trigger: trigger.clone(),
        directory: setup.directory.path().join("run"),
        clock: SystemClock::new(),
    };
    let (system, mut clock) = (Arc::new(machine()), machine());
    let person = || Person {
        trigger: trigger.clone(),
        tenant: &setup.tenant,
        pushes: setup.tenant.sign_requests().len(),
    };
    let (mut host, mut observer) = (person(), person());
    let log: Arc<dyn Log> = Arc::new(Lines(trigger.clone()));
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let conf = format!("conf={}", setup.configuration().display());
        let conf = CString::new(conf).unwrap();
        login::run(&[&conf], &mut host, system, &mut clock, &log, &mut observer)
    }));
    let code = match ended {
        Ok(code) => Some(code),
        Err(thrown) => {
            assert!(thrown.is::<Thrown>(), "a panic of its own, at {number}");
            None
        }
    };
    (trigger, code)
}

struct Setup {
    tenant: Tenant,
    directory: TempDir,
}

impl Setup {
    fn new(text: impl FnOnce(&Tenant) -> String) -> Self {
        let setup = Self {
            tenant: Tenant::start(Options::default()).unwrap(),
            directory: tempfile::tempdir().unwrap(),
        };
        let ca = setup.write("ca.pem", setup.tenant.ca_pem());
        let text = text(&setup.tenant);
        let limit = "[policy]\nfailed_attempts_per_10_minutes = 1000\nfailed_attempts_in_a_row = 1000\nonly_groups = [\"push\"]\n\
                     [[policy.exempt]]\nusers = [\"lee\"]\nuntil = 2020-01-01\n";
        setup.write(
            "pam_logonbox.toml",
            &format!("{text}\n{limit}\n[tls]\nca_file = \"{}\"\n", ca.display()),
        );
        setup
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("pam_logonbox.toml")
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Panics at every place, one after the other. All places.
    fn panic_everywhere(&self) -> BTreeSet<String> {
        let (trigger, code) = log_in(self, 0);
        assert_eq!(code, Some(Code::Success), "without a panic");
        let places = trigger.places.lock().unwrap().clone();
        let kept = Kept::now();
        for number in 1.. {
            let (trigger, code) = log_in(self, number);
            if !trigger.has_panicked() {
                assert_eq!(code, Some(Code::Success), "{number}");
                return places;
            }
            let is_in = matches!(code, Some(Code::Success | Code::Ignore));
            assert!(!is_in, "{code:?} at {number}");
            assert!(number < 1000, "there is no end of places");
            kept.are_back();
        }
        places
    }
}

/// Descriptors and threads of this process.
#[derive(Debug, PartialEq, Eq)]
struct Kept(usize, usize);

impl Kept {
    fn now() -> Self {
        let count = |path| std::fs::read_dir(path).unwrap().count();
        Self(count("/proc/self/fd"), count("/proc/self/task"))
    }

    /// Threads that were told to end, and the tenant's side of connections, take a moment: also those
    /// that were counted before. What each panic left behind would add up.
    fn are_back(&self) {
        let started = Instant::now();
        loop {
            let now = Self::now();
            if now.0 <= self.0 && now.1 <= self.1 {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{now:?}, and before {self:?}");
            thread::yield_now();
        }
    }
}

#[test]
fn a_panic_at_any_place_is_no_login_and_leaves_nothing() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<Thrown>() {
            usual(panic);
        }
    }));
    let push = Setup::new(|tenant| {
        format!(
            "[logonbox]\ntenant = {:?}\naccount = \"approve\"\npins = \"if-present\"\n\
             [conversation]\ncode = \"show\"",
            tenant.authority()
        )
    });
    let typed = Setup::new(|tenant| {
        format!(
            "[logonbox]\ntenant = {:?}\naccount = \"approve\"\ndevice = \"ask\"",
            tenant.authority()
        )
    });
    let airlock = Setup::new(|tenant| {
        format!(
            "mode = \"airlock\"\n[airlock]\nurl = {:?}\naccount = \"otp\"",
            tenant.airlock_url()
        )
    });
    let mut places = push.panic_everywhere();
    places.append(&mut typed.panic_everywhere());
    places.append(&mut airlock.panic_everywhere());
    for place in [
        "user",
        "service",
        "name_of",
        "groups_of",
        "group",
        "group_file",
        "name_services",
        "wall_clock",
        "uptime",
        "directories",
        "hostname",
        "now",
        "spawn",
        "thread",
        "wait",
        "woken",
        "block_signals",
        "ask",
        "Configured",
        "NotExempt",
        "Announced",
        "Listed",
        "Chosen",
        "Ringing",
        "Answered",
        "Verified",
        "Flow(\"password\")",
        "is_silent",
        "log of the push",
        "log",
    ] {
        assert!(places.contains(place), "{place}: {places:?}");
    }
}
