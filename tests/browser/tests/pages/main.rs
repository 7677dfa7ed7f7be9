//! The pages and the redirect in a real browser: see ../../README.md.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic fails a test, and what happens here happens at real times"
)]

mod application;
mod browser;
mod cargo;
mod demo;
mod phone;
mod pictures;
mod redirect;
mod terminal;
