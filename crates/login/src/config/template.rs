//! Texts with placeholders, such as `{user}@acme.com`.

use crate::clean;

/// A word in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The user who must approve the login: `PAM_USER`, or the caller of su.
    User,
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
pub const ALL: [(&str, Placeholder); 8] = [
    ("user", Placeholder::User),
    ("account", Placeholder::Account),
    ("hostname", Placeholder::Hostname),
    ("tenant", Placeholder::Tenant),
    ("service", Placeholder::Service),
    ("rhost", Placeholder::Rhost),
    ("tty", Placeholder::Tty),
    ("code", Placeholder::Code),
];

/// The placeholders for accounts. An account must not depend on the origin of a login.
pub const IN_ACCOUNT: [(&str, Placeholder); 3] = [
    ("user", Placeholder::User),
    ("hostname", Placeholder::Hostname),
    ("tenant", Placeholder::Tenant),
];

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
    fn unknown_placeholders_and_unmatched_braces_are_errors() {
        for text in ["{usr}", "{}", "{user", "user}", "{{user}}", "{ user}"] {
            assert!(Template::parse(text, &ALL).is_err(), "{text}");
        }
        for text in ["{rhost}", "{tty}", "{account}", "{code}", "{service}"] {
            assert!(Template::parse(text, &IN_ACCOUNT).is_err(), "{text}");
        }
    }
}
