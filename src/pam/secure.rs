//! Who called this program.

/// Whether the kernel started this program with more rights than its caller has (`AT_SECURE`,
/// getauxval(3)). The user ids do not tell: sudo makes them all 0 before it calls PAM.
#[must_use]
pub fn is_setuid() -> bool {
    // SAFETY: getauxval(3) reads a value that the kernel left at the start of the process.
    let secure = unsafe { libc::getauxval(libc::AT_SECURE) };
    secure != 0
}
