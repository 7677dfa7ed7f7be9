//! A simulated LogonBox tenant: an HTTPS server that publishes the keys of simulated phones and
//! signs with them, or misbehaves as a test demands.
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
//! The private keys are not secret: they follow from the names of the accounts, so that the
//! fingerprints stay the same. No real system may trust them.

#![forbid(unsafe_code)]
// A panic here fails a test or a demonstration, never a login. The tests run in real time.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod accounts;
mod airlock;
mod api;
mod ask;
mod code;
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
mod reply;
mod scenario;
mod seen;
mod server;
mod service;
mod tenant;
mod tls;
mod wire;

pub use accounts::{Account, Accounts, AccountsError, Phone, PhoneKey};
pub use airlock::{
    Airlock, AirlockRequest, Background, BadAnswer, Device, DeviceList, Image, PASSWORD, Place,
    Refusal, ScanError, SecondFactor, Token, User, Variation,
};
pub use keys::{Hash, KeyPair, KeyType, PublicKey, ed25519_blob, fingerprint, rsa_blob};
pub use log::Log;
pub use scenario::{Comeback, Listing, Reaction};
pub use seen::{HttpRequest, KeyRequest, Press, Seen, SignRequest, State, Waiting};
pub use tenant::{Options, Silence, Tenant};
pub use tls::{Ca, Certificate, TlsVersions};
