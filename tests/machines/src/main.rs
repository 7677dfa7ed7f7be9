//! Drives virtual machines: boots them, logs in, and cuts their power. See ../README.md.

#![forbid(unsafe_code)]
// A panic fails a test, never a login. The tests run in real time.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout
)]

mod boots;
mod guest;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use guest::{Guest, Image};

/// A machine that is booted once, for several tests.
struct Boot {
    /// What the kernel's command line says beyond the usual.
    command_line: &'static str,
    /// Runs once, before the first test.
    set_up: fn(&mut Guest),
    tests: &'static [Test],
}

/// A test, whose name begins with the one of its boot.
struct Test {
    name: &'static str,
    run: fn(&mut Guest),
    /// The suite that lacks what the test needs, and why.
    without: Option<(&'static str, &'static str)>,
}

const fn test(name: &'static str, run: fn(&mut Guest)) -> Test {
    Test {
        name,
        run,
        without: None,
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [suite, directory, prefixes @ ..] = arguments.as_slice() else {
        eprintln!("usage: machines SUITE DIRECTORY [PREFIX ...]; see tests/machines/run");
        return ExitCode::from(2);
    };
    let image = Image::new(suite, PathBuf::from(directory));
    let chosen = |test: &&Test| {
        prefixes.is_empty() || prefixes.iter().any(|prefix| test.name.starts_with(prefix))
    };
    let (mut passed, mut failed) = (0, 0);
    for boot in boots::ALL {
        let tests: Vec<&Test> = boot.tests.iter().filter(chosen).collect();
        let (without, tests): (Vec<&Test>, Vec<&Test>) = tests
            .into_iter()
            .partition(|test| matches!(test.without, Some((of, _)) if of == image.suite));
        for test in without {
            let reason = test.without.map_or("", |(_, reason)| reason);
            println!(
                "{:<8}  {:<10}  {:<34} {reason}",
                "-", image.suite, test.name
            );
        }
        let (good, bad) = run(&image, boot, &tests);
        passed += good;
        failed += bad;
    }
    println!("{passed} passed, {failed} failed");
    if failed > 0 || passed == 0 {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Runs these tests, on a machine that is booted for the first of them. Another machine is booted if a
/// test leaves it in a state in which the next test cannot begin.
fn run(image: &Image, boot: &Boot, tests: &[&Test]) -> (usize, usize) {
    let mut machine = None;
    let (mut passed, mut failed) = (0, 0);
    for test in tests {
        let start = Instant::now();
        let mut began = false;
        let good = catch_unwind(AssertUnwindSafe(|| {
            let guest = machine.get_or_insert_with(|| {
                let mut guest = Guest::boot(image, boot.command_line);
                (boot.set_up)(&mut guest);
                guest
            });
            guest.begin();
            began = true;
            (test.run)(guest);
        }))
        .is_ok();
        println!(
            "{:<8}  {:<10}  {:<34} {:6.1} s",
            if good { "ok" } else { "NOT OK" },
            image.suite,
            test.name,
            start.elapsed().as_secs_f32()
        );
        if good {
            passed += 1;
            continue;
        }
        failed += 1;
        if let Some(guest) = &machine {
            guest.explain();
        }
        if !began {
            machine = None;
        }
    }
    (passed, failed)
}
