//! For tests that choose every byte: a server with a script, a relay that delays or breaks
//! connections, and addresses on which nothing listens.
#![forbid(unsafe_code)]
// A panic here fails a test, never a login. The tests run in real time.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod relay;
mod scripted;
mod vacant;

pub use relay::{Break, Breakage, Carried, Direction, Relay, Route};
pub use scripted::{Asked, Scripted, Wire};
pub use vacant::{keep_vacant, vacant};
