//! This machine: users, groups, directories, the boot clock, random bytes.

use std::ffi::CString;
use std::io;
use std::path::Path;
use std::time::Duration;

use logonbox_authenticator::{RandomSource, SystemRandom};
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Group, getgrouplist};

use crate::host::User;

/// The relation of a user to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// The group is the user's primary group or one of the supplementary groups.
    Member,
    /// The user is not in the group, or does not exist.
    Other,
    /// The group does not exist.
    NoSuchGroup,
    /// The group does not exist, or its database does not answer. getgrnam(3) has one error for
    /// both.
    NoGroupFound,
}

/// This machine. The I/O thread uses it, too.
pub trait System: Send + Sync {
    /// The name of `user` in the user database (getpwnam(3)): some databases know `lee` as `LEE`,
    /// too. `None` if there is no such user.
    ///
    /// # Errors
    ///
    /// The user database does not answer.
    fn name_of(&self, user: &str) -> io::Result<Option<String>>;

    /// The caller of this program: the user with the real user id of this process. Only root can
    /// choose that id.
    ///
    /// # Errors
    ///
    /// The user database does not answer.
    fn caller(&self) -> io::Result<User>;

    /// Whether `user` is in `group`.
    ///
    /// # Errors
    ///
    /// The user database does not answer.
    fn membership(&self, user: &str, group: &str) -> io::Result<Membership>;

    /// The name of this host.
    fn hostname(&self) -> String;

    /// The directory of the counts: `/run/pam_logonbox`. A reboot empties it.
    fn state_directory(&self) -> &Path;

    /// The directory of the pinned keys: see [`crate::pins`].
    fn pins_directory(&self) -> &Path;

    /// The time since boot, suspend included (`CLOCK_BOOTTIME`).
    ///
    /// # Errors
    ///
    /// The clock cannot be read.
    fn uptime(&self) -> io::Result<Duration>;

    /// Whether this program has more rights than its caller, as sudo and su have.
    fn is_setuid(&self) -> bool;

    /// Fills `bytes` with random bytes.
    ///
    /// # Errors
    ///
    /// The kernel cannot provide them.
    fn random(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// Asks the user database for a name.
fn look_up<T>(
    name: &str,
    find: impl FnOnce(&str) -> nix::Result<Option<T>>,
) -> io::Result<Option<T>> {
    // Names in a database contain no NUL, and C functions cannot take one.
    if name.contains('\0') {
        return Ok(None);
    }
    found(find(name))
}

fn found<T>(answer: nix::Result<Option<T>>) -> io::Result<Option<T>> {
    match answer {
        // getpwnam(3), getgrnam(3): some databases report "not found" with these errors.
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        found => Ok(found?),
    }
}

/// The machine that this runs on.
#[derive(Debug, Clone, Copy)]
pub struct ThisMachine {
    is_setuid: bool,
}

impl ThisMachine {
    /// `is_setuid`: the kernel started this program with more rights than its caller has
    /// (`AT_SECURE`, getauxval(3)). The module determines it, because that needs `unsafe`.
    #[must_use]
    pub const fn new(is_setuid: bool) -> Self {
        Self { is_setuid }
    }
}

impl System for ThisMachine {
    fn name_of(&self, user: &str) -> io::Result<Option<String>> {
        Ok(look_up(user, nix::unistd::User::from_name)?.map(|user| user.name))
    }

    fn caller(&self) -> io::Result<User> {
        let id = nix::unistd::getuid();
        Ok(match found(nix::unistd::User::from_uid(id))? {
            Some(user) => User::Named(user.name),
            None => User::Nameless(format!("uid {id}")),
        })
    }

    fn membership(&self, user: &str, group: &str) -> io::Result<Membership> {
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
        // Both ways: getgrouplist(3) finds members that the group's own list lacks, but it cannot
        // report a failure.
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

    fn uptime(&self) -> io::Result<Duration> {
        Ok(clock_gettime(ClockId::CLOCK_BOOTTIME)?.into())
    }

    fn is_setuid(&self) -> bool {
        self.is_setuid
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        SystemRandom.fill(bytes).map_err(io::Error::other)
    }
}
