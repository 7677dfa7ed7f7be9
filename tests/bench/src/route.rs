//! Round trips: their number, and their cost with a distant tenant.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use servers::{Relay, Route};

use crate::client::Client;
use crate::figures::{self, middle, milliseconds, table};
use crate::setup::{Setup, Trust};

const CLIENTS: [Client; 4] = [Client::Module, Client::Pinned, Client::Least, Client::Curl];

pub fn measure(setup: &Setup, rounds: usize) {
    let mut rows = Vec::new();
    for (version, listen, name) in [
        ("IPv4", "127.0.0.1:0", "ipv4.example"),
        ("IPv6", "[::1]:0", "ipv6.example"),
    ] {
        let listen: SocketAddr = listen.parse().unwrap();
        if let Err(error) = TcpListener::bind(listen) {
            println!("\nNOT MEASURED: {version}, because {listen} cannot be used: {error}");
            continue;
        }
        for delay in [0, 20, 100] {
            let route = Route {
                listen,
                delay: Duration::from_millis(delay),
                ..Route::default()
            };
            let mut row = vec![version.to_owned(), delay.to_string()];
            for client in CLIENTS {
                let runs = (0..rounds).map(|_| {
                    let relay = Relay::start(setup.address(), route).expect("a relay on loopback");
                    let authority = format!("{name}:{}", relay.address().port());
                    let cost = client.run(setup, &authority, Trust::System);
                    let carried = relay.carried();
                    (carried.connections + carried.flights, cost.wall)
                });
                let (trips, walls): (Vec<u64>, Vec<f64>) = runs.unzip();
                let wall = milliseconds(middle(walls).median);
                row.push(match trips.iter().max() {
                    Some(trips) if delay > 0 => format!("{trips}: {wall}"),
                    // Without a delay, the number is random: see `Carried`.
                    _ => wall,
                });
            }
            rows.push(row);
        }
    }
    let mut head = vec!["", "ms each way"];
    head.extend(CLIENTS.map(Client::name));
    let heading = format!(
        "Round trips, and wall in ms, {} ({})",
        Trust::System.name(),
        figures::rounds(rounds)
    );
    table(&heading, &head, &rows);
}
