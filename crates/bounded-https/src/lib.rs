#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

#[cfg(all(feature = "https", not(any(feature = "ring", feature = "aws-lc-rs"))))]
compile_error!("the feature `https` of bounded-https needs the feature `ring` or `aws-lc-rs`");

mod authority;
#[cfg(feature = "blocking")]
pub mod blocking;
mod client;
#[cfg(feature = "https")]
mod connect;
#[cfg(feature = "https")]
mod connection;
mod error;
#[cfg(feature = "https")]
mod failure;
/// Parsers that only their fuzz targets call.
#[cfg(all(fuzzing, feature = "https"))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(feature = "https")]
mod https;
#[cfg(feature = "https")]
mod pem;
#[cfg(feature = "https")]
mod proxy;
#[cfg(feature = "https")]
mod resolve;
#[cfg(feature = "https")]
mod sandbox;
#[cfg(feature = "https")]
mod tls;
#[cfg(feature = "https")]
mod words;

/// The crate of the requests and answers in this API.
pub use http;

pub use authority::{Authority, BadAuthority};
pub use client::{Body, BoxFuture, HttpClient, Limits, secret_header};
pub use error::{Detail, Error, ErrorKind, Unreachable, printable};
#[cfg(feature = "https")]
pub use https::{Https, HttpsBuilder};
/// For `logonbox check`.
#[cfg(feature = "https")]
#[doc(hidden)]
pub use proxy::proxy_address;
/// For `logonbox check`.
#[cfg(feature = "https")]
#[doc(hidden)]
pub use tls::crypto_provider;
#[cfg(feature = "https")]
pub use tls::{Roots, SYSTEM_CA_FILES};
/// For `logonbox check`.
#[cfg(feature = "https")]
#[doc(hidden)]
pub use words::tls_words;
