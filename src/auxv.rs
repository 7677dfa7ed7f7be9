//! The auxiliary vector, which the kernel writes at the start of a program.

/// Whether the kernel started this program with more rights than its caller has (`AT_SECURE`,
/// getauxval(3)). The user ids do not show it: sudo sets all of them to 0 before it calls PAM.
pub fn is_setuid() -> bool {
    // SAFETY: getauxval(3) only reads a value from the kernel.
    let secure = unsafe { libc::getauxval(libc::AT_SECURE) };
    secure != 0
}
