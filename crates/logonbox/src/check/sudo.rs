//! Which PAM services sudo asks, and whether it asks at all: `sudo -V` and cvtsudoers(1) tell.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use login::clean::for_log;
use login::config::{Announce, Code, Config, Mode};
use serde_json::Value;

use super::finding::Severity::{Error, Note, Warning};
use super::finding::{Area, Finding, Report};
use super::pam_files::Place;
use super::program;
use super::services::{Service, Services};

const SUDO: [&str; 2] = ["/usr/bin/sudo", "/usr/local/bin/sudo"];
const SUDOERS: &str = "/etc/sudoers";
/// `targetpw`, `rootpw` and `runaspw`.
const PROMPTS_OF_OTHERS: [&str; 3] = [
    "Prompt for the target user's password",
    "Prompt for root's password",
    "Prompt for the runas_default user's password",
];
/// sudo-rs, if another sudo has the usual name.
const SUDO_RS: [&str; 2] = ["/usr/bin/sudo-rs", "/usr/local/bin/sudo-rs"];
/// sudo-rs reads this file if it exists, and that of sudo otherwise.
const SUDOERS_RS: &str = "/etc/sudoers-rs";
const CVTSUDOERS: [&str; 2] = ["/usr/bin/cvtsudoers", "/usr/local/bin/cvtsudoers"];

/// sudo's effective settings.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "settings of sudo")]
pub struct Sudo {
    /// The PAM service of `sudo`.
    pub service: String,
    /// The PAM service of `sudo -i`.
    pub login_service: String,
    /// The PAM service of `sudo -A`, if this version has this setting.
    askpass_service: Option<String>,
    /// It asks users for a password.
    authenticates: bool,
    /// How long it asks for nothing after a login.
    remembers: Remembers,
    /// It shows the information texts of modules.
    shows_information: bool,
    /// It shows its own prompt in place of those of modules.
    replaces_prompts: bool,
    /// It waits so long for the answer to a prompt.
    waits: Option<Duration>,
    /// It asks for the password of another user.
    asks_other: bool,
    /// The members of this group are asked nothing.
    exempt_group: Option<String>,
    /// The file of sudoers.
    path: String,
    /// The settings for some users, hosts or commands.
    some: Vec<ForSome>,
    /// The users of rules with `NOPASSWD`.
    rules: Rules,
}

/// How long sudo asks for nothing after a login. `None` if the setting is not known.
#[derive(Debug, Default, PartialEq, Eq)]
struct Remembers {
    /// Below 0: until the next start of the host.
    minutes: Option<i64>,
    /// On all terminals, and not only on the one of the login.
    everywhere: bool,
}

/// The users who are asked nothing, for example `username lee`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    /// For all commands.
    all: BTreeSet<String>,
    /// For some commands only.
    some: BTreeSet<String>,
}

/// `Defaults` for some users, hosts or commands.
#[derive(Debug, PartialEq, Eq)]
struct ForSome {
    /// For example `username lee`.
    who: String,
    services: Vec<String>,
    authenticates: bool,
    asks_other: bool,
    remembers: Remembers,
}

impl Default for Sudo {
    /// The settings of sudo-rs, and of a sudo that cannot be asked.
    fn default() -> Self {
        Self {
            service: "sudo".to_owned(),
            login_service: "sudo-i".to_owned(),
            askpass_service: None,
            authenticates: true,
            remembers: Remembers::default(),
            shows_information: true,
            replaces_prompts: false,
            waits: None,
            asks_other: false,
            exempt_group: None,
            path: SUDOERS.to_owned(),
            some: Vec::new(),
            rules: Rules::default(),
        }
    }
}

impl Sudo {
    /// Asks sudo. Only root gets an answer. `None` if there is no sudo.
    pub fn ask(report: &mut Report) -> Option<Self> {
        let program = program::find(&SUDO)?;
        let mut sudo = Self::of(&program, report);
        let real = |path: &Path| path.canonicalize().ok();
        let other = program::find(&SUDO_RS).filter(|other| real(other) != real(&program));
        if let Some(other) = other.filter(|_| Path::new(SUDOERS_RS).exists()) {
            sudo.ask_sudo_rs(&other, &program::people(), report);
        }
        Some(sudo)
    }

    fn of(program: &Path, report: &mut Report) -> Self {
        const WHAT: &str = "sudo's settings (sudo -V)";
        let said = program::ask(program, &["-V"]).and_then(|said| {
            if said.well {
                // sudo-rs writes to its standard error.
                return Ok(if is_sudo_rs(&said.err) {
                    said.err
                } else {
                    said.out
                });
            }
            let why = said.err.lines().next().unwrap_or_default().to_owned();
            Err(format!("it says: {}", for_log(&why)))
        });
        let parsed = said.and_then(|text| {
            // It has no such settings.
            if is_sudo_rs(&text) {
                let mut sudo = Self::default();
                sudo.ask_sudo_rs(program, &program::people(), report);
                return Ok(sudo);
            }
            let why = if nix::unistd::geteuid().is_root() {
                "it does not tell its PAM services"
            } else {
                "run this as root"
            };
            let mut sudo = Self::parse(&text).ok_or(why)?;
            sudo.read_sudoers(report);
            Ok(sudo)
        });
        match parsed {
            Ok(sudo) => {
                report.checked(Area::Host, WHAT);
                sudo
            }
            Err(why) => {
                report.skipped(Area::Host, WHAT, why);
                Self::default()
            }
        }
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
            askpass_service: line("PAM service name to use when sudo is run with the -A option: ")
                .map(str::to_owned),
            remembers: Remembers {
                minutes: line("Authentication timestamp timeout: ").and_then(minutes),
                everywhere: line("Type of authentication timestamp record: global").is_some(),
            },
            authenticates: line("Require users to authenticate by default").is_some(),
            // Before this setting came, sudo showed prompts only.
            shows_information: line("Do not allow PAM authentication modules to generate output")
                .is_none()
                && line("Sudo version ").is_some_and(has_pam_silent),
            replaces_prompts: line("If set, passprompt will override system prompt in all cases")
                .is_some(),
            waits: line("Password prompt timeout: ").and_then(duration),
            asks_other: PROMPTS_OF_OTHERS
                .into_iter()
                .any(|start| line(start).is_some()),
            exempt_group: line(
                "Users in this group are exempt from password and PATH requirements: ",
            )
            .map(str::to_owned),
            path: line("Sudoers path: ").unwrap_or(SUDOERS).to_owned(),
            some: Vec::new(),
            rules: Rules::default(),
        })
    }

    /// The PAM services that sudo asks.
    pub fn services(&self) -> BTreeSet<String> {
        let some = self.some.iter().flat_map(|some| &some.services);
        let all = [&self.service, &self.login_service].into_iter();
        let all = all.chain(&self.askpass_service).chain(some);
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
        let askpass = self.askpass_service.as_ref();
        for (name, setting) in [
            (&self.service, "pam_service"),
            (&self.login_service, "pam_login_service"),
        ]
        .into_iter()
        .chain(askpass.map(|name| (name, "pam_askpass_service")))
        {
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
        self.asks_nothing(&mut add);
        self.remembers.in_words("", &mut add);
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
            some.remembers.in_words(&format!("For {who}: "), &mut add);
            if some.asks_other {
                add(Finding::new(
                    Warning,
                    "sudo-asks-other-user",
                    format!("For {who}, sudo asks for the password and the phone of another user"),
                    "sudoers sets targetpw, rootpw or runaspw in Defaults for some users, hosts or commands.",
                    "Remove these settings from the Defaults in sudoers.",
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

    /// Reports users whom sudo asks for nothing, and those who are asked for the phone of another.
    fn asks_nothing(&self, add: &mut impl FnMut(Finding)) {
        if !self.authenticates {
            add(Finding::new(
                Warning,
                "sudo-asks-nothing",
                "sudo asks for neither password nor phone: sudoers has !authenticate",
                "Users with a rule in sudoers become root without PAM's auth lines.",
                "Remove !authenticate from the Defaults in sudoers.",
            ));
        }
        if let Some(group) = &self.exempt_group {
            add(Finding::new(
                Warning,
                "sudo-asks-nothing",
                format!(
                    "sudo asks members of the group {} for neither password nor phone",
                    for_log(group)
                ),
                "sudoers sets exempt_group.",
                "Remove exempt_group from the Defaults in sudoers.",
            ));
        }
        if self.asks_other {
            add(Finding::new(
                Warning,
                "sudo-asks-other-user",
                "sudo asks for the password and the phone of another user",
                "sudoers sets targetpw, rootpw or runaspw. PAM then gets the target's name, so the target's phone rings.",
                "Remove targetpw, rootpw and runaspw from the Defaults in sudoers.",
            ));
        }
        for (users, severity, commands) in [
            (&self.rules.all, Warning, "all commands"),
            (&self.rules.some, Note, "some commands"),
        ] {
            if users.is_empty() {
                continue;
            }
            let names: Vec<_> = users.iter().map(|user| for_log(user)).collect();
            add(Finding::new(
                severity,
                "sudo-asks-nothing",
                format!(
                    "For {commands}, sudo asks for neither password nor phone: {}",
                    names.join(", ")
                ),
                "Their rules in sudoers have NOPASSWD.",
                "If that is not intended, remove NOPASSWD from these rules.",
            ));
        }
    }

    /// Reports that sudo does not show the prompt for the code as it is, or not for long enough.
    pub fn prompts(&self, config: &Config, report: &mut Report) {
        let types = config.conversation.code == Code::Type;
        if !types || !matches!(config.mode, Mode::Push(_)) {
            return;
        }
        if self.replaces_prompts {
            let finding = Finding::new(
                Warning,
                "sudo-replaces-prompt",
                "sudo shows its own prompt in place of the one for the code",
                "sudoers sets passprompt_override. Users see the prompt for the password twice, and a \
                 password in place of the code is a wrong code.",
                "Remove passprompt_override from sudoers.",
            );
            report.add(Area::Host, finding);
        }
        let wait = &config.wait;
        let needed = wait.connect_seconds.saturating_add(wait.login_seconds);
        if let Some(waits) = self.waits.filter(|waits| *waits < needed) {
            let finding = Finding::new(
                Warning,
                "sudo-timeout",
                format!("sudo closes a prompt after {} s", waits.as_secs()),
                format!(
                    "sudoers sets passwd_timeout. connect_seconds and login_seconds are {} s together.",
                    needed.as_secs()
                ),
                "Raise passwd_timeout in sudoers, or lower login_seconds.",
            );
            report.add(Area::Host, finding);
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

impl Remembers {
    /// Reports logins that count for long, or on other terminals.
    fn in_words(&self, who: &str, add: &mut impl FnMut(Finding)) {
        /// Distributions have 5 or 15.
        const LONG: i64 = 60;
        const ADVICE: &str = "If that is not intended, remove the setting from sudoers.";
        let neither = "sudo asks for neither password nor phone";
        match self.minutes {
            Some(0) => return,
            Some(..0) => add(Finding::new(
                Warning,
                "sudo-remembers",
                format!("{who}After a first login, {neither} until the next start of this host"),
                "sudoers sets timestamp_timeout below 0.",
                ADVICE,
            )),
            Some(minutes) if minutes > LONG => add(Finding::new(
                Note,
                "sudo-remembers",
                format!("{who}After a login, {neither} for {minutes} minutes"),
                "sudoers sets timestamp_timeout.",
                ADVICE,
            )),
            _ => {}
        }
        if self.everywhere {
            add(Finding::new(
                Note,
                "sudo-remembers",
                format!(
                    "{who}After a login on one terminal, {neither} on the user's other terminals"
                ),
                "sudoers sets timestamp_type=global or !tty_tickets. Each program of the user can \
                 then become root.",
                ADVICE,
            ));
        }
    }
}

/// The whole minutes in `15.0 minutes`. Less than one counts as one.
fn minutes(text: &str) -> Option<i64> {
    let number = text.split_whitespace().next()?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: i64 = whole.parse().ok()?;
    let is_small = whole == 0 && part.contains(|digit| digit != '0');
    Some(if is_small { 1 } else { whole })
}

/// The time in `2.5 minutes`. `None` for no limit.
fn duration(text: &str) -> Option<Duration> {
    let number = text.split_whitespace().next()?;
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    let (whole, tenths): (u64, u64) = (whole.parse().ok()?, tenths.parse().ok()?);
    let seconds = whole.checked_mul(60)?.checked_add(tenths.checked_mul(6)?)?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Whether this version of sudo has the setting `pam_silent`: from 1.9.16 on.
fn has_pam_silent(version: &str) -> bool {
    let mut numbers = version.split(|sign: char| !sign.is_ascii_digit());
    let mut number = || numbers.next().and_then(|word| word.parse::<u32>().ok());
    let version = (number(), number(), number());
    version >= (Some(1), Some(9), Some(16))
}

fn is_sudo_rs(text: &str) -> bool {
    text.starts_with("sudo-rs")
}

impl Sudo {
    /// Asks sudo-rs for the rules of these users.
    fn ask_sudo_rs(&mut self, program: &Path, users: &[String], report: &mut Report) {
        const WHAT: &str = "sudo-rs's rules (sudo-rs -l)";
        for user in users {
            let said = program::ask(program, &["-l", "-U", user]);
            let said = said.and_then(|said| {
                // It says so of root if the user has no rules.
                let has_none = said.err.contains("is not allowed to execute 'list'");
                if said.out.starts_with("User ") || has_none {
                    return Ok(said.out);
                }
                Err(for_log(said.err.trim()))
            });
            let out = match said {
                Ok(out) => out,
                Err(why) => {
                    report.skipped(Area::Host, WHAT, format!("{}: {why}", for_log(user)));
                    return;
                }
            };
            for rule in out.split("NOPASSWD:").skip(1) {
                // The rest of the rule, and of the line, asks for a password.
                let rule = rule.lines().next().unwrap_or_default();
                let commands = rule.split("PASSWD:").next().unwrap_or_default();
                let mut commands = commands.split(',').map(str::trim);
                let to = if commands.any(|command| command == "ALL") {
                    &mut self.rules.all
                } else {
                    &mut self.rules.some
                };
                to.insert(format!("username {user}"));
            }
        }
        let Rules { all, some } = &mut self.rules;
        some.retain(|user| !all.contains(user));
        report.checked(Area::Host, WHAT);
    }

    /// Asks cvtsudoers, which reads the files of sudoers as sudo does.
    fn read_sudoers(&mut self, report: &mut Report) {
        const WHAT: &str = "sudo's settings for some users (cvtsudoers)";
        let asked = program::find(&CVTSUDOERS)
            .ok_or_else(|| "cvtsudoers is not installed".to_owned())
            .and_then(|program| program::ask(&program, &["-e", "-f", "json", &self.path]))
            .and_then(|said| {
                // It says nothing of files without rules.
                let is_empty = said.well && said.out.trim().is_empty();
                let text = if is_empty { "{}" } else { &*said.out };
                let document: Option<Value> = serde_json::from_str(text).ok();
                document.ok_or_else(|| {
                    let why = said.err.lines().next().unwrap_or("no answer").to_owned();
                    format!("it says: {}", for_log(&why))
                })
            });
        match asked {
            Ok(document) => {
                report.checked(Area::Host, WHAT);
                self.some = read_defaults(&document);
                self.rules = read_rules(&document);
                let sources = std::fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
                if let Some(others) = other_sources(&sources) {
                    let why = "cvtsudoers reads files only";
                    report.skipped(Area::Host, format!("sudo's rules in {others}"), why);
                }
            }
            Err(why) => report.skipped(Area::Host, WHAT, why),
        }
    }
}

/// The sources of sudo's rules besides files, as nsswitch.conf names them.
fn other_sources(nsswitch: &str) -> Option<String> {
    let mut lines = nsswitch.lines();
    let sources = lines.find_map(|line| line.trim().strip_prefix("sudoers:"))?;
    let sources = sources.split('#').next().unwrap_or_default();
    let words = sources.split_whitespace();
    let others: Vec<&str> = words
        .filter(|word| *word != "files" && !word.starts_with('['))
        .collect();
    (!others.is_empty()).then(|| for_log(&others.join(" ")))
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    let list = value.get(key).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// The value of an option. The last one counts.
fn option<'v>(options: &[&'v Value], key: &str) -> Option<&'v Value> {
    options.iter().rev().find_map(|option| option.get(key))
}

/// The names in a list of users, hosts or commands, each with its kind. Negated names are left out.
fn names(list: &[Value]) -> Vec<String> {
    list.iter()
        .filter(|item| item.get("negated") != Some(&Value::Bool(true)))
        .filter_map(Value::as_object)
        .flatten()
        .filter(|(kind, _)| *kind != "negated")
        .map(|(kind, name)| match name {
            Value::String(name) => format!("{kind} {name}"),
            other => format!("{kind} {other}"),
        })
        .collect()
}

/// The `Defaults` with a binding that decide about PAM.
fn read_defaults(document: &Value) -> Vec<ForSome> {
    let mut bound: Vec<(&[Value], Vec<&Value>)> = Vec::new();
    for entry in list(document, "Defaults") {
        let (binding, options) = (list(entry, "Binding"), list(entry, "Options"));
        if binding.is_empty() {
            continue;
        }
        match bound.iter_mut().find(|(known, _)| *known == binding) {
            Some((_, known)) => known.extend(options),
            None => bound.push((binding, options.iter().collect())),
        }
    }
    let mut all = Vec::new();
    for (binding, options) in bound {
        let is = |key: &str, value: bool| option(&options, key) == Some(&Value::Bool(value));
        let text = |key: &str| option(&options, key).and_then(Value::as_str);
        let services: Vec<String> = ["pam_service", "pam_login_service", "pam_askpass_service"]
            .iter()
            .filter_map(|key| text(key))
            .map(str::to_owned)
            .collect();
        let mut others = ["targetpw", "rootpw", "runaspw"].into_iter();
        all.push(ForSome {
            who: names(binding).join(", "),
            services,
            authenticates: !is("authenticate", false),
            asks_other: others.any(|key| is(key, true)),
            remembers: Remembers {
                minutes: text("timestamp_timeout").and_then(minutes),
                everywhere: text("timestamp_type") == Some("global") || is("tty_tickets", false),
            },
        });
    }
    all
}

/// The users of rules with `NOPASSWD`. sudo never asks root.
fn read_rules(document: &Value) -> Rules {
    let mut rules = Rules::default();
    for entry in list(document, "User_Specs") {
        let mut users = names(list(entry, "User_List"));
        users.retain(|user| user != "username root" && user != "userid 0");
        for commands in list(entry, "Cmnd_Specs") {
            let options: Vec<_> = list(commands, "Options").iter().collect();
            if option(&options, "authenticate") != Some(&Value::Bool(false)) {
                continue;
            }
            let commands = names(list(commands, "Commands"));
            let to = if commands.iter().any(|command| command == "command ALL") {
                &mut rules.all
            } else {
                &mut rules.some
            };
            to.extend(users.iter().cloned());
        }
    }
    rules.some.retain(|user| !rules.all.contains(user));
    rules
}

#[cfg(test)]
mod tests {
    use super::super::test_host;
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
        let sudo = Sudo::parse(&text("1.9.13", "")).unwrap();
        assert_eq!((&*sudo.path, sudo.exempt_group), ("/etc/sudoers", None));
        let more = "Sudoers path: /etc/sudoers2\n\
            Users in this group are exempt from password and PATH requirements: admins\n";
        let sudo = Sudo::parse(&text("1.9.13", more)).unwrap();
        assert_eq!(sudo.path, "/etc/sudoers2");
        assert_eq!(sudo.exempt_group.as_deref(), Some("admins"));
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
                ("command /bin/ls", String::new(), false),
                ("hostname door", String::new(), true)
            ]
        );
    }

    /// The findings about sudo on a host whose stack of sudo asks for the phone.
    fn found(sudo: &Sudo) -> Vec<String> {
        let stack = "auth required pam_unix.so\nauth required pam_logonbox.so\n";
        let (_dir, root) = test_host::host(&[("pam.d/sudo", stack), ("pam.d/sudo-i", stack)]);
        let mut report = Report::default();
        sudo.check(&test_host::services(&root), &mut report);
        let found = report.findings.iter();
        found
            .map(|(_, finding)| format!("{} {}", finding.severity.word(), finding.what))
            .collect()
    }

    #[test]
    fn settings_that_ask_others_or_nothing() {
        let text = |more: &str| {
            let text = format!(
                "Sudo version 1.9.13p3\nPAM service name to use: sudo\n\
                 PAM service name to use for login shells: sudo-i\n\
                 Require users to authenticate by default\n{more}\n"
            );
            found(&Sudo::parse(&text).unwrap())
        };
        assert_eq!(text(""), [""; 0]);
        assert_eq!(
            text("Users in this group are exempt from password and PATH requirements: admins"),
            ["warning sudo asks members of the group admins for neither password nor phone"]
        );
        for setting in [
            "Prompt for the target user's password, not the users's",
            "Prompt for root's password, not the users's",
            "Prompt for the runas_default user's password, not the users's",
        ] {
            assert_eq!(
                text(setting),
                ["warning sudo asks for the password and the phone of another user"]
            );
        }
    }

    #[test]
    fn logins_that_count_for_long() {
        let text = |more: &str| {
            let text = format!(
                "Sudo version 1.9.13p3\nPAM service name to use: sudo\n\
                 PAM service name to use for login shells: sudo-i\n\
                 Require users to authenticate by default\n{more}\n"
            );
            found(&Sudo::parse(&text).unwrap())
        };
        let timeout = |minutes: &str| {
            text(&format!(
                "Authentication timestamp timeout: {minutes} minutes"
            ))
        };
        let tty = "Type of authentication timestamp record: tty";
        for stock in ["5.0", "15.0", "0.0", "0.5", "60.0"] {
            assert_eq!(timeout(stock), [""; 0], "{stock}");
        }
        assert_eq!(text(tty), [""; 0]);
        assert_eq!(
            timeout("-1.0"),
            [
                "warning After a first login, sudo asks for neither password nor phone until the next \
                 start of this host"
            ]
        );
        assert_eq!(
            timeout("90.0"),
            ["note After a login, sudo asks for neither password nor phone for 90 minutes"]
        );
        let global = tty.replace("tty", "global");
        let on_others = "note After a login on one terminal, sudo asks for neither password nor phone \
                         on the user's other terminals";
        assert_eq!(text(&global), [on_others]);
        // It remembers no login.
        let never = format!("Authentication timestamp timeout: 0.0 minutes\n{global}");
        assert_eq!(text(&never), [""; 0]);
        // The service of sudo -A.
        let askpass = "PAM service name to use when sudo is run with the -A option: ";
        assert_eq!(text(&format!("{askpass}sudo")), [""; 0]);
        assert_eq!(
            text(&format!("{askpass}x")),
            ["error sudo asks the PAM service x, which does not ask for the phone"]
        );
    }

    #[test]
    fn settings_for_some_that_ask_others_or_remember() {
        let with = |options: &str| {
            let document = format!(
                r#"{{"Defaults": [{{"Binding": [{{"username": "lee"}}], "Options": [{options}]}}]}}"#
            );
            found(&Sudo {
                some: read_defaults(&serde_json::from_str(&document).unwrap()),
                ..Sudo::default()
            })
        };
        let other =
            "warning For username lee, sudo asks for the password and the phone of another user";
        for key in ["targetpw", "rootpw", "runaspw"] {
            assert_eq!(with(&format!(r#"{{"{key}": true}}"#)), [other], "{key}");
            assert_eq!(with(&format!(r#"{{"{key}": false}}"#)), [""; 0], "{key}");
        }
        let until = "warning For username lee: After a first login, sudo asks for neither password nor \
                     phone until the next start of this host";
        assert_eq!(with(r#"{"timestamp_timeout": "-1"}"#), [until]);
        let everywhere = "note For username lee: After a login on one terminal, sudo asks for neither \
                          password nor phone on the user's other terminals";
        assert_eq!(with(r#"{"timestamp_type": "global"}"#), [everywhere]);
        assert_eq!(with(r#"{"tty_tickets": false}"#), [everywhere]);
    }

    #[test]
    fn rules_that_are_not_in_files() {
        for (text, expected) in [
            ("", None),
            ("passwd: files sss\n", None),
            ("sudoers: files\n", None),
            ("sudoers:  files [SUCCESS=return] sss # x\n", Some("sss")),
            ("#sudoers: ldap\nsudoers: ldap\n", Some("ldap")),
        ] {
            assert_eq!(other_sources(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn rules_without_a_password() {
        let rule = |users: &str, authenticate: bool, command: &str| {
            format!(
                r#"{{"User_List": [{users}], "Host_List": [{{"hostname": "ALL"}}], "Cmnd_Specs": [
                    {{"Options": [{{"authenticate": {authenticate}}}], "Commands": [{{"command": "{command}"}}]}}
                ]}}"#
            )
        };
        let rules = [
            rule(r#"{"username": "root"}"#, false, "ALL"),
            rule(r#"{"usergroup": "sudo"}"#, true, "ALL"),
            rule(
                r#"{"username": "lee"}, {"username": "pat", "negated": true}"#,
                false,
                "ALL",
            ),
            rule(
                r#"{"username": "lee"}, {"useralias": "OPS"}, {"userid": 7}"#,
                false,
                "/bin/ls",
            ),
        ];
        let document = format!("{{\"User_Specs\": [{}]}}", rules.join(","));
        let sudo = Sudo {
            rules: read_rules(&serde_json::from_str(&document).unwrap()),
            ..Sudo::default()
        };
        assert_eq!(
            found(&sudo),
            [
                "warning For all commands, sudo asks for neither password nor phone: username lee",
                "note For some commands, sudo asks for neither password nor phone: useralias OPS, \
                 userid 7",
            ]
        );
    }

    #[test]
    fn the_last_setting_for_a_user_counts() {
        let document = r#"{"Defaults": [
            {"Binding": [{"username": "lee"}], "Options": [{"pam_service": "login"}, {"authenticate": false}]},
            {"Binding": [{"username": "lee"}], "Options": [{"pam_service": "x"}, {"pam_service": "sudo"}, {"authenticate": true}]}
        ]}"#;
        let sudo = Sudo {
            some: read_defaults(&serde_json::from_str(document).unwrap()),
            ..Sudo::default()
        };
        assert_eq!(found(&sudo), [""; 0]);
        assert_eq!(sudo.some.first().unwrap().services, ["sudo"]);
    }

    #[test]
    fn sudo_rs_tells_the_rules_of_each_user() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("sudo-rs");
        let script = r#"#!/bin/sh
            case $3 in
            lee) echo "User lee may run the following commands on door:
                (ALL : ALL) ALL
                (ALL) NOPASSWD: /bin/ls, PASSWD: ALL
                (root) NOPASSWD: /bin/cat, ALL" ;;
            kim) echo "User kim may run the following commands on door:
                (ALL) NOPASSWD: /bin/ls, PASSWD: /bin/cat, ALL" ;;
            ann) echo "sudo-rs: Sorry, user root is not allowed to execute 'list' as ann on door." >&2
                exit 1 ;;
            *) echo "no such user" >&2; exit 1 ;;
            esac"#;
        std::fs::write(&program, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let ask = |users: &[&str]| {
            let mut report = Report::default();
            let mut sudo = Sudo::default();
            let users: Vec<_> = users.iter().map(|&user| user.to_owned()).collect();
            sudo.ask_sudo_rs(&program, &users, &mut report);
            (found(&sudo), report.has_gaps())
        };
        let nothing = "sudo asks for neither password nor phone";
        assert_eq!(
            ask(&["lee", "kim", "ann"]),
            (
                vec![
                    format!("warning For all commands, {nothing}: username lee"),
                    format!("note For some commands, {nothing}: username kim"),
                ],
                false
            )
        );
        assert_eq!(ask(&["ann", "pat"]), (Vec::new(), true));
    }

    #[test]
    fn prompts_that_are_replaced_or_closed() {
        let found = |settings: &str, conversation: &str| {
            let text = format!(
                "Sudo version 1.9.13p3\nPAM service name to use: sudo\n\
                 PAM service name to use for login shells: sudo-i\n{settings}\n"
            );
            let sudo = Sudo::parse(&text).unwrap();
            let text = format!("[logonbox]\ntenant = \"acme\"\n[conversation]\n{conversation}\n");
            let config = Config::parse(Path::new("/x"), &text, "sudo").unwrap();
            let mut report = Report::default();
            sudo.prompts(&config, &mut report);
            let found = report.findings.into_iter();
            found.map(|(_, finding)| finding.id).collect::<Vec<_>>()
        };
        let replaces = "If set, passprompt will override system prompt in all cases.";
        let waits = |minutes: &str| format!("Password prompt timeout: {minutes} minutes");
        assert_eq!(found(replaces, ""), ["sudo-replaces-prompt"]);
        for (minutes, expected) in [
            ("0.0", &[][..]),
            ("5.0", &[]),
            ("1.0", &[]),
            ("0.9", &[]),
            ("0.8", &["sudo-timeout"]),
        ] {
            assert_eq!(found(&waits(minutes), ""), expected, "{minutes}");
        }
        // The prompt asks for no code.
        let all = format!("{replaces}\n{}", waits("0.1"));
        assert_eq!(found(&all, "code = \"show\""), [""; 0]);
    }

    #[test]
    fn sudo_rs_says_its_version_as_an_error() {
        let dir = tempfile::tempdir().unwrap();
        for (script, is_known) in [
            ("[ $1 = -V ] && echo sudo-rs 0.2.5 >&2 || echo User x", true),
            ("[ $1 = -V ] && echo sudo-rs 0.2.5 || echo User x", true),
            ("echo other >&2", false),
        ] {
            let program = dir.path().join("sudo");
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&program, mode).unwrap();
            let mut report = Report::default();
            assert_eq!(Sudo::of(&program, &mut report), Sudo::default());
            assert_eq!(!report.has_gaps(), is_known, "{script}");
        }
    }
}
