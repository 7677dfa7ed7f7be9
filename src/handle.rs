//! The PAM handle and its conversation, as a [`Host`].

use std::ffi::CStr;

use login::host::{ConversationError, Echo, Host, Secret, User};
use pam::constants::{
    PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_SILENT, PAM_TEXT_INFO, PamFlag,
    PamMessageStyle,
};
use pam::conv::Conv;
use pam::items::{AuthTok, Item, RHost, Service, Tty, User as UserItem};
use pam::module::PamHandle;
use zeroize::Zeroizing;

/// A host that speaks PAM.
pub struct PamHost<'h> {
    handle: &'h mut PamHandle,
    silent: bool,
}

impl<'h> PamHost<'h> {
    /// `flags` are the flags of `pam_authenticate`(3).
    pub fn new(handle: &'h mut PamHandle, flags: PamFlag) -> Self {
        Self {
            handle,
            silent: flags & PAM_SILENT != 0,
        }
    }

    fn show(&self, style: PamMessageStyle, text: &str) {
        if self.silent {
            return;
        }
        // In sudo-rs, this call fails if there is no terminal. A message must not fail the login.
        if let Ok(Some(conversation)) = self.handle.get_item::<Conv<'_>>() {
            let _ = conversation.send(style, text);
        }
    }
}

/// A text item. Empty if it is not set.
macro_rules! text_item {
    ($handle:expr, $item:ident) => {
        $handle
            .get_item::<$item<'_>>()
            .ok()
            .flatten()
            .map_or_else(String::new, |item| item.0.to_string_lossy().into_owned())
    };
}

impl Host for PamHost<'_> {
    fn service(&self) -> String {
        text_item!(self.handle, Service)
    }

    fn rhost(&self) -> String {
        text_item!(self.handle, RHost)
    }

    fn tty(&self) -> String {
        text_item!(self.handle, Tty)
    }

    fn user(&mut self) -> Result<User, ConversationError> {
        if let Ok(name) = self.handle.get_user(None) {
            return Ok(User::Named(name));
        }
        // The binding fails for a name that is not UTF-8, but the host has set the item.
        match self.handle.get_item::<UserItem<'_>>() {
            Ok(Some(name)) => Ok(User::Unreadable(name.0.to_string_lossy().into_owned())),
            _ => Err(ConversationError),
        }
    }

    fn is_silent(&self) -> bool {
        self.silent
    }

    fn show_info(&mut self, text: &str) {
        self.show(PAM_TEXT_INFO, text);
    }

    fn show_error(&mut self, text: &str) {
        self.show(PAM_ERROR_MSG, text);
    }

    fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, ConversationError> {
        let conversation = self.handle.get_item::<Conv<'_>>().ok().flatten();
        let style = match echo {
            Echo::On => PAM_PROMPT_ECHO_ON,
            Echo::Off => PAM_PROMPT_ECHO_OFF,
        };
        let conversation = conversation.ok_or(ConversationError)?;
        // Enter alone is an empty answer. NULL is no answer.
        match conversation.send(style, prompt) {
            Ok(Some(answer)) => Ok(Zeroizing::new(answer.as_bytes().to_vec())),
            Ok(None) | Err(_) => Err(ConversationError),
        }
    }

    fn authtok(&self) -> Option<Secret> {
        let password = self.handle.get_item::<AuthTok<'_>>().ok().flatten()?;
        Some(Zeroizing::new(password.as_bytes().to_vec()))
    }

    fn set_authtok(&mut self, password: &str) -> Result<(), ConversationError> {
        // Allocated once: growing would leave a copy that is not wiped.
        let mut bytes = Zeroizing::new(Vec::with_capacity(password.len().saturating_add(1)));
        bytes.extend_from_slice(password.as_bytes());
        bytes.push(0);
        let password = CStr::from_bytes_with_nul(&bytes).map_err(|_| ConversationError)?;
        // SAFETY: the pointer is to a C string that lives until the end of this function, and
        // libpam copies it (pam_set_item(3)).
        let item = unsafe { AuthTok::from_raw(password.as_ptr()) };
        self.handle
            .set_item_str(item)
            .map_err(|_| ConversationError)
    }
}
