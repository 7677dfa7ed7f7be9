//! The functions with which libpam leaves traces: it writes lines to the system's log, and as root
//! a record of each question to the audit socket.

use std::ffi::{CStr, c_char, c_int, c_void};

use nix::errno::Errno;

use crate::doubles::text;
use crate::stage;

/// Opens no socket. With this error libpam goes on as on a kernel without audit: see
/// `_pam_audit_open` in `libpam/pam_audit.c`.
#[unsafe(no_mangle)]
pub extern "C" fn audit_open() -> c_int {
    Errno::EPROTONOSUPPORT.set();
    -1
}

/// Keeps the text of a line that libpam logs: it always has the format `%s %s`, the first of which
/// is a prefix, as in `pam_vsyslog` of `libpam/pam_syslog.c`. Drops all other lines.
///
/// # Safety
///
/// `format` ends in NUL. If it is `%s %s`, `line` does, too.
unsafe fn keep(format: *const c_char, line: *const c_char) {
    // SAFETY: the caller says so.
    if unsafe { CStr::from_ptr(format) } == c"%s %s" {
        // SAFETY: the caller says so.
        let line = unsafe { text(line) };
        stage::with(|stage| stage.message(line));
    }
}

/// syslog(3), which has a variable number of arguments. Rust cannot define such a function. In the
/// ABIs of `x86_64` and `aarch64` for Linux, the first such arguments are in the registers of named
/// arguments, if they are no floating-point numbers. If there are fewer, the registers hold values
/// that are not used.
///
/// # Safety
///
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syslog(
    _priority: c_int,
    format: *const c_char,
    _prefix: *const c_char,
    line: *const c_char,
) {
    // SAFETY: the caller says so.
    unsafe { keep(format, line) }
}

/// The name of [`syslog`] in programs that are compiled with `_FORTIFY_SOURCE`.
///
/// # Safety
///
/// As [`syslog`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __syslog_chk(
    _priority: c_int,
    _flag: c_int,
    format: *const c_char,
    _prefix: *const c_char,
    line: *const c_char,
) {
    // SAFETY: the caller says so.
    unsafe { keep(format, line) }
}

/// vsyslog(3), which libpam does not call. Drops the line.
#[unsafe(no_mangle)]
pub extern "C" fn vsyslog(_priority: c_int, _format: *const c_char, _arguments: *mut c_void) {}

/// The name of [`vsyslog`] in programs that are compiled with `_FORTIFY_SOURCE`.
#[unsafe(no_mangle)]
pub extern "C" fn __vsyslog_chk(
    _priority: c_int,
    _flag: c_int,
    _format: *const c_char,
    _arguments: *mut c_void,
) {
}
