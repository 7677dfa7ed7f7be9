//! Connections to the tenant that break: after each number of bytes that matters, in both
//! directions, in three ways.
//!
//! The login is never approved without the whole answer. It ends in time and with the right word. A
//! phone that may have rung is told from one that has not.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

use servers::Direction::{FromTenant, ToTenant};
use servers::{Break, Breakage, Direction, Relay, Route};
use tenant::{Account, Accounts, Options, Tenant};

use super::table::{MORE_KILOBYTES, assert_end, run_all};
use crate::airlock::{PASSWORD, configure_at};
use crate::setup::{Login, Setup};

#[test]
fn a_way_that_breaks_lets_nobody_in() {
    break_at(&Kind::Push, Whole::positions_that_matter);
}

#[test]
fn a_way_to_airlock_that_breaks_lets_nobody_in() {
    break_at(&Kind::Airlock, Whole::positions_that_matter);
}

/// About nine thousand logins: all were refused, in less than five minutes.
#[ignore = "takes minutes: cargo test -p pam_logonbox --test logins any_byte -- --ignored"]
#[test]
fn a_way_that_breaks_after_any_byte_lets_nobody_in() {
    break_at(&Kind::Push, |whole, direction| {
        (0..=whole.needed(direction)).collect()
    });
}

/// The kind of login.
enum Kind {
    Push,
    /// With an OTP that is typed at once.
    Airlock,
}

/// The deadlines in seconds if the connection stalls.
const WAIT: u64 = 3;
/// The deadlines if it breaks at once or not at all.
const QUICK: u64 = 30;
/// The extra time for the end of the Airlock session.
const FAREWELL: u64 = 2;
/// A signature in the handshake differs by some bytes from login to login.
const ABOUT: u64 = 4;

fn break_at(kind: &Kind, positions: fn(&Whole, Direction) -> Vec<u64>) {
    let account = Account::new("lee").think(std::time::Duration::ZERO);
    let tenant = Tenant::start(Options {
        accounts: Accounts::from_iter([account]),
        ..Options::default()
    })
    .unwrap();
    let whole = Whole::of(kind, &tenant);
    let mut breaks = Vec::new();
    for direction in [ToTenant, FromTenant] {
        for after in positions(&whole, direction) {
            for how in [Breakage::Close, Breakage::Reset, Breakage::Stall] {
                let name = format!("{how:?} after {after} bytes {direction:?}");
                breaks.push((
                    name,
                    Break {
                        direction,
                        after,
                        how,
                    },
                ));
            }
        }
    }
    let before = tenant.sign_requests().len();
    let (rung, successes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    run_all(
        &breaks,
        |(name, _)| name,
        |(_, breaks)| breaks.how == Breakage::Stall,
        |(name, breaks)| {
            let route = Route {
                breaks: Some(*breaks),
                ..Route::default()
            };
            let relay = Relay::start(tenant.address(), route).unwrap();
            let wait = match breaks.how {
                Breakage::Stall => WAIT,
                Breakage::Close | Breakage::Reset => QUICK,
            };
            let login = kind.log_in(&tenant, &relay.authority(), wait);
            if login.code() == "PAM_SUCCESS" {
                let needed = whole.needed(breaks.direction);
                assert!(
                    breaks.after + ABOUT >= needed,
                    "{name}: {needed} are needed"
                );
                successes.fetch_add(1, SeqCst);
            } else {
                whole.assert_refused(kind, name, breaks, &login);
            }
            if ["PAM_SUCCESS", "PAM_MAXTRIES"].contains(&login.code()) {
                rung.fetch_add(1, SeqCst);
            }
        },
    );
    let pushes = tenant.sign_requests().len() - before;
    let (rung, successes) = (rung.into_inner(), successes.into_inner());
    println!(
        "{} breaks, {successes} logins, {pushes} pushes",
        breaks.len()
    );
    assert!(pushes <= rung, "{pushes} pushes, {rung} logins that say so");
}

impl Kind {
    /// A login through `authority`. The user approves or types the OTP at once.
    fn log_in(&self, tenant: &Tenant, authority: &str, wait: u64) -> Login {
        let setup = Setup::showing(Options::default(), "lee", "", "");
        setup.write("ca.pem", tenant.ca_pem());
        let rest = format!(
            "[wait]\nconnect_seconds = {wait}\nlogin_seconds = {wait}\n\
             [policy]\non_unavailable = \"ignore\"\n"
        );
        match self {
            Self::Push => {
                setup.configure(authority, "lee", "", &rest);
                setup.login("login", &[])
            }
            Self::Airlock => {
                let url = format!("https://{authority}/auth/rest");
                configure_at(&url, &setup, "otp", "", &rest);
                let mut running = setup.start("login", &[]);
                running.type_line(PASSWORD.as_bytes());
                running.type_line(b"A1b2C3");
                running.finish()
            }
        }
    }

    /// The exchanges after the one that lets the user in.
    fn farewells(&self) -> usize {
        match self {
            Self::Push => 0,
            Self::Airlock => 1,
        }
    }
}

/// A successful login on the wire: the ends of all TLS records, in order, counted in bytes of their
/// direction.
struct Whole {
    records: Vec<(Direction, u64)>,
    /// The bytes in each direction that must have passed before the login can be approved.
    needed: [u64; 2],
    /// After more bytes than these, a request may have been sent that has an effect: the one for a
    /// signature, or any request to Airlock.
    harmless: [u64; 2],
}

impl Whole {
    fn of(kind: &Kind, tenant: &Tenant) -> Self {
        let recorder = Recorder::start(tenant.address());
        let login = kind.log_in(tenant, &recorder.authority(), QUICK);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
        let records = recorder.records.lock().unwrap().clone();
        // An exchange is a request to the tenant and its answer.
        let mut exchanges: Vec<[u64; 2]> = Vec::new();
        let (mut sum, mut turn) = ([0; 2], FromTenant);
        for (direction, end) in &records {
            if *direction == ToTenant && turn == FromTenant {
                exchanges.push(sum);
            }
            sum[index(*direction)] = *end;
            turn = *direction;
            *exchanges.last_mut().unwrap() = sum;
        }
        // The last exchange closes the connection.
        let answered = exchanges.len() - 1 - kind.farewells();
        Self {
            needed: exchanges[answered - 1],
            harmless: match kind {
                // The key list has arrived.
                Kind::Push => exchanges[answered - 2],
                // The server's part of the handshake has arrived. The client sends its request
                // together with its own part.
                Kind::Airlock => exchanges[0],
            },
            records,
        }
    }

    fn needed(&self, direction: Direction) -> u64 {
        self.needed[index(direction)]
    }

    /// The ends of the records with their neighbours, and the middle of each record.
    fn positions_that_matter(&self, direction: Direction) -> Vec<u64> {
        let needed = self.needed(direction);
        let all = self.records.iter().filter(|(way, _)| *way == direction);
        let ends: Vec<u64> = all
            .map(|(_, end)| *end)
            .filter(|end| *end <= needed)
            .collect();
        let mut positions = Vec::new();
        let mut start: u64 = 0;
        for end in ends {
            positions.extend([
                start,
                start + 1,
                start + 5,
                u64::midpoint(start, end),
                end - 1,
            ]);
            start = end;
        }
        positions.push(needed);
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    fn assert_refused(&self, kind: &Kind, name: &str, breaks: &Break, login: &Login) {
        let passed = breaks.after;
        let harmless = self.harmless[index(breaks.direction)];
        let before = match breaks.how {
            Breakage::Stall => "PAM_IGNORE",
            _ => "PAM_AUTHINFO_UNAVAIL",
        };
        // If the tenant has the whole request, the direction from the tenant decides.
        let codes: &[&str] = if passed + ABOUT < harmless {
            &[before]
        } else if passed > harmless + ABOUT {
            &["PAM_MAXTRIES"]
        } else {
            &[before, "PAM_MAXTRIES"]
        };
        let code = login.code();
        let log = login.log();
        assert!(
            codes.contains(&code),
            "{name}: {code}, not {codes:?}: {log}"
        );
        let word = match (breaks.how, kind, code) {
            (Breakage::Stall, ..) | (_, Kind::Push, "PAM_MAXTRIES") => "timed-out",
            _ => "unreachable",
        };
        let longest = match kind {
            Kind::Push => WAIT,
            Kind::Airlock => WAIT + FAREWELL,
        };
        assert_end(name, login, code, word, longest, MORE_KILOBYTES);
    }
}

fn index(direction: Direction) -> usize {
    match direction {
        ToTenant => 0,
        FromTenant => 1,
    }
}

/// Forwards one connection and records the ends of its TLS records.
struct Recorder {
    address: SocketAddr,
    records: Arc<Mutex<Vec<(Direction, u64)>>>,
}

impl Recorder {
    fn start(tenant: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let records = Arc::new(Mutex::default());
        let all = Arc::clone(&records);
        thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let tenant = TcpStream::connect(tenant).unwrap();
            let back = (tenant.try_clone().unwrap(), client.try_clone().unwrap());
            let there = (client, tenant);
            thread::scope(|scope| {
                scope.spawn(|| pass(FromTenant, back, &all));
                scope.spawn(|| pass(ToTenant, there, &all));
            });
        });
        Self { address, records }
    }

    fn authority(&self) -> String {
        format!("localhost:{}", self.address.port())
    }
}

fn pass(
    direction: Direction,
    (mut from, mut to): (TcpStream, TcpStream),
    records: &Mutex<Vec<(Direction, u64)>>,
) {
    let (mut buffer, mut rest, mut end) = ([0; 4096], Vec::new(), 0);
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        rest.extend_from_slice(&buffer[..length]);
        while let Some(head) = rest.first_chunk::<5>() {
            let length = 5 + usize::from(u16::from_be_bytes([head[3], head[4]]));
            if rest.len() < length {
                break;
            }
            rest.drain(..length);
            end += u64::try_from(length).unwrap();
            records.lock().unwrap().push((direction, end));
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
