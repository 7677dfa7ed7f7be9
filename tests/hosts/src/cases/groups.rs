//! `only_groups` and `[[policy.exempt]]` with the groups of a directory that stops answering.

use std::fs;
use std::path::Path;

use super::{approve_and_type, ring};
use crate::TestCase;
use crate::directory::{Directory, Frozen, RESPONDER, SSSD, forget};
use crate::log::lines;
use crate::machine::{Machine, OTHER_ID, USER, append, command, configure, terminal, wait_until};
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[
    case("groups/directory-answers", directory_answers),
    case("groups/sssd-ends", sssd_ends),
    case("groups/sssd-hangs", sssd_hangs),
    case("groups/slapd-ends", slapd_ends),
    case("groups/exempt", exempt),
];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase {
        name,
        program: "/usr/bin/su",
        without: |_| (!Path::new(SSSD).exists()).then_some("it has no sssd"),
        run,
    }
}

const ONLY_PUSH: &str = "only_groups = [\"push\"]";
const NOT_REPORTED: &str = "only_groups: no directory has reported a group of this user";

/// A directory that has not started, and su without a password.
fn set_up(more: &str) -> Directory {
    let stack = "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n\
                 auth required pam_permit.so\n\
                 account required pam_permit.so\n\
                 session required pam_permit.so\n";
    fs::write("/etc/pam.d/su", stack).expect("/etc/pam.d/su");
    configure(&policy(more));
    Directory::new()
}

/// A configuration with which all users have the same phone.
fn policy(more: &str) -> String {
    let users = ["member", "nested", "primary", "stranger", "alone"];
    let accounts = users.map(|user| format!("{user} = {USER:?}\n")).concat();
    format!(
        "[accounts]\n{accounts}[policy]\nfailed_attempts_per_10_minutes = 0\nfailed_attempts_in_a_row = 0\n{more}"
    )
}

fn become_user(user: &str) -> Terminal {
    terminal(OTHER_ID, "su", &[user, "-c", "echo in-$((40+2))"])
}

/// The line with this word, from the lines that came after the first `before`.
#[track_caller]
fn line(before: usize, word: &str, user: &str) -> String {
    let start = format!("pam_logonbox(su:auth): {word} user=\"{user}\"");
    let mut found = String::new();
    wait_until(&start, || {
        let lines = lines();
        let mut new = lines.into_iter().skip(before);
        new.find(|line| line.starts_with(&start))
            .map(|line| found = line)
            .is_some()
    });
    found
}

/// The user is asked, and gets in. The log has this hint, or none.
#[track_caller]
fn is_asked(machine: &Machine, user: &str, hint: &str) {
    let before = lines().len();
    let su = become_user(user);
    answer(machine, su);
    let line = line(before, "approved", user);
    let (_, found) = line.split_once(" hint=\"").unwrap_or_default();
    assert!(
        found.starts_with(hint) && found.is_empty() == hint.is_empty(),
        "{line}"
    );
}

#[track_caller]
fn answer(machine: &Machine, mut su: Terminal) {
    let ring = ring(machine, &su);
    approve_and_type(machine, &su, &ring);
    assert!(su.end().success(), "{}", su.screen());
    assert!(su.has_line("in-42"), "{}", su.screen());
}

/// The user gets in without the phone.
#[track_caller]
fn is_exempt(machine: &Machine, user: &str) {
    let (before, rings) = (lines().len(), machine.phone.rings());
    let mut su = become_user(user);
    assert!(su.end().success(), "{}", su.screen());
    assert!(su.has_line("in-42"), "{}", su.screen());
    line(before, "exempt", user);
    assert_eq!(machine.phone.rings(), rings);
}

/// su does not know the user, and does not ask the module.
#[track_caller]
fn is_unknown(user: &str) {
    let mut su = become_user(user);
    su.see("does not exist");
    assert!(!su.end().success(), "{}", su.screen());
}

/// As `ls -l` does: sssd remembers the users and the groups, but not which groups a user has.
#[track_caller]
fn look_up(users: &[&str], groups: &[&str]) {
    command("getent", &[&["passwd"], users].concat());
    if !groups.is_empty() {
        command("getent", &[&["group"], groups].concat());
    }
}

fn directory_answers(machine: &mut Machine) {
    let mut directory = set_up(ONLY_PUSH);
    for (order, ignore_group_members) in [("files sss", false), ("sss files systemd", true)] {
        directory.begin(order, ignore_group_members);
        for user in ["member", "nested", "primary"] {
            is_asked(machine, user, "");
        }
        is_exempt(machine, "stranger");
        // The primary group alone does not show that the directory has answered.
        for user in ["alone", USER] {
            is_asked(machine, user, NOT_REPORTED);
        }
    }
    // A local group hides the group of the directory that has the same name, but not its members.
    directory.begin("files sss", false);
    append("/etc/group", "push:x:900:\n");
    is_asked(machine, "member", "");
    is_exempt(machine, "stranger");
    // The members of the directory's group are not exempt with the local group.
    configure(&policy("[[policy.exempt]]\ngroups = [\"push\"]"));
    is_asked(machine, "member", "");
    configure(&policy("only_groups = [\"push\", \"absent\"]"));
    is_asked(machine, "stranger", "only_groups: there is no group absent");
}

/// Programs still find users and groups in the memory cache of sssd. getgrouplist(3) returns the
/// primary group alone, and no error.
fn sssd_ends(machine: &mut Machine) {
    let mut directory = set_up(ONLY_PUSH);
    for order in [
        "files sss",
        "sss files",
        "sss files systemd",
        "files systemd sss",
    ] {
        for (groups, signal, hint) in [
            (&[][..], "TERM", "only_groups: "),
            (&["push", "eng"], "KILL", NOT_REPORTED),
        ] {
            directory.begin(order, true);
            look_up(&["member", "stranger"], groups);
            directory.end_sssd(signal);
            for user in ["member", "stranger", USER] {
                is_asked(machine, user, hint);
            }
        }
        forget();
        is_unknown("member");
        is_asked(machine, USER, "only_groups: ");
    }
    // Here the group lists its members.
    directory.begin("files sss", false);
    look_up(&["member"], &["push"]);
    directory.end_sssd("KILL");
    is_asked(machine, "member", "");
}

/// The login waits for sssd.
fn sssd_hangs(machine: &mut Machine) {
    let mut directory = set_up(ONLY_PUSH);
    directory.begin("files sss", true);
    look_up(&["member"], &["push"]);
    let frozen = Frozen::new(RESPONDER);
    let su = become_user("member");
    machine.phone.stays_silent(0);
    drop(frozen);
    answer(machine, su);
}

fn slapd_ends(machine: &mut Machine) {
    let mut directory = set_up(ONLY_PUSH);
    for order in ["files sss", "sss files"] {
        directory.begin(order, true);
        look_up(&["member"], &["push"]);
        // sssd remembers the groups of these two.
        is_asked(machine, "nested", "");
        is_exempt(machine, "stranger");
        directory.stop_slapd();
        is_asked(machine, "nested", "");
        is_exempt(machine, "stranger");
        for user in ["member", USER] {
            is_asked(machine, user, NOT_REPORTED);
        }
        directory.start_sssd();
        is_unknown("member");
        is_asked(machine, USER, "only_groups: there is no group push");
    }
}

/// Members of an exempt group are asked when it is not known that they are.
fn exempt(machine: &mut Machine) {
    let mut directory = set_up("[[policy.exempt]]\ngroups = [\"eng\"]");
    for order in ["files sss", "sss files"] {
        directory.begin(order, true);
        is_exempt(machine, "stranger");
        // With the group in the cache, the host finds no member, and no error.
        for (groups, hint) in [(&[][..], "groups: "), (&["eng"], "")] {
            directory.begin(order, true);
            look_up(&["stranger"], groups);
            directory.end_sssd("KILL");
            is_asked(machine, "stranger", hint);
        }
    }
}
