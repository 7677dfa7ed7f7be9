//! The doubles and the real modules, asked by the same libpam, lead to the same answers.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a panic here fails a test"
)]

mod generated;
mod helper;
mod host;
mod modules;
mod reading;
mod traces;
