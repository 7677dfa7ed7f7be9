//! `logonbox pin`.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use login::config::{LogonBox, Pins};
use logonbox_authenticator::PublicKey;

use super::file::{Directory, keys, read};
use crate::cli;
use crate::end::{End, Failure};
use crate::published::{Line, Published, description, name, tenant_of, unavailable};
use crate::setup::{client, configuration};
use crate::terminal::{DOUBTFUL, HEADING, shown, stderr};

pub fn pin(conf: &Path, args: &cli::Pin, out: &mut dyn Write) -> Result<End, Failure> {
    let config = configuration(conf)?;
    let tenant = tenant_of(&config)?;
    let logonbox = &config.logonbox;
    let (account, directory) = (&args.account, &args.place.pins_directory);
    let pinned = read(directory, account)?;
    let before = keys(pinned.as_ref());
    let published = client(&config, tenant)
        .and_then(|client| Published::fetch(&client, account))
        .map_err(|error| unavailable(account, error))?;
    let wanted = wanted(&published, logonbox, &args.keys)?;
    let (there, fresh): (Vec<_>, Vec<_>) = wanted.iter().partition(|key| before.contains(key));
    for key in &there {
        writeln!(
            out,
            "pinned already: {} {}",
            name(key.comment()),
            key.fingerprint()
        )?;
    }
    if args.keys.is_empty() {
        for line in &published.lines {
            if let Some(why) = line.of_no_use(logonbox) {
                writeln!(out, "passed over: {}: {why}", name(&line.comment))?;
            }
        }
    }
    if fresh.is_empty() {
        writeln!(out, "There is nothing to do.")?;
        return without_effect(logonbox, out);
    }
    for key in &fresh {
        writeln!(
            out,
            "{HEADING}{}{HEADING:#}\n  {}",
            name(key.comment()),
            description(key)
        )?;
    }
    out.flush()?;
    if !args.yes {
        confirm(account, fresh.len())?;
    }
    let path = Directory::open(directory)?.change(account, before, |text| {
        let mut text = match text {
            "" => {
                "# Pinned by logonbox(8). One key a line; see pam_logonbox.toml(5), PINNED KEYS.\n"
                    .to_owned()
            }
            text => text.to_owned(),
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.extend(fresh.iter().map(|key| line(key)));
        text
    })?;
    let count = fresh.len();
    writeln!(
        out,
        "{count} pinned for {}, in {}.",
        shown(account),
        path.display()
    )?;
    without_effect(logonbox, out)
}

/// The keys to pin: the named ones, or all that the module can use.
fn wanted(
    published: &Published,
    logonbox: &LogonBox,
    named: &[String],
) -> Result<Vec<PublicKey>, Failure> {
    let mut wanted: Vec<PublicKey> = Vec::new();
    for line in &published.lines {
        if named.is_empty()
            && line.of_no_use(logonbox).is_none()
            && let Ok(key) = &line.key
            && !wanted.contains(key)
        {
            wanted.push(key.clone());
        }
    }
    for fingerprint in named {
        let found = |line: &&Line| line.fingerprint.as_ref() == Some(fingerprint);
        let Some(line) = published.lines.iter().find(found) else {
            return Err(Failure::new(format!(
                "the tenant publishes no key {} for this account. Nothing was done.",
                shown(fingerprint)
            )));
        };
        match (&line.key, line.of_no_use(logonbox)) {
            (Ok(key), None) if wanted.contains(key) => {}
            (Ok(key), None) => wanted.push(key.clone()),
            (_, why) => {
                let why = why.unwrap_or_default();
                return Err(Failure::new(format!(
                    "{fingerprint} is of no use: {why}. Nothing was done."
                )));
            }
        }
    }
    if wanted.is_empty() {
        return Err(Failure::new(
            "the tenant publishes no key that could be used; `logonbox keys` shows why. Nothing was \
             done.",
        ));
    }
    Ok(wanted)
}

/// The key as a line of a key list. The comment is from the tenant.
fn line(key: &PublicKey) -> String {
    let (algorithm, blob) = (key.algorithm(), STANDARD.encode(key.blob()));
    let comment = shown(key.comment());
    format!("{algorithm} {blob} {comment}")
        .trim_end()
        .to_owned()
        + "\n"
}

/// Asks the administrator for confirmation. Fails if there is no terminal.
fn confirm(account: &str, count: usize) -> Result<(), Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(
            "there is no terminal to ask on. Compare the fingerprints, then say --yes. Nothing was \
             done.",
        ));
    }
    let these = if count == 1 { "this key" } else { "these keys" };
    let mut err = stderr();
    write!(
        err,
        "\nThis is what the tenant says. Compare each fingerprint with the person's phone, by a way \
         of its own:\nin person, or by telephone. From then on {} can log in with {these}.\n\
         Pin {these}? [y/N] ",
        shown(account)
    )?;
    err.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::new("nothing was done.")),
    }
}

/// Warns if pinned keys have no effect.
fn without_effect(logonbox: &LogonBox, out: &mut dyn Write) -> Result<End, Failure> {
    if logonbox.pins != Pins::Off {
        return Ok(End::Fine);
    }
    writeln!(
        out,
        "{DOUBTFUL}It has no effect{DOUBTFUL:#} while pins = \"off\": set it to \"if-present\" or \
         \"required\" in [logonbox]."
    )?;
    Ok(End::Warnings)
}
