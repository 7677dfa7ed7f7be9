//! The PAM handle and its conversation, as a [`Host`].

use std::ffi::CStr;

use pam::constants::{
    PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_SILENT, PAM_TEXT_INFO, PamFlag,
    PamMessageStyle,
};
use pam::conv::Conv;
use pam::items::{AuthTok, Item, RHost, Service, Tty, User as UserItem};
use pam::module::PamHandle;
use zeroize::Zeroizing;

use crate::host::{Echo, Host, NoAnswer, Secret, User};

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

    fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Secret, NoAnswer> {
        let conversation = self
            .handle
            .get_item::<Conv<'_>>()
            .ok()
            .flatten()
            .ok_or(NoAnswer)?;
        let style = match echo {
            Echo::On => PAM_PROMPT_ECHO_ON,
            Echo::Off => PAM_PROMPT_ECHO_OFF,
        };
        // Pressing Enter is an empty answer; no answer at all is none.
        match conversation.send(style, prompt) {
            Ok(Some(answer)) => Ok(Zeroizing::new(answer.as_bytes().to_vec())),
            Ok(None) | Err(_) => Err(NoAnswer),
        }
    }

    fn password(&self) -> Option<Secret> {
        let password = self.handle.get_item::<AuthTok<'_>>().ok().flatten()?;
        Some(Zeroizing::new(password.as_bytes().to_vec()))
    }

    fn leave_password(&mut self, password: &str) -> Result<(), NoAnswer> {
        // In one piece: growing would leave a copy behind that is not wiped.
        let mut bytes = Zeroizing::new(Vec::with_capacity(password.len().saturating_add(1)));
        bytes.extend_from_slice(password.as_bytes());
        bytes.push(0);
        let password = CStr::from_bytes_with_nul(&bytes).map_err(|_| NoAnswer)?;
        // SAFETY: the pointer is to a C string that lives to the end of this function, and libpam
        // makes a copy of it (pam_set_item(3)).
        let item = unsafe { AuthTok::from_raw(password.as_ptr()) };
        self.handle.set_item_str(item).map_err(|_| NoAnswer)
    }
}
