//! sshd: password or key, then the phone, with several clients.

use std::fs;
use std::thread;
use std::time::Instant;

use tenant::{Press, Waiting};

use super::{
    BY_HAND, NO_LIMIT, PROMPT, SHORTEST_HOLD, SHOW, approve_and_type, is_held, nothing_rang,
    password, prompt_comes_first, ring, ring_on_enter, type_nothing, wrong_then_right,
};
use crate::TestCase;
use crate::log::{lines, logged, logged_with};
use crate::machine::{
    KEY, Machine, PASSWORD, command, configure, counts, piped, stack, tenant_goes_down, terminal,
    wait_until,
};
use crate::phone::Phone;
use crate::sshd::{Sshd, ssh};
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("sshd/approve", approve),
    case("sshd/prompt-first", prompt_first),
    case("sshd/prompt-first-command", prompt_first_command),
    case("sshd/prompt-first-scp", prompt_first_scp),
    case("sshd/prompt-first-c-locale", prompt_first_c_locale),
    case("sshd/code-first", code_first),
    case("sshd/wrong-code", wrong_code),
    case("sshd/wrong-code-unapproved", wrong_code_unapproved),
    case("sshd/wrong-code-declined", wrong_code_declined),
    case("sshd/decline", decline),
    case("sshd/decline-with-code", decline_with_code),
    case("sshd/forged", forged),
    case("sshd/no-answer", no_answer),
    case("sshd/enter", enter),
    case("sshd/tenant-down", tenant_down),
    case("sshd/unknown-user", unknown_user),
    case("sshd/unknown-user-types", unknown_user_types),
    case("sshd/wrong-password-first", wrong_password_first),
    case("sshd/key-approve", key_approve),
    case("sshd/key-decline", key_decline),
    case("sshd/key-missing", key_missing),
    case("sshd/key-not-asked-for", key_not_asked_for),
    case("sshd/key-and-password", key_and_password),
    case("sshd/password-method-type", password_method_type),
    case("sshd/password-method-hidden", password_method_hidden),
    case("sshd/password-method-show", password_method_show),
    case(
        "sshd/password-method-show-decline",
        password_method_show_decline,
    ),
    case("sshd/show", show),
    case("sshd/nobody-to-ask", nobody_to_ask),
    case("sshd/client-gone", client_gone),
    case("sshd/root-without-password", root_without_password),
    case("sshd/denied-user", denied_user),
    case("sshd/user-not-allowed", user_not_allowed),
    case("sshd/quiet-approve", quiet_approve),
    case("sshd/quiet-decline", quiet_decline),
    case("sshd/c-locale", c_locale),
    case("sshd/command", command_only),
    case("sshd/scp", scp),
    case("sshd/expired-account", expired_account),
    case("sshd/pam-auth-update", pam_auth_update),
];

const RINGING: &str = "pam_logonbox(sshd:auth): ringing user=\"lee\"";
const DECLINED: &str = "pam_logonbox(sshd:auth): declined user=\"lee\"";

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/sbin/sshd", run)
}

/// Starts sshd as the README says: password, then the phone.
pub(super) fn password_then_phone() -> Sshd {
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

/// Types the password, and waits for the prompt for the code and for the phone.
#[track_caller]
fn password_and_ring(machine: &Machine, client: &Terminal) -> Waiting {
    password(machine, client, "Password:", PASSWORD);
    ring(machine, client)
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
    let ring = password_and_ring(machine, &client);
    let local = ["::1", "127.0.0.1"].into_iter().find(|address| {
        let asks = format!(
            "lee wants to log in to {} (sshd) from {address}. Code: ",
            ring.remote_name
        );
        ring.text.starts_with(&asks)
    });
    let address = local.unwrap_or_else(|| panic!("{}", ring.text));
    approve_and_type(machine, &client, &ring);
    is_in(&mut client);
    assert_eq!(machine.phone.rings(), 1);
    assert_eq!(counts(), 0, "an approved login counts no longer");
    let line = |word: &str| {
        format!(
            "pam_logonbox(sshd:auth): {word} user=\"lee\" account=\"lee\" rhost=\"{address}\" \
             device=\"LogonBox Key\" key=\"SHA256:"
        )
    };
    logged(&[&line("ringing"), &line("approved")]);
    // Neither the code nor the question is in the log.
    assert!(!crate::log::all().contains(&Phone::code(&ring)));
}

fn prompt_first(machine: &mut Machine) {
    prompt_first_with(machine, || ssh(&["lee@localhost"]));
}

fn prompt_first_command(machine: &mut Machine) {
    prompt_first_with(machine, || ssh(&["lee@localhost", "id"]));
}

fn prompt_first_scp(machine: &mut Machine) {
    prompt_first_with(machine, || {
        terminal(0, "scp", &["/etc/hosts", "lee@localhost:copied"])
    });
}

fn prompt_first_c_locale(machine: &mut Machine) {
    prompt_first_with(machine, || {
        Terminal::start(0, "C", "ssh", &["lee@localhost"])
    });
}

#[track_caller]
fn prompt_first_with(machine: &Machine, start: impl Fn() -> Terminal) {
    configure(NO_LIMIT);
    let _sshd = password_then_phone();
    prompt_comes_first(machine, || {
        let client = start();
        client.see("Password:");
        client.answer(PASSWORD);
        client
    });
}

/// The code is typed before the phone is picked up, in two groups.
fn code_first(machine: &mut Machine) {
    let _sshd = password_then_phone();
    for between in [" ", "-"] {
        let mut client = ssh(&["lee@localhost"]);
        client.see("Password:");
        client.answer(PASSWORD);
        let ring = ring(machine, &client);
        let code = Phone::code(&ring);
        let (start, end) = code.split_at(3);
        client.answer(&format!("{start}{between}{end}"));
        client.see(&format!("{start}{between}{end}"));
        machine.phone.press(&ring, Press::Authorize);
        is_in(&mut client);
    }
}

/// Somebody has approved a stranger's request.
fn wrong_code(machine: &mut Machine) {
    wrong(machine, Some(Press::Authorize), "the phone had approved");
}

fn wrong_code_unapproved(machine: &mut Machine) {
    wrong(machine, None, "the phone had not approved");
}

fn wrong_code_declined(machine: &mut Machine) {
    wrong(machine, Some(Press::Decline), "the phone had declined");
}

/// sshd does not ask again after a wrong code.
fn wrong(machine: &mut Machine, press: Option<Press>, reason: &str) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    let ring = password_and_ring(machine, &client);
    if let Some(press) = press {
        machine.phone.press(&ring, press);
    }
    let typed = Instant::now();
    client.answer(&super::wrong_code(&ring));
    is_held(&mut client, typed);
    client.see("The code is wrong. Login refused.");
    assert_eq!(machine.phone.rings(), 1);
    assert_eq!(counts(), 1, "also if the phone has approved");
    logged(&[RINGING, "pam_logonbox(sshd:auth): wrong-code user=\"lee\""]);
    logged_with(&format!("reason=\"{reason}\""));
}

/// Who has declined has no code to type, and presses Enter.
fn decline(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    let ring = password_and_ring(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    let typed = Instant::now();
    type_nothing(&client);
    is_held(&mut client, typed);
    client.see("Login denied on the phone.");
    is_out(machine, &mut client, 1);
    logged(&[RINGING, DECLINED]);
}

fn decline_with_code(machine: &mut Machine) {
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

/// The code is right, but the phone does not approve.
fn refused(machine: &mut Machine, press: Press, words: &str, word: &str) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    let ring = password_and_ring(machine, &client);
    machine.phone.press(&ring, press);
    client.answer(&Phone::code(&ring));
    client.see(words);
    is_out(machine, &mut client, 1);
    let decision = format!("pam_logonbox(sshd:auth): {word} user=\"lee\"");
    logged(&[RINGING, &decision]);
}

/// The right code, but no approval.
fn no_answer(machine: &mut Machine) {
    configure("[wait]\nlogin_seconds = 5");
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    let ring = password_and_ring(machine, &client);
    client.answer(&Phone::code(&ring));
    client.see("No answer from the phone within 5 s.");
    is_out(machine, &mut client, 1);
    logged(&[RINGING, "pam_logonbox(sshd:auth): timed-out user=\"lee\""]);
}

/// The phone stays silent, and the user presses Enter.
fn enter(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    password_and_ring(machine, &client);
    let typed = Instant::now();
    client.answer("");
    is_held(&mut client, typed);
    assert!(client.screen().contains("Login refused."));
    assert!(!client.screen().contains("code is wrong"));
    is_out(machine, &mut client, 1);
    logged(&[RINGING, "pam_logonbox(sshd:auth): wrong-code user=\"lee\""]);
    logged_with("reason=\"no code was typed; the phone had not approved\"");
    machine.phone.hung_up();
}

/// sshd asks three times. No phone rings.
fn tenant_down(machine: &mut Machine) {
    tenant_goes_down();
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    for times in 1..=3 {
        client.see_times("Password:", times);
        client.answer(PASSWORD);
        client.see_times(PROMPT, times);
        if times == 1 {
            client.answer("123456");
        } else {
            type_nothing(&client);
        }
    }
    client.see("The login service cannot be reached.");
    is_out(machine, &mut client, 0);
    nothing_rang(machine);
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

/// Behind a stack that asks for no password, an unknown user sees the same as a user with a wrong
/// code.
fn unknown_user_types(machine: &mut Machine) {
    super::airlock::only_the_module("sshd");
    let _sshd = Sshd::start("00-logonbox.conf");
    let mut screens = Vec::new();
    for user in ["nobody-such", "other", "lee"] {
        let mut client = ssh(&[&format!("{user}@localhost")]);
        client.see(PROMPT);
        if user == "lee" {
            machine.phone.ring();
        } else {
            thread::sleep(BY_HAND);
        }
        let typed = Instant::now();
        client.answer("12345");
        is_held(&mut client, typed);
        screens.push(client.screen().replace(user, "USER"));
    }
    let [unknown, no_account, lee] = &screens[..] else {
        panic!("three");
    };
    assert_eq!(unknown, lee);
    assert_eq!(no_account, lee);
    assert!(lee.contains("The code is wrong. Login refused."), "{lee}");
    assert_eq!(machine.phone.rings(), 1);
    logged(&[
        "pam_logonbox(sshd:auth): unknown-user user=\"nobody-such\"",
        "pam_logonbox(sshd:auth): no-account user=\"other\"",
        RINGING,
        "pam_logonbox(sshd:auth): wrong-code user=\"lee\"",
    ]);
}

fn wrong_password_first(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    wrong_then_right(machine, &client, "Password:");
    let ring = ring(machine, &client);
    approve_and_type(machine, &client, &ring);
    is_in(&mut client);
    assert_eq!(machine.phone.rings(), 1);
}

fn key_approve(machine: &mut Machine) {
    let _sshd = key_then_phone();
    let mut client = ssh(&["-i", KEY, "lee@localhost"]);
    let ring = ring(machine, &client);
    approve_and_type(machine, &client, &ring);
    is_in(&mut client);
    assert!(!client.screen().contains("assword"), "{}", client.screen());
    assert_eq!(machine.phone.rings(), 1);
}

fn key_decline(machine: &mut Machine) {
    let _sshd = key_then_phone();
    let mut client = ssh(&["-i", KEY, "lee@localhost"]);
    let ring = ring(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    client.answer(&Phone::code(&ring));
    client.see("Login denied on the phone.");
    tries_passwords(&client);
    is_out(machine, &mut client, 1);
}

/// sshd offers no other method. The client then tries its own methods, with its own prompt.
#[track_caller]
fn tries_passwords(client: &Terminal) {
    for times in 1..=3 {
        client.see_times_or_end("password:", times);
        if client.screen().matches("password:").count() >= times {
            client.answer(PASSWORD);
        }
    }
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
        let ring = ring(machine, &client);
        approve_and_type(machine, &client, &ring);
        is_in(&mut client);
        assert_eq!(machine.phone.rings(), before + 1);
    }
}

/// This method cannot ask for the code: no push, and no count. sshd asks for the password again.
fn password_method_type(machine: &mut Machine) {
    password_method_asks_in_vain(machine, "");
}

/// With a hidden prompt, this method answers with the password.
fn password_method_hidden(machine: &mut Machine) {
    password_method_asks_in_vain(machine, "[conversation]\necho = false");
}

fn password_method_asks_in_vain(machine: &mut Machine, more: &str) {
    configure(more);
    let _sshd = password_method();
    let mut client = ssh(&["-o", "PreferredAuthentications=password", "lee@localhost"]);
    for times in 1..=3 {
        client.see_times("lee@localhost's password:", times);
        client.answer(PASSWORD);
    }
    is_out(machine, &mut client, 0);
    nothing_rang(machine);
    logged(&["pam_logonbox(sshd:auth): conversation user=\"lee\""; 3]);
    logged_with("use keyboard-interactive");
}

/// With code = "show", this method works, with one ring, although it shows no message in time.
fn password_method_show(machine: &mut Machine) {
    configure(SHOW);
    let _sshd = password_method();
    let mut client = ssh(&["lee@localhost"]);
    client.see("lee@localhost's password:");
    client.answer(PASSWORD);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Authorize);
    is_in(&mut client);
    assert_eq!(machine.phone.rings(), 1);
    logged(&[RINGING, "pam_logonbox(sshd:auth): approved user=\"lee\""]);
    logged_with("keyboard-interactive");
}

fn password_method_show_decline(machine: &mut Machine) {
    configure(SHOW);
    let _sshd = password_method();
    let mut client = ssh(&["lee@localhost"]);
    client.see("lee@localhost's password:");
    client.answer(PASSWORD);
    let ring = machine.phone.ring();
    machine.phone.press(&ring, Press::Decline);
    is_out(machine, &mut client, 1);
    logged(&[RINGING, DECLINED]);
}

fn show(machine: &mut Machine) {
    configure(SHOW);
    let _sshd = password_then_phone();
    for (counted, press) in [(1, Press::Decline), (2, Press::Authorize)] {
        let mut client = ssh(&["lee@localhost"]);
        client.see("Password:");
        client.answer(PASSWORD);
        client.see("Press Enter to send it:");
        assert_eq!(counts(), counted, "who has seen a code has used an attempt");
        let ring = ring_on_enter(machine, &client);
        machine.phone.press(&ring, press);
        if press == Press::Authorize {
            is_in(&mut client);
        } else {
            client.see("Login denied on the phone.");
            assert!(!client.end().success());
        }
    }
    assert_eq!(machine.phone.rings(), 2);
    logged(&[
        RINGING,
        DECLINED,
        RINGING,
        "pam_logonbox(sshd:auth): approved user=\"lee\"",
    ]);
}

/// Clients that cannot ask cost no push and no count.
fn nobody_to_ask(machine: &mut Machine) {
    let _sshd = key_then_phone();
    let key = ["-i", KEY, "-o", "IdentitiesOnly=yes"];
    let batch = [&["-o", "BatchMode=yes"], &key[..], &["lee@localhost"]].concat();
    let mut client = ssh(&batch);
    is_out(machine, &mut client, 0);
    machine.phone.is_left_alone();
    logged(&[]);
    // No terminal and no askpass: ssh answers each prompt with nothing. On a busy machine this answer
    // may come after the push has left, so there are several tries, as many as the limit allows.
    let arguments = [&key[..], &["lee@localhost", "id"]].concat();
    for rings in 0..6 {
        let before = lines().len();
        let output = piped(0, "ssh", &arguments, "").end();
        assert!(!output.status.success(), "{output:?}");
        if machine.phone.rings() > rings {
            wait_until("the log has both lines", || lines().len() == before + 2);
            continue;
        }
        machine.phone.stays_silent(rings);
        let lines = lines().split_off(before);
        assert!(!lines.is_empty(), "{}", crate::log::all());
        // On a busy machine, the empty answer may come later than a program's.
        let in_vain = |line: &String| {
            line.starts_with("pam_logonbox(sshd:auth): conversation user=\"lee\"")
                || line.contains("reason=\"no code was typed; no push was sent\"")
        };
        assert!(lines.iter().all(in_vain), "{lines:#?}");
        assert_eq!(
            counts(),
            rings.min(1),
            "one file of counts for each account"
        );
        return;
    }
    panic!("each empty answer came after the push: {:#?}", lines());
}

/// The client ends while the phone rings. sshd ends the module without telling it.
fn client_gone(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["lee@localhost"]);
    password_and_ring(machine, &client);
    client.give_up();
    machine.phone.hung_up();
    assert_eq!(counts(), 1);
    logged(&[RINGING]);
}

/// sshd does not pass on the answers of users that it will refuse.
fn root_without_password(machine: &mut Machine) {
    configure("[accounts]\nroot = \"lee\"");
    stack("sshd", "sshd-publickey");
    command("install", &["-d", "-m", "0700", "/root/.ssh"]);
    command(
        "cp",
        &[
            "/home/lee/.ssh/authorized_keys",
            "/root/.ssh/authorized_keys",
        ],
    );
    let _sshd = Sshd::start_changed("00-logonbox-publickey.conf", |text| {
        format!("PermitRootLogin prohibit-password\n{text}")
    });
    not_let_in(machine, &["-i", KEY, "root@localhost"], "root");
}

fn denied_user(machine: &mut Machine) {
    super::airlock::only_the_module("sshd");
    let _sshd = Sshd::start_changed("00-logonbox.conf", |text| format!("DenyUsers lee\n{text}"));
    not_let_in(machine, &["lee@localhost"], "lee");
}

fn user_not_allowed(machine: &mut Machine) {
    super::airlock::only_the_module("sshd");
    let _sshd = Sshd::start_changed("00-logonbox.conf", |text| {
        format!("AllowUsers other\n{text}")
    });
    not_let_in(machine, &["lee@localhost"], "lee");
}

/// The approval and the right code do not help.
#[track_caller]
fn not_let_in(machine: &mut Machine, arguments: &[&str], user: &str) {
    let mut client = ssh(arguments);
    let ring = ring(machine, &client);
    let typed = Instant::now();
    approve_and_type(machine, &client, &ring);
    client.see("The code is wrong. Login refused.");
    assert!(typed.elapsed() >= SHORTEST_HOLD);
    tries_passwords(&client);
    is_out(machine, &mut client, 1);
    let line = |word: &str| format!("pam_logonbox(sshd:auth): {word} user=\"{user}\"");
    logged(&[&line("ringing"), &line("refused")]);
    logged_with("reason=\"sshd does not let this user in; the phone had approved\"");
}

fn quiet_approve(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["-q", "lee@localhost"]);
    let ring = password_and_ring(machine, &client);
    approve_and_type(machine, &client, &ring);
    is_in(&mut client);
    assert_eq!(machine.phone.rings(), 1);
}

fn quiet_decline(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = ssh(&["-q", "lee@localhost"]);
    let ring = password_and_ring(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    client.answer(&Phone::code(&ring));
    is_out(machine, &mut client, 1);
    logged(&[RINGING, DECLINED]);
}

fn c_locale(machine: &mut Machine) {
    let _sshd = password_then_phone();
    let mut client = Terminal::start(0, "C", "ssh", &["lee@localhost"]);
    let ring = password_and_ring(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    client.answer(&Phone::code(&ring));
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
    let ring = password_and_ring(machine, &client);
    approve_and_type(machine, &client, &ring);
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
    let ring = password_and_ring(machine, &client);
    approve_and_type(machine, &client, &ring);
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
    let ring = password_and_ring(machine, &client);
    approve_and_type(machine, &client, &ring);
    is_out(machine, &mut client, 1);
}

/// The distribution's own stacks, with the profile enabled.
fn pam_auth_update(machine: &mut Machine) {
    command("pam-auth-update", &["--package", "--enable", "logonbox"]);
    let _sshd = Sshd::start("00-logonbox.conf");
    let mut client = ssh(&["lee@localhost"]);
    wrong_then_right(machine, &client, "Password:");
    let ring = ring(machine, &client);
    machine.phone.press(&ring, Press::Decline);
    client.answer(&Phone::code(&ring));
    client.see("Login denied on the phone.");
    is_out(machine, &mut client, 1);

    let mut client = ssh(&["lee@localhost"]);
    client.see("Password:");
    client.answer(PASSWORD);
    let ring = super::ring(machine, &client);
    approve_and_type(machine, &client, &ring);
    is_in(&mut client);
    assert_eq!(machine.phone.rings(), 2);
}
