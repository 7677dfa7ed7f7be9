#![cfg_attr(any(not(doctest), feature = "blocking"), doc = include_str!("../README.md"))]
//!
//! ## Where to look
//!
//! - [`Client`] and [`ClientBuilder`]: start here.
//! - [`Approval`]: the proof that the phone has signed. [`Error`]: the reason why not.
//! - [`AuthorizedKeys`], [`PublicKey`]: the published keys. They work without a tenant.
//! - [`Redirect`], [`RedirectRequest`]: the login through a browser.
//! - [`HttpClient`], [`KeySource`], [`SignatureSource`], [`RandomSource`]: the replaceable parts.
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!("logonbox-authenticator needs the feature `ring` or `aws-lc-rs`");

mod answer;
mod authorized_keys;
#[cfg(feature = "blocking")]
pub mod blocking;
mod client;
mod error;
/// Parsers that only their fuzz targets call.
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

/// The address of a tenant: `name` or `name:port`. It always speaks HTTPS.
#[doc(inline)]
pub use bounded_https::Authority as TenantAddress;
#[cfg(feature = "https")]
#[doc(inline)]
pub use bounded_https::SYSTEM_CA_FILES;
#[doc(inline)]
pub use bounded_https::{
    BadAuthority as BadAddress, Body, BoxFuture, Error as HttpError, ErrorKind as HttpErrorKind,
    HttpClient, Limits, Unreachable, http,
};

pub use authorized_keys::{AuthorizedKeys, NotAKeyList, Skipped};
pub use client::{Client, ClientBuilder};
pub use error::{Error, ErrorKind};
pub use key::{Algorithm, BadSignature, KeyError, PublicKey, RSA_MAX_BITS, RSA_MIN_BITS};
pub use redirect::{DEFAULT_REDIRECT_TIME, RESPONSE_PLACEHOLDER, Redirect, RedirectRequest};
pub use request::{Approval, Response, SignRequest, Wording};
pub use secret::{Payload, SavedRequest, Signature};
pub use source::{KeySource, RandomSource, SignatureSource, SystemRandom};
pub use text::{DEFAULT_AUTHORIZE_TEXT, DEFAULT_PROMPT_TEXT, DEFAULT_REMOTE_NAME, Texts};
