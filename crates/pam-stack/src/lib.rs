#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic here fails a test"))]

mod code;
mod error;
mod question;
mod stacks;

pub use code::Code;
pub use error::Error;
pub use question::{Answer, Call, Facility, MAX_LINE, Question, Rule};
pub use stacks::Stacks;
