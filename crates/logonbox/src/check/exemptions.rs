//! Who is exempt: users and groups that this host does not know, users whose groups it cannot prove,
//! and failing open.

use std::collections::BTreeSet;
use std::path::Path;

use login::clean::for_log;
use login::config::{Config, Exempt, Mode, Policy, Setting};
use login::network::Network;
use login::policy::is_in_none;
use login::system::System;

use super::finding::{Area, Finding, Report, Severity};
use super::program;
use super::services::PAIRS;
use super::spelling;

/// Reports what `[policy]` names and the host does not know.
pub fn check(
    path: &Path,
    config: &Config,
    settings: &[Setting],
    system: &dyn System,
    report: &mut Report,
) {
    let policy = &config.policy;
    let line = |section: &str, entry, key| {
        let is_it = |setting: &&Setting| {
            setting.section == section && setting.entry == entry && setting.key == key
        };
        settings.iter().find(is_it).and_then(|setting| setting.line)
    };
    let mut names = Names {
        path,
        system,
        report,
    };
    for (key, groups, line) in only_groups(path, config, settings) {
        let asks_all = "The module cannot know its members, so it asks all users.";
        names.groups(&key, &groups, asks_all, line);
        names.witness(&key, &groups, policy, line);
        names.members(&key, &groups, program::primary_groups, line);
    }
    for (exempt, number) in policy.exempt.iter().zip(1..) {
        let line = |key| line("policy.exempt", Some(number), key);
        names.users(&exempt.users, line("users"));
        let fails_closed = "The exemption has no effect, and the module asks its users.";
        names.groups(
            "policy.exempt.groups",
            &exempt.groups,
            fails_closed,
            line("groups"),
        );
    }
    ends(path, config, settings, system, report);
    remembers(path, config, settings, report);
    let ignores = |setting: &&Setting| {
        setting.key == "on_unavailable"
            && setting.value.contains("ignore")
            && setting.line.is_some()
    };
    if let Some(setting) = settings.iter().find(ignores) {
        let finding = Finding::new(
            Severity::Note,
            "on-unavailable-ignore",
            "on_unavailable = \"ignore\" allows logins without the phone during an outage, which an \
             attacker can cause",
            "Users of this host, and attackers on its network, can cause an outage. sshd and login then \
             ask for the password alone. sudo and su always refuse.",
            "Prefer on_unavailable = \"deny\". During an outage, `logonbox bypass` lets a user in.",
        );
        report.add(Area::Configuration, finding.in_file(path, setting.line));
    }
}

/// Reports settings of remembered approvals that have no effect.
fn remembers(path: &Path, config: &Config, settings: &[Setting], report: &mut Report) {
    if config.policy.remember_minutes.is_zero() {
        return;
    }
    let services = &config.policy.remember_services;
    let never = services.iter().find(|name| {
        PAIRS
            .iter()
            .any(|(one, other, _)| [one, other].contains(&&name.as_str()))
    });
    let (key, what) = match (&config.mode, never) {
        (Mode::Airlock(_), _) => (
            "remember_minutes",
            "policy.remember_minutes: Airlock's logins are never remembered".to_owned(),
        ),
        (Mode::Push(_), Some(name)) => (
            "remember_services",
            format!("policy.remember_services: {name} never remembers an approval"),
        ),
        (Mode::Push(_), None) => return,
    };
    let mut set = settings.iter().filter(|setting| setting.key == key);
    let finding = Finding::new(
        Severity::Warning,
        "remember-no-effect",
        what,
        "These logins ring the phone each time.",
        "Remove it. REMEMBERED APPROVALS in pam_logonbox.toml(5) explains why.",
    );
    let line = set.find_map(|setting| setting.line);
    report.add(Area::Configuration, finding.in_file(path, line));
}

/// The lists `only_groups` that are set: for all services, and for single ones. Each with its key
/// and its line.
fn only_groups(
    path: &Path,
    config: &Config,
    settings: &[Setting],
) -> Vec<(String, Vec<String>, Option<usize>)> {
    let lists = settings
        .iter()
        .filter(|setting| setting.key == "only_groups" && setting.line.is_some());
    lists
        .filter_map(|setting| {
            let section = &setting.section;
            let service = section
                .strip_prefix("service.")
                .and_then(|rest| rest.strip_suffix(".policy"));
            let groups = match service {
                None => config.policy.only_groups.clone(),
                // The file has just been read, with the settings of all services.
                Some(service) => Config::load(path, service).ok()?.policy.only_groups,
            };
            Some((format!("{section}.only_groups"), groups, setting.line))
        })
        .collect()
}

/// Reports exemptions that have ended, and those that have no end.
fn ends(
    path: &Path,
    config: &Config,
    settings: &[Setting],
    system: &dyn System,
    report: &mut Report,
) {
    for (exempt, number) in config.policy.exempt.iter().zip(1..) {
        let line = settings
            .iter()
            .filter(|setting| setting.entry == Some(number))
            .filter_map(|setting| setting.line)
            .min();
        let finding = match exempt.until {
            None => Finding::new(
                Severity::Note,
                "exempt-without-end",
                format!("policy.exempt: number {number} has no last day"),
                "These logins need no phone until the exemption is removed.",
                "If the exemption is temporary, set its last day: until = 2027-03-31.",
            ),
            Some(until) if system.now().date() > until => Finding::new(
                Severity::Warning,
                "exempt-ended",
                format!("policy.exempt: number {number} ended on {until}"),
                "The exemption has no effect, and the module asks its users.",
                "Remove the exemption, or set a later day.",
            ),
            Some(_) => {
                let Some(whom) = everyone(exempt) else {
                    continue;
                };
                Finding::new(
                    Severity::Warning,
                    "exempt-everyone",
                    format!("policy.exempt: number {number} exempts all users {whom}"),
                    "These logins need no phone until the exemption ends.",
                    "If that is not intended, name users or groups in the exemption.",
                )
            }
        };
        report.add(Area::Configuration, finding.in_file(path, line));
    }
}

/// Where an exemption holds, if it is for all users.
fn everyone(exempt: &Exempt) -> Option<String> {
    let is_whole = |network: &&Network| network.to_string().ends_with("/0");
    let network = exempt.networks.iter().find(is_whole);
    let names_some = !exempt.users.is_empty() || !exempt.groups.is_empty();
    if names_some || network.is_none() && !exempt.networks.is_empty() {
        return None;
    }
    let mut parts = Vec::new();
    if !exempt.services.is_empty() {
        parts.push(format!("of {}", exempt.services.join(", ")));
    }
    parts.extend(network.map(|network| format!("from {network}")));
    Some(parts.join(" "))
}

/// Looks names up, and reports those that the host does not know.
struct Names<'a> {
    path: &'a Path,
    system: &'a dyn System,
    report: &'a mut Report,
}

impl Names<'_> {
    fn users(&mut self, users: &[String], line: Option<usize>) {
        for user in users {
            let key = "policy.exempt.users";
            let why = "The exemption does not match this name.";
            let found = self.system.name_of(user);
            let asked = found.and_then(|name| {
                if name.is_some() {
                    return spelling::of_user(self.system, key, user, why);
                }
                self.unknown(key, "user", "passwd", user, why, line);
                Ok(None)
            });
            match asked {
                Ok(Some(finding)) => self.add(finding, line),
                Ok(None) => {}
                Err(error) => self.skip(key, user, &error),
            }
        }
    }

    fn groups(&mut self, key: &str, groups: &[String], why: &str, line: Option<usize>) {
        for group in groups {
            match self.system.group(group) {
                Ok(Some(found)) if found.name != *group => {
                    self.add(spelling::of_group(key, group, &found.name), line);
                }
                Ok(Some(_)) => {}
                Ok(None) => self.unknown(key, "group", "group", group, why, line),
                Err(error) => self.skip(key, group, &error),
            }
        }
    }

    /// Reports that root cannot be proved to be in none of these groups.
    fn witness(&mut self, key: &str, groups: &[String], policy: &Policy, line: Option<usize>) {
        let exempts_root = |exempt: &Exempt| {
            exempt.users.iter().any(|user| user == "root")
                && exempt
                    .until
                    .is_none_or(|until| self.system.now().date() <= until)
        };
        if groups.is_empty() || policy.exempt.iter().any(exempts_root) {
            return;
        }
        let Err(why) = is_in_none(self.system, "root", groups) else {
            return;
        };
        let finding = Finding::new(
            Severity::Warning,
            "only-groups-witness",
            format!("{key}: root is asked, too: {why}"),
            "A user is exempt only if this host can prove that the user is in none of these groups. \
             If a directory does not answer, local users such as root have no proof.",
            "Add an exemption for root: [[policy.exempt]] with users = [\"root\"]. Or ask all users, and \
             exempt the members of a group. The latter fails closed.",
        );
        self.report
            .add(Area::Configuration, finding.in_file(self.path, line));
    }

    /// Reports that the module asks no user, because these groups have no members. `primary_groups`
    /// tells those of all users.
    fn members(
        &mut self,
        key: &str,
        groups: &[String],
        primary_groups: impl FnOnce() -> Result<BTreeSet<u32>, String>,
        line: Option<usize>,
    ) {
        let find = |group: &String| self.system.group(group).ok().flatten();
        let Some(found) = groups.iter().map(find).collect::<Option<Vec<_>>>() else {
            return;
        };
        // A directory may list no members. This proof shows that the groups are local ones.
        let is_local = is_in_none(self.system, "root", groups) == Ok(true);
        let is_user = |name: &String| !matches!(self.system.name_of(name), Ok(None));
        let has_members = found.iter().any(|group| group.members.iter().any(is_user));
        if found.is_empty() || has_members || !is_local {
            return;
        }
        match primary_groups() {
            Ok(primary) if found.iter().any(|group| primary.contains(&group.id)) => return,
            Ok(_) => {}
            Err(why) => {
                let what = format!("{key}: the users with these primary groups");
                self.report.skipped(Area::Configuration, what, why);
                return;
            }
        }
        let names: Vec<_> = groups.iter().map(|group| for_log(group)).collect();
        let finding = Finding::new(
            Severity::Warning,
            "only-groups-empty",
            format!("{key}: no user of this host is in {}", names.join(" or ")),
            "The module asks no user for the phone.",
            "Add users to the group (usermod -aG), or name another group.",
        );
        self.add(finding, line);
    }

    fn unknown(
        &mut self,
        key: &str,
        kind: &str,
        database: &str,
        name: &str,
        why: &str,
        line: Option<usize>,
    ) {
        let id = if kind == "user" {
            "unknown-user"
        } else {
            "unknown-group"
        };
        let name = for_log(name);
        let finding = Finding::new(
            Severity::Error,
            id,
            format!("{key}: there is no {kind} {name}"),
            why,
            format!(
                "Correct the name, or add the {kind}. `getent {database} '{name}'` looks it up."
            ),
        );
        self.report
            .add(Area::Configuration, finding.in_file(self.path, line));
    }

    fn add(&mut self, finding: Finding, line: Option<usize>) {
        let finding = finding.in_file(self.path, line);
        self.report.add(Area::Configuration, finding);
    }

    fn skip(&mut self, key: &str, name: &str, error: &std::io::Error) {
        let why = format!("the user database cannot be asked: {error}");
        let what = format!("{key}: {}", for_log(name));
        self.report.skipped(Area::Configuration, what, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::THIS_MACHINE;

    #[test]
    fn exemptions_of_all_users() {
        for (text, expected) in [
            ("services = [\"sshd\", \"su\"]", Some("of sshd, su")),
            (
                "networks = [\"10.0.0.0/8\", \"0.0.0.0/0\"]",
                Some("from 0.0.0.0/0"),
            ),
            (
                "networks = [\"::/0\"]\nservices = [\"sshd\"]",
                Some("of sshd from ::/0"),
            ),
            ("networks = [\"10.0.0.0/8\"]\nservices = [\"sshd\"]", None),
            ("users = [\"lee\"]\nservices = [\"sshd\"]", None),
            ("groups = [\"ops\"]\nnetworks = [\"0.0.0.0/0\"]", None),
        ] {
            let found = |until: &str| {
                let text =
                    format!("[logonbox]\ntenant = \"acme\"\n[[policy.exempt]]\n{text}\n{until}\n");
                let path = Path::new("/x");
                let config = Config::parse(path, &text, "").unwrap();
                let mut report = Report::default();
                ends(path, &config, &[], &THIS_MACHINE, &mut report);
                let found = report.findings.into_iter();
                let found = found.filter(|(_, finding)| finding.id == "exempt-everyone");
                found.map(|(_, finding)| finding.what).collect::<Vec<_>>()
            };
            let whole =
                expected.map(|whom| format!("policy.exempt: number 1 exempts all users {whom}"));
            assert_eq!(found("until = 2999-12-31"), Vec::from_iter(whole), "{text}");
            assert_eq!(found("until = 2001-12-31"), [""; 0], "{text}");
        }
    }
    #[test]
    fn groups_without_members() {
        let groups = ["bin".to_owned()];
        let id = THIS_MACHINE.group("bin").unwrap().unwrap().id;
        let proof = is_in_none(&THIS_MACHINE, "root", &groups);
        assert_eq!(
            proof,
            Ok(true),
            "root is in bin, or this machine has a directory"
        );
        let found = |groups: &[String], primary: Result<BTreeSet<u32>, String>| {
            let mut report = Report::default();
            let mut names = Names {
                path: Path::new("/x"),
                system: &THIS_MACHINE,
                report: &mut report,
            };
            names.members("policy.only_groups", groups, || primary, None);
            let ids = report.findings.iter().map(|(_, finding)| finding.id);
            (ids.collect::<Vec<_>>(), report.has_gaps())
        };
        let others = BTreeSet::from([0, id + 1]);
        assert_eq!(
            found(&groups, Ok(others.clone())),
            (vec!["only-groups-empty"], false)
        );
        // A system user has it as the primary group.
        assert_eq!(found(&groups, Ok(BTreeSet::from([id]))), (vec![], false));
        assert_eq!(found(&groups, Err("x".to_owned())), (vec![], true));
        let unknown = ["bin".to_owned(), "no-such-group".to_owned()];
        assert_eq!(found(&unknown, Ok(others.clone())), (vec![], false));
        assert_eq!(found(&[], Ok(others)), (vec![], false));
        assert!(program::primary_groups().unwrap().contains(&0));
    }
}
