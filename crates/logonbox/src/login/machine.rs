//! The system as the service would see it.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use login::host::User;
use login::system::{Directories, Group, System, UserGroups};
use time::OffsetDateTime;

use crate::cli;
use crate::setup::THIS_MACHINE;

/// This machine, with the caller of the service and its set-user-ID bit.
pub struct Machine {
    caller: Option<String>,
    is_setuid: bool,
    pins_directory: PathBuf,
    lib_directory: PathBuf,
    run_directory: PathBuf,
}

impl Machine {
    pub fn new(args: &cli::Login) -> Self {
        Self {
            caller: args.caller.clone(),
            is_setuid: matches!(&*args.service, "su" | "su-l" | "sudo" | "sudo-i"),
            pins_directory: args.place.pins_directory.clone(),
            run_directory: args.state.run_directory.clone(),
            lib_directory: args.state.state_directory.clone(),
        }
    }
}

impl System for Machine {
    fn name_of(&self, user: &str) -> io::Result<Option<String>> {
        THIS_MACHINE.name_of(user)
    }

    fn id_of(&self, user: &str) -> io::Result<Option<u32>> {
        THIS_MACHINE.id_of(user)
    }

    fn caller(&self) -> io::Result<User> {
        match &self.caller {
            Some(name) => Ok(User::Named(name.clone())),
            None => THIS_MACHINE.caller(),
        }
    }

    fn groups_of(&self, user: &str) -> io::Result<Option<UserGroups>> {
        THIS_MACHINE.groups_of(user)
    }

    fn group(&self, name: &str) -> io::Result<Option<Group>> {
        THIS_MACHINE.group(name)
    }

    fn group_name(&self, id: u32) -> io::Result<Option<String>> {
        THIS_MACHINE.group_name(id)
    }

    fn group_file(&self) -> io::Result<String> {
        THIS_MACHINE.group_file()
    }

    fn name_services(&self) -> io::Result<String> {
        THIS_MACHINE.name_services()
    }

    fn now(&self) -> OffsetDateTime {
        THIS_MACHINE.now()
    }

    fn hostname(&self) -> String {
        THIS_MACHINE.hostname()
    }

    fn directories(&self) -> Directories<'_> {
        Directories {
            pins: &self.pins_directory,
            lib: &self.lib_directory,
            run: &self.run_directory,
        }
    }

    fn uptime(&self) -> io::Result<Duration> {
        THIS_MACHINE.uptime()
    }

    fn machine_id(&self) -> io::Result<String> {
        THIS_MACHINE.machine_id()
    }

    fn boot_id(&self) -> io::Result<String> {
        THIS_MACHINE.boot_id()
    }

    fn owns(&self, address: IpAddr) -> bool {
        THIS_MACHINE.owns(address)
    }

    fn is_setuid(&self) -> bool {
        self.is_setuid
    }

    fn has_utf8_terminal(&self) -> bool {
        THIS_MACHINE.has_utf8_terminal()
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        THIS_MACHINE.random(bytes)
    }
}
