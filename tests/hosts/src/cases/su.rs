//! su: the password and the phone of the target user.

use std::time::Instant;

use tenant::Press;

use super::{password, ring};
use crate::TestCase;
use crate::log::logged;
use crate::machine::{
    Machine, OTHER_ID, PASSWORD, PROMPTLY, USER_ID, configure, piped, set_password, stack,
    tenant_goes_down, terminal,
};
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("su/approve", approve),
    case("su/login-shell", login_shell),
    case("su/decline", decline),
    case("su/tenant-down", tenant_down),
    case("su/wrong-password", wrong_password),
    case("su/ctrl-c", ctrl_c),
    case("su/no-terminal", no_terminal),
    case("su/from-root", from_root),
    case("su/caller-asked", caller_asked),
    case("su/caller-asked-login-shell", caller_asked_login_shell),
    case("su/caller-not-asked", caller_not_asked),
    case("su/caller-without-a-name", caller_without_a_name),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/bin/su", run)
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

/// `su -` is a separate service.
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
    assert!(took < PROMPTLY, "{took:?} from Ctrl-C to the end");
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
    // This su also writes the announcement to standard output.
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

/// Another user, without an account at the tenant. The caller knows the password.
const TARGET: &str = "other";

/// Becomes [`TARGET`] from the user with this id.
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

/// By default, the target's phone would ring, but the target has none.
fn caller_not_asked(machine: &mut Machine) {
    let mut terminal = become_other(machine, USER_ID, &[]);
    terminal.see("Login refused.");
    assert!(!terminal.end().success());
    assert_eq!(machine.phone.rings(), 0);
    logged(&["pam_logonbox(su:auth): no-account user=\"other\" account=\"other\""]);
}

/// The caller's user was removed during the session.
fn caller_without_a_name(machine: &mut Machine) {
    configure(ASKS_CALLER);
    let mut terminal = become_other(machine, 4711, &[]);
    terminal.see("Login refused.");
    assert!(!terminal.end().success());
    machine.phone.is_left_alone();
    logged(&["pam_logonbox(su:auth): unknown-user user=\"other\" caller=\"uid 4711\""]);
}
