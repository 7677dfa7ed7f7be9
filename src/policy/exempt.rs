//! Who is not asked at all.

use std::net::IpAddr;

use super::{enough_memory, has_spare_files};
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
    let User::Named(name) = user else {
        return Ok(Exemption::Asked(hint));
    };
    if policy.exempt_users.contains(name) {
        return Ok(Exemption::Exempt("exempt_users".to_owned()));
    }
    let groups = Groups { system, user: name };
    for group in &policy.exempt_groups {
        if groups.hold(group, &mut hint)? {
            return Ok(Exemption::Exempt(format!("exempt_groups: {group}")));
        }
    }
    if policy.only_groups.is_empty() {
        return Ok(Exemption::Asked(hint));
    }
    for group in &policy.only_groups {
        if groups.hold(group, &mut hint)? {
            return Ok(Exemption::Asked(hint));
        }
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

struct Groups<'a> {
    system: &'a dyn System,
    user: &'a str,
}

impl Groups<'_> {
    /// Whether the user is in `group`. One that does not exist holds nobody, which goes into
    /// `hint`.
    fn hold(&self, group: &str, hint: &mut String) -> Result<bool, Refusal> {
        match self.system.membership(self.user, group) {
            Ok(Membership::Member) => Ok(true),
            Ok(Membership::Other) => Ok(false),
            Ok(Membership::NoSuchGroup) => {
                if !hint.is_empty() {
                    hint.push_str("; ");
                }
                hint.push_str("there is no group ");
                hint.push_str(group);
                Ok(false)
            }
            Err(error) => {
                let what = format!("the group {group} cannot be looked up: {error}");
                Err(Refusal::new(Word::LocalFailure, what))
            }
        }
    }
}
