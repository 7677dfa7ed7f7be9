//! The memory that a login holds while it waits for the phone.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tenant::Press;

use crate::client::Client;
use crate::figures::{megabytes, table};
use crate::setup::{Setup, Trust};

const TIMEOUT: Duration = Duration::from_secs(30);
/// The time after which a waiting login has no other work.
const SETTLED: Duration = Duration::from_millis(500);

pub fn measure(setup: &Setup) {
    let mut rows = Vec::new();
    let host = host_alone(setup);
    rows.push(row(Client::Host.name(), &host, &host));
    for trust in [Trust::System, Trust::OneFile] {
        for client in [Client::Module, Client::Pinned, Client::Least] {
            let programs = client.programs(setup, &setup.authority(), "page", trust);
            let held = of_two(
                || start(&programs[0]),
                || {
                    let two = setup.tenant.wait_for_waiting(2, TIMEOUT);
                    assert!(two, "{}", client.name());
                },
                |_| approve_all(setup),
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
fn host_alone(setup: &Setup) -> Held {
    let mut program = Client::Host
        .programs(setup, "", "", Trust::System)
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

/// The memory of one of two waiting logins. With a single login, even the code of its libraries
/// would count as private.
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

pub fn approve_all(setup: &Setup) {
    for waiting in setup.tenant.waiting() {
        assert!(setup.tenant.answer(waiting.id, Press::Authorize));
    }
}

/// In kibibytes.
#[derive(Clone, Copy, Default)]
pub struct Held {
    /// Pages that belong to this process alone.
    pub private: f64,
    pub resident: f64,
    /// The private pages, and the share of the shared pages.
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
