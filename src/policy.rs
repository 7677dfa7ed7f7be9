//! Who is asked at all, and when the module steps aside.

use std::env;
use std::fs::File;

use crate::config::{Config, OnUnavailable};
use crate::host::{System, User};
use crate::verdict::{Refusal, Word};
use crate::wait::Waiter;

/// The system must know the user. PAM asks for others, too: nobody's phone rings for those.
///
/// # Errors
///
/// [`Word::UnknownUser`], or [`Word::LocalFailure`] when that cannot be told.
pub fn known_user(system: &dyn System, user: &User) -> Result<(), Refusal> {
    let User::Named(name) = user else {
        let reason = "the user's name is not UTF-8";
        return Err(Refusal::new(Word::UnknownUser, reason));
    };
    match system.knows(name) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::new(
            Word::UnknownUser,
            "the system knows no such user",
        )),
        Err(error) => Err(Refusal::new(
            Word::LocalFailure,
            format!("the user database cannot be asked: {error}"),
        )),
    }
}

/// Descriptors and memory that a look-up and a connection could need at once.
const SPARE_FILES: usize = 16;
const SPARE_BYTES: usize = 16 << 20;

/// Variables that the resolver of the C library obeys (resolver(5), hostname(7)). It ignores them
/// in programs like sudo; elsewhere they can make any look-up fail.
const RESOLVER_VARIABLES: [&str; 3] = ["LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES"];

/// Whether `on_unavailable = "ignore"` lets the login go on: the tenant must really be
/// unavailable. Where the caller may have brought that about (with `ulimit -n 8`, Ctrl-Z, or the
/// environment), the answer is no, and the refusal says why.
pub fn goes_on_without(config: &Config, waiter: &dyn Waiter, refusal: &mut Refusal) -> bool {
    if config.policy.on_unavailable != OnUnavailable::Ignore || !refusal.unavailable {
        return false;
    }
    let obstacle = if waiter.was_held_up() {
        "this process was stopped for a while"
    } else if !has_spare_files() {
        "this process has few descriptors left"
    } else if Vec::<u8>::new().try_reserve_exact(SPARE_BYTES).is_err() {
        "this process has little memory left"
    } else if RESOLVER_VARIABLES
        .iter()
        .any(|name| env::var_os(name).is_some())
    {
        "the environment changes how names are looked up"
    } else {
        return true;
    };
    refusal.reason.push_str("; not ignored: ");
    refusal.reason.push_str(obstacle);
    false
}

fn has_spare_files() -> bool {
    (0..SPARE_FILES)
        .map(|_| File::open("/dev/null"))
        .collect::<Result<Vec<_>, _>>()
        .is_ok()
}
