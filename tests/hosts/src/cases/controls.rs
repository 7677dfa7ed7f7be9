//! The controls in /etc/pam.d: those of the examples work, and others fail as the comments in the
//! examples say.

use tenant::Press;

use super::{PROMPT, approve_and_type, ring, type_nothing};
use crate::TestCase;
use crate::log::{logged, logged_with};
use crate::machine::{
    Machine, OTHER_ID, PASSWORD, configure, edit_stack, stack, tenant_goes_down, terminal,
};
use crate::phone::Phone;
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("controls/ignored-is-in", ignored_is_in),
    case("controls/default-bad-locks-out", default_bad),
    case("controls/required-goes-on", required),
    case("controls/sufficient-replaces", sufficient),
    case("controls/optional-lets-in", optional),
    case("controls/no-module-no-login", no_module),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/bin/su", run)
}

const LINE: &str = "auth     [success=ok ignore=ignore default=die]  pam_logonbox.so\n";
const IGNORE: &str = "[policy]\non_unavailable = \"ignore\"";

/// su to lee from another user, with a changed example.
fn su(from: &str, to: &str) -> Terminal {
    stack("su", "su");
    edit_stack("su", from, to);
    terminal(OTHER_ID, "su", &["lee", "-c", "id -un"])
}

#[track_caller]
fn is_in(mut terminal: Terminal) {
    assert!(terminal.end().success(), "{}", terminal.screen());
}

#[track_caller]
fn is_out(mut terminal: Terminal) {
    assert!(!terminal.end().success(), "{}", terminal.screen());
}

/// login of lee with this line in the stack, while the tenant cannot be reached. su would never
/// ignore the module.
#[track_caller]
fn login_without_tenant(line: &str, password: &str) -> Terminal {
    stack("login", "login");
    edit_stack("login", LINE, line);
    let terminal = terminal(0, "login", &["lee"]);
    terminal.see("Password:");
    terminal.answer(password);
    terminal
}

/// The module is ignored, and the password decides.
fn ignored_is_in(_: &mut Machine) {
    configure(IGNORE);
    tenant_goes_down();
    let terminal = login_without_tenant(LINE, "wrong");
    terminal.see("Login incorrect");
    drop(terminal);
    let terminal = login_without_tenant(LINE, PASSWORD);
    terminal.see(PROMPT);
    type_nothing(&terminal);
    terminal.see("$ ");
    logged(&["pam_logonbox(login:auth): unreachable user=\"lee\""]);
}

fn default_bad(_: &mut Machine) {
    configure(IGNORE);
    tenant_goes_down();
    let wrong = "auth [success=ok default=bad] pam_logonbox.so\n";
    let terminal = login_without_tenant(wrong, PASSWORD);
    terminal.see(PROMPT);
    type_nothing(&terminal);
    terminal.see("Login incorrect");
    logged_with("; ignored by on_unavailable\"");
}

fn required(machine: &mut Machine) {
    let line = "auth required pam_logonbox.so\n";
    let terminal = su(LINE, &line.repeat(2));
    terminal.see("Password:");
    terminal.answer(PASSWORD);
    for times in 1..=2 {
        terminal.see_times(PROMPT, times);
        let ring = machine.phone.ring();
        machine.phone.press(&ring, Press::Decline);
        terminal.answer(&Phone::code(&ring));
        terminal.see_times("Login denied on the phone.", times);
    }
    // The first module has refused, but the second is asked, too.
    is_out(terminal);
    assert_eq!(machine.phone.rings(), 2);
}

fn sufficient(machine: &mut Machine) {
    let wrong = "auth sufficient pam_logonbox.so\n@include common-auth\n";
    let terminal = su("@include common-auth\n", wrong);
    let ring = ring(machine, &terminal);
    approve_and_type(machine, &terminal, &ring);
    is_in(terminal);
}

fn optional(machine: &mut Machine) {
    let terminal = su(LINE, "auth optional pam_logonbox.so\n");
    terminal.see("Password:");
    terminal.answer(PASSWORD);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    terminal.answer(&Phone::code(&ring));
    is_in(terminal);
}

/// A service with a missing module refuses everybody.
fn no_module(machine: &mut Machine) {
    for (name, there) in [("pam_logonbox.so", true), ("pam_logonbox_gone.so", false)] {
        let terminal = su("pam_logonbox.so", name);
        terminal.see("Password:");
        terminal.answer(PASSWORD);
        if there {
            let ring = ring(machine, &terminal);
            approve_and_type(machine, &terminal, &ring);
            is_in(terminal);
        } else {
            is_out(terminal);
        }
    }
}
