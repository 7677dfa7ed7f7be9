//! This machine, as the program would see it that asks for the login.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pam_logonbox::host::{Membership, System, ThisMachine, User};

use crate::cli;

/// What a program is in place of this command; all else is as it is.
pub struct Machine {
    caller: Option<String>,
    is_setuid: bool,
    pins_directory: PathBuf,
}

impl Machine {
    pub fn new(args: &cli::Login) -> Self {
        Self {
            caller: args.caller.clone(),
            is_setuid: matches!(&*args.service, "su" | "su-l" | "sudo" | "sudo-i"),
            pins_directory: args.place.pins_directory.clone(),
        }
    }
}

impl System for Machine {
    fn name_of(&self, user: &str) -> io::Result<Option<String>> {
        ThisMachine.name_of(user)
    }

    fn caller(&self) -> io::Result<User> {
        match &self.caller {
            Some(name) => Ok(User::Named(name.clone())),
            None => ThisMachine.caller(),
        }
    }

    fn membership(&self, user: &str, group: &str) -> io::Result<Membership> {
        ThisMachine.membership(user, group)
    }

    fn hostname(&self) -> String {
        ThisMachine.hostname()
    }

    fn state_directory(&self) -> &Path {
        ThisMachine.state_directory()
    }

    fn pins_directory(&self) -> &Path {
        &self.pins_directory
    }

    fn uptime(&self) -> io::Result<Duration> {
        ThisMachine.uptime()
    }

    fn is_setuid(&self) -> bool {
        self.is_setuid
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        ThisMachine.random(bytes)
    }
}
