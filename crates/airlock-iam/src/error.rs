//! The errors of a client.

use std::error::Error as StdError;
use std::fmt;

use bounded_https::{Detail, Unreachable};

use crate::lock::LockExpiry;

/// A login that failed.
///
/// Programs decide by [`Error::kind`]. The [`Display`](fmt::Display) text is for people. If there
/// is a [`source`](StdError::source), print the whole chain to see the cause;
/// [`detail`](Self::detail) is the cause in one line.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    detail: Detail,
    locked_until: Option<Box<LockExpiry>>,
    request_sent: bool,
}

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The user or the password is wrong.
    WrongPassword,
    /// The OTP is wrong.
    WrongOtp,
    /// The account is locked until an administrator unlocks it.
    Locked,
    /// The account is locked for some time: [`Error::locked_until`].
    TemporarilyLocked,
    /// Airlock refused for another reason, given in [`Error::detail`]. `AUTHENTICATION_FAILED` does
    /// not reveal whether the user exists.
    Refused,
    /// Airlock wants a step that this crate does not have. [`Error::detail`] is its name.
    UnsupportedStep,
    /// The answer is not one of Airlock.
    NotUnderstood,
    /// No answer came in time.
    TimedOut,
    /// Airlock cannot be reached.
    Unreachable(Unreachable),
    /// The certificate is not trusted, or the server speaks no accepted version of TLS.
    Tls,
    /// This host failed. For example, it has no file descriptor, memory or CA certificate left.
    Local,
    /// The caller passed a value that Airlock cannot accept.
    InvalidInput,
}

impl Error {
    /// Makes an error, for the functions of your program. See [`detail`](Self::detail) for the
    /// characters that it keeps.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: Detail::new(detail),
            locked_until: None,
            request_sent: false,
        }
    }

    /// Adds the error that caused this one. If the detail is empty, it becomes the text of
    /// `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.detail = self.detail.with_source(source);
        self
    }

    pub(crate) fn until(mut self, lock: Option<LockExpiry>) -> Self {
        self.locked_until = lock.map(Box::new);
        self
    }

    pub(crate) fn after_sending(mut self, sent: bool) -> Self {
        self.request_sent |= sent;
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The reason, possibly in the server's words: one line of at most 300 characters, without
    /// control characters and marks that change the direction of text. It may be empty. Do not
    /// trust it otherwise.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.detail.text()
    }

    /// The time until which the account is locked. A wrong password or OTP can lock it, too.
    #[must_use]
    pub fn locked_until(&self) -> Option<&LockExpiry> {
        self.locked_until.as_deref()
    }

    /// Whether any request of this login may have left this host.
    #[must_use]
    pub fn request_sent(&self) -> bool {
        self.request_sent
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unreachable;
        f.write_str(match self.kind {
            ErrorKind::WrongPassword => "wrong user or password",
            ErrorKind::WrongOtp => "wrong OTP",
            ErrorKind::Locked => "the account is locked",
            ErrorKind::TemporarilyLocked => "the account is locked for a time",
            ErrorKind::Refused => "refused by Airlock",
            ErrorKind::UnsupportedStep => "Airlock wants a step that is not supported here",
            ErrorKind::NotUnderstood => "the answer was not understood",
            ErrorKind::Unreachable(how) => {
                unreachable = how.of("Airlock");
                &unreachable
            }
            ErrorKind::TimedOut => "no answer in time",
            ErrorKind::Tls => "TLS failed",
            ErrorKind::Local => "this machine failed",
            ErrorKind::InvalidInput => "the request makes no sense",
        })?;
        self.detail.fmt(f)?;
        match &self.locked_until {
            Some(lock) => write!(f, "; locked until {lock}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.detail.source()
    }
}

impl From<bounded_https::Error> for Error {
    fn from(error: bounded_https::Error) -> Self {
        use bounded_https::ErrorKind as Https;
        Self {
            kind: match error.kind() {
                Https::TimedOut => ErrorKind::TimedOut,
                Https::Unreachable(how) => ErrorKind::Unreachable(how),
                Https::Tls => ErrorKind::Tls,
                Https::NotUnderstood => ErrorKind::NotUnderstood,
                Https::InvalidInput => ErrorKind::InvalidInput,
                _ => ErrorKind::Local,
            },
            locked_until: None,
            request_sent: error.request_sent(),
            detail: error.into(),
        }
    }
}

/// A password or OTP that was not accepted.
#[derive(Debug)]
pub struct Rejected<S> {
    /// The reason.
    pub error: Error,
    /// The same step, if Airlock allows another try. Ask the user again, never retry by yourself:
    /// each wrong answer raises a counter that can lock the account.
    pub again: Option<S>,
}

impl<S> fmt::Display for Rejected<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<S: fmt::Debug> StdError for Rejected<S> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

impl<S> From<Error> for Rejected<S> {
    fn from(error: Error) -> Self {
        Self { error, again: None }
    }
}

impl<S> From<Rejected<S>> for Error {
    fn from(rejected: Rejected<S>) -> Self {
        rejected.error
    }
}

pub(crate) fn not_understood(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotUnderstood, what)
}
