//! The kind of an error of the HTTP library.

use std::error::Error as StdError;
use std::io;

use crate::error::{Error, ErrorKind, Unreachable};
use crate::resolve::NotLookedUp;

pub(crate) fn classify(error: reqwest::Error) -> Error {
    let kind = if error.is_builder() {
        ErrorKind::InvalidInput
    } else if let Some(kind) = causes(&error).find_map(told_by_cause) {
        kind
    } else if error.is_timeout() {
        ErrorKind::TimedOut
    } else if error.is_dns() {
        ErrorKind::Unreachable(Unreachable::Lookup)
    } else if error.is_connect() {
        // The two cases left: the proxy refused, or the server closed during the TLS handshake.
        let tunnel = causes(&error).any(|cause| cause.to_string().contains("tunnel"));
        ErrorKind::Unreachable(if tunnel {
            Unreachable::Proxy
        } else {
            Unreachable::Cut
        })
    } else if causes(&error).any(is_cut) {
        ErrorKind::Unreachable(Unreachable::Cut)
    } else {
        ErrorKind::NotUnderstood
    };
    // The URL names the account.
    Error::new(kind, "").with_source(error.without_url())
}

/// The kind, if this cause alone decides it.
fn told_by_cause(cause: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    if cause.is::<rustls::Error>() {
        return Some(ErrorKind::Tls);
    }
    if cause.is::<NotLookedUp>() {
        return Some(ErrorKind::Local);
    }
    let error = cause.downcast_ref::<io::Error>()?;
    // An error inside an I/O error is not among its sources, and may be an I/O error, too.
    if let Some(inner) = error.get_ref() {
        return told_by_cause(inner);
    }
    if error.raw_os_error().is_some_and(is_local) {
        return Some(ErrorKind::Local);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Unreachable::Refused),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(Unreachable::NoRoute)
        }
        _ => None,
    }
    .map(ErrorKind::Unreachable)
}

/// Whether this cause says that the connection ended too early.
fn is_cut(cause: &(dyn StdError + 'static)) -> bool {
    match cause.downcast_ref::<io::Error>() {
        // These kinds mean invalid HTTP, such as chunks without a length.
        Some(error) => !matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        ),
        // The connection ended before the answer.
        None => cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message),
    }
}

/// Whether an error number means that this host failed (Linux, errno(3)): a local firewall or
/// `SELinux` refused the connection, or memory, file descriptors, threads or local ports ran out.
fn is_local(errno: i32) -> bool {
    const EPERM: i32 = 1;
    const EAGAIN: i32 = 11;
    const ENOMEM: i32 = 12;
    const EACCES: i32 = 13;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const EADDRNOTAVAIL: i32 = 99;
    const ENOBUFS: i32 = 105;
    [
        EPERM,
        EAGAIN,
        ENOMEM,
        EACCES,
        ENFILE,
        EMFILE,
        EADDRNOTAVAIL,
        ENOBUFS,
    ]
    .contains(&errno)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}
