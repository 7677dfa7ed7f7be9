//! Names in the configuration that the user database spells in another way.

use std::io;

use login::clean::for_log;
use login::host::User;
use login::policy::known_user;
use login::system::System;

use super::finding::{Finding, Severity};

/// A user in the setting `key` whose name the user database spells in another way. `why` is the effect
/// if the module does not use this spelling.
///
/// # Errors
///
/// The user database does not answer.
pub fn of_user(
    system: &dyn System,
    key: &str,
    user: &str,
    why: &str,
) -> io::Result<Option<Finding>> {
    let Some(other) = system.name_of(user)?.filter(|other| other != user) else {
        return Ok(None);
    };
    // The module's own answer.
    let uses_other = known_user(system, &User::Named(user.to_owned())).as_ref() == Ok(&other);
    let (shown, other) = (for_log(user), for_log(&other));
    let what = format!("{key}: the user database knows {shown} as {other}");
    Ok(Some(if uses_other {
        let advice = format!("Write {other}, as `getent passwd '{shown}'` prints it.");
        Finding::new(Severity::Warning, ID, what, why, advice)
    } else {
        let why = format!("The entry has an effect only for logins under the name {shown}.");
        let advice = format!("If both are one person, add an entry for {other}.");
        Finding::new(Severity::Note, ID, what, why, advice)
    }))
}

/// A group in the setting `key`, which the user database calls `other`.
pub fn of_group(key: &str, group: &str, other: &str) -> Finding {
    let (shown, other) = (for_log(group), for_log(other));
    let what = format!("{key}: the user database knows the group {shown} as {other}");
    let why = "The short name may become that of another group, such as a local one.";
    let advice = format!("Write {other}, as `getent group '{shown}'` prints it.");
    Finding::new(Severity::Note, ID, what, why, advice)
}

const ID: &str = "name-spelling";
