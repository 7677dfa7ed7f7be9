//! `pam_logonbox.so`: the interface to PAM. The login itself is in `crates/login`.
//!
//! libpam calls [`PamHooks`]. Panics are caught here.
#![allow(
    missing_docs,
    reason = "pam_sm_authenticate(3) explains the functions that libpam calls"
)]

mod auxv;
mod handle;

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

use login::clock::SystemClock;
use login::host::Host;
use login::log::{Line, Log, PATIENCE, Severity, SystemLog};
use login::outcome::{Code, Reason};
use login::progress::Unobserved;
use login::system::ThisMachine;
use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};

use crate::handle::PamHost;

/// An ELF note, by which `logonbox check` knows this module under any file name: the length of the
/// name, no content, the type 1, the name.
#[used]
#[unsafe(link_section = ".note.pam_logonbox")]
static NOTE: [u32; 7] = [
    13,
    0,
    1,
    u32::from_ne_bytes(*b"pam_"),
    u32::from_ne_bytes(*b"logo"),
    u32::from_ne_bytes(*b"nbox"),
    0,
];

struct PamLogonbox;

pam::pam_hooks!(PamLogonbox);

impl PamHooks for PamLogonbox {
    fn sm_authenticate(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        silence_panics();
        let mut host = PamHost::new(handle, flags);
        let log: Arc<dyn Log> = Arc::new(SystemLog::new(&host.service()));
        let system = Arc::new(ThisMachine::new(auxv::is_setuid()));
        // Dropped at the end of this function, after the log line. The drop unblocks signals, and a
        // pending signal may end the host.
        let mut clock = SystemClock::new();
        let code = catch_unwind(AssertUnwindSafe(|| {
            login::run(&args, &mut host, system, &mut clock, &log, &mut Unobserved)
        }));
        in_c(code.unwrap_or_else(|panic| {
            // Dropping the payload could panic again.
            std::mem::forget(panic);
            log.write(
                Severity::Error,
                &Line::new(Reason::Panic.as_str()).with("reason", "the module panicked"),
                PATIENCE,
            );
            Code::Abort
        }))
    }

    /// This module has no credentials to set. Hosts such as doas complain about other codes.
    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }
}

fn in_c(code: Code) -> PamResultCode {
    match code {
        Code::Success => PamResultCode::PAM_SUCCESS,
        Code::Ignore => PamResultCode::PAM_IGNORE,
        Code::ServiceErr => PamResultCode::PAM_SERVICE_ERR,
        Code::ConvErr => PamResultCode::PAM_CONV_ERR,
        Code::AuthinfoUnavail => PamResultCode::PAM_AUTHINFO_UNAVAIL,
        Code::MaxTries => PamResultCode::PAM_MAXTRIES,
        Code::Abort => PamResultCode::PAM_ABORT,
    }
}

/// The default panic hook writes to the host's stderr. This hook belongs to this library's own copy
/// of the Rust runtime: a host that is written in Rust keeps its own.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}
