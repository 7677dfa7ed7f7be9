//! su: the password and the phone of the person one becomes.

use std::time::{Duration, Instant};

use tenant::Press;

use super::{password, ring};
use crate::Cell;
use crate::log::logged;
use crate::machine::{
    Machine, OTHER_ID, PASSWORD, USER_ID, configure, piped, set_password, stack, tenant_goes_down,
    terminal,
};
use crate::terminal::Terminal;

pub const CELLS: &[Cell] = &[
    cell("su/approve", approve),
    cell("su/login-shell", login_shell),
    cell("su/decline", decline),
    cell("su/tenant-down", tenant_down),
    cell("su/wrong-password", wrong_password),
    cell("su/ctrl-c", ctrl_c),
    cell("su/no-terminal", no_terminal),
    cell("su/from-root", from_root),
    cell("su/caller-asked", caller_asked),
    cell("su/caller-asked-login-shell", caller_asked_login_shell),
    cell("su/caller-not-asked", caller_not_asked),
    cell("su/caller-without-a-name", caller_without_a_name),
];

const fn cell(name: &'static str, run: fn(&mut Machine)) -> Cell {
    Cell::new(name, "/usr/bin/su", run)
}

/// Becomes lee, from another user, with the right password.
#[track_caller]
fn with_password(machine: &Machine, arguments: &[&str]) -> Terminal {
    stack("su", "su");
    stack("su-l", "su-l");
    let arguments = [arguments, &["lee", "-c", "id -un"]].concat();
    let terminal = terminal(OTHER_ID, "su", &arguments);
    password(machine, &terminal, "Password:", PASSWORD);
    terminal
}

#[track_caller]
fn is_out(machine: &Machine, terminal: &mut Terminal, rings: usize) {
    assert!(!terminal.end().success());
    assert_eq!(machine.phone.rings(), rings);
    assert!(!terminal.has_line("lee"), "{}", terminal.screen());
}

fn approve(machine: &mut Machine) {
    let mut terminal = with_password(machine, &[]);
    let ring = ring(machine, &terminal);
    assert!(
        ring.text.starts_with("lee wants to log in to "),
        "{}",
        ring.text
    );
    assert!(ring.text.contains(" (su) from "), "{}", ring.text);
    machine.phone.press(&ring, Press::Authorize);
    assert!(terminal.end().success());
    assert!(terminal.has_line("lee"), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), 1);
    logged(&["pam_logonbox(su:auth): approved user=\"lee\""]);
}

/// `su -` is a service of its own.
fn login_shell(machine: &mut Machine) {
    let mut terminal = with_password(machine, &["-"]);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    is_out(machine, &mut terminal, 1);
    logged(&["pam_logonbox(su-l:auth): declined user=\"lee\""]);
    // Root needs no phone here either.
    let mut terminal = crate::machine::terminal(0, "su", &["-", "lee", "-c", "id -un"]);
    assert!(terminal.end().success(), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), 1);
}

fn decline(machine: &mut Machine) {
    let mut terminal = with_password(machine, &[]);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    terminal.see("Login denied on the phone.");
    is_out(machine, &mut terminal, 1);
    logged(&["pam_logonbox(su:auth): declined user=\"lee\""]);
}

fn tenant_down(machine: &mut Machine) {
    tenant_goes_down();
    let mut terminal = with_password(machine, &[]);
    terminal.see("The login service cannot be reached.");
    is_out(machine, &mut terminal, 0);
    logged(&["pam_logonbox(su:auth): unreachable user=\"lee\""]);
}

fn wrong_password(machine: &mut Machine) {
    stack("su", "su");
    let mut terminal = terminal(OTHER_ID, "su", &["lee", "-c", "id -un"]);
    terminal.see("Password:");
    terminal.answer("wrong");
    is_out(machine, &mut terminal, 0);
    machine.phone.is_left_alone();
}

fn ctrl_c(machine: &mut Machine) {
    let mut terminal = with_password(machine, &[]);
    ring(machine, &terminal);
    let pressed = Instant::now();
    terminal.press("\x03");
    is_out(machine, &mut terminal, 1);
    let took = pressed.elapsed();
    assert!(
        took < Duration::from_secs(1),
        "{took:?} from Ctrl-C to the end"
    );
    machine.phone.hung_up();
}

fn no_terminal(machine: &mut Machine) {
    stack("su", "su");
    let output = piped(OTHER_ID, "su", &["lee", "-c", "id -un"], "").end();
    assert!(!output.status.success(), "{output:?}");
    machine.phone.is_left_alone();

    let answers = format!("{PASSWORD}\n");
    let running = piped(OTHER_ID, "su", &["lee", "-c", "id -un"], &answers);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Authorize);
    let output = running.end();
    // Here su shows the announcement on standard output, too.
    assert!(output.stdout.ends_with(b"\nlee\n"), "{output:?}");
    assert_eq!(machine.phone.rings(), 1);
}

fn from_root(machine: &mut Machine) {
    stack("su", "su");
    let mut terminal = terminal(0, "su", &["lee", "-c", "id -un"]);
    assert!(terminal.end().success());
    machine.phone.is_left_alone();
}

const ASKS_CALLER: &str = "[policy]\nsu_asks = \"caller\"";

/// Another user, who has no account with the tenant, and whose password the caller knows.
const TARGET: &str = "other";

/// Becomes that user, from the one with this id.
#[track_caller]
fn become_other(machine: &Machine, caller: u32, arguments: &[&str]) -> Terminal {
    stack("su", "su");
    stack("su-l", "su-l");
    set_password(TARGET, PASSWORD);
    let arguments = [arguments, &[TARGET, "-c", "id -un"]].concat();
    let terminal = terminal(caller, "su", &arguments);
    password(machine, &terminal, "Password:", PASSWORD);
    terminal
}

fn caller_asked(machine: &mut Machine) {
    configure(ASKS_CALLER);
    let mut terminal = become_other(machine, USER_ID, &[]);
    let ring = ring(machine, &terminal);
    assert!(
        ring.text.starts_with("lee wants to log in to ") && ring.text.contains(" (su to other) "),
        "{}",
        ring.text
    );
    machine.phone.press(&ring, Press::Authorize);
    assert!(terminal.end().success());
    assert!(terminal.has_line(TARGET), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), 1);
    logged(&["pam_logonbox(su:auth): approved user=\"other\" caller=\"lee\" account=\"lee\""]);
}

fn caller_asked_login_shell(machine: &mut Machine) {
    configure(ASKS_CALLER);
    let mut terminal = become_other(machine, USER_ID, &["-"]);
    let ring = ring(machine, &terminal);
    assert!(ring.text.contains(" (su-l to other) "), "{}", ring.text);
    machine.phone.press(&ring, Press::Decline);
    terminal.see("Login denied on the phone.");
    assert!(!terminal.end().success());
    assert!(!terminal.has_line(TARGET), "{}", terminal.screen());
    logged(&["pam_logonbox(su-l:auth): declined user=\"other\" caller=\"lee\" account=\"lee\""]);
}

/// By default it is the phone of the one that they become, who has none.
fn caller_not_asked(machine: &mut Machine) {
    let mut terminal = become_other(machine, USER_ID, &[]);
    terminal.see("Login refused.");
    assert!(!terminal.end().success());
    assert_eq!(machine.phone.rings(), 0);
    logged(&["pam_logonbox(su:auth): no-account user=\"other\" account=\"other\""]);
}

/// Whose user has been removed while they were logged in.
fn caller_without_a_name(machine: &mut Machine) {
    configure(ASKS_CALLER);
    let mut terminal = become_other(machine, 4711, &[]);
    terminal.see("Login refused.");
    assert!(!terminal.end().success());
    machine.phone.is_left_alone();
    logged(&["pam_logonbox(su:auth): unknown-user user=\"other\" caller=\"uid 4711\""]);
}
