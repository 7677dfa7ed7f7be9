//! The errors of a request that got no answer.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// A request that got no answer.
///
/// The [`Display`](fmt::Display) text is short. If there is a [`source`](StdError::source), print
/// the whole chain to see the cause; [`detail`](Self::detail) is the cause in one line.
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
    /// No answer came in time.
    TimedOut,
    /// The server cannot be reached.
    Unreachable(Unreachable),
    /// The server's certificate is not trusted, or the server speaks no accepted version of TLS.
    Tls,
    /// The answer is not HTTP, or it is larger than the limit.
    NotUnderstood,
    /// This host failed. For example, it has no file descriptor, memory or CA certificate left.
    Local,
    /// The request cannot be sent to any server.
    InvalidInput,
}

/// How the server could not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unreachable {
    /// The name look-up failed.
    Lookup,
    /// The server refused the connection.
    Refused,
    /// There is no route to the server, or the server did not answer the connection attempt.
    NoRoute,
    /// The connection was closed too early.
    Cut,
    /// The proxy cannot be reached, or it refused to connect.
    Proxy,
    /// The proxy asks for a user name and a password, or refuses those that were sent (HTTP status
    /// 407).
    ProxyCredentials,
    /// The server answered with a status from 500 to 599. An [`HttpClient`](crate::HttpClient)
    /// returns such answers; its callers decide.
    ServerError,
}

impl Unreachable {
    /// Describes it. `server` is the name for the server in this text, such as "the tenant".
    #[must_use]
    pub fn of(self, server: &str) -> String {
        match self {
            Self::Lookup => format!("{server}'s name could not be looked up"),
            Self::Refused => format!("{server} refused the connection"),
            Self::NoRoute => format!("{server} could not be reached"),
            Self::Cut => format!("the connection to {server} was cut"),
            Self::Proxy => "the proxy would not connect".to_owned(),
            Self::ProxyCredentials => "the proxy refused the user name and the password".to_owned(),
            Self::ServerError => format!("{server} has an error"),
        }
    }
}

impl Error {
    /// Makes an error, for an [`HttpClient`](crate::HttpClient) of your program.
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

    /// Marks the request as one that may have left this host.
    #[must_use]
    pub fn after_sending(mut self) -> Self {
        self.request_sent = true;
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The reason as one [`printable`] line. It may be empty.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.detail.text()
    }

    /// Whether the request may have left this host.
    #[must_use]
    pub fn request_sent(&self) -> bool {
        self.request_sent
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ErrorKind::Unreachable(how) => {
                return write!(f, "{}{}", how.of("the server"), self.detail);
            }
            ErrorKind::TimedOut => "no answer in time",
            ErrorKind::Tls => "TLS failed",
            ErrorKind::NotUnderstood => "the answer was not understood",
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

/// The part of an error after its kind: a text, and the error that caused it.
///
/// Displayed as `: TEXT`. A text that only repeats the source is left out, so that a program that
/// prints the whole chain does not say it twice.
#[derive(Debug, Clone, Default)]
pub struct Detail {
    text: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    repeats_source: bool,
}

impl Detail {
    /// A detail with this text, made [`printable`].
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: printable(&text.into()),
            ..Self::default()
        }
    }

    /// Adds the error that caused this one. If the text is empty, it becomes the text of `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source: Arc<dyn StdError + Send + Sync> = Arc::from(source.into());
        if self.text.is_empty() {
            self.text = printable(&innermost(&*source));
            self.repeats_source = true;
        }
        self.source = Some(source);
        self
    }

    /// The text. It may be empty.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The error that caused this one.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // Without `Send` and `Sync`, as `std::error::Error` has it.
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl From<Error> for Detail {
    /// The detail and the source of an error.
    fn from(error: Error) -> Self {
        error.detail
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() || self.repeats_source {
            Ok(())
        } else {
            write!(f, ": {}", self.text)
        }
    }
}

/// The innermost two texts of a chain. The outer ones only say that a request failed.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        // rustls appends a link to its documentation.
        .filter_map(|text| text.split(": https://").next().map(str::to_owned))
        .collect();
    texts.dedup();
    let inner = texts.split_off(texts.len().saturating_sub(2));
    inner.join(": ")
}

/// Makes a text from outside safe for a log line. The result has at most 300 characters. Control
/// characters, line separators and marks that change the direction of text (UAX #9, section 2)
/// become blanks.
#[must_use]
pub fn printable(text: &str) -> String {
    let turns = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| if c.is_control() || turns(c) { ' ' } else { c })
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_said_once_in_a_chain() {
        let cause = || std::io::Error::other("no route\n");
        let error = Error::new(ErrorKind::Tls, "").with_source(cause());
        assert_eq!(
            (error.to_string().as_str(), error.detail()),
            ("TLS failed", "no route ")
        );
        assert_eq!(error.source().unwrap().to_string(), "no route\n");
        let error = Error::new(ErrorKind::Tls, "handshake").with_source(cause());
        assert_eq!(error.to_string(), "TLS failed: handshake");
        assert_eq!(error.detail(), "handshake");
    }
}
