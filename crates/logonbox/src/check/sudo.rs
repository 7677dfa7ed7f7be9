//! Which PAM services sudo asks, and whether it asks at all: `sudo -V` and cvtsudoers(1) tell.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use login::clean::for_log;
use login::config::{Announce, Code, Config, Mode};
use login::system::System;
use serde_json::{Value, json};

use super::files::{ReadError, Root};
use super::finding::Severity::{Error, Note, Warning};
use super::finding::{Area, Finding, Report};
use super::pam_files::Place;
use super::program;
use super::services::{Service, Services};
use crate::setup::THIS_MACHINE;

/// A host may have several, for example sudo.ws and sudo-rs of Ubuntu.
const SUDO: [&str; 5] = [
    "/usr/bin/sudo",
    "/usr/bin/sudo.ws",
    "/usr/bin/sudo-rs",
    "/usr/local/bin/sudo",
    "/usr/local/bin/sudo-rs",
];
const SUDOERS: &str = "/etc/sudoers";
const NSSWITCH: &str = "/etc/nsswitch.conf";
/// `targetpw`, `rootpw` and `runaspw`.
const PROMPTS_OF_OTHERS: [&str; 3] = [
    "Prompt for the target user's password",
    "Prompt for root's password",
    "Prompt for the runas_default user's password",
];
/// sudo-rs reads this file if it exists, and that of sudo otherwise.
const SUDOERS_RS: &str = "/etc/sudoers-rs";
/// The settings of sudo-rs that decide about PAM. It ignores the others (seen with 0.2.5 and 0.2.15).
const OF_SUDO_RS: [&str; 4] = ["passwd_timeout", "rootpw", "targetpw", "timestamp_timeout"];
/// Ubuntu adds an ending to the names of sudo's programs.
const CVTSUDOERS: [&str; 3] = [
    "/usr/bin/cvtsudoers",
    "/usr/bin/cvtsudoers.ws",
    "/usr/local/bin/cvtsudoers",
];

/// sudo's effective settings.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "settings of sudo")]
pub struct Sudo {
    /// It is sudo-rs.
    is_rs: bool,
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
    /// It compares the hosts of rules with the name that DNS has for this host.
    asks_dns: bool,
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
    /// The settings of a sudo that cannot be asked.
    fn default() -> Self {
        Self {
            is_rs: false,
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
            asks_dns: false,
            some: Vec::new(),
            rules: Rules::default(),
        }
    }
}

impl Sudo {
    /// Asks each sudo of this host. Only root gets an answer.
    pub fn ask(root: &Root, report: &mut Report) -> Vec<Self> {
        let mut programs: Vec<PathBuf> = Vec::new();
        for path in SUDO {
            let real = program::find(&[path]).and_then(|path| path.canonicalize().ok());
            programs.extend(real.filter(|real| !programs.contains(real)));
        }
        let sudos = programs
            .iter()
            .map(|program| Self::of(program, root, report));
        sudos.collect()
    }

    fn of(program: &Path, root: &Root, report: &mut Report) -> Self {
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
            // It does not tell its settings.
            if is_sudo_rs(&text) {
                return Ok(Self::rs(root));
            }
            let why = if nix::unistd::geteuid().is_root() {
                "it does not tell its PAM services"
            } else {
                "run this as root"
            };
            Self::parse(&text).ok_or_else(|| why.to_owned())
        });
        match parsed {
            Ok(mut sudo) => {
                if !sudo.is_rs {
                    report.checked(Area::Host, WHAT);
                }
                sudo.read_sudoers(root, report);
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
            is_rs: false,
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
            asks_dns: line("Require fully-qualified hostnames").is_some(),
            some: Vec::new(),
            rules: Rules::default(),
        })
    }

    fn rs(root: &Root) -> Self {
        let has_own = root.metadata(Path::new(SUDOERS_RS)).is_some();
        Self {
            is_rs: true,
            path: if has_own { SUDOERS_RS } else { SUDOERS }.to_owned(),
            ..Self::default()
        }
    }

    /// The PAM services that sudo asks.
    pub fn services(&self) -> BTreeSet<String> {
        let some = self.some.iter().flat_map(|some| &some.services);
        let all = [&self.service, &self.login_service].into_iter();
        let all = all.chain(&self.askpass_service).chain(some);
        all.map(|name| name.to_lowercase()).collect()
    }

    /// The services of `sudo` and `sudo -i`, in lower case as libpam has them, and the command of the
    /// second one.
    pub fn pair(&self) -> (String, String, &'static str) {
        let [one, other] = [&self.service, &self.login_service].map(|name| name.to_lowercase());
        (one, other, "sudo -i")
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
            (&self.rules.some, Note, "some commands or target users"),
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

    /// Reports an announcement that sudo does not show. `services` are those of this sudo, with the
    /// line of the module.
    pub fn shows_code(&self, services: &[(Place, &Config)], report: &mut Report) {
        let announces = |config: &Config| {
            let conversation = config.conversation;
            matches!(config.mode, Mode::Push(_))
                && conversation.code == Code::Show
                && conversation.announce == Announce::Info
        };
        let mut services = services.iter();
        let Some((line, _)) = services
            .find(|(_, config)| announces(config))
            .filter(|_| !self.shows_information)
        else {
            return;
        };
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
    let minutes: f64 = text.split_whitespace().next()?.parse().ok()?;
    let waits = Duration::try_from_secs_f64(minutes * 60.0).ok()?;
    (!waits.is_zero()).then_some(waits)
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
    /// Asks cvtsudoers, which reads the files of sudoers as sudo does. It reads all that sudo-rs reads
    /// (seen with 0.2.5 and 0.2.15).
    fn read_sudoers(&mut self, root: &Root, report: &mut Report) {
        let what = if self.is_rs {
            "sudo-rs's settings and rules (cvtsudoers)"
        } else {
            "sudo's settings for some users (cvtsudoers)"
        };
        let documents = self.documents();
        let (here, all) = match documents {
            Ok(documents) => documents,
            Err(why) => return report.skipped(Area::Host, what, why),
        };
        report.checked(Area::Host, what);
        self.take(&here);
        if self.has_rules_by_address(&all) {
            let why = "cvtsudoers does not tell whether they hold on this host";
            report.skipped(Area::Host, "sudo's rules for network addresses", why);
        }
        if !self.is_rs {
            other_rules(root, report);
        }
    }

    /// The settings and rules for this host, and those for all hosts.
    fn documents(&self) -> Result<(Value, Value), String> {
        let program = program::find(&CVTSUDOERS)
            .ok_or("cvtsudoers is not installed: install the package sudo, also beside sudo-rs")?;
        let read = |filter: &[&str]| -> Result<Value, String> {
            // Without a configuration of its own.
            let mut arguments = vec!["-c", "/dev/null", "-e", "-f", "json"];
            arguments.extend(filter);
            arguments.push(&self.path);
            let said = program::ask(&program, &arguments)?;
            // It says nothing of files without rules.
            let is_empty = said.well && said.out.trim().is_empty();
            let text = if is_empty { "{}" } else { &*said.out };
            serde_json::from_str(text).map_err(|_| {
                let why = said.err.lines().next().unwrap_or("no answer");
                format!("it says: {}", for_log(why))
            })
        };
        let host = format!("host={}", self.host());
        Ok((read(&["-m", &host])?, read(&[])?))
    }

    /// The name of this host that sudo compares with those in rules.
    fn host(&self) -> String {
        let own = THIS_MACHINE.hostname();
        if !self.asks_dns {
            return own;
        }
        let program = program::find(&["/usr/bin/hostname", "/bin/hostname"]);
        let said = program.and_then(|program| program::ask(&program, &["--fqdn"]).ok());
        let name = said.filter(|said| said.well);
        let name = name.map(|said| said.out.trim().to_owned());
        // So does sudo.
        name.filter(|name| !name.is_empty()).unwrap_or(own)
    }

    /// Whether there are settings or rules for the addresses of some hosts. The filter drops them.
    fn has_rules_by_address(&self, all: &Value) -> bool {
        let is_by_address = |entry: &&Value| {
            let hosts = list(entry, "Host_List").iter();
            let mut hosts = hosts.chain(list(entry, "Binding"));
            hosts.any(|host| host.get("networkaddr").is_some())
        };
        let only = |key: &str| {
            list(all, key)
                .iter()
                .filter(is_by_address)
                .collect::<Vec<_>>()
        };
        let mut others = Self {
            is_rs: self.is_rs,
            ..Self::default()
        };
        others.take(&json!({
            "Defaults": only("Defaults"),
            "User_Specs": only("User_Specs"),
        }));
        others.some.iter().any(ForSome::matters) || others.rules != Rules::default()
    }

    /// Takes the `Defaults` that decide about PAM, and the users of rules with `NOPASSWD`.
    fn take(&mut self, document: &Value) {
        for (binding, options) in defaults(document) {
            let has_effect = |option: &&Value| {
                let mut known = OF_SUDO_RS.iter();
                !self.is_rs || known.any(|key| option.get(key).is_some())
            };
            let options: Vec<&Value> = options.into_iter().filter(has_effect).collect();
            let some = ForSome::read(binding, &options);
            if !binding.is_empty() {
                self.some.push(some);
            } else if self.is_rs {
                // Another sudo tells these itself.
                self.asks_other = some.asks_other;
                self.remembers = some.remembers;
                let waits = option(&options, "passwd_timeout").and_then(Value::as_str);
                self.waits = waits.and_then(duration);
            }
        }
        self.rules = read_rules(document);
    }
}

/// Reports rules that are not in files.
fn other_rules(root: &Root, report: &mut Report) {
    let (sources, why) = match root.read(Path::new(NSSWITCH)) {
        Ok(text) => (
            other_sources(&text),
            "cvtsudoers reads files only".to_owned(),
        ),
        Err(ReadError::Missing) => return,
        Err(ReadError::Other(error)) => (
            Some("directories".to_owned()),
            format!("{NSSWITCH} {error}"),
        ),
    };
    if let Some(sources) = sources {
        report.skipped(Area::Host, format!("sudo's rules in {sources}"), why);
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

/// The `Defaults`, by the users, hosts or commands to which they are bound.
fn defaults(document: &Value) -> Vec<(&[Value], Vec<&Value>)> {
    let mut all: Vec<(&[Value], Vec<&Value>)> = Vec::new();
    for entry in list(document, "Defaults") {
        let (binding, options) = (list(entry, "Binding"), list(entry, "Options"));
        match all.iter_mut().find(|(known, _)| *known == binding) {
            Some((_, known)) => known.extend(options),
            None => all.push((binding, options.iter().collect())),
        }
    }
    all
}

impl ForSome {
    /// Whether these settings decide about PAM.
    fn matters(&self) -> bool {
        !self.services.is_empty()
            || !self.authenticates
            || self.asks_other
            || self.remembers != Remembers::default()
    }

    fn read(binding: &[Value], options: &[&Value]) -> Self {
        let is = |key: &str, value: bool| option(options, key) == Some(&Value::Bool(value));
        let text = |key: &str| option(options, key).and_then(Value::as_str);
        let services: Vec<String> = ["pam_service", "pam_login_service", "pam_askpass_service"]
            .iter()
            .filter_map(|key| text(key))
            .map(str::to_owned)
            .collect();
        let mut others = ["targetpw", "rootpw", "runaspw"].into_iter();
        Self {
            who: names(binding).join(", "),
            services,
            authenticates: !is("authenticate", false),
            asks_other: others.any(|key| is(key, true)),
            remembers: Remembers {
                minutes: text("timestamp_timeout").and_then(minutes),
                everywhere: text("timestamp_type") == Some("global") || is("tty_tickets", false),
            },
        }
    }
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
            let as_root = is_for_root(commands);
            let commands = names(list(commands, "Commands"));
            let to = if as_root && commands.iter().any(|command| command == "command ALL") {
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

/// Whether a rule lets its users become root. The last name that matches decides. Rules without names
/// are for root. Rules with groups alone keep the user.
fn is_for_root(rule: &Value) -> bool {
    let users = list(rule, "runasusers");
    let names_root = |user: &&Value| {
        let name = user.get("username").and_then(Value::as_str);
        matches!(name, Some("ALL" | "root")) || user.get("userid") == Some(&json!(0))
    };
    let last = users.iter().rev().find(names_root);
    let names_none = users.is_empty() && list(rule, "runasgroups").is_empty();
    last.map_or(names_none, |user| {
        user.get("negated") != Some(&Value::Bool(true))
    })
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
        let sudo = with(document);
        let told: Vec<_> = sudo
            .some
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

    /// sudo with these sudoers, as cvtsudoers shows them.
    fn with(document: &str) -> Sudo {
        let mut sudo = Sudo::default();
        sudo.take(&serde_json::from_str(document).unwrap());
        sudo
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
            found(&with(&format!(
                r#"{{"Defaults": [{{"Binding": [{{"username": "lee"}}], "Options": [{options}]}}]}}"#
            )))
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
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        let mut report = Report::default();
        other_rules(&root, &mut report);
        assert!(!report.has_gaps());
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        let path = root.path(Path::new(NSSWITCH));
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        other_rules(&root, &mut report);
        assert!(report.has_gaps());
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
        let sudo = with(&document);
        assert_eq!(
            found(&sudo),
            [
                "warning For all commands, sudo asks for neither password nor phone: username lee",
                "note For some commands or target users, sudo asks for neither password nor phone: useralias OPS, \
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
        let sudo = with(document);
        assert_eq!(found(&sudo), [""; 0]);
        assert_eq!(sudo.some.first().unwrap().services, ["sudo"]);
    }

    #[test]
    fn rules_for_other_targets_than_root() {
        for (targets, becomes_root) in [
            ("", true),
            (r#"{"username": "root"}"#, true),
            (r#"{"username": "ALL"}"#, true),
            (r#"{"userid": 0}"#, true),
            (r#"{"username": "www-data"}, {"username": "ALL"}"#, true),
            (
                r#"{"username": "root", "negated": true}, {"username": "ALL"}"#,
                true,
            ),
            (
                r#"{"username": "ALL"}, {"username": "root", "negated": true}"#,
                false,
            ),
            (r#"{"username": "www-data"}"#, false),
            (r#"{"usergroup": "wheel"}"#, false),
            // `(:ops)` in 1.9.16, and in 1.9.5.
            (r#"{"username": ""}"#, false),
            (r#"], "runasgroups": [{"usergroup": "ops"}"#, false),
        ] {
            let rule = format!(
                r#"{{"User_Specs": [{{"User_List": [{{"username": "lee"}}], "Cmnd_Specs": [
                    {{"runasusers": [{targets}], "Options": [{{"authenticate": false}}],
                      "Commands": [{{"command": "ALL"}}]}}]}}]}}"#
            );
            let finding = if becomes_root {
                "warning For all commands, sudo asks for neither password nor phone: username lee"
            } else {
                "note For some commands or target users, sudo asks for neither password nor phone: username lee"
            };
            assert_eq!(found(&with(&rule)), [finding], "{targets}");
        }
    }

    #[test]
    fn settings_of_sudo_rs() {
        let document = |options: &str, binding: &str| {
            format!(r#"{{"Defaults": [{{"Binding": [{binding}], "Options": [{options}]}}]}}"#)
        };
        let of = |is_rs: bool, options: &str, binding: &str| {
            let mut sudo = Sudo {
                is_rs,
                ..Sudo::default()
            };
            sudo.take(&serde_json::from_str(&document(options, binding)).unwrap());
            sudo
        };
        let lee = r#"{"username": "lee"}"#;
        let other = "sudo asks for the password and the phone of another user";
        for options in [r#"{"targetpw": true}"#, r#"{"rootpw": true}"#] {
            assert_eq!(found(&of(true, options, "")), [format!("warning {other}")]);
            let for_lee = format!("warning For username lee, {other}");
            assert_eq!(found(&of(true, options, lee)), [for_lee]);
            // `sudo -V` tells it.
            assert_eq!(found(&of(false, options, "")), [""; 0]);
        }
        let long = "note After a login, sudo asks for neither password nor phone for 90 minutes";
        assert_eq!(
            found(&of(true, r#"{"timestamp_timeout": "90"}"#, "")),
            [long]
        );
        let waits = of(true, r#"{"passwd_timeout": "0.25"}"#, "").waits;
        assert_eq!(waits, Some(Duration::from_secs(15)));
        for unknown in [
            r#"{"authenticate": false}"#,
            r#"{"runaspw": true}"#,
            r#"{"pam_service": "x"}"#,
            r#"{"timestamp_type": "global"}"#,
        ] {
            assert_eq!(found(&of(true, unknown, "")), [""; 0], "{unknown}");
            assert_eq!(found(&of(true, unknown, lee)), [""; 0], "{unknown}");
        }
    }

    #[test]
    fn rules_for_network_addresses() {
        let by_address = |document: &str| {
            let document = serde_json::from_str(document).unwrap();
            Sudo::default().has_rules_by_address(&document)
        };
        let rule = |host: &str, authenticate: bool| {
            format!(
                r#"{{"User_Specs": [{{"User_List": [{{"username": "lee"}}], "Host_List": [{host}],
                    "Cmnd_Specs": [{{"Options": [{{"authenticate": {authenticate}}}],
                    "Commands": [{{"command": "ALL"}}]}}]}}]}}"#
            )
        };
        let network = r#"{"hostname": "db1"}, {"networkaddr": "10.0.0.0/8"}"#;
        assert!(by_address(&rule(network, false)));
        assert!(!by_address(&rule(network, true)));
        assert!(!by_address(&rule(r#"{"hostname": "db1"}"#, false)));
        assert!(by_address(
            r#"{"Defaults": [{"Binding": [{"networkaddr": "10.0.0.1"}], "Options": [{"rootpw": true}]}]}"#
        ));
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
    fn the_announcement_of_one_service() {
        let place = |name: &str| Place {
            file: Path::new("/etc/pam.d").join(name).into(),
            line: Some(3),
        };
        let text = "[logonbox]\ntenant = \"acme\"\n[service.sudo-i.conversation]\n\
                    code = \"show\"\nannounce = \"info\"\n";
        let config = |name: &str| Config::parse(Path::new("/x"), text, name).unwrap();
        let configs = ["sudo", "sudo-i"].map(|name| (name, config(name)));
        let services: Vec<_> = configs
            .iter()
            .map(|(name, config)| (place(name), config))
            .collect();
        for (shows_information, expected) in [(true, None), (false, Some("/etc/pam.d/sudo-i"))] {
            let sudo = Sudo {
                shows_information,
                ..Sudo::default()
            };
            let mut report = Report::default();
            sudo.shows_code(&services, &mut report);
            let found = report.findings.first();
            assert_eq!(found.and_then(|(_, found)| found.file.as_deref()), expected);
        }
    }

    #[test]
    fn sudo_rs_says_its_version_as_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        for (script, is_rs) in [
            ("echo sudo-rs 0.2.5 >&2", true),
            ("echo sudo-rs 0.2.5", true),
            ("echo other >&2", false),
        ] {
            let program = dir.path().join("sudo");
            test_host::program(&program, script);
            let mut report = Report::default();
            let sudo = Sudo::of(&program, &root, &mut report);
            assert_eq!(sudo.is_rs, is_rs, "{script}");
            let what = &report.checked.first().unwrap().1.what;
            assert_eq!(what.starts_with("sudo-rs's "), is_rs, "{what}");
        }
        assert_eq!(Sudo::rs(&root).path, SUDOERS);
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/sudoers-rs"), "").unwrap();
        assert_eq!(Sudo::rs(&root).path, SUDOERS_RS);
    }
}
