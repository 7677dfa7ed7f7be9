//! Who is asked at all, with the users and groups of a real host.

use tenant::Press;

use super::{enter, password};
use crate::Cell;
use crate::log::logged;
use crate::machine::{Machine, PASSWORD, USER_ID, command, configure, stack, terminal};

const SUDO: &str = "/usr/bin/sudo";

pub const CELLS: &[Cell] = &[Cell::new("policy/groups", SUDO, groups)];

fn only_push() {
    stack("sudo", "sudo");
    configure("[policy]\nonly_groups = [\"push\"]\n[conversation]\nannounce = \"enter\"");
    command("groupadd", &["push"]);
}

/// A new member is asked from the next login on, without a restart of anything.
fn groups(machine: &mut Machine) {
    only_push();
    let mut terminal = terminal(USER_ID, SUDO, &["-k", "id", "-un"]);
    password(machine, &terminal, "assword", PASSWORD);
    assert!(terminal.end().success(), "{}", terminal.screen());
    machine.phone.is_left_alone();

    command("usermod", &["--append", "--groups", "push", "lee"]);
    let mut terminal = crate::machine::terminal(USER_ID, SUDO, &["-k", "id", "-un"]);
    password(machine, &terminal, "assword", PASSWORD);
    let ring = enter(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    assert!(terminal.end().success(), "{}", terminal.screen());
    logged(&[
        "pam_logonbox(sudo:auth): exempt user=\"lee\"",
        "pam_logonbox(sudo:auth): approved user=\"lee\"",
    ]);
}
