//! The capabilities of this process.
//!
//! libpam parses files that others may have written, below a root that others may own. It reads all of
//! them as root, so this process keeps its user and the one capability for that. With the others, an
//! error in libpam could leave the root directory or change the host.

use std::io;

/// `_LINUX_CAPABILITY_VERSION_3`.
const VERSION: u32 = 0x2008_0522;
const CAP_DAC_READ_SEARCH: u32 = 1 << 2;

/// `__user_cap_header_struct`.
#[repr(C)]
struct Header {
    version: u32,
    /// 0 is the caller.
    pid: i32,
}

/// `__user_cap_data_struct`. The second one of a pair has the higher capabilities.
#[repr(C)]
#[derive(Default, Clone, Copy)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

pub fn drop_all_but_reading() -> Result<(), String> {
    let mut header = Header {
        version: VERSION,
        pid: 0,
    };
    let mut sets = [Sets::default(); 2];
    // SAFETY: the kernel writes the header and the pair of sets, and keeps no pointer.
    let got = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, &raw mut sets) };
    let kept = sets.first().map_or(0, |sets| sets.permitted) & CAP_DAC_READ_SEARCH;
    let kept = Sets {
        effective: kept,
        permitted: kept,
        inheritable: 0,
    };
    let sets = [kept, Sets::default()];
    // SAFETY: the kernel reads the sets, and keeps no pointer.
    let set = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, &raw const sets) };
    if got == 0 && set == 0 {
        return Ok(());
    }
    Err(format!("capabilities: {}", io::Error::last_os_error()))
}
