//! Runs inside a container: drives real programs through a terminal, against a simulated tenant.
//!
//! It runs as root and changes /etc: see ../README.md. Each case has a container of its own.

#![forbid(unsafe_code)]
// A panic fails a case, never a login. The tests run in real time.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout
)]

mod camera;
mod cases;
mod directory;
mod display;
mod elsewhere;
mod sshd;

use std::path::Path;
use std::process::ExitCode;

use hosts::{log, machine, person, phone, terminal};
use machine::Machine;

/// A test with one real program.
#[derive(Clone, Copy)]
struct TestCase {
    name: &'static str,
    program: &'static str,
    /// Why a distribution cannot run this case, if it cannot.
    without: fn(&str) -> Option<&'static str>,
    run: fn(&mut Machine),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        // Prints "run NAME" or "without NAME REASON", so that no case is skipped silently.
        ["list", kind] => {
            for case in cases::of(kind) {
                match (case.without)(case.program) {
                    None => println!("run {}", case.name),
                    Some(reason) => println!("without {} {reason}", case.name),
                }
            }
            ExitCode::SUCCESS
        }
        ["run", name] => {
            let all = ["logins", "desktop"].map(cases::of).concat();
            let mut names = std::collections::BTreeSet::new();
            for case in &all {
                assert!(
                    names.insert(case.name),
                    "two cases are called {}",
                    case.name
                );
            }
            let Some(case) = all.iter().find(|case| case.name == *name) else {
                eprintln!("there is no case {name}; `hosts list KIND` names them");
                return ExitCode::from(2);
            };
            run(case)
        }
        _ => {
            eprintln!("usage: hosts list KIND | hosts run CASE");
            ExitCode::from(2)
        }
    }
}

impl TestCase {
    const fn new(name: &'static str, program: &'static str, run: fn(&mut Machine)) -> Self {
        Self {
            name,
            program,
            without: missing,
            run,
        }
    }
}

fn missing(program: &str) -> Option<&'static str> {
    (!Path::new(program).exists()).then_some("it has no such program")
}

fn run(case: &TestCase) -> ExitCode {
    let mut machine = Machine::set_up(case.program);
    let result =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (case.run)(&mut machine)));
    if result.is_ok() {
        return ExitCode::SUCCESS;
    }
    eprintln!("--- the tenant saw\n{}", machine.phone.account());
    eprintln!("--- the log says\n{}", log::all());
    ExitCode::FAILURE
}
