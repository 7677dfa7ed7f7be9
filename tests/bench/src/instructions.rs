//! The number of instructions in user space. It hardly depends on the load of the machine.

use std::process::{Command, Stdio};

use crate::client::Client;
use crate::figures::table;
use crate::setup::{Setup, Trust};

pub fn count(setup: &Setup) {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("\nNOT MEASURED: instructions, because valgrind is not here");
        return;
    }
    let clients = [Client::Host, Client::Module, Client::Pinned, Client::Least];
    let trusts = [Trust::System, Trust::OneFile];
    let rows: Vec<Vec<String>> = clients
        .iter()
        .map(|client| {
            let mut row = vec![client.name().to_owned()];
            for trust in trusts {
                let millions = of(setup, *client, trust) / 1e6;
                row.push(format!("{millions:.2}"));
            }
            row
        })
        .collect();
    table(
        "Millions of instructions of one login",
        &["", trusts[0].name(), trusts[1].name()],
        &rows,
    );
}

fn of(setup: &Setup, client: Client, trust: Trust) -> f64 {
    let log = setup.path("cachegrind.log");
    for program in client.programs(setup, &setup.authority(), "approve", trust) {
        let status = Command::new("valgrind")
            .args([
                "--tool=cachegrind",
                "--cache-sim=no",
                "--cachegrind-out-file=/dev/null",
            ])
            .arg(format!("--log-file={log}"))
            .args(program)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .expect("valgrind");
        assert!(status.success(), "{} under valgrind", client.name());
    }
    let log = std::fs::read_to_string(log).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("I   refs:") || line.contains("I refs:"));
    let digits: String = line
        .and_then(|line| line.rsplit(':').next())
        .unwrap_or_else(|| panic!("{log}"))
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap()
}
