//! sudo and sudo-rs: the caller's password, then the caller's phone.
//!
//! Both keep modules silent except for prompts. The code is asked for in a prompt, and only the log
//! has the reason of a refusal.

use std::fs;
use std::os::unix::fs::chown;
use std::thread;
use std::time::Instant;

use tenant::Press;

use super::airlock::only_the_module;
use super::{
    BY_HAND, NO_LIMIT, PROMPT, SHOW, approve_and_type, is_held, nothing_rang, password,
    prompt_comes_first, ring, ring_on_enter, ring_shown, type_nothing, wrong_code,
    wrong_then_right,
};
use crate::TestCase;
use crate::log::{lines, logged, logged_with};
use crate::machine::{
    Machine, PASSWORD, PROMPTLY, USER_ID, append, configure, counts, piped, stack, sudo_version,
    tenant_goes_down, terminal,
};
use crate::phone::Phone;
use crate::terminal::Terminal;

const SUDO: &str = "/usr/bin/sudo";
const SUDO_RS: &str = "/usr/bin/sudo-rs";

pub const CASES: &[TestCase] = &[
    TestCase::new("sudo/approve", SUDO, approve),
    TestCase::new("sudo/prompt-first", SUDO, prompt_first),
    TestCase::new("sudo/wrong-code", SUDO, wrong_code_typed),
    TestCase::new("sudo/decline", SUDO, decline),
    TestCase::new("sudo/no-answer", SUDO, no_answer),
    TestCase::new("sudo/tenant-down", SUDO, tenant_down),
    TestCase::new("sudo/wrong-password", SUDO, wrong_password),
    TestCase::new("sudo/ctrl-c", SUDO, ctrl_c),
    TestCase::new("sudo/ctrl-c-at-the-prompt", SUDO, ctrl_c_at_the_prompt),
    TestCase::new("sudo/no-terminal", SUDO, no_terminal),
    TestCase::new("sudo/non-interactive", SUDO, non_interactive),
    TestCase::new("sudo/password-from-stdin", SUDO, from_stdin),
    TestCase::new("sudo/login-shell", SUDO, login_shell),
    TestCase::new("sudo/show", SUDO, show),
    TestCase::new("sudo/environment", SUDO, environment),
    speaking("sudo/speaking-approve", speaking_approve),
    speaking("sudo/speaking-decline", speaking_decline),
    speaking("sudo/speaking-show", speaking_show),
    TestCase::new("sudo-rs/approve", SUDO_RS, approve),
    TestCase::new("sudo-rs/prompt-first", SUDO_RS, prompt_first),
    TestCase::new("sudo-rs/wrong-code", SUDO_RS, wrong_code_typed),
    TestCase::new("sudo-rs/decline", SUDO_RS, decline),
    TestCase::new("sudo-rs/no-answer", SUDO_RS, no_answer),
    TestCase::new("sudo-rs/tenant-down", SUDO_RS, tenant_down),
    TestCase::new("sudo-rs/wrong-password", SUDO_RS, wrong_password),
    TestCase::new("sudo-rs/ctrl-c", SUDO_RS, ctrl_c),
    TestCase::new(
        "sudo-rs/ctrl-c-at-the-prompt",
        SUDO_RS,
        ctrl_c_at_the_prompt,
    ),
    TestCase::new("sudo-rs/no-terminal", SUDO_RS, no_terminal),
    TestCase::new("sudo-rs/non-interactive", SUDO_RS, non_interactive),
    TestCase::new("sudo-rs/password-from-stdin", SUDO_RS, from_stdin),
    TestCase::new("sudo-rs/login-shell", SUDO_RS, login_shell),
    TestCase::new("sudo-rs/show", SUDO_RS, show),
    TestCase::new("sudo-rs/environment", SUDO_RS, environment),
];

const RINGING: &str = "pam_logonbox(sudo:auth): ringing user=\"lee\"";
const DECLINED: &str = "pam_logonbox(sudo:auth): declined user=\"lee\"";

/// A case for versions of sudo that have the setting `pam_silent`.
const fn speaking(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase {
        name,
        program: SUDO,
        without: |_| (sudo_version() < (1, 9, 16)).then_some("its sudo knows no pam_silent"),
        run,
    }
}

/// Sets up the host as the README says.
fn set_up(more: &str) {
    stack("sudo", "sudo");
    stack("sudo-i", "sudo-i");
    configure(more);
}

/// Starts sudo and types the right password.
#[track_caller]
fn with_password(machine: &Machine, arguments: &[&str]) -> Terminal {
    let terminal = terminal(USER_ID, machine.program, arguments);
    password(machine, &terminal, "assword", PASSWORD);
    terminal
}

#[track_caller]
fn is_in(machine: &Machine, terminal: &mut Terminal) {
    assert!(terminal.end().success(), "{}", terminal.screen());
    assert!(terminal.has_line("root"), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), 1);
}

#[track_caller]
fn is_out(machine: &Machine, terminal: &mut Terminal, rings: usize) {
    assert!(!terminal.end().success(), "{}", terminal.screen());
    assert!(!terminal.has_line("root"), "{}", terminal.screen());
    assert_eq!(machine.phone.rings(), rings);
}

fn approve(machine: &mut Machine) {
    set_up("");
    let mut terminal = with_password(machine, &["id", "-un"]);
    let ring = ring(machine, &terminal);
    assert!(
        ring.text.contains(" (sudo) from /dev/pts/"),
        "{}",
        ring.text
    );
    approve_and_type(machine, &terminal, &ring);
    is_in(machine, &mut terminal);
    assert_eq!(counts(), 0);
    logged(&[
        RINGING,
        "pam_logonbox(sudo:auth): approved user=\"lee\" account=\"lee\"",
    ]);
}

fn prompt_first(machine: &mut Machine) {
    set_up(NO_LIMIT);
    prompt_comes_first(machine, || {
        let terminal = terminal(USER_ID, machine.program, &["-k", "id", "-un"]);
        terminal.see("assword");
        terminal.answer(PASSWORD);
        terminal
    });
}

/// sudo would ask three times; the phone rings once.
fn wrong_code_typed(machine: &mut Machine) {
    set_up("");
    let mut terminal = with_password(machine, &["id", "-un"]);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    let typed = Instant::now();
    terminal.answer(&wrong_code(&ring));
    is_held(&mut terminal, typed);
    is_out(machine, &mut terminal, 1);
    assert_eq!(counts(), 1);
    logged(&[RINGING, "pam_logonbox(sudo:auth): wrong-code user=\"lee\""]);
    logged_with("reason=\"the phone had approved\"");
}

fn decline(machine: &mut Machine) {
    set_up("");
    let mut terminal = with_password(machine, &["id", "-un"]);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    let typed = Instant::now();
    type_nothing(&terminal);
    is_held(&mut terminal, typed);
    is_out(machine, &mut terminal, 1);
    logged(&[RINGING, DECLINED]);
}

/// The right code, but no approval.
fn no_answer(machine: &mut Machine) {
    set_up("[wait]\nlogin_seconds = 5");
    let mut terminal = with_password(machine, &["id", "-un"]);
    let ring = ring(machine, &terminal);
    terminal.answer(&Phone::code(&ring));
    is_out(machine, &mut terminal, 1);
    logged(&[RINGING, "pam_logonbox(sudo:auth): timed-out user=\"lee\""]);
}

/// sudo asks three times, sudo-rs once. No phone rings.
fn tenant_down(machine: &mut Machine) {
    tenant_goes_down();
    set_up("");
    let mut terminal = terminal(USER_ID, machine.program, &["id", "-un"]);
    let tries = if machine.program == SUDO { 3 } else { 1 };
    for times in 1..=tries {
        terminal.see_times("assword", times);
        terminal.answer(PASSWORD);
        terminal.see_times(PROMPT, times);
        type_nothing(&terminal);
    }
    is_out(machine, &mut terminal, 0);
    nothing_rang(machine);
    logged(&["pam_logonbox(sudo:auth): unreachable user=\"lee\""].repeat(tries));
}

fn wrong_password(machine: &mut Machine) {
    set_up("");
    let mut terminal = terminal(USER_ID, machine.program, &["id", "-un"]);
    for times in 1..=3 {
        terminal.see_times("assword", times);
        terminal.answer("wrong");
    }
    is_out(machine, &mut terminal, 0);
    machine.phone.is_left_alone();
    logged(&[]);
}

/// Ctrl-C ends the wait for the phone at once.
fn ctrl_c(machine: &mut Machine) {
    set_up("");
    let mut terminal = with_password(machine, &["id", "-un"]);
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
    logged(&[RINGING, "pam_logonbox(sudo:auth): interrupted user=\"lee\""]);
}

/// Ctrl-C at the prompt. sudo tells the module, which holds the refusal; sudo-rs ends at once.
fn ctrl_c_at_the_prompt(machine: &mut Machine) {
    set_up("");
    let mut terminal = with_password(machine, &["id", "-un"]);
    ring(machine, &terminal);
    let pressed = Instant::now();
    terminal.press("\x03");
    is_out(machine, &mut terminal, 1);
    let took = pressed.elapsed();
    assert!(took < PROMPTLY, "{took:?} from Ctrl-C to the end");
    machine.phone.hung_up();
    assert_eq!(counts(), 1);
    if machine.program == SUDO {
        logged(&[
            RINGING,
            "pam_logonbox(sudo:auth): conversation user=\"lee\"",
        ]);
        logged_with("reason=\"the person broke off; the phone had not approved\"");
    } else {
        logged(&[RINGING]);
    }
}

/// A program without a terminal cannot ask: no push, and no count.
fn no_terminal(machine: &mut Machine) {
    set_up("");
    let output = piped(USER_ID, machine.program, &["id", "-un"], "").end();
    assert!(!output.status.success(), "{output:?}");
    machine.phone.is_left_alone();
    logged(&[]);
    // A stack that asks for no password comes to the module.
    only_the_module("sudo");
    let output = piped(USER_ID, machine.program, &["id", "-un"], "").end();
    assert!(!output.status.success(), "{output:?}");
    nothing_rang(machine);
    let before = lines();
    let conversation = "pam_logonbox(sudo:auth): conversation user=\"lee\"";
    assert!(!before.is_empty(), "{}", crate::log::all());
    assert!(
        before.iter().all(|line| line.starts_with(conversation)),
        "{before:#?}"
    );
    // With a terminal, the login works. The login before may have asked for the keys.
    set_up("");
    let mut terminal = terminal(USER_ID, machine.program, &["id", "-un"]);
    terminal.see("assword");
    terminal.answer(PASSWORD);
    let ring = ring(machine, &terminal);
    approve_and_type(machine, &terminal, &ring);
    is_in(machine, &mut terminal);
}

/// `sudo -n` asks nothing: no push, and no count.
fn non_interactive(machine: &mut Machine) {
    for asks_password in [true, false] {
        set_up("");
        if !asks_password {
            only_the_module("sudo");
            // From 1.9.10 on, sudo -n can ask PAM.
            if machine.program == SUDO && sudo_version() >= (1, 9, 10) {
                append("/etc/sudoers.d/lee", "Defaults noninteractive_auth\n");
            }
        }
        let mut terminal = terminal(USER_ID, machine.program, &["-n", "id", "-un"]);
        is_out(machine, &mut terminal, 0);
        nothing_rang(machine);
    }
}

/// A script that knows the password still needs the phone.
fn from_stdin(machine: &mut Machine) {
    set_up("");
    let password = format!("{PASSWORD}\n");
    let start = || piped(USER_ID, machine.program, &["-S", "id", "-un"], &password);
    let output = start().end();
    assert!(!output.status.success(), "{output:?}");
    nothing_rang(machine);
    let mut running = start();
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Authorize);
    running.write(&format!("{}\n", Phone::code(&ring)));
    let output = running.end();
    assert_eq!(output.stdout, b"root\n", "{output:?}");
    assert_eq!(machine.phone.rings(), 1);
}

/// `sudo -i` is a separate service on newer systems.
fn login_shell(machine: &mut Machine) {
    set_up("");
    let mut terminal = terminal(USER_ID, machine.program, &["-i", "id", "-un"]);
    wrong_then_right(machine, &terminal, "assword");
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    terminal.answer(&Phone::code(&ring));
    is_out(machine, &mut terminal, 1);
    logged(&["pam_logonbox(sudo"; 2]);
    logged_with(":auth): declined ");
}

/// The announcement is a prompt, because sudo asks modules for silence.
fn show(machine: &mut Machine) {
    set_up(SHOW);
    let mut terminal = with_password(machine, &["id", "-un"]);
    let ring = ring_on_enter(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    is_in(machine, &mut terminal);
    logged(&[RINGING, "pam_logonbox(sudo:auth): approved user=\"lee\""]);
}

/// The caller's variables point to this directory.
const LIES: &str = "/tmp/lies";

/// Variables that a caller may set, and that sudo may keep while PAM runs as root.
const VARIABLES: &[&str] = &[
    // Another proxy, another tenant, and other CAs.
    "http_proxy=http://127.0.0.1:9",
    "https_proxy=http://127.0.0.1:9",
    "HTTPS_PROXY=http://127.0.0.1:9",
    "ALL_PROXY=socks5://127.0.0.1:9",
    "NO_PROXY=evil.example",
    "SSL_CERT_FILE=/dev/null",
    "SSL_CERT_DIR=/tmp/lies",
    "SSLKEYLOGFILE=/tmp/lies/keys",
    "OPENSSL_CONF=/tmp/lies/openssl.cnf",
    // Name resolution.
    "RES_OPTIONS=use-vc timeout:1 attempts:1 ndots:15",
    "LOCALDOMAIN=evil.example",
    "HOSTALIASES=/tmp/lies/aliases",
    "RESOLV_HOST_CONF=/tmp/lies/host.conf",
    // Rust, the libraries and their logs.
    "RUST_LOG=trace",
    "RUST_BACKTRACE=full",
    "RUST_MIN_STACK=1",
    "TOKIO_WORKER_THREADS=0",
    // The C library and its loader.
    "MALLOC_ARENA_MAX=1",
    "MALLOC_CHECK_=3",
    "MALLOC_PERTURB_=255",
    "MALLOC_TRACE=/tmp/lies/malloc",
    "GLIBC_TUNABLES=glibc.malloc.check=3",
    "LD_PRELOAD=/tmp/lies/evil.so",
    "LD_LIBRARY_PATH=/tmp/lies",
    "LD_DEBUG=all",
    "LD_DEBUG_OUTPUT=/tmp/lies/loader",
    "LD_PROFILE=pam_logonbox.so",
    "LD_PROFILE_OUTPUT=/tmp/lies",
    "GCONV_PATH=/tmp/lies",
    "NLSPATH=/tmp/lies/%N",
    // Directories and names.
    "TMPDIR=/tmp/lies",
    "HOME=/tmp/lies",
    "XDG_CONFIG_HOME=/tmp/lies",
    "XDG_RUNTIME_DIR=/tmp/lies",
    "TZ=:/etc/shadow",
    "TZDIR=/tmp/lies",
    "LANG=tr_TR.UTF-8",
    "LC_CTYPE=tr_TR",
    "USER=root",
    "LOGNAME=root",
    "SUDO_USER=root",
    "PAM_USER=root",
    "SSH_CONNECTION=203.0.113.1 1 203.0.113.2 22",
];

/// The decision and the bytes to the tenant stay the same, and no file is written. Seen to fail in
/// sudo-rs, where a file was written below `HOME`.
fn environment(machine: &mut Machine) {
    set_up("");
    fs::create_dir(LIES).expect(LIES);
    chown(LIES, Some(USER_ID), Some(USER_ID)).expect(LIES);
    // Forget the password that sudo remembers.
    let command = [machine.program, "-k", "id", "-un"];
    let mut plain = Vec::new();
    for variables in [&[][..], VARIABLES] {
        let arguments = [variables, &command].concat();
        let mut terminal = terminal(USER_ID, "/usr/bin/env", &arguments);
        terminal.see("assword");
        terminal.answer(PASSWORD);
        let ring = ring(machine, &terminal);
        approve_and_type(machine, &terminal, &ring);
        assert!(terminal.end().success(), "{}", terminal.screen());
        assert!(terminal.has_line("root"), "{}", terminal.screen());
        if variables.is_empty() {
            plain = machine.phone.requests();
        }
    }
    let mut twice = [plain.clone(), plain].concat();
    let mut all = machine.phone.requests();
    twice.sort();
    all.sort();
    assert_eq!(all, twice);
    let written: Vec<_> = fs::read_dir(LIES).expect(LIES).collect();
    assert!(written.is_empty(), "{written:?}");
    let approved = "pam_logonbox(sudo:auth): approved user=\"lee\" account=\"lee\"";
    logged(&[RINGING, approved].repeat(2));
}

/// With `Defaults !pam_silent`, sudo shows all messages.
fn let_speak(machine: &Machine) -> Terminal {
    stack("sudo", "sudo");
    append("/etc/sudoers.d/lee", "Defaults !pam_silent\n");
    with_password(machine, &["id", "-un"])
}

fn speaking_approve(machine: &mut Machine) {
    let mut terminal = let_speak(machine);
    let ring = ring(machine, &terminal);
    approve_and_type(machine, &terminal, &ring);
    is_in(machine, &mut terminal);
}

fn speaking_decline(machine: &mut Machine) {
    let mut terminal = let_speak(machine);
    let ring = ring(machine, &terminal);
    machine.phone.press(&ring, Press::Decline);
    terminal.answer(&Phone::code(&ring));
    terminal.see("Login denied on the phone.");
    is_out(machine, &mut terminal, 1);
}

/// The announcement is information here, and the phone rings without Enter.
fn speaking_show(machine: &mut Machine) {
    configure(SHOW);
    let mut terminal = let_speak(machine);
    let ring = ring_shown(machine, &terminal);
    machine.phone.press(&ring, Press::Authorize);
    is_in(machine, &mut terminal);
}
