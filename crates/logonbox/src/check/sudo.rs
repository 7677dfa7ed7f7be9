//! Which PAM services sudo asks, and whether it asks at all: `sudo -V` and cvtsudoers(1) tell.

use std::collections::BTreeSet;

use login::clean::for_log;
use login::config::{Announce, Code, Config, Mode};
use serde_json::Value;

use super::finding::Severity::{Error, Note, Warning};
use super::finding::{Area, Finding, Report};
use super::pam_files::Place;
use super::program;
use super::services::{Service, Services};

const SUDO: [&str; 2] = ["/usr/bin/sudo", "/usr/local/bin/sudo"];
const CVTSUDOERS: [&str; 2] = ["/usr/bin/cvtsudoers", "/usr/local/bin/cvtsudoers"];

/// sudo's effective settings.
#[derive(Debug, PartialEq, Eq)]
pub struct Sudo {
    /// The PAM service of `sudo`.
    pub service: String,
    /// The PAM service of `sudo -i`.
    pub login_service: String,
    /// It asks users for a password.
    authenticates: bool,
    /// It shows the information texts of modules.
    shows_information: bool,
    /// The settings for some users, hosts or commands.
    some: Vec<ForSome>,
}

/// `Defaults` for some users, hosts or commands.
#[derive(Debug, PartialEq, Eq)]
struct ForSome {
    /// For example `username lee`.
    who: String,
    services: Vec<String>,
    authenticates: bool,
}

impl Default for Sudo {
    /// The settings of sudo-rs, and of a sudo that cannot be asked.
    fn default() -> Self {
        Self {
            service: "sudo".to_owned(),
            login_service: "sudo-i".to_owned(),
            authenticates: true,
            shows_information: true,
            some: Vec::new(),
        }
    }
}

impl Sudo {
    /// Asks sudo. Only root gets an answer. `None` if there is no sudo.
    pub fn ask(report: &mut Report) -> Option<Self> {
        const WHAT: &str = "sudo's settings (sudo -V)";
        let program = program::find(&SUDO)?;
        let said = program::ask(&program, &["-V"]).and_then(|said| {
            if said.well {
                return Ok(said.out);
            }
            let why = said.err.lines().next().unwrap_or_default().to_owned();
            Err(format!("it says: {}", for_log(&why)))
        });
        let parsed = said.and_then(|text| {
            // It has no such settings.
            if text.starts_with("sudo-rs") {
                return Ok(Self::default());
            }
            let why = if nix::unistd::geteuid().is_root() {
                "it does not tell its PAM services"
            } else {
                "run this as root"
            };
            let mut sudo = Self::parse(&text).ok_or(why)?;
            sudo.some = for_some(report);
            Ok(sudo)
        });
        Some(match parsed {
            Ok(sudo) => {
                report.checked(Area::Host, WHAT);
                sudo
            }
            Err(why) => {
                report.skipped(Area::Host, WHAT, why);
                Self::default()
            }
        })
    }

    /// Reads the output of `sudo -V` for root: `dump_defaults()` in `plugins/sudoers/defaults.c`.
    fn parse(text: &str) -> Option<Self> {
        let line = |start: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(start))
        };
        Some(Self {
            service: line("PAM service name to use: ")?.to_owned(),
            login_service: line("PAM service name to use for login shells: ")?.to_owned(),
            authenticates: line("Require users to authenticate by default").is_some(),
            // Before this setting came, sudo showed prompts only.
            shows_information: line("Do not allow PAM authentication modules to generate output")
                .is_none()
                && line("Sudo version ").is_some_and(has_pam_silent),
            some: Vec::new(),
        })
    }

    /// The PAM services that sudo asks.
    pub fn services(&self) -> BTreeSet<String> {
        let some = self.some.iter().flat_map(|some| &some.services);
        let all = [&self.service, &self.login_service].into_iter().chain(some);
        all.map(|name| name.to_lowercase()).collect()
    }

    /// Compares sudo's settings with the stacks.
    pub fn check(&self, services: &Services, report: &mut Report) {
        let has_phone = |name: &str| {
            let name = name.to_lowercase();
            let service = services.get(&name).or_else(|| services.get("other"));
            service.is_some_and(Service::has_phone)
        };
        let usual = ["sudo", "sudo-i"];
        let is_set_up = usual.into_iter().any(has_phone)
            || has_phone(&self.service)
            || has_phone(&self.login_service);
        if !is_set_up {
            return;
        }
        let mut add = |finding| report.add(Area::Host, finding);
        for (name, setting) in [
            (&self.service, "pam_service"),
            (&self.login_service, "pam_login_service"),
        ] {
            if !usual.contains(&name.as_str()) && !has_phone(name) {
                add(Finding::new(
                    Error,
                    "sudo-service-name",
                    format!(
                        "sudo asks the PAM service {}, which does not ask for the phone",
                        for_log(name)
                    ),
                    format!(
                        "sudoers sets {setting}, so the files sudo and sudo-i of PAM have no effect there."
                    ),
                    format!(
                        "Add the module to /etc/pam.d/{}, or remove {setting} from sudoers.",
                        for_log(name)
                    ),
                ));
            }
        }
        if !self.authenticates {
            add(Finding::new(
                Warning,
                "sudo-asks-nothing",
                "sudo asks for neither password nor phone: sudoers has !authenticate",
                "Users with a rule in sudoers become root without PAM's auth lines.",
                "Remove !authenticate from the Defaults in sudoers.",
            ));
        }
        for some in &self.some {
            let who = for_log(&some.who);
            let other = some.services.iter().find(|name| !has_phone(name));
            if let Some(name) = other {
                add(Finding::new(
                    Warning,
                    "sudo-service-name",
                    format!(
                        "For {who}, sudo asks the PAM service {}, which does not ask for the phone",
                        for_log(name)
                    ),
                    "sudoers sets the PAM service in Defaults for some users, hosts or commands.",
                    format!(
                        "Add the module to /etc/pam.d/{}, or remove the setting.",
                        for_log(name)
                    ),
                ));
            }
            if !some.authenticates {
                add(Finding::new(
                    Note,
                    "sudo-asks-nothing",
                    format!("For {who}, sudo asks for neither password nor phone"),
                    "sudoers has !authenticate in Defaults for some users, hosts or commands.",
                    "If that is not intended, remove the setting.",
                ));
            }
        }
    }

    /// Reports an announcement that sudo does not show. `line` is that of the module.
    pub fn shows_code(&self, line: &Place, config: &Config, report: &mut Report) {
        let conversation = config.conversation;
        let announces = conversation.code == Code::Show && conversation.announce == Announce::Info;
        if self.shows_information || !announces || !matches!(config.mode, Mode::Push(_)) {
            return;
        }
        let finding = Finding::new(
            Note,
            "sudo-shows-no-code",
            "sudo shows prompts only: users see neither the announcement nor its code",
            "Their phone rings, and they cannot compare the code with the one that it shows.",
            "Leave announce at \"auto\", or set code = \"type\". From sudo 1.9.16 on, Defaults \
             !pam_silent in sudoers shows announcements, too.",
        );
        report.add(Area::Host, finding.at(line));
    }
}

/// Whether this version of sudo has the setting `pam_silent`: from 1.9.16 on.
fn has_pam_silent(version: &str) -> bool {
    let mut numbers = version.split(|sign: char| !sign.is_ascii_digit());
    let mut number = || numbers.next().and_then(|word| word.parse::<u32>().ok());
    let version = (number(), number(), number());
    version >= (Some(1), Some(9), Some(16))
}

/// Asks cvtsudoers, which reads the files of sudoers as sudo does.
fn for_some(report: &mut Report) -> Vec<ForSome> {
    const WHAT: &str = "sudo's settings for some users (cvtsudoers)";
    let asked = program::find(&CVTSUDOERS)
        .ok_or_else(|| "cvtsudoers is not installed".to_owned())
        .and_then(|program| program::ask(&program, &["-f", "json", "/etc/sudoers"]))
        .and_then(|said| {
            let document: Option<Value> = serde_json::from_str(&said.out).ok();
            document.ok_or_else(|| {
                let why = said.err.lines().next().unwrap_or("no answer").to_owned();
                format!("it says: {}", for_log(&why))
            })
        });
    match asked {
        Ok(document) => {
            report.checked(Area::Host, WHAT);
            read_defaults(&document)
        }
        Err(why) => {
            report.skipped(Area::Host, WHAT, why);
            Vec::new()
        }
    }
}

/// The `Defaults` with a binding that decide about PAM.
fn read_defaults(document: &Value) -> Vec<ForSome> {
    let list = |value: &Value, key: &str| {
        let list = value.get(key).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let mut all = Vec::new();
    for entry in list(document, "Defaults") {
        let binding = list(&entry, "Binding");
        if binding.is_empty() {
            continue;
        }
        let options = list(&entry, "Options");
        let value = |key: &str| options.iter().find_map(|option| option.get(key));
        let services: Vec<String> = ["pam_service", "pam_login_service"]
            .iter()
            .filter_map(|key| value(key)?.as_str())
            .map(str::to_owned)
            .collect();
        let authenticates = value("authenticate") != Some(&Value::Bool(false));
        if services.is_empty() && authenticates {
            continue;
        }
        let names: Vec<String> = binding
            .iter()
            .filter_map(Value::as_object)
            .flatten()
            .map(|(kind, name)| format!("{kind} {}", name.as_str().unwrap_or("?")))
            .collect();
        all.push(ForSome {
            who: names.join(", "),
            services,
            authenticates,
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_settings() {
        let text = |version: &str, more: &str| {
            format!(
                "Sudo version {version}\nConfigure options: --with-pam\n\
                 PAM service name to use: one\nPAM service name to use for login shells: two\n{more}"
            )
        };
        let silent = "Do not allow PAM authentication modules to generate output\n";
        for (version, more, shows) in [
            ("1.9.5p2", "", false),
            ("1.9.15p5", "", false),
            ("1.9.16p2", silent, false),
            ("1.9.16", "", true),
            ("1.10.0", "", true),
        ] {
            let sudo = Sudo::parse(&text(version, more)).unwrap();
            assert_eq!(sudo.shows_information, shows, "{version} {more}");
            assert_eq!((&*sudo.service, &*sudo.login_service), ("one", "two"));
            assert!(!sudo.authenticates);
        }
        let asks = "Require users to authenticate by default\n";
        assert!(Sudo::parse(&text("1.9.13", asks)).unwrap().authenticates);
        // What sudo says to a user.
        assert_eq!(Sudo::parse("Sudo version 1.9.16p2\n"), None);
    }

    #[test]
    fn defaults_for_some() {
        let document = r#"{"Defaults": [
            {"Options": [{"pam_service": "all"}]},
            {"Binding": [{"username": "lee"}, {"usergroup": "ops"}], "Options": [{"env_reset": true}, {"pam_login_service": "x"}]},
            {"Binding": [{"command": "/bin/ls"}], "Options": [{"authenticate": false}]},
            {"Binding": [{"hostname": "door"}], "Options": [{"insults": true}]}
        ]}"#;
        let all = read_defaults(&serde_json::from_str(document).unwrap());
        let told: Vec<_> = all
            .iter()
            .map(|some| (&*some.who, some.services.join(" "), some.authenticates))
            .collect();
        assert_eq!(
            told,
            [
                ("username lee, usergroup ops", "x".to_owned(), true),
                ("command /bin/ls", String::new(), false)
            ]
        );
    }
}
