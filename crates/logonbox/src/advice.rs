//! Advice for each word that a login can end with.

/// The next step for an administrator. `None` if the reason already says it.
pub fn advice(word: &str) -> Option<&'static str> {
    Some(match word {
        "no-account" => {
            "The tenant has no such account, or does not show it to this host. `account` in \
             [logonbox] makes the tenant's name from the user's name. Compare it with the name at the \
             tenant."
        }
        "no-key" => {
            "No key of the account can be used. `logonbox keys ACCOUNT` shows why. With `pins` in \
             [logonbox], `logonbox pin ACCOUNT` pins the keys of a new phone. Otherwise the user may \
             have to set up the app on the phone again."
        }
        "wrong-code" => {
            "The code was not the one on the phone. If the phone had approved, the user may have \
             approved the push of a stranger: ask the user."
        }
        "limit" => {
            "Too many logins of this account have failed. Somebody may be trying: look at the \
             addresses in the log before you raise `failed_attempts_per_10_minutes` in [policy]. \
             `logonbox unlock ACCOUNT` frees the account. Logins with this command count, too."
        }
        "unknown-user" => "This system knows no such user (getent passwd USER).",
        "unreachable" => {
            "Check the name of the server, and that this host may connect to it. If this host needs a \
             proxy, set `proxy` in [tls], and `proxy_credentials_file` if the proxy asks for a password. The \
             module does not use the proxy of the environment."
        }
        "tls" => {
            "The certificate of the server is not trusted. If your own CA has signed it, name this CA \
             in `ca_file` in [tls]. A wrong clock on this host also makes the check fail."
        }
        "timed-out" => {
            "No answer came in time. `connect_seconds` and `login_seconds` in [wait] are the limits."
        }
        "bad-answer" => {
            "The answer is not one of a tenant. Check `tenant` or `url`, and look for a portal or a \
             proxy on the way."
        }
        "bad-signature" => {
            "The signature is not from the phone's key. Do not try again. Ask the user and the \
             administrator of the tenant."
        }
        "local-failure" => "This machine failed. The reason says what is missing.",
        _ => return None,
    })
}
