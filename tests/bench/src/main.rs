//! Measures the cost of a login and of the smallest possible client: see `make bench`, `make crowd`
//! and docs/performance.md. The script `run` starts it in its own mount namespace.

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
mod setup;
mod size;
mod waiting;

use std::path::PathBuf;

use crate::setup::Setup;

/// `make bench` runs all of them but the last, which uses the whole machine.
const PARTS: [&str; 6] = ["cost", "instructions", "route", "waiting", "size", "crowd"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, rounds, wanted @ .., work] = &arguments[..] else {
        panic!("bench MODULE ROUNDS [PART ...] WORK-DIRECTORY: started by tests/bench/run");
    };
    let rounds: usize = rounds.parse().expect("a number of rounds");
    let setup = Setup::new(PathBuf::from(module), PathBuf::from(work));
    machine::describe();
    for part in PARTS {
        if !wanted.iter().any(|wanted| wanted == part) && (part == "crowd" || !wanted.is_empty()) {
            continue;
        }
        // On stderr, because some parts take minutes.
        eprintln!("bench: measuring {part}");
        match part {
            "cost" => cost::measure(&setup, rounds),
            "instructions" => instructions::count(&setup),
            "route" => route::measure(&setup, rounds.div_ceil(10)),
            "waiting" => waiting::measure(&setup),
            "size" => size::measure(&setup),
            _ => crowd::measure(&setup),
        }
    }
    println!("\nLoad in the minute before the end: {}", machine::load());
}
