//! What an error of the HTTP library means to the person who runs this host.

use std::error::Error as StdError;
use std::io;

use crate::failure::{Failure, FailureKind, Unreachable};
use crate::resolve::NotLookedUp;

/// The kind of an error, from what is known for certain to what is left.
pub(crate) fn classify(error: &reqwest::Error) -> Failure {
    let kind = if let Some(kind) = causes(error).find_map(told_by_cause) {
        kind
    } else if error.is_timeout() {
        FailureKind::TimedOut
    } else if error.is_dns() {
        FailureKind::Unreachable(Unreachable::Lookup)
    } else if error.is_connect() {
        // What is left: the proxy said no, or the other side hung up in the TLS handshake.
        FailureKind::Unreachable(
            if causes(error).any(|cause| cause.to_string().contains("tunnel")) {
                Unreachable::Proxy
            } else {
                Unreachable::Cut
            },
        )
    } else if causes(error).any(is_cut) {
        FailureKind::Unreachable(Unreachable::Cut)
    } else {
        FailureKind::NotUnderstood
    };
    Failure::new(kind, chain(error))
}

/// What one cause in the chain says for certain.
fn told_by_cause(cause: &(dyn StdError + 'static)) -> Option<FailureKind> {
    if cause.is::<rustls::Error>() {
        return Some(FailureKind::Tls);
    }
    if cause.is::<NotLookedUp>() {
        return Some(FailureKind::Local);
    }
    let error = cause.downcast_ref::<io::Error>()?;
    // What an I/O error wraps is not among its sources, and may be another I/O error.
    if let Some(inner) = error.get_ref() {
        return told_by_cause(inner);
    }
    if error.raw_os_error().is_some_and(is_local) {
        return Some(FailureKind::Local);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Unreachable::Refused),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(Unreachable::NoRoute)
        }
        _ => None,
    }
    .map(FailureKind::Unreachable)
}

/// Whether one cause in the chain says that the connection ended too early.
fn is_cut(cause: &(dyn StdError + 'static)) -> bool {
    match cause.downcast_ref::<io::Error>() {
        // Not so where it carried what is no HTTP, such as chunks of no length.
        Some(error) => !matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        ),
        // An end in place of an answer.
        None => cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message),
    }
}

/// Errors of this machine, by number (Linux, errno(3)): no permission to connect (a local
/// firewall, or `SELinux`), no memory, descriptors, threads or local ports left.
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

/// The innermost two causes: the outer ones say no more than that a request failed.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = causes(error)
        .map(ToString::to_string)
        // rustls puts a link to its documentation there.
        .map(|text| {
            text.split(": https://")
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    texts.dedup();
    let start = texts.len().saturating_sub(2);
    match texts.get(start..) {
        Some(inner) if !inner.is_empty() => inner.join(": "),
        _ => "the request failed".to_owned(),
    }
}
