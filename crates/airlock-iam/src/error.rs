//! What can go wrong, told apart by what the caller would do about it.

use std::fmt;

use bounded_https::{Failure, FailureKind, Unreachable, printable};

use crate::lock::LockExpiry;

/// A login that does not go on.
///
/// [`Error::kind`] is for programs, the [`Display`](fmt::Display) text for people.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    detail: String,
    locked_until: Option<Box<LockExpiry>>,
    request_sent: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The user or the password is wrong.
    WrongPassword,
    /// The OTP is wrong.
    WrongOtp,
    /// The account is locked, until somebody unlocks it.
    Locked,
    /// The account is locked for a time: [`Error::locked_until`].
    TemporarilyLocked,
    /// Airlock refused for another reason, which is [`Error::detail`]; `AUTHENTICATION_FAILED`
    /// is the one that does not tell whether there is such a user.
    Refused,
    /// Airlock wants something that is not to be had here; [`Error::detail`] is the step's name.
    UnsupportedStep,
    /// The answer is not one that Airlock gives.
    NotUnderstood,
    /// No answer in time.
    TimedOut,
    /// Airlock could not be talked to.
    Unreachable(Unreachable),
    /// Whoever answered could not prove to be the server, or speaks no acceptable TLS.
    Tls,
    /// This machine failed: no descriptors, threads, memory or CA certificates left.
    Local,
    /// This library failed, which is a mistake in it: one of its threads panicked.
    Panicked,
    /// [`Canceller::cancel`](crate::Canceller::cancel) was called.
    Cancelled,
    /// The caller gave something that Airlock could not be asked.
    InvalidInput,
}

impl Error {
    /// An error of your own, for instance where a client cannot be set up. `detail` is cut and
    /// stripped as [`detail`](Self::detail) promises.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: printable(&detail.into()),
            locked_until: None,
            request_sent: false,
        }
    }

    pub(crate) fn until(mut self, lock: Option<LockExpiry>) -> Self {
        self.locked_until = lock.map(Box::new);
        self
    }

    pub(crate) fn after_sending(mut self, sent: bool) -> Self {
        self.request_sent |= sent;
        self
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// More about it, possibly in the server's words: at most 300 characters, without control
    /// characters, and otherwise not to be trusted. May be empty.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Until when the account is locked. Also a wrong password or OTP can lock it.
    #[must_use]
    pub fn locked_until(&self) -> Option<&LockExpiry> {
        self.locked_until.as_deref()
    }

    /// Whether any request of this login may have left this machine.
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
            ErrorKind::Unreachable(whence) => {
                unreachable = whence.of("Airlock");
                &unreachable
            }
            ErrorKind::TimedOut => "no answer in time",
            ErrorKind::Tls => "TLS failed",
            ErrorKind::Local => "this machine failed",
            ErrorKind::Panicked => "a thread of the client panicked",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::InvalidInput => "the request makes no sense",
        })?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        match &self.locked_until {
            Some(lock) => write!(f, "; locked until {lock}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind() {
            FailureKind::TimedOut => ErrorKind::TimedOut,
            FailureKind::Unreachable(whence) => ErrorKind::Unreachable(whence),
            FailureKind::Tls => ErrorKind::Tls,
            FailureKind::NotUnderstood => ErrorKind::NotUnderstood,
            FailureKind::Panicked => ErrorKind::Panicked,
            FailureKind::Cancelled => ErrorKind::Cancelled,
            FailureKind::InvalidInput => ErrorKind::InvalidInput,
            _ => ErrorKind::Local,
        };
        Self::new(kind, failure.detail()).after_sending(failure.request_sent())
    }
}

/// A password or OTP that was not accepted.
#[derive(Debug)]
pub struct Rejected<S> {
    /// Why.
    pub error: Error,
    /// The same step once more, where Airlock allows another try. Never try by yourself: each
    /// wrong answer raises a counter that can lock the account.
    pub again: Option<S>,
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
