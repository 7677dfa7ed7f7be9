//! The simulated Airlock IAM over HTTPS, compared with its documentation.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

#[path = "../common/mod.rs"]
mod common;

mod bad_answers;
mod browser;
mod devices;
mod flow;
mod gateway;
mod image;
mod protocol;
mod screen;
mod wrong;
