//! Airlock's login flow: the device list, the QR code on the screen, read by a camera, and the OTP
//! of a hardware token.

use std::fs;

use tenant::Token;

use crate::TestCase;
use crate::camera::{Background, scan};
use crate::log::{logged, logged_with};
use crate::machine::{Machine, PASSWORD, USER_ID, configure_airlock, stack, terminal};
use crate::sshd::{Sshd, ssh};
use crate::terminal::Terminal;

/// The user's password at Airlock. It differs from the one on this host.
const AIRLOCK_PASSWORD: &str = "correct-horse";
const SERIAL: &str = "GAQT12345678";

pub const CASES: &[TestCase] = &[
    sshd("airlock/sshd-dark", on_dark),
    sshd("airlock/sshd-light", on_light),
    sshd("airlock/sshd-c-locale-dark", c_locale_on_dark),
    sshd("airlock/sshd-c-locale-light", c_locale_on_light),
    sshd("airlock/sshd-wrong-otp", wrong_otp),
    sshd("airlock/sshd-wrong-password", wrong_password),
    sshd("airlock/sshd-no-drawing", no_drawing),
    sshd("airlock/sshd-one-touch", one_touch),
    sshd("airlock/sshd-password-method", password_method),
    sshd("airlock/sshd-password-of-the-stack", password_of_the_stack),
    sshd("airlock/sshd-unknown-user", unknown_user),
    TestCase::new("airlock/sudo", "/usr/bin/sudo", sudo),
    TestCase::new("airlock/sudo-rs", "/usr/bin/sudo-rs", sudo),
    TestCase::new("airlock/su", "/usr/bin/su", su),
    TestCase::new("airlock/login", "/usr/bin/login", login),
];

const fn sshd(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/sbin/sshd", run)
}

/// Starts sshd with Airlock's password as the first factor.
fn start(more: &str) -> Sshd {
    stack("sshd", "sshd-airlock");
    configure_airlock(more);
    Sshd::start("00-logonbox.conf")
}

/// Scans the screen with the token.
#[track_caller]
fn otp(terminal: &Terminal, background: Background) -> String {
    let seen = scan(terminal, background);
    let [payload] = &seen[..] else {
        panic!("{} codes on the screen", seen.len());
    };
    Token::new(SERIAL)
        .answer(payload)
        .expect("a code for this token")
}

/// Types the password and chooses the token.
#[track_caller]
fn choose_token(terminal: &Terminal) {
    terminal.see("Password:");
    terminal.answer(AIRLOCK_PASSWORD);
    terminal.see("Device (1-3):");
    for line in [
        "  1. Lee's iPhone (IOS)",
        "  2. GAQT12345678 (HWTOKEN)",
        "  3. GAQT87654321 (HWTOKEN)",
    ] {
        assert!(terminal.has_line(line), "{}", terminal.screen());
    }
    terminal.answer("2");
    terminal.see("OTP:");
}

#[track_caller]
fn is_in(machine: &Machine, client: &mut Terminal) {
    client.answer("echo in-$((40+2))");
    client.see("in-42");
    client.answer("exit");
    assert!(client.end().success());
    assert_eq!(machine.phone.airlock_calls("/password/check/"), 1);
    assert_eq!(machine.phone.airlock_sessions(), 0, "logged out");
}

#[track_caller]
fn is_out(machine: &Machine, client: &mut Terminal, otps: usize) {
    assert!(!client.end().success(), "{}", client.screen());
    assert_eq!(machine.phone.airlock_calls("/password/check/"), 1);
    assert_eq!(machine.phone.airlock_calls("/otp/check/"), otps);
}

fn on_dark(machine: &mut Machine) {
    in_colours(machine, "C.UTF-8", "unicode", Background::Dark);
}

fn on_light(machine: &mut Machine) {
    in_colours(machine, "C.UTF-8", "unicode", Background::Light);
}

fn c_locale_on_dark(machine: &mut Machine) {
    in_colours(machine, "C", "ascii", Background::Dark);
}

fn c_locale_on_light(machine: &mut Machine) {
    in_colours(machine, "C", "ascii", Background::Light);
}

fn in_colours(machine: &mut Machine, locale: &str, style: &str, background: Background) {
    let colour = match background {
        Background::Dark => "dark",
        Background::Light => "light",
    };
    let _sshd = start(&format!(
        "[conversation]\nqr = {style:?}\nqr_background = {colour:?}"
    ));
    let mut client = Terminal::start(0, locale, "ssh", &["lee@localhost"]);
    choose_token(&client);
    let otp = otp(&client, background);
    // The simulated token reads the same code from the text.
    let read = Token::new(SERIAL).read(&client.screen());
    assert_eq!(read.ok().as_deref(), Some(&*otp));
    assert_eq!(client.raw().is_ascii(), style == "ascii");
    client.answer(&otp);
    is_in(machine, &mut client);
    logged(&["pam_logonbox(sshd:auth): approved user=\"lee\" account=\"lee\" rhost=\""]);
    logged_with("device=\"GAQT12345678\"");
    assert!(!crate::log::all().contains(&otp) && !crate::log::all().contains(AIRLOCK_PASSWORD));
}

fn wrong_otp(machine: &mut Machine) {
    let _sshd = start("");
    let mut client = ssh(&["lee@localhost"]);
    choose_token(&client);
    client.answer("000000");
    client.see("That OTP was wrong. Try again.");
    client.see_times("OTP:", 2);
    let right = otp(&client, Background::Dark);
    client.answer(&right);
    is_in(machine, &mut client);
}

/// sshd does not ask again by itself, because each wrong password counts towards a lock.
fn wrong_password(machine: &mut Machine) {
    let _sshd = start("");
    let mut client = ssh(&["lee@localhost"]);
    client.see("Password:");
    client.answer(PASSWORD);
    client.see("Login refused.");
    is_out(machine, &mut client, 0);
    logged(&["pam_logonbox(sshd:auth): wrong-password user=\"lee\""]);
}

fn no_drawing(machine: &mut Machine) {
    let _sshd = start("[conversation]\nqr = \"none\"");
    let mut client = ssh(&["lee@localhost"]);
    choose_token(&client);
    client.see("The QR code is not shown here.");
    for times in 1..=3 {
        client.see_times("OTP:", times);
        client.answer("000000");
    }
    client.see("Login refused.");
    is_out(machine, &mut client, 3);
    logged(&["pam_logonbox(sshd:auth): wrong-otp user=\"lee\""]);
}

fn one_touch(machine: &mut Machine) {
    let _sshd = start("");
    let mut client = ssh(&["lee@localhost"]);
    client.see("Password:");
    client.answer(AIRLOCK_PASSWORD);
    client.see("Device (1-3):");
    client.answer("1");
    client.see("Approve the request on your phone on Lee's iPhone.");
    client.see("Press Enter to go on:");
    client.answer("");
    is_in(machine, &mut client);
    assert_eq!(machine.phone.airlock_calls("/status/poll/"), 3);
    logged(&[
        "pam_logonbox(sshd:auth): ringing user=\"lee\"",
        "pam_logonbox(sshd:auth): approved user=\"lee\"",
    ]);
}

/// The client answers every question with the password, or no question.
fn password_method(machine: &mut Machine) {
    stack("sshd", "sshd-airlock");
    configure_airlock("");
    let _sshd = Sshd::start_with(
        "UsePAM yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n\
         ChallengeResponseAuthentication no\n",
    );
    let mut client = ssh(&["lee@localhost"]);
    client.see("lee@localhost's password:");
    client.answer(AIRLOCK_PASSWORD);
    is_out(machine, &mut client, 0);
    logged(&["pam_logonbox(sshd:auth): conversation user=\"lee\""]);
    logged_with("use keyboard-interactive");
}

/// The host and Airlock have the same password. The host asks for it once.
fn password_of_the_stack(machine: &mut Machine) {
    stack("sshd", "sshd");
    configure_airlock("password = \"stack\"");
    // As if both used the same directory.
    crate::machine::set_password("lee", AIRLOCK_PASSWORD);
    let _sshd = Sshd::start("00-logonbox.conf");
    let mut client = ssh(&["lee@localhost"]);
    choose_token(&client);
    let otp = otp(&client, Background::Dark);
    client.answer(&otp);
    is_in(machine, &mut client);
    assert_eq!(client.screen().matches("Password:").count(), 1);
}

/// An unknown user sees the same as a user with a wrong password. Airlock gets neither the name nor
/// the password.
fn unknown_user(machine: &mut Machine) {
    let _sshd = start("");
    let wrong = |user: &str| {
        let mut client = ssh(&[&format!("{user}@localhost")]);
        client.see("Password:");
        client.answer(PASSWORD);
        assert!(!client.end().success());
        client.screen().replace(user, "USER")
    };
    let unknown = wrong("nobody-such");
    assert_eq!(machine.phone.airlock_calls("/password/check/"), 0);
    assert_eq!(
        machine.phone.airlock_calls("/flow/"),
        2,
        "begun and given up"
    );
    assert_eq!(unknown, wrong("lee"));
    assert!(unknown.contains("Login refused."), "{unknown}");
    logged(&[
        "pam_logonbox(sshd:auth): unknown-user user=\"nobody-such\"",
        "pam_logonbox(sshd:auth): wrong-password user=\"lee\"",
    ]);
}

/// The service file with the two lines of the example for sshd.
pub fn only_the_module(service: &str) {
    let path = format!("/etc/pam.d/{service}");
    let text = "auth [success=done ignore=ignore default=die] pam_logonbox.so\n\
                auth requisite pam_deny.so\n\
                account required pam_unix.so\n\
                session required pam_permit.so\n";
    fs::write(&path, text).expect(&path);
}

fn sudo(machine: &mut Machine) {
    only_the_module("sudo");
    configure_airlock("");
    let mut terminal = terminal(USER_ID, machine.program, &["id", "-un"]);
    with_token(machine, &mut terminal, "root");
}

fn su(machine: &mut Machine) {
    only_the_module("su");
    configure_airlock("");
    let mut terminal = terminal(crate::machine::OTHER_ID, "su", &["lee", "-c", "id -un"]);
    with_token(machine, &mut terminal, "lee");
}

fn login(machine: &mut Machine) {
    only_the_module("login");
    configure_airlock("");
    let mut terminal = terminal(0, "login", &[]);
    terminal.see("login:");
    terminal.answer("lee");
    answer_with_token(&terminal);
    // Text that is typed before the shell starts is lost.
    terminal.see("$ ");
    terminal.answer("echo in-$((40+2))");
    terminal.see("in-42");
    terminal.answer("exit");
    terminal.end();
    assert_eq!(machine.phone.airlock_sessions(), 0);
    logged(&["pam_logonbox(login:auth): approved user=\"lee\""]);
}

#[track_caller]
pub fn answer_with_token(terminal: &Terminal) {
    terminal.see("assword");
    terminal.answer(AIRLOCK_PASSWORD);
    terminal.see("Device (1-3):");
    terminal.answer("2");
    terminal.see("OTP:");
    terminal.answer(&otp(terminal, Background::Dark));
}

#[track_caller]
fn with_token(machine: &Machine, terminal: &mut Terminal, becomes: &str) {
    answer_with_token(terminal);
    assert!(terminal.end().success(), "{}", terminal.screen());
    assert!(terminal.has_line(becomes), "{}", terminal.screen());
    assert_eq!(machine.phone.airlock_sessions(), 0);
}
