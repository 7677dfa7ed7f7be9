//! A scripted host, system and clock for unit tests.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::clock::{Clock, Woken, later};
use crate::host::{ConversationError, Echo, Host, Secret, User};
use crate::log::{Line, Log, Severity};
use crate::system::{Directories, Group, System, UserGroups};

/// The scripted time, and whether a signal is pending. The host's person and the clock share it.
#[derive(Clone)]
pub struct Time {
    now: Rc<Cell<Instant>>,
    pub signalled: Rc<Cell<bool>>,
}

impl Default for Time {
    #[expect(clippy::disallowed_methods, reason = "any time to begin with")]
    fn default() -> Self {
        Self {
            now: Rc::new(Cell::new(Instant::now())),
            signalled: Rc::default(),
        }
    }
}

/// A clock that waits for events in real time and jumps over all other waits.
#[derive(Default)]
pub struct ScriptedClock {
    pub time: Time,
    /// The waits without an event that took time.
    pub pauses: Vec<Duration>,
    /// Threads never run, so events never come: a wait for one ends at its deadline.
    pub stalled: bool,
    pub stalled_threads: RefCell<Vec<Box<dyn FnOnce() + Send>>>,
    /// The person presses Ctrl-C in every pause that takes time.
    pub pauses_are_interrupted: bool,
    /// How often signals were blocked before a wait.
    pub blocked: u32,
}

impl Clock for ScriptedClock {
    fn now(&self) -> Instant {
        self.time.now.get()
    }

    fn wait(&mut self, event: Option<BorrowedFd<'_>>, until: Instant) -> Woken {
        if let Some(event) = event.filter(|_| !self.stalled) {
            let mut ready = [nix::poll::PollFd::new(event, nix::poll::PollFlags::POLLIN)];
            nix::poll::poll(&mut ready, nix::poll::PollTimeout::NONE).unwrap();
            return Woken::Event;
        }
        if self.time.signalled.get() {
            return Woken::Interrupted("SIGINT");
        }
        let time = until.saturating_duration_since(self.now());
        self.time.now.set(until);
        if event.is_none() && !time.is_zero() {
            self.pauses.push(time);
            if self.pauses_are_interrupted {
                return Woken::Interrupted("SIGINT");
            }
        }
        Woken::Deadline
    }

    fn block_signals(&mut self) {
        self.blocked = self.blocked.saturating_add(1);
    }

    fn spawn(&self, thread: thread::Builder, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        if self.stalled {
            self.stalled_threads.borrow_mut().push(body);
            return Ok(());
        }
        thread.spawn(body).map(drop)
    }
}

/// The behaviour of a person at one prompt.
#[derive(Clone, Copy, Default)]
pub struct Answer {
    /// The time that it takes.
    pub after: Duration,
    /// Ctrl-C, which the host blocks, and then `text`.
    pub ctrl_c: bool,
    /// The person waits until the phone rings.
    pub after_ring: bool,
    pub text: Option<&'static str>,
}

/// A host with a person who follows a script.
#[derive(Default)]
pub struct ScriptedHost {
    pub service: &'static str,
    pub time: Time,
    pub answers: VecDeque<Answer>,
    /// `info: …`, `error: …` and `prompt: …`, in order.
    pub shown: Vec<String>,
    /// A message for each time that the phone rings.
    pub rings: Option<Receiver<()>>,
    pub authtok: Option<&'static str>,
}

impl Host for ScriptedHost {
    fn service(&self) -> String {
        self.service.to_owned()
    }

    fn rhost(&self) -> String {
        String::new()
    }

    fn tty(&self) -> String {
        String::new()
    }

    fn user(&mut self) -> Result<User, ConversationError> {
        Ok(User::Named("lee".to_owned()))
    }

    fn is_silent(&self) -> bool {
        false
    }

    fn show_info(&mut self, text: &str) {
        self.shown.push(format!("info: {text}"));
    }

    fn show_error(&mut self, text: &str) {
        self.shown.push(format!("error: {text}"));
    }

    fn ask(&mut self, prompt: &str, _: Echo) -> Result<Secret, ConversationError> {
        self.shown.push(format!("prompt: {prompt}"));
        let answer = self.answers.pop_front().expect(prompt);
        if answer.after_ring {
            let ring = self.rings.as_ref().expect("a phone");
            ring.recv_timeout(Duration::from_secs(30)).expect("a ring");
        }
        let now = &self.time.now;
        now.set(later(now.get(), answer.after));
        self.time.signalled.set(answer.ctrl_c);
        let text = answer.text.ok_or(ConversationError)?;
        Ok(text.as_bytes().to_vec().into())
    }

    fn authtok(&self) -> Option<Secret> {
        self.authtok.map(|text| text.as_bytes().to_vec().into())
    }

    fn set_authtok(&mut self, _: &str) -> Result<(), ConversationError> {
        Ok(())
    }
}

/// A log that keeps nothing.
pub struct NoLog;

impl Log for NoLog {
    fn write(&self, _: Severity, _: &Line, _: Duration) {}
}

/// Something that happens while the caller has stopped this process. It may set the uptime.
pub type Meanwhile = Box<dyn FnOnce(&mut Duration) + Send>;

/// A machine that its fields describe.
pub struct ScriptedSystem {
    pub users: &'static [&'static str],
    /// Other names, with the users to whom they lead.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Names of a user with another id, although the database gives the name of one of `users`.
    pub others: &'static [&'static str],
    pub caller: fn() -> io::Result<User>,
    /// The groups that the database knows.
    pub groups: Vec<Group>,
    pub group_names: &'static [(u32, &'static str)],
    /// The groups of every user.
    pub groups_of: Option<UserGroups>,
    /// The text of /etc/group. `None` if it cannot be read.
    pub group_file: Option<String>,
    pub name_services: String,
    pub now: OffsetDateTime,
    pub run_directory: PathBuf,
    pub lib_directory: PathBuf,
    pub pins_directory: PathBuf,
    pub uptime: Mutex<Duration>,
    /// Happens once, right after the next reading of the uptime.
    pub meanwhile: Mutex<Option<Meanwhile>>,
    pub machine_id: &'static str,
    pub boot_id: &'static str,
    pub is_setuid: bool,
    /// The value of all random bytes.
    pub random: u8,
}

impl Default for ScriptedSystem {
    /// Knows the user `lee`, who is in no group and is the caller.
    fn default() -> Self {
        Self {
            users: &["lee"],
            aliases: &[],
            others: &[],
            caller: || Ok(User::Named("lee".to_owned())),
            groups: Vec::new(),
            group_names: &[],
            groups_of: None,
            group_file: Some(String::new()),
            name_services: "passwd: files\ngroup: files\n".to_owned(),
            // The last second of 2027-03-31.
            now: OffsetDateTime::from_unix_timestamp(1_806_537_599).unwrap(),
            run_directory: "/nowhere/run".into(),
            lib_directory: "/nowhere/lib".into(),
            pins_directory: "/nowhere/keys".into(),
            uptime: Mutex::new(Duration::from_secs(100_000)),
            meanwhile: Mutex::default(),
            machine_id: "0123456789abcdef0123456789abcdef",
            boot_id: "first",
            is_setuid: false,
            random: 0,
        }
    }
}

impl System for ScriptedSystem {
    fn name_of(&self, user: &str) -> io::Result<Option<String>> {
        assert!(user.len() <= 256, "some databases crash on such a name");
        let alias = self.aliases.iter().find(|(alias, _)| *alias == user);
        let user = alias.map_or(user, |(_, name)| name);
        Ok(self.users.contains(&user).then(|| user.to_owned()))
    }

    fn id_of(&self, user: &str) -> io::Result<Option<u32>> {
        let known = self.name_of(user)?;
        let place = self
            .users
            .iter()
            .position(|name| known.as_deref() == Some(name));
        let first = if self.others.contains(&user) {
            2000
        } else {
            1000
        };
        Ok(place
            .and_then(|place| u32::try_from(place).ok())
            .map(|place| place.saturating_add(first)))
    }

    fn caller(&self) -> io::Result<User> {
        (self.caller)()
    }

    fn groups_of(&self, user: &str) -> io::Result<Option<UserGroups>> {
        assert!(user.len() <= 256, "some databases crash on such a name");
        Ok(self.groups_of.clone())
    }

    fn group(&self, name: &str) -> io::Result<Option<Group>> {
        let found = self.groups.iter().find(|group| group.name == name);
        Ok(found.cloned())
    }

    fn group_name(&self, id: u32) -> io::Result<Option<String>> {
        let found = self.group_names.iter().find(|(known, _)| *known == id);
        Ok(found.map(|(_, name)| (*name).to_owned()))
    }

    fn group_file(&self) -> io::Result<String> {
        self.group_file.clone().ok_or(io::ErrorKind::Other.into())
    }

    fn name_services(&self) -> io::Result<String> {
        Ok(self.name_services.clone())
    }

    fn now(&self) -> OffsetDateTime {
        self.now
    }

    fn hostname(&self) -> String {
        "web1".to_owned()
    }

    fn directories(&self) -> Directories<'_> {
        Directories {
            run: &self.run_directory,
            lib: &self.lib_directory,
            pins: &self.pins_directory,
        }
    }

    fn uptime(&self) -> io::Result<Duration> {
        let mut uptime = self.uptime.lock().unwrap();
        let now = *uptime;
        if let Some(meanwhile) = self.meanwhile.lock().unwrap().take() {
            meanwhile(&mut uptime);
        }
        Ok(now)
    }

    fn machine_id(&self) -> io::Result<String> {
        Ok(self.machine_id.to_owned())
    }

    fn boot_id(&self) -> io::Result<String> {
        Ok(self.boot_id.to_owned())
    }

    fn owns(&self, address: IpAddr) -> bool {
        address.is_loopback()
    }

    fn is_setuid(&self) -> bool {
        self.is_setuid
    }

    fn has_utf8_terminal(&self) -> bool {
        false
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        bytes.fill(self.random);
        Ok(())
    }
}
