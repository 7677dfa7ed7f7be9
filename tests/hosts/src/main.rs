//! The inside of the container harness: real programs, driven through a terminal, against a
//! simulated tenant.
//!
//! Runs as root in a throw-away container, and changes its /etc: see ../README.md. Each cell has
//! a container of its own.

#![forbid(unsafe_code)]
// A panic fails a cell, never a login; and what happens here happens at real times.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout
)]

mod camera;
mod cells;
mod log;
mod machine;
mod phone;
mod sshd;
mod terminal;

use std::path::Path;
use std::process::ExitCode;

use machine::Machine;

/// One row of the matrix: a real program, and what must happen.
#[derive(Clone, Copy)]
struct Cell {
    name: &'static str,
    program: &'static str,
    /// Why a distribution cannot have this row, if so.
    without: fn(&str) -> Option<&'static str>,
    run: fn(&mut Machine),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let cells = cells::all();
    match arguments.as_slice() {
        // "run NAME", or "without NAME REASON", so that nothing is left out in silence.
        ["list"] => {
            for cell in cells {
                match (cell.without)(cell.program) {
                    None => println!("run {}", cell.name),
                    Some(reason) => println!("without {} {reason}", cell.name),
                }
            }
            ExitCode::SUCCESS
        }
        ["run", name] => {
            let Some(cell) = cells.iter().find(|cell| cell.name == *name) else {
                eprintln!("there is no cell {name}; `hosts list` names them");
                return ExitCode::from(2);
            };
            run(cell)
        }
        _ => {
            eprintln!("usage: hosts list | hosts run CELL");
            ExitCode::from(2)
        }
    }
}

impl Cell {
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

fn run(cell: &Cell) -> ExitCode {
    let mut machine = Machine::set_up(cell.program);
    let result =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (cell.run)(&mut machine)));
    if result.is_ok() {
        return ExitCode::SUCCESS;
    }
    eprintln!("--- the tenant saw\n{}", machine.phone.account());
    eprintln!("--- the log says\n{}", log::all());
    ExitCode::FAILURE
}
