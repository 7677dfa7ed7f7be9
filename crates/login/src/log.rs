//! The lines for the system's log: `ringing` before a push leaves, and one line for each decision.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use logonbox_authenticator::PublicKey;
use nix::errno::Errno;
use nix::libc::ucred;
use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials,
    connect, sendmsg, setsockopt, socket,
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{getegid, geteuid, getpid};

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
    fn write(&self, severity: Severity, line: &Line, patience: Duration);
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

/// A log line in the making: a first word, then `name="value"` pairs. The same values are fields
/// for the journal.
#[derive(Debug)]
pub struct Line {
    text: String,
    fields: String,
}

impl Line {
    /// Begins with the word for the decision.
    #[must_use]
    pub fn new(word: &str) -> Self {
        Self {
            text: word.to_owned(),
            fields: format!(
                "MESSAGE_ID={:032x}\nPAM_LOGONBOX_WORD={word}\n",
                message_id(word)
            ),
        }
    }

    /// Adds a value from outside, cleaned. An empty value is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            let value = for_log(value);
            let _ = write!(self.text, " {name}=\"{value}\"");
            // A cleaned value has no line break, so the short form of the protocol is enough.
            let field = name.to_ascii_uppercase();
            let _ = writeln!(self.fields, "PAM_LOGONBOX_{field}={value}");
        }
        self
    }

    /// The line as text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The journal's `MESSAGE_ID` of the lines with this word: FNV-1a, from a random start that keeps
/// it apart from the ids of other programs. It must not change: administrators search for it.
#[must_use]
pub fn message_id(word: &str) -> u128 {
    const START: u128 = 0xd67b_7d79_8bb7_c971_2a61_cb79_107f_c368;
    const PRIME: u128 = (1 << 88) + 0x13b;
    word.bytes().fold(START, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    })
}

/// The log of this system, with the facility authpriv: the journal, or else the syslog daemon.
///
/// syslog(3), and crates for the same protocol, block while the daemon does not read, and they take
/// the time zone from the caller's environment. Here the daemon adds the time.
#[derive(Debug)]
pub struct SystemLog {
    program: String,
    service: String,
}

/// systemd's documentation describes the protocol: "Native Journal Protocol".
const JOURNAL: &str = "/run/systemd/journal/socket";
const SYSLOG: &str = "/dev/log";
/// Facility 10 of RFC 5424, section 6.2.1. syslog(3) calls it `LOG_AUTHPRIV`.
const AUTHPRIV: u8 = 10;
/// The pause after the kernel had no memory, or after a signal.
const PAUSE: Duration = Duration::from_millis(2);

impl SystemLog {
    /// For the module in `service`: `sshd[4711]: pam_logonbox(sshd:auth)`.
    #[must_use]
    pub fn new(service: &str) -> Self {
        let program = std::env::current_exe()
            .ok()
            .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .unwrap_or_else(|| "pam".to_owned());
        Self {
            program: for_log(&program),
            service: for_log(service),
        }
    }

    fn try_write(&self, severity: Severity, line: &Line, patience: Duration) -> nix::Result<()> {
        let (program, service) = (&self.program, &self.service);
        let (level, pid) = (severity as u8, std::process::id());
        let text = format!("pam_logonbox({service}:auth): {}", line.text);
        let until = now().saturating_add(patience);
        let fields = format!(
            "MESSAGE={text}\nPRIORITY={level}\nSYSLOG_FACILITY={AUTHPRIV}\n\
             SYSLOG_IDENTIFIER={program}\nSYSLOG_PID={pid}\nPAM_LOGONBOX_SERVICE={service}\n{}",
            line.fields
        );
        if send(JOURNAL, SockType::Datagram, &fields, until).is_ok() {
            return Ok(());
        }
        let mut text = format!("<{}>{program}[{pid}]: {text}", AUTHPRIV << 3 | level);
        match send(SYSLOG, SockType::Datagram, &text, until) {
            // The daemon has the other kind of socket.
            Err(Errno::EPROTOTYPE) => {
                text.push('\0');
                send(SYSLOG, SockType::Stream, &text, until)
            }
            sent => sent,
        }
    }
}

/// Sends a message, whole. At most ten values of 256 characters are far below the kernel's limit
/// for one datagram. While the socket is full, waits until this time.
fn send(path: &str, kind: SockType, message: &str, until: Duration) -> nix::Result<()> {
    let log = socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC, None)?;
    // The kernel queues those who wait, and wakes one of them for each place that is free.
    let wait_until = || {
        let left = until.saturating_sub(now()).min(LONG_PATIENCE).as_millis();
        // Zero would wait for ever.
        let left = TimeVal::milliseconds(i64::try_from(left).unwrap_or_default().max(1));
        setsockopt(&log, SendTimeout, &left)
    };
    wait_until()?;
    connect(log.as_raw_fd(), &UnixAddr::new(path)?)?;
    // Without this, the log would take a setuid program for one of its caller.
    let own = UnixCredentials::from(ucred {
        pid: getpid().as_raw(),
        uid: geteuid().as_raw(),
        gid: getegid().as_raw(),
    });
    let mut control: &[ControlMessage<'_>] = &[ControlMessage::ScmCredentials(&own)];
    loop {
        let parts = [IoSlice::new(message.as_bytes())];
        let flags = MsgFlags::MSG_NOSIGNAL;
        match sendmsg::<()>(log.as_raw_fd(), &parts, control, flags, None) {
            // In a user namespace that lacks these ids.
            Err(Errno::EPERM | Errno::EINVAL) if !control.is_empty() => control = &[],
            Err(Errno::ENOBUFS | Errno::EINTR) if now() < until => {
                thread::park_timeout(PAUSE);
                wait_until()?;
            }
            sent => return sent.map(drop),
        }
    }
}

/// The time of a clock that starts anywhere. It never fails on Linux.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

impl Log for SystemLog {
    fn write(&self, severity: Severity, line: &Line, patience: Duration) {
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
                SystemLog::new(&service).write(Severity::Debug, &line, Duration::ZERO);
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
            line.text(),
            r#"declined user="lee" reason="no?' user='root""#
        );
        assert_eq!(
            line.fields.split_once('\n').unwrap().1,
            "PAM_LOGONBOX_WORD=declined\nPAM_LOGONBOX_USER=lee\n\
             PAM_LOGONBOX_REASON=no?' user='root\n"
        );
    }
}
