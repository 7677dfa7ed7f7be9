//! The auxiliary vector, which the kernel writes at the start of a program.

/// Whether the kernel started this program with the rights of another user or group than its
/// caller's, as it does with sudo and su (getauxval(3)). The ids of the process do not show it: sudo
/// sets all of them to 0 before it calls PAM. `AT_SECURE` does not show it either: a transition of
/// `SELinux` sets it, too, for instance at a login on the console.
pub fn is_setuid() -> bool {
    // SAFETY: getauxval(3) only reads a value from the kernel.
    let value = |kind| unsafe { libc::getauxval(kind) };
    value(libc::AT_UID) != value(libc::AT_EUID) || value(libc::AT_GID) != value(libc::AT_EGID)
}
