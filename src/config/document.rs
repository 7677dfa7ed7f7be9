//! TOML in which every complaint names its file, line and key.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a configuration, and where. Never quotes more than names: the file may be
/// the wrong one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    key: Option<String>,
    what: String,
}

impl ConfigError {
    pub(super) fn whole_file(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            key: None,
            what: what.into(),
        }
    }

    /// The line that it is about, where it is about one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong, for whoever has said where already.
    #[must_use]
    pub fn complaint(&self) -> String {
        match &self.key {
            Some(key) => format!("{key}: {}", self.what),
            None => self.what.clone(),
        }
    }

    /// About a key that does not stand in the file.
    pub(super) fn about(path: &Path, key: &str, what: impl Into<String>) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..Self::whole_file(path, what)
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", {key}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for ConfigError {}

/// A setting as it was read, for whoever wants to see all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The section; empty at the top of the file.
    pub section: &'static str,
    /// The key in its section.
    pub key: String,
    /// What it is set to.
    pub value: Value,
    /// The line of the file; the value is the default where there is none.
    pub line: Option<usize>,
}

/// What a setting can be set to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words speak for themselves")]
pub enum Value {
    Text(String),
    Texts(Vec<String>),
    Number(u64),
    Boolean(bool),
}

/// Where settings are noted, where anybody wants to see them.
pub(super) type Noted<'s> = Option<&'s RefCell<Vec<Setting>>>;

/// Where errors point to.
#[derive(Clone, Copy)]
struct Source<'s> {
    path: &'s Path,
    text: &'s str,
    noted: Noted<'s>,
}

impl Source<'_> {
    fn error(self, offset: usize, key: Option<String>, what: impl Into<String>) -> ConfigError {
        ConfigError {
            path: self.path.to_owned(),
            line: Some(self.line(offset)),
            key,
            what: what.into(),
        }
    }

    /// Counted from 1.
    fn line(self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        before.matches('\n').count().saturating_add(1)
    }
}

/// A table whose keys are taken out one by one.
pub(super) struct Section<'s> {
    source: Source<'s>,
    name: &'static str,
    entries: Vec<(Spanned<String>, Spanned<DeValue<'s>>)>,
}

impl<'s> Section<'s> {
    /// The top of a file.
    pub(super) fn parse(
        path: &'s Path,
        text: &'s str,
        noted: Noted<'s>,
    ) -> Result<Self, ConfigError> {
        let source = Source { path, text, noted };
        let table = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            source.error(offset, None, error.message())
        })?;
        Ok(Self::new(source, "", table.into_inner()))
    }

    fn new(source: Source<'s>, name: &'static str, table: DeTable<'s>) -> Self {
        let entries = table
            .into_iter()
            .map(|(key, value)| {
                let span = key.span();
                (Spanned::new(span, key.into_inner().into_owned()), value)
            })
            .collect();
        Self {
            source,
            name,
            entries,
        }
    }

    /// A table below this one; empty where it is missing.
    pub(super) fn section(&mut self, name: &'static str) -> Result<Section<'s>, ConfigError> {
        let Some(value) = self.take(name) else {
            return Ok(Self::new(self.source, name, DeTable::new()));
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Ok(Self::new(self.source, name, table)),
            other => Err(self.error(span.start, name, &wrong_type(&other, "a section"))),
        }
    }

    /// A text. `check` turns it into what it means, or says what is wrong with it.
    pub(super) fn string<T>(
        &mut self,
        key: &str,
        default: &str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let (offset, text) = self.text(key, default)?;
        check(&text).map_err(|what| match offset {
            Some(offset) => self.error(offset, key, &what),
            None => ConfigError::about(self.source.path, &self.full(key), what),
        })
    }

    /// A text as it is, and where it stands; apart, lest each type have all of this again.
    fn text(&mut self, key: &str, default: &str) -> Result<(Option<usize>, String), ConfigError> {
        let (offset, text) = match self.take(key) {
            None => (None, default.to_owned()),
            Some(value) => match value.get_ref() {
                DeValue::String(text) => (Some(value.span().start), text.clone().into_owned()),
                other => {
                    let what = wrong_type(other, "a string in quotes");
                    return Err(self.error(value.span().start, key, &what));
                }
            },
        };
        self.note(key, offset, || Value::Text(text.clone()));
        Ok((offset, text))
    }

    /// A whole number.
    pub(super) fn number(
        &mut self,
        key: &str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<u64, ConfigError> {
        let Some(value) = self.take(key) else {
            self.note(key, None, || Value::Number(default));
            return Ok(default);
        };
        let offset = value.span().start;
        let DeValue::Integer(number) = value.get_ref() else {
            return Err(self.error(offset, key, &wrong_type(value.get_ref(), "a whole number")));
        };
        let number = u64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let what = format!("must be from {} to {}", range.start(), range.end());
                self.error(offset, key, &what)
            })?;
        self.note(key, Some(offset), || Value::Number(number));
        Ok(number)
    }

    /// true or false.
    pub(super) fn boolean(&mut self, key: &str, default: bool) -> Result<bool, ConfigError> {
        let Some(value) = self.take(key) else {
            self.note(key, None, || Value::Boolean(default));
            return Ok(default);
        };
        let offset = value.span().start;
        let boolean = value.get_ref().as_bool().ok_or_else(|| {
            let what = wrong_type(value.get_ref(), "true or false");
            self.error(offset, key, &what)
        })?;
        self.note(key, Some(offset), || Value::Boolean(boolean));
        Ok(boolean)
    }

    /// A list of texts, at least one.
    pub(super) fn strings<T>(
        &mut self,
        key: &str,
        default: &[T],
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError>
    where
        T: Clone + ToString,
    {
        let items = self.list(key, 1, default, check)?;
        Ok(items.unwrap_or_else(|| default.to_vec()))
    }

    /// A list of texts, which may be empty, and is by default.
    pub(super) fn any_strings<T>(
        &mut self,
        key: &str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        let none: &[&str] = &[];
        Ok(self.list(key, 0, none, check)?.unwrap_or_default())
    }

    fn list<T>(
        &mut self,
        key: &str,
        least: usize,
        default: &[impl ToString],
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(value) = self.take(key) else {
            let default = || default.iter().map(ToString::to_string).collect();
            self.note(key, None, || Value::Texts(default()));
            return Ok(None);
        };
        let offset = value.span().start;
        let wanted = "a list of strings";
        let items = value
            .get_ref()
            .as_array()
            .ok_or_else(|| self.error(offset, key, &wrong_type(value.get_ref(), wanted)))?;
        if items.len() < least {
            return Err(self.error(offset, key, "must not be empty"));
        }
        let texts = || items.iter().filter_map(|item| item.get_ref().as_str());
        self.note(key, Some(offset), || {
            Value::Texts(texts().map(str::to_owned).collect())
        });
        items
            .iter()
            .map(|item| {
                let offset = item.span().start;
                let text = item
                    .get_ref()
                    .as_str()
                    .ok_or_else(|| self.error(offset, key, &wrong_type(item.get_ref(), wanted)))?;
                check(text).map_err(|what| self.error(offset, key, &what))
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Texts under names that the file chooses. `check_name` and `check` say what is wrong with a
    /// name and its text.
    pub(super) fn table<T>(
        self,
        check_name: impl Fn(&str) -> Result<String, String>,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<BTreeMap<String, T>, ConfigError> {
        let wrong = |offset, key: &str, what: &str| Err(self.error(offset, key, what));
        let mut table = BTreeMap::new();
        for (key, value) in &self.entries {
            let name = match check_name(key.get_ref()) {
                Ok(name) => name,
                Err(what) => return wrong(key.span().start, key.get_ref(), &what),
            };
            let offset = value.span().start;
            let text = match value.get_ref() {
                DeValue::String(text) => text,
                // `lee.smith = "..."` is `smith` in a section `lee`.
                DeValue::Table(_) => {
                    let what =
                        "must be a string in quotes; a name with a dot stands in quotes, too";
                    return wrong(key.span().start, &name, what);
                }
                other => return wrong(offset, &name, &wrong_type(other, "a string in quotes")),
            };
            self.note(&name, Some(offset), || {
                Value::Text(text.clone().into_owned())
            });
            match check(text) {
                Ok(text) => table.insert(name, text),
                Err(what) => return wrong(offset, &name, &what),
            };
        }
        Ok(table)
    }

    /// Refuses keys that are unknown: ignoring them would promise something.
    pub(super) fn expect(&self, known: &[&str]) -> Result<(), ConfigError> {
        for (key, _) in &self.entries {
            let name = key.get_ref().as_str();
            if name == "mode" && !self.name.is_empty() {
                let what = "belongs above the first section";
                return Err(self.error(key.span().start, name, what));
            }
            if !known.contains(&name) {
                let what = format!("unknown key; known here: {}", known.join(", "));
                return Err(self.error(key.span().start, name, &what));
            }
        }
        Ok(())
    }

    fn take(&mut self, key: &str) -> Option<Spanned<DeValue<'s>>> {
        let position = self
            .entries
            .iter()
            .position(|(name, _)| name.get_ref() == key)?;
        Some(self.entries.swap_remove(position).1)
    }

    fn note(&self, key: &str, offset: Option<usize>, value: impl FnOnce() -> Value) {
        if let Some(noted) = self.source.noted {
            noted.borrow_mut().push(Setting {
                section: self.name,
                key: key.to_owned(),
                value: value(),
                line: offset.map(|offset| self.source.line(offset)),
            });
        }
    }

    fn error(&self, offset: usize, key: &str, what: &str) -> ConfigError {
        self.source.error(offset, Some(self.full(key)), what)
    }

    fn full(&self, key: &str) -> String {
        let key = crate::text::for_log(key);
        if self.name.is_empty() {
            key
        } else {
            format!("{}.{key}", self.name)
        }
    }
}

fn wrong_type(value: &DeValue<'_>, wanted: &str) -> String {
    format!("must be {wanted}, not {}", value.type_str())
}
