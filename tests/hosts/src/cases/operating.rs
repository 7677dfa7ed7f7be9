//! The instructions in docs/operating.md, as they are written there.

use std::fs;
use std::process::Command;
use std::thread;

use tenant::Press;

use super::fail2ban::{from, start_journald, stop_rsyslog};
use super::{BY_HAND, PROMPT, password, ring, type_nothing, wrong_code};
use crate::TestCase;
use crate::log::logged;
use crate::machine::{Machine, PASSWORD, USER_ID, configure, piped, stack, tenant_goes_down};
use crate::phone::Phone;
use crate::sshd::Sshd;
use crate::terminal::Terminal;

const PAGE: &str = include_str!("../../../../docs/operating.md");

pub const CASES: &[TestCase] = &[
    TestCase::new("operating/go-back", "/usr/sbin/sshd", go_back),
    TestCase::new("operating/queries", "/usr/sbin/rsyslogd", of_the_file),
    TestCase::new(
        "operating/queries-journal",
        "/lib/systemd/systemd-journald",
        of_the_journal,
    ),
];

/// A single step turns the module off for all users.
fn go_back(machine: &mut Machine) {
    stack("sshd", "sshd");
    let _sshd = Sshd::start("00-logonbox.conf");
    let (_, step) = PAGE
        .split_once("\n    [[policy.exempt]]\n")
        .expect("the step");
    let (step, _) = step.split_once("\n\n").expect("its end");
    // The day in the page passes.
    let step = step
        .replace("\n    ", "\n")
        .replace("2027-03-31", "9999-12-31");
    configure(&format!("[[policy.exempt]]\n{step}\n"));
    let mut client = from(2, "lee");
    password(machine, &client, "Password:", PASSWORD);
    is_in(&mut client);
    machine.phone.is_left_alone();
    logged(&["pam_logonbox(sshd:auth): exempt user=\"lee\""]);
}

#[track_caller]
fn is_in(client: &mut Terminal) {
    client.see("$ ");
    client.answer("exit");
    assert!(client.end().success(), "{}", client.screen());
}

/// The shell code below `### Queries` that contains `what`.
#[track_caller]
fn code(what: &str) -> &'static str {
    let (_, queries) = PAGE.split_once("\n### Queries\n").expect("the queries");
    let mut blocks = queries
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split_once("\n```").expect("its end").0);
    blocks.find(|block| block.contains(what)).expect(what)
}

fn of_the_file(machine: &mut Machine) {
    queries(machine, code("/var/log/auth.log"));
}

fn of_the_journal(machine: &mut Machine) {
    stop_rsyslog();
    let _journald = start_journald();
    queries(machine, code("journalctl"));
}

/// Makes logins of each kind that the queries find, and a line that another user has caused. The
/// sshd ends when dropped.
fn logins(machine: &Machine) -> Sshd {
    stack("sshd", "sshd");
    let policy = |more: &str| {
        configure(&format!(
            "[policy]\nfailed_attempts_per_10_minutes = 1\n{more}"
        ));
    };
    policy("");
    let sshd = Sshd::start("00-logonbox.conf");
    for press in [Press::Authorize, Press::Decline] {
        let mut client = from(2, "lee");
        client.see("Password:");
        client.answer(PASSWORD);
        let ring = ring(machine, &client);
        machine.phone.press(&ring, press);
        client.answer(&Phone::code(&ring));
        match press {
            Press::Authorize => is_in(&mut client),
            _ => assert!(!client.end().success()),
        }
    }
    let mut client = from(3, "lee");
    client.see("Password:");
    client.answer(PASSWORD);
    client.see(PROMPT);
    thread::sleep(BY_HAND);
    client.answer("123456");
    assert!(!client.end().success());
    // The line that sudo logs is not the module's.
    let forged = "pam_logonbox(sshd:auth): exempt user=\"lee\" account=\"lee\" reason=\"x; ignored by \
                  on_unavailable\" hint=\"cannot be counted\"";
    let arguments: Vec<&str> = ["-n", "id"].into_iter().chain(forged.split(' ')).collect();
    assert!(
        !piped(USER_ID, "/usr/bin/sudo", &arguments, "")
            .end()
            .status
            .success()
    );
    policy("[[policy.exempt]]\nusers = [\"lee\"]");
    let mut client = from(4, "lee");
    client.see("Password:");
    client.answer(PASSWORD);
    is_in(&mut client);
    // A file in place of the directory, so that no attempt can be counted.
    let _ = fs::remove_dir_all("/run/pam_logonbox");
    fs::write("/run/pam_logonbox", "").expect("/run");
    policy("on_unavailable = \"ignore\"");
    let mut client = from(5, "lee");
    client.see("Password:");
    client.answer(PASSWORD);
    let ring = ring(machine, &client);
    machine.phone.press(&ring, Press::Authorize);
    client.answer(&wrong_code(&ring));
    assert!(!client.end().success());
    tenant_goes_down();
    let mut client = from(6, "lee");
    client.see("Password:");
    client.answer(PASSWORD);
    client.see(PROMPT);
    type_nothing(&client);
    is_in(&mut client);
    sshd
}

/// Runs the query that contains `what`, and counts the lines with each text. Other lines are an
/// error.
#[track_caller]
fn ask(lines: &str, what: &str, texts: &[&str]) {
    let script = format!("set -eu\n{lines}\n{}\n", code(what));
    let file = "/root/pam_logonbox.prom";
    let output = Command::new("bash")
        .args(["-c", &script])
        .env("OUT", file)
        .output()
        .expect("bash");
    assert!(output.status.success(), "{script}{output:?}");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&fs::read_to_string(file).unwrap_or_default());
    assert_eq!(said.lines().count(), texts.len(), "{said}");
    for text in texts {
        let found = said.lines().filter(|line| line.contains(text)).count();
        assert_eq!(found, 1, "{text}: {said}");
    }
}

/// Each query finds its lines, and no text that a user has typed.
fn queries(machine: &mut Machine, lines: &str) {
    let _sshd = logins(machine);
    // Wait for the last line of the log, which the daemon writes later.
    crate::machine::wait_until("the log has the last line", || {
        let script = format!("{lines}\nlines");
        let output = Command::new("bash")
            .args(["-c", &script])
            .output()
            .expect("bash");
        String::from_utf8_lossy(&output.stdout).contains("ignored by on_unavailable\"")
    });
    ask(
        lines,
        "# How often which word.",
        &[
            "3 ringing",
            "1 declined",
            "1 wrong-code",
            "1 approved",
            "1 limit",
            "1 exempt",
            "1 unreachable",
        ],
    );
    ask(
        lines,
        "# Who got in without the phone",
        &[
            ": exempt user=\"lee\" rhost=\"127.0.0.4\"",
            ": unreachable user=\"lee\"",
        ],
    );
    ask(lines, "# Whose password somebody", &[" 3  account=\"lee\""]);
    ask(
        lines,
        "# Where pushes are not",
        &[": wrong-code user=\"lee\""],
    );
    ask(
        lines,
        "pam_logonbox_last_day",
        &[
            "{service=\"sshd\",word=\"approved\"} 1",
            "{service=\"sshd\",word=\"declined\"} 1",
            "{service=\"sshd\",word=\"exempt\"} 1",
            "{service=\"sshd\",word=\"limit\"} 1",
            "{service=\"sshd\",word=\"ringing\"} 3",
            "{service=\"sshd\",word=\"unreachable\"} 1",
            "{service=\"sshd\",word=\"wrong-code\"} 1",
        ],
    );
}
