//! `[service.NAME]`: settings for one PAM service.
//!
//! A caller can often choose between services, such as sudo and `sudo -i`. So a setting that decides
//! who may log in holds for the whole host, and is not allowed here.

use toml::Spanned;
use toml::de::DeValue;

use super::table::{Given, Value, Wrong, table, unknown};

/// The sections that may be set, each with its keys. All keys, if there are none.
const SECTIONS: [(&str, &[&str]); 5] = [
    ("conversation", &[]),
    ("wait", &[]),
    ("airlock", &[]),
    ("logonbox", &["remote_name", "prompt", "button"]),
    ("policy", &["only_groups", "on_unavailable"]),
];
const MODE: &str = "mode";

/// The names of the services, each with its place in the file.
#[derive(Debug, Clone)]
pub struct Services(pub Vec<(String, usize)>);

impl Value for Services {
    /// Checks which keys are set. The values are checked in the file of each service.
    fn read(value: &Given<'_>) -> Result<Self, Wrong> {
        let mut names = Vec::new();
        for (name, keys) in table(value)? {
            let about = |wrong: Wrong| wrong.about(name.get_ref()).at(name.span().start);
            service_name(name.get_ref()).map_err(about)?;
            check(keys).map_err(about)?;
            names.push((name.get_ref().to_string(), name.span().start));
        }
        Ok(Self(names))
    }
}

/// Checks the name of a PAM service.
pub fn service_name(name: &str) -> Result<&str, Wrong> {
    // libpam changes the names of services to lower case (pam_start.c).
    if name.is_empty() || name.contains(|c: char| c == '/' || c == '\0' || c.is_uppercase()) {
        return Err("no PAM service has this name; names are in lower case".into());
    }
    Ok(name)
}

fn check(keys: &Given<'_>) -> Result<(), Wrong> {
    for (section, value) in table(keys)? {
        let name: &str = section.get_ref();
        let about = |wrong: Wrong| wrong.about(name).at(section.span().start);
        let allowed = SECTIONS.iter().find(|(allowed, _)| *allowed == name);
        let Some((_, allowed)) = allowed else {
            if name == MODE {
                continue;
            }
            let sections: Vec<_> = SECTIONS.iter().map(|(name, _)| *name).collect();
            let known = [&[MODE], &*sections].concat();
            return Err(about(unknown(name, &known).into()));
        };
        for (key, _) in table(value).map_err(about)? {
            let key_name: &str = key.get_ref();
            if !allowed.is_empty() && !allowed.contains(&key_name) {
                let wrong = Wrong::from(format!(
                    "cannot be set for one service; allowed here: {}",
                    allowed.join(", ")
                ));
                return Err(about(wrong.about(key_name).at(key.span().start)));
            }
        }
    }
    Ok(())
}

/// The file as `service` sees it: the keys of its sections replace those of the whole host.
pub fn merged<'v>(document: &Given<'v>, service: &str) -> Result<Given<'v>, Wrong> {
    let mut top = table(document)?.clone();
    let services = top.get("service").map(table).transpose()?;
    let keys = services.and_then(|services| services.get(service)).cloned();
    for (name, value) in keys.as_ref().map(table).transpose()?.into_iter().flatten() {
        let mut value = value.clone();
        if let (Some(host_wide), DeValue::Table(keys)) = (top.get(name), value.get_ref()) {
            let mut section = table(host_wide)?.clone();
            section.extend(keys.clone());
            value = Spanned::new(host_wide.span(), DeValue::Table(section));
        }
        top.insert(name.clone(), value);
    }
    Ok(Spanned::new(document.span(), DeValue::Table(top)))
}
