#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! - [`Client`] and [`ClientBuilder`]: everything starts there.
//! - [`Error`], [`ErrorKind`]: why there is no answer. [`Approval`]: that there is one.
//! - [`AuthorizedKeys`], [`PublicKey`]: what a tenant publishes; of use without a tenant, too.
//! - [`Redirect`], [`RedirectRequest`]: the login through a browser.
//! - [`KeySource`], [`SignatureSource`], [`RandomSource`]: what can be replaced.
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod answer;
mod authorized_keys;
mod client;
mod error;
/// Parsers that only their fuzz targets reach from outside.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
mod https;
mod key;
mod redirect;
mod request;
mod secret;
mod source;
mod text;
mod wire;

/// Where a tenant is: `name` or `name:port`. Always HTTPS.
#[doc(inline)]
pub use bounded_https::Authority as TenantAddress;
#[doc(inline)]
pub use bounded_https::{BadAuthority as BadAddress, Canceller, SYSTEM_CA_FILES, Unreachable};

pub use authorized_keys::{AuthorizedKeys, NotAKeyList, Skipped};
pub use client::{Client, ClientBuilder};
pub use error::{Error, ErrorKind};
pub use key::{Algorithm, BadSignature, KeyError, PublicKey, RSA_MAX_BITS, RSA_MIN_BITS};
pub use redirect::{DEFAULT_REDIRECT_TIME, RESPONSE_PLACEHOLDER, Redirect, RedirectRequest};
pub use request::{Approval, Response, SignRequest, Wording};
pub use secret::{Payload, SavedRequest, Signature};
pub use source::{KeySource, RandomSource, SignatureSource, SystemRandom};
pub use text::{DEFAULT_AUTHORIZE_TEXT, DEFAULT_PROMPT_TEXT, DEFAULT_REMOTE_NAME, Texts};
