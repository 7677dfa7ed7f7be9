//! The program that asks for a login, and the person in front of it.

#[cfg(test)]
pub(crate) mod played;

use std::ffi::CString;
use std::path::Path;
use std::time::Duration;

use logonbox_authenticator::{PublicKey, RandomSource, SystemRandom};
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Group, getgrouplist};
use zeroize::Zeroizing;

use crate::config::Config;

/// The person could not be asked: no terminal, a closed connection, or a host that does not
/// allow the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAnswer;

/// What a login needs of its host. In production, PAM; in tests, a script.
pub trait Host {
    /// `PAM_SERVICE`, such as `sshd`.
    fn service(&self) -> String;

    /// `PAM_RHOST`: where the person comes from; empty when it is not known.
    fn rhost(&self) -> String;

    /// `PAM_TTY`; empty when it is not known.
    fn tty(&self) -> String;

    /// `PAM_USER`, asked for where the host does not know it yet.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`], when the host does not say.
    fn user(&mut self) -> Result<User, NoAnswer>;

    /// Shows an information, unless the host wants silence. Whether it is seen cannot be known.
    fn inform(&mut self, text: &str);

    /// Shows why a login was refused, unless the host wants silence.
    fn complain(&mut self, text: &str);

    /// Shows `prompt` and waits for a line, which the terminal shows or not.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`], when the person broke off or could not be asked.
    fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, NoAnswer>;

    /// Shows `prompt` and waits until the person has pressed Enter. What was typed is wiped.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    fn press_enter(&mut self, prompt: &str) -> Result<(), NoAnswer> {
        self.ask(prompt, Echo::On).map(drop)
    }

    /// `PAM_AUTHTOK`: the password that a module before this one has asked for.
    fn password(&self) -> Option<Secret>;

    /// Leaves a password to the modules after this one.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`], when the host does not take it.
    fn leave_password(&mut self, password: &str) -> Result<(), NoAnswer>;

    /// Hears how far the login has come. Nothing depends on it; PAM has no use for it.
    fn reached(&mut self, _step: Step<'_>) {}
}

/// How far a login has come.
#[derive(Debug, Clone, Copy)]
pub enum Step<'s> {
    /// The configuration is read and checked.
    Configured(&'s Config),
    /// Nothing exempts the user.
    NotExempt,
    /// The person has been told to look at the phone.
    Announced,
    /// The keys of the account are there.
    Listed {
        /// From this host, and not from the tenant.
        pinned: bool,
    },
    /// It is this key that will be asked to sign.
    Chosen(&'s PublicKey),
    /// From here on the phone may ring, and the person is waited for.
    Ringing,
    /// The phone has answered.
    Answered,
    /// The signature is good.
    Verified,
    /// A step of Airlock's flow is done.
    Flow(&'static str),
}

/// What a person typed. Wiped when dropped.
pub type Secret = Zeroizing<Vec<u8>>;

/// Whether the terminal shows what is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words speak for themselves")]
pub enum Echo {
    On,
    Off,
}

/// A user's name as the host has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// A name.
    Named(String),
    /// Bytes that are no text, and so nobody's name; a readable version for the log.
    Unreadable(String),
    /// A user id without a name; `uid 4711`, for the log.
    Nameless(String),
}

impl User {
    /// For the log, and for texts.
    #[must_use]
    pub fn shown(&self) -> &str {
        let (Self::Named(shown) | Self::Unreadable(shown) | Self::Nameless(shown)) = self;
        shown
    }
}

/// What a user is to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It is their primary group, or one of their others.
    Member,
    /// Not in it, or not known to the system.
    Other,
    /// The system knows no group of this name.
    NoSuchGroup,
    /// The same, or a database that would know it is not there: getgrnam(3) has one error for both.
    NoGroupFound,
}

/// What is known about this machine.
pub trait System {
    /// What the system calls the user (getpwnam(3)): some databases know `lee` as `LEE`, too. Nothing
    /// where it knows no such user.
    ///
    /// # Errors
    ///
    /// The user database could not be asked.
    fn name_of(&self, user: &str) -> std::io::Result<Option<String>>;

    /// Who has started this program: the name that the user database has for the process's real
    /// user id, which nobody but root can choose.
    ///
    /// # Errors
    ///
    /// The user database could not be asked.
    fn caller(&self) -> std::io::Result<User>;

    /// Whether the user is in the group.
    ///
    /// # Errors
    ///
    /// The user database could not be asked.
    fn membership(&self, user: &str, group: &str) -> std::io::Result<Membership>;

    /// The name of this host.
    fn hostname(&self) -> String;

    /// Where logins of this host keep what they must know of each other, until it is started anew.
    fn state_directory(&self) -> &Path;

    /// Where pinned keys are: see [`crate::pins`].
    fn pins_directory(&self) -> &Path;

    /// How long ago the machine was started, time in which it slept included.
    ///
    /// # Errors
    ///
    /// The clock could not be read.
    fn uptime(&self) -> std::io::Result<Duration>;

    /// Whether this program has more rights than whoever called it, as sudo and su have.
    fn is_setuid(&self) -> bool;

    /// Random bytes.
    ///
    /// # Errors
    ///
    /// There are none.
    fn random(&self, bytes: &mut [u8]) -> std::io::Result<()>;
}

/// Asks the user database for a name.
fn look_up<T>(
    name: &str,
    find: impl FnOnce(&str) -> nix::Result<Option<T>>,
) -> std::io::Result<Option<T>> {
    // It cannot be asked for a name with a NUL, and nobody has one.
    if name.contains('\0') {
        return Ok(None);
    }
    found(find(name))
}

fn found<T>(answer: nix::Result<Option<T>>) -> std::io::Result<Option<T>> {
    match answer {
        // getpwnam(3), getgrnam(3): some databases say "not found" this way.
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        found => Ok(found?),
    }
}

/// The machine that this runs on.
#[derive(Debug, Clone, Copy)]
pub struct ThisMachine;

impl System for ThisMachine {
    fn name_of(&self, user: &str) -> std::io::Result<Option<String>> {
        Ok(look_up(user, nix::unistd::User::from_name)?.map(|user| user.name))
    }

    fn caller(&self) -> std::io::Result<User> {
        let id = nix::unistd::getuid();
        Ok(match found(nix::unistd::User::from_uid(id))? {
            Some(user) => User::Named(user.name),
            None => User::Nameless(format!("uid {id}")),
        })
    }

    fn membership(&self, user: &str, group: &str) -> std::io::Result<Membership> {
        let mut heard = true;
        let find = |name: &str| {
            let found = Group::from_name(name);
            heard = found.is_ok();
            found
        };
        let Some(group) = look_up(group, find)? else {
            return Ok(if heard {
                Membership::NoSuchGroup
            } else {
                Membership::NoGroupFound
            });
        };
        let Some(user) = look_up(user, nix::unistd::User::from_name)? else {
            return Ok(Membership::Other);
        };
        // Both ways: initgroups(3) finds what the group's own list does not have, and cannot say
        // that it failed.
        let name = CString::new(user.name.as_str())?;
        let is_member = user.gid == group.gid
            || group.mem.contains(&user.name)
            || getgrouplist(&name, user.gid)?.contains(&group.gid);
        Ok(if is_member {
            Membership::Member
        } else {
            Membership::Other
        })
    }

    fn hostname(&self) -> String {
        nix::unistd::gethostname().map_or_else(
            |_| "localhost".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        )
    }

    fn state_directory(&self) -> &Path {
        Path::new("/run/pam_logonbox")
    }

    fn pins_directory(&self) -> &Path {
        Path::new(crate::pins::DIRECTORY)
    }

    fn uptime(&self) -> std::io::Result<Duration> {
        Ok(clock_gettime(ClockId::CLOCK_BOOTTIME)?.into())
    }

    fn is_setuid(&self) -> bool {
        crate::pam::is_setuid()
    }

    fn random(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        SystemRandom.fill(bytes).map_err(std::io::Error::other)
    }
}
