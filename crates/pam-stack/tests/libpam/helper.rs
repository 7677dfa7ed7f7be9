//! The process: when it hangs, crashes, or cannot answer.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pam_stack::Facility::Auth;
use pam_stack::{Call, Code, Error, Question, Stacks};

use crate::host::{Host, helper, question};

fn fifo(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_question_that_hangs_ends_at_the_deadline() {
    let host = Host::new(&[("fine", "auth required pam_permit.so\n")]);
    fifo(&host.path("/etc/pam.d/test"));
    let mut stacks = host.stacks();
    stacks.set_deadline(Duration::from_millis(300));
    let hangs = stacks.ask(&question("test", Auth));
    assert!(matches!(hangs, Err(Error::Timeout)), "{hangs:?}");
    let later = stacks.ask(&question("fine", Auth));
    assert!(matches!(later, Err(Error::Broken(_))), "{later:?}");
}

#[test]
fn a_helper_that_floods_its_standard_error_ends_at_the_deadline() {
    let host = Host::new(&[]);
    let flood = "echo null; read question; exec yes >&2";
    let mut stacks = script(&host, flood).unwrap();
    stacks.set_deadline(Duration::from_millis(300));
    let error = stacks.ask(&question("test", Auth)).unwrap_err();
    assert!(matches!(error, Error::Timeout), "{error}");
}

#[test]
fn a_module_that_is_a_fifo_does_not_hang() {
    let host = Host::new(&[("test", "auth required /lib/pam_x.so\n")]);
    fifo(&host.path("/lib/pam_x.so"));
    assert_eq!(
        host.ask(&question("test", Auth)).unwrap().code,
        Code::MODULE_UNKNOWN
    );
}

/// libpam reads files that others may have written.
#[test]
fn the_helper_keeps_one_capability_at_most() {
    let host = Host::new(&[]);
    let mut helper = Command::new(helper())
        .arg(host.path("/"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut output = BufReader::new(helper.stdout.take().unwrap());
    output.read_line(&mut ready).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", helper.id())).unwrap();
    helper.kill().unwrap();
    helper.wait().unwrap();
    let kept = |set: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(set))
            .unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    // CAP_DAC_READ_SEARCH.
    assert_eq!(
        [kept("CapPrm:"), kept("CapEff:")],
        [4, 4],
        "{ready}{status}"
    );
}

/// A script in place of the helper.
fn script(host: &Host, text: &str) -> Result<Stacks, Error> {
    let path = host.path("/helper");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Stacks::open(&path, Path::new("/"))
}

#[test]
fn a_helper_that_fails_is_an_error() {
    let host = Host::new(&[]);
    let asked = |text: &str| {
        let ready = format!("echo null; read question; {text}");
        let mut stacks = script(&host, &ready).unwrap();
        stacks.ask(&question("test", Auth)).unwrap_err().to_string()
    };
    let crashed = asked("echo oh no >&2; kill -SEGV $$");
    assert!(
        crashed.contains("SIGSEGV") && crashed.contains("oh no"),
        "{crashed}"
    );
    let ended = asked("exit 7");
    assert!(ended.contains("exit status: 7"), "{ended}");
    let nonsense = asked("echo nonsense");
    assert!(nonsense.contains("expected"), "{nonsense}");
    let endless = asked("yes | tr -d '\\n'");
    assert!(endless.contains("too long"), "{endless}");

    let started = script(&host, "echo no libpam >&2; exit 127").unwrap_err();
    assert!(started.to_string().contains("no libpam"), "{started}");
    let with_environment = script(&host, "echo \"\\\"home=$HOME\\\"\"").unwrap_err();
    assert!(
        with_environment.to_string().ends_with("home="),
        "{with_environment}"
    );
    let missing = Stacks::open(Path::new("/nowhere/helper"), Path::new("/"));
    assert!(matches!(missing, Err(Error::Start(_))), "{missing:?}");
}

#[test]
fn a_root_that_cannot_be_entered_is_an_error() {
    for root in ["/nowhere", "/etc/passwd"] {
        let error = Stacks::open(helper(), Path::new(root)).unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, Error::NotReady(_)), "{said}");
        assert!(said.contains(root), "{said}");
    }
}

#[test]
fn this_host_is_asked_without_a_change_of_the_root() {
    let mut stacks = Stacks::open(helper(), Path::new("/")).unwrap();
    let answer = stacks
        .ask(&Question::new("other", Auth, Code::MAXTRIES))
        .unwrap();
    assert_ne!(answer.code, Code::SUCCESS);
}

#[test]
fn a_question_that_cannot_be_answered_leaves_the_helper_alive() {
    let host = Host::new(&[("test", "auth required pam_permit.so\n")]);
    let permit = fs::read(crate::host::modules().join("pam_permit.so")).unwrap();
    let lines: Vec<_> = (0..200)
        .map(|number| {
            let name = format!("pam_{number}.so");
            host.module(&name, &permit);
            format!("auth required {name}\n")
        })
        .collect();
    host.write("many", lines.concat());
    // Without its section headers, which the dynamic linker does not need.
    let mut bare = permit;
    bare[40..48].fill(0);
    bare[60..62].fill(0);
    host.module("pam_bare.so", &bare);
    host.write("bare", "auth required pam_bare.so\n");

    // Its tables may be as large as the file, which takes no space on the disk.
    host.write("/lib/pam_x.so", &bare);
    let huge = fs::OpenOptions::new()
        .write(true)
        .open(host.path("/lib/pam_x.so"));
    huge.unwrap().set_len(1 << 40).unwrap();
    host.write("huge", "auth required /lib/pam_x.so\n");

    let mut stacks = host.stacks();
    for (service, why) in [
        ("many", "more than 128 modules"),
        ("bare", "no section with dynamic symbols"),
        ("huge", "more than 256 MiB"),
        ("nul\0", "NUL"),
    ] {
        let error = stacks.ask(&question(service, Auth)).unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, Error::Unanswerable(_)), "{said}");
        assert!(said.contains(why), "{said}");
        let answer = stacks.ask(&question("test", Auth)).unwrap();
        assert_eq!(answer.code, Code::SUCCESS);
    }
}

/// 100 different modules, so that the doubles of all rows of the table are called.
#[test]
fn each_module_has_its_own_double() {
    let host = Host::new(&[]);
    let permit = fs::read(crate::host::modules().join("pam_permit.so")).unwrap();
    let names: Vec<_> = (0..100).map(|number| format!("pam_{number}.so")).collect();
    let lines = names.iter().map(|name| {
        host.module(name, &permit);
        format!("auth required {name}\n")
    });
    let lines: Vec<_> = lines.collect();
    host.write("test", lines.concat());
    let answer = host
        .ask(&Question::new("test", Auth, Code::SUCCESS))
        .unwrap();
    let called: Vec<_> = answer.calls.iter().map(Call::name).collect();
    assert_eq!(called, names);
}
