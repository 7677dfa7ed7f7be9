//! The files that a login uses and the hosts that it connects to, beyond those of login(1) itself,
//! by strace(1). Only in login, because a container may not trace setuid programs.

use std::collections::BTreeSet;
use std::fs;

use tenant::Account;

use super::airlock::{answer_with_token, only_the_module};
use super::pins::pin;
use super::{approve_and_type, password, ring};
use crate::TestCase;
use crate::machine::{
    Machine, PASSWORD, USER, configure, configure_airlock, edit_stack, stack, terminal, wait_until,
};
use crate::terminal::Terminal;

pub const CASES: &[TestCase] = &[case("files/push", push), case("files/airlock", airlock)];

const fn case(name: &'static str, run: fn(&mut Machine)) -> TestCase {
    TestCase::new(name, "/usr/bin/login", run)
}

/// The accesses that happen only with the module. A star stands for any text. Seen to fail without
/// one of these lines, just as it would if the module opened one more file.
const OWN: &[&str] = &[
    "read /etc/security/pam_logonbox.toml",
    "read /etc/ssl/certs/ca-certificates.crt",
    // The count of ten minutes. The entry of a completed login is removed again.
    "read /run/pam_logonbox",
    "write /run/pam_logonbox/*",
    "unlinkat /run/pam_logonbox/*",
    // The count in a row. The directory of the account is removed again, too.
    "read /var/lib/pam_logonbox",
    "read /var/lib/pam_logonbox/attempts",
    "mkdirat /var/lib/pam_logonbox/attempts/*",
    "read /var/lib/pam_logonbox/attempts/*",
    "write /var/lib/pam_logonbox/attempts/*/1",
    "unlinkat /var/lib/pam_logonbox/attempts/*",
    "connect 127.0.0.1:443",
];

/// The accesses with pinned keys.
const PINNED: &[&str] = &[
    "read /etc/security/pam_logonbox.keys",
    "read /etc/security/pam_logonbox.keys/lee",
];

/// Further accesses that may happen, depending on the distribution and on earlier accesses of
/// login.
const MAY: &[&str] = &[
    "mkdir /run/pam_logonbox",
    "mkdirat /var/lib/pam_logonbox/attempts",
    // The module and its libraries.
    "read */security/pam_logonbox.so",
    "read */libdl.so.2",
    "read */libpthread.so.0",
    "read */libm.so.6",
    // The C library gives back the memory of a thread.
    "read /proc/sys/vm/overcommit_memory",
    // The C library resolves the tenant's name.
    "look /etc/nsswitch.conf",
    "read /etc/nsswitch.conf",
    "look /etc/resolv.conf",
    "read /etc/resolv.conf",
    "read /etc/host.conf",
    "read /etc/hosts",
    "read /etc/gai.conf",
    "read */libnss_files.so.2",
    "read */libnss_dns.so.2",
    "read */libresolv.so.2",
    // The groups of the user.
    "read /etc/group",
    "read /proc/sys/kernel/ngroups_max",
    "connect /run/systemd/journal/socket",
    // If login has not read it yet.
    "connect /dev/log",
    // The question whether there is a route to the tenant. No packet is sent.
    "bind 0.0.0.0:0",
];

const TRACE: &str = "/tmp/calls";

/// With groups, pinned keys, the push limit and the system's certificates.
fn push(machine: &mut Machine) {
    stack("login", "login");
    configure("pins = \"if-present\"\n[policy]\nonly_groups = [\"root\", \"lee\"]\n");
    pin(&Account::new(USER));
    let with = calls(|terminal| {
        password(machine, terminal, "Password:", PASSWORD);
        let ring = ring(machine, terminal);
        approve_and_type(machine, terminal, &ring);
    });
    edit_stack("login", "pam_logonbox.so", "pam_permit.so");
    let without = calls(|terminal| {
        terminal.see("Password:");
        terminal.answer(PASSWORD);
    });
    only(&with, &without, &[OWN, PINNED].concat());
}

fn airlock(_: &mut Machine) {
    only_the_module("login");
    configure_airlock("");
    let with = calls(answer_with_token);
    edit_stack("login", "pam_logonbox.so", "pam_permit.so");
    let without = calls(|_| {});
    only(&with, &without, OWN);
}

/// Expects all accesses of the module, and no others than the allowed ones.
#[track_caller]
fn only(with: &BTreeSet<String>, without: &BTreeSet<String>, own: &[&str]) {
    let done: Vec<&String> = with.difference(without).collect();
    let is = |call: &str, pattern: &str| match pattern.split_once('*') {
        Some((start, end)) => call.starts_with(start) && call.ends_with(end),
        None => call == pattern,
    };
    for pattern in own {
        assert!(
            done.iter().any(|call| is(call, pattern)),
            "{pattern} is not among {done:#?}"
        );
    }
    let unknown: Vec<_> = done
        .iter()
        .filter(|call| !own.iter().chain(MAY).any(|pattern| is(call, pattern)))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// The system calls of login until the user's shell has ended.
fn calls(factors: impl FnOnce(&Terminal)) -> BTreeSet<String> {
    // login is normally the leader of its session.
    let tracing = [
        "-DDD",
        "-f",
        "--seccomp-bpf",
        "-y",
        "-s",
        "4096",
        "-e",
        "signal=none",
    ];
    let what = ["-e", "trace=%file,connect,bind", "-o", TRACE, "login", USER];
    let mut terminal = terminal(0, "strace", &[&tracing[..], &what].concat());
    factors(&terminal);
    terminal.see("$ ");
    terminal.answer("exit");
    terminal.end();
    let read = || fs::read_to_string(TRACE).expect(TRACE);
    wait_until("strace has seen the end", || {
        let trace = read();
        let login = trace.split(' ').next().unwrap_or_default();
        let ended = |line: &str| line.split_whitespace().take(2).eq([login, "+++"]);
        trace.lines().any(ended)
    });
    let trace = read();
    let numbered = |call: String| match call.split_once("/dev/pts/") {
        Some((start, _)) => format!("{start}/dev/pts/N"),
        None => call,
    };
    trace.lines().filter_map(call).map(numbered).collect()
}

/// The call and its object, from a line such as `7 openat(AT_FDCWD</root>, "/etc/passwd", O_RDONLY)
/// = 3</etc/passwd>`. None for the second half of a call that another thread has interrupted.
fn call(line: &str) -> Option<String> {
    let (_, call) = line.split_once(' ')?;
    let (name, arguments) = call.trim_start().split_once('(')?;
    if name.starts_with('<') {
        return None;
    }
    let quoted = || arguments.split('"').nth(1);
    if matches!(name, "connect" | "bind") {
        let port = between(arguments, "htons(", ")");
        let to = match port {
            Some(port) => format!("{}:{port}", quoted()?),
            // The path of a socket, or a family without names.
            None => quoted().map_or_else(
                || between(arguments, "sa_family=", ",").unwrap_or_default(),
                str::to_owned,
            ),
        };
        return Some(format!("{name} {to}"));
    }
    // The empty path stands for an open file.
    let path = quoted().filter(|path| !path.is_empty())?;
    let path = match between(arguments, "<", ">") {
        Some(directory) if !path.starts_with('/') => format!("{directory}/{path}"),
        _ => path.to_owned(),
    };
    let how = match name {
        "open" | "openat" | "openat2" => {
            let writes = ["O_WRONLY", "O_RDWR", "O_CREAT"];
            if writes.iter().any(|flag| arguments.contains(flag)) {
                "write"
            } else {
                "read"
            }
        }
        "stat" | "lstat" | "newfstatat" | "statx" | "access" | "faccessat" | "faccessat2" => "look",
        other => other,
    };
    Some(format!("{how} {path}"))
}

fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0.to_owned())
}
