//! Exemptions: users, groups and networks that are not asked.

use std::env;
use std::net::IpAddr;

use super::{LONGEST_NAME, enough_memory, has_spare_files};
use crate::config::Policy;
use crate::host::User;
use crate::outcome::{Reason, Refusal};
use crate::system::{Membership, System};

/// Whether a person is exempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Exemption {
    /// Exempt; the text says why.
    Exempt(String),
    /// Asked; the text is a hint for the administrator, or empty.
    Asked(String),
}

/// Whether `user`, who comes from `rhost`, is exempt.
///
/// # Errors
///
/// [`Reason::LocalFailure`]: this is not known. Exhausting file descriptors must not bypass group
/// checks.
pub fn exemption(
    policy: &Policy,
    system: &dyn System,
    user: &User,
    rhost: &str,
) -> Result<Exemption, Refusal> {
    let mut hint = String::new();
    if !policy.exempt_networks.is_empty() && !rhost.is_empty() {
        match rhost.parse::<IpAddr>() {
            Ok(address) => {
                let mut networks = policy.exempt_networks.iter();
                if let Some(network) = networks.find(|network| network.holds(address)) {
                    return Ok(Exemption::Exempt(format!("exempt_networks: {network}")));
                }
            }
            // The owner of a DNS zone chooses its names.
            Err(_) => {
                "exempt_networks: a name, or an address with a zone, is never exempt"
                    .clone_into(&mut hint);
            }
        }
    }
    // Other names belong to no user, and are refused later.
    let name = match user {
        User::Named(name) if name.len() <= LONGEST_NAME => name,
        _ => return Ok(Exemption::Asked(hint)),
    };
    if policy.exempt_users.contains(name) {
        return Ok(Exemption::Exempt("exempt_users".to_owned()));
    }
    let groups = Groups { system, user: name };
    for group in &policy.exempt_groups {
        if groups.contain(group, &mut hint)? == Some(true) {
            return Ok(Exemption::Exempt(format!("exempt_groups: {group}")));
        }
    }
    if policy.only_groups.is_empty() {
        return Ok(Exemption::Asked(hint));
    }
    let refuse = |what: String| Err(Refusal::new(Reason::LocalFailure, what));
    let mut unknown = None;
    for group in &policy.only_groups {
        match groups.contain(group, &mut hint)? {
            Some(true) => return Ok(Exemption::Asked(hint)),
            Some(false) => {}
            None => unknown = Some(group),
        }
    }
    if let Some(group) = unknown {
        return refuse(format!(
            "not every database could be asked for the group {group}"
        ));
    }
    if env::vars_os().any(|(name, _)| name.to_str().is_some_and(is_for_groups)) {
        return refuse("the environment changes how groups are looked up".to_owned());
    }
    // Without file descriptors, the user database reports fewer groups and no error.
    if !has_spare_files() {
        return refuse("few descriptors left, so that groups cannot be told".to_owned());
    }
    enough_memory()?;
    let separator = if hint.is_empty() { "" } else { "; " };
    Ok(Exemption::Exempt(format!(
        "in none of only_groups{separator}{hint}"
    )))
}

/// Variables that make a user database answer "not found". `libnss_sss` and `libnss_winbind` obey
/// theirs in setuid programs, too (measured with su and sssd 2.8); `libnss_systemd` may.
fn is_for_groups(name: &str) -> bool {
    matches!(
        name,
        "_SSS_LOOPS" | "_NO_WINBINDD" | "SYSTEMD_BYPASS_USERDB" | "SYSTEMD_ONLY_USERDB"
    )
}

struct Groups<'a> {
    system: &'a dyn System,
    user: &'a str,
}

impl Groups<'_> {
    /// Whether the user is in `group`. `None` if that is not known. A missing group has no members,
    /// and `hint` reports it.
    fn contain(&self, group: &str, hint: &mut String) -> Result<Option<bool>, Refusal> {
        let membership = self.system.membership(self.user, group).map_err(|error| {
            let what = format!("the group {group} cannot be looked up: {error}");
            Refusal::new(Reason::LocalFailure, what)
        })?;
        if matches!(
            membership,
            Membership::NoSuchGroup | Membership::NoGroupFound
        ) {
            if !hint.is_empty() {
                hint.push_str("; ");
            }
            hint.push_str("there is no group ");
            hint.push_str(group);
        }
        Ok(match membership {
            Membership::Member => Some(true),
            Membership::Other | Membership::NoSuchGroup => Some(false),
            Membership::NoGroupFound => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::scripted::ScriptedSystem;

    #[test]
    fn a_group_that_no_database_denies_exempts_no_one() {
        // One database knows every user, the next one does not answer.
        let half = ScriptedSystem {
            membership: |group| match group {
                "there" => Membership::Other,
                "none" => Membership::NoSuchGroup,
                _ => Membership::NoGroupFound,
            },
            ..ScriptedSystem::default()
        };
        let exemption = |policy: &str| {
            let text = format!("[logonbox]\ntenant = \"acme\"\n[policy]\n{policy}");
            let config = Config::parse(Path::new("test"), &text, "").unwrap();
            let lee = User::Named("lee".to_owned());
            exemption(&config.policy, &half, &lee, "")
        };
        let exempt = |why: &str| Ok(Exemption::Exempt(format!("in none of only_groups{why}")));
        assert_eq!(exemption("only_groups = [\"there\"]"), exempt(""));
        assert_eq!(
            exemption("only_groups = [\"none\"]"),
            exempt("; there is no group none")
        );
        for groups in ["[\"absent\"]", "[\"absent\", \"there\"]"] {
            let refusal = exemption(&format!("only_groups = {groups}")).unwrap_err();
            assert_eq!(refusal.reason, Reason::LocalFailure);
        }
        assert_eq!(
            exemption("exempt_groups = [\"absent\"]"),
            Ok(Exemption::Asked("there is no group absent".to_owned()))
        );
    }

    #[test]
    fn impossible_names_are_not_looked_up_and_not_exempt() {
        for policy in ["only_groups", "exempt_groups"] {
            let text = format!("[logonbox]\ntenant = \"acme\"\n[policy]\n{policy} = [\"staff\"]");
            let config = Config::parse(Path::new("test"), &text, "").unwrap();
            let endless = User::Named("x".repeat(257));
            let asked = exemption(&config.policy, &ScriptedSystem::default(), &endless, "");
            assert_eq!(asked, Ok(Exemption::Asked(String::new())), "{policy}");
        }
    }
}
