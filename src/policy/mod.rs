//! Who is asked at all, and when the module steps aside.

mod exempt;
pub(crate) mod limit;
mod network;
mod person;

use std::env;
use std::fs::File;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use crate::config::{Config, OnUnavailable};
use crate::host::{System, User};
use crate::verdict::{Refusal, Unavailable, Word};
use crate::wait::Waiter;

pub use exempt::{Exemption, exemption};
pub use limit::{Counted, Limit};
pub use network::Network;
pub use person::{Person, person};

/// The system must know the user. PAM asks for others, too: nobody's phone rings for those.
///
/// Gives the name that accounts are made of: as it was typed, but in the case that the system has.
/// Where a database takes `LEE` for `lee`, the table of accounts and the pinned keys hold for both.
///
/// # Errors
///
/// [`Word::UnknownUser`], or [`Word::LocalFailure`] when that cannot be told.
pub fn known_user(system: &dyn System, user: &User) -> Result<String, Refusal> {
    let name = match user {
        User::Named(name) => name,
        User::Unreadable(_) => {
            let reason = "the user's name is not UTF-8";
            return Err(Refusal::new(Word::UnknownUser, reason));
        }
        User::Nameless(id) => {
            let reason = format!("the system has no name for {id}");
            return Err(Refusal::new(Word::UnknownUser, reason));
        }
    };
    // Longer than any name can be (utmp(5), useradd(8)); some user databases die of such.
    if name.len() > LONGEST_NAME {
        return Err(Refusal::new(
            Word::UnknownUser,
            "no user has a name of that length",
        ));
    }
    match system.name_of(name) {
        Ok(Some(known)) if known.to_lowercase() == name.to_lowercase() => Ok(known),
        // Whoever is mapped to another user, as by a template account, is still somebody else.
        Ok(Some(_)) => Ok(name.clone()),
        Ok(None) => Err(Refusal::new(
            Word::UnknownUser,
            "the system knows no such user",
        )),
        Err(error) => Err(Refusal::new(
            Word::LocalFailure,
            format!("the user database cannot be asked: {error}"),
        )),
    }
}

const LONGEST_NAME: usize = 256;

/// A login needs this much memory at most. Where an allocation fails later, Rust ends the host.
///
/// # Errors
///
/// [`Word::LocalFailure`], when it is not to be had.
pub fn enough_memory() -> Result<(), Refusal> {
    let mut spare = Vec::<u8>::new();
    let reserved = spare.try_reserve_exact(SPARE_BYTES);
    // What nobody looks at need not be asked for.
    std::hint::black_box(&spare);
    reserved.map_err(|_| Refusal::new(Word::LocalFailure, "this process has little memory left"))
}

/// Descriptors and memory that a look-up and a connection could need at once.
const SPARE_FILES: usize = 16;
/// More than the 32 MB up to which glibc takes what is freed for what will be wanted again: from then
/// on this process would give less back (mallopt(3), `M_MMAP_THRESHOLD`).
const SPARE_BYTES: usize = 33 << 20;

/// Variables that the resolver of the C library obeys (resolver(5), hostname(7), host.conf(5)). It
/// ignores them in programs like sudo; elsewhere they can make any look-up fail.
fn is_for_resolver(name: &str) -> bool {
    matches!(name, "LOCALDOMAIN" | "RES_OPTIONS" | "HOSTALIASES") || name.starts_with("RESOLV_")
}

/// How soon a tenant must have been found silent in a program that its caller can stop or starve
/// (Ctrl-Z, a busy CPU): what takes longer may have been made to.
const UNDELAYED: Duration = Duration::from_secs(1);

/// Whether `on_unavailable = "ignore"` lets the login go on: the tenant must really be
/// unavailable. Where the caller may have brought that about (with `ulimit -n 8`, Ctrl-Z, or the
/// environment), the answer is no, and the refusal says why.
pub fn goes_on_without(
    config: &Config,
    system: &dyn System,
    waiter: &dyn Waiter,
    refusal: &mut Refusal,
) -> bool {
    let Some((unavailable, after)) = refusal.unavailable.zip(refusal.after) else {
        return false;
    };
    if config.policy.on_unavailable != OnUnavailable::Ignore {
        return false;
    }
    let unheard = unavailable == Unavailable::Unheard;
    let obstacle = if unheard && after > UNDELAYED && system.is_setuid() {
        "the caller may have stopped or slowed this process"
    } else if unheard && waiter.was_held_up() {
        "this process was stopped for a while"
    } else if !has_spare_files() {
        "this process has few descriptors left"
    } else if enough_memory().is_err() {
        "this process has little memory left"
    } else if !has_a_port() {
        "this machine has no ports left"
    } else if env::vars_os().any(|(name, _)| name.to_str().is_some_and(is_for_resolver)) {
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

/// Without a port of its own no question reaches a name server; anybody can take them all.
fn has_a_port() -> bool {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::host::played::{Hasty, Machine};

    #[test]
    fn silence_is_believed_only_where_the_caller_cannot_have_caused_it() {
        use Unavailable::{Said, Unheard};

        let config = |on_unavailable| {
            let text = format!(
                "[logonbox]\ntenant = \"acme\"\n[policy]\non_unavailable = \"{on_unavailable}\""
            );
            Config::parse(Path::new("test"), &text).unwrap()
        };
        let (deny, ignore) = (config("deny"), config("ignore"));
        for (unavailable, milliseconds, setuid, held_up, goes_on) in [
            (Some(Said), 9000, true, true, true),
            (Some(Unheard), 100, false, false, true),
            (Some(Unheard), 5000, false, false, true),
            (Some(Unheard), 5000, false, true, false),
            // sudo and su: what fails at once was not slowed down, the rest may have been.
            (Some(Unheard), 100, true, false, true),
            (Some(Unheard), 1001, true, false, false),
            (None, 100, false, false, false),
        ] {
            let machine = Machine {
                is_setuid: setuid,
                ..Machine::default()
            };
            let waiter = Hasty {
                held_up,
                ..Hasty::default()
            };
            let mut refusal = Refusal {
                unavailable,
                after: Some(Duration::from_millis(milliseconds)),
                ..Refusal::new(Word::TimedOut, "")
            };
            let case = format!("{refusal:?} setuid={setuid} held_up={held_up}");
            assert!(!goes_on_without(&deny, &machine, &waiter, &mut refusal));
            assert_eq!(
                goes_on_without(&ignore, &machine, &waiter, &mut refusal),
                goes_on,
                "{case}"
            );
            assert_eq!(
                refusal.reason.contains("not ignored"),
                !goes_on && unavailable.is_some()
            );
            assert!(!goes_on_without(
                &ignore,
                &machine,
                &waiter,
                &mut refusal.clone().after_ringing()
            ));
        }
    }

    #[test]
    fn a_person_is_the_same_in_any_case_but_not_whoever_shares_their_user() {
        let machine = Machine {
            aliases: &[("LEE", "lee"), ("kim", "lee"), ("sam", "nobody")],
            ..Machine::default()
        };
        for (typed, name) in [("lee", "lee"), ("LEE", "lee"), ("kim", "kim")] {
            let user = User::Named(typed.to_owned());
            assert_eq!(known_user(&machine, &user), Ok(name.to_owned()));
        }
        let sam = known_user(&machine, &User::Named("sam".to_owned()));
        assert_eq!(sam.unwrap_err().word, Word::UnknownUser);
    }

    #[test]
    fn names_that_no_user_can_have_are_not_looked_up() {
        let machine = Machine::default();
        let known = |name: &str| known_user(&machine, &User::Named(name.to_owned()));
        assert_eq!(known("lee"), Ok("lee".to_owned()));
        for name in ["kim", &"x".repeat(257), &"x".repeat(1 << 20)] {
            assert_eq!(known(name).unwrap_err().word, Word::UnknownUser);
        }
        let unreadable = User::Unreadable("l\u{fffd}e".to_owned());
        let refusal = known_user(&machine, &unreadable).unwrap_err();
        assert_eq!(refusal.word, Word::UnknownUser);
    }
}
