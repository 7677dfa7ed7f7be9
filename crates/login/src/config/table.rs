//! Reads the table of settings. Each key has one entry, and each error names file, line and key.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::clean::for_log;

/// A value as the file has it, with its place in the file.
pub type Given<'v> = Spanned<DeValue<'v>>;

/// A type that has the same values in every setting: a section, or a choice.
pub trait Value: Sized {
    /// The keys of a section.
    const ROWS: &'static [Row] = &[];
    const CHOICES: &'static [Choice] = &[];

    /// Checks a value of the file, or the default.
    fn read(value: &Given<'_>) -> Result<Self, Wrong>;
}

/// A section or a key in the table. The reader uses no row, so that the linker leaves the
/// explanations out of the module.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The name of the key or the section.
    pub key: &'static str,
    /// As TOML. A section has `{}`.
    pub default: &'static str,
    /// The explanation.
    pub text: &'static str,
    /// The words that the value can be, if it is a choice.
    pub choices: &'static [Choice],
    /// The keys, if this is a section. Those of `[accounts]` are users.
    pub keys: &'static [Row],
}

/// A word that a value can be.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// Empty for any other text.
    pub word: &'static str,
    /// The explanation.
    pub text: &'static str,
}

impl Row {
    /// Whether this is a section.
    #[must_use]
    pub fn is_section(&self) -> bool {
        self.default == "{}"
    }
}

/// A section: a struct with a field for each key. Key, type, default, reader and explanation come
/// from here alone. The explanation is the doc comment; words in backquotes are literals. The default
/// is written as in TOML, and read as if it were in the file. The reader follows `=>`, unless the
/// type is a [`Value`].
macro_rules! settings {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $Section:ident {
            $(
                $(#[doc = $text:literal])*
                $key_visibility:vis $key:ident: $Type:ty = $default:tt $(=> $read:expr)?,
            )*
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $Section {
            $(
                $(#[doc = $text])*
                $key_visibility $key: $Type,
            )*
        }

        impl Value for $Section {
            const ROWS: &'static [Row] = &[
                $(
                    Row {
                        key: stringify!($key),
                        default: stringify!($default),
                        text: concat!($($text, "\n"),*),
                        choices: settings!(@rows CHOICES $Type $(, $read)?),
                        keys: settings!(@rows ROWS $Type $(, $read)?),
                    },
                )*
            ];

            fn read(value: &Given<'_>) -> Result<Self, Wrong> {
                let defaults = concat!($(stringify!($key), " = ", stringify!($default), "\n"),*);
                let keys = with_defaults(value, &[$(stringify!($key)),*], defaults)?;
                Ok(Self {
                    $($key: get(&keys, stringify!($key), settings!(@read $Type $(, $read)?))?,)*
                })
            }
        }
    };
    (@rows $ROWS:ident $Type:ty) => { <$Type as Value>::$ROWS };
    (@rows $ROWS:ident $Type:ty, $read:expr) => { &[] };
    (@read $Type:ty) => { <$Type as Value>::read };
    (@read $Type:ty, $read:expr) => { $read };
}

/// A value that is one of some words. Each word has its explanation as a doc comment. After `..`, a
/// variant takes all other texts but the empty one.
macro_rules! choices {
    (
        $(#[$attribute:meta])*
        pub enum $Name:ident {
            $(
                $(#[doc = $text:literal])*
                $Variant:ident = $word:literal,
            )*
            $(
                ..
                $(#[doc = $other_text:literal])*
                $Other:ident(String) = $other:literal,
            )?
        }
    ) => {
        $(#[$attribute])*
        pub enum $Name {
            $(
                $(#[doc = $text])*
                $Variant,
            )*
            $(
                $(#[doc = $other_text])*
                $Other(String),
            )?
        }

        choices! {
            impl $Name {
                $($(#[doc = $text])* $word => Self::$Variant,)*
                $(.. $(#[doc = $other_text])* Self::$Other = $other,)?
            }
        }
    };
    (
        impl $Type:ty {
            $(
                $(#[doc = $text:literal])*
                $word:literal => $value:expr,
            )*
            $(
                ..
                $(#[doc = $other_text:literal])*
                $Other:path = $other:literal,
            )?
        }
    ) => {
        impl Value for $Type {
            const CHOICES: &'static [Choice] = &[
                $(Choice { word: $word, text: concat!($($text, "\n"),*) },)*
                $(Choice { word: "", text: concat!($($other_text, "\n"),*) },)?
            ];

            fn read(value: &Given<'_>) -> Result<Self, Wrong> {
                match text(value)? {
                    $($word => Ok($value),)*
                    $(other if !other.is_empty() => Ok($Other(other.to_owned())),)?
                    _ => {
                        let words = [$(concat!("\"", $word, "\""),)* $($other)?];
                        Err(format!("must be {}", words.join(" or ")).into())
                    }
                }
            }
        }
    };
}

/// A complaint about a value. The sections around the value add its key and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    offset: Option<usize>,
    key: Option<String>,
    complaint: String,
}

impl<S: Into<String>> From<S> for Wrong {
    fn from(complaint: S) -> Self {
        Self {
            offset: None,
            key: None,
            complaint: complaint.into(),
        }
    }
}

impl Wrong {
    /// At this place, if the place is not known more exactly.
    pub fn at(mut self, offset: usize) -> Self {
        self.offset.get_or_insert(offset);
        self
    }

    /// About `key`, or about a key in the section `key`.
    pub fn about(mut self, key: &str) -> Self {
        let key = for_log(key);
        self.key = Some(match self.key {
            Some(inner) => format!("{key}.{inner}"),
            None => key,
        });
        self
    }
}

/// A complaint about a configuration. It quotes names only, since the path may lead to a file of
/// another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    wrong: Wrong,
}

impl ConfigError {
    pub(super) fn new(path: &Path, text: &str, wrong: impl Into<Wrong>) -> Self {
        let wrong = wrong.into();
        Self {
            path: path.to_owned(),
            line: wrong.offset.map(|offset| line(text, offset)),
            wrong,
        }
    }

    /// The line, if the complaint is about one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The complaint with its key, without file and line.
    #[must_use]
    pub fn complaint(&self) -> String {
        match &self.wrong.key {
            Some(key) => format!("{key}: {}", self.wrong.complaint),
            None => self.wrong.complaint.clone(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        if let Some(key) = &self.wrong.key {
            write!(f, ", {key}")?;
        }
        write!(f, ": {}", self.wrong.complaint)
    }
}

impl std::error::Error for ConfigError {}

/// The line of a place in `text`, counted from 1.
pub fn line(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or_default();
    before.matches('\n').count().saturating_add(1)
}

/// The whole file, as one value.
pub fn document(text: &str) -> Result<Given<'_>, Wrong> {
    let table = DeTable::parse(text).map_err(|error| {
        Wrong::from(error.message()).at(error.span().map_or(0, |span| span.start))
    })?;
    Ok(Spanned::new(
        table.span(),
        DeValue::Table(table.into_inner()),
    ))
}

/// The keys of a section, with the defaults of those that are not set. An unknown key is an error,
/// since the administrator expects an effect.
pub fn with_defaults<'v>(
    value: &Given<'v>,
    known: &[&str],
    defaults: &'static str,
) -> Result<DeTable<'v>, Wrong> {
    let mut keys = table(&document(defaults)?)?.clone();
    for (key, value) in table(value)? {
        let name: &str = key.get_ref();
        if !known.contains(&name) {
            let complaint = match name {
                "mode" => "belongs above the first section".to_owned(),
                _ => unknown(name, known),
            };
            return Err(Wrong::from(complaint).about(name).at(key.span().start));
        }
        keys.insert(key.clone(), value.clone());
    }
    Ok(keys)
}

/// The value of a key in a section.
pub fn get<T>(
    keys: &DeTable<'_>,
    key: &str,
    read: impl FnOnce(&Given<'_>) -> Result<T, Wrong>,
) -> Result<T, Wrong> {
    let value = keys.get(key).ok_or("has no default")?;
    read(value).map_err(|wrong| wrong.about(key).at(value.span().start))
}

pub fn table<'v, 's>(value: &'v Given<'s>) -> Result<&'v DeTable<'s>, Wrong> {
    let table = value.get_ref().as_table();
    table.ok_or_else(|| wrong_type(value, "a section"))
}

pub fn text<'v>(value: &'v Given<'_>) -> Result<&'v str, Wrong> {
    let text = value.get_ref().as_str();
    text.ok_or_else(|| wrong_type(value, "a string in quotes"))
}

pub fn wrong_type(value: &Given<'_>, wanted: &str) -> Wrong {
    format!("must be {wanted}, not {}", value.get_ref().type_str()).into()
}

pub fn unknown(name: &str, known: &[&str]) -> String {
    let hint = similar(name, known).map_or(String::new(), |similar| {
        format!("did you mean \"{similar}\"? ")
    });
    format!("unknown key; {hint}known here: {}", known.join(", "))
}

/// The known name that the administrator probably meant.
fn similar<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    // In a short name, two mistakes leave too few letters to compare.
    [(1, 2), (2, 5)].into_iter().find_map(|(edits, length)| {
        let is_meant = |known: &&str| {
            known.len() >= length && within(edits, name.as_bytes(), known.as_bytes())
        };
        known.iter().copied().find(is_meant)
    })
}

/// Whether `edits` insertions, deletions, replacements and swaps of neighbours make both equal.
fn within(edits: u8, left: &[u8], right: &[u8]) -> bool {
    match (left, right) {
        ([], rest) | (rest, []) => rest.len() <= edits.into(),
        ([l, left @ ..], [r, right @ ..]) if l == r => within(edits, left, right),
        ([l, left_rest @ ..], [r, right_rest @ ..]) => edits.checked_sub(1).is_some_and(|edits| {
            let swapped = match (left_rest, right_rest) {
                ([second, left @ ..], [other, right @ ..]) => {
                    (second, other) == (r, l) && within(edits, left, right)
                }
                _ => false,
            };
            swapped
                || within(edits, left_rest, right_rest)
                || within(edits, left_rest, right)
                || within(edits, left, right_rest)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_is_recognized() {
        let known = ["tenant", "device", "qr", "qr_background", "url"];
        for (name, meant) in [
            ("tennant", Some("tenant")),
            ("tenan", Some("tenant")),
            ("devcie", Some("device")),
            ("devise", Some("device")),
            ("edvise", Some("device")),
            ("Tenant", Some("tenant")),
            ("urls", Some("url")),
            ("qrs", Some("qr")),
            ("qr_backgroun", Some("qr_background")),
            ("x", None),
            ("uri_", None),
            ("nonsense", None),
            ("", None),
            (&"tenant".repeat(10_000), None),
        ] {
            assert_eq!(similar(name, &known), meant, "{name}");
        }
    }
}
