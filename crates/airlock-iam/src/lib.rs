#![cfg_attr(any(not(doctest), feature = "blocking"), doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod answer;
mod base_url;
#[cfg(feature = "blocking")]
pub mod blocking;
mod client;
mod cookies;
mod error;
mod flow;
/// Parsers that only their fuzz targets call.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
mod lock;
mod session;

#[doc(inline)]
pub use bounded_https::{
    Authority, BadAuthority, Body, BoxFuture, Error as HttpError, ErrorKind as HttpErrorKind,
    HttpClient, Limits, Unreachable, http,
};

pub use answer::Device;
pub use base_url::{BadBaseUrl, BaseUrl};
pub use client::{Application, Client, ClientBuilder};
pub use error::{Error, ErrorKind, Rejected};
pub use flow::{
    DeviceChoice, DeviceList, Finished, Hint, LoggedIn, Next, OneTouchStep, OtpStep, POLL_INTERVAL,
    PasswordOnly, PasswordStep, Polled, QrChallenge,
};
pub use lock::LockExpiry;

/// An answer of Airlock.
pub(crate) type Reply = http::Response<Body>;
