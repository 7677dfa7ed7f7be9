//! `[accounts]`: users that this host does not know, and accounts that several users share.

use std::collections::BTreeMap;
use std::path::Path;

use login::clean::for_log;
use login::config::{Config, Mode, Setting};
use login::host::User;
use login::policy::known_user;
use login::system::System;

use super::finding::{Area, Finding, Report, Severity};
use super::spelling;

/// Checks the users in `[accounts]`, and the accounts that they and others get.
pub fn check(
    path: &Path,
    config: &Config,
    settings: &[Setting],
    system: &dyn System,
    report: &mut Report,
) {
    unknown(path, config, settings, system, report);
    shared(path, config, settings, system, report);
}

fn line_of(settings: &[Setting], user: &str) -> Option<usize> {
    settings
        .iter()
        .find(|setting| setting.section == "accounts" && setting.key == user)
        .and_then(|setting| setting.line)
}

/// Reports users in `[accounts]` that this system does not know or spells differently.
fn unknown(
    path: &Path,
    config: &Config,
    settings: &[Setting],
    system: &dyn System,
    report: &mut Report,
) {
    const WHY: &str =
        "The line has no effect. The account of this user comes from the key account.";
    for user in config.accounts.keys() {
        let finding = match system.name_of(user) {
            Ok(None) => {
                let shown = for_log(user);
                Finding::new(
                    Severity::Warning,
                    "unknown-account-user",
                    format!("accounts: there is no user {shown}"),
                    WHY,
                    format!(
                        "Correct the name, or remove the line. `getent passwd '{shown}'` looks the name up."
                    ),
                )
            }
            _ => match spelling::of_user(system, "accounts", user, WHY) {
                Ok(Some(finding)) => finding,
                _ => continue,
            },
        };
        let line = line_of(settings, user);
        report.add(Area::Configuration, finding.in_file(path, line));
    }
}

const SHARED: &str = "The phone of the account approves the logins of each of these users.";

/// Reports accounts of several users.
fn shared(
    path: &Path,
    config: &Config,
    settings: &[Setting],
    system: &dyn System,
    report: &mut Report,
) {
    let hostname = system.hostname();
    let of_others = |user: &str| config.account(user, &hostname);
    // No user has a name with a control character, so `[accounts]` has neither.
    if of_others("\u{1}") == of_others("\u{2}") {
        let key = match config.mode {
            Mode::Push(_) => "logonbox.account",
            Mode::Airlock(_) => "airlock.account",
        };
        let (section, name) = key.split_once('.').unwrap_or_default();
        let line = settings
            .iter()
            .find(|setting| setting.section == section && setting.key == name)
            .and_then(|setting| setting.line);
        let finding = Finding::new(
            Severity::Warning,
            "accounts-shared",
            format!(
                "{key}: all users who are not in [accounts] share the account {}",
                for_log(&of_others("\u{1}"))
            ),
            SHARED,
            "Write {user} into the account, or name each user in [accounts].",
        );
        report.add(Area::Configuration, finding.in_file(path, line));
    }
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (user, account) in &config.accounts {
        users.entry(account).or_default().push(user);
    }
    for (account, users) in users {
        let mut users: Vec<String> = users.into_iter().map(str::to_owned).collect();
        let first = users.first().cloned().unwrap_or_default();
        users.extend(by_template(config, system, account, &hostname));
        if users.len() < 2 {
            continue;
        }
        let names: Vec<String> = users.iter().map(|user| for_log(user)).collect();
        let finding = Finding::new(
            Severity::Warning,
            "accounts-shared",
            format!(
                "accounts: {} share the account {}",
                names.join(", "),
                for_log(account)
            ),
            SHARED,
            "If this is not intended, give each user another account.",
        );
        report.add(
            Area::Configuration,
            finding.in_file(path, line_of(settings, &first)),
        );
    }
}

/// The user of this host to whom the template gives `account`.
fn by_template(
    config: &Config,
    system: &dyn System,
    account: &str,
    hostname: &str,
) -> Option<String> {
    const USER: &str = "\u{1}";
    let template = config.account(USER, hostname);
    let (before, after) = template.split_once(USER)?;
    let user = account.strip_prefix(before)?.strip_suffix(after)?;
    // The user may be one of those in `[accounts]`, in another spelling.
    let user = known_user(system, &User::Named(user.to_owned())).ok()?;
    let has_no_other = config.account(&user, hostname) == account;
    (has_no_other && !config.accounts.contains_key(&user)).then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::THIS_MACHINE;

    #[test]
    fn accounts_of_several_users() {
        let found = |text: &str| {
            let text = format!("[logonbox]\ntenant = \"acme\"\n{text}");
            let config = Config::parse(Path::new("x"), &text, "").unwrap();
            let mut report = Report::default();
            shared(Path::new("x"), &config, &[], &THIS_MACHINE, &mut report);
            let found = report.findings.into_iter();
            found.map(|(_, found)| found.what).collect::<Vec<_>>()
        };
        for (text, expected) in [
            ("", ""),
            ("account = \"{user}@acme.com\"\n", ""),
            (
                "account = \"all\"\n",
                "logonbox.account: all users who are not in [accounts] share the account all",
            ),
            (
                "account = \"{hostname}@{tenant}\"\n[accounts]\nlee = \"ls\"\n",
                "logonbox.account: all users who are not in [accounts] share the account ",
            ),
            ("[accounts]\nlee = \"ls\"\nkim = \"kw\"\n", ""),
            (
                "[accounts]\nlee = \"ls\"\nkim = \"ls\"\n",
                "accounts: kim, lee share the account ls",
            ),
            // Every host has a user root.
            (
                "account = \"{user}@acme.com\"\n[accounts]\nlee = \"root@acme.com\"\n",
                "accounts: lee, root share the account root@acme.com",
            ),
            ("[accounts]\nlee = \"root\"\nroot = \"ls\"\n", ""),
            ("[accounts]\nlee = \"no-such-user\"\n", ""),
            ("[accounts]\nroot = \"root\"\n", ""),
        ] {
            let found = found(text);
            let expected_count = usize::from(!expected.is_empty());
            assert_eq!(found.len(), expected_count, "{text}: {found:?}");
            assert!(found.concat().starts_with(expected), "{text}: {found:?}");
        }
    }
}
