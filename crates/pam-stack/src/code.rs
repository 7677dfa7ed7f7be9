//! The codes of PAM.

use std::fmt;

/// A code that a module returns to libpam, or libpam to a program.
///
/// Modules may return any number, so a `Code` can be one that has no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub i32);

macro_rules! codes {
    ($($name:ident = $number:literal,)*) => {
        impl Code {
            $(
                #[doc = concat!("`PAM_", stringify!($name), "`")]
                pub const $name: Self = Self($number);
            )*

            /// The name without `PAM_`, for example `AUTH_ERR`. `None` if Linux-PAM has no name for
            /// the number.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// The code with this name, for example `AUTH_ERR` or `auth_err`, as in pam.conf(5).
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                $(
                    if name.eq_ignore_ascii_case(stringify!($name)) {
                        return Some(Self::$name);
                    }
                )*
                // pam.conf(5) drops a letter here.
                if name.eq_ignore_ascii_case("AUTHTOK_RECOVER_ERR") {
                    return Some(Self::AUTHTOK_RECOVERY_ERR);
                }
                None
            }
        }
    };
}

// From security/_pam_types.h of Linux-PAM.
codes! {
    SUCCESS = 0,
    OPEN_ERR = 1,
    SYMBOL_ERR = 2,
    SERVICE_ERR = 3,
    SYSTEM_ERR = 4,
    BUF_ERR = 5,
    PERM_DENIED = 6,
    AUTH_ERR = 7,
    CRED_INSUFFICIENT = 8,
    AUTHINFO_UNAVAIL = 9,
    USER_UNKNOWN = 10,
    MAXTRIES = 11,
    NEW_AUTHTOK_REQD = 12,
    ACCT_EXPIRED = 13,
    SESSION_ERR = 14,
    CRED_UNAVAIL = 15,
    CRED_EXPIRED = 16,
    CRED_ERR = 17,
    NO_MODULE_DATA = 18,
    CONV_ERR = 19,
    AUTHTOK_ERR = 20,
    AUTHTOK_RECOVERY_ERR = 21,
    AUTHTOK_LOCK_BUSY = 22,
    AUTHTOK_DISABLE_AGING = 23,
    TRY_AGAIN = 24,
    IGNORE = 25,
    ABORT = 26,
    AUTHTOK_EXPIRED = 27,
    MODULE_UNKNOWN = 28,
    BAD_ITEM = 29,
    CONV_AGAIN = 30,
    INCOMPLETE = 31,
}

/// For example `PAM_AUTH_ERR`, or the number if it has no name.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "PAM_{name}"),
            None => write!(f, "{}", self.0),
        }
    }
}
