//! What a login does with files, and to whom it connects, beyond what login(1) does by itself: strace(1)
//! tells. In login, since a container may not trace programs that are set-uid.

use std::collections::BTreeSet;
use std::fs;

use tenant::{Account, Press};

use super::airlock::{answer_with_token, only_the_module};
use super::pins::pin;
use super::{password, ring};
use crate::Cell;
use crate::machine::{
    Machine, PASSWORD, USER, configure, configure_airlock, edit_stack, stack, terminal, wait_until,
};
use crate::terminal::Terminal;

pub const CELLS: &[Cell] = &[cell("files/push", push), cell("files/airlock", airlock)];

const fn cell(name: &'static str, run: fn(&mut Machine)) -> Cell {
    Cell::new(name, "/usr/bin/login", run)
}

/// What a login does with the module, and not without. A star stands for anything. Seen to fail without
/// one of these lines here, as it would with a file more in the module.
const OWN: &[&str] = &[
    "read /etc/security/pam_logonbox.toml",
    "read /etc/ssl/certs/ca-certificates.crt",
    // The tries of ten minutes; that of a login that comes to its end is taken back.
    "read /run/pam_logonbox",
    "write /run/pam_logonbox/*",
    "unlinkat /run/pam_logonbox/*",
    "connect 127.0.0.1:443",
];

/// The same with pinned keys.
const PINNED: &[&str] = &[
    "read /etc/security/pam_logonbox.keys",
    "read /etc/security/pam_logonbox.keys/lee",
];

/// What else it may do: this depends on the distribution, and on what login has done before.
const MAY: &[&str] = &[
    "mkdir /run/pam_logonbox",
    // The module, and what it is linked with.
    "read */security/pam_logonbox.so",
    "read */libdl.so.2",
    "read */libpthread.so.0",
    "read */libm.so.6",
    // The C library looks the tenant's name up.
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
    // Its groups.
    "read /etc/group",
    "read /proc/sys/kernel/ngroups_max",
    // Where login has not.
    "connect /dev/log",
    // Whether there is a port left.
    "bind 0.0.0.0:0",
];

const TRACE: &str = "/tmp/calls";

/// With groups, pinned keys and the push limit; with the system's certificates.
fn push(machine: &mut Machine) {
    stack("login", "login");
    configure("pins = \"if-present\"\n[policy]\nonly_groups = [\"root\", \"lee\"]\n");
    pin(&Account::new(USER));
    let with = calls(|terminal| {
        password(machine, terminal, "Password:", PASSWORD);
        let ring = ring(machine, terminal);
        machine.phone.press(&ring, Press::Authorize);
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

/// Everything of the module's is done, and nothing else that it may not do.
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

/// What login calls until the person's shell has ended.
fn calls(factors: impl FnOnce(&Terminal)) -> BTreeSet<String> {
    // As login would be by itself: the leader of its session.
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

/// What is done, and with what, in a line such as
/// `7 openat(AT_FDCWD</root>, "/etc/passwd", O_RDONLY) = 3</etc/passwd>`; nothing for the second half of
/// a call that another thread's has cut in two.
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
            // A socket's path, or a family without names.
            None => quoted().map_or_else(
                || between(arguments, "sa_family=", ",").unwrap_or_default(),
                str::to_owned,
            ),
        };
        return Some(format!("{name} {to}"));
    }
    // The empty one stands for a file that is open already.
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
