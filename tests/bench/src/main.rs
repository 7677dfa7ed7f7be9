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

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, rounds, parts @ .., work] = &arguments[..] else {
        panic!("bench MODULE ROUNDS [PART ...] WORK-DIRECTORY: started by tests/bench/run");
    };
    let rounds: usize = rounds.parse().expect("a number of rounds");
    let stage = Stage::new(PathBuf::from(module), PathBuf::from(work));
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|name| name == part);
    machine::describe();
    if wanted("cost") {
        cost::measure(&stage, rounds);
    }
    if wanted("instructions") {
        instructions::count(&stage);
    }
    if wanted("route") {
        route::measure(&stage, rounds.div_ceil(10));
    }
    if wanted("waiting") {
        waiting::measure(&stage);
    }
    if wanted("size") {
        size::measure(&stage);
    }
    // Only where it is asked for: it takes all that the machine has.
    if parts.iter().any(|name| name == "crowd") {
        crowd::measure(&stage);
    }
    println!("\nLoad at the end: {}", machine::load());
}
