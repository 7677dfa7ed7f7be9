//! The list of settings for `logonbox config`.

use std::fmt::{self, Write as _};

use toml::de::DeValue;

use super::service::merged;
use super::table::{Given, Row, Wrong, document, line};
use crate::clean::for_phone;

/// A setting. It is displayed as TOML, without its section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The section, such as `policy` or `service.sudo.wait`. Empty at the top of the file.
    pub section: String,
    /// Which of the sections with this name, from 1, if there can be many: `[[policy.exempt]]`.
    pub entry: Option<usize>,
    /// The key, or the user in `[accounts]`.
    pub key: String,
    /// The value as TOML.
    pub value: String,
    /// The line of the file. `None` if the value is the default.
    pub line: Option<usize>,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !self.key.is_empty() && self.key.chars().all(is_bare) {
            write!(f, "{} = {}", self.key, self.value)
        } else {
            write!(f, "{} = {}", quoted(&self.key), self.value)
        }
    }
}

/// Every setting of a file that has been checked, in the order of the table. With `service`, as this
/// service sees them.
pub fn settings(text: &str, service: Option<&str>) -> Result<Vec<Setting>, Wrong> {
    let document = document(text)?;
    let merged = merged(&document, service.unwrap_or_default())?;
    let top = merged.get_ref().as_table();
    let setting = |section: &str, key: &str, default: &str, given: Option<&Given<'_>>| Setting {
        section: section.to_owned(),
        entry: None,
        key: key.to_owned(),
        value: given.map_or(default.to_owned(), |given| literal(given.get_ref())),
        line: given.map(|given| line(text, given.span().start)),
    };
    let mut settings = Vec::new();
    for row in super::table() {
        let given = top.and_then(|top| top.get(row.key));
        if !row.is_section() {
            settings.push(setting("", row.key, row.default, given));
            continue;
        }
        let given = given.and_then(|given| given.get_ref().as_table());
        for Row {
            key, default, keys, ..
        } in row.keys
        {
            let given = given.and_then(|keys| keys.get(*key));
            if keys.is_empty() {
                settings.push(setting(row.key, key, default, given));
                continue;
            }
            let section = format!("{}.{key}", row.key);
            let entries = given.and_then(|given| given.get_ref().as_array());
            for (entry, number) in entries.into_iter().flatten().zip(1..) {
                let given = entry.get_ref().as_table();
                let given = |key| given.and_then(|given| given.get(key));
                settings.extend(keys.iter().filter_map(|row| {
                    let given = given(row.key)?;
                    Some(Setting {
                        entry: Some(number),
                        ..setting(&section, row.key, "", Some(given))
                    })
                }));
            }
        }
        if row.keys.is_empty() && !(row.key == "service" && service.is_some()) {
            let mut tables = vec![(row.key.to_owned(), given)];
            while let Some((section, given)) = tables.pop() {
                for (key, value) in given.into_iter().flatten() {
                    match value.get_ref().as_table() {
                        Some(keys) => {
                            tables.push((format!("{section}.{}", key.get_ref()), Some(keys)));
                        }
                        None => settings.push(setting(&section, key.get_ref(), "", Some(value))),
                    }
                }
            }
        }
    }
    Ok(settings)
}

/// A value that the table allows, as TOML.
fn literal(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
            .map_or(number.to_string(), |number| number.to_string()),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| literal(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Float(_) | DeValue::Table(_) => String::new(),
    }
}

/// Writes a TOML basic string. Control characters and invisible characters become escapes.
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        let is_harmless = for_phone(c.encode_utf8(&mut [0; 4])).starts_with(c);
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if is_harmless => quoted.push(c),
            // Writing to a String cannot fail.
            _ => drop(write!(quoted, "\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}
