//! What a login holds while the person looks for the phone.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tenant::Press;

use crate::client::Client;
use crate::figures::{megabytes, table};
use crate::stage::{Stage, Trust};

const PATIENCE: Duration = Duration::from_secs(30);
/// Until a login that waits has nothing else left to do.
const SETTLED: Duration = Duration::from_millis(500);

pub fn measure(stage: &Stage) {
    let mut rows = Vec::new();
    let host = host_alone(stage);
    rows.push(row(Client::Host.name(), &host, &host));
    for trust in [Trust::System, Trust::OneFile] {
        for client in [Client::Module, Client::Pinned, Client::Least] {
            let programs = client.programs(stage, &stage.authority(), "page", trust);
            let held = of_two(
                || start(&programs[0]),
                || {
                    let two = stage.tenant.wait_for_waiting(2, PATIENCE);
                    assert!(two, "{}", client.name());
                },
                |_| approve_all(stage),
            );
            let name = format!("{}, {}", client.name(), trust.name());
            rows.push(row(&name, &held, &host));
        }
    }
    table(
        "While the phone rings (one of two such logins)",
        &[
            "",
            "private, MB",
            "above the host",
            "resident, MB",
            "above the host",
            "threads",
        ],
        &rows,
    );
}

/// The host after a login with `pam_permit`.
fn host_alone(stage: &Stage) -> Held {
    let mut program = Client::Host
        .programs(stage, "", "", Trust::System)
        .remove(0);
    program.push("hold".to_owned());
    let hold = || {
        Command::new(&program[0])
            .args(&program[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("host")
    };
    of_two(
        hold,
        || {},
        |both| {
            for child in both {
                drop(child.stdin.take());
            }
        },
    )
}

/// What one of two holds that wait at the same time: with one alone, even the code of its libraries
/// would be nobody else's.
fn of_two(start: impl Fn() -> Child, reached: impl Fn(), end: impl Fn(&mut [Child])) -> Held {
    let mut both = [start(), start()];
    reached();
    thread::sleep(SETTLED);
    let held = Held::by(both[0].id());
    end(&mut both);
    for mut child in both {
        assert!(child.wait().unwrap().success());
    }
    held
}

pub fn start(program: &[String]) -> Child {
    Command::new(&program[0])
        .args(&program[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("a client")
}

pub fn approve_all(stage: &Stage) {
    for waiting in stage.tenant.waiting() {
        assert!(stage.tenant.answer(waiting.id, Press::Authorize));
    }
}

/// In kibibytes.
#[derive(Clone, Copy, Default)]
pub struct Held {
    /// Pages that no other process has.
    pub private: f64,
    pub resident: f64,
    /// Its share of what it shares, and what is private.
    pub proportional: f64,
    pub threads: f64,
}

impl Held {
    pub fn by(process: u32) -> Self {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).unwrap();
        let (memory, status) = (read("smaps_rollup"), read("status"));
        let value = |text: &str, name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|line| line.split_whitespace().next());
            value
                .unwrap_or_else(|| panic!("no {name}"))
                .parse()
                .unwrap()
        };
        Self {
            private: value(&memory, "Private_Clean:") + value(&memory, "Private_Dirty:"),
            resident: value(&memory, "Rss:"),
            proportional: value(&memory, "Pss:"),
            threads: value(&status, "Threads:"),
        }
    }
}

fn row(name: &str, held: &Held, host: &Held) -> Vec<String> {
    vec![
        name.to_owned(),
        megabytes(held.private),
        megabytes(held.private - host.private),
        megabytes(held.resident),
        megabytes(held.resident - host.resident),
        held.threads.to_string(),
    ]
}
