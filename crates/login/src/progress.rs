//! The progress of a login, for an observer. PAM has no use for it; `logonbox login` shows it.

use logonbox_authenticator::PublicKey;

use crate::config::Config;

/// Observes a login. The login does not depend on it.
pub trait Observer {
    /// The login has come this far.
    fn progress(&mut self, _step: Progress<'_>) {}
}

/// An observer that ignores all steps.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// How far a login has come.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'p> {
    /// The configuration is read and checked.
    Configured(&'p Config),
    /// The policy does not exempt the user.
    NotExempt,
    /// The announcement is over, or the person has answered the prompt for the code. With
    /// `announce = "none"`, the person has seen nothing.
    Announced,
    /// The keys of the account are known.
    Listed {
        /// They are pinned on this host.
        pinned: bool,
    },
    /// This key will be asked to sign.
    Chosen(&'p PublicKey),
    /// The phone may ring from here on.
    Ringing,
    /// The phone has answered.
    Answered,
    /// The signature verifies.
    Verified,
    /// A step of Airlock's flow is done; its name.
    Flow(&'static str),
}
