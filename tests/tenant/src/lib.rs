//! A simulated LogonBox tenant: a real HTTPS server that publishes the keys of
//! simulated phones and signs with them, or misbehaves in a chosen way.
//!
//! ```no_run
//! use tenant::{Options, Tenant};
//!
//! # fn main() -> std::io::Result<()> {
//! let tenant = Tenant::start(Options::default())?;
//! println!("log in as `approve` at https://{}", tenant.authority());
//! println!("and trust this CA:\n{}", tenant.ca_pem());
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here is secret: the phones' private keys follow from the names of
//! their accounts, so that fingerprints stay the same from run to run. Never
//! let a real system trust them.

#![forbid(unsafe_code)]
// A panic here fails a test or a demonstration, never a login; and what happens
// here happens at real times.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod accounts;
mod airlock;
mod ask;
mod connection;
mod entry;
mod handler;
mod keys;
mod listing;
mod log;
mod pages;
mod phone;
mod primes;
mod redirect;
mod relay;
mod reply;
mod scenario;
mod scripted;
mod seen;
mod server;
mod service;
mod tenant;
mod tls;
mod vacant;
mod wire;

pub use accounts::{Account, Accounts, AccountsError, Phone};
pub use airlock::{
    Airlock, AirlockRequest, Background, Device, DeviceList, Image, PASSWORD, Place, Refusal,
    Token, Trouble, Twist, Unreadable, User, Way,
};
pub use keys::{Hash, KeyPair, KeyType, PublicKey, ed25519_blob, fingerprint, rsa_blob};
pub use log::Log;
pub use relay::{Break, Breakage, Carried, Direction, Relay, Route};
pub use scenario::{Comeback, Listing, Reaction};
pub use scripted::{Asked, Scripted, Wire};
pub use seen::{HttpRequest, KeyRequest, Press, Seen, SignRequest, Waiting};
pub use tenant::{Options, Silence, Tenant};
pub use tls::{Certificate, TlsVersions};
pub use vacant::{keep_vacant, vacant};
