//! The program that asks for a login, and its conversation with the person.

use std::fmt;

use zeroize::Zeroizing;

/// The conversation failed: no terminal, a closed connection, or a host that cannot ask this
/// question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationError;

impl fmt::Display for ConversationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the conversation failed")
    }
}

impl std::error::Error for ConversationError {}

/// The host of a login: PAM in production, a script in tests.
pub trait Host {
    /// `PAM_SERVICE`, such as `sshd`.
    fn service(&self) -> String;

    /// `PAM_RHOST`: the remote host. Empty if unknown.
    fn rhost(&self) -> String;

    /// `PAM_TTY`. Empty if unknown.
    fn tty(&self) -> String;

    /// `PAM_USER`. The host asks the person if it does not know the user yet.
    ///
    /// # Errors
    ///
    /// The host does not name a user.
    fn user(&mut self) -> Result<User, ConversationError>;

    /// Whether the host wants silence (`PAM_SILENT`): it shows prompts only.
    fn is_silent(&self) -> bool;

    /// Shows a message, unless the host wants silence. The host does not say whether the person
    /// sees it.
    fn show_info(&mut self, text: &str);

    /// Shows an error message, unless the host wants silence.
    fn show_error(&mut self, text: &str);

    /// Shows `prompt` and waits for one line. An empty line is an answer.
    ///
    /// # Errors
    ///
    /// The person cancelled, or could not be asked.
    fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, ConversationError>;

    /// `PAM_AUTHTOK`: the password that an earlier module asked for.
    fn authtok(&self) -> Option<Secret>;

    /// Sets `PAM_AUTHTOK` for later modules.
    ///
    /// # Errors
    ///
    /// The host does not accept it.
    fn set_authtok(&mut self, password: &str) -> Result<(), ConversationError>;
}

/// The answer to a prompt. Wiped when dropped.
pub type Secret = Zeroizing<Vec<u8>>;

/// Whether the terminal shows the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "PAM_PROMPT_ECHO_ON and PAM_PROMPT_ECHO_OFF")]
pub enum Echo {
    On,
    Off,
}

/// A user as the host names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// A name.
    Named(String),
    /// Bytes that are not UTF-8. The text is a readable version for the log.
    Unreadable(String),
    /// A user id without a name: `uid 4711`, for the log.
    Nameless(String),
}

impl User {
    /// The text for the log and for the phone.
    #[must_use]
    pub fn shown(&self) -> &str {
        let (Self::Named(shown) | Self::Unreadable(shown) | Self::Nameless(shown)) = self;
        shown
    }
}
