//! Runs the command against a simulated tenant.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

mod bypass;
mod check;
mod config;
mod keys;
mod login;
mod output;
mod pins;
mod report;
mod setup;
mod terminal;
mod unlock;
