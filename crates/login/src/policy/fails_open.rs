//! `on_unavailable = "ignore"`: whether a failed login fails open.

use std::env;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use super::{enough_memory, has_spare_files};
use crate::clock::Clock;
use crate::config::{Config, OnUnavailable};
use crate::outcome::{Refusal, Unavailable};
use crate::system::System;

/// The caller of a setuid program can stop it (Ctrl-Z) or starve it of CPU time. A silence that took
/// longer than this to notice may be the caller's work.
const UNDELAYED: Duration = Duration::from_secs(1);

/// Whether `on_unavailable = "ignore"` lets the login go on. If the caller may have caused the
/// failure (with `ulimit -n 8`, Ctrl-Z, or the environment), it does not, and the refusal says why.
pub fn fails_open(
    config: &Config,
    system: &dyn System,
    clock: &dyn Clock,
    refusal: &mut Refusal,
) -> bool {
    let Some((unavailable, after)) = refusal.unavailable.zip(refusal.after) else {
        return false;
    };
    if config.policy.on_unavailable != OnUnavailable::Ignore {
        return false;
    }
    let silent = unavailable == Unavailable::Silent;
    let obstacle = if silent && after > UNDELAYED && system.is_setuid() {
        "the caller may have stopped or slowed this process"
    } else if silent && clock.was_stopped() {
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
    refusal.detail.push_str("; not ignored: ");
    refusal.detail.push_str(obstacle);
    false
}

/// Variables that the resolver of the C library obeys (resolver(5), hostname(7), host.conf(5)), but
/// not in programs like sudo. They can make any look-up fail.
fn is_for_resolver(name: &str) -> bool {
    matches!(name, "LOCALDOMAIN" | "RES_OPTIONS" | "HOSTALIASES") || name.starts_with("RESOLV_")
}

/// A question to a name server needs a free port. Any user can take all of them.
fn has_a_port() -> bool {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::outcome::Reason;
    use crate::scripted::{ScriptedClock, ScriptedSystem};

    #[test]
    fn silence_counts_only_if_the_caller_cannot_have_caused_it() {
        use Unavailable::{Silent, Told};

        let config = |on_unavailable| {
            let text = format!(
                "[logonbox]\ntenant = \"acme\"\n[policy]\non_unavailable = \"{on_unavailable}\""
            );
            Config::parse(Path::new("test"), &text).unwrap()
        };
        let (deny, ignore) = (config("deny"), config("ignore"));
        for (unavailable, milliseconds, setuid, was_stopped, opens) in [
            (Some(Told), 9000, true, true, true),
            (Some(Silent), 100, false, false, true),
            (Some(Silent), 5000, false, false, true),
            (Some(Silent), 5000, false, true, false),
            // sudo and su: an immediate failure was not slowed down, but a later one may have been.
            (Some(Silent), 100, true, false, true),
            (Some(Silent), 1001, true, false, false),
            (None, 100, false, false, false),
        ] {
            let system = ScriptedSystem {
                is_setuid: setuid,
                ..ScriptedSystem::default()
            };
            let clock = ScriptedClock {
                was_stopped,
                ..ScriptedClock::default()
            };
            let mut refusal = Refusal {
                unavailable,
                after: Some(Duration::from_millis(milliseconds)),
                ..Refusal::new(Reason::TimedOut, "")
            };
            let case = format!("{refusal:?} setuid={setuid} was_stopped={was_stopped}");
            assert!(!fails_open(&deny, &system, &clock, &mut refusal));
            assert_eq!(
                fails_open(&ignore, &system, &clock, &mut refusal),
                opens,
                "{case}"
            );
            assert_eq!(
                refusal.detail.contains("not ignored"),
                !opens && unavailable.is_some()
            );
            assert!(!fails_open(
                &ignore,
                &system,
                &clock,
                &mut refusal.clone().after_sending()
            ));
        }
    }
}
