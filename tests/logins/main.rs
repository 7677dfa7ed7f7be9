//! Complete logins: the real libpam loads the module, and a simulated tenant answers over TLS.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a panic here fails a test, never a login"
)]

mod accounts;
mod airlock;
mod build;
mod bypass;
mod caller;
mod code;
mod cost;
mod device;
mod faults;
mod hostile;
mod leaks;
mod limit;
mod local;
mod module;
mod pins;
mod policy;
mod proxy;
mod push;
mod remember;
mod setup;
mod su;
