//! The functions with which libpam loads modules: `dlopen`, `dlsym`, `dlclose` and `dlerror`.
//!
//! While libpam is being asked, it gets a double for each module. A double returns the code that
//! the question wants. libpam does not tell a module its own path, so each path has a double of its
//! own. All other calls go on to the C library.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::transmute;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;
use std::{ptr, slice};

use pam_stack::Code;

use crate::stage::{self, MOST_MODULES};

const COLUMNS: usize = 16;
const ROWS: usize = 8;
const _: () = assert!(COLUMNS * ROWS == MOST_MODULES);

/// `pam_sm_authenticate`, `pam_sm_acct_mgmt` and the others of `security/pam_modules.h`.
type Double = unsafe extern "C" fn(*mut c_void, c_int, c_int, *const *const c_char) -> c_int;

/// The double in the slot `ROW * COLUMNS + COLUMN`.
///
/// # Safety
///
/// `arguments` has `count` strings that end in NUL.
unsafe extern "C" fn double<const ROW: usize, const COLUMN: usize>(
    _handle: *mut c_void,
    _flags: c_int,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    let count = usize::try_from(count).unwrap_or(0);
    let arguments = if arguments.is_null() {
        &[]
    } else {
        // SAFETY: the caller says so.
        unsafe { slice::from_raw_parts(arguments, count) }
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

type Dlopen = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
type Dlsym = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
type Dlclose = unsafe extern "C" fn(*mut c_void) -> c_int;
type Dlerror = unsafe extern "C" fn() -> *mut c_char;

/// The C library's own functions.
struct Originals {
    dlopen: Option<Dlopen>,
    dlsym: Option<Dlsym>,
    dlclose: Option<Dlclose>,
    dlerror: Option<Dlerror>,
}

/// Looks the functions up once: a look-up clears the error that dlerror(3) would return.
fn originals() -> &'static Originals {
    static ORIGINALS: OnceLock<Originals> = OnceLock::new();
    // dlsym is ours, so dlvsym looks for all of them.
    // SAFETY: both strings end in NUL.
    let next =
        |name: &CStr| unsafe { libc::dlvsym(libc::RTLD_NEXT, name.as_ptr(), VERSION.as_ptr()) };
    ORIGINALS.get_or_init(|| Originals {
        // SAFETY: the field has the type of dlopen in dlfcn.h. NULL is None.
        dlopen: unsafe { transmute::<*mut c_void, Option<Dlopen>>(next(c"dlopen")) },
        // SAFETY: likewise.
        dlsym: unsafe { transmute::<*mut c_void, Option<Dlsym>>(next(c"dlsym")) },
        // SAFETY: likewise.
        dlclose: unsafe { transmute::<*mut c_void, Option<Dlclose>>(next(c"dlclose")) },
        // SAFETY: likewise.
        dlerror: unsafe { transmute::<*mut c_void, Option<Dlerror>>(next(c"dlerror")) },
    })
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
    let original = originals().dlopen;
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
    let original = originals().dlsym;
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
    let original = originals().dlclose;
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
    let original = originals().dlerror;
    // SAFETY: it has no arguments.
    original.map_or(ptr::null_mut(), |dlerror| unsafe { dlerror() })
}

#[cfg(test)]
mod tests {
    use pam_stack::{Facility, Question};

    use super::*;
    use crate::libpam::Outcome;

    /// Everything that is no module goes to the C library, also while libpam is being asked.
    #[test]
    fn libraries_are_loaded_as_ever() {
        let question = Question::new("test", Facility::Auth, Code::SUCCESS);
        for asking in [false, true] {
            if asking {
                stage::begin(question.clone());
            }
            // SAFETY: the string ends in NUL, and the library runs nothing when it is loaded.
            let library = unsafe { dlopen(c"libm.so.6".as_ptr(), libc::RTLD_NOW) };
            assert!(!library.is_null());
            // SAFETY: the handle is open.
            assert!(!unsafe { dlsym(library, c"cos".as_ptr()) }.is_null());
            // SAFETY: as above.
            assert!(unsafe { dlsym(library, c"no_such_function".as_ptr()) }.is_null());
            // SAFETY: it has no arguments.
            let error = unsafe { dlerror() };
            assert!(!error.is_null());
            // SAFETY: this is a string of the C library.
            assert!(unsafe { text(error) }.contains("no_such_function"));
            // SAFETY: the handle is not used again.
            assert_eq!(unsafe { dlclose(library) }, 0);
        }
        let answer = stage::end(Ok(Outcome {
            code: Code::SUCCESS,
            started: true,
        }))
        .unwrap();
        assert_eq!((answer.lines.len(), answer.messages.len()), (0, 0));
        // With modules of nsswitch.conf and of iconv.
        assert!(nix::unistd::User::from_name("root").unwrap().is_some());
    }
}
