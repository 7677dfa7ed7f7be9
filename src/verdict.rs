//! How a login ended: the word for the log, and whether a phone may have rung.

use std::time::Duration;

use logonbox_authenticator::{Approval, Error, ErrorKind};

/// The end of a login. It starts as a refusal everywhere, and `Approved` needs the proof that
/// only a verified signature makes.
#[derive(Debug)]
pub enum Outcome {
    /// The phone signed, and the signature verifies.
    Approved(Approval),
    /// The tenant cannot be reached, and the configuration says to go on without it.
    Ignored(Refusal),
    /// Everything else.
    Refused(Refusal),
}

/// Why a login is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The first word of the log line.
    pub word: Word,
    /// More about it, for the log; may hold the tenant's words.
    pub reason: String,
    /// Whether a sign request may have left this host.
    pub rung: bool,
    /// What `on_unavailable = "ignore"` could be about.
    pub unavailable: Option<Unavailable>,
    /// How long it took to find that out, where that was watched.
    pub after: Option<Duration>,
}

/// How it is known that the tenant is not available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// Something out there said so: a refused connection, no route, a 5xx.
    Said,
    /// Nothing was heard: a time-out, or a look-up that found nothing.
    Unheard,
}

/// The first word of the log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words speak for themselves")]
pub enum Word {
    Declined,
    Refused,
    TimedOut,
    BadSignature,
    BadAnswer,
    NoAccount,
    NoKey,
    UnknownUser,
    Unreachable,
    Tls,
    LocalFailure,
    Configuration,
    Conversation,
    Interrupted,
    Panic,
}

impl Word {
    /// As it stands in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Refused => "refused",
            Self::TimedOut => "timed-out",
            Self::BadSignature => "bad-signature",
            Self::BadAnswer => "bad-answer",
            Self::NoAccount => "no-account",
            Self::NoKey => "no-key",
            Self::UnknownUser => "unknown-user",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::LocalFailure => "local-failure",
            Self::Configuration => "configuration",
            Self::Conversation => "conversation",
            Self::Interrupted => "interrupted",
            Self::Panic => "panic",
        }
    }
}

impl Refusal {
    /// A refusal before any phone was rung.
    pub fn new(word: Word, reason: impl Into<String>) -> Self {
        Self {
            word,
            reason: reason.into(),
            rung: false,
            unavailable: None,
            after: None,
        }
    }

    /// The same, after the phone may have been rung.
    #[must_use]
    pub fn after_ringing(mut self) -> Self {
        self.rung = true;
        self.unavailable = None;
        self
    }

    /// Whether the person must not learn more than that the login is refused: who would be told
    /// at once that there is no such account could try names.
    #[must_use]
    pub fn is_about_the_account(&self) -> bool {
        matches!(self.word, Word::NoAccount | Word::NoKey | Word::UnknownUser)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        use logonbox_authenticator::Unreachable::{Lookup, NoRoute, Refused, ServerError};
        let word = match error.kind() {
            ErrorKind::NoSuchAccount | ErrorKind::InvalidInput => Word::NoAccount,
            ErrorKind::NoUsableKey => Word::NoKey,
            ErrorKind::Declined => Word::Declined,
            ErrorKind::Refused => Word::Refused,
            ErrorKind::TimedOut => Word::TimedOut,
            ErrorKind::Unreachable(_) => Word::Unreachable,
            ErrorKind::Tls => Word::Tls,
            ErrorKind::BadSignature => Word::BadSignature,
            ErrorKind::Cancelled => Word::Interrupted,
            ErrorKind::NotUnderstood => Word::BadAnswer,
            ErrorKind::Panicked => Word::Panic,
            _ => Word::LocalFailure,
        };
        let unavailable = match error.kind() {
            ErrorKind::TimedOut | ErrorKind::Unreachable(Lookup) => Some(Unavailable::Unheard),
            ErrorKind::Unreachable(Refused | NoRoute | ServerError) => Some(Unavailable::Said),
            _ => None,
        };
        let refusal = Self {
            unavailable,
            ..Self::new(word, error.to_string())
        };
        if error.request_sent() {
            refusal.after_ringing()
        } else {
            refusal
        }
    }
}
