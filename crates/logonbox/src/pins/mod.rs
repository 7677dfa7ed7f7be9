//! `logonbox pin`, `unpin` and `pins`: the keys that this host trusts.

mod compare;
mod file;
mod pin;
mod unpin;

pub use compare::run;
pub use pin::pin;
pub use unpin::unpin;
