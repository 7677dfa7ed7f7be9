//! How a login ends: the outcome, the reason for the log, and the PAM code.

use std::time::Duration;

use airlock_iam::LoggedIn;
use logonbox_authenticator::{Approval, Unreachable};

use crate::bypass::UsedUp;
use crate::log::Severity;
use crate::texts::Text;

/// The end of a login. Only [`Outcome::Approved`] gives `PAM_SUCCESS`, and it needs a proof. After
/// the three that give `PAM_IGNORE`, the rest of the PAM stack decides.
#[derive(Debug)]
pub enum Outcome {
    /// The login is proven.
    Approved(Proof),
    /// The configuration exempts this user; the text says why.
    Exempt(String),
    /// The same login was approved this time ago, and the configuration says to remember it.
    Remembered(Duration),
    /// The server cannot be reached, and the configuration says to fail open.
    Ignored(Refusal),
    /// Everything else.
    Refused(Refusal),
}

/// The proof of a login. Each variant holds a value that only its own check can make. With
/// `allow_password_only`, Airlock can finish a flow without a second factor.
#[derive(Debug)]
pub enum Proof {
    /// The phone signed, and the signature verifies.
    Signature(Approval),
    /// Airlock's login flow is finished.
    Flow(LoggedIn),
    /// A bypass code was valid, and is used up.
    Bypass(UsedUp),
}

/// The result for PAM. The module turns it into the codes of `_pam_types.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "pam(3) explains the codes")]
pub enum Code {
    Success,
    Ignore,
    ServiceErr,
    ConvErr,
    AuthinfoUnavail,
    MaxTries,
    Abort,
}

impl Code {
    /// The name in C, such as `PAM_SUCCESS`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "PAM_SUCCESS",
            Self::Ignore => "PAM_IGNORE",
            Self::ServiceErr => "PAM_SERVICE_ERR",
            Self::ConvErr => "PAM_CONV_ERR",
            Self::AuthinfoUnavail => "PAM_AUTHINFO_UNAVAIL",
            Self::MaxTries => "PAM_MAXTRIES",
            Self::Abort => "PAM_ABORT",
        }
    }
}

impl Outcome {
    /// The PAM code for `service`. The only place that makes [`Code::Success`] and
    /// [`Code::Ignore`]; `pam_logonbox(8)`, "RESULT CODES", explains the others.
    #[must_use]
    pub fn code(&self, service: &str) -> Code {
        let refusal = match self {
            Self::Approved(_) => return Code::Success,
            Self::Exempt(_) | Self::Remembered(_) | Self::Ignored(_) => return Code::Ignore,
            Self::Refused(refusal) => refusal,
        };
        match refusal.reason {
            Reason::Panic => Code::Abort,
            Reason::Configuration => Code::ServiceErr,
            Reason::Conversation | Reason::Interrupted if !refusal.request_sent => Code::ConvErr,
            Reason::Unreachable
            | Reason::Tls
            | Reason::BadAnswer
            | Reason::TimedOut
            | Reason::LocalFailure
                if !refusal.request_sent =>
            {
                Code::AuthinfoUnavail
            }
            // Hosts retry by themselves after most codes, and each retry would ring the phone. One
            // code for all of these, so that it does not tell users apart.
            _ if matches!(service, "sudo" | "sudo-i") => Code::Abort,
            _ => Code::MaxTries,
        }
    }

    /// The last message to the person, if the second factor failed. `login_seconds` is the time
    /// limit for the phone.
    #[must_use]
    pub fn message(&self, login_seconds: Duration) -> Option<Text> {
        let (Self::Refused(refusal) | Self::Ignored(refusal)) = self else {
            return None;
        };
        if let Some(message) = &refusal.message {
            return Some(message.clone());
        }
        let sent = refusal.request_sent;
        Some(match refusal.reason {
            Reason::Declined => Text::DeniedOnPhone,
            Reason::TimedOut if sent => Text::NoAnswerFromPhone(login_seconds),
            Reason::Unreachable | Reason::Tls | Reason::TimedOut if !sent => Text::NotReached,
            _ => Text::Refused,
        })
    }
}

/// Why a login is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The first word of the log line.
    pub reason: Reason,
    /// More for the log (`reason="…"` there). It can hold the server's words.
    pub detail: String,
    /// A sign request, or any request to Airlock, may have left this host, or the refusal must look
    /// as if one had. Such a refusal never fails open.
    pub request_sent: bool,
    /// The message for the person, if the reason alone does not choose one.
    pub message: Option<Text>,
    /// The server cannot be reached: it refuses the connection, there is no route, the name look-up
    /// fails, or the list of keys does not come in time. `on_unavailable = "ignore"` covers it.
    pub unavailable: bool,
}

/// The reason of a refusal: the first word of the log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "pam_logonbox(8), DIAGNOSTICS, explains each")]
pub enum Reason {
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
    WrongCode,
    Unreachable,
    Tls,
    LocalFailure,
    Configuration,
    Conversation,
    Interrupted,
    Panic,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 21] = [
        Self::Declined,
        Self::Refused,
        Self::TimedOut,
        Self::BadSignature,
        Self::BadAnswer,
        Self::NoAccount,
        Self::NoKey,
        Self::UnknownUser,
        Self::Limit,
        Self::WrongPassword,
        Self::WrongOtp,
        Self::Locked,
        Self::UnsupportedStep,
        Self::WrongCode,
        Self::Unreachable,
        Self::Tls,
        Self::LocalFailure,
        Self::Configuration,
        Self::Conversation,
        Self::Interrupted,
        Self::Panic,
    ];

    /// The word in the log.
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
            Self::WrongCode => "wrong-code",
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

impl Reason {
    /// How urgent a refusal for this reason is.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::Configuration | Self::LocalFailure | Self::Panic => Severity::Error,
            Self::Unreachable
            | Self::Tls
            | Self::BadAnswer
            | Self::BadSignature
            | Self::WrongCode => Severity::Warning,
            _ => Severity::Notice,
        }
    }
}

impl Refusal {
    /// A refusal before any request was sent.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            request_sent: false,
            message: None,
            unavailable: false,
        }
    }

    /// The same, after a request may have been sent. Such a refusal never fails open.
    #[must_use]
    pub fn after_sending(mut self) -> Self {
        self.request_sent = true;
        self.unavailable = false;
        self
    }

    fn of_request((reason, unavailable): (Reason, bool), detail: String, sent: bool) -> Self {
        let refusal = Self {
            unavailable,
            ..Self::new(reason, detail)
        };
        if sent {
            refusal.after_sending()
        } else {
            refusal
        }
    }

    /// The refusal depends on the account. Its message and its time must not reveal that, or
    /// user names could be enumerated.
    #[must_use]
    pub fn is_about_the_account(&self) -> bool {
        match self.reason {
            Reason::NoAccount | Reason::NoKey | Reason::UnknownUser | Reason::Limit => true,
            // Too many requests: an unknown user causes none.
            Reason::Refused => !self.request_sent,
            _ => false,
        }
    }
}

/// Whether this is an outage. A cut connection, an HTTP status and a failure of the proxy are
/// not: a stranger may cause them.
fn is_outage(unreachable: Unreachable) -> bool {
    matches!(
        unreachable,
        Unreachable::Lookup | Unreachable::Refused | Unreachable::NoRoute
    )
}

/// The error, its causes, and the key to look at.
macro_rules! described {
    ($error:expr) => {{
        let text = $error.to_string();
        let text = if text.ends_with($error.detail()) {
            text
        } else {
            format!("{text}: {}", $error.detail())
        };
        match $error.kind() {
            Kind::Unreachable(Unreachable::ProxyCredentials) => {
                format!("{text}; see tls.proxy_credentials_file")
            }
            _ => text,
        }
    }};
}

impl From<logonbox_authenticator::Error> for Refusal {
    fn from(error: logonbox_authenticator::Error) -> Self {
        use logonbox_authenticator::ErrorKind as Kind;
        let what = match error.kind() {
            Kind::NoSuchAccount | Kind::InvalidInput => (Reason::NoAccount, false),
            // The tenant does not show the account to this host.
            Kind::Forbidden if !error.request_sent() => (Reason::NoAccount, false),
            Kind::NoUsableKey => (Reason::NoKey, false),
            Kind::Declined => (Reason::Declined, false),
            Kind::Refused | Kind::Forbidden | Kind::TooManyRequests => (Reason::Refused, false),
            Kind::TimedOut => (Reason::TimedOut, true),
            Kind::Unreachable(how) => (Reason::Unreachable, is_outage(how)),
            Kind::Tls => (Reason::Tls, false),
            Kind::BadSignature => (Reason::BadSignature, false),
            Kind::NotUnderstood => (Reason::BadAnswer, false),
            _ => (Reason::LocalFailure, false),
        };
        Self::of_request(what, described!(error), error.request_sent())
    }
}

impl From<airlock_iam::Error> for Refusal {
    fn from(error: airlock_iam::Error) -> Self {
        use airlock_iam::ErrorKind as Kind;
        let what = match error.kind() {
            Kind::WrongPassword => (Reason::WrongPassword, false),
            Kind::WrongOtp => (Reason::WrongOtp, false),
            Kind::Locked | Kind::TemporarilyLocked => (Reason::Locked, false),
            Kind::Refused => (Reason::Refused, false),
            Kind::UnsupportedStep => (Reason::UnsupportedStep, false),
            Kind::NotUnderstood => (Reason::BadAnswer, false),
            Kind::TimedOut => (Reason::TimedOut, true),
            Kind::Unreachable(how) => (Reason::Unreachable, is_outage(how)),
            Kind::Tls => (Reason::Tls, false),
            _ => (Reason::LocalFailure, false),
        };
        Self::of_request(what, described!(error), error.request_sent())
    }
}

#[cfg(test)]
mod tests {
    use logonbox_authenticator::{Error, ErrorKind};

    use super::*;

    #[test]
    fn a_server_that_answers_with_a_status_is_available() {
        for (kind, reason) in [
            (ErrorKind::Forbidden, Reason::NoAccount),
            (ErrorKind::TooManyRequests, Reason::Refused),
            (
                ErrorKind::Unreachable(Unreachable::ServerError),
                Reason::Unreachable,
            ),
        ] {
            let refusal = Refusal::from(Error::new(kind, "HTTP status"));
            assert_eq!((refusal.reason, refusal.unavailable), (reason, false));
            assert!(refusal.detail.ends_with(": HTTP status"));
        }
    }
}
