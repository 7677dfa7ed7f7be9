//! Exemptions: logins in which the user is not asked.

use std::net::IpAddr;

use super::LONGEST_NAME;
use super::groups::{is_in_none, is_member};
use super::person::{keeps_domain, known_user};
use crate::config::{Exempt, Policy};
use crate::host::User;
use crate::system::System;

/// Whether a login is exempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Exemption {
    /// Exempt; the text says why.
    Exempt(String),
    /// The user is asked; the text is a hint for the administrator, or empty.
    Asked(String),
}

/// Whether the login of `user` to `service` from `rhost` is exempt. If that cannot be known, the user
/// is asked. `users` holds names as [`known_user`] returns them.
pub fn exemption(
    policy: &Policy,
    system: &dyn System,
    user: &User,
    service: &str,
    rhost: &str,
) -> Exemption {
    let login = Login {
        system,
        user,
        // Other names belong to no user, and are refused later.
        name: match user {
            User::Named(name) if name.len() <= LONGEST_NAME => Some(name),
            _ => None,
        },
        service,
        rhost,
    };
    let mut hints = Vec::new();
    for (exempt, number) in policy.exempt.iter().zip(1..) {
        if !login.matches(exempt, &mut hints) {
            continue;
        }
        let why = match &*exempt.reason {
            "" => format!("[[policy.exempt]] number {number}"),
            reason => reason.to_owned(),
        };
        match exempt.until {
            Some(until) if system.now().date() > until => {
                hints.push(format!("the exemption has ended on {until}: {why}"));
            }
            _ => return Exemption::Exempt(why),
        }
    }
    if let (Some(user), false) = (login.name, policy.only_groups.is_empty()) {
        match is_in_none(system, user, &policy.only_groups) {
            Ok(true) => return Exemption::Exempt("in none of only_groups".to_owned()),
            Ok(false) => {}
            Err(why) => hints.push(format!("only_groups: {why}")),
        }
    }
    hints.dedup();
    Exemption::Asked(hints.join("; "))
}

struct Login<'a> {
    system: &'a dyn System,
    user: &'a User,
    name: Option<&'a str>,
    service: &'a str,
    rhost: &'a str,
}

impl Login<'_> {
    /// Whether all conditions match. The groups come last, because they ask a directory.
    fn matches(&self, exempt: &Exempt, hints: &mut Vec<String>) -> bool {
        let is_service = exempt.services.iter().any(|name| name == self.service);
        (exempt.services.is_empty() || is_service)
            && (exempt.users.is_empty() || self.is_named(&exempt.users))
            && (exempt.networks.is_empty() || self.comes_from(exempt, hints))
            && (exempt.groups.is_empty() || self.is_in_one_of(&exempt.groups, hints))
    }

    fn is_named(&self, users: &[String]) -> bool {
        let Some(typed) = self.name else {
            return false;
        };
        known_user(self.system, self.user)
            .is_ok_and(|name| users.contains(&name) && keeps_domain(typed, &name))
    }

    fn comes_from(&self, exempt: &Exempt, hints: &mut Vec<String>) -> bool {
        match self.rhost.parse::<IpAddr>() {
            Ok(address) => exempt.networks.iter().any(|network| network.holds(address)),
            Err(_) if self.rhost.is_empty() => false,
            // The owner of a DNS zone chooses its names.
            Err(_) => {
                let hint = "networks: a name, or an address with a zone, is never exempt";
                hints.push(hint.to_owned());
                false
            }
        }
    }

    fn is_in_one_of(&self, groups: &[String], hints: &mut Vec<String>) -> bool {
        let Some(user) = self.name else {
            return false;
        };
        groups.iter().any(|group| {
            is_member(self.system, user, group).unwrap_or_else(|why| {
                hints.push(format!("groups: {why}"));
                false
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::scripted::ScriptedSystem;
    use crate::system::{Group, UserGroups};

    fn group((name, id): (&str, u32)) -> Group {
        Group {
            name: name.to_owned(),
            id,
            members: Vec::new(),
        }
    }

    /// `lee` is in the group `ops`, and in no other group.
    fn system() -> ScriptedSystem {
        ScriptedSystem {
            groups: [("ops", 600), ("other", 700)].map(group).into(),
            groups_of: Some(UserGroups {
                name: "lee".to_owned(),
                primary: 100,
                all: vec![100, 600],
            }),
            group_file: Some("ops:x:600:\nother:x:700:\n".to_owned()),
            ..ScriptedSystem::default()
        }
    }

    fn exemption_of(policy: &str, user: &str, service: &str, rhost: &str) -> Exemption {
        let text = format!("[logonbox]\ntenant = \"acme\"\n[policy]\n{policy}");
        let config = Config::parse(Path::new("test"), &text, "").unwrap();
        let user = User::Named(user.to_owned());
        exemption(&config.policy, &system(), &user, service, rhost)
    }

    fn lee(policy: &str) -> Exemption {
        exemption_of(policy, "lee", "sshd", "192.0.2.7")
    }

    fn exempt(why: &str) -> Exemption {
        Exemption::Exempt(why.to_owned())
    }

    fn asked(hint: &str) -> Exemption {
        Exemption::Asked(hint.to_owned())
    }

    #[test]
    fn an_exemption_needs_all_of_its_conditions() {
        let conditions = [
            ("users = [\"kim\", \"lee\"]", "users = [\"kim\", \"Lee\"]"),
            ("groups = [\"other\", \"ops\"]", "groups = [\"other\"]"),
            (
                "networks = [\"192.0.2.0/24\"]",
                "networks = [\"192.0.3.0/24\"]",
            ),
            ("services = [\"sudo\", \"sshd\"]", "services = [\"sudo\"]"),
        ];
        for matching in 0..16_u32 {
            for given in 1..16_u32 {
                let lines = conditions.iter().zip(0..).filter_map(|((yes, no), place)| {
                    let is = |bits: u32| bits >> place & 1 == 1;
                    is(given).then_some(if is(matching) { *yes } else { *no })
                });
                let lines = lines.collect::<Vec<_>>().join("\n");
                let expected = if given & !matching == 0 {
                    exempt("nightly backup")
                } else {
                    asked("")
                };
                let policy = format!("[[policy.exempt]]\nreason = \"nightly backup\"\n{lines}");
                assert_eq!(lee(&policy), expected, "{policy}");
            }
        }
    }

    #[test]
    fn one_exemption_is_enough_and_the_log_says_which() {
        let policy = "[[policy.exempt]]\nusers = [\"kim\"]\n[[policy.exempt]]\nusers = [\"lee\"]";
        assert_eq!(lee(policy), exempt("[[policy.exempt]] number 2"));
        let without_rhost = exemption_of(policy, "lee", "su", "");
        assert_eq!(without_rhost, exempt("[[policy.exempt]] number 2"));
    }

    #[test]
    fn users_have_the_spelling_of_the_user_database() {
        let system = ScriptedSystem {
            users: &["lee@acme.com", "lee@other.com", "kim"],
            aliases: &[
                ("lee", "lee@acme.com"),
                ("ACME\\lee", "lee@acme.com"),
                ("OTHER\\lee", "lee@other.com"),
                ("OTHER\\kim", "kim"),
                ("ACME\\kim", "kim"),
            ],
            others: &["OTHER\\kim"],
            ..ScriptedSystem::default()
        };
        let policy = |users: &str| {
            let text =
                format!("[logonbox]\ntenant = \"acme\"\n[[policy.exempt]]\nusers = [{users:?}]\n");
            Config::parse(Path::new("test"), &text, "").unwrap().policy
        };
        for (typed, exempt_user) in [
            ("lee@acme.com", "lee@acme.com"),
            ("lee", "lee@acme.com"),
            ("ACME\\lee", "lee@acme.com"),
            ("OTHER\\lee", "lee@other.com"),
            ("kim", "kim"),
            // The user database leaves the domain out, and could do so for two.
            ("ACME\\kim", ""),
            // Another user than kim, with a name of the same spelling.
            ("OTHER\\kim", "OTHER\\kim"),
        ] {
            let user = User::Named(typed.to_owned());
            for users in ["lee@acme.com", "lee@other.com", "lee", "kim", "OTHER\\kim"] {
                let found = exemption(&policy(users), &system, &user, "sshd", "");
                let is_exempt = matches!(found, Exemption::Exempt(_));
                assert_eq!(is_exempt, users == exempt_user, "{typed} {users}");
            }
        }
        // A user whom this host does not know is refused, and not exempt.
        let sam = User::Named("sam".to_owned());
        assert_eq!(
            exemption(&policy("sam"), &system, &sam, "sshd", ""),
            asked("")
        );
    }

    #[test]
    fn an_exemption_ends_after_its_last_day() {
        let until = |day: &str| {
            lee(&format!(
                "[[policy.exempt]]\nservices = [\"sshd\"]\nuntil = {day}\nreason = \"audit\""
            ))
        };
        // Today is 2027-03-31.
        assert_eq!(until("2027-04-01"), exempt("audit"));
        assert_eq!(until("2027-03-31"), exempt("audit"));
        let ended = asked("the exemption has ended on 2027-03-30: audit");
        assert_eq!(until("2027-03-30"), ended);
    }

    #[test]
    fn groups_that_are_not_known_exempt_no_one() {
        let exempt_group = "[[policy.exempt]]\ngroups = [\"absent\"]";
        assert_eq!(lee(exempt_group), asked("groups: there is no group absent"));
        let only = lee("only_groups = [\"absent\"]");
        assert_eq!(only, asked("only_groups: there is no group absent"));
        assert_eq!(lee("only_groups = [\"ops\"]"), asked(""));
        let other = lee("only_groups = [\"other\"]");
        assert_eq!(other, exempt("in none of only_groups"));
    }

    /// A directory that leaves domains out gives a local user and `OTHER\lee` the same name.
    #[test]
    fn the_groups_of_a_user_of_another_domain_are_not_known() {
        let hint = "the user lee may be another one than OTHER\\lee";
        for (key, policy) in [
            ("groups", "[[policy.exempt]]\ngroups = [\"ops\"]"),
            ("only_groups", "only_groups = [\"other\"]"),
        ] {
            let text = format!("[logonbox]\ntenant = \"acme\"\n[policy]\n{policy}");
            let config = Config::parse(Path::new("test"), &text, "").unwrap();
            let system = ScriptedSystem {
                aliases: &[("OTHER\\lee", "lee"), ("LEE", "lee")],
                ..system()
            };
            let of = |user: &str| {
                let user = User::Named(user.to_owned());
                exemption(&config.policy, &system, &user, "sshd", "")
            };
            for user in ["lee", "LEE"] {
                assert!(matches!(of(user), Exemption::Exempt(_)), "{policy}");
            }
            assert_eq!(of("OTHER\\lee"), asked(&format!("{key}: {hint}")));
        }
    }

    #[test]
    fn impossible_names_are_not_looked_up_and_not_exempt() {
        let endless = "x".repeat(257);
        for policy in [
            "only_groups = [\"ops\"]",
            "[[policy.exempt]]\ngroups = [\"ops\"]",
        ] {
            let asked_about = exemption_of(policy, &endless, "sshd", "");
            assert_eq!(asked_about, asked(""), "{policy}");
        }
    }
}
