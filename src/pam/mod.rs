//! What talks C: the entry points, the PAM handle, signals. The only room with `unsafe`.

mod handle;
mod hooks;
mod secure;
mod signals;

pub use handle::PamHost;
pub use secure::is_setuid;
pub use signals::{ENDING, Poller};
