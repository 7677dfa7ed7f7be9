//! The lines for the system's log: `ringing` before a push leaves, and one line for each decision.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

use logonbox_authenticator::PublicKey;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, send, socket,
};
use nix::time::{ClockId, clock_gettime};

use crate::clean::for_log;

/// How urgent a line is (RFC 5424, section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The module cannot do its work.
    Error = 3,
    /// An administrator should look at it.
    Warning = 4,
    /// A login was refused.
    Notice = 5,
    /// A login was approved.
    Info = 6,
    /// The module argument `debug` asks for it.
    Debug = 7,
}

/// A log.
pub trait Log: Send + Sync {
    /// Writes one line. While the log is full, tries again for `patience`.
    fn write(&self, severity: Severity, line: &str, patience: Duration);
}

/// For most lines. Any user can fill the log's socket for a moment, to hide what happens.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// For the line of a login that goes on.
pub const LONG_PATIENCE: Duration = Duration::from_secs(5);

/// The fields of a login's log line, as they become known.
#[derive(Debug, Clone, Default)]
pub struct LogFields {
    /// The user that the host names.
    pub user: String,
    /// The caller of su, if the caller must approve instead of the target user.
    pub caller: String,
    /// The server's name for the user.
    pub account: String,
    /// The remote host.
    pub rhost: String,
    /// The comment of the chosen key, or the name of the chosen device.
    pub device: String,
    /// The fingerprint of the chosen key.
    pub key: String,
    hints: String,
}

impl LogFields {
    /// Adds a message for the administrator, if it is not empty. Every outcome logs it. A later
    /// hint does not replace an earlier one.
    pub fn add_hint(&mut self, hint: &str) {
        if !self.hints.is_empty() && !hint.is_empty() {
            self.hints.push_str("; ");
        }
        self.hints.push_str(hint);
    }

    /// This key was chosen.
    pub(crate) fn chosen(&mut self, key: &PublicKey) {
        key.comment().clone_into(&mut self.device);
        self.key = key.fingerprint();
    }

    /// Begins a line with `word` and these fields, except the hints.
    pub(crate) fn line(&self, word: &str) -> Line {
        Line::new(word)
            .with("user", &self.user)
            .with("caller", &self.caller)
            .with("account", &self.account)
            .with("rhost", &self.rhost)
            .with("device", &self.device)
            .with("key", &self.key)
    }

    /// All hints, separated by semicolons.
    #[must_use]
    pub fn hints(&self) -> &str {
        &self.hints
    }
}

/// A log line in the making: a first word, then `name="value"` pairs.
#[derive(Debug)]
pub struct Line(String);

impl Line {
    /// Begins with the word for the decision.
    #[must_use]
    pub fn new(word: &str) -> Self {
        Self(word.to_owned())
    }

    /// Adds a value from outside, cleaned. An empty value is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            let _ = write!(self.0, " {name}=\"{}\"", for_log(value));
        }
        self
    }

    /// The finished line.
    #[must_use]
    pub fn finish(self) -> String {
        self.0
    }
}

/// The local syslog daemon, with the facility authpriv.
///
/// syslog(3), and crates for the same protocol, block while the daemon does not read, and they take
/// the time zone from the caller's environment. Here the daemon adds the time.
#[derive(Debug)]
pub struct Syslog {
    ident: String,
}

const SOCKET: &str = "/dev/log";
/// Facility 10 of RFC 5424, section 6.2.1. syslog(3) calls it `LOG_AUTHPRIV`.
const AUTHPRIV: u8 = 10 << 3;
/// The longest wait for room in the socket, in milliseconds. Others may take the room first.
const SLICE: u8 = 20;
/// The pause after others took the room.
const PAUSE: Duration = Duration::from_millis(2);

impl Syslog {
    /// For the module in `service`: `sshd[4711]: pam_logonbox(sshd:auth)`.
    #[must_use]
    pub fn new(service: &str) -> Self {
        let program = std::env::current_exe()
            .ok()
            .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .unwrap_or_else(|| "pam".to_owned());
        Self {
            ident: format!(
                "{}[{}]: pam_logonbox({}:auth)",
                for_log(&program),
                std::process::id(),
                for_log(service)
            ),
        }
    }

    fn try_write(&self, severity: Severity, line: &str, patience: Duration) -> io::Result<()> {
        let priority = AUTHPRIV | severity as u8;
        let mut message = format!("<{priority}>{}: {line}", self.ident);
        let address = UnixAddr::new(SOCKET)?;
        for kind in [SockType::Datagram, SockType::Stream] {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let log = socket(AddressFamily::Unix, kind, flags, None)?;
            match connect(log.as_raw_fd(), &address) {
                // The daemon has the other kind of socket.
                Err(Errno::EPROTOTYPE) if kind == SockType::Datagram => {
                    message.push('\0');
                    continue;
                }
                other => other?,
            }
            return send_within(patience, &log, message.as_bytes());
        }
        Ok(())
    }
}

/// Sends a message. While the socket is full, tries again for `patience`.
fn send_within(patience: Duration, log: &OwnedFd, message: &[u8]) -> io::Result<()> {
    let now = || clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    let mut until = None;
    loop {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        match send(log.as_raw_fd(), message, flags) {
            Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::EINTR)
                if now()? < *until.get_or_insert(now()?.saturating_add(patience)) =>
            {
                let mut room = [PollFd::new(log.as_fd(), PollFlags::POLLOUT)];
                let _ = poll(&mut room, PollTimeout::from(SLICE));
                thread::park_timeout(PAUSE);
            }
            sent => return Ok(sent.map(drop)?),
        }
    }
}

impl Log for Syslog {
    fn write(&self, severity: Severity, line: &str, patience: Duration) {
        // If the log fails, the error cannot be logged.
        let _ = self.try_write(severity, line, patience);
    }
}

/// Sends the client crates' messages on this thread to the log of `service`. A thread belongs to
/// one login, so two logins in one process do not mix.
pub fn debug_to(service: &str) {
    /// The `log` crate accepts one logger per process. Each thread writes its own login's lines.
    struct Forward;

    impl ::log::Log for Forward {
        fn enabled(&self, metadata: &::log::Metadata<'_>) -> bool {
            // Messages of the HTTP and TLS libraries can hold secrets.
            let target = metadata.target().split(':').next().unwrap_or_default();
            ["airlock_iam", "bounded_https", "logonbox_authenticator"].contains(&target)
        }

        fn log(&self, record: &::log::Record<'_>) {
            if self.enabled(record.metadata())
                && let Some(service) = DEBUGGING.with_borrow(Clone::clone)
            {
                let line = Line::new("debug").with("message", &record.args().to_string());
                Syslog::new(&service).write(Severity::Debug, &line.finish(), Duration::ZERO);
            }
        }

        fn flush(&self) {}
    }

    static FORWARD: Forward = Forward;
    // Fails if an earlier login has set it.
    let _ = ::log::set_logger(&FORWARD);
    ::log::set_max_level(::log::LevelFilter::Debug);
    DEBUGGING.set(Some(service.to_owned()));
}

thread_local! {
    static DEBUGGING: RefCell<Option<String>> = const { RefCell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_and_empty_ones_left_out() {
        let line = Line::new("declined")
            .with("user", "lee")
            .with("rhost", "")
            .with("reason", "no\n\" user=\"root");
        assert_eq!(
            line.finish(),
            r#"declined user="lee" reason="no?' user='root""#
        );
    }
}
