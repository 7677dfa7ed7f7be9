//! A machine and a clock for unit tests. What happens on them is told by their fields.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{Membership, System, User};
use crate::wait::{Waiter, Woken};

pub type Meanwhile = Box<dyn FnOnce(&Cell<Duration>)>;

pub struct Machine {
    pub users: &'static [&'static str],
    /// Names that stand for one of these.
    pub aliases: &'static [(&'static str, &'static str)],
    pub caller: fn() -> io::Result<User>,
    pub membership: fn(&str) -> Membership,
    pub state_directory: PathBuf,
    /// Nowhere, where there is none.
    pub pins_directory: Option<PathBuf>,
    pub uptime: Cell<Duration>,
    /// What happens right after the clock has next been read, while the caller has stopped this
    /// process.
    pub meanwhile: RefCell<Option<Meanwhile>>,
    pub is_setuid: bool,
    /// All random bytes.
    pub random: u8,
}

impl Default for Machine {
    /// It knows `lee`, who is in no group, and who has called.
    fn default() -> Self {
        Self {
            users: &["lee"],
            aliases: &[],
            caller: || Ok(User::Named("lee".to_owned())),
            membership: |_| Membership::Other,
            state_directory: "/nowhere/pam_logonbox".into(),
            pins_directory: None,
            uptime: Cell::new(Duration::from_secs(100_000)),
            meanwhile: RefCell::default(),
            is_setuid: false,
            random: 0,
        }
    }
}

impl System for Machine {
    fn name_of(&self, user: &str) -> io::Result<Option<String>> {
        assert!(user.len() <= 256, "some databases die of such a name");
        let alias = self.aliases.iter().find(|(alias, _)| *alias == user);
        let user = alias.map_or(user, |(_, name)| name);
        Ok(self.users.contains(&user).then(|| user.to_owned()))
    }

    fn caller(&self) -> io::Result<User> {
        (self.caller)()
    }

    fn membership(&self, user: &str, group: &str) -> io::Result<Membership> {
        assert!(user.len() <= 256, "some databases die of such a name");
        Ok((self.membership)(group))
    }

    fn hostname(&self) -> String {
        "web1".to_owned()
    }

    fn state_directory(&self) -> &Path {
        &self.state_directory
    }

    fn pins_directory(&self) -> &Path {
        let nowhere = Path::new("/nowhere/pam_logonbox.keys");
        self.pins_directory.as_deref().unwrap_or(nowhere)
    }

    fn uptime(&self) -> io::Result<Duration> {
        let now = self.uptime.get();
        if let Some(meanwhile) = self.meanwhile.take() {
            meanwhile(&self.uptime);
        }
        Ok(now)
    }

    fn is_setuid(&self) -> bool {
        self.is_setuid
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        bytes.fill(self.random);
        Ok(())
    }
}

/// Waits for nothing, and starts no threads.
#[derive(Default)]
pub struct Hasty {
    pub interrupted: bool,
    pub held_up: bool,
    /// How often something was waited for.
    pub waits: u32,
}

impl Waiter for Hasty {
    #[expect(clippy::disallowed_methods, reason = "nobody looks at it")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait(&mut self, _: Option<BorrowedFd<'_>>, _: Instant) -> Woken {
        self.waits = self.waits.saturating_add(1);
        if self.interrupted {
            return Woken::Interrupted("SIGINT");
        }
        Woken::Deadline
    }

    fn keep_signals(&mut self) {}

    fn spawn(&self, _: thread::Builder, _: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn was_held_up(&self) -> bool {
        self.held_up
    }
}
