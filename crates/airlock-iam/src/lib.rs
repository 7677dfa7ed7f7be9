#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answer;
mod base_url;
mod client;
mod cookies;
mod error;
mod flow;
/// Parsers that only their fuzz targets reach from outside.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
mod lock;
mod session;

pub use bounded_https::{Canceller, Unreachable};

pub use answer::Device;
pub use base_url::{BadBaseUrl, BaseUrl};
pub use client::{Application, Client, ClientBuilder};
pub use error::{Error, ErrorKind, Rejected};
pub use flow::{
    Approval, DeviceChoice, DeviceList, Finished, Hint, LoggedIn, Next, OtpStep, POLL_INTERVAL,
    PasswordOnly, PasswordStep, Polled, QrChallenge,
};
pub use lock::LockExpiry;
