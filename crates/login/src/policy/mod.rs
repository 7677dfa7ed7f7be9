//! Who is asked, who is exempt or remembered, how often, and when the module fails open.

mod exempt;
mod fails_open;
mod groups;
mod limit;
mod person;
mod remember;

pub use exempt::{Exemption, exemption};
pub use fails_open::fails_open;
pub use groups::is_in_none;
pub use limit::{Attempt, Attempts, Limit, attempt_of};
pub use person::{Person, known_user, person};
pub use remember::{Remember, forget};

use std::fs::File;

use crate::outcome::{Reason, Refusal};

/// The longest user name that is looked up, in bytes. utmp(5) and useradd(8) allow less, and some
/// user databases crash on longer names.
const LONGEST_NAME: usize = 256;
/// File descriptors that a look-up and a connection may need at once.
const SPARE_FILES: usize = 16;
/// More than 32 MB. glibc may keep smaller blocks for itself after they are freed (mallopt(3),
/// `M_MMAP_THRESHOLD`).
const SPARE_BYTES: usize = 33 << 20;

/// Checks that the memory of a login is available. If a later allocation fails, Rust aborts the
/// host.
///
/// # Errors
///
/// [`Reason::LocalFailure`].
pub fn enough_memory() -> Result<(), Refusal> {
    let mut spare = Vec::<u8>::new();
    let reserved = spare.try_reserve_exact(SPARE_BYTES);
    // Otherwise the compiler removes the allocation.
    std::hint::black_box(&spare);
    reserved.map_err(|_| Refusal::new(Reason::LocalFailure, "this process has little memory left"))
}

fn has_spare_files() -> bool {
    (0..SPARE_FILES)
        .map(|_| File::open("/dev/null"))
        .collect::<Result<Vec<_>, _>>()
        .is_ok()
}
