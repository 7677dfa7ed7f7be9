//! `logonbox unpin`.

use std::io::Write;
use std::path::Path;

use login::config::{Mode, Pins};
use logonbox_authenticator::PublicKey;

use super::file::{Directory, keys, read};
use crate::cli;
use crate::end::{End, Failure};
use crate::published::name;
use crate::setup::configuration;
use crate::terminal::{DOUBTFUL, shown};

pub fn unpin(conf: &Path, args: &cli::Unpin, out: &mut dyn Write) -> Result<End, Failure> {
    let (account, directory) = (&args.account, &args.place.pins_directory);
    let Some(pinned) = read(directory, account)? else {
        return Err(Failure::new(format!(
            "nothing is pinned for {} in {}.",
            shown(account),
            directory.display()
        )));
    };
    let before = keys(Some(&pinned));
    for fingerprint in &args.keys {
        if pinned.keys.by_fingerprint(fingerprint).is_none() {
            return Err(Failure::new(format!(
                "no key {} is pinned for {}. Nothing was done; `logonbox pins` shows what is.",
                shown(fingerprint),
                shown(account)
            )));
        }
    }
    let goes = |key: &PublicKey| args.keys.is_empty() || args.keys.contains(&key.fingerprint());
    let directory = Directory::open(directory)?;
    let path = if args.forget {
        directory.remove(account)?
    } else {
        directory.change(account, before, |text| {
            let stays = |line: &&str| !PublicKey::from_line(line).is_ok_and(|key| goes(&key));
            text.lines()
                .filter(stays)
                .flat_map(|line| [line, "\n"])
                .collect()
        })?
    };
    for key in before.iter().filter(|key| goes(key)) {
        writeln!(
            out,
            "no longer pinned: {} {}",
            name(key.comment()),
            key.fingerprint()
        )?;
    }
    let left = before.iter().filter(|key| !goes(key)).count();
    if left > 0 {
        let file = path.display();
        writeln!(out, "Still pinned: {left}, in {file}.")?;
        return Ok(End::Fine);
    }
    effect(conf, account, args.forget, &path, out)?;
    Ok(End::Fine)
}

/// Prints the effect on the account, which has no pinned key now. A configuration error must not
/// prevent the removal of a lost phone's key, so this function ignores it.
fn effect(
    conf: &Path,
    account: &str,
    forgotten: bool,
    file: &Path,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (account, file) = (shown(account), file.display());
    let pins = match configuration(conf) {
        Ok(config) if matches!(config.mode, Mode::Push(_)) => config.logonbox.pins,
        Ok(_) | Err(_) => return Ok(()),
    };
    match (pins, forgotten) {
        (Pins::Off, _) => writeln!(out, "pins = \"off\": pinned keys have no effect here.")?,
        (Pins::IfPresent, true) => writeln!(
            out,
            "{DOUBTFUL}From now on every key that the tenant publishes for {account} counts \
             again{DOUBTFUL:#}: pins = \"if-present\"."
        )?,
        (Pins::Required, true) => writeln!(
            out,
            "{DOUBTFUL}Logins of {account} are refused{DOUBTFUL:#} until a key is pinned: \
             pins = \"required\"."
        )?,
        (Pins::IfPresent | Pins::Required, false) => writeln!(
            out,
            "{DOUBTFUL}Logins of {account} are refused{DOUBTFUL:#} until a key is pinned: {file} is \
             there, without a key."
        )?,
    }
    Ok(())
}
