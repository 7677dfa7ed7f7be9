//! The functions with which libpam loads modules: `dlopen`, `dlsym`, `dlclose` and `dlerror`.
//!
//! While libpam is being asked, it gets a double for each module. A double returns the code that
//! the question wants. libpam does not tell a module its own path, so each path has a double of its
//! own. All other calls go on to the C library.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::transmute;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{ptr, slice};

use pam_stack::Code;

use crate::stage::{self, MOST_MODULES};

const COLUMNS: usize = 16;
const ROWS: usize = 8;
const _: () = assert!(COLUMNS * ROWS == MOST_MODULES);

/// `pam_sm_authenticate`, `pam_sm_acct_mgmt` and the others of security/pam_modules.h.
type Double = unsafe extern "C" fn(*mut c_void, c_int, c_int, *const *const c_char) -> c_int;

/// The double in the slot `ROW * COLUMNS + COLUMN`.
///
/// # Safety
///
/// `argv` has `argc` strings that end in NUL.
unsafe extern "C" fn double<const ROW: usize, const COLUMN: usize>(
    _handle: *mut c_void,
    _flags: c_int,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    let arguments = if argv.is_null() {
        &[]
    } else {
        // SAFETY: the caller says so.
        unsafe { slice::from_raw_parts(argv, count) }
    };
    // SAFETY: the caller says so.
    let text = |argument: &*const c_char| unsafe { text(*argument) };
    let arguments = arguments.iter().map(text).collect();
    let slot = ROW.wrapping_mul(COLUMNS).wrapping_add(COLUMN);
    stage::with(|stage| stage.call(slot, arguments)).map_or(Code::SERVICE_ERR.0, |code| code.0)
}

/// A copy of a string.
///
/// # Safety
///
/// `string` ends in NUL.
pub unsafe fn text(string: *const c_char) -> String {
    // SAFETY: the caller says so.
    let string = unsafe { CStr::from_ptr(string) };
    string.to_string_lossy().into_owned()
}

macro_rules! row {
    ($row:literal) => {
        row!($row: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($row:literal: $($column:literal)*) => {
        [$(double::<$row, $column>),*]
    };
}

static DOUBLES: [[Double; COLUMNS]; ROWS] = [
    row!(0),
    row!(1),
    row!(2),
    row!(3),
    row!(4),
    row!(5),
    row!(6),
    row!(7),
];

/// The address of a byte is the handle of its slot.
static HANDLES: [u8; MOST_MODULES] = [0; MOST_MODULES];

fn slot(handle: *mut c_void) -> Option<usize> {
    HANDLES
        .iter()
        .position(|byte| ptr::from_ref(byte).addr() == handle.addr())
}

/// The version of the functions below in every glibc: the first one that runs on this machine.
#[cfg(target_arch = "x86_64")]
const VERSION: &CStr = c"GLIBC_2.2.5";
#[cfg(target_arch = "aarch64")]
const VERSION: &CStr = c"GLIBC_2.17";

/// The C library's own function.
fn original(name: &CStr) -> *mut c_void {
    // Not dlsym, which is ours.
    // SAFETY: both strings end in NUL.
    unsafe { libc::dlvsym(libc::RTLD_NEXT, name.as_ptr(), VERSION.as_ptr()) }
}

/// dlopen(3)
///
/// # Safety
///
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void {
    if !path.is_null() {
        // SAFETY: the caller says so.
        let path = unsafe { CStr::from_ptr(path) }.to_bytes();
        // libpam names a directory with each module. The C library loads its own modules, for
        // example those of nsswitch.conf, without this function.
        if path.contains(&b'/') {
            let path = Path::new(OsStr::from_bytes(path));
            if let Some(slot) = stage::with(|stage| stage.load(path)) {
                let handle = slot.and_then(|slot| HANDLES.get(slot));
                return handle.map_or(ptr::null_mut(), |byte| {
                    ptr::from_ref(byte).cast_mut().cast()
                });
            }
        }
    }
    type Function = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
    // SAFETY: this is the type of dlopen in dlfcn.h.
    let original: Option<Function> = unsafe { transmute(original(c"dlopen")) };
    // SAFETY: the caller says so.
    original.map_or(ptr::null_mut(), |dlopen| unsafe { dlopen(path, flags) })
}

/// dlsym(3)
///
/// # Safety
///
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void {
    if let Some(slot) = slot(handle) {
        // SAFETY: the caller says so.
        let symbol = unsafe { CStr::from_ptr(symbol) };
        if stage::with(|stage| stage.has(slot, symbol)) != Some(true) {
            return ptr::null_mut();
        }
        let double = DOUBLES.as_flattened().get(slot);
        return double.map_or(ptr::null_mut(), |double| *double as *mut c_void);
    }
    type Function = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
    // SAFETY: this is the type of dlsym in dlfcn.h.
    let original: Option<Function> = unsafe { transmute(original(c"dlsym")) };
    // SAFETY: the caller says so.
    original.map_or(ptr::null_mut(), |dlsym| unsafe { dlsym(handle, symbol) })
}

/// dlclose(3)
///
/// # Safety
///
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlclose(handle: *mut c_void) -> c_int {
    if slot(handle).is_some() {
        return 0;
    }
    type Function = unsafe extern "C" fn(*mut c_void) -> c_int;
    // SAFETY: this is the type of dlclose in dlfcn.h.
    let original: Option<Function> = unsafe { transmute(original(c"dlclose")) };
    // SAFETY: the caller says so.
    original.map_or(-1, |dlclose| unsafe { dlclose(handle) })
}

/// dlerror(3)
///
/// # Safety
///
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlerror() -> *mut c_char {
    let error = stage::with(|stage| stage.error().map(CStr::as_ptr));
    if let Some(error) = error.flatten() {
        return error.cast_mut();
    }
    type Function = unsafe extern "C" fn() -> *mut c_char;
    // SAFETY: this is the type of dlerror in dlfcn.h.
    let original: Option<Function> = unsafe { transmute(original(c"dlerror")) };
    // SAFETY: it has no arguments.
    original.map_or(ptr::null_mut(), |dlerror| unsafe { dlerror() })
}
