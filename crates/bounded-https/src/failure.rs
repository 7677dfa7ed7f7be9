//! What can go wrong between here and the server.

use std::fmt;

/// A call without an answer.
#[derive(Debug, Clone)]
pub struct Failure {
    kind: FailureKind,
    detail: String,
    sent: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// No answer within the call's time.
    TimedOut,
    /// The server could not be talked to.
    Unreachable(Unreachable),
    /// Whoever answered could not prove to be the server, or speaks no acceptable TLS.
    Tls,
    /// The answer is no HTTP, or larger than the call allows.
    NotUnderstood,
    /// This machine failed: no descriptors, threads, memory or CA certificates left.
    Local,
    /// The thread of the transport panicked, which is a mistake in this library.
    Panicked,
    /// [`Canceller::cancel`](crate::Canceller::cancel) was called.
    Cancelled,
    /// The caller gave something that no server could be asked.
    InvalidInput,
}

/// Where the way to the server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unreachable {
    /// The name could not be looked up.
    Lookup,
    /// Nothing listens there.
    Refused,
    /// No route to the host or its network, or no answer to the connection attempt.
    NoRoute,
    /// The connection was opened, and ended too early.
    Cut,
    /// The proxy would not connect.
    Proxy,
    /// The server answers with an error of its own (500 to 599). A transport leaves that to its
    /// caller, who knows what was asked.
    ServerError,
}

impl Unreachable {
    /// In words, in which `server` is what the caller calls it, such as "the tenant".
    #[must_use]
    pub fn of(self, server: &str) -> String {
        match self {
            Self::Lookup => format!("{server}'s name could not be looked up"),
            Self::Refused => format!("{server} refused the connection"),
            Self::NoRoute => format!("{server} could not be reached"),
            Self::Cut => format!("the connection to {server} was cut"),
            Self::Proxy => "the proxy would not connect".to_owned(),
            Self::ServerError => format!("{server} has an error"),
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: printable(&detail.into()),
            sent: false,
        }
    }

    /// The request may have left this machine when this happened.
    pub(crate) fn after_sending(mut self) -> Self {
        self.sent = true;
        self
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// More about it, [`printable`]; may be empty.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the request may have left this machine.
    #[must_use]
    pub fn request_sent(&self) -> bool {
        self.sent
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FailureKind::Unreachable(whence) => f.write_str(&whence.of("the server")),
            kind => write!(f, "{kind:?}"),
        }?;
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.detail)
        }
    }
}

impl std::error::Error for Failure {}

/// Makes a text from outside fit for an error: at most 300 characters, without control characters,
/// line separators, and marks that turn the direction of what follows them (UAX #9, section 2).
#[must_use]
pub fn printable(text: &str) -> String {
    let turns = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| if c.is_control() || turns(c) { ' ' } else { c })
        .take(300)
        .collect()
}
