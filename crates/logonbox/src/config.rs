//! `logonbox config`: prints every setting and its origin.

use std::io::Write;
use std::path::Path;

use anstyle::Style;
use login::config::Config;

use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{absolute, unreadable};
use crate::terminal::{FAINT, HEADING, shown};

/// The column of the origins. Longer settings move it to the right.
const ORIGINS: usize = 44;

/// `make generate` writes it from the table of settings.
const EXAMPLE: &str = include_str!("../../../conf/pam_logonbox.toml");

pub fn run(conf: &Path, args: &cli::Config, out: &mut dyn Write) -> Result<End, Failure> {
    if args.example {
        out.write_all(EXAMPLE.as_bytes())?;
        return Ok(End::Fine);
    }
    let path = absolute(conf)?;
    let loaded = Config::load_with_settings(&path, args.service.as_deref());
    let (_, settings) = loaded.map_err(|error| unreadable(&path, &error))?;
    let mut current = (String::new(), None);
    for setting in settings {
        let place = (setting.section.clone(), setting.entry);
        if place != current {
            let heading = match place {
                (ref section, None) => format!("[{section}]"),
                (ref section, Some(_)) => format!("[[{section}]]"),
            };
            writeln!(out, "\n{HEADING}{heading}{HEADING:#}")?;
            current = place;
        }
        let (style, origin) = match setting.line {
            None => (FAINT, "default".to_owned()),
            Some(line) => {
                let path = shown(&path.display().to_string());
                (Style::new(), format!("{path}:{line}"))
            }
        };
        let setting = setting.to_string();
        writeln!(out, "{setting:ORIGINS$} {style}# {origin}{style:#}")?;
    }
    Ok(End::Fine)
}
