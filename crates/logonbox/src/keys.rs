//! `logonbox keys`: the keys that the tenant publishes for an account, and the phone that rings.

use std::io::Write;
use std::path::Path;

use login::config::{Config, Device, LogonBox, Pins};
use login::pins::{self, Pinned};
use login::push;
use logonbox_authenticator::PublicKey;

use crate::cli;
use crate::end::{End, Failure};
use crate::published::{Line, Published, description, name, tenant_of, unavailable};
use crate::setup::{client, configuration};
use crate::terminal::{BAD, DOUBTFUL, GOOD, HEADING, shown};

pub fn run(conf: &Path, args: &cli::Keys, out: &mut dyn Write) -> Result<End, Failure> {
    let config: Config = configuration(conf)?;
    let tenant = tenant_of(&config)?;
    let logonbox = &config.logonbox;
    let account = &args.account;
    let directory = &args.place.pins_directory;
    // An error is reported below, by the check that a login makes.
    let pinned = pins::read(directory, account);
    let client = client(&config, tenant).map_err(|error| unavailable(account, error))?;
    let published =
        Published::fetch(&client, account).map_err(|error| unavailable(account, error))?;

    let count = published.lines.len();
    let keys = if count == 1 { "key" } else { "keys" };
    writeln!(
        out,
        "{tenant} publishes {count} {keys} for {}.",
        shown(account)
    )?;
    let pinned_keys = pinned.as_ref().ok().and_then(Option::as_ref);
    for line in &published.lines {
        show(line, logonbox, pinned_keys, out)?;
    }
    for key in not_published(pinned_keys, &published) {
        writeln!(out, "\n{HEADING}{}{HEADING:#}", name(key.comment()))?;
        writeln!(out, "  {}", description(key))?;
        writeln!(out, "  {DOUBTFUL}pinned, but not published{DOUBTFUL:#}")?;
    }
    writeln!(out)?;

    let counting = match pins::pinned(logonbox.pins, directory, account) {
        Ok(counting) => counting,
        Err(refusal) => return refused(&refusal.detail, out),
    };
    let keys = counting
        .as_ref()
        .map_or(&published.keys, |pinned| &pinned.keys);
    let chosen = match push::configured_key(client.as_async(), &logonbox.device, keys) {
        Ok(chosen) => chosen,
        Err(error) => {
            let whose = counting.map_or(String::new(), |pinned| {
                format!(" of those in {}", pinned.path.display())
            });
            return refused(&format!("{error}{whose}"), out);
        }
    };
    let phone = format!("{} ({})", name(chosen.comment()), chosen.fingerprint());
    let because = match &logonbox.device {
        Device::First => "device = \"first\"".to_owned(),
        Device::Ask => "device = \"ask\", unless the person chooses another".to_owned(),
        Device::Named(name) => format!("device = \"{}\"", shown(name)),
    };
    writeln!(out, "A login {GOOD}rings{GOOD:#} {phone}: {because}.")?;
    if counting.is_some() {
        writeln!(out, "It is chosen among the pinned keys alone.")?;
    }
    match pinned {
        Ok(Some(pinned)) if logonbox.pins == Pins::Off => {
            let path = pinned.path.display();
            writeln!(out, "pins = \"off\": the keys in {path} have no effect.")?;
        }
        Err(error) => writeln!(out, "{DOUBTFUL}{}{DOUBTFUL:#}", shown(&error.to_string()))?,
        Ok(_) => {}
    }
    Ok(End::Fine)
}

fn refused(reason: &str, out: &mut dyn Write) -> Result<End, Failure> {
    writeln!(out, "A login is {BAD}refused{BAD:#}: {}", shown(reason))?;
    Ok(End::Wrong)
}

fn show(
    line: &Line,
    logonbox: &LogonBox,
    pinned: Option<&Pinned>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    writeln!(out, "\n{HEADING}{}{HEADING:#}", name(&line.comment))?;
    let key = match &line.key {
        Ok(key) => key,
        Err(why) => {
            let fingerprint = line.fingerprint.as_deref().unwrap_or("(no key)");
            writeln!(out, "  {} {fingerprint}", shown(&line.kind))?;
            writeln!(out, "  {BAD}not usable{BAD:#}: {why}")?;
            return Ok(());
        }
    };
    writeln!(out, "  {}", description(key))?;
    match line.of_no_use(logonbox) {
        None => write!(out, "  {GOOD}usable{GOOD:#}")?,
        Some(why) => write!(out, "  {DOUBTFUL}not usable{DOUBTFUL:#}: {why}")?,
    }
    match pinned {
        Some(pinned) if pinned.keys.keys().contains(key) => write!(out, ", pinned")?,
        Some(_) => write!(out, ", not pinned")?,
        None => {}
    }
    writeln!(out)?;
    Ok(())
}

fn not_published<'p>(
    pinned: Option<&'p Pinned>,
    published: &'p Published,
) -> impl Iterator<Item = &'p PublicKey> {
    let pinned = pinned.map_or(&[][..], |pinned| pinned.keys.keys());
    pinned
        .iter()
        .filter(|key| !published.keys.keys().contains(key))
}
