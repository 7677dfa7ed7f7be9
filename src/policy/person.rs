//! Whose phone rings: that of the user whom the host names, or in su, where that is configured, that
//! of whoever calls it.

use super::known_user;
use crate::config::{Policy, SuAsks};
use crate::host::{System, User};
use crate::verdict::{Refusal, Word};

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Whose phone rings, and for whom the exemptions count.
    pub user: User,
    /// Whom they want to become, in su, where not that user is asked but the caller.
    pub becomes: Option<User>,
}

/// Who is asked for a login of `user`, whom the host names, to `service`.
///
/// # Errors
///
/// [`Word::LocalFailure`], when it cannot be told who calls.
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
    // Not PAM_RUSER: what the host makes of its caller may come from utmp or the environment.
    match system.caller() {
        Ok(caller) => Ok(Person {
            user: caller,
            becomes: Some(user.clone()),
        }),
        Err(error) => {
            let reason = format!("the user database cannot be asked who calls: {error}");
            Err(Refusal::new(Word::LocalFailure, reason))
        }
    }
}

impl Person {
    /// The system must know the person, and whom they want to become. Gives the name that the
    /// person's account is made of.
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::host::played::Machine;

    #[test]
    fn where_it_cannot_be_told_who_calls_nobody_is_asked_in_their_place() {
        let machine = Machine {
            caller: || Err(io::Error::from_raw_os_error(24)),
            ..Machine::default()
        };
        let root = User::Named("root".to_owned());
        let asked = |asks: &str, service| {
            let text = format!("[logonbox]\ntenant = \"acme\"\n[policy]\nsu_asks = {asks:?}");
            let config = Config::parse(Path::new("test"), &text).unwrap();
            person(&config.policy, &machine, &root, service)
        };
        for service in ["su", "su-l"] {
            let refusal = asked("caller", service).unwrap_err();
            assert_eq!(refusal.word, Word::LocalFailure);
            assert_eq!(refusal.unavailable, None);
        }
        for (asks, service) in [("user", "su"), ("user", "su-l"), ("caller", "sudo")] {
            let person = asked(asks, service).unwrap();
            assert_eq!((person.user, person.becomes), (root.clone(), None));
        }
    }
}
