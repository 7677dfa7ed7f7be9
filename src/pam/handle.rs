//! The PAM handle and its conversation, as a [`Host`].

use pam::constants::{
    PAM_ERROR_MSG, PAM_PROMPT_ECHO_ON, PAM_SILENT, PAM_TEXT_INFO, PamFlag, PamMessageStyle,
};
use pam::conv::Conv;
use pam::items::{RHost, Service, Tty, User as UserItem};
use pam::module::PamHandle;

use crate::host::{Host, NoAnswer, User};

/// A host that speaks PAM.
pub struct PamHost<'h> {
    handle: &'h mut PamHandle,
    silent: bool,
}

impl<'h> PamHost<'h> {
    /// `flags` are those of `pam_authenticate`(3).
    pub fn new(handle: &'h mut PamHandle, flags: PamFlag) -> Self {
        Self {
            handle,
            silent: flags & PAM_SILENT != 0,
        }
    }

    fn tell(&self, style: PamMessageStyle, text: &str) {
        if self.silent {
            return;
        }
        // sudo-rs fails this where there is no terminal; that is no reason to fail the login.
        if let Ok(Some(conversation)) = self.handle.get_item::<Conv<'_>>() {
            let _ = conversation.send(style, text);
        }
    }
}

/// A text item; empty when it is not set.
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

    fn user(&mut self) -> Result<User, NoAnswer> {
        if let Ok(name) = self.handle.get_user(None) {
            return Ok(User::Named(name));
        }
        // A name that is not UTF-8 is an error for the binding; the host has one all the same.
        match self.handle.get_item::<UserItem<'_>>() {
            Ok(Some(name)) => Ok(User::Unreadable(name.0.to_string_lossy().into_owned())),
            _ => Err(NoAnswer),
        }
    }

    fn inform(&mut self, text: &str) {
        self.tell(PAM_TEXT_INFO, text);
    }

    fn complain(&mut self, text: &str) {
        self.tell(PAM_ERROR_MSG, text);
    }

    fn press_enter(&mut self, prompt: &str) -> Result<(), NoAnswer> {
        let conversation = self
            .handle
            .get_item::<Conv<'_>>()
            .ok()
            .flatten()
            .ok_or(NoAnswer)?;
        // Pressing Enter is an empty answer; no answer at all is none.
        match conversation.send(PAM_PROMPT_ECHO_ON, prompt) {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(_) => Err(NoAnswer),
        }
    }
}
