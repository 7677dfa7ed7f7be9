//! `on_unavailable = "ignore"`: whether a failed login fails open.

use crate::config::{Config, OnUnavailable};
use crate::outcome::Refusal;
use crate::system::System;

/// Whether `on_unavailable = "ignore"` lets the login go on. Never in a program that has more rights
/// than its caller, such as sudo: the caller can make the server unreachable. The refusal says so.
pub fn fails_open(config: &Config, system: &dyn System, refusal: &mut Refusal) -> bool {
    if !refusal.unavailable || config.policy.on_unavailable != OnUnavailable::Ignore {
        return false;
    }
    if system.is_setuid() {
        let why = "; not ignored: this program has more rights than its caller";
        refusal.detail.push_str(why);
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::outcome::Reason;
    use crate::scripted::ScriptedSystem;

    #[test]
    fn an_outage_opens_only_where_the_caller_has_no_part_in_it() {
        let config = |on_unavailable| {
            let text = format!(
                "[logonbox]\ntenant = \"acme\"\n[policy]\non_unavailable = \"{on_unavailable}\""
            );
            Config::parse(Path::new("test"), &text, "").unwrap()
        };
        let (deny, ignore) = (config("deny"), config("ignore"));
        for (unavailable, is_setuid, opens) in [
            (true, false, true),
            (true, true, false),
            (false, false, false),
            (false, true, false),
        ] {
            let system = ScriptedSystem {
                is_setuid,
                ..ScriptedSystem::default()
            };
            let mut refusal = Refusal {
                unavailable,
                ..Refusal::new(Reason::TimedOut, "")
            };
            let case = format!("{refusal:?} is_setuid={is_setuid}");
            assert!(!fails_open(&deny, &system, &mut refusal));
            assert_eq!(fails_open(&ignore, &system, &mut refusal), opens, "{case}");
            assert_eq!(
                refusal.detail.contains("not ignored"),
                unavailable && !opens
            );
            let sent = &mut refusal.after_sending();
            assert!(!fails_open(&ignore, &system, sent));
        }
    }
}
