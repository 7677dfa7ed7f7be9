//! `[service.NAME]` and lists of services: services that this host does not have, and settings for one
//! of two services between which a caller can choose.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use login::clean::for_log;
use login::config::{Config, Setting, table};

use super::files::Root;
use super::finding::{Area, Finding, Report, Severity};
use super::pam_files::{has_directory, has_file};
use super::services::PAIRS;

/// Checks the names of the services, and the services that are left out.
pub fn check(root: &Root, path: &Path, config: &Config, settings: &[Setting], report: &mut Report) {
    if has_directory(root) {
        lists(root, path, config, settings, report);
    }
    let services = services(settings);
    if !services.is_empty() && !has_directory(root) {
        let why = "this host has no directory /etc/pam.d";
        report.skipped(Area::Configuration, "[service]: names", why);
        return;
    }
    let is_there = |service: &str| has_file(root, service);
    for (service, keys) in &services {
        if !is_there(service) {
            let name = for_log(service);
            let finding = Finding::new(
                Severity::Warning,
                "service-unknown",
                format!("[service.{name}]: there is no PAM file of this name"),
                "If no program uses the name, the section has no effect. If a program does, libpam \
                 asks the stack `other`.",
                format!("Correct the name, or add /etc/pam.d/{name}."),
            );
            report.add(Area::Configuration, finding.in_file(path, keys.line));
        }
    }
    for (one, other, _) in PAIRS {
        for (set, left_out) in [(one, other), (other, one)] {
            let Some(keys) = services.get(set) else {
                continue;
            };
            let others = services.get(left_out).map(|keys| &keys.keys);
            let missing: Vec<&str> = keys
                .keys
                .iter()
                .filter(|key| !others.is_some_and(|others| others.contains(*key)))
                .map(String::as_str)
                .collect();
            if missing.is_empty() || !is_there(left_out) {
                continue;
            }
            let finding = Finding::new(
                Severity::Warning,
                "service-without-twin",
                format!(
                    "[service.{set}] sets {}, and [service.{left_out}] does not",
                    missing.join(", ")
                ),
                format!(
                    "{one} and {other} are two services of one program. The caller chooses \
                     between them, and so between the settings."
                ),
                format!("Set the same keys for {left_out}."),
            );
            report.add(Area::Configuration, finding.in_file(path, keys.line));
        }
    }
}

/// Reports services in lists of `[policy]` that have no file.
fn lists(root: &Root, path: &Path, config: &Config, settings: &[Setting], report: &mut Report) {
    let policy = &config.policy;
    let exempt = policy.exempt.iter().zip(1..).map(|(exempt, number)| {
        let key = format!("policy.exempt: number {number}");
        (key, Some(number), "services", &exempt.services)
    });
    let key = "policy.remember_services".to_owned();
    let remember = (key, None, "remember_services", &policy.remember_services);
    let is_on = !policy.remember_minutes.is_zero();
    for (key, entry, name, list) in exempt.chain(is_on.then_some(remember)) {
        let is_it = |one: &&Setting| one.entry == entry && one.key == name && one.line.is_some();
        let Some(setting) = settings.iter().find(is_it) else {
            continue;
        };
        let gone: Vec<_> = list.iter().filter(|one| !has_file(root, one)).collect();
        if gone.is_empty() {
            continue;
        }
        // A file for several hosts may name services that one of them does not have.
        let (severity, why) = if gone.len() == list.len() {
            (
                Severity::Warning,
                "If no program uses these names, the setting has no effect.",
            )
        } else {
            (
                Severity::Note,
                "If no program uses the name, it has no effect.",
            )
        };
        let names: Vec<_> = gone.into_iter().map(|one| for_log(one)).collect();
        let finding = Finding::new(
            severity,
            "service-unknown",
            format!("{key} names {}, which has no PAM file", names.join(", ")),
            why,
            "Correct the name: the service of ssh is sshd.",
        );
        report.add(Area::Configuration, finding.in_file(path, setting.line));
    }
}

/// The settings of one service.
#[derive(Default)]
struct Keys {
    /// With their section, such as `wait.login_seconds`.
    keys: BTreeSet<String>,
    /// The line of the first one.
    line: Option<usize>,
}

/// The names of the services that have a section.
pub fn names(settings: &[Setting]) -> impl Iterator<Item = String> {
    services(settings).into_keys()
}

fn services(settings: &[Setting]) -> BTreeMap<String, Keys> {
    let mut services: BTreeMap<String, Keys> = BTreeMap::new();
    for setting in settings {
        let Some(name) = setting.section.strip_prefix("service.") else {
            continue;
        };
        // The name of a service may have a dot, too.
        let is_section = |name: &str| {
            table()
                .iter()
                .any(|row| row.is_section() && row.key == name)
        };
        let (service, key) = match name.rsplit_once('.') {
            Some((service, section)) if is_section(section) => {
                (service, format!("{section}.{}", setting.key))
            }
            _ => (name, setting.key.clone()),
        };
        let keys = services.entry(service.to_owned()).or_default();
        keys.keys.insert(key);
        keys.line = keys.line.into_iter().chain(setting.line).min();
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str], text: &str) -> Vec<(&'static str, String, Option<usize>)> {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let path = dir.path().join("pam_logonbox.toml");
        let text = format!("[logonbox]\ntenant = \"acme\"\n{text}");
        std::fs::write(&path, text).unwrap();
        let (config, settings) = Config::load_with_settings(&path, None).unwrap();
        let mut report = Report::default();
        check(
            &Root::at(dir.path()),
            &path,
            &config,
            &settings,
            &mut report,
        );
        let skipped = report
            .checked
            .iter()
            .any(|(_, what)| what.skipped.is_some());
        assert_eq!(
            skipped,
            files.is_empty()
                && settings
                    .iter()
                    .any(|one| one.section.starts_with("service."))
        );
        let found = report.findings.into_iter();
        found
            .map(|(_, finding)| (finding.id, finding.what, finding.line))
            .collect()
    }

    const SUDO: &str = "[service.sudo.wait]\nlogin_seconds = 20\n";
    const SUDO_I: &str = "[service.sudo-i.wait]\nlogin_seconds = 30\n";

    #[test]
    fn a_service_that_is_not_there() {
        let unknown = |name: &str, line| {
            let what = format!("[service.{name}]: there is no PAM file of this name");
            vec![("service-unknown", what, Some(line))]
        };
        for directory in ["etc", "usr/lib", "usr/etc", "usr/share"] {
            let file = format!("{directory}/pam.d/sudo");
            assert_eq!(found(&[&file], SUDO), []);
            assert_eq!(
                found(&[&file], "[service.sduo]\nmode = \"push\"\n"),
                unknown("sduo", 4)
            );
        }
        let dotted = "[service.\"a.b\".wait]\nlogin_seconds = 20\n";
        assert_eq!(found(&["etc/pam.d/a.b"], dotted), []);
        assert_eq!(found(&["etc/pam.d/a"], dotted), unknown("a.b", 4));
        let mode = "[service.\"a.b\"]\nmode = \"push\"\n";
        assert_eq!(found(&["etc/pam.d/a"], mode), unknown("a.b", 4));
        assert_eq!(found(&["etc/pam.d/a"], ""), []);
        assert_eq!(found(&[], SUDO), []);
        assert_eq!(found(&[], ""), []);
    }

    #[test]
    fn lists_with_services_that_are_not_there() {
        let files = ["etc/pam.d/sshd", "etc/pam.d/su"];
        let unknown = |what: &str, line| {
            let what = format!("{what}, which has no PAM file");
            vec![("service-unknown", what, Some(line))]
        };
        let exempt = |services: &str| {
            let text = format!("[[policy.exempt]]\nusers = [\"lee\"]\nservices = [{services}]\n");
            found(&files, &text)
        };
        let first = "policy.exempt: number 1 names";
        assert_eq!(exempt("\"sshd\", \"su\""), []);
        assert_eq!(exempt("\"ssh\""), unknown(&format!("{first} ssh"), 5));
        assert_eq!(
            exempt("\"ssh\", \"sshd\", \"cron\""),
            unknown(&format!("{first} ssh, cron"), 5)
        );
        let remember = |minutes: u32, services: &str| {
            let text = format!("[policy]\nremember_minutes = {minutes}\n{services}\n");
            found(&files, &text)
        };
        let list = "remember_services = [\"ssh\"]";
        let what = "policy.remember_services names ssh";
        assert_eq!(remember(60, list), unknown(what, 5));
        assert_eq!(remember(0, list), []);
        assert_eq!(remember(60, ""), []);
        // The default is not the administrator's mistake.
        assert_eq!(found(&files[1..], "[policy]\nremember_minutes = 60\n"), []);
    }

    #[test]
    fn settings_for_one_of_two_services_of_a_program() {
        let both = ["etc/pam.d/sudo", "etc/pam.d/sudo-i"];
        let without = |set: &str, keys: &str, other: &str, line| {
            let what = format!("[service.{set}] sets {keys}, and [service.{other}] does not");
            vec![("service-without-twin", what, Some(line))]
        };
        assert_eq!(
            found(&both, SUDO),
            without("sudo", "wait.login_seconds", "sudo-i", 4)
        );
        assert_eq!(
            found(&both, SUDO_I),
            without("sudo-i", "wait.login_seconds", "sudo", 4)
        );
        assert_eq!(found(&both, &format!("{SUDO}{SUDO_I}")), []);
        assert_eq!(found(&both[..1], SUDO), []);
        let more = format!("{SUDO}{SUDO_I}[service.sudo-i]\nmode = \"push\"\n");
        assert_eq!(found(&both, &more), without("sudo-i", "mode", "sudo", 6));
        let su = "[service.su.policy]\nonly_groups = [\"x\"]\n";
        assert_eq!(
            found(&["etc/pam.d/su", "etc/pam.d/su-l"], su),
            without("su", "policy.only_groups", "su-l", 4)
        );
    }
}
