//! sshd: password or key, then the phone, with several clients.

use std::fs;

use tenant::{Press, Waiting};

use super::{enter, password, wrong_then_right};
use crate::TestCase;
use crate::log::{decisions, logged};
use crate::machine::{
    KEY, Machine, PASSWORD, command, configure, stack, tenant_goes_down, terminal,
};
use crate::sshd::{Sshd, ssh};
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("sshd/approve", approve),
    case("sshd/decline", decline),
    case("sshd/forged", forged),
    case("sshd/no-answer", no_answer),
    case("sshd/tenant-down", tenant_down),
    case("sshd/unknown-user", unknown_user),
    case("sshd/wrong-password-first", wrong_password_first),
    case("sshd/key-approve", key_approve),
    case("sshd/key-decline", key_decline),
    case("sshd/key-missing", key_missing),
    case("sshd/key-not-asked-for", key_not_asked_for),
    case("sshd/key-and-password", key_and_password),
    case("sshd/password-method-approve", password_method_approve),
    case("sshd/password-method-decline", password_method_decline),
    case("sshd/quiet-approve", quiet_approve),
    case("sshd/quiet-decline", quiet_decline),
    case("sshd/c-locale", c_locale),
    case("sshd/command", command_only),
    case("sshd/scp", scp),
    case("sshd/expired-account", expired_account),
    case("sshd/pam-auth-update", pam_auth_update),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/sbin/sshd", run)
}

/// Starts sshd as the README says: password, then the phone.
fn password_then_phone() -> Sshd {
    stack("sshd", "sshd");
    Sshd::start("00-logonbox.conf")
}

/// Starts sshd with a public key, then the phone, without a password.
fn key_then_phone() -> Sshd {
    stack("sshd", "sshd-publickey");
    Sshd::start("00-logonbox-publickey.conf")
}

/// Starts sshd with its `password` method alone and the same stack.
fn password_method() -> Sshd {
    stack("sshd", "sshd");
    Sshd::start_with(
        "UsePAM yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n\
         ChallengeResponseAuthentication no\n",
    )
}

/// Types the password, reads the announcement and presses Enter.
fn password_and_enter(machine: &Machine, client: &Terminal) -> Waiting {
    password(machine, client, "Password:", PASSWORD);
    enter(machine, client)
}

/// Expects that the user is in: the shell runs a command.
#[track_caller]
fn is_in(client: &mut Terminal) {
    client.answer("echo in-$((40+2))");
    client.see("in-42");
    client.answer("exit");
    assert!(client.end().success());
}

/// Expects that the client ends without a login, after this many rings in all.
#[track_caller]
fn is_out(machine: &Machine, client: &mut Terminal, rings: usize) {
    assert!(!client.end().success());
    assert_eq!(machine.phone.rings(), rings);
}

fn approve(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    let ring = password_and_enter(machine, &client);
    let local = ["::1", "127.0.0.1"].into_iter().find(|address| {
        let asks = format!(
            "lee wants to log in to {} (sshd) from {address}. Code: ",
            ring.remote_name
        );
        ring.text.starts_with(&asks)
    });
    let address = local.unwrap_or_else(|| panic!("{}", ring.text));
    machine.phone.press(&ring, Press::Authorize);
    is_in(&mut client);
    assert_eq!(machine.phone.rings(), 1);
    logged(&[&format!(
        "pam_logonbox(sshd:auth): approved user=\"lee\" account=\"lee\" rhost=\"{address}\" \
         device=\"LogonBox Key\" key=\"SHA256:"
    )]);
}

fn decline(machine: &mut Machine) {
    refused(
        machine,
        Press::Decline,
        "Login denied on the phone.",
        "declined",
    );
}

fn forged(machine: &mut Machine) {
    refused(machine, Press::WrongKey, "Login refused.", "bad-signature");
}

fn refused(machine: &mut Machine, press: Press, words: &str, word: &str) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    let ring = password_and_enter(machine, &client);
    machine.phone.press(&ring, press);
    client.see(words);
    is_out(machine, &mut client, 1);
    logged(&[&format!("pam_logonbox(sshd:auth): {word} user=\"lee\"")]);
}

fn no_answer(machine: &mut Machine) {
    configure("[wait]\nlogin_seconds = 5");
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    password_and_enter(machine, &client);
    client.see("No answer from the phone within 5 s.");
    is_out(machine, &mut client, 1);
    logged(&["pam_logonbox(sshd:auth): timed-out user=\"lee\""]);
}

/// sshd asks three times. No phone rings.
fn tenant_down(machine: &mut Machine) {
    tenant_goes_down();
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    for times in 1..=3 {
        client.see_times("Password:", times);
        client.answer(PASSWORD);
        client.see_times("Press Enter to send it:", times);
        client.answer("");
    }
    client.see("The login service cannot be reached.");
    is_out(machine, &mut client, 0);
    logged(&["pam_logonbox(sshd:auth): unreachable user=\"lee\""; 3]);
}

/// An unknown user sees the same as a user with a wrong password.
fn unknown_user(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let wrong_three_times = |user: &str| {
        let mut client = ssh(&[&format!("{user}@localhost")]);
        for times in 1..=3 {
            client.see_times("Password:", times);
            client.answer("wrong");
        }
        is_out(machine, &mut client, 0);
        client.screen().replace(user, "USER")
    };
    assert_eq!(wrong_three_times("nobody-such"), wrong_three_times("lee"));
    machine.phone.is_left_alone();
    logged(&[]);
}

fn wrong_password_first(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    wrong_then_right(machine, &client, "Password:");
    let ring = enter(machine, &client);
    machine.phone.press(&ring, Press::Authorize);
    is_in(&mut client);
    assert_eq!(machine.phone.rings(), 1);
}

fn key_approve(machine: &mut Machine) {
    let _sshd = key_then_phone();
    let mut client = ssh(&["-i", KEY, "lee@localhost"]);
    let ring = enter(machine, &client);
    machine.phone.press(&ring, Press::Authorize);
    is_in(&mut client);
    assert!(!client.screen().contains("assword"), "{}", client.screen());
    assert_eq!(machine.phone.rings(), 1);
}

fn key_decline(machine: &mut Machine) {
    let _sshd = key_then_phone();
    let mut client = ssh(&["-i", KEY, "lee@localhost"]);
    let ring = enter(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    client.see("Login denied on the phone.");
    // sshd offers no other method. The client then tries its own methods, with its own prompt.
    for times in 1..=3 {
        client.see_times_or_end("password:", times);
        if client.screen().matches("password:").count() >= times {
            client.answer(PASSWORD);
        }
    }
    is_out(machine, &mut client, 1);
}

fn key_missing(machine: &mut Machine) {
    let _sshd = key_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    is_out(machine, &mut client, 0);
    machine.phone.is_left_alone();
}

/// The stack without a password, under an sshd that does not require a key: every login is refused,
/// even while the module is ignored.
fn key_not_asked_for(machine: &mut Machine) {
    stack("sshd", "sshd-publickey");
    let _sshd = Sshd::start("00-logonbox.conf");
    let mut client = ssh(&["lee@localhost"]);
    is_out(machine, &mut client, 0);
    configure("[policy]\non_unavailable = \"ignore\"");
    tenant_goes_down();
    let mut client = ssh(&["lee@localhost"]);
    is_out(machine, &mut client, 0);
    machine.phone.is_left_alone();
}

fn key_and_password(machine: &mut Machine) {
    stack("sshd", "sshd");
    let config = "00-logonbox.conf";
    let _sshd = Sshd::start_changed(config, |text| text.replace("#Auth", "Auth"));
    for key in [&["-i", KEY][..], &[]] {
        let before = machine.phone.rings();
        let mut client = ssh(&[key, &["lee@localhost"]].concat());
        client.see("Password:");
        client.answer(PASSWORD);
        let ring = enter(machine, &client);
        machine.phone.press(&ring, Press::Authorize);
        is_in(&mut client);
        assert_eq!(machine.phone.rings(), before + 1);
    }
}

/// This method cannot show a message in time. It has to work nevertheless, with one ring.
fn password_method_approve(machine: &mut Machine) {
    let _sshd = password_method();
    let mut client = ssh(&["lee@localhost"]);
    client.see("lee@localhost's password:");
    client.answer(PASSWORD);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Authorize);
    is_in(&mut client);
    assert_eq!(machine.phone.rings(), 1);
    logged(&["pam_logonbox(sshd:auth): approved user=\"lee\""]);
    assert!(
        decisions().concat().contains("keyboard-interactive"),
        "{}",
        crate::log::all()
    );
}

fn password_method_decline(machine: &mut Machine) {
    let _sshd = password_method();
    let mut client = ssh(&["lee@localhost"]);
    client.see("lee@localhost's password:");
    client.answer(PASSWORD);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Decline);
    is_out(machine, &mut client, 1);
}

fn quiet_approve(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["-q", "lee@localhost"]);
    let ring = password_and_enter(machine, &client);
    machine.phone.press(&ring, Press::Authorize);
    is_in(&mut client);
    assert_eq!(machine.phone.rings(), 1);
}

fn quiet_decline(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["-q", "lee@localhost"]);
    let ring = password_and_enter(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    is_out(machine, &mut client, 1);
    logged(&["pam_logonbox(sshd:auth): declined user=\"lee\""]);
}

fn c_locale(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = Terminal::start(0, "C", "ssh", &["lee@localhost"]);
    let ring = password_and_enter(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    client.see("Login denied on the phone.");
    is_out(machine, &mut client, 1);
    let seen = client.raw();
    assert!(seen.is_ascii());
    // The client shows other characters as octal numbers.
    assert!(!seen.contains(&b'\\'), "{}", client.screen());
}

/// The output of a command is unchanged, because prompts go to the terminal.
fn command_only(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = terminal(
        0,
        "sh",
        &[
            "-c",
            "ssh lee@localhost 'echo hello; exit 7' >/tmp/out 2>/tmp/err",
        ],
    );
    let ring = password_and_enter(machine, &client);
    machine.phone.press(&ring, Press::Authorize);
    assert_eq!(client.end().code(), Some(7));
    assert_eq!(
        fs::read_to_string("/tmp/out").unwrap_or_default(),
        "hello\n"
    );
    assert_eq!(machine.phone.rings(), 1);
}

fn scp(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = terminal(0, "scp", &["/etc/hosts", "lee@localhost:copied"]);
    let ring = password_and_enter(machine, &client);
    machine.phone.press(&ring, Press::Authorize);
    assert!(client.end().success(), "{}", client.screen());
    assert_eq!(
        fs::read_to_string("/home/lee/copied").unwrap_or_default(),
        fs::read_to_string("/etc/hosts").unwrap_or_default()
    );
    assert_eq!(machine.phone.rings(), 1);
}

/// An approval does not admit a user whose account has expired.
fn expired_account(machine: &mut Machine) {
    command("chage", &["--expiredate", "1", "lee"]);
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    let ring = password_and_enter(machine, &client);
    machine.phone.press(&ring, Press::Authorize);
    is_out(machine, &mut client, 1);
}

/// The distribution's own stacks, with the profile enabled.
fn pam_auth_update(machine: &mut Machine) {
    command("pam-auth-update", &["--package", "--enable", "logonbox"]);
    let _sshd = Sshd::start("00-logonbox.conf");
    let mut client = ssh(&["lee@localhost"]);
    wrong_then_right(machine, &client, "Password:");
    let ring = enter(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    client.see("Login denied on the phone.");
    is_out(machine, &mut client, 1);

    let mut client = ssh(&["lee@localhost"]);
    client.see("Password:");
    client.answer(PASSWORD);
    let ring = enter(machine, &client);
    machine.phone.press(&ring, Press::Authorize);
    is_in(&mut client);
    assert_eq!(machine.phone.rings(), 2);
}
