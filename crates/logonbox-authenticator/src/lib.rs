#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
mod answer;
mod authorized_keys;
mod cancel;
mod classify;
mod client;
mod error;
mod https;
mod key;
mod mailbox;
mod request;
mod resolve;
mod source;
mod text;
mod tls;
mod transport;
mod wire;

pub use address::{BadAddress, TenantAddress};
pub use answer::Signature;
pub use authorized_keys::{AuthorizedKeys, NotAKeyList, Skipped};
pub use cancel::Canceller;
pub use client::{Client, ClientBuilder};
pub use error::{Error, ErrorKind, Unreachable};
pub use key::{Algorithm, BadSignature, KeyError, PublicKey, RSA_MAX_BITS, RSA_MIN_BITS};
pub use request::{Approval, Response, SignRequest, Wording};
pub use source::{KeySource, Payload, RandomSource, SignatureSource, SystemRandom};
pub use text::{DEFAULT_AUTHORIZE_TEXT, DEFAULT_PROMPT_TEXT, DEFAULT_REMOTE_NAME, Texts};
pub use tls::SYSTEM_CA_FILES;
