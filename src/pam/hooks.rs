//! The functions that libpam calls. A panic ends here.

#![allow(
    missing_docs,
    clippy::missing_safety_doc,
    reason = "pam_sm_authenticate(3) and its siblings"
)]

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};

use super::{PamHost, Poller};
use crate::host::{Host, ThisMachine};
use crate::log::{Line, Log, Severity, Syslog};
use crate::verdict::Word;

#[cfg_attr(fuzzing, allow(dead_code))]
struct PamLogonbox;

// What was built for a fuzzer, without the checksums of the crates that read PNG, is no PAM module.
#[cfg(not(fuzzing))]
pam::pam_hooks!(PamLogonbox);

impl PamHooks for PamLogonbox {
    fn sm_authenticate(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        keep_panics_quiet();
        let mut host = PamHost::new(handle, flags);
        let log = Syslog::new(&host.service());
        // Dropped last: a signal that ends the host must not come before the log line.
        let mut waiter = Poller::new();
        catch_unwind(AssertUnwindSafe(|| {
            crate::run(&args, &mut host, &ThisMachine, &mut waiter, &log)
        }))
        .unwrap_or_else(|panic| {
            // Dropping what was thrown could panic again.
            std::mem::forget(panic);
            log.write(
                Severity::Error,
                &Line::new(Word::Panic.as_str())
                    .with("reason", "the module panicked")
                    .finish(),
            );
            PamResultCode::PAM_ABORT
        })
    }

    /// There are no credentials to set; hosts such as doas complain about anything but success.
    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }
}

/// The default hook writes to the host's stderr. This one belongs to this library's own copy of
/// the Rust runtime: a host written in Rust keeps its own.
#[cfg_attr(fuzzing, allow(dead_code))]
fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}
