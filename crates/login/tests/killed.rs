//! A login is killed at every system call while it uses up a bypass code. The code never works twice.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use login::bypass::{BypassCode, make, use_up};
use login::system::{Directories, ThisMachine};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

const USER: &str = "lee";

/// Without arguments, this is the test. With a directory and a code, it is the login.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [directory, code] = arguments.as_slice()
        && directory.starts_with('/')
    {
        return login(Path::new(directory), code);
    }
    let mut killed: u32 = 0;
    loop {
        let (child, parent) = login_killed_at(killed);
        match (child, parent) {
            // The login has reached its end.
            (true, false) => break,
            (false, _) => {}
            (true, true) => panic!("the code works twice, after {killed} system calls"),
        }
        killed = killed.checked_add(1).unwrap();
    }
    // Opening, reading, removing and syncing alone are more, and each stops the login twice.
    assert!(killed > 20, "the login was killed {killed} times");
    println!("killed {killed} times");
    ExitCode::SUCCESS
}

/// The machine with its state in `directory`.
fn machine(directory: &Path) -> ThisMachine {
    let directory: &'static Path = Box::leak(PathBuf::from(directory).into_boxed_path());
    ThisMachine::new(false).with(Directories {
        lib: directory,
        ..Directories::usual()
    })
}

/// Writes a byte, waits for the start, uses up the code, and writes another byte.
fn login(directory: &Path, code: &str) -> ExitCode {
    let code = BypassCode::parse(code.as_bytes()).unwrap();
    let machine = machine(directory);
    say();
    std::io::stdin().read_exact(&mut [0]).unwrap();
    if use_up(&machine, USER, &code).is_ok() {
        say();
    }
    ExitCode::SUCCESS
}

fn say() {
    std::io::stdout().write_all(b"1").unwrap();
    std::io::stdout().flush().unwrap();
}

/// Whether the code works in a login that is killed at its `number`th stop at a system call, and
/// whether it works afterwards.
fn login_killed_at(number: u32) -> (bool, bool) {
    let directory = tempfile::tempdir().unwrap();
    let lib = directory.path().join("lib");
    let machine = machine(&lib);
    let (code, _) = make(&machine, USER, Duration::from_secs(3600), "a test").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg(&lib)
        .arg(&**code.in_groups())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    stop_at(&mut child, number);
    let mut output = Vec::new();
    stdout.read_to_end(&mut output).unwrap();
    (!output.is_empty(), use_up(&machine, USER, &code).is_ok())
}

/// Starts the login, and kills it at its `number`th stop.
fn stop_at(child: &mut Child, number: u32) {
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    ptrace::seize(
        pid,
        Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL,
    )
    .unwrap();
    ptrace::interrupt(pid).unwrap();
    waitpid(pid, None).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"1").unwrap();
    let mut left = number;
    loop {
        ptrace::syscall(pid, None::<Signal>).unwrap();
        match waitpid(pid, None).unwrap() {
            WaitStatus::PtraceSyscall(_) if left == 0 => break,
            WaitStatus::PtraceSyscall(_) => left = left.saturating_sub(1),
            WaitStatus::Exited(..) => return,
            other => panic!("{other:?}"),
        }
    }
    nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
    waitpid(pid, None).unwrap();
}
