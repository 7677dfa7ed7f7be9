//! lightdm with its GTK greeter, on a display.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tenant::Press;

use super::check::check_finds;
use super::{CANNOT_PROMPT, PROMPT, SHOW, wrong_code};
use crate::TestCase;
use crate::display::{Display, xvfb};
use crate::log::{logged, logged_with};
use crate::machine::{
    Machine, PASSWORD, add_module, background, configure, counts, system_bus, wait_until,
};
use crate::phone::Phone;

pub const CASES: &[TestCase] = &[
    case("lightdm/type", typed),
    case("lightdm/refused", refused),
    case("lightdm/show", show),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/sbin/lightdm", run)
}

const RINGING: &str = "pam_logonbox(lightdm:auth): ringing user=\"lee\"";
/// The greeter replaces the module's message with its own, "Your password is incorrect. Please try
/// again.", of which this is what tesseract reads.
const REFUSED: &str = "is incorrect.";
/// The session writes the name of its user here.
const SESSION: &str = "/tmp/session";

/// Starts lightdm, up to the greeter.
fn greeter() -> Display {
    add_module("lightdm");
    assert!(!check_finds(CANNOT_PROMPT));
    system_bus();
    // Of the arguments for Xorg, the first is the display, and the fifth the file with the cookie.
    script("xserver", &xvfb("$1 -auth $5"));
    script("session", &format!("id -un >{SESSION}; exec sleep 100"));
    fs::create_dir_all("/usr/share/xsessions").expect("/usr/share/xsessions");
    let session = "[Desktop Entry]\nType=Application\nName=Test\nExec=/usr/local/bin/session\n";
    fs::write("/usr/share/xsessions/test.desktop", session).expect("a session");
    let configuration = "[LightDM]\nminimum-display-number=9\n[Seat:*]\nuser-session=test\n\
                         xserver-command=/usr/local/bin/xserver\n";
    fs::write("/etc/lightdm/lightdm.conf", configuration).expect("lightdm.conf");
    background("lightdm", &[]);
    let display = Display::wait_for(":9", "/var/run/lightdm/root/:9");
    display.see("Log In");
    display
}

/// Waits until lightdm has passed this many messages of PAM to the greeter.
#[track_caller]
fn messages(count: usize) {
    wait_until("the greeter has the message", || {
        let log = fs::read_to_string("/var/log/lightdm/lightdm.log").unwrap_or_default();
        log.matches("Prompt greeter with 1 message(s)").count() >= count
    });
}

/// Types the name and the password.
#[track_caller]
fn log_in(machine: &Machine, display: &Display) {
    messages(1);
    display.answer("lee");
    messages(2);
    machine.phone.is_left_alone();
    display.answer(PASSWORD);
}

fn script(name: &str, text: &str) {
    let path = format!("/usr/local/bin/{name}");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect(&path);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect(&path);
}

/// The prompt as the greeter shows it.
fn prompt() -> &'static str {
    PROMPT.trim_end_matches(':')
}

fn is_out() -> bool {
    !fs::exists(SESSION).unwrap_or_default()
}

#[track_caller]
fn is_in() {
    wait_until("the session has started", || {
        fs::read_to_string(SESSION).is_ok_and(|text| text == "lee\n")
    });
}

fn typed(machine: &mut Machine) {
    let display = greeter();
    log_in(machine, &display);
    let ring = machine.phone.ring();
    assert!(ring.text.contains(" (lightdm) "), "{}", ring.text);
    display.see(prompt());
    let code = Phone::code(&ring);
    display.write(&code);
    // The greeter shows what is typed.
    display.see(&code);
    display.screenshot("lightdm-type");
    assert!(is_out());
    machine.phone.press(&ring, Press::Authorize);
    display.answer("");
    is_in();
    assert_eq!((machine.phone.rings(), counts()), (1, 0));
    logged(&[RINGING, "pam_logonbox(lightdm:auth): approved user=\"lee\""]);
}

/// After a refusal, the greeter asks for the password again, and no phone rings before.
fn refused(machine: &mut Machine) {
    let display = greeter();
    log_in(machine, &display);
    let ring = machine.phone.ring();
    display.see(prompt());
    machine.phone.press(&ring, Press::Authorize);
    display.answer(&wrong_code(&ring));
    display.see(REFUSED);
    display.screenshot("lightdm-refused");
    machine.phone.stays_silent(1);
    assert!(is_out());
    logged(&[
        RINGING,
        "pam_logonbox(lightdm:auth): wrong-code user=\"lee\"",
    ]);
    logged_with("reason=\"the phone had approved\"");
}

/// The greeter shows the code while the phone rings.
fn show(machine: &mut Machine) {
    configure(SHOW);
    let display = greeter();
    log_in(machine, &display);
    let ring = machine.phone.ring();
    let code = ring.code().expect("a code");
    display.see(&format!("Approve the request on your phone. Code: {code}"));
    display.screenshot("lightdm-show");
    machine.phone.press(&ring, Press::Decline);
    display.see(REFUSED);
    machine.phone.stays_silent(1);
    assert!(is_out());
    logged(&[RINGING, "pam_logonbox(lightdm:auth): declined user=\"lee\""]);

    // The announcement, the refusal, and the prompt for the password.
    messages(5);
    display.answer(PASSWORD);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Authorize);
    is_in();
    assert_eq!(machine.phone.rings(), 2);
}
