//! A panic at each place where a login meets its surroundings: the host's side of PAM, the system, the
//! clock, its threads, the log; after each step as well. What libpam calls catches it, as is done here
//! (`src/pam/hooks.rs`; `local: a_panic_anywhere_is_a_refusal_and_the_host_lives` is that, from outside).
//! It must not have become a success on its way there, and nothing stays behind.
//!
//! Seen to fail with a `run` that takes what it catches for an exemption, and with one that leaves a
//! descriptor open.

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
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use pam_logonbox::PamResultCode::{self, PAM_IGNORE, PAM_SUCCESS};
use pam_logonbox::host::{
    Echo, Host, Membership, NoAnswer, Secret, Step, System, ThisMachine, User,
};
use pam_logonbox::log::{Log, Severity};
use pam_logonbox::pam::Poller;
use pam_logonbox::wait::{Waiter, Woken};
use tempfile::TempDir;
use tenant::{Options, Tenant};

const OTP: &str = "A1b2C3";
const PATIENCE: Duration = Duration::from_secs(30);

/// What is thrown.
struct Blown;

/// Blows at the place whose turn it is.
struct Fuse {
    left: AtomicU32,
    places: Mutex<BTreeSet<String>>,
}

impl Fuse {
    fn passes(&self, place: &str) {
        self.places.lock().unwrap().insert(place.to_owned());
        let left = self
            .left
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if left == Ok(1) {
            panic_any(Blown);
        }
    }

    fn has_blown(&self) -> bool {
        self.left.load(SeqCst) == 0
    }
}

struct Surroundings {
    fuse: Arc<Fuse>,
    directory: PathBuf,
    poller: Poller,
}

/// The person types what is right.
struct Person(Arc<Fuse>);

impl Host for Person {
    fn service(&self) -> String {
        self.0.passes("service");
        "login".to_owned()
    }

    fn rhost(&self) -> String {
        self.0.passes("rhost");
        String::new()
    }

    fn tty(&self) -> String {
        self.0.passes("tty");
        "tty1".to_owned()
    }

    fn user(&mut self) -> Result<User, NoAnswer> {
        self.0.passes("user");
        Ok(User::Named("lee".to_owned()))
    }

    fn inform(&mut self, _: &str) {
        self.0.passes("inform");
    }

    fn complain(&mut self, _: &str) {
        self.0.passes("complain");
    }

    fn ask(&mut self, prompt: &str, _: Echo) -> Result<Secret, NoAnswer> {
        self.0.passes("ask");
        let answer = match prompt {
            _ if prompt.contains("Password") => tenant::PASSWORD,
            _ if prompt.contains("OTP") => OTP,
            _ => "",
        };
        Ok(answer.as_bytes().to_vec().into())
    }

    fn password(&self) -> Option<Secret> {
        self.0.passes("password");
        None
    }

    fn leave_password(&mut self, _: &str) -> Result<(), NoAnswer> {
        self.0.passes("leave_password");
        Ok(())
    }

    fn reached(&mut self, step: Step<'_>) {
        let step = format!("{step:?}");
        let name = step.split([' ', '{']).next().unwrap();
        let name = name.split_once("(Config").map_or(name, |(name, _)| name);
        let name = name.split_once("(Public").map_or(name, |(name, _)| name);
        self.0.passes(name);
    }
}

impl System for Surroundings {
    fn name_of(&self, user: &str) -> io::Result<Option<String>> {
        self.fuse.passes("name_of");
        Ok(Some(user.to_owned()))
    }

    fn caller(&self) -> io::Result<User> {
        Ok(User::Named("lee".to_owned()))
    }

    fn membership(&self, _: &str, _: &str) -> io::Result<Membership> {
        self.fuse.passes("membership");
        Ok(Membership::Other)
    }

    fn hostname(&self) -> String {
        self.fuse.passes("hostname");
        "web1".to_owned()
    }

    fn state_directory(&self) -> &Path {
        self.fuse.passes("state_directory");
        &self.directory
    }

    fn pins_directory(&self) -> &Path {
        self.fuse.passes("pins_directory");
        Path::new("/nowhere")
    }

    fn uptime(&self) -> io::Result<Duration> {
        self.fuse.passes("uptime");
        ThisMachine.uptime()
    }

    fn is_setuid(&self) -> bool {
        false
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.fuse.passes("random");
        ThisMachine.random(bytes)
    }
}

impl Waiter for Surroundings {
    fn now(&self) -> Instant {
        self.fuse.passes("now");
        self.poller.now()
    }

    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken {
        self.fuse.passes("wait");
        let woken = self.poller.wait(event, until);
        self.fuse.passes("woken");
        woken
    }

    fn keep_signals(&mut self) {
        self.fuse.passes("keep_signals");
        self.poller.keep_signals();
    }

    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        self.fuse.passes("spawn");
        let fuse = self.fuse.clone();
        let body = move || {
            fuse.passes("thread");
            body();
        };
        self.poller.spawn(thread, Box::new(body))
    }

    fn was_held_up(&self) -> bool {
        self.fuse.passes("was_held_up");
        self.poller.was_held_up()
    }
}

impl Log for Person {
    fn write(&self, _: Severity, _: &str) {
        self.0.passes("log");
    }
}

/// A login whose surroundings panic at the place with this number, from 1. Nothing where the panic has
/// reached the one who calls.
fn login(stage: &Stage, number: u32) -> (Arc<Fuse>, Option<PamResultCode>) {
    let fuse = Arc::new(Fuse {
        left: number.into(),
        places: Mutex::default(),
    });
    let surroundings = || Surroundings {
        fuse: fuse.clone(),
        directory: stage.directory.path().join("run"),
        poller: Poller::new(),
    };
    let (system, mut waiter) = (surroundings(), surroundings());
    let (mut host, log) = (Person(fuse.clone()), Person(fuse.clone()));
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let conf = format!("conf={}", stage.configuration().display());
        let conf = CString::new(conf).unwrap();
        pam_logonbox::run(&[&conf], &mut host, &system, &mut waiter, &log)
    }));
    let code = match ended {
        Ok(code) => Some(code),
        Err(thrown) => {
            assert!(thrown.is::<Blown>(), "a panic of its own, at {number}");
            None
        }
    };
    (fuse, code)
}

struct Stage {
    tenant: Tenant,
    directory: TempDir,
}

impl Stage {
    fn new(text: impl FnOnce(&Tenant) -> String) -> Self {
        let stage = Self {
            tenant: Tenant::start(Options::default()).unwrap(),
            directory: tempfile::tempdir().unwrap(),
        };
        let ca = stage.write("ca.pem", stage.tenant.ca_pem());
        let text = text(&stage.tenant);
        let limit =
            "[policy]\nexempt_groups = [\"nobody\"]\nunapproved_pushes_per_10_minutes = 1000";
        stage.write(
            "pam_logonbox.toml",
            &format!("{text}\n{limit}\n[tls]\nca_file = \"{}\"\n", ca.display()),
        );
        stage
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
        let (fuse, code) = login(self, 0);
        assert_eq!(code, Some(PAM_SUCCESS), "without a panic");
        let places = fuse.places.lock().unwrap().clone();
        let kept = Kept::now();
        for number in 1.. {
            let (fuse, code) = login(self, number);
            if !fuse.has_blown() {
                assert_eq!(code, Some(PAM_SUCCESS), "{number}");
                return places;
            }
            let is_in = matches!(code, Some(PAM_SUCCESS | PAM_IGNORE));
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
        if !panic.payload().is::<Blown>() {
            usual(panic);
        }
    }));
    let push = Stage::new(|tenant| {
        format!(
            "[logonbox]\ntenant = {:?}\naccount = \"approve\"\npins = \"if-present\"\n\
             [conversation]\nannounce = \"enter\"",
            tenant.authority()
        )
    });
    let airlock = Stage::new(|tenant| {
        format!(
            "mode = \"airlock\"\n[airlock]\nurl = {:?}\naccount = \"otp\"",
            tenant.airlock_url()
        )
    });
    let mut places = push.panic_everywhere();
    places.append(&mut airlock.panic_everywhere());
    for place in [
        "user",
        "service",
        "name_of",
        "membership",
        "uptime",
        "state_directory",
        "pins_directory",
        "hostname",
        "now",
        "spawn",
        "thread",
        "wait",
        "woken",
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
        "log",
    ] {
        assert!(places.contains(place), "{place}: {places:?}");
    }
}
