//! CPU, wall clock, memory, and the time until the announcement.

use std::collections::HashMap;

use crate::client::{Client, Cost};
use crate::figures::{self, megabytes, middle, milliseconds, table};
use crate::setup::{Setup, Trust};

const CLIENTS: [Client; 5] = [
    Client::Host,
    Client::Module,
    Client::Pinned,
    Client::Least,
    Client::Curl,
];

pub fn measure(setup: &Setup, rounds: usize) {
    let authority = setup.authority();
    for trust in [Trust::System, Trust::OneFile] {
        let mut costs: HashMap<&str, Vec<Cost>> = HashMap::new();
        // In each round, one program after the other: the load of the machine then affects all
        // alike.
        for round in 0..=rounds {
            for client in CLIENTS {
                let cost = client.run(setup, &authority, trust);
                // The first round reads files that later rounds find in memory.
                if round > 0 {
                    costs.entry(client.name()).or_default().push(cost);
                }
            }
        }
        let of = |client: Client, what: fn(&Cost) -> f64| {
            middle(costs[client.name()].iter().map(what).collect())
        };
        let rows: Vec<Vec<String>> = CLIENTS
            .iter()
            .map(|client| {
                let [cpu, wall] = [|cost: &Cost| cost.cpu, |cost: &Cost| cost.wall]
                    .map(|what| (of(*client, what), of(Client::Least, what)));
                let peak = of(*client, |cost| cost.peak);
                let host = of(Client::Host, |cost| cost.peak).median;
                let spread = |one: &figures::Middle| {
                    format!(
                        "{} ({}–{})",
                        milliseconds(one.median),
                        milliseconds(one.low),
                        milliseconds(one.high)
                    )
                };
                vec![
                    client.name().to_owned(),
                    spread(&cpu.0),
                    format!("{:.2}", cpu.0.median / cpu.1.median),
                    spread(&wall.0),
                    format!("{:.2}", wall.0.median / wall.1.median),
                    megabytes(peak.median),
                    megabytes(peak.median - host),
                    match client {
                        Client::Module | Client::Pinned => milliseconds(
                            of(*client, |cost| cost.announced.unwrap_or(f64::NAN)).median,
                        ),
                        _ => String::new(),
                    },
                ]
            })
            .collect();
        let head = [
            "",
            "CPU, ms",
            "share",
            "wall, ms",
            "share",
            "peak, MB",
            "above the host",
            "announced after, ms",
        ];
        let heading = format!("One login, {} ({})", trust.name(), figures::rounds(rounds));
        table(&heading, &head, &rows);
    }
}
