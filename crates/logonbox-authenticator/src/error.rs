//! What can go wrong, told apart by what the caller would do about it.

use std::fmt;

use bounded_https::{BadAuthority as BadAddress, Failure, FailureKind, Unreachable, printable};

use crate::authorized_keys::NotAKeyList;

/// A request to the tenant that did not end in an answer to the question asked.
///
/// [`Error::kind`] is for programs, the [`Display`](fmt::Display) text for people: what happened and,
/// after a colon, the [`detail`](Self::detail). It has no [`source`](std::error::Error::source): what
/// causes say is in the detail.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    detail: String,
    request_sent: bool,
}

/// What happened, as far as a caller would do something else about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The tenant knows no such principal (404 on the key list).
    NoSuchAccount,
    /// The principal is known, but none of the published keys can be used.
    NoUsableKey,
    /// The person declined on the phone.
    Declined,
    /// The tenant would not ask the phone.
    Refused,
    /// Nobody answered in time.
    TimedOut,
    /// The tenant could not be talked to.
    Unreachable(Unreachable),
    /// Whoever answered could not prove to be the tenant, or speaks no acceptable TLS.
    Tls,
    /// The answer is not one that a tenant gives.
    NotUnderstood,
    /// The signature does not verify with the key that was asked.
    BadSignature,
    /// A redirect's response came too late.
    Expired,
    /// A redirect's response is one to another request: for another user, with another key, or
    /// of another kind.
    Mismatch,
    /// This machine failed: no descriptors, threads, memory, randomness or CA certificates left.
    Local,
    /// This library failed, which is a mistake in it: one of its threads panicked.
    Panicked,
    /// [`Canceller::cancel`](crate::Canceller::cancel) was called.
    Cancelled,
    /// The caller gave something that no tenant could be asked.
    InvalidInput,
}

impl Error {
    /// An error of a source of your own. `detail` is cut and stripped as
    /// [`detail`](Self::detail) promises.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: printable(&detail.into()),
            request_sent: false,
        }
    }

    /// The sign request may have reached the tenant when this happened.
    #[must_use]
    pub fn after_sending(mut self) -> Self {
        self.request_sent = true;
        self
    }

    /// Whatever happened, no phone can ring: what was sent asks nobody.
    pub(crate) fn nobody_asked(mut self) -> Self {
        self.request_sent = false;
        self
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// More about it, possibly in the tenant's words: at most 300 characters on one line, without
    /// control characters and those that turn the direction of a text, and otherwise not to be
    /// trusted. May be empty.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the phone may ring: true from the moment that the sign request may have left
    /// this machine. While it is false, nobody has been asked anything.
    #[must_use]
    pub fn request_sent(&self) -> bool {
        self.request_sent
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unreachable;
        f.write_str(match self.kind {
            ErrorKind::NoSuchAccount => "the tenant knows no such account",
            ErrorKind::NoUsableKey => "no usable key is published",
            ErrorKind::Declined => "declined on the phone",
            ErrorKind::Refused => "refused by the tenant",
            ErrorKind::Unreachable(whence) => {
                unreachable = whence.of("the tenant");
                &unreachable
            }
            ErrorKind::TimedOut => "no answer in time",
            ErrorKind::Tls => "TLS failed",
            ErrorKind::NotUnderstood => "the answer was not understood",
            ErrorKind::BadSignature => "the signature is wrong",
            ErrorKind::Expired => "the request has expired",
            ErrorKind::Mismatch => "the response is for another request",
            ErrorKind::Local => "this machine failed",
            ErrorKind::Panicked => "a thread of the client panicked",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::InvalidInput => "the request makes no sense",
        })?;
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.detail)
        }
    }
}

impl std::error::Error for Error {}

impl From<BadAddress> for Error {
    /// So that `?` does for a tenant's address what [`Client::new`](crate::Client::new) does.
    fn from(bad: BadAddress) -> Self {
        Self::new(ErrorKind::InvalidInput, format!("the tenant: {bad}"))
    }
}

impl From<NotAKeyList> for Error {
    fn from(not: NotAKeyList) -> Self {
        Self::new(ErrorKind::NotUnderstood, not.to_string())
    }
}

impl Error {
    /// What the transport's failure is here. No `From`: the transport is nobody else's business.
    pub(crate) fn of_transport(failure: &Failure) -> Self {
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
        Self {
            request_sent: failure.request_sent(),
            ..Self::new(kind, failure.detail())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_one_bounded_line() {
        let error = Error::new(
            ErrorKind::Refused,
            format!("\x1b[31mno\r\n\u{2028}\u{202e}{}", "x".repeat(9999)),
        );
        assert!(error.detail().starts_with(" [31mno    xxx"));
        assert_eq!(error.detail().chars().count(), 300);
    }
}
