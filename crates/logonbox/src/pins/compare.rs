//! `logonbox pins`: compares the pinned keys with the keys that the tenant publishes.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use login::config::{Mode, Pins};
use login::pins::{Pinned, account_of, read};
use logonbox_authenticator::blocking::Client;
use logonbox_authenticator::{Error, ErrorKind};

use crate::cli;
use crate::end::{End, Failure};
use crate::published::{Published, description, name};
use crate::setup::{client, configuration};
use crate::terminal::{BAD, DOUBTFUL, GOOD, HEADING, shown};

pub fn run(conf: &Path, args: &cli::Pins, out: &mut dyn Write) -> Result<End, Failure> {
    let config = configuration(conf)?;
    let directory = &args.place.pins_directory;
    let mut tenant = Tenant::NotAsked;
    let mut pins = Pins::Off;
    if let Mode::Push(address) = &config.mode {
        pins = config.logonbox.pins;
        tenant = match client(&config, address) {
            Ok(client) => Tenant::There(client),
            Err(error) => Tenant::Away(error),
        };
    }
    let mut report = Report {
        out,
        tenant,
        pins,
        end: End::Fine,
    };
    match &args.account {
        Some(account) => report.account(directory, account)?,
        None => report.every_account(directory)?,
    }
    report.last_words()
}

/// The state of the tenant, the other side of the comparison.
enum Tenant {
    /// Airlock mode, in which there are no published keys.
    NotAsked,
    There(Client),
    /// It did not answer. Other accounts do not wait for it again.
    Away(Error),
}

struct Report<'r> {
    out: &'r mut dyn Write,
    tenant: Tenant,
    pins: Pins,
    end: End,
}

impl Report<'_> {
    fn every_account(&mut self, directory: &Path) -> Result<(), Failure> {
        let names = match names(directory) {
            Ok(names) => names,
            Err(error) => {
                let path = shown(&directory.display().to_string());
                return Err(Failure::new(format!("{path}: {error}")));
            }
        };
        if names.is_empty() {
            writeln!(self.out, "Nothing is pinned in {}.", directory.display())?;
        }
        for name in names {
            if let Some(account) = name.to_str().and_then(account_of) {
                self.account(directory, &account)?;
            } else {
                let path = shown(&directory.join(&name).display().to_string());
                self.warn(&format!("{path} is no account's file: nobody reads it"))?;
            }
        }
        Ok(())
    }

    fn account(&mut self, directory: &Path, account: &str) -> Result<(), Failure> {
        writeln!(self.out, "{HEADING}{}{HEADING:#}", shown(account))?;
        let pinned = match read(directory, account) {
            Ok(Some(pinned)) => pinned,
            Ok(None) => {
                if self.pins == Pins::Required {
                    self.warn("  nothing is pinned: logins are refused")?;
                } else {
                    writeln!(self.out, "  nothing is pinned")?;
                }
                return Ok(());
            }
            Err(error) => {
                self.end = End::Wrong;
                let what = shown(&error.to_string());
                writeln!(self.out, "  {BAD}{what}{BAD:#}")?;
                return Ok(());
            }
        };
        let published = match &self.tenant {
            Tenant::There(client) => Some(Published::fetch(client, account)),
            Tenant::NotAsked | Tenant::Away(_) => None,
        };
        match published {
            None => self.show(&pinned, None)?,
            Some(Ok(published)) => self.show(&pinned, Some(&published))?,
            Some(Err(error)) => {
                self.show(&pinned, None)?;
                if is_about_the_tenant(&error) {
                    self.tenant = Tenant::Away(error);
                } else {
                    self.warn(&format!("  {}", shown(&error.to_string())))?;
                }
            }
        }
        if pinned.keys.keys().is_empty() {
            self.warn("  the file holds no key: logins are refused where it counts")?;
        }
        Ok(())
    }

    /// Prints each key on a line, with the differences between the two sides.
    fn show(&mut self, pinned: &Pinned, published: Option<&Published>) -> Result<(), Failure> {
        let published = published.map(|published| published.keys.keys());
        for key in pinned.keys.keys() {
            let text = format!("{}  {}", description(key), name(key.comment()));
            match published.map(|keys| keys.contains(key)) {
                None => writeln!(self.out, "  {text}")?,
                Some(true) => {
                    writeln!(self.out, "  {GOOD}pinned and published{GOOD:#}   {text}")?;
                }
                Some(false) => self.warn_about("pinned, not published", &text)?,
            }
        }
        for key in published.unwrap_or_default() {
            if !pinned.keys.keys().contains(key) {
                let text = format!("{}  {}", description(key), name(key.comment()));
                self.warn_about("published, not pinned", &text)?;
            }
        }
        Ok(())
    }

    fn last_words(mut self) -> Result<End, Failure> {
        if let Tenant::Away(error) = &self.tenant {
            let text = format!(
                "Nothing was compared with the tenant: {}",
                shown(&error.to_string())
            );
            self.warn(&text)?;
        }
        if self.pins == Pins::Off {
            writeln!(self.out, "pins = \"off\": pinned keys have no effect.")?;
        }
        Ok(self.end)
    }

    fn warn_about(&mut self, what: &str, key: &str) -> Result<(), Failure> {
        self.worse();
        writeln!(self.out, "  {DOUBTFUL}{what}{DOUBTFUL:#}  {key}")?;
        Ok(())
    }

    fn warn(&mut self, what: &str) -> Result<(), Failure> {
        self.worse();
        writeln!(self.out, "{DOUBTFUL}{what}{DOUBTFUL:#}")?;
        Ok(())
    }

    fn worse(&mut self) {
        if self.end == End::Fine {
            self.end = End::Warnings;
        }
    }
}

/// The sorted names of the files. Hidden files are temporary ones.
fn names(directory: &Path) -> std::io::Result<Vec<OsString>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether the request for another account would fail, too.
fn is_about_the_tenant(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::NoSuchAccount
            | ErrorKind::Forbidden
            | ErrorKind::InvalidInput
            | ErrorKind::NotUnderstood
    )
}
