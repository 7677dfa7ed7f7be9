//! A relay between a client and the tenant, which delays bytes or breaks connections.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// The direction of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the tenant.
    ToTenant,
    /// From the tenant to the client.
    FromTenant,
}

/// What both ends see when the connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakage {
    /// Both ends see the end of the stream.
    Close,
    /// Both ends see a reset.
    Reset,
    /// Bytes stop passing, without an error.
    Stall,
}

/// Where the connection breaks.
#[derive(Clone, Copy, Debug)]
pub struct Break {
    /// The direction whose bytes are counted.
    pub direction: Direction,
    /// The number of bytes that still pass, of all connections together.
    pub after: u64,
    /// How it breaks.
    pub how: Breakage,
}

/// The properties of the route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Where the relay listens; port 0 is a free port.
    pub listen: SocketAddr,
    /// The delay in each direction. The first bytes of a client also wait for the TCP handshake,
    /// which a relay cannot delay.
    pub delay: Duration,
    /// Where the route breaks.
    pub breaks: Option<Break>,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            delay: Duration::ZERO,
            breaks: None,
        }
    }
}

/// What has passed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The connections that clients have made.
    pub connections: u64,
    /// The number of times that the tenant answered a client: the round trips after the connection.
    /// An unanswered message, such as the end of TLS, does not count. Without a delay there can be
    /// more, because the tenant may answer the first half of a message.
    pub flights: u64,
    /// Bytes from clients.
    pub to_tenant: u64,
    /// Bytes to clients.
    pub from_tenant: u64,
}

impl Carried {
    fn in_direction(&mut self, direction: Direction) -> &mut u64 {
        match direction {
            Direction::ToTenant => &mut self.to_tenant,
            Direction::FromTenant => &mut self.from_tenant,
        }
    }
}

/// A running relay. It ends when dropped, together with its connections.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    carried: Arc<Mutex<Carried>>,
    runtime: Option<Runtime>,
}

impl Relay {
    /// Starts a relay to `tenant` on a thread of its own. It accepts connections as soon as this
    /// returns.
    ///
    /// # Errors
    /// When the address is in use.
    pub fn start(tenant: SocketAddr, route: Route) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(route.listen)?;
        let address = listener.local_addr()?;
        let carried = Arc::new(Mutex::new(Carried::default()));
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let path = Path {
            tenant,
            route,
            carried: Arc::clone(&carried),
            broken: watch::Sender::new(false),
        };
        listener.set_nonblocking(true)?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        runtime.spawn(Arc::new(path).accept(listener));
        Ok(Self {
            address,
            carried,
            runtime: Some(runtime),
        })
    }

    /// The address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The host and port for a client's configuration, such as `localhost:8443`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// What has passed so far.
    #[must_use]
    pub fn carried(&self) -> Carried {
        *lock(&self.carried)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // A runtime must not block, and a test may run in one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state that all connections share.
struct Path {
    tenant: SocketAddr,
    route: Route,
    carried: Arc<Mutex<Carried>>,
    broken: watch::Sender<bool>,
}

impl Path {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            lock(&self.carried).connections += 1;
            tokio::spawn(Arc::clone(&self).connect(client));
        }
    }

    async fn connect(self: Arc<Self>, mut client: TcpStream) {
        let accepted = Instant::now();
        let Ok(mut tenant) = TcpStream::connect(self.tenant).await else {
            return;
        };
        let _ = (client.set_nodelay(true), tenant.set_nodelay(true));
        let turn = Mutex::new(Direction::FromTenant);
        let carried = async {
            let (client_out, client_in) = client.split();
            let (tenant_out, tenant_in) = tenant.split();
            let connected = accepted + 3 * self.route.delay;
            tokio::join!(
                self.pipe(
                    Direction::ToTenant,
                    (client_out, tenant_in),
                    &turn,
                    connected
                ),
                self.pipe(
                    Direction::FromTenant,
                    (tenant_out, client_in),
                    &turn,
                    accepted
                ),
            );
        };
        let mut broken = self.broken.subscribe();
        tokio::select! {
            () = carried => return,
            _ = broken.wait_for(|broken| *broken) => {}
        }
        match self.route.breaks.map(|breaks| breaks.how) {
            Some(Breakage::Stall) => pending().await,
            Some(Breakage::Reset) => {
                let _ = (client.set_zero_linger(), tenant.set_zero_linger());
            }
            _ => {}
        }
    }

    /// Carries one direction of a connection to its end. Each byte waits until `from`.
    async fn pipe(
        &self,
        direction: Direction,
        (mut out, mut into): (ReadHalf<'_>, WriteHalf<'_>),
        turn: &Mutex<Direction>,
        from: Instant,
    ) {
        let (sender, mut under_way) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
        let read = async {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(length @ 1..) = out.read(&mut buffer).await {
                self.count_flight(direction, turn);
                let due = from.max(Instant::now() + self.route.delay);
                // The other side has gone.
                if sender.send((due, buffer[..length].to_vec())).is_err() {
                    break;
                }
            }
            if direction == Direction::ToTenant {
                // The side that closes no longer waits for bytes.
                *lock(turn) = Direction::FromTenant;
            }
            drop(sender);
        };
        let write = async {
            self.break_if_due(direction);
            while let Some((due, mut bytes)) = under_way.recv().await {
                if !self.route.delay.is_zero() {
                    sleep_until(due).await;
                }
                self.count(direction, &mut bytes);
                if into.write_all(&bytes).await.is_err() {
                    return;
                }
                self.break_if_due(direction);
            }
            let _ = into.shutdown().await;
        };
        tokio::join!(read, write);
    }

    fn count_flight(&self, direction: Direction, turn: &Mutex<Direction>) {
        let mut turn = lock(turn);
        if direction == Direction::FromTenant && *turn != direction {
            lock(&self.carried).flights += 1;
        }
        *turn = direction;
    }

    /// The number of bytes that may still pass.
    fn left(&self, direction: Direction) -> u64 {
        match self.route.breaks {
            Some(breaks) if breaks.direction == direction => {
                let passed = *lock(&self.carried).in_direction(direction);
                breaks.after.saturating_sub(passed)
            }
            _ => u64::MAX,
        }
    }

    /// Counts the bytes that may pass and cuts off the rest. They are counted before they arrive.
    fn count(&self, direction: Direction, bytes: &mut Vec<u8>) {
        bytes.truncate(usize::try_from(self.left(direction)).unwrap_or(usize::MAX));
        *lock(&self.carried).in_direction(direction) += bytes.len() as u64;
    }

    fn break_if_due(&self, direction: Direction) {
        if self.left(direction) == 0 {
            self.broken.send_replace(true);
        }
    }
}
