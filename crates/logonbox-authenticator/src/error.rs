//! The errors of a client.

use std::error::Error as StdError;
use std::fmt;

use bounded_https::{BadAuthority as BadAddress, Detail, Unreachable};

use crate::authorized_keys::NotAKeyList;

/// A login that failed, or a part of one.
///
/// Programs decide by [`Error::kind`]. The [`Display`](fmt::Display) text is for people. If there
/// is a [`source`](StdError::source), print the whole chain to see the cause;
/// [`detail`](Self::detail) is the cause in one line.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    detail: Detail,
    request_sent: bool,
}

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The tenant has no such principal (HTTP status 404 on the key list).
    NoSuchAccount,
    /// The tenant does not let this host see the account (HTTP status 403).
    Forbidden,
    /// The tenant wants fewer requests (HTTP status 429).
    TooManyRequests,
    /// The principal has no usable key.
    NoUsableKey,
    /// The user declined on the phone.
    Declined,
    /// There is no signature, for another reason than a decline. For example, the phone cannot be
    /// reached. The detail is the tenant's reason.
    Refused,
    /// No answer came in time. While the phone rings, this includes a connection that ends, and a
    /// front end that answers for the tenant (HTTP status 502, 503 or 504).
    TimedOut,
    /// The tenant cannot be reached.
    Unreachable(Unreachable),
    /// The certificate is not trusted, or the server speaks no accepted version of TLS.
    Tls,
    /// The answer is not one of a tenant.
    NotUnderstood,
    /// The signature does not verify with the requested key.
    BadSignature,
    /// The response to a redirect came too late.
    Expired,
    /// The response to a redirect belongs to another request: it has another user, key or kind of
    /// signature.
    Mismatch,
    /// This host failed. For example, it has no file descriptor, memory, randomness or CA
    /// certificate left.
    Local,
    /// The caller passed a value that no tenant accepts.
    InvalidInput,
}

impl Error {
    /// Makes an error, for a source of your program. See [`detail`](Self::detail) for the
    /// characters that it keeps.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: Detail::new(detail),
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

    /// Marks the sign request as one that may have reached the tenant.
    #[must_use]
    pub fn after_sending(mut self) -> Self {
        self.request_sent = true;
        self
    }

    /// While the phone rings, a connection that ends brings no answer.
    pub(crate) fn while_ringing(mut self) -> Self {
        if self.request_sent && self.kind == ErrorKind::Unreachable(Unreachable::Cut) {
            self.kind = ErrorKind::TimedOut;
        }
        self
    }

    /// The request asks no phone, whether it was sent or not.
    pub(crate) fn no_phone_asked(mut self) -> Self {
        self.request_sent = false;
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The reason, possibly in the tenant's words: one line of at most 300 characters, without
    /// control characters and marks that change the direction of text. It may be empty. Do not
    /// trust it otherwise.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.detail.text()
    }

    /// Whether the phone may ring: true from the moment in which the sign request may have left
    /// this host. While it is false, no phone was asked.
    #[must_use]
    pub fn request_sent(&self) -> bool {
        self.request_sent
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ErrorKind::Unreachable(how) => {
                return write!(f, "{}{}", how.of("the tenant"), self.detail);
            }
            ErrorKind::NoSuchAccount => "the tenant knows no such account",
            ErrorKind::Forbidden => "the tenant does not let this host see the account",
            ErrorKind::TooManyRequests => "too many requests for the tenant",
            ErrorKind::NoUsableKey => "no usable key is published",
            ErrorKind::Declined => "declined on the phone",
            ErrorKind::Refused => "refused by the tenant",
            ErrorKind::TimedOut => "no answer in time",
            ErrorKind::Tls => "TLS failed",
            ErrorKind::NotUnderstood => "the answer was not understood",
            ErrorKind::BadSignature => "the signature is wrong",
            ErrorKind::Expired => "the request has expired",
            ErrorKind::Mismatch => "the response is for another request",
            ErrorKind::Local => "this machine failed",
            ErrorKind::InvalidInput => "the request makes no sense",
        })?;
        self.detail.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.detail.source()
    }
}

impl From<BadAddress> for Error {
    /// The same error as from [`Client::new`](crate::Client::new), for `?` after `parse`.
    fn from(bad: BadAddress) -> Self {
        Self::new(ErrorKind::InvalidInput, format!("the tenant: {bad}"))
    }
}

impl From<NotAKeyList> for Error {
    fn from(not: NotAKeyList) -> Self {
        Self::new(ErrorKind::NotUnderstood, not.to_string())
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
            request_sent: error.request_sent(),
            detail: error.into(),
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
