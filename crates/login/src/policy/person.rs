//! The person who is asked. This is the user that the host names, or the caller of su if the
//! configuration says so.

use std::io;

use super::LONGEST_NAME;
use crate::config::{Policy, SuAsks, without_domain};
use crate::host::User;
use crate::outcome::{Reason, Refusal};
use crate::system::System;

/// The person who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user. This user's phone rings, and exemptions apply to this user.
    pub user: User,
    /// The target of su, if the caller of su is asked.
    pub becomes: Option<User>,
}

/// The person to ask if the host logs `user` in to `service`.
///
/// # Errors
///
/// [`Reason::LocalFailure`]: the caller of su is not known.
pub fn person(
    policy: &Policy,
    system: &dyn System,
    user: &User,
    service: &str,
) -> Result<Person, Refusal> {
    let is_su = matches!(service, "su" | "su-l");
    if policy.su_asks == SuAsks::User || !is_su {
        return Ok(Person {
            user: user.clone(),
            becomes: None,
        });
    }
    // PAM_RUSER is no proof: some hosts take it from utmp or the environment.
    match system.caller() {
        Ok(caller) => Ok(Person {
            user: caller,
            becomes: Some(user.clone()),
        }),
        Err(error) => {
            let detail = format!("the user database cannot be asked who calls: {error}");
            Err(Refusal::new(Reason::LocalFailure, detail))
        }
    }
}

impl Person {
    /// Checks that the system knows the person, and the target of su. Returns the name from which
    /// the person's account is made.
    ///
    /// # Errors
    ///
    /// As [`known_user`].
    pub fn known(&self, system: &dyn System) -> Result<String, Refusal> {
        let name = known_user(system, &self.user)?;
        if let Some(target) = &self.becomes {
            known_user(system, target)?;
        }
        Ok(name)
    }
}

/// Checks that the system knows the user. PAM asks for unknown users, too, and no phone may ring
/// for them.
///
/// Returns the one spelling of the user. The account is made from it, and exemptions and `[accounts]`
/// name it. `lee`, `LEE`, `ACME\lee` and `lee@acme.com` have the spelling of the user database, if
/// they are one user. A name that differs in more keeps its own spelling, because a database can map
/// any name to one user, such as nobody.
///
/// # Errors
///
/// [`Reason::UnknownUser`], or [`Reason::LocalFailure`] if the user database does not answer.
pub fn known_user(system: &dyn System, user: &User) -> Result<String, Refusal> {
    let unknown = |detail: String| Err(Refusal::new(Reason::UnknownUser, detail));
    let name = match user {
        User::Named(name) => name,
        User::Unreadable(_) => return unknown("the user's name is not UTF-8".to_owned()),
        User::Nameless(id) => return unknown(format!("the system has no name for {id}")),
    };
    if name.len() > LONGEST_NAME {
        return unknown("no user has a name of that length".to_owned());
    }
    match spelling(system, name) {
        // Otherwise the account could be that of the whole domain.
        Ok(Some(known)) if without_domain(&known).is_empty() => {
            unknown("the name is a domain without a user".to_owned())
        }
        Ok(Some(known)) => Ok(known),
        Ok(None) => unknown("the system knows no such user".to_owned()),
        Err(error) => Err(Refusal::new(
            Reason::LocalFailure,
            format!("the user database cannot be asked: {error}"),
        )),
    }
}

/// Whether `known`, the spelling of the user database, tells users of different domains apart. If the
/// directory leaves domains out, users of two domains have one name. sssd's cache then gives that name
/// the id of the last one.
pub(super) fn keeps_domain(typed: &str, known: &str) -> bool {
    let has_domain = |name: &str| without_domain(name) != name;
    has_domain(known) || !has_domain(typed)
}

/// The spelling of the user `name`. `None` if there is no such user.
fn spelling(system: &dyn System, name: &str) -> io::Result<Option<String>> {
    let Some(known) = system.name_of(name)? else {
        return Ok(None);
    };
    let part = |name: &str| without_domain(name).to_lowercase();
    // Some directories give users of two domains the same name.
    let is_spelling = known == name
        || (part(&known) == part(name) && system.id_of(&known)? == system.id_of(name)?);
    Ok(Some(if is_spelling { known } else { name.to_owned() }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::scripted::ScriptedSystem;

    #[test]
    fn an_unknown_caller_of_su_is_refused() {
        let system = ScriptedSystem {
            caller: || Err(io::Error::from_raw_os_error(24)),
            ..ScriptedSystem::default()
        };
        let root = User::Named("root".to_owned());
        let asked = |asks: &str, service| {
            let text = format!("[logonbox]\ntenant = \"acme\"\n[policy]\nsu_asks = {asks:?}");
            let config = Config::parse(Path::new("test"), &text, "").unwrap();
            person(&config.policy, &system, &root, service)
        };
        for service in ["su", "su-l"] {
            let refusal = asked("caller", service).unwrap_err();
            assert_eq!(refusal.reason, Reason::LocalFailure);
            assert!(!refusal.unavailable);
        }
        for (asks, service) in [("user", "su"), ("user", "su-l"), ("caller", "sudo")] {
            let person = asked(asks, service).unwrap();
            assert_eq!((person.user, person.becomes), (root.clone(), None));
        }
    }

    #[test]
    fn a_user_is_the_same_in_any_case_but_not_under_another_name() {
        let system = ScriptedSystem {
            aliases: &[("LEE", "lee"), ("kim", "lee"), ("sam", "nobody")],
            ..ScriptedSystem::default()
        };
        for (typed, name) in [("lee", "lee"), ("LEE", "lee"), ("kim", "kim")] {
            let user = User::Named(typed.to_owned());
            assert_eq!(known_user(&system, &user), Ok(name.to_owned()));
        }
        let sam = known_user(&system, &User::Named("sam".to_owned()));
        assert_eq!(sam.unwrap_err().reason, Reason::UnknownUser);
    }

    #[test]
    fn a_user_is_the_same_with_and_without_the_domain() {
        let system = ScriptedSystem {
            users: &["lee@acme.com", "lee@other.com", "root", "nobody"],
            aliases: &[
                ("lee", "lee@acme.com"),
                ("ACME\\LEE", "lee@acme.com"),
                ("lee@ACME.com", "lee@acme.com"),
                ("lee.smith@acme.com", "lee@acme.com"),
                ("OTHER\\lee", "lee@other.com"),
                ("OTHER\\root", "root"),
                ("root@acme.com", "root"),
                ("ACME\\kim", "nobody"),
            ],
            others: &["OTHER\\root"],
            ..ScriptedSystem::default()
        };
        for (typed, name) in [
            ("lee@acme.com", "lee@acme.com"),
            ("lee", "lee@acme.com"),
            ("ACME\\LEE", "lee@acme.com"),
            ("lee@ACME.com", "lee@acme.com"),
            ("OTHER\\lee", "lee@other.com"),
            ("root@acme.com", "root"),
            // Another user, although the database gives it the same name.
            ("OTHER\\root", "OTHER\\root"),
            ("ACME\\kim", "ACME\\kim"),
            ("lee.smith@acme.com", "lee.smith@acme.com"),
        ] {
            let user = User::Named(typed.to_owned());
            assert_eq!(known_user(&system, &user), Ok(name.to_owned()), "{typed}");
        }
    }

    #[test]
    fn a_domain_is_no_user() {
        let system = ScriptedSystem {
            users: &["ACME\\", "@acme.com"],
            ..ScriptedSystem::default()
        };
        for name in ["ACME\\", "@acme.com"] {
            let refusal = known_user(&system, &User::Named(name.to_owned())).unwrap_err();
            assert_eq!(refusal.reason, Reason::UnknownUser);
            assert_eq!(refusal.detail, "the name is a domain without a user");
        }
    }

    #[test]
    fn impossible_names_are_not_looked_up() {
        let system = ScriptedSystem::default();
        let known = |name: &str| known_user(&system, &User::Named(name.to_owned()));
        assert_eq!(known("lee"), Ok("lee".to_owned()));
        for name in ["kim", &"x".repeat(257), &"x".repeat(1 << 20)] {
            assert_eq!(known(name).unwrap_err().reason, Reason::UnknownUser);
        }
        let unreadable = User::Unreadable("l\u{fffd}e".to_owned());
        let refusal = known_user(&system, &unreadable).unwrap_err();
        assert_eq!(refusal.reason, Reason::UnknownUser);
    }
}
