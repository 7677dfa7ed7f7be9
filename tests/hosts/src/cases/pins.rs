//! Pinned keys in the real /etc.

use std::fs;

use tenant::{Account, Press};

use super::{PROMPT, approve_and_type, password, ring};
use crate::TestCase;
use crate::log::{logged, logged_with};
use crate::machine::{Machine, PASSWORD, USER, command, stack, wait_until};
use crate::phone::Phone;
use crate::sshd::{Sshd, ssh};
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("pins/approve", approve),
    case("pins/published-by-a-stranger", published_by_a_stranger),
    case("pins/required-and-missing", required_and_missing),
    case("pins/writable-by-others", writable_by_others),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/sbin/sshd", run)
}

const RINGING: &str = "pam_logonbox(sshd:auth): ringing user=\"lee\"";

const DIRECTORY: &str = "/etc/security/pam_logonbox.keys";

/// Pins the keys of an account for the user, as the README says.
pub fn pin(account: &Account) {
    command("install", &["-d", "-m", "0755", DIRECTORY]);
    let keys = account.all_keys();
    let lines: String = keys.iter().map(|key| key.line() + "\n").collect();
    fs::write(format!("{DIRECTORY}/{USER}"), lines).expect("a file");
}

/// Logs in with the right password, on a host with these pins.
fn log_in(machine: &Machine, pins: &str) -> (Sshd, Terminal) {
    crate::machine::configure(&format!("pins = {pins:?}"));
    stack("sshd", "sshd");
    let sshd = Sshd::start("00-logonbox.conf");
    let client = ssh(&["lee@localhost"]);
    password(machine, &client, "Password:", PASSWORD);
    (sshd, client)
}

/// The tenant's key list is not fetched.
fn approve(machine: &mut Machine) {
    pin(&Account::new(USER));
    let (_sshd, mut client) = log_in(machine, "required");
    let ring = ring(machine, &client);
    approve_and_type(machine, &client, &ring);
    client.answer("exit");
    assert!(client.end().success(), "{}", client.screen());
    let account = machine.phone.account();
    assert!(account.starts_with("push to \"lee\""), "{account}");
    logged(&[RINGING, "pam_logonbox(sshd:auth): approved user=\"lee\""]);
}

/// The tenant knows the pinned key, but signs with another one.
fn published_by_a_stranger(machine: &mut Machine) {
    pin(&Account::new(USER));
    let (_sshd, mut client) = log_in(machine, "if-present");
    let ring = ring(machine, &client);
    machine.phone.press(&ring, Press::WrongKey);
    client.answer(&Phone::code(&ring));
    client.see("Login refused.");
    assert!(!client.end().success());
    // The tenant publishes a key that is not the pinned one.
    pin(&Account::new("somebody else"));
    let mut client = ssh(&["lee@localhost"]);
    client.see("Password:");
    client.answer(PASSWORD);
    // No phone has this key, so that there is no code to read.
    client.see(PROMPT);
    wait_until("the push has left", || machine.phone.rings() == 2);
    client.answer("123456");
    client.see("The code is wrong. Login refused.");
    assert!(!client.end().success());
    let account = machine.phone.account();
    assert!(!account.contains("keys of"), "{account}");
    logged(&[
        RINGING,
        "pam_logonbox(sshd:auth): bad-signature user=\"lee\"",
        RINGING,
        "pam_logonbox(sshd:auth): wrong-code user=\"lee\"",
    ]);
}

/// The user sees the same as a user without a phone. sshd does not ask again.
fn required_and_missing(machine: &mut Machine) {
    let (_sshd, mut client) = log_in(machine, "required");
    client.see(PROMPT);
    client.answer("123456");
    client.see("The code is wrong. Login refused.");
    assert!(!client.end().success());
    machine.phone.is_left_alone();
    logged(&["pam_logonbox(sshd:auth): no-key user=\"lee\""]);
    logged_with("there is no /etc/security/pam_logonbox.keys/lee: run logonbox pin lee\"");
}

/// A user who can write to the directory could move the file away. The tenant's list must not be
/// used then.
fn writable_by_others(machine: &mut Machine) {
    pin(&Account::new(USER));
    command("chmod", &["o+w", DIRECTORY]);
    let (_sshd, client) = log_in(machine, "if-present");
    client.see("Login refused.");
    machine.phone.is_left_alone();
    drop(client);
    let expected = format!("{DIRECTORY}: can be written to by others (mode 757)");
    logged(&["pam_logonbox(sshd:auth): configuration user=\"lee\""]);
    logged_with(&expected);
}
