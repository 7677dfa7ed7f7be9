//! Advice for each word that a login can end with.

/// The next step for an administrator. `None` if the reason already says it.
pub fn advice(word: &str) -> Option<&'static str> {
    Some(match word {
        "no-account" => {
            "The tenant has no such account. `account` in [logonbox] makes the tenant's name of the \
             user's: compare it with the name at the tenant."
        }
        "no-key" => {
            "None of the account's keys can be used: `logonbox keys ACCOUNT` shows why. With `pins` in \
             [logonbox], `logonbox pin ACCOUNT` pins the key of a new phone; else the person may have \
             to set the app on the phone up anew."
        }
        "limit" => {
            "Nobody approved for too long: somebody may be trying. See who, in the log, before \
             `failed_attempts_per_10_minutes` in [policy] is raised. Logins with this command \
             count, too."
        }
        "unknown-user" => "This system knows no such user (getent passwd USER).",
        "unreachable" => {
            "Is the name right, and is TCP to it allowed from here? Where a proxy is needed, it \
             belongs into [tls]: the environment's is not used."
        }
        "tls" => {
            "Who answered could not prove to be the server. Where it has a certificate of your own \
             CA, name that CA in `ca_file` in [tls]. A clock that is wrong fails, too."
        }
        "timed-out" => {
            "Nothing came back in time. `connect_seconds` and `login_seconds` in [wait] say how \
             long is waited."
        }
        "bad-answer" => {
            "What answered does not speak as a tenant does: is `tenant` or `url` the right name, \
             and is no portal in between?"
        }
        "bad-signature" => {
            "Somebody answered who does not have the phone's key. Do not try again: ask the person, \
             and the tenant's administrator."
        }
        "local-failure" => "This machine could not do it; the reason says what it lacks.",
        _ => return None,
    })
}
