//! Real programs in a terminal, against a simulated tenant: what the tests in containers and in
//! virtual machines share.

#![forbid(unsafe_code)]
// A panic fails a test, never a login. The tests run in real time.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    clippy::panic,
    clippy::print_stderr
)]

pub mod log;
pub mod machine;
pub mod person;
pub mod phone;
pub mod terminal;
