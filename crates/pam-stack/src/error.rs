//! The reasons why a question has no answer.

use std::fmt;
use std::io;

/// The reason why a question has no answer. Report it as "not checked": it says nothing about the
/// stack.
///
/// After every error but [`Unanswerable`](Self::Unanswerable) the helper is gone: open
/// [`Stacks`](crate::Stacks) again.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The helper could not be started.
    Start(io::Error),
    /// The helper could not begin, for example because it could not change to the root directory.
    /// The text says why.
    NotReady(String),
    /// The helper did not answer before the deadline.
    Timeout,
    /// The helper ended, or wrote what is no answer. The text says more.
    Broken(String),
    /// The helper cannot answer this question. The text says why.
    Unanswerable(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(why) => write!(f, "cannot start the PAM helper: {why}"),
            Self::NotReady(why) => write!(f, "the PAM helper cannot begin: {why}"),
            Self::Timeout => f.write_str("the PAM helper did not answer in time"),
            Self::Broken(why) => write!(f, "the PAM helper failed: {why}"),
            Self::Unanswerable(why) => write!(f, "the PAM helper cannot answer: {why}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(why) => Some(why),
            _ => None,
        }
    }
}
