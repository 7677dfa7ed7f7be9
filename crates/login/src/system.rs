//! This machine: users, groups, directories, the boot clock, random bytes.

use std::ffi::CString;
use std::fs;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use logonbox_authenticator::{RandomSource, SystemRandom};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::termios::{InputFlags, tcgetattr};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Gid, getgrouplist};
use time::OffsetDateTime;

use crate::host::User;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its group id.
    pub id: u32,
    /// The members that the group lists. Members with this primary group are often missing.
    pub members: Vec<String>,
}

impl Group {
    /// Whether the user `name`, who has these groups, is a member.
    #[must_use]
    pub fn has(&self, name: &str, of_user: Option<&UserGroups>) -> bool {
        self.members.iter().any(|member| member == name)
            || of_user.is_some_and(|of_user| of_user.has(self.id))
    }
}

/// The groups of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserGroups {
    /// The name of the user in the user database.
    pub name: String,
    /// The primary group.
    pub primary: u32,
    /// All groups that getgrouplist(3) returns. A directory that does not answer hides groups.
    pub all: Vec<u32>,
}

impl UserGroups {
    /// Whether the user is in the group `id`.
    #[must_use]
    pub fn has(&self, id: u32) -> bool {
        self.primary == id || self.all.contains(&id)
    }

    /// The groups without the primary group.
    pub fn supplementary(&self) -> impl Iterator<Item = u32> {
        self.all.iter().copied().filter(|id| *id != self.primary)
    }
}

/// The directory of the state that a reboot removes.
pub const RUN_DIRECTORY: &str = "/run/pam_logonbox";
/// The directory of the state that a reboot keeps.
pub const LIB_DIRECTORY: &str = "/var/lib/pam_logonbox";

/// The directories of the module's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directories<'d> {
    /// What a reboot removes: see [`RUN_DIRECTORY`].
    pub run: &'d Path,
    /// What a reboot keeps: see [`LIB_DIRECTORY`].
    pub lib: &'d Path,
    /// The pinned keys: see [`crate::pins`].
    pub pins: &'d Path,
}

impl Directories<'static> {
    /// The directories of every host.
    #[must_use]
    pub fn usual() -> Self {
        Self {
            run: Path::new(RUN_DIRECTORY),
            lib: Path::new(LIB_DIRECTORY),
            pins: Path::new(crate::pins::DIRECTORY),
        }
    }
}

/// This machine. The I/O thread uses it, too.
pub trait System: Send + Sync {
    /// The name of `user` in the user database (getpwnam(3)): some databases know `lee` as `LEE` and
    /// as `ACME\lee`, too. `None` if there is no such user.
    ///
    /// # Errors
    ///
    /// The user database does not answer.
    fn name_of(&self, user: &str) -> io::Result<Option<String>>;

    /// The user id of `user`. `None` if there is no such user.
    ///
    /// # Errors
    ///
    /// The user database does not answer.
    fn id_of(&self, user: &str) -> io::Result<Option<u32>>;

    /// The caller of this program: the user with the real user id of this process. Only root can
    /// choose that id.
    ///
    /// # Errors
    ///
    /// The user database does not answer.
    fn caller(&self) -> io::Result<User>;

    /// The groups of `user`. `None` if the user database knows no such user.
    ///
    /// # Errors
    ///
    /// The user database does not answer.
    fn groups_of(&self, user: &str) -> io::Result<Option<UserGroups>>;

    /// The group `name`. `None` if the user database knows no such group.
    ///
    /// # Errors
    ///
    /// The user database does not answer.
    fn group(&self, name: &str) -> io::Result<Option<Group>>;

    /// The name of the group with this id. `None` if the user database knows no such group.
    ///
    /// # Errors
    ///
    /// The user database does not answer.
    fn group_name(&self, id: u32) -> io::Result<Option<String>>;

    /// The text of /etc/group.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    fn group_file(&self) -> io::Result<String>;

    /// The text of /etc/nsswitch.conf, which names the sources of the user database.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    fn name_services(&self) -> io::Result<String>;

    /// The time of the wall clock, in UTC.
    fn now(&self) -> OffsetDateTime;

    /// The name of this host.
    fn hostname(&self) -> String;

    /// The directories of the module's state.
    fn directories(&self) -> Directories<'_>;

    /// The time since boot, suspend included (`CLOCK_BOOTTIME`).
    ///
    /// # Errors
    ///
    /// The clock cannot be read.
    fn uptime(&self) -> io::Result<Duration>;

    /// The id of this installation (machine-id(5)).
    ///
    /// # Errors
    ///
    /// The id cannot be read, or is not set yet.
    fn machine_id(&self) -> io::Result<String>;

    /// The id that the kernel gave to this boot.
    ///
    /// # Errors
    ///
    /// The id cannot be read.
    fn boot_id(&self) -> io::Result<String>;

    /// Whether `address` is one of this host, or it is not known.
    fn owns(&self, address: IpAddr) -> bool;

    /// Whether this program has more rights than its caller, as sudo and su have.
    fn is_setuid(&self) -> bool;

    /// Whether the kernel knows that the terminal of this process uses UTF-8 (`IUTF8`, termios(3)).
    /// Consoles, terminal emulators and ssh clients tell it. `false` if there is no terminal, as in
    /// sshd.
    fn has_utf8_terminal(&self) -> bool;

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

fn read_lossy(path: &str) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// The id in the file at `path`: 32 hexadecimal digits, possibly with hyphens.
fn id(path: &str) -> io::Result<String> {
    let about = |what: &dyn std::fmt::Display| io::Error::other(format!("{path}: {what}"));
    let text = fs::read_to_string(path).map_err(|error| about(&error))?;
    let id = text.trim().replace('-', "");
    if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        Err(about(&"holds no id"))
    }
}

/// The machine that this runs on.
#[derive(Debug, Clone, Copy)]
pub struct ThisMachine {
    is_setuid: bool,
    /// `None` for the usual ones.
    directories: Option<Directories<'static>>,
}

impl ThisMachine {
    /// `is_setuid`: the kernel started this program with more rights than its caller has
    /// (`AT_SECURE`, getauxval(3)). The module determines it, because that needs `unsafe`.
    #[must_use]
    pub const fn new(is_setuid: bool) -> Self {
        Self {
            is_setuid,
            directories: None,
        }
    }

    /// The same machine with its state in other directories.
    #[must_use]
    pub const fn with(self, directories: Directories<'static>) -> Self {
        Self {
            directories: Some(directories),
            ..self
        }
    }
}

impl System for ThisMachine {
    fn name_of(&self, user: &str) -> io::Result<Option<String>> {
        Ok(look_up(user, nix::unistd::User::from_name)?.map(|user| user.name))
    }

    fn id_of(&self, user: &str) -> io::Result<Option<u32>> {
        Ok(look_up(user, nix::unistd::User::from_name)?.map(|user| user.uid.as_raw()))
    }

    fn caller(&self) -> io::Result<User> {
        let id = nix::unistd::getuid();
        Ok(match found(nix::unistd::User::from_uid(id))? {
            Some(user) => User::Named(user.name),
            None => User::Nameless(format!("uid {id}")),
        })
    }

    fn groups_of(&self, user: &str) -> io::Result<Option<UserGroups>> {
        let Some(user) = look_up(user, nix::unistd::User::from_name)? else {
            return Ok(None);
        };
        let name = CString::new(user.name.as_str())?;
        let all = getgrouplist(&name, user.gid)?;
        Ok(Some(UserGroups {
            name: user.name,
            primary: user.gid.as_raw(),
            all: all.into_iter().map(Gid::as_raw).collect(),
        }))
    }

    fn group(&self, name: &str) -> io::Result<Option<Group>> {
        let group = look_up(name, nix::unistd::Group::from_name)?;
        Ok(group.map(|group| Group {
            name: group.name,
            id: group.gid.as_raw(),
            members: group.mem,
        }))
    }

    fn group_name(&self, id: u32) -> io::Result<Option<String>> {
        let group = found(nix::unistd::Group::from_gid(Gid::from_raw(id)))?;
        Ok(group.map(|group| group.name))
    }

    fn group_file(&self) -> io::Result<String> {
        read_lossy("/etc/group")
    }

    fn name_services(&self) -> io::Result<String> {
        read_lossy("/etc/nsswitch.conf")
    }

    fn now(&self) -> OffsetDateTime {
        // Not the local time: the caller of su chooses its time zone.
        OffsetDateTime::now_utc()
    }

    fn hostname(&self) -> String {
        nix::unistd::gethostname().map_or_else(
            |_| "localhost".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        )
    }

    fn directories(&self) -> Directories<'_> {
        self.directories.unwrap_or_else(Directories::usual)
    }

    fn uptime(&self) -> io::Result<Duration> {
        Ok(clock_gettime(ClockId::CLOCK_BOOTTIME)?.into())
    }

    fn machine_id(&self) -> io::Result<String> {
        id("/etc/machine-id")
            .map_err(|error| io::Error::other(format!("{error}; run systemd-machine-id-setup")))
    }

    fn boot_id(&self) -> io::Result<String> {
        id("/proc/sys/kernel/random/boot_id")
    }

    fn owns(&self, address: IpAddr) -> bool {
        // bind(2) accepts the addresses of this host only.
        let bound = UdpSocket::bind((address, 0));
        !bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
    }

    fn is_setuid(&self) -> bool {
        self.is_setuid
    }

    fn has_utf8_terminal(&self) -> bool {
        let flags = OFlag::O_RDONLY | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        open("/dev/tty", flags, Mode::empty())
            .and_then(tcgetattr)
            .is_ok_and(|terminal| terminal.input_flags.contains(InputFlags::IUTF8))
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        SystemRandom.fill(bytes).map_err(io::Error::other)
    }
}
