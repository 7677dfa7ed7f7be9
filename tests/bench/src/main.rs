//! What a login costs, in one run beside the least that any client could do: see `make bench`,
//! `make crowd` and docs/performance.md. Started by `run`, in a mount namespace of its own.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark: what goes wrong here stops it, and times are what it is about"
)]

mod client;
mod cost;
mod crowd;
mod figures;
mod instructions;
mod machine;
mod route;
mod size;
mod stage;
mod waiting;

use std::path::PathBuf;

use crate::stage::Stage;

/// `make bench` does all of them but the last, which takes all that the machine has.
const PARTS: [&str; 6] = ["cost", "instructions", "route", "waiting", "size", "crowd"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, rounds, wanted @ .., work] = &arguments[..] else {
        panic!("bench MODULE ROUNDS [PART ...] WORK-DIRECTORY: started by tests/bench/run");
    };
    let rounds: usize = rounds.parse().expect("a number of rounds");
    let stage = Stage::new(PathBuf::from(module), PathBuf::from(work));
    machine::describe();
    for part in PARTS {
        if !wanted.iter().any(|wanted| wanted == part) && (part == "crowd" || !wanted.is_empty()) {
            continue;
        }
        // Not in what is printed: some of them take minutes until they say something.
        eprintln!("bench: measuring {part}");
        match part {
            "cost" => cost::measure(&stage, rounds),
            "instructions" => instructions::count(&stage),
            "route" => route::measure(&stage, rounds.div_ceil(10)),
            "waiting" => waiting::measure(&stage),
            "size" => size::measure(&stage),
            _ => crowd::measure(&stage),
        }
    }
    println!("\nLoad in the minute before the end: {}", machine::load());
}
