//! `logonbox config`: every setting, and where it comes from.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use anstyle::Style;
use pam_logonbox::config::{Config, Setting, Value};

use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{absolute, unreadable};
use crate::terminal::{FAINT, HEADING, shown};

/// What is shipped.
const EXAMPLE: &str = include_str!("../../../conf/pam_logonbox.toml");

/// Where the origins begin, where the setting leaves room for it.
const ORIGINS: usize = 44;

pub fn run(conf: &Path, args: &cli::Config, out: &mut dyn Write) -> Result<End, Failure> {
    if args.example {
        out.write_all(EXAMPLE.as_bytes())?;
        return Ok(End::Fine);
    }
    let path = absolute(conf)?;
    let (_, settings) =
        Config::load_with_settings(&path).map_err(|error| unreadable(&path, &error))?;
    let mut section = "";
    for setting in settings {
        if setting.section != section {
            section = setting.section;
            writeln!(out, "\n{HEADING}[{section}]{HEADING:#}")?;
        }
        let line = format!("{} = {}", key(&setting.key), literal(&setting.value));
        let (style, origin) = origin(&setting, &path);
        writeln!(out, "{line:ORIGINS$} {style}# {origin}{style:#}")?;
    }
    Ok(End::Fine)
}

fn origin(setting: &Setting, path: &Path) -> (Style, String) {
    match setting.line {
        None => (FAINT, "default".to_owned()),
        Some(line) => {
            let path = shown(&path.display().to_string());
            (Style::new(), format!("{path}:{line}"))
        }
    }
}

/// The key as TOML has it: users, who are keys below `[accounts]`, can be called anything.
fn key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if key.chars().all(is_bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// The value as TOML has it.
fn literal(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Texts(texts) => {
            let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
            format!("[{}]", texts.join(", "))
        }
        Value::Number(number) => number.to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
    }
}

/// A basic string. What a terminal should not get stands in it by its number.
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        let is_harmless = shown(c.encode_utf8(&mut [0; 4])).starts_with(c);
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if is_harmless => quoted.push(c),
            // A String takes all that is written to it.
            _ => drop(write!(quoted, "\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}
