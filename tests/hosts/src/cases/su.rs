//! su: the password and the phone of the target user.

use std::thread;
use std::time::Instant;

use tenant::Press;

use super::airlock::only_the_module;
use super::{
    BY_HAND, NO_LIMIT, PROMPT, SHOW, approve_and_type, is_held, nothing_rang, password,
    prompt_comes_first, ring, ring_shown, type_nothing, wrong_code,
};
use crate::TestCase;
use crate::log::{logged, logged_with};
use crate::machine::{
    Machine, OTHER_ID, PASSWORD, PROMPTLY, USER_ID, configure, counts, piped, set_password, stack,
    tenant_goes_down, terminal,
};
use crate::phone::Phone;
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("su/approve", approve),
    case("su/login-shell", login_shell),
    case("su/prompt-first", prompt_first),
    case("su/wrong-code", wrong_code_typed),
    case("su/decline", decline),
    case("su/no-answer", no_answer),
    case("su/tenant-down", tenant_down),
    case("su/wrong-password", wrong_password),
    case("su/ctrl-c", ctrl_c),
    case("su/ctrl-c-at-the-prompt", ctrl_c_at_the_prompt),
    case("su/killed", killed),
    case("su/no-terminal", no_terminal),
    case("su/from-root", from_root),
    case("su/show", show),
    case("su/caller-asked", caller_asked),
    case("su/caller-asked-login-shell", caller_asked_login_shell),
    case("su/caller-not-asked", caller_not_asked),
    case("su/caller-without-a-name", caller_without_a_name),
];

const RINGING: &str = "pam_logonbox(su:auth): ringing user=\"lee\"";

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
    approve_and_type(machine, &terminal, &ring);
    assert!(terminal.end().success());
    assert!(terminal.has_line("lee"), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), 1);
    assert_eq!(counts(), 0);
    logged(&[RINGING, "pam_logonbox(su:auth): approved user=\"lee\""]);
}

/// `su -` is a separate service.
fn login_shell(machine: &mut Machine) {
    let mut terminal = with_password(machine, &["-"]);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    terminal.answer(&Phone::code(&ring));
    is_out(machine, &mut terminal, 1);
    logged(&[
        "pam_logonbox(su-l:auth): ringing user=\"lee\"",
        "pam_logonbox(su-l:auth): declined user=\"lee\"",
    ]);
    // Root needs no phone here either.
    let mut terminal = crate::machine::terminal(0, "su", &["-", "lee", "-c", "id -un"]);
    assert!(terminal.end().success(), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), 1);
}

fn prompt_first(machine: &mut Machine) {
    configure(NO_LIMIT);
    stack("su", "su");
    prompt_comes_first(machine, || {
        let terminal = terminal(OTHER_ID, "su", &["lee", "-c", "id -un"]);
        terminal.see("Password:");
        terminal.answer(PASSWORD);
        terminal
    });
}

fn wrong_code_typed(machine: &mut Machine) {
    let mut terminal = with_password(machine, &[]);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    let typed = Instant::now();
    terminal.answer(&wrong_code(&ring));
    is_held(&mut terminal, typed);
    terminal.see("The code is wrong. Login refused.");
    is_out(machine, &mut terminal, 1);
    assert_eq!(counts(), 1);
    logged(&[RINGING, "pam_logonbox(su:auth): wrong-code user=\"lee\""]);
    logged_with("reason=\"the phone had approved\"");
}

fn decline(machine: &mut Machine) {
    let mut terminal = with_password(machine, &[]);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    let typed = Instant::now();
    type_nothing(&terminal);
    is_held(&mut terminal, typed);
    terminal.see("Login denied on the phone.");
    is_out(machine, &mut terminal, 1);
    logged(&[RINGING, "pam_logonbox(su:auth): declined user=\"lee\""]);
}

/// The right code, but no approval.
fn no_answer(machine: &mut Machine) {
    configure("[wait]\nlogin_seconds = 5");
    let mut terminal = with_password(machine, &[]);
    let ring = ring(machine, &terminal);
    terminal.answer(&Phone::code(&ring));
    terminal.see("No answer from the phone within 5 s.");
    is_out(machine, &mut terminal, 1);
    logged(&[RINGING, "pam_logonbox(su:auth): timed-out user=\"lee\""]);
}

fn tenant_down(machine: &mut Machine) {
    tenant_goes_down();
    let mut terminal = with_password(machine, &[]);
    terminal.see(PROMPT);
    type_nothing(&terminal);
    terminal.see("The login service cannot be reached.");
    is_out(machine, &mut terminal, 0);
    nothing_rang(machine);
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

/// Ctrl-C ends the wait for the phone at once.
fn ctrl_c(machine: &mut Machine) {
    let mut terminal = with_password(machine, &[]);
    let ring = ring(machine, &terminal);
    let code = Phone::code(&ring);
    terminal.answer(&code);
    terminal.see(&code);
    // The terminal shows the code before the program has read it.
    thread::sleep(BY_HAND);
    let pressed = Instant::now();
    terminal.press("\x03");
    is_out(machine, &mut terminal, 1);
    let took = pressed.elapsed();
    assert!(took < PROMPTLY, "{took:?} from Ctrl-C to the end");
    machine.phone.hung_up();
    logged(&[RINGING, "pam_logonbox(su:auth): interrupted user=\"lee\""]);
}

/// Ctrl-C ends su at its prompt, and the module with it.
fn ctrl_c_at_the_prompt(machine: &mut Machine) {
    let mut terminal = with_password(machine, &[]);
    ring(machine, &terminal);
    terminal.press("\x03");
    is_out(machine, &mut terminal, 1);
    machine.phone.hung_up();
    assert_eq!(counts(), 1);
    logged(&[RINGING]);
}

/// The log says that the phone rang, and the attempt is counted.
fn killed(machine: &mut Machine) {
    let mut terminal = with_password(machine, &[]);
    ring(machine, &terminal);
    terminal.kill();
    is_out(machine, &mut terminal, 1);
    machine.phone.hung_up();
    assert_eq!(counts(), 1);
    logged(&[RINGING]);
}

/// A closed standard input cannot answer: no push, and no count.
fn no_terminal(machine: &mut Machine) {
    stack("su", "su");
    let su = |input: &str| piped(OTHER_ID, "su", &["lee", "-c", "id -un"], input);
    let output = su("").end();
    assert!(!output.status.success(), "{output:?}");
    machine.phone.is_left_alone();
    let password = format!("{PASSWORD}\n");
    let output = su(&password).end();
    assert!(!output.status.success(), "{output:?}");
    nothing_rang(machine);
    // A stack that asks for no password comes to the module.
    only_the_module("su");
    let output = su("").end();
    assert!(!output.status.success(), "{output:?}");
    nothing_rang(machine);
    logged(&["pam_logonbox(su:auth): conversation user=\"lee\""; 2]);

    stack("su", "su");
    let mut running = su(&password);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Authorize);
    running.write(&format!("{}\n", Phone::code(&ring)));
    let output = running.end();
    assert!(output.stdout.ends_with(b"lee\n"), "{output:?}");
    assert_eq!(machine.phone.rings(), 1);
}

fn show(machine: &mut Machine) {
    configure(SHOW);
    let mut terminal = with_password(machine, &[]);
    let ring = ring_shown(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    assert!(terminal.end().success());
    assert!(terminal.has_line("lee"), "{}", terminal.screen());
    logged(&[RINGING, "pam_logonbox(su:auth): approved user=\"lee\""]);
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
    approve_and_type(machine, &terminal, &ring);
    assert!(terminal.end().success());
    assert!(terminal.has_line(TARGET), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), 1);
    let line = |word: &str| {
        format!("pam_logonbox(su:auth): {word} user=\"other\" caller=\"lee\" account=\"lee\"")
    };
    logged(&[&line("ringing"), &line("approved")]);
}

fn caller_asked_login_shell(machine: &mut Machine) {
    configure(ASKS_CALLER);
    let mut terminal = become_other(machine, USER_ID, &["-"]);
    let ring = ring(machine, &terminal);
    assert!(ring.text.contains(" (su-l to other) "), "{}", ring.text);
    machine.phone.press(&ring, Press::Decline);
    terminal.answer(&Phone::code(&ring));
    terminal.see("Login denied on the phone.");
    assert!(!terminal.end().success());
    assert!(!terminal.has_line(TARGET), "{}", terminal.screen());
    let line = |word: &str| {
        format!("pam_logonbox(su-l:auth): {word} user=\"other\" caller=\"lee\" account=\"lee\"")
    };
    logged(&[&line("ringing"), &line("declined")]);
}

/// By default, the target's phone would ring, but the target has none.
fn caller_not_asked(machine: &mut Machine) {
    let mut terminal = become_other(machine, USER_ID, &[]);
    terminal.see(PROMPT);
    terminal.answer("123456");
    terminal.see("The code is wrong. Login refused.");
    assert!(!terminal.end().success());
    assert_eq!(machine.phone.rings(), 0);
    logged(&["pam_logonbox(su:auth): no-account user=\"other\" account=\"other\""]);
}

/// The caller's user was removed during the session.
fn caller_without_a_name(machine: &mut Machine) {
    configure(ASKS_CALLER);
    let mut terminal = become_other(machine, 4711, &[]);
    terminal.see(PROMPT);
    terminal.answer("123456");
    terminal.see("The code is wrong. Login refused.");
    assert!(!terminal.end().success());
    machine.phone.is_left_alone();
    logged(&["pam_logonbox(su:auth): unknown-user user=\"other\" caller=\"uid 4711\""]);
}
