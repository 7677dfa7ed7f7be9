//! Asks the host's own libpam what a stack does. libpam gets doubles instead of modules.
//!
//! [`pam_stack::Stacks`] starts this program as `pam-stack-helper ROOT`, and the source of
//! `pam_stack::protocol` describes its protocol. This program defines the functions of the C
//! library and of libaudit with which libpam loads modules and leaves traces: see [`doubles`] and
//! [`traces`]. The dynamic linker takes a function of the program before those of libraries.

mod capabilities;
mod doubles;
mod libpam;
mod module;
mod stage;
mod traces;

use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::alarm;
use pam_stack::Answer;
use pam_stack::protocol::{self, MAX_LINE};

/// If the caller has died, this ends a question that hangs, for example in a FIFO in /etc/pam.d.
const LONGEST_SECONDS: u32 = 120;

/// The usual limit of a program.
const FILES: u64 = 1024;

fn main() -> ExitCode {
    let ready = prepare();
    if say(protocol::write_ready(&ready)).is_err() || ready.is_err() {
        return ExitCode::FAILURE;
    }
    match answer_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn prepare() -> Result<(), String> {
    // Before libpam 1.6, files that include each other end with the file descriptors. Programs
    // have so many, and more would need a larger stack.
    let limited = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| {
        let files = hard.min(FILES);
        setrlimit(Resource::RLIMIT_NOFILE, files, files)
    });
    limited.map_err(|why| format!("the limit of file descriptors: {why}"))?;
    // Before the root changes: this program's own file is outside.
    module::learn_this_machine()?;
    enter_root()?;
    capabilities::drop_all_but_reading()
}

fn enter_root() -> Result<(), String> {
    let root = std::env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or("the root directory is missing on the command line")?;
    if root.as_os_str() == "/" {
        return Ok(());
    }
    let failed = |what: &str, why: io::Error| format!("{what} {}: {why}", root.display());
    if let Err(why) = std::os::unix::fs::chroot(&root) {
        if why.kind() != io::ErrorKind::PermissionDenied {
            return Err(failed("chroot to", why));
        }
        unshare(CloneFlags::CLONE_NEWUSER)
            .map_err(|why| failed("a user namespace for a chroot to", why.into()))?;
        std::os::unix::fs::chroot(&root).map_err(|why| failed("chroot to", why))?;
    }
    std::env::set_current_dir("/").map_err(|why| failed("change to", why))
}

fn answer_all() -> io::Result<()> {
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut input).take(limit).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        alarm::set(LONGEST_SECONDS);
        let answer = answer(&line);
        alarm::cancel();
        say(protocol::write_answer(&answer))?;
    }
}

fn answer(line: &[u8]) -> Result<Answer, String> {
    let question = protocol::read_question(line)?;
    stage::begin(question.clone());
    let outcome = libpam::ask(&question);
    stage::end(outcome)
}

fn say(line: Result<Vec<u8>, String>) -> io::Result<()> {
    let line = line.map_err(io::Error::other)?;
    io::stdout().lock().write_all(&line)
}
