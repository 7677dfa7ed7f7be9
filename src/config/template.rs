//! Texts with placeholders, such as `{user}@acme.com`.

use crate::text;

/// What can stand in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// Who is asked: `PAM_USER`, or the caller of su.
    User,
    /// What the tenant calls the person.
    Account,
    /// This host.
    Hostname,
    /// The tenant's host name.
    Tenant,
    /// `PAM_SERVICE`; in su, where the caller is asked, with whom they want to become.
    Service,
    /// `PAM_RHOST`, else the tty, else `this machine`.
    Rhost,
    /// `PAM_TTY`.
    Tty,
    /// The four digits on both screens.
    Code,
}

/// Every placeholder by its name, for texts that a person reads.
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

/// For the account: whose phone rings must not depend on where a login comes from.
pub const IN_ACCOUNT: [(&str, Placeholder); 3] = [
    ("user", Placeholder::User),
    ("hostname", Placeholder::Hostname),
    ("tenant", Placeholder::Tenant),
];

/// A checked text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

impl Template {
    /// Parses `text`, in which the names in `known` may stand in braces.
    ///
    /// # Errors
    ///
    /// Names the placeholder that is not known, or the brace that has no other half.
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
            let (_, placeholder) =
                known
                    .iter()
                    .find(|(known, _)| *known == name)
                    .ok_or_else(|| {
                        let known: Vec<_> = known
                            .iter()
                            .map(|(name, _)| format!("{{{name}}}"))
                            .collect();
                        format!(
                            "unknown placeholder {{{}}}; known here: {}",
                            text::for_log(name),
                            known.join(" ")
                        )
                    })?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Placeholder(*placeholder));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Fills the placeholders in. A value is never looked at again, so a user named `{account}`
    /// stays what it is.
    pub fn fill(&self, value: impl Fn(Placeholder) -> String) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Placeholder(placeholder) => value(*placeholder),
            })
            .collect()
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
    fn unknown_placeholders_and_lonely_braces_are_errors() {
        for text in ["{usr}", "{}", "{user", "user}", "{{user}}", "{ user}"] {
            assert!(Template::parse(text, &ALL).is_err(), "{text}");
        }
        for text in ["{rhost}", "{tty}", "{account}", "{code}", "{service}"] {
            assert!(Template::parse(text, &IN_ACCOUNT).is_err(), "{text}");
        }
    }
}
