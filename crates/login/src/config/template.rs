//! Texts with placeholders, such as `{user}@acme.com`.

use crate::clean;

/// A word in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The user who must approve the login: `PAM_USER`, or the caller of su.
    User,
    /// The user without the domain: see [`without_domain`].
    Name,
    /// The account: the server's name for the user.
    Account,
    /// The name of this host.
    Hostname,
    /// The host name of the server.
    Tenant,
    /// `PAM_SERVICE`. If the caller of su must approve, also the target user.
    Service,
    /// `PAM_RHOST`, or else the tty, or else `this machine`.
    Rhost,
    /// `PAM_TTY`.
    Tty,
    /// The digits that the user types, or that the terminal shows, too.
    Code,
}

/// All placeholders, for texts on the phone.
pub const ALL: [(&str, Placeholder); 9] = [
    ("user", Placeholder::User),
    ("name", Placeholder::Name),
    ("account", Placeholder::Account),
    ("hostname", Placeholder::Hostname),
    ("tenant", Placeholder::Tenant),
    ("service", Placeholder::Service),
    ("rhost", Placeholder::Rhost),
    ("tty", Placeholder::Tty),
    ("code", Placeholder::Code),
];

/// The placeholders for accounts. An account must not depend on the origin of a login.
pub const IN_ACCOUNT: [(&str, Placeholder); 4] = [
    ("user", Placeholder::User),
    ("name", Placeholder::Name),
    ("hostname", Placeholder::Hostname),
    ("tenant", Placeholder::Tenant),
];

/// The user without `DOMAIN\` in front and without `@domain` behind. A domain contains neither `\` nor
/// `@`, so these are the first `\` and the last `@`, as in sssd.
#[must_use]
pub fn without_domain(user: &str) -> &str {
    let name = user.split_once('\\').map_or(user, |(_, name)| name);
    name.rsplit_once('@').map_or(name, |(name, _)| name)
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Each placeholder, with the text before it.
    parts: Vec<(String, Placeholder)>,
    rest: String,
}

impl Template {
    /// Parses `text`, which may contain the placeholders in `known`.
    ///
    /// # Errors
    ///
    /// Names the unknown placeholder or the unmatched brace.
    pub fn parse(text: &str, known: &[(&str, Placeholder)]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(['{', '}']) {
            if rest.as_bytes().get(before.len()) == Some(&b'}') {
                return Err("there is a } without {".to_owned());
            }
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| "there is a { without }".to_owned())?;
            let Some((_, placeholder)) = known.iter().find(|(known, _)| *known == name) else {
                let known: Vec<_> = known
                    .iter()
                    .map(|(name, _)| format!("{{{name}}}"))
                    .collect();
                return Err(format!(
                    "unknown placeholder {{{}}}; known here: {}",
                    clean::for_log(name),
                    known.join(" ")
                ));
            };
            parts.push((before.to_owned(), *placeholder));
            rest = after;
        }
        let rest = rest.to_owned();
        Ok(Self { parts, rest })
    }

    /// Whether this placeholder is in the text.
    #[must_use]
    pub fn has(&self, placeholder: Placeholder) -> bool {
        self.parts.iter().any(|(_, part)| *part == placeholder)
    }

    /// Fills in the placeholders. Values are not parsed: a user may be called `{account}`.
    pub fn fill(&self, value: impl Fn(Placeholder) -> String) -> String {
        let mut filled = String::new();
        for (text, placeholder) in &self.parts {
            filled.push_str(text);
            filled.push_str(&value(*placeholder));
        }
        filled + &self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_filled_in_once() {
        let template = Template::parse("{user} at {hostname}", &ALL).unwrap();
        let filled = template.fill(|placeholder| match placeholder {
            Placeholder::User => "{hostname}".to_owned(),
            _ => "web1".to_owned(),
        });
        assert_eq!(filled, "{hostname} at web1");
    }

    #[test]
    fn a_name_has_no_domain() {
        for (user, name) in [
            ("lee", "lee"),
            ("lee@acme.com", "lee"),
            ("ACME\\lee", "lee"),
            ("ACME\\lee@acme.com", "lee"),
            ("\\lee", "lee"),
            ("lee@", "lee"),
            // Names may contain what separates a domain. A shorter name could be another user's.
            ("lee@partner@acme.com", "lee@partner"),
            ("ACME\\ops\\lee", "ops\\lee"),
            ("lee@acme\\kim", "kim"),
            ("", ""),
            ("@acme.com", ""),
            ("ACME\\", ""),
            ("ACME\\@acme.com", ""),
        ] {
            assert_eq!(without_domain(user), name, "{user}");
        }
    }

    #[test]
    fn unknown_placeholders_and_unmatched_braces_are_errors() {
        for text in ["{usr}", "{}", "{user", "user}", "{{user}}", "{ user}"] {
            assert!(Template::parse(text, &ALL).is_err(), "{text}");
        }
        for text in ["{rhost}", "{tty}", "{account}", "{code}", "{service}"] {
            assert!(Template::parse(text, &IN_ACCOUNT).is_err(), "{text}");
        }
    }
}
