//! How a login ended: the word for the log, and whether a phone may have rung, or Airlock have been
//! asked.

use std::time::Duration;

use airlock_iam::LoggedIn;
use logonbox_authenticator::{Approval, Unreachable};

/// The end of a login. It starts as a refusal everywhere, and `Approved` needs a proof.
#[derive(Debug)]
pub enum Outcome {
    /// The person is who they say.
    Approved(Proof),
    /// The configuration says that this person is not asked, and why.
    Exempt(String),
    /// The tenant cannot be reached, and the configuration says to go on without it.
    Ignored(Refusal),
    /// Everything else.
    Refused(Refusal),
}

/// What lets a person in. Each of these can only be made by what it is about.
#[derive(Debug)]
pub enum Proof {
    /// The phone signed, and the signature verifies.
    Signature(Approval),
    /// Airlock's login flow is done.
    Flow(LoggedIn),
}

/// Said where the tenant or Airlock does not answer.
pub(crate) const NOT_REACHED: &str = "The login service cannot be reached.";

/// Why a login is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The first word of the log line.
    pub word: Word,
    /// More about it, for the log; may hold the tenant's words.
    pub reason: String,
    /// Whether a sign request, or any request to Airlock, may have left this host.
    pub rung: bool,
    /// What the person is told, where the word alone does not say it.
    pub say: Option<String>,
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
    Limit,
    WrongPassword,
    WrongOtp,
    Locked,
    UnsupportedStep,
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
            Self::Limit => "limit",
            Self::WrongPassword => "wrong-password",
            Self::WrongOtp => "wrong-otp",
            Self::Locked => "locked",
            Self::UnsupportedStep => "unsupported-step",
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
            say: None,
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

    /// What a request came to, which may have been sent.
    fn of_request(
        word: Word,
        unavailable: Option<Unavailable>,
        reason: String,
        sent: bool,
    ) -> Self {
        let refusal = Self {
            unavailable,
            ..Self::new(word, reason)
        };
        if sent {
            refusal.after_ringing()
        } else {
            refusal
        }
    }

    /// Whether the person must not learn more than that the login is refused: who would be told
    /// at once that there is no such account could try names.
    #[must_use]
    pub fn is_about_the_account(&self) -> bool {
        matches!(
            self.word,
            Word::NoAccount | Word::NoKey | Word::UnknownUser | Word::Limit
        )
    }
}

impl Unavailable {
    /// What a way that ended says about the server. A cut connection or a proxy that refuses is
    /// no word of it.
    fn from(unreachable: Unreachable) -> Option<Self> {
        match unreachable {
            Unreachable::Lookup => Some(Self::Unheard),
            Unreachable::Refused | Unreachable::NoRoute | Unreachable::ServerError => {
                Some(Self::Said)
            }
            _ => None,
        }
    }
}

impl From<logonbox_authenticator::Error> for Refusal {
    fn from(error: logonbox_authenticator::Error) -> Self {
        use logonbox_authenticator::ErrorKind as Kind;
        let (word, unavailable) = match error.kind() {
            Kind::NoSuchAccount | Kind::InvalidInput => (Word::NoAccount, None),
            Kind::NoUsableKey => (Word::NoKey, None),
            Kind::Declined => (Word::Declined, None),
            Kind::Refused => (Word::Refused, None),
            Kind::TimedOut => (Word::TimedOut, Some(Unavailable::Unheard)),
            Kind::Unreachable(whence) => (Word::Unreachable, Unavailable::from(whence)),
            Kind::Tls => (Word::Tls, None),
            Kind::BadSignature => (Word::BadSignature, None),
            Kind::Cancelled => (Word::Interrupted, None),
            Kind::NotUnderstood => (Word::BadAnswer, None),
            Kind::Panicked => (Word::Panic, None),
            _ => (Word::LocalFailure, None),
        };
        Self::of_request(word, unavailable, error.to_string(), error.request_sent())
    }
}

impl From<airlock_iam::Error> for Refusal {
    fn from(error: airlock_iam::Error) -> Self {
        use airlock_iam::ErrorKind as Kind;
        let (word, unavailable) = match error.kind() {
            Kind::WrongPassword => (Word::WrongPassword, None),
            Kind::WrongOtp => (Word::WrongOtp, None),
            Kind::Locked | Kind::TemporarilyLocked => (Word::Locked, None),
            Kind::Refused => (Word::Refused, None),
            Kind::UnsupportedStep => (Word::UnsupportedStep, None),
            Kind::NotUnderstood => (Word::BadAnswer, None),
            Kind::TimedOut => (Word::TimedOut, Some(Unavailable::Unheard)),
            Kind::Unreachable(whence) => (Word::Unreachable, Unavailable::from(whence)),
            Kind::Tls => (Word::Tls, None),
            Kind::Cancelled => (Word::Interrupted, None),
            Kind::Panicked => (Word::Panic, None),
            _ => (Word::LocalFailure, None),
        };
        Self::of_request(word, unavailable, error.to_string(), error.request_sent())
    }
}
