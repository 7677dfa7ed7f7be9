#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic here fails a test"))]

mod code;
mod error;
#[doc(hidden)]
pub mod protocol;
mod question;
mod stacks;

pub use code::Code;
pub use error::Error;
pub use question::{Answer, Call, Facility, Question, Rule};
pub use stacks::Stacks;
