//! Who is not asked at all.

use std::env;
use std::net::IpAddr;

use super::{LONGEST_NAME, enough_memory, has_spare_files};
use crate::config::Policy;
use crate::host::{Membership, System, User};
use crate::verdict::{Refusal, Word};

/// What the exemptions of the configuration say about a person.
#[derive(Debug, PartialEq, Eq)]
pub enum Exemption {
    /// Not asked, and why.
    Exempt(String),
    /// Asked; and what the administrator should know about that, if anything.
    Asked(String),
}

/// Whether `user`, who comes from `rhost`, is exempt.
///
/// # Errors
///
/// [`Word::LocalFailure`], when it cannot be told: whoever takes this process its descriptors must
/// not get out of a group by that.
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
            // Whoever names a host in the DNS could name it anything.
            Err(_) => {
                "exempt_networks: a name, or an address with a zone, is never exempt"
                    .clone_into(&mut hint);
            }
        }
    }
    // What is no name is nobody's, and is refused as such.
    let name = match user {
        User::Named(name) if name.len() <= LONGEST_NAME => name,
        _ => return Ok(Exemption::Asked(hint)),
    };
    if policy.exempt_users.contains(name) {
        return Ok(Exemption::Exempt("exempt_users".to_owned()));
    }
    let groups = Groups { system, user: name };
    for group in &policy.exempt_groups {
        if groups.hold(group, &mut hint)? == Some(true) {
            return Ok(Exemption::Exempt(format!("exempt_groups: {group}")));
        }
    }
    if policy.only_groups.is_empty() {
        return Ok(Exemption::Asked(hint));
    }
    let mut unheard = None;
    for group in &policy.only_groups {
        match groups.hold(group, &mut hint)? {
            Some(true) => return Ok(Exemption::Asked(hint)),
            Some(false) => {}
            None => unheard = Some(group),
        }
    }
    if let Some(group) = unheard {
        let what = format!("not every database could be asked for the group {group}");
        return Err(Refusal::new(Word::LocalFailure, what));
    }
    if env::vars_os().any(|(name, _)| name.to_str().is_some_and(is_for_groups)) {
        let what = "the environment changes how groups are looked up";
        return Err(Refusal::new(Word::LocalFailure, what));
    }
    // The user database tells a process that cannot open files, quietly, of fewer groups.
    if !has_spare_files() {
        let what = "few descriptors left, so that groups cannot be told";
        return Err(Refusal::new(Word::LocalFailure, what));
    }
    enough_memory()?;
    let missing = if hint.is_empty() { "" } else { "; " };
    Ok(Exemption::Exempt(format!(
        "in none of only_groups{missing}{hint}"
    )))
}

/// Variables that make a user database pretend to know nothing. `libnss_sss` and `libnss_winbind`
/// obey theirs in setuid programs, too (measured with su and sssd 2.8); `libnss_systemd` may.
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
    /// Whether the user is in `group`, as far as that can be told. One that does not exist holds
    /// nobody, which goes into `hint`.
    fn hold(&self, group: &str, hint: &mut String) -> Result<Option<bool>, Refusal> {
        let mut there_is_none = || {
            if !hint.is_empty() {
                hint.push_str("; ");
            }
            hint.push_str("there is no group ");
            hint.push_str(group);
        };
        match self.system.membership(self.user, group) {
            Ok(Membership::Member) => Ok(Some(true)),
            Ok(Membership::Other) => Ok(Some(false)),
            Ok(Membership::NoSuchGroup) => {
                there_is_none();
                Ok(Some(false))
            }
            Ok(Membership::NoGroupFound) => {
                there_is_none();
                Ok(None)
            }
            Err(error) => {
                let what = format!("the group {group} cannot be looked up: {error}");
                Err(Refusal::new(Word::LocalFailure, what))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::host::played::Machine;

    #[test]
    fn what_no_database_denies_exempts_nobody() {
        // A database that is not there, behind one that knows everybody.
        let half = Machine {
            membership: |group| match group {
                "there" => Membership::Other,
                "none" => Membership::NoSuchGroup,
                _ => Membership::NoGroupFound,
            },
            ..Machine::default()
        };
        let exemption = |policy: &str| {
            let text = format!("[logonbox]\ntenant = \"acme\"\n[policy]\n{policy}");
            let config = Config::parse(Path::new("test"), &text).unwrap();
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
            assert_eq!(refusal.word, Word::LocalFailure);
        }
        assert_eq!(
            exemption("exempt_groups = [\"absent\"]"),
            Ok(Exemption::Asked("there is no group absent".to_owned()))
        );
    }

    #[test]
    fn names_that_no_user_can_have_are_not_looked_up_and_not_exempt() {
        for policy in ["only_groups", "exempt_groups"] {
            let text = format!("[logonbox]\ntenant = \"acme\"\n[policy]\n{policy} = [\"staff\"]");
            let config = Config::parse(Path::new("test"), &text).unwrap();
            let endless = User::Named("x".repeat(257));
            let asked = exemption(&config.policy, &Machine::default(), &endless, "");
            assert_eq!(asked, Ok(Exemption::Asked(String::new())), "{policy}");
        }
    }
}
