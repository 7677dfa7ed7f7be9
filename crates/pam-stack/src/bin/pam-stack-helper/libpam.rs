//! The functions of libpam that a program calls.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;

use pam_stack::{Code, Facility, Question};

/// `pam_conv` of `security/_pam_types.h`.
#[repr(C)]
struct Conversation {
    function: extern "C" fn(c_int, *const *const c_void, *mut *mut c_void, *mut c_void) -> c_int,
    data: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Conversation,
        handle: *mut *mut c_void,
    ) -> c_int;
    fn pam_authenticate(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_open_session(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_end(handle: *mut c_void, status: c_int) -> c_int;
}

/// Doubles ask no questions.
extern "C" fn no_conversation(
    _count: c_int,
    _messages: *const *const c_void,
    _answers: *mut *mut c_void,
    _data: *mut c_void,
) -> c_int {
    Code::CONV_ERR.0
}

/// The code that the program gets.
pub struct Outcome {
    pub code: Code,
    /// Whether `pam_start` has succeeded.
    pub started: bool,
}

/// Does what a program does that logs a user in: starts PAM, asks it, and ends it.
pub fn ask(question: &Question) -> Result<Outcome, String> {
    let service = CString::new(question.service.as_str())
        .map_err(|_| "the name of the service contains a NUL byte")?;
    let user = CString::new(question.user.as_str())
        .map_err(|_| "the name of the user contains a NUL byte")?;
    let conversation = Conversation {
        function: no_conversation,
        data: ptr::null_mut(),
    };
    let mut handle = ptr::null_mut();
    // SAFETY: the strings end in NUL. libpam copies them and the conversation.
    let started = unsafe {
        pam_start(
            service.as_ptr(),
            user.as_ptr(),
            &raw const conversation,
            &raw mut handle,
        )
    };
    if started != Code::SUCCESS.0 {
        return Ok(Outcome {
            code: Code(started),
            started: false,
        });
    }
    let call = match question.facility {
        Facility::Auth => pam_authenticate,
        Facility::Account => pam_acct_mgmt,
        Facility::Session => pam_open_session,
    };
    // SAFETY: pam_start has made the handle.
    let code = unsafe { call(handle, question.flags) };
    // SAFETY: the handle is not used again.
    unsafe { pam_end(handle, code) };
    Ok(Outcome {
        code: Code(code),
        started: true,
    })
}
