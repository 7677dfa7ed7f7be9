//! The module's configuration, read by the module's own loader, and the names in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bounded_https::Roots;
use login::clean::for_log;
use login::config::{Config, Mode, Pins, Setting};
use login::pins;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use super::accounts;
use super::directories::open_to_others;
use super::exemptions;
use super::files::Root;
use super::finding::{Area, Finding, Report, Severity};
use super::pam_files::Place;
use super::server::roots;
use super::service_sections;
use crate::setup::THIS_MACHINE;

/// The configurations that could be read: by file, and for each service with the file.
#[derive(Debug, Default)]
pub struct Configs {
    files: BTreeMap<PathBuf, Config>,
    services: BTreeMap<(PathBuf, String), Config>,
}

/// A file, some services, and the settings that they get from it.
type Different<'c> = (&'c Path, Vec<&'c str>, &'c Config);

impl Configs {
    /// Adds a file without the settings for single services.
    pub fn insert(&mut self, path: PathBuf, config: Config) {
        self.files.insert(path, config);
    }

    /// Reads the settings that `service` gets from `path`, if the file could be read before.
    pub fn add_service(&mut self, path: &Path, service: &str) {
        if self.files.contains_key(path)
            && let Ok(config) = Config::load(path, service)
        {
            let key = (path.to_owned(), service.to_owned());
            self.services.insert(key, config);
        }
    }

    /// The settings that `service` gets from `path`.
    pub fn get(&self, path: &Path, service: &str) -> Option<&Config> {
        let key = (path.to_owned(), service.to_owned());
        self.services.get(&key).or_else(|| self.files.get(path))
    }

    /// The files, without the settings for single services.
    pub fn files(&self) -> &BTreeMap<PathBuf, Config> {
        &self.files
    }

    /// The settings of each file, and those that differ for some services, with their names: another
    /// server, or other users who are asked. The name in front of a file's own settings is empty.
    pub fn different(&self) -> Vec<Different<'_>> {
        let files = self.files.iter();
        let files = files.map(|(path, config)| (path.as_path(), "", config));
        let services = self.services.iter();
        let services = services.map(|((path, name), config)| (path.as_path(), &**name, config));
        let mut all: Vec<(String, Different<'_>)> = Vec::new();
        for (path, service, config) in files.chain(services) {
            let Config {
                mode,
                logonbox,
                airlock,
                accounts,
                tls,
                policy,
                ..
            } = config;
            let on_phone = (&logonbox.account, logonbox.pins, &logonbox.algorithms);
            let exempt = (&policy.only_groups, &policy.exempt);
            let limits = (
                policy.failed_attempts_per_10_minutes,
                policy.failed_attempts_in_a_row,
            );
            let key = format!(
                "{mode:?} {on_phone:?} {airlock:?} {accounts:?} {tls:?} {exempt:?} {limits:?}"
            );
            match all.iter_mut().find(|(known, _)| *known == key) {
                Some((_, (_, services, _))) => services.push(service),
                None => all.push((key, (path, vec![service], config))),
            }
        }
        all.into_iter().map(|(_, one)| one).collect()
    }
}

/// Loads one file. `named_at` is the line of a stack that names it.
pub fn load(path: &Path, named_at: Option<&Place>, report: &mut Report) -> Option<Config> {
    let what = path.display().to_string();
    let where_named = named_at.map_or_else(String::new, |place| format!(", which {place} names"));
    match Config::load_with_settings(path, None) {
        Ok((config, settings)) => {
            report.checked(Area::Configuration, format!("{what}{where_named}"));
            above(path, &config, report);
            certificates(path, &config, &settings, report);
            proxy_credentials(path, &config, &settings, report);
            exemptions::check(path, &config, &settings, &THIS_MACHINE, report);
            accounts::check(path, &config, &settings, &THIS_MACHINE, report);
            service_sections::check(&Root::this(), path, &config, &settings, report);
            Some(config)
        }
        Err(error) => {
            let (id, advice) = match access(path, AccessFlags::R_OK) {
                Err(Errno::EACCES) => {
                    report.skipped(
                        Area::Configuration,
                        what,
                        "only root may read it: run this as root",
                    );
                    return None;
                }
                Err(Errno::ENOENT) => (
                    "config-missing",
                    "Write the file. `logonbox config --example` prints a first version.",
                ),
                _ => (
                    "config-invalid",
                    "Correct the file. pam_logonbox.toml(5) explains every key, and the owner and the mode of the file.",
                ),
            };
            report.add(
                Area::Configuration,
                Finding::new(
                    Severity::Error,
                    id,
                    format!("{}{where_named}", error.complaint()),
                    "The module refuses every login with this configuration.",
                    advice,
                )
                .in_file(path, error.line()),
            );
            None
        }
    }
}

/// Compares the configurations of different services. A setting about users may be missing in one
/// of them.
pub fn compare(configs: &BTreeMap<PathBuf, Config>, report: &mut Report) {
    let mut all = configs.iter();
    let Some((first_path, first)) = all.next() else {
        return;
    };
    for (path, config) in all {
        let differ: Vec<&str> = about_people(first)
            .into_iter()
            .zip(about_people(config))
            .filter(|((_, one), (_, other))| one != other)
            .map(|((name, _), _)| name)
            .collect();
        if differ.is_empty() {
            continue;
        }
        let what = format!(
            "Another configuration, {}, has other values for {}",
            first_path.display(),
            differ.join(", ")
        );
        let finding = Finding::new(
            Severity::Note,
            "configurations-differ",
            what,
            "The settings of one file have no effect for services that use the other.",
            "If this is not intended, set the same values. `logonbox --conf FILE config` shows each file.",
        );
        report.add(Area::Configuration, finding.in_file(path, None));
    }
}

/// The settings about users, by name.
fn about_people(config: &Config) -> [(&'static str, String); 5] {
    let (server, account, pins) = match &config.mode {
        Mode::Push(tenant) => {
            let logonbox = &config.logonbox;
            (tenant.to_string(), &logonbox.account, logonbox.pins)
        }
        Mode::Airlock(url) => (url.to_string(), &config.airlock.account, Pins::Off),
    };
    [
        ("the server", server),
        ("account", format!("{account:?}")),
        ("pins", format!("{pins:?}")),
        ("[accounts]", format!("{:?}", config.accounts)),
        ("[policy]", format!("{:?}", config.policy)),
    ]
}

fn line(settings: &[Setting], key: &str) -> Option<usize> {
    settings
        .iter()
        .find(|setting| setting.key == key)
        .and_then(|setting| setting.line)
}

/// Reports directories in which other users could replace a file that decides about logins.
fn above(path: &Path, config: &Config, report: &mut Report) {
    // A service may have another mode.
    let has_pins = config.logonbox.pins != Pins::Off;
    let keys = has_pins.then_some(Path::new(pins::DIRECTORY));
    let files = [
        Some(path),
        config.tls.ca_file.as_deref(),
        config.tls.proxy_credentials_file.as_deref(),
        keys,
    ];
    for (file, open) in files
        .into_iter()
        .flatten()
        .filter_map(|file| Some((file, open_to_others(file)?)))
    {
        let directory = open.directory.display();
        report.add(
            Area::Configuration,
            Finding::new(
                Severity::Warning,
                "directory-open",
                format!("{directory}, above it, {}", open.why),
                "These users can replace the file, for instance with an older file of root.",
                format!(
                    "Run chown root {directory} and chmod go-w {directory}, or keep the file in /etc/security."
                ),
            )
            .in_file(file, None),
        );
    }
}

fn certificates(path: &Path, config: &Config, settings: &[Setting], report: &mut Report) {
    match roots(&config.tls) {
        Ok(Roots::System) => {}
        Ok(_) => report.checked(Area::Configuration, "tls.ca_file"),
        Err(what) => report.add(
            Area::Configuration,
            Finding::new(
                Severity::Error,
                "config-ca-file",
                format!("tls.ca_file: {what}"),
                "Without the CA certificates, the module refuses every login.",
                "Write the CA certificates to this file as PEM. Only root may own it and write to it.",
            )
            .in_file(path, line(settings, "ca_file")),
        ),
    }
}

fn proxy_credentials(path: &Path, config: &Config, settings: &[Setting], report: &mut Report) {
    let key = "tls.proxy_credentials_file";
    let Some(file) = &config.tls.proxy_credentials_file else {
        return;
    };
    if access(file, AccessFlags::R_OK) == Err(Errno::EACCES) {
        let why = "only root may read it: run this as root";
        report.skipped(Area::Configuration, key, why);
        return;
    }
    match config.tls.proxy_credentials() {
        Ok(_) => report.checked(Area::Configuration, key),
        Err(what) => report.add(
            Area::Configuration,
            Finding::new(
                Severity::Error,
                "config-proxy-credentials",
                what,
                "The module refuses every login with this configuration.",
                "Write user:password to this file as one line. It must belong to root and have mode 0600.",
            )
            .in_file(path, line(settings, "proxy_credentials_file")),
        ),
    }
}

/// Checks the files of pinned keys, if they have an effect.
pub fn pinned(config: &Config, directory: &Path, report: &mut Report) {
    let pins = config.logonbox.pins;
    if !matches!(config.mode, Mode::Push(_)) || pins == Pins::Off {
        return;
    }
    let entries = match directory.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if pins == Pins::Required {
                report.add(
                    Area::Configuration,
                    Finding::new(
                        Severity::Error,
                        "pins-missing",
                        "pins = \"required\", but no keys are pinned on this host",
                        "The module refuses every login.",
                        "Run logonbox pin for each account. Until then, set pins = \"if-present\" or \"off\".",
                    )
                    .in_file(directory, None),
                );
            }
            return;
        }
        Err(error) => {
            report.skipped(
                Area::Configuration,
                directory.display().to_string(),
                error.to_string(),
            );
            return;
        }
    };
    for name in entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
    {
        let Some(account) = pins::account_of(&name) else {
            continue;
        };
        if let Err(error) = pins::read(directory, &account) {
            let file = directory.join(&name);
            let what = error.to_string();
            // The report prints the file name itself.
            let what = what
                .strip_prefix(&format!("{}: ", file.display()))
                .map(str::to_owned)
                .unwrap_or(what);
            report.add(
                Area::Configuration,
                Finding::new(
                    Severity::Error,
                    "pins-invalid",
                    what,
                    format!(
                        "The module refuses every login of the account {}.",
                        for_log(&account)
                    ),
                    "Correct the file, or write it again with logonbox pin.",
                )
                .in_file(&file, None),
            );
        }
    }
    report.checked(Area::Configuration, directory.display().to_string());
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn ids(text: &str, mode: u32) -> Vec<(&'static str, Option<usize>)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pam_logonbox.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let mut report = Report::default();
        load(&path, None, &mut report);
        report
            .findings
            .into_iter()
            .map(|(_, finding)| (finding.id, finding.line))
            .collect()
    }

    #[test]
    fn pinned_keys() {
        let dir = tempfile::tempdir().unwrap();
        let ids = |pins: &str, directory: &Path| {
            let text = format!("[logonbox]\ntenant = \"acme\"\npins = \"{pins}\"\n");
            let config = Config::parse(Path::new("/x"), &text, "").unwrap();
            let mut report = Report::default();
            pinned(&config, directory, &mut report);
            let ids = |(_, finding): (_, Finding)| finding.id;
            report.findings.into_iter().map(ids).collect::<Vec<_>>()
        };
        let nowhere = dir.path().join("nowhere");
        assert_eq!(ids("required", &nowhere), ["pins-missing"]);
        assert_eq!(ids("if-present", &nowhere), [""; 0]);
        let file = dir.path().join(pins::file_name("lee").unwrap());
        std::fs::write(&file, "no key\n").unwrap();
        for path in [dir.path(), &file] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
        assert_eq!(ids("if-present", dir.path()), ["pins-invalid"]);
        assert_eq!(ids("off", dir.path()), [""; 0]);
    }

    #[test]
    fn settings_that_differ_for_a_service() {
        let text = |sections: &str| {
            format!(
                "[logonbox]\ntenant = \"acme\"\n[airlock]\nurl = \"https://iam.test/rest\"\n{sections}"
            )
        };
        for (sections, expected) in [
            ("", &[" sshd sudo"][..]),
            ("[service.sshd]\nmode = \"airlock\"\n", &[" sudo", "sshd"]),
            (
                "[service.sshd.policy]\nonly_groups = [\"x\"]\n\
                 [service.sudo.policy]\nonly_groups = [\"x\"]\n",
                &["", "sshd sudo"],
            ),
            (
                "[service.sshd.policy]\nonly_groups = [\"x\"]\n",
                &[" sudo", "sshd"],
            ),
            (
                "[service.sshd.policy]\non_unavailable = \"ignore\"\n",
                &[" sshd sudo"],
            ),
            (
                "[service.sshd.conversation]\ncode = \"show\"\n",
                &[" sshd sudo"],
            ),
            (
                "[service.sshd.logonbox]\nbutton = \"Yes\"\n",
                &[" sshd sudo"],
            ),
        ] {
            let (text, path) = (text(sections), Path::new("/x"));
            let config = |service| Config::parse(path, &text, service).unwrap();
            let mut configs = Configs::default();
            configs.insert(path.to_owned(), config(""));
            for service in ["sshd", "sudo"] {
                let key = (path.to_owned(), service.to_owned());
                configs.services.insert(key, config(service));
            }
            let different = configs.different();
            let services: Vec<_> = different
                .iter()
                .map(|(_, names, _)| names.join(" "))
                .collect();
            assert_eq!(services, expected, "{sections}");
        }
    }

    #[test]
    fn configurations_that_say_otherwise_of_people() {
        const FIRST: &str = "[logonbox]\ntenant = \"acme\"\n";
        for (second, differ) in [
            (format!("{FIRST}[conversation]\nannounce = \"enter\"\n"), ""),
            (
                format!("{FIRST}pins = \"required\"\n[policy]\non_unavailable = \"ignore\"\n"),
                "pins, [policy]",
            ),
            (FIRST.replace("acme", "other"), "the server"),
            (format!("{FIRST}[accounts]\nlee = \"ls\"\n"), "[accounts]"),
            (
                format!("{FIRST}account = \"{{user}}@acme.com\"\n"),
                "account",
            ),
        ] {
            let configs = [("a", FIRST), ("b", &second)].map(|(path, text)| {
                let config = Config::parse(Path::new(path), text, "").unwrap();
                (PathBuf::from(path), config)
            });
            let mut report = Report::default();
            compare(&BTreeMap::from(configs), &mut report);
            let said = report.findings.first().map(|(_, finding)| &*finding.what);
            let expected = format!("Another configuration, a, has other values for {differ}");
            assert_eq!(said, (!differ.is_empty()).then_some(&*expected), "{second}");
        }
    }

    #[test]
    fn the_file_and_the_names_in_it() {
        const TENANT: &str = "[logonbox]\ntenant = \"acme\"\n";
        for (text, mode, expected) in [
            (String::new(), 0o600, vec![("config-invalid", None)]),
            (TENANT.to_owned(), 0o666, vec![("config-invalid", None)]),
            (TENANT.to_owned(), 0o644, vec![]),
            (
                format!("{TENANT}x = 1\n"),
                0o600,
                vec![("config-invalid", Some(3))],
            ),
            (
                format!("{TENANT}[tls]\nca_file = \"/nowhere.pem\"\n"),
                0o600,
                vec![("config-ca-file", Some(4))],
            ),
            (
                format!("{TENANT}[tls]\nca_file = \"/etc/passwd\"\n"),
                0o600,
                vec![("config-ca-file", Some(4))],
            ),
            (
                format!(
                    "{TENANT}[policy]\nonly_groups = [\"root\", \"no-such-group\"]\n\
                     [[policy.exempt]]\nusers = [\"root\",\n\"no-such-user\"]\n\
                     [[policy.exempt]]\ngroups = [\"no-such-group\"]\n"
                ),
                0o600,
                vec![
                    ("unknown-group", Some(4)),
                    ("unknown-user", Some(6)),
                    ("unknown-group", Some(9)),
                    ("exempt-without-end", Some(6)),
                    ("exempt-without-end", Some(9)),
                ],
            ),
        ] {
            assert_eq!(ids(&text, mode), expected, "{text}");
        }
        let dir = tempfile::tempdir().unwrap();
        let proxy = dir.path().join("proxy");
        std::fs::write(&proxy, "user:password").unwrap();
        for (mode, expected) in [
            (0o600, vec![]),
            (0o644, vec![("config-proxy-credentials", Some(5))]),
        ] {
            std::fs::set_permissions(&proxy, std::fs::Permissions::from_mode(mode)).unwrap();
            let tls = format!(
                "{TENANT}[tls]\nproxy = \"http://proxy:1\"\nproxy_credentials_file = {proxy:?}\n"
            );
            assert_eq!(ids(&tls, 0o600), expected, "{mode:o}");
        }
        let (open, ca) = (dir.path().join("open"), dir.path().join("open/ca.pem"));
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        std::fs::write(&ca, "no certificate").unwrap();
        let tls = format!("{TENANT}[tls]\nca_file = {ca:?}\n");
        assert_eq!(ids(&tls, 0o600)[0], ("directory-open", None));
        let accounts = format!("{TENANT}[accounts]\nroot = \"r@acme.com\"\nno-such-user = \"x\"\n");
        assert_eq!(ids(&accounts, 0o600)[0].0, "unknown-account-user");
        assert_eq!(ids(&accounts, 0o600).len(), 1);
        let mut report = Report::default();
        assert!(load(Path::new("/nowhere/x.toml"), None, &mut report).is_none());
        assert_eq!(report.findings[0].1.id, "config-missing");
        // The report prints the file name itself.
        let what = &report.findings[0].1.what;
        assert!(what.starts_with("No such file"), "{what}");
    }
}
