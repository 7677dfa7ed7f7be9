//! The kind of an error of the system, TLS or HTTP.

use std::error::Error as StdError;
use std::io;

use crate::error::{Error, ErrorKind, Unreachable};
use crate::words::tls_words;

/// A failure of one step, with its cause.
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) source: Box<dyn StdError + Send + Sync>,
}

impl Failure {
    /// The other side closed the connection too early.
    pub(crate) fn cut() -> Self {
        io::Error::from(io::ErrorKind::UnexpectedEof).into()
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let words = tls_error(&*failure.source).and_then(tls_words);
        Self::new(failure.kind, words.unwrap_or_default()).with_source(failure.source)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self {
            kind: kind_of_io(&error),
            source: error.into(),
        }
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        let cause = error.source().and_then(|cause| cause.downcast_ref());
        let kind = match cause {
            Some(cause) => kind_of_io(cause),
            // The connection ended before the request or the answer.
            None if error.is_incomplete_message() || error.is_canceled() => {
                ErrorKind::Unreachable(Unreachable::Cut)
            }
            None => ErrorKind::NotUnderstood,
        };
        Self {
            kind,
            source: error.into(),
        }
    }
}

/// The error of the TLS library in a chain. A [`source`](StdError::source) leaves out the error that
/// an `io::Error` holds.
fn tls_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    let mut chain = std::iter::successors(Some(error), |&error| error.source());
    chain.find_map(|error| error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref())
}

fn kind_of_io(error: &io::Error) -> ErrorKind {
    if tls_error(error).is_some() {
        return ErrorKind::Tls;
    }
    if is_local(error) {
        return ErrorKind::Local;
    }
    ErrorKind::Unreachable(match error.kind() {
        io::ErrorKind::TimedOut => return ErrorKind::TimedOut,
        // Invalid HTTP, such as chunks without a length.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            return ErrorKind::NotUnderstood;
        }
        io::ErrorKind::ConnectionRefused => Unreachable::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Unreachable::NoRoute,
        _ => Unreachable::Cut,
    })
}

/// Whether an error means that this host failed (Linux, errno(3)): a local firewall or `SELinux`
/// refused the connection, a sandbox allows no sockets of the Internet, or memory, file descriptors, threads or local ports ran out.
pub(crate) fn is_local(error: &io::Error) -> bool {
    const EPERM: i32 = 1;
    const EAGAIN: i32 = 11;
    const ENOMEM: i32 = 12;
    const EACCES: i32 = 13;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const EAFNOSUPPORT: i32 = 97;
    const EADDRNOTAVAIL: i32 = 99;
    const ENOBUFS: i32 = 105;
    matches!(
        error.raw_os_error(),
        Some(
            EPERM
                | EAGAIN
                | ENOMEM
                | EACCES
                | ENFILE
                | EMFILE
                | EAFNOSUPPORT
                | EADDRNOTAVAIL
                | ENOBUFS
        )
    )
}
