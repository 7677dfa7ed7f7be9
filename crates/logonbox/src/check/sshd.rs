//! Checks sshd's effective settings, for everybody and for the users of `Match` blocks. sshd itself
//! reports them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use login::clean::for_log;
use login::config::{Announce, Config, Device, Mode};

use super::files::Root;
use super::finding::Severity::{self, Error, Note, Warning};
use super::finding::{Area, Finding, Report};
use super::program;

const SSHD: [&str; 4] = [
    "/usr/sbin/sshd",
    "/usr/bin/sshd",
    "/usr/local/sbin/sshd",
    "/sbin/sshd",
];
const CONFIG: &str = "/etc/ssh/sshd_config";
/// An address from which no client connects (RFC 5737), to get the settings for everybody.
const NOWHERE: &str = "192.0.2.1";
/// More `Match` blocks than this are ignored.
const MOST_MATCHES: usize = 32;

/// sshd's effective settings.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The user or connection that they apply to, such as "for lee". Empty for everybody.
    pub scope: String,
    values: BTreeMap<String, String>,
}

impl Settings {
    /// Parses the output of `sshd -T`.
    pub fn parse(scope: &str, text: &str) -> Self {
        let mut values = BTreeMap::new();
        for line in text.lines() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            values
                .entry(key.to_ascii_lowercase())
                .or_insert_with(|| value.trim().to_ascii_lowercase());
        }
        Self {
            scope: scope.to_owned(),
            values,
        }
    }

    fn get(&self, key: &str) -> &str {
        self.values.get(key).map_or("", String::as_str)
    }

    fn on(&self, key: &str) -> bool {
        self.get(key) == "yes"
    }

    /// Whether sshd lets PAM ask questions. Before OpenSSH 8.7, another setting decides.
    fn asks_questions(&self) -> bool {
        match self.values.get("challengeresponseauthentication") {
            Some(value) => value == "yes",
            None => self.on("kbdinteractiveauthentication"),
        }
    }

    /// The lists of authentication methods that are required together. `None` if any single method
    /// is enough.
    fn methods(&self) -> Option<Vec<Vec<&str>>> {
        match self.get("authenticationmethods") {
            "" | "any" => None,
            lists => Some(
                lists
                    .split_whitespace()
                    .map(|list| list.split(',').collect())
                    .collect(),
            ),
        }
    }

    /// The enabled methods that admit a user without PAM.
    fn ways_past_pam(&self) -> Vec<&'static str> {
        let all = [
            ("publickey", "pubkeyauthentication"),
            ("gssapi-with-mic", "gssapiauthentication"),
            ("hostbased", "hostbasedauthentication"),
        ];
        let open = all.iter().filter(|(_, key)| self.on(key));
        match self.methods() {
            None => open.map(|(method, _)| *method).collect(),
            Some(lists) => open
                .map(|(method, _)| *method)
                .filter(|method| {
                    lists
                        .iter()
                        .any(|list| !asks_pam(list) && list.iter().any(|one| is(one, method)))
                })
                .collect(),
        }
    }

    /// Whether PAM is asked only after a key, in every list of methods.
    pub fn is_after_key(&self) -> bool {
        let asked = self.asks_pam_after_key();
        !asked.is_empty() && asked.iter().all(|after_key| *after_key)
    }

    /// For each list of methods with PAM: whether a key comes first.
    fn asks_pam_after_key(&self) -> Vec<bool> {
        let lists = self.methods().unwrap_or_default();
        lists
            .iter()
            .filter_map(|list| {
                let pam = list.iter().position(|method| is_pam(method))?;
                let key = list.iter().position(|method| is(method, "publickey"));
                Some(key.is_some_and(|key| key < pam))
            })
            .collect()
    }

    fn seconds(&self, key: &str) -> Option<Duration> {
        self.get(key).parse().ok().map(Duration::from_secs)
    }
}

/// A method may be followed by a colon and the name of a device or submethod.
fn is(method: &str, name: &str) -> bool {
    method.split(':').next() == Some(name)
}

fn is_pam(method: &str) -> bool {
    is(method, "keyboard-interactive") || is(method, "password")
}

fn asks_pam(list: &[&str]) -> bool {
    list.iter().any(|method| is_pam(method))
}

/// The criteria of a `Match` block, as far as sshd must be told of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Matched {
    line: String,
    user: Option<String>,
    address: Option<String>,
    host: Option<String>,
    group: Option<String>,
}

/// Asks sshd: first for everybody, then for `user`, then for the `Match` blocks.
pub fn ask(root: &Root, user: Option<&str>, report: &mut Report) -> Vec<Settings> {
    const WHAT: &str = "sshd's settings (sshd -T)";
    let Some(sshd) = program::find(&SSHD) else {
        report.skipped(Area::Sshd, WHAT, "there is no sshd in the usual places");
        return Vec::new();
    };
    let mut all = Vec::new();
    match one(&sshd, "", None) {
        Ok(settings) => all.push(settings),
        Err(why) => {
            if nix::unistd::geteuid().is_root() {
                report.add(Area::Sshd, silent(&why));
            }
            report.skipped(Area::Sshd, WHAT, why);
            return Vec::new();
        }
    }
    report.checked(Area::Sshd, WHAT);
    let mut more: Vec<(String, Matched)> = Vec::new();
    if let Some(user) = user {
        let matched = Matched {
            user: Some(user.to_owned()),
            ..Matched::default()
        };
        more.push((format!("for {}", for_log(user)), matched));
    }
    for matched in matches(root) {
        more.push((format!("for Match {}", for_log(&matched.line)), matched));
    }
    for (scope, matched) in more {
        let what = format!("sshd's settings {scope}");
        match connection(&matched).and_then(|with| one(&sshd, &scope, Some(&with))) {
            Ok(settings) => {
                report.checked(Area::Sshd, what);
                all.push(settings);
            }
            Err(why) => report.skipped(Area::Sshd, what, why),
        }
    }
    all
}

fn silent(why: &str) -> Finding {
    // systemd creates it when it starts sshd.
    if why.contains("privilege separation directory") {
        return Finding::new(
            Warning,
            "sshd-not-started",
            format!("sshd -T does not tell sshd's settings: {why}"),
            "sshd has not been started on this host, and nothing of it could be looked at here.",
            "Start it (systemctl start ssh; on Fedora and RHEL sshd), and check again.",
        );
    }
    Finding::new(
        Error,
        "sshd-does-not-tell",
        format!("sshd -T does not tell sshd's settings: {why}"),
        "With a mistake in sshd_config, sshd does not start again: nobody could log in after a restart.",
        "Correct what it names, before sshd is restarted; sshd -t tells the rest.",
    )
}

fn one(sshd: &Path, scope: &str, with: Option<&str>) -> Result<Settings, String> {
    let mut arguments = vec!["-T"];
    if let Some(with) = with {
        arguments.extend(["-C", with]);
    }
    let said = program::ask(sshd, &arguments)?;
    let settings = Settings::parse(scope, &said.out);
    if said.well && !settings.get("usepam").is_empty() {
        Ok(settings)
    } else if said.well {
        Err("this sshd is built without PAM, or says nothing of it".to_owned())
    } else {
        // The last line may only count the errors named before.
        let mut lines = said.err.lines().rev();
        let named = lines.find(|line| !line.contains(": terminating, "));
        let why = named.unwrap_or_default();
        let root_only = if nix::unistd::geteuid().is_root() {
            ""
        } else {
            "; run this as root"
        };
        Err(format!("it says: {}{root_only}", for_log(why)))
    }
}

/// The connection parameters for `-C`.
fn connection(matched: &Matched) -> Result<String, String> {
    let group = matched.group.as_deref();
    let user = match (&matched.user, group) {
        (Some(user), _) => user.clone(),
        (None, Some(group)) => member(group)
            .ok_or_else(|| format!("nobody is known to be in the group {}", for_log(group)))?,
        (None, None) => "nobody".to_owned(),
    };
    let address = matched.address.as_deref().unwrap_or(NOWHERE);
    let host = matched.host.as_deref().unwrap_or(address);
    if [user.as_str(), host, address]
        .iter()
        .any(|one| one.contains(','))
    {
        return Err("a name with a comma cannot be asked for".to_owned());
    }
    Ok(format!(
        "user={user},host={host},addr={address},laddr=127.0.0.1,lport=22"
    ))
}

fn member(group: &str) -> Option<String> {
    let group = nix::unistd::Group::from_name(group).ok()??;
    group.mem.into_iter().next()
}

/// The `Match` blocks in sshd's files.
fn matches(root: &Root) -> Vec<Matched> {
    let mut files = vec![PathBuf::from(CONFIG)];
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(file) = files.pop() {
        if seen.len() >= MOST_MATCHES || !seen.insert(file.clone()) {
            continue;
        }
        let text = root.read(&file).unwrap_or_default();
        for line in text.lines() {
            let mut words = line
                .split(|sign: char| sign.is_whitespace() || sign == '=')
                .map(|word| word.trim_matches('"'))
                .filter(|word| !word.is_empty());
            match words.next().map(str::to_ascii_lowercase).as_deref() {
                Some("include") => {
                    for pattern in words {
                        files.extend(included(root, pattern));
                    }
                }
                Some("match") if found.len() < MOST_MATCHES => {
                    let words: Vec<&str> = words.collect();
                    found.extend(matched(&words));
                }
                _ => {}
            }
        }
    }
    found
}

/// The files that an `Include` names. A star is supported only in the last part of the path.
fn included(root: &Root, pattern: &str) -> Vec<PathBuf> {
    let path = Path::new("/etc/ssh").join(pattern);
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let name = name.to_string_lossy();
    let Some((start, end)) = name.split_once('*') else {
        return vec![path];
    };
    root.names(directory)
        .into_iter()
        .filter(|one| !one.starts_with('.') && one.starts_with(start) && one.ends_with(end))
        .map(|one| directory.join(one))
        .collect()
}

/// A connection that these criteria match. `None` for `all`, and if the criteria are only patterns.
fn matched(words: &[&str]) -> Option<Matched> {
    let plain = |list: &str| {
        list.split(',')
            .find(|one| !one.contains(['*', '?', '!']))
            .map(str::to_owned)
    };
    let mut matched = Matched {
        line: words.join(" "),
        ..Matched::default()
    };
    for pair in words.chunks(2) {
        let [criterion, list] = pair else {
            continue;
        };
        let value = plain(list);
        match criterion.to_ascii_lowercase().as_str() {
            "user" => matched.user = Some(value?),
            "group" => matched.group = Some(value?),
            "host" => matched.host = Some(value?),
            "address" => {
                let address = value?;
                let network = address.split('/').next().unwrap_or_default();
                matched.address = Some(network.to_owned());
            }
            _ => return None,
        }
    }
    Some(matched).filter(|matched| matched.line.split_whitespace().count() > 1)
}

/// The stack and the configuration that sshd's settings must fit.
pub struct Expected<'s> {
    /// The stack's first factor is a key.
    pub by_key: bool,
    /// The module's configuration in that stack.
    pub config: Option<&'s Config>,
}

/// Compares sshd's settings with what the stack needs.
pub fn check(settings: &Settings, expected: &Expected<'_>, report: &mut Report) {
    let airlock = expected
        .config
        .is_some_and(|config| matches!(config.mode, Mode::Airlock(_)));
    let mut checker = Checker {
        settings,
        config: expected.config,
        by_key: expected.by_key,
        airlock,
        report,
    };
    if !settings.on("usepam") {
        checker.say(
            Error,
            "sshd-usepam-off",
            "UsePAM is off",
            "sshd does not ask PAM at all: the phone never rings, and passwords are not checked by the stack.",
            "Set UsePAM yes.",
        );
        return;
    }
    checker.questions();
    checker.keys();
    checker.other_ways();
    if let Some(config) = expected.config {
        checker.times_and_names(config);
    }
}

/// sshd's settings, and the findings about them.
struct Checker<'j> {
    settings: &'j Settings,
    config: Option<&'j Config>,
    /// The stack's first factor is a key.
    by_key: bool,
    airlock: bool,
    report: &'j mut Report,
}

impl Checker<'_> {
    fn is_for_everybody(&self) -> bool {
        self.settings.scope.is_empty()
    }

    fn say(&mut self, severity: Severity, id: &'static str, what: &str, why: &str, advice: &str) {
        let scope = match self.settings.scope.as_str() {
            "" => String::new(),
            scope => format!(" ({scope})"),
        };
        let finding = Finding::new(severity, id, format!("{what}{scope}"), why, advice);
        // A finding for everybody is not repeated for single users.
        let known = self.report.findings.iter().any(|(_, known)| {
            known.id == id && known.severity == severity && known.why == finding.why
        });
        if self.is_for_everybody() || !known {
            self.report.add(Area::Sshd, finding);
        }
    }

    /// Whether the module's questions reach the user.
    fn questions(&mut self) {
        const OFF: &str = "KbdInteractiveAuthentication is off (before OpenSSH 8.7: ChallengeResponseAuthentication)";

        let password = self.settings.on("passwordauthentication");
        if !self.settings.asks_questions() {
            if !password || self.airlock || self.by_key {
                self.say(
                    Error,
                    "sshd-keyboard-interactive-off",
                    OFF,
                    "sshd cannot carry the questions of the module: no login reaches the phone.",
                    "Set KbdInteractiveAuthentication yes and ChallengeResponseAuthentication yes where sshd reads it first, as in the example sshd_config.d/00-logonbox.conf.",
                );
            } else {
                self.say(
                    Warning,
                    "sshd-keyboard-interactive-off",
                    OFF,
                    "sshd's password method asks instead, which can show nothing before the phone has answered.",
                    "Copy the example sshd_config.d/00-logonbox.conf to /etc/ssh/sshd_config.d: KbdInteractiveAuthentication yes, PasswordAuthentication no.",
                );
            }
        } else if password {
            let why = if self.by_key {
                "It takes part in no login here, but people are asked for a password that cannot help them."
            } else if self.config.is_some_and(asks_visibly) {
                "sshd's password method refuses visible prompts, and this configuration has some: such logins fail."
            } else {
                "sshd's password method can show nothing before the phone has answered: people see neither announcement nor code."
            };
            self.say(
                Warning,
                "sshd-password-method-on",
                "PasswordAuthentication is on beside keyboard-interactive",
                why,
                "Set PasswordAuthentication no.",
            );
        }
    }

    /// Logins with a public key skip PAM's auth lines.
    fn keys(&mut self) {
        if self.by_key && !self.settings.on("pubkeyauthentication") {
            self.say(
                Error,
                "sshd-pubkey-off",
                "PubkeyAuthentication is off, but the stack wants a key first",
                "Nobody can log in.",
                "Set PubkeyAuthentication yes.",
            );
            return;
        }
        if self.by_key && self.settings.asks_pam_after_key().contains(&false) {
            self.say(
                Warning,
                "sshd-methods-without-key",
                "AuthenticationMethods asks PAM without a key, but the stack wants one first",
                "Such logins are refused after people have tried.",
                "Set AuthenticationMethods publickey,keyboard-interactive:pam.",
            );
        }
        if !self.settings.ways_past_pam().contains(&"publickey") {
            return;
        }
        let chosen = self.settings.methods().is_some();
        let severity = match (self.by_key, chosen, self.is_for_everybody()) {
            (true, _, true) => Error,
            (false, true, true) => Warning,
            // The shipped setting, and `Match` blocks for emergencies.
            _ => Note,
        };
        let advice = if self.by_key {
            "Set AuthenticationMethods publickey,keyboard-interactive:pam."
        } else {
            "To have the phone in every case, set AuthenticationMethods \
             publickey,keyboard-interactive:pam keyboard-interactive:pam."
        };
        self.say(
            severity,
            "sshd-key-skips-phone",
            "A login with a public key skips the phone",
            "sshd asks PAM's auth lines nothing after a key, unless AuthenticationMethods says so.",
            advice,
        );
    }

    fn other_ways(&mut self) {
        let past = self.settings.ways_past_pam();
        if past.contains(&"gssapi-with-mic") {
            // Fedora and RHEL turn it on. An administrator who accepts keys alone accepts this,
            // too.
            let left = past.contains(&"publickey") || !self.is_for_everybody();
            self.say(
                if left { Note } else { Warning },
                "sshd-gssapi-skips-phone",
                "A login with a Kerberos ticket skips the phone",
                "GSSAPIAuthentication is on, and sshd asks PAM's auth lines nothing after it.",
                "Set GSSAPIAuthentication no, or AuthenticationMethods as for keys.",
            );
        }
        if past.contains(&"hostbased") {
            self.say(
                Warning,
                "sshd-hostbased-skips-phone",
                "A login from a trusted host skips the phone",
                "HostbasedAuthentication is on, and sshd asks PAM's auth lines nothing after it.",
                "Set HostbasedAuthentication no, or AuthenticationMethods as for keys.",
            );
        }
    }

    fn times_and_names(&mut self, config: &Config) {
        let needed = config
            .wait
            .connect_seconds
            .saturating_add(config.wait.login_seconds);
        let grace = self.settings.seconds("logingracetime");
        if let Some(grace) = grace.filter(|grace| !grace.is_zero() && *grace < needed) {
            let why = format!(
                "sshd hangs up before the phone's time is over: connect_seconds and login_seconds are {} s together.",
                needed.as_secs()
            );
            self.say(
                Warning,
                "sshd-login-grace-time",
                &format!("LoginGraceTime is {} s", grace.as_secs()),
                &why,
                "Raise LoginGraceTime (120 is the default), or lower login_seconds.",
            );
        }
        let mut exempt = config.policy.exempt.iter();
        if exempt.any(|exempt| !exempt.networks.is_empty()) && self.settings.on("usedns") {
            self.say(
                Warning,
                "sshd-usedns-on",
                "UseDNS is on, and exemptions compare addresses only",
                "sshd passes a name to PAM in place of the address, so no network is exempt.",
                "Set UseDNS no.",
            );
        }
    }
}

/// Whether the module shows visible prompts.
fn asks_visibly(config: &Config) -> bool {
    let devices = match &config.mode {
        Mode::Push(_) => config.logonbox.device == Device::Ask,
        Mode::Airlock(_) => true,
    };
    devices || config.conversation.announce == Announce::Enter
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &str) -> Settings {
        Settings::parse(
            "",
            &format!("{more}\nUsePAM yes\nPubkeyAuthentication yes\n"),
        )
    }

    #[test]
    fn what_skips_pam() {
        for (methods, past, after_key) in [
            ("any", vec!["publickey"], false),
            ("publickey,keyboard-interactive:pam", vec![], true),
            (
                "publickey,keyboard-interactive:pam keyboard-interactive:pam",
                vec![],
                false,
            ),
            ("publickey,password", vec![], true),
            ("keyboard-interactive,publickey", vec![], false),
            ("publickey publickey,password", vec!["publickey"], true),
            ("publickey,publickey", vec!["publickey"], false),
            ("password", vec![], false),
        ] {
            let settings = settings(&format!("authenticationmethods {methods}"));
            assert_eq!(settings.ways_past_pam(), past, "{methods}");
            assert_eq!(settings.is_after_key(), after_key, "{methods}");
        }
        let old = settings("kbdinteractiveauthentication yes\nchallengeresponseauthentication no");
        assert!(!old.asks_questions());
        assert!(settings("KbdInteractiveAuthentication yes").asks_questions());
    }

    #[test]
    fn match_blocks_through_includes() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join("etc/ssh").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "sshd_config",
            "Include sshd_config.d/*.conf\nInclude /etc/ssh/sshd_config\n\
             match group \"admins\"\nMatch all\nMatch User *\nMatch LocalPort 2222\n",
        );
        write(
            "sshd_config.d/a.conf",
            "  Match User root,lee Address 192.0.2.0/24\nMatch Host=*.acme.com,one.acme.com\n",
        );
        write("sshd_config.d/b.txt", "Match User nobody-reads-this\n");
        let found = matches(&Root::at(dir.path()));
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.line.as_str(), connection(one).unwrap_or_default()))
            .collect();
        assert_eq!(
            told,
            [
                ("group admins", String::new()),
                (
                    "User root,lee Address 192.0.2.0/24",
                    "user=root,host=192.0.2.0,addr=192.0.2.0,laddr=127.0.0.1,lport=22".to_owned()
                ),
                (
                    "Host *.acme.com,one.acme.com",
                    "user=nobody,host=one.acme.com,addr=192.0.2.1,laddr=127.0.0.1,lport=22"
                        .to_owned()
                ),
            ]
        );
    }
}
