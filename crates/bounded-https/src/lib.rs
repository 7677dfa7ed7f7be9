#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod authority;
mod cancel;
mod classify;
mod failure;
/// Parsers that only their fuzz targets reach from outside.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
mod mailbox;
mod resolve;
mod tls;
mod transport;

pub use authority::{Authority, BadAuthority};
pub use cancel::Canceller;
pub use failure::{Failure, FailureKind, Unreachable, printable};
pub use tls::{Roots, SYSTEM_CA_FILES};
pub use transport::{Body, Call, Header, Method, Options, Reply, Transport};
