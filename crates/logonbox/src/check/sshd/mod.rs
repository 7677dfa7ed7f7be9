//! Checks sshd's effective settings, for everybody and for the users of `Match` blocks. sshd itself
//! reports them, and says which blocks it uses for a connection.

mod start;
mod trace;
mod witnesses;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use login::clean::for_log;
use login::config::{Announce, Code, Config, Device, Exempt, Mode};

use super::files::Root;
use super::finding::Severity::{self, Error, Note, Warning};
use super::finding::{Area, Finding, Report};
use super::program;
use trace::{Block, State};
use witnesses::{Condition, Connection, People};

pub const SSHD: [&str; 4] = [
    "/usr/sbin/sshd",
    "/usr/bin/sshd",
    "/usr/local/sbin/sshd",
    "/sbin/sshd",
];
const WHAT: &str = "sshd's settings (sshd -T)";
/// Connections with different values of other settings are not told apart.
const LOOKED_AT: [&str; 19] = [
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeysfile",
    "challengeresponseauthentication",
    "gssapiauthentication",
    "gssapikeyexchange",
    "hostbasedauthentication",
    "kbdinteractiveauthentication",
    "kerberosauthentication",
    "listenaddress",
    "logingracetime",
    "pamservicename",
    "passwordauthentication",
    "permitrootlogin",
    "pubkeyauthentication",
    "refuseconnection",
    "trustedusercakeys",
    "usedns",
    "usepam",
];
/// The methods after which sshd may admit a user without PAM's auth lines.
const PAST_PAM: [&str; 5] = [
    "publickey",
    "gssapi-with-mic",
    "gssapi-keyex",
    "hostbased",
    "password",
];
/// Some seconds of work.
const MOST_CONNECTIONS: usize = 400;
/// For all questions to sshd. A lookup of a user may take long.
const MOST_TIME: Duration = Duration::from_secs(60);
/// A finding names this many blocks.
const MOST_SCOPES: usize = 3;

/// sshd's effective settings.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The connections that they apply to, such as "for Match User lee".
    scope: String,
    /// They apply to all connections for which sshd has no other settings.
    everybody: bool,
    /// They apply to root, who has keys.
    root_with_keys: bool,
    /// The keys are in lower case.
    values: BTreeMap<String, Vec<String>>,
}

impl Settings {
    /// Parses the output of `sshd -T`.
    pub fn parse(scope: &str, text: &str) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in text.lines() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            let key = key.to_ascii_lowercase();
            if LOOKED_AT.contains(&key.as_str()) {
                values.entry(key).or_default().push(value.trim().to_owned());
            }
        }
        Self {
            scope: scope.to_owned(),
            everybody: scope.is_empty(),
            root_with_keys: false,
            values,
        }
    }

    /// The PAM service that sshd asks. Before OpenSSH 10, it cannot be chosen.
    pub fn service(&self) -> &str {
        match self.get("pamservicename") {
            "" => "sshd",
            name => name,
        }
    }

    fn get(&self, key: &str) -> &str {
        let values = self.values.get(key);
        values
            .and_then(|all| all.first())
            .map_or("", String::as_str)
    }

    /// The addresses and ports on which sshd listens.
    fn sockets(&self) -> Vec<SocketAddr> {
        let all = self.values.get("listenaddress");
        let sockets = all.into_iter().flatten();
        sockets.filter_map(|socket| socket.parse().ok()).collect()
    }

    fn on(&self, key: &str) -> bool {
        self.get(key) == "yes"
    }

    /// Whether sshd lets PAM ask questions. Before OpenSSH 8.7, another setting decides.
    fn asks_questions(&self) -> bool {
        match self.get("challengeresponseauthentication") {
            "" => self.on("kbdinteractiveauthentication"),
            value => value == "yes",
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
        let open = PAST_PAM
            .into_iter()
            .filter(|method| self.is_past_pam(method));
        match self.methods() {
            None => open.collect(),
            Some(lists) => open
                .filter(|method| {
                    lists.iter().any(|list| {
                        list.iter().any(|one| is(one, method))
                            && list.iter().all(|one| self.is_past_pam(one))
                    })
                })
                .collect(),
        }
    }

    /// Whether a key admits a user without PAM.
    fn admits_by_key(&self) -> bool {
        self.ways_past_pam().contains(&"publickey") && !self.has_no_keys()
    }

    /// Whether sshd accepts this method without PAM's auth lines.
    fn is_past_pam(&self, method: &str) -> bool {
        let keys: &[&str] = match method.split(':').next() {
            Some("publickey") => &["pubkeyauthentication"],
            Some("gssapi-with-mic") => &["gssapiauthentication"],
            Some("gssapi-keyex") => &["gssapiauthentication", "gssapikeyexchange"],
            Some("hostbased") => &["hostbasedauthentication"],
            // sshd compares the password with Kerberos itself, before it asks PAM.
            Some("password") => &["passwordauthentication", "kerberosauthentication"],
            _ => return false,
        };
        keys.iter().all(|key| self.on(key))
    }

    /// Whether sshd knows no keys of users.
    fn has_no_keys(&self) -> bool {
        let is_none = |key| ["", "none"].contains(&self.get(key));
        self.get("authorizedkeysfile") == "none"
            && is_none("authorizedkeyscommand")
            && is_none("trustedusercakeys")
    }

    /// Whether a login can use this method. PAM is the only device of keyboard-interactive on Linux:
    /// `devices` in `auth2-chall.c`.
    fn is_on(&self, method: &str) -> bool {
        match method.split_once(':').unwrap_or((method, "")) {
            ("password", _) => self.on("passwordauthentication"),
            ("keyboard-interactive", device) => {
                self.asks_questions() && ["", "pam"].contains(&device)
            }
            // It admits users without a password alone.
            ("none", _) => false,
            (name, _) => !PAST_PAM.contains(&name) || self.is_past_pam(name),
        }
    }

    /// The lists of methods that a login can complete. `None` if any single method is enough.
    fn usable_methods(&self) -> Option<Vec<Vec<&str>>> {
        let mut lists = self.methods()?;
        lists.retain(|list| list.iter().all(|method| self.is_on(method)));
        Some(lists)
    }

    /// Whether a login can ask PAM by this method.
    fn uses(&self, method: &str) -> bool {
        self.is_on(method)
            && self.usable_methods().is_none_or(|lists| {
                let mut methods = lists.iter().flatten();
                methods.any(|one| is(one, method))
            })
    }

    /// Whether a list of methods asks PAM more than once.
    fn asks_pam_twice(&self) -> bool {
        let lists = self.usable_methods().unwrap_or_default();
        lists
            .iter()
            .any(|list| list.iter().filter(|method| is_pam(method)).count() > 1)
    }

    /// Whether PAM is asked only after a key, in every list of methods.
    pub fn is_after_key(&self) -> bool {
        let asked = self.asks_pam_after_key();
        !asked.is_empty() && asked.iter().all(|after_key| *after_key)
    }

    /// Whether a login can ask PAM without a key before it.
    fn asks_pam_without_key(&self) -> bool {
        match self.methods() {
            None => self.uses("keyboard-interactive") || self.uses("password"),
            Some(_) => self.asks_pam_after_key().contains(&false),
        }
    }

    /// For each list of methods with PAM: whether a key comes first.
    fn asks_pam_after_key(&self) -> Vec<bool> {
        let lists = self.usable_methods().unwrap_or_default();
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

/// Asks sshd with connections, for each way in which this host starts it: for everybody, for `user`,
/// for those who are exempt, and for the `Match` blocks.
pub fn ask(
    root: &Root,
    user: Option<&str>,
    exempt: &[&Exempt],
    report: &mut Report,
) -> Vec<Settings> {
    let Some(sshd) = program::find(&SSHD) else {
        report.skipped(Area::Sshd, WHAT, "there is no sshd in the usual places");
        return Vec::new();
    };
    let mut all: Vec<Settings> = Vec::new();
    let mut starts = start::starts(root, &sshd.to_string_lossy());
    let begin = now();
    let mut next = 0;
    while let Some(start) = starts.get(next) {
        let by = format!("as {} starts it", for_log(&start.by));
        let (program, options) = start.command.clone().unwrap_or_else(|why| {
            report.skipped(Area::Sshd, format!("sshd's options, {by}"), for_log(&why));
            // The files can be looked at without them.
            (sshd.clone(), Vec::new())
        });
        let mut asker = Asker {
            sshd: program,
            options,
            root_has_keys: root_has_keys(root),
            asked: Vec::new(),
            begin,
            gap: None,
        };
        let mut found = asker.all(user, exempt, report);
        if next == 0 {
            let running = start::running(root, &starts);
            starts.extend(running);
        } else {
            for settings in &mut found {
                let scope = format!("{} {by}", settings.scope);
                scope.trim().clone_into(&mut settings.scope);
            }
        }
        all.extend(found);
        next = next.saturating_add(1);
    }
    all
}

#[expect(clippy::disallowed_methods, reason = "sshd's time, and not a login's")]
fn now() -> Instant {
    Instant::now()
}

/// Whether root has a key, besides those of cloud images, which only print a text.
fn root_has_keys(root: &Root) -> bool {
    let text = root.read(Path::new("/root/.ssh/authorized_keys"));
    text.unwrap_or_default().lines().any(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.contains("command=\"")
    })
}

/// Asks one sshd with its options.
struct Asker {
    sshd: PathBuf,
    options: Vec<String>,
    root_has_keys: bool,
    asked: Vec<(Connection, Result<Answer, Silence>)>,
    /// When the first sshd of this host was asked.
    begin: Instant,
    /// Why sshd is not asked again.
    gap: Option<String>,
}

/// Why sshd's settings are not known.
#[derive(Debug, Clone)]
struct Silence {
    why: String,
    /// sshd itself refuses to print them.
    is_refusal: bool,
}

impl From<String> for Silence {
    fn from(why: String) -> Self {
        Self {
            why,
            is_refusal: false,
        }
    }
}

#[derive(Clone)]
struct Answer {
    settings: Settings,
    blocks: Vec<Block>,
}

impl Answer {
    fn state(&self, block: usize) -> Option<State> {
        self.blocks.get(block).map(|block| block.state)
    }
}

impl Asker {
    fn all(
        &mut self,
        user: Option<&str>,
        exempt: &[&Exempt],
        report: &mut Report,
    ) -> Vec<Settings> {
        let what = match self.options.as_slice() {
            [] => WHAT.to_owned(),
            options => format!("sshd's settings (sshd -T {})", for_log(&options.join(" "))),
        };
        let (everybody, answer) = match self.everybody() {
            Ok(found) => found,
            Err(silence) => {
                if silence.is_refusal && nix::unistd::geteuid().is_root() {
                    report.add(Area::Sshd, silent(&silence.why));
                }
                report.skipped(Area::Sshd, what, silence.why);
                return Vec::new();
            }
        };
        report.checked(Area::Sshd, what);
        let conditions: Vec<_> = answer
            .blocks
            .iter()
            .map(|block| Condition::parse(&block.text))
            .collect();
        if !conditions.is_empty() {
            let exempt_groups = exempt.iter().flat_map(|exempt| &exempt.groups);
            let people = People::ask(&conditions, exempt_groups.map(String::as_str));
            self.named(&everybody, user, exempt, &people, report);
            self.blocks(&conditions, &people);
        }
        self.report(&answer.blocks, report);
        self.settings(&everybody, &answer)
    }

    fn answer(&mut self, connection: &Connection) -> Result<&Answer, Silence> {
        let known = self.asked.iter().position(|(known, _)| known == connection);
        let at = known.unwrap_or(self.asked.len());
        if known.is_none() {
            let answer = match self.one(connection) {
                Err(silence) if self.gap.is_some() => return Err(silence),
                answer => answer,
            };
            self.asked.push((connection.clone(), answer));
        }
        match self.asked.get(at) {
            Some((_, answer)) => answer.as_ref().map_err(Clone::clone),
            None => Err(Silence::from(String::new())),
        }
    }

    fn one(&mut self, connection: &Connection) -> Result<Answer, Silence> {
        let Some(with) = connection.specification() else {
            let why = "a name with a comma cannot be asked for";
            return Err(Silence::from(why.to_owned()));
        };
        if self.gap.is_none() {
            self.gap = self.limit();
        }
        if let Some(why) = &self.gap {
            return Err(Silence::from(why.clone()));
        }
        // sshd then says which `Match` blocks it uses.
        let mut arguments = vec!["-ddd"];
        arguments.extend(self.options.iter().map(String::as_str));
        arguments.extend(["-T", "-C", &with]);
        match program::ask(&self.sshd, &arguments) {
            Ok(said) => parse(&said),
            // It would hang again.
            Err(why) => Err(Silence::from(self.gap.insert(why).clone())),
        }
    }

    /// The limit that the questions have reached.
    fn limit(&self) -> Option<String> {
        let asked = if self.asked.len() >= MOST_CONNECTIONS {
            format!("{MOST_CONNECTIONS} connections")
        } else if self.begin.elapsed() >= MOST_TIME {
            format!("{} s", MOST_TIME.as_secs())
        } else {
            return None;
        };
        Some(format!("sshd was asked for {asked}, and not for more"))
    }

    /// A connection that meets only blocks for everybody.
    fn everybody(&mut self) -> Result<(Connection, Answer), Silence> {
        let first = Connection::of_everybody(&[]);
        let answer = self.one(&first)?;
        let conditions: Vec<_> = answer
            .blocks
            .iter()
            .map(|block| Condition::parse(&block.text))
            .collect();
        let mut everybody = Connection::of_everybody(&conditions);
        if let Some(socket) = answer.settings.sockets().first() {
            everybody.comes_to(*socket);
        }
        let answer = self.answer(&everybody)?.clone();
        Ok((everybody, answer))
    }

    /// Asks for those who are named elsewhere.
    fn named(
        &mut self,
        everybody: &Connection,
        user: Option<&str>,
        exempt: &[&Exempt],
        people: &People,
        report: &mut Report,
    ) {
        let mut connections = Vec::new();
        let mut with = |change: &dyn Fn(&mut Connection)| {
            let mut connection = everybody.clone();
            change(&mut connection);
            connections.push(connection);
        };
        let mut users: Vec<String> = user
            .into_iter()
            .chain(["root"])
            .map(str::to_owned)
            .collect();
        for exempt in exempt {
            users.extend_from_slice(&exempt.users);
            for group in &exempt.groups {
                users.extend(people.members(&[group]).into_iter().next());
            }
            for network in &exempt.networks {
                for address in witnesses::hosts_in(&network.to_string()) {
                    with(&|connection| connection.address.clone_from(&address));
                }
            }
        }
        for user in users {
            with(&|connection| connection.user.clone_from(&user));
        }
        let sockets = self
            .answer(everybody)
            .map_or_else(|_| Vec::new(), |answer| answer.settings.sockets());
        for socket in sockets {
            with(&|connection| connection.comes_to(socket));
        }
        for connection in connections {
            if let Err(silence) = self.answer(&connection) {
                let differences = connection.differences(everybody).join(", ");
                let what = format!("sshd's settings for {}", for_log(&differences));
                report.skipped(Area::Sshd, what, silence.why);
            }
        }
    }

    /// Asks for connections that meet each block.
    fn blocks(&mut self, conditions: &[Condition], people: &People) {
        let named: BTreeSet<&str> = conditions.iter().flat_map(Condition::users).collect();
        let mut done = BTreeSet::new();
        // A block inside of an unmet block is reached by the connections that meet the outer one.
        while let Some((block, from)) = self.reached(conditions.len(), &done) {
            done.insert(block);
            let Some(condition) = conditions.get(block) else {
                continue;
            };
            let changes = condition.changes(people, &named);
            let met = witnesses::combinations(&from, &changes).find(|connection| {
                let answer = self.answer(connection);
                answer.is_ok_and(|answer| answer.state(block) == Some(State::Met))
            });
            let Some(met) = met else {
                continue;
            };
            // An earlier block may hide the settings of this one from a single user or network.
            for change in changes.iter().flatten() {
                let mut other = met.clone();
                change.apply(&mut other);
                let _ = self.answer(&other);
            }
        }
    }

    /// A block that is not done, and a connection for which sshd compares its condition.
    fn reached(&self, count: usize, done: &BTreeSet<usize>) -> Option<(usize, Connection)> {
        (0..count)
            .filter(|block| !done.contains(block))
            .find_map(|block| {
                let (connection, _) = self.asked.iter().find(|(_, answer)| {
                    let state = answer.as_ref().ok().and_then(|answer| answer.state(block));
                    state.is_some_and(|state| state != State::NotAsked)
                })?;
                Some((block, connection.clone()))
            })
    }

    fn answers(&self) -> impl Iterator<Item = (&Connection, &Answer)> {
        self.asked
            .iter()
            .filter_map(|(connection, answer)| Some((connection, answer.as_ref().ok()?)))
    }

    fn report(&self, blocks: &[Block], report: &mut Report) {
        for (number, block) in blocks.iter().enumerate() {
            let what = format!("sshd's settings for Match {}", for_log(&block.text));
            let is_met = |answer: &Answer| answer.state(number) == Some(State::Met);
            if self.answers().any(|(_, answer)| is_met(answer)) {
                report.checked(Area::Sshd, what);
            } else if Condition::parse(&block.text).is_dead() {
                report.checked(Area::Sshd, what);
                let finding = Finding::new(
                    Warning,
                    "sshd-match-never",
                    format!("sshd uses Match {} for no connection", for_log(&block.text)),
                    "A list in which all patterns are negated matches nothing.",
                    "Put * before the patterns, such as Match User *,!lee, or remove the block.",
                );
                report.add(Area::Sshd, finding);
            } else {
                let none = "no connection was found for which sshd uses this block";
                let why = self.gap.as_deref().unwrap_or(none);
                report.skipped(Area::Sshd, what, why);
            }
        }
        if let Some(why) = &self.gap {
            report.skipped(
                Area::Sshd,
                "sshd's settings for all Match blocks together",
                why,
            );
        }
    }

    /// The settings that differ, those for everybody first.
    fn settings(&self, everybody: &Connection, answer: &Answer) -> Vec<Settings> {
        let mut all: Vec<(Vec<String>, Settings)> = vec![(Vec::new(), answer.settings.clone())];
        for (connection, other) in self.answers() {
            let mut scopes: Vec<String> = (other.blocks.iter().zip(&answer.blocks))
                .filter(|(other, everybodys)| {
                    other.state == State::Met && everybodys.state != State::Met
                })
                .map(|(block, _)| format!("Match {}", for_log(&block.text)))
                .collect();
            if scopes.is_empty() {
                let differences = connection.differences(everybody);
                scopes = differences.iter().map(|one| for_log(one)).collect();
            }
            let same = all
                .iter_mut()
                .find(|(_, one)| one.values == other.settings.values);
            match same {
                None => all.push((scopes, other.settings.clone())),
                // The first one is for everybody, and needs no scope.
                Some((known, _)) if !known.is_empty() => {
                    scopes.retain(|scope| !known.contains(scope));
                    known.append(&mut scopes);
                }
                Some(_) => {}
            }
        }
        let settings = all
            .into_iter()
            .enumerate()
            .map(|(number, (scopes, settings))| {
                let more = scopes.len().saturating_sub(MOST_SCOPES);
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                let named: Vec<_> = scopes.into_iter().take(MOST_SCOPES).collect();
                // sshd was not asked for root if it has no blocks.
                let of_root = |connection: &Connection| connection.user == "root";
                let is_of_root = self.answers().any(|(connection, answer)| {
                    of_root(connection) && answer.settings.values == settings.values
                }) || !self.answers().any(|(connection, _)| of_root(connection));
                Settings {
                    root_with_keys: is_of_root && self.root_has_keys,
                    scope: match number {
                        0 => String::new(),
                        _ => format!("for {}{more}", named.join(", ")),
                    },
                    everybody: number == 0,
                    ..settings
                }
            });
        settings.collect()
    }
}

fn silent(why: &str) -> Finding {
    // systemd creates it when it starts sshd.
    if why.contains("privilege separation directory") {
        return Finding::new(
            Warning,
            "sshd-not-started",
            format!("sshd -T does not print sshd's settings: {why}"),
            "sshd has not been started on this host, so its settings could not be checked.",
            "Start sshd (systemctl start ssh; on Fedora and RHEL, sshd), and check again.",
        );
    }
    Finding::new(
        Error,
        "sshd-does-not-tell",
        format!("sshd -T does not print sshd's settings: {why}"),
        "If sshd_config has an error, sshd does not start again, and refuses all logins.",
        "Correct the error before sshd restarts. sshd -t shows all errors.",
    )
}

fn parse(said: &program::Output) -> Result<Answer, Silence> {
    if said.killed {
        return Err(Silence::from("a signal ended sshd -T".to_owned()));
    }
    if !said.well {
        // The last line may only count the errors named before.
        let mut lines = said.err.lines().rev();
        let named = lines.find(|line| {
            !line.contains(": terminating, ")
                && !line.trim().is_empty()
                && !line.starts_with("debug")
        });
        let root_only = if nix::unistd::geteuid().is_root() {
            ""
        } else {
            "; run this as root"
        };
        let why = for_log(named.unwrap_or_default());
        return Err(Silence {
            why: format!("it says: {why}{root_only}"),
            is_refusal: true,
        });
    }
    let settings = Settings::parse("", &said.out);
    if settings.values.is_empty() {
        return Err(Silence::from("sshd -T prints no settings".to_owned()));
    }
    match trace::blocks(&said.err) {
        Some(blocks) => Ok(Answer { settings, blocks }),
        None => Err(Silence::from(
            "it does not say which Match blocks it uses".to_owned(),
        )),
    }
}

/// What sshd's settings must fit.
pub struct Expected<'s> {
    /// The first factor of the stack is a key.
    pub by_key: bool,
    /// The stack asks for the phone alone, and relies on the key that sshd requires.
    pub phone_alone: bool,
    /// The module's configuration in that stack.
    pub config: Option<&'s Config>,
}

/// Compares sshd's settings with what the stack needs.
pub fn check(settings: &Settings, expected: &Expected<'_>, report: &mut Report) {
    // Since OpenSSH 10. sshd ends the connection before any login.
    if settings.on("refuseconnection") {
        return;
    }
    let airlock = expected
        .config
        .is_some_and(|config| matches!(config.mode, Mode::Airlock(_)));
    let mut checker = Checker {
        settings,
        config: expected.config,
        by_key: expected.by_key,
        phone_alone: expected.phone_alone,
        airlock,
        report,
    };
    if !settings.on("usepam") {
        // An sshd that is built without PAM does not print it.
        let (what, advice) = if settings.get("usepam").is_empty() {
            (
                "This sshd is built without PAM",
                "Install an sshd that is built with PAM.",
            )
        } else {
            ("UsePAM is off", "Set UsePAM yes.")
        };
        checker.say(
            Error,
            "sshd-usepam-off",
            what,
            "sshd does not ask PAM. The phone never rings, and the stack checks no password.",
            advice,
        );
        return;
    }
    if !checker.methods() {
        return;
    }
    checker.questions();
    checker.twice();
    checker.keys();
    checker.no_keys();
    checker.root();
    checker.other_ways();
    if let Some(config) = expected.config {
        checker.times_and_names(config);
    }
}

/// Reports that sshd asks a service without the phone.
pub fn without_phone(settings: &Settings, report: &mut Report) {
    let mut checker = Checker {
        settings,
        config: None,
        by_key: false,
        phone_alone: false,
        airlock: false,
        report,
    };
    let service = for_log(settings.service());
    checker.say(
        Error,
        "sshd-service-name",
        &format!("PAMServiceName is {service}, and this stack does not name the module"),
        "sshd asks this stack instead of /etc/pam.d/sshd, so the phone never rings.",
        &format!("Remove PAMServiceName, or add the module to /etc/pam.d/{service}."),
    );
}

/// sshd's settings, and the findings about them.
struct Checker<'j> {
    settings: &'j Settings,
    config: Option<&'j Config>,
    /// The stack's first factor is a key.
    by_key: bool,
    phone_alone: bool,
    airlock: bool,
    report: &'j mut Report,
}

impl Checker<'_> {
    fn say(&mut self, severity: Severity, id: &'static str, what: &str, why: &str, advice: &str) {
        let scope = match self.settings.scope.as_str() {
            "" => String::new(),
            scope => format!(" ({scope})"),
        };
        let finding = Finding::new(severity, id, format!("{what}{scope}"), why, advice);
        // A finding for everybody is not repeated for single users.
        let known = self.report.findings.iter().any(|(_, known)| {
            known.id == id && known.severity <= severity && known.what == what && known.why == why
        });
        if !known {
            self.report.add(Area::Sshd, finding);
        }
    }

    /// Whether a login can complete a list of methods.
    fn methods(&mut self) -> bool {
        let settings = self.settings;
        let is_empty = settings.usable_methods().is_some_and(|all| all.is_empty());
        // `keys` reports a key that is off.
        if self.by_key && !settings.on("pubkeyauthentication") {
            return true;
        }
        let lists = settings.methods().unwrap_or_default();
        if !is_empty {
            self.unusable(&lists);
            return true;
        }
        let off: BTreeSet<_> = lists
            .into_iter()
            .flatten()
            .filter(|method| !settings.is_on(method))
            .map(for_log)
            .collect();
        let off = off.into_iter().collect::<Vec<_>>().join(", ");
        self.say(
            Error,
            "sshd-methods-disabled",
            &format!("No login can complete AuthenticationMethods: sshd does not offer {off}"),
            "Each list needs a method that is off, or a device other than pam. sshd refuses these logins.",
            "Turn these methods on, or set other AuthenticationMethods.",
        );
        false
    }

    /// Names the lists of methods that no login can complete.
    fn unusable(&mut self, lists: &[Vec<&str>]) {
        let settings = self.settings;
        for list in lists {
            if let Some(off) = list.iter().find(|method| !settings.is_on(method)) {
                self.say(
                    Note,
                    "sshd-methods-disabled",
                    &format!(
                        "No login can complete {} in AuthenticationMethods: sshd does not offer {}",
                        for_log(&list.join(",")),
                        for_log(off)
                    ),
                    "Users log in by the other lists.",
                    "Turn the method on, or remove the list.",
                );
            }
        }
    }

    /// Whether the module's questions reach the user.
    fn questions(&mut self) {
        const REFUSED: &str = "Every password login is refused: this configuration has a prompt, and sshd's password method cannot show it.";
        const OFF: &str = "KbdInteractiveAuthentication is off (before OpenSSH 8.7: ChallengeResponseAuthentication)";

        // sshd does not offer a method that is in no list.
        let password = self.settings.uses("password");
        // A password that Kerberos accepts does not reach PAM.
        let is_refused =
            self.config.is_some_and(asks_by_prompt) && !self.settings.on("kerberosauthentication");
        if !self.settings.asks_questions() {
            // The block accepts keys alone, and `keys` says so.
            if !password && !self.settings.everybody && self.settings.admits_by_key() {
                return;
            }
            if !password || self.airlock || self.by_key {
                self.say(
                    Error,
                    "sshd-keyboard-interactive-off",
                    OFF,
                    "sshd cannot show the prompts of the module, so no phone rings.",
                    "Set KbdInteractiveAuthentication yes and ChallengeResponseAuthentication yes before any other value, as in the example sshd_config.d/00-logonbox.conf. sshd uses the first value.",
                );
            } else {
                self.say(
                    if is_refused { Error } else { Warning },
                    "sshd-keyboard-interactive-off",
                    OFF,
                    if is_refused {
                        REFUSED
                    } else {
                        "sshd's password method asks instead. It shows no prompt and no message before the phone has answered."
                    },
                    "Copy the example sshd_config.d/00-logonbox.conf to /etc/ssh/sshd_config.d: KbdInteractiveAuthentication yes, PasswordAuthentication no.",
                );
            }
        } else if password {
            let (severity, why) = if self.by_key {
                (
                    Warning,
                    "sshd asks users for a password, which admits none of them.",
                )
            } else if is_refused {
                let is_left = self.settings.uses("keyboard-interactive");
                (if is_left { Warning } else { Error }, REFUSED)
            } else {
                (
                    Warning,
                    "sshd's password method shows no message before the phone has answered. Users see neither the announcement nor the code.",
                )
            };
            self.say(
                severity,
                "sshd-password-method-on",
                "PasswordAuthentication is on beside keyboard-interactive",
                why,
                "Set PasswordAuthentication no.",
            );
        }
    }

    /// Whether one login runs the stack more than once.
    fn twice(&mut self) {
        if self.settings.asks_pam_twice() {
            self.say(
                Warning,
                "sshd-rings-twice",
                "AuthenticationMethods asks PAM twice in one login",
                "password and keyboard-interactive each run the whole stack, so the phone rings twice.",
                "In AuthenticationMethods, name keyboard-interactive:pam once in each list, and remove password.",
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
                "sshd refuses all logins.",
                "Set PubkeyAuthentication yes.",
            );
            return;
        }
        if self.by_key && self.settings.asks_pam_after_key().contains(&false) {
            self.say(
                Warning,
                "sshd-methods-without-key",
                "AuthenticationMethods asks PAM without a key, but the stack wants one first",
                "The stack refuses these logins after the users have answered.",
                "Set AuthenticationMethods publickey,keyboard-interactive:pam.",
            );
        }
        if self.phone_alone && !self.airlock && self.settings.asks_pam_without_key() {
            self.say(
                Error,
                "sshd-methods-without-key",
                "AuthenticationMethods asks PAM without a key, and the stack has no other first factor",
                "The phone alone is enough for these logins.",
                "Set AuthenticationMethods publickey,keyboard-interactive:pam.",
            );
        }
        if !self.settings.admits_by_key() {
            return;
        }
        let chosen = self.settings.methods().is_some();
        let severity = match (self.by_key, chosen, self.settings.everybody) {
            (true, _, true) => Error,
            (false, true, true) => Warning,
            // The shipped setting, and `Match` blocks for emergencies.
            _ => Note,
        };
        let advice = if self.by_key {
            "Set AuthenticationMethods publickey,keyboard-interactive:pam."
        } else {
            "To require the phone for all logins, set AuthenticationMethods \
             publickey,keyboard-interactive:pam keyboard-interactive:pam."
        };
        self.say(
            severity,
            "sshd-key-skips-phone",
            "A login with a public key skips the phone",
            "After a key, sshd runs PAM's auth lines only if AuthenticationMethods requires it.",
            advice,
        );
    }

    /// Whether a required key can be accepted at all.
    fn no_keys(&mut self) {
        let lists = self.settings.usable_methods().unwrap_or_default();
        let needs_key = !lists.is_empty()
            && lists
                .iter()
                .all(|list| list.iter().any(|method| is(method, "publickey")));
        if needs_key && self.settings.has_no_keys() {
            self.say(
                Warning,
                "sshd-no-keys",
                "AuthenticationMethods requires a key, but AuthorizedKeysFile is none",
                "sshd accepts no keys of users, so it refuses these logins.",
                "Set AuthorizedKeysFile, AuthorizedKeysCommand or TrustedUserCAKeys.",
            );
        }
    }

    /// Whether root's login ends in a refusal after the phone: `auth_root_allowed()` in `auth.c`.
    fn root(&mut self) {
        let permit = self.settings.get("permitrootlogin");
        let is_key_only = ["prohibit-password", "without-password"].contains(&permit);
        let lists = self.settings.usable_methods().unwrap_or_default();
        let asks_pam = !lists.is_empty()
            && lists
                .iter()
                .all(|list| list.iter().any(|method| is_pam(method)));
        if self.settings.root_with_keys && is_key_only && asks_pam {
            self.say(
                Note,
                "sshd-root-refused",
                "sshd refuses root after the key and the phone: PermitRootLogin is prohibit-password",
                "All AuthenticationMethods ask PAM, and sshd then does not admit root. root has keys in /root/.ssh/authorized_keys.",
                "Log in as a user and use sudo. For emergencies, add a Match block for root with AuthenticationMethods publickey.",
            );
        }
    }

    fn other_ways(&mut self) {
        let past = self.settings.ways_past_pam();
        if past.contains(&"gssapi-with-mic") || past.contains(&"gssapi-keyex") {
            // Fedora and RHEL turn it on. An administrator who accepts keys alone accepts this,
            // too.
            let left = past.contains(&"publickey") || !self.settings.everybody;
            self.say(
                if left { Note } else { Warning },
                "sshd-gssapi-skips-phone",
                "A login with a Kerberos ticket skips the phone",
                "GSSAPIAuthentication is on. After a ticket, sshd does not run PAM's auth lines.",
                "Set GSSAPIAuthentication no, or AuthenticationMethods as for keys.",
            );
        }
        if past.contains(&"hostbased") {
            self.say(
                Warning,
                "sshd-hostbased-skips-phone",
                "A login from a trusted host skips the phone",
                "HostbasedAuthentication is on. After this method, sshd does not run PAM's auth lines.",
                "Set HostbasedAuthentication no, or AuthenticationMethods as for keys.",
            );
        }
        if past.contains(&"password") {
            self.say(
                Warning,
                "sshd-kerberos-skips-phone",
                "A login with a Kerberos password skips the phone",
                "KerberosAuthentication is on. sshd checks passwords with Kerberos before it asks PAM.",
                "Set KerberosAuthentication no, and use Kerberos through PAM (pam_krb5, pam_sss).",
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
                "sshd ends the connection before the time for the phone is over. connect_seconds and login_seconds are {} s together.",
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
                "UseDNS is on, but exemptions compare addresses only",
                "sshd passes a host name to PAM instead of the address, so no network is exempt.",
                "Set UseDNS no.",
            );
        }
    }
}

/// Whether the module needs an answer at a prompt of its own.
fn asks_by_prompt(config: &Config) -> bool {
    let asks = match &config.mode {
        Mode::Push(_) => {
            config.conversation.code == Code::Type || config.logonbox.device == Device::Ask
        }
        Mode::Airlock(_) => true,
    };
    asks || config.conversation.announce == Announce::Enter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::test_host;

    /// What `check` finds.
    fn found(text: &str, by_key: bool, config: &str) -> Vec<String> {
        let text = format!("{text}\nUsePAM yes\nPubkeyAuthentication yes\n");
        let config = format!("[logonbox]\ntenant = \"acme\"\n[conversation]\n{config}\n");
        let config = Config::parse(Path::new("/x"), &config, "sshd").unwrap();
        let expected = Expected {
            by_key,
            phone_alone: false,
            config: Some(&config),
        };
        let mut report = Report::default();
        check(&Settings::parse("for lee", &text), &expected, &mut report);
        let found = report.findings.iter();
        found
            .map(|(_, finding)| format!("{} {}", finding.severity.word(), finding.id))
            .collect()
    }

    #[test]
    fn lists_of_methods_that_no_login_completes() {
        const DISABLED: &str = "error sshd-methods-disabled";
        const ON: &str = "kbdinteractiveauthentication yes";
        for (text, is_found) in [
            ("authenticationmethods keyboard-interactive:pam", false),
            ("authenticationmethods keyboard-interactive", false),
            ("authenticationmethods any", false),
            ("authenticationmethods none", true),
            ("authenticationmethods keyboard-interactive:skey", true),
            (
                "authenticationmethods publickey,keyboard-interactive:google",
                true,
            ),
            (
                "authenticationmethods keyboard-interactive:bsdauth publickey",
                false,
            ),
            ("authenticationmethods publickey,password", true),
            (
                "passwordauthentication yes\nauthenticationmethods publickey,password",
                false,
            ),
            (
                "authenticationmethods hostbased gssapi-with-mic gssapi-keyex",
                true,
            ),
            (
                "pubkeyauthentication no\nauthenticationmethods publickey,keyboard-interactive:pam",
                true,
            ),
        ] {
            let found = found(&format!("{text}\n{ON}"), false, "");
            assert_eq!(
                found.contains(&DISABLED.to_owned()),
                is_found,
                "{text}: {found:?}"
            );
        }
        let one_of_two = "authenticationmethods publickey,password keyboard-interactive:pam";
        let found = found(&format!("{one_of_two}\n{ON}"), false, "");
        let note = "note sshd-methods-disabled".to_owned();
        assert!(found.contains(&note), "{found:?}");
    }

    #[test]
    fn a_password_method_that_cannot_show_the_prompt() {
        const OFF: &str = "passwordauthentication yes\nkbdinteractiveauthentication no";
        const BOTH: &str = "passwordauthentication yes\nkbdinteractiveauthentication yes";
        let only_password = format!("{BOTH}\nauthenticationmethods password");
        let in_no_list = format!(
            "{BOTH}\nauthenticationmethods publickey,keyboard-interactive:pam keyboard-interactive:pam"
        );
        let in_a_list =
            format!("{BOTH}\nauthenticationmethods publickey,password keyboard-interactive:pam");
        let kerberos = format!("{only_password}\nkerberosauthentication yes");
        let show = "code = \"show\"";
        let no_echo = "echo = false";
        let enter = "code = \"show\"\nannounce = \"enter\"";
        for (text, config, expected) in [
            (OFF, "", "error sshd-keyboard-interactive-off"),
            (OFF, no_echo, "error sshd-keyboard-interactive-off"),
            (OFF, enter, "error sshd-keyboard-interactive-off"),
            (OFF, show, "warning sshd-keyboard-interactive-off"),
            (BOTH, "", "warning sshd-password-method-on"),
            (BOTH, show, "warning sshd-password-method-on"),
            (&only_password, "", "error sshd-password-method-on"),
            (&only_password, show, "warning sshd-password-method-on"),
            (&kerberos, "", "warning sshd-password-method-on"),
            (&in_a_list, "", "warning sshd-password-method-on"),
        ] {
            let found = found(text, false, config);
            assert_eq!(found.first().unwrap(), expected, "{text} {config}");
        }
        // sshd offers no method that is in no list.
        assert_eq!(found(&in_no_list, false, ""), [""; 0]);
    }

    /// They mean the same.
    #[test]
    fn a_block_that_accepts_keys_alone() {
        const OFF: &str = "passwordauthentication no\nkbdinteractiveauthentication no";
        const LIST: &str = "kbdinteractiveauthentication yes\nauthenticationmethods publickey";
        const PASSWORD: &str = "passwordauthentication yes\nkbdinteractiveauthentication no\n\
                                authenticationmethods publickey";
        for text in [OFF, LIST, PASSWORD] {
            for by_key in [false, true] {
                let found = found(text, by_key, "");
                assert_eq!(found, ["note sshd-key-skips-phone"], "{text} {by_key}");
            }
        }
        for no_keys in ["pubkeyauthentication no", "authorizedkeysfile none"] {
            let found = found(&format!("{no_keys}\n{OFF}"), false, "");
            assert_eq!(found, ["error sshd-keyboard-interactive-off"], "{no_keys}");
        }
        let expected = Expected {
            by_key: false,
            phone_alone: false,
            config: None,
        };
        let mut report = Report::default();
        check(&settings(OFF), &expected, &mut report);
        let ids = super::super::test_host::ids(&report);
        assert_eq!(
            ids,
            ["sshd-keyboard-interactive-off", "sshd-key-skips-phone"]
        );
    }

    #[test]
    fn a_phone_alone_after_a_key_that_only_sshd_requires() {
        for (methods, is_found) in [
            ("publickey,keyboard-interactive:pam", false),
            ("publickey", false),
            ("keyboard-interactive:pam", true),
            (
                "publickey,keyboard-interactive:pam keyboard-interactive",
                true,
            ),
            ("any", true),
        ] {
            let text = format!("authenticationmethods {methods}\nkbdinteractiveauthentication yes");
            let expected = Expected {
                by_key: false,
                phone_alone: true,
                config: None,
            };
            let mut report = Report::default();
            let settings = Settings {
                scope: "for Match User lee".to_owned(),
                everybody: false,
                ..settings(&text)
            };
            check(&settings, &expected, &mut report);
            let mut found = report.findings.iter();
            let found = found.any(|(_, finding)| {
                finding.id == "sshd-methods-without-key" && finding.severity == Error
            });
            assert_eq!(found, is_found, "{methods}");
        }
    }

    #[test]
    fn connections_that_sshd_refuses() {
        let keys = "pubkeyauthentication yes\nkbdinteractiveauthentication yes";
        assert_eq!(found(keys, false, ""), ["note sshd-key-skips-phone"]);
        let refused = format!("{keys}\nrefuseconnection yes");
        assert_eq!(found(&refused, false, ""), [""; 0]);
    }

    #[test]
    fn keys_that_sshd_does_not_read() {
        const LISTS: &str = "kbdinteractiveauthentication yes\n\
                             authenticationmethods publickey,keyboard-interactive:pam";
        for (text, is_found) in [
            ("authorizedkeysfile none", true),
            (
                "authorizedkeysfile none\nauthorizedkeyscommand none\ntrustedusercakeys none",
                true,
            ),
            (
                "authorizedkeysfile none\nauthorizedkeyscommand /bin/keys",
                false,
            ),
            (
                "authorizedkeysfile none\ntrustedusercakeys /etc/ssh/ca.pub",
                false,
            ),
            ("authorizedkeysfile .ssh/authorized_keys", false),
        ] {
            let found = |lists: &str| {
                let found = found(&format!("{text}\n{lists}"), false, "");
                found.contains(&"warning sshd-no-keys".to_owned())
            };
            assert_eq!(found(LISTS), is_found, "{text}");
            // They also do not skip the phone.
            let on = "pubkeyauthentication yes\nkbdinteractiveauthentication yes";
            let skips = super::tests::found(&format!("{text}\n{on}"), false, "");
            let skips = skips
                .iter()
                .any(|found| found.ends_with(" sshd-key-skips-phone"));
            assert_eq!(skips, !is_found, "{text}");
            assert!(
                !found(&format!("{LISTS} keyboard-interactive:pam")),
                "{text}"
            );
        }
    }

    #[test]
    fn root_who_has_keys_and_is_refused() {
        const KEY: &str = "ssh-ed25519 AAAA root";
        const LISTS: &str = "publickey,keyboard-interactive:pam keyboard-interactive:pam";
        let of_cloud = format!("no-pty,command=\"echo no\" {KEY}");
        for (keys, permit, lists, is_found) in [
            (KEY, "without-password", LISTS, true),
            (KEY, "prohibit-password", LISTS, true),
            (KEY, "prohibit-password", "publickey", false),
            (KEY, "prohibit-password", "any", false),
            (KEY, "yes", LISTS, false),
            (KEY, "no", LISTS, false),
            ("# none\n", "prohibit-password", LISTS, false),
            (&of_cloud, "prohibit-password", LISTS, false),
        ] {
            let file = ("root/.ssh/authorized_keys", keys, 0o600);
            let (_dir, root) = super::super::test_host::machine(&[file]);
            let text = format!(
                "kbdinteractiveauthentication yes\nauthenticationmethods {lists}\n\
                 permitrootlogin {permit}"
            );
            let settings = Settings {
                root_with_keys: root_has_keys(&root),
                ..settings(&text)
            };
            let expected = Expected {
                by_key: false,
                phone_alone: false,
                config: None,
            };
            let mut report = Report::default();
            check(&settings, &expected, &mut report);
            let mut found = report.findings.iter();
            let found = found.any(|(_, finding)| finding.id == "sshd-root-refused");
            assert_eq!(found, is_found, "{keys} {permit} {lists}");
        }
    }

    fn settings(more: &str) -> Settings {
        Settings::parse(
            "",
            &format!("{more}\nUsePAM yes\nPubkeyAuthentication yes\n"),
        )
    }

    /// Only a mistake in sshd's files is an error.
    #[test]
    fn answers_of_sshd_that_are_none() {
        const SETTINGS: &str = "port 22\nusepam yes\npubkeyauthentication yes\n";
        const TRACE: &str = "debug2: parse_server_config_depth: config reprocess config len 1\n";
        let said = |well, killed, out: &str, err: &str| {
            let (out, err) = (out.to_owned(), err.to_owned());
            parse(&program::Output {
                well,
                killed,
                out,
                err,
            })
        };
        assert!(said(true, false, SETTINGS, TRACE).is_ok());
        for (well, killed, out, err, is_refusal) in [
            (false, false, "", "/etc/ssh/sshd_config: Bad option", true),
            (false, true, SETTINGS, TRACE, false),
            (true, false, "", TRACE, false),
            (true, false, SETTINGS, "", false),
        ] {
            let silence = said(well, killed, out, err).map(|_| ()).unwrap_err();
            assert_eq!(silence.is_refusal, is_refusal, "{silence:?}");
        }
        let without_pam = SETTINGS.replace("usepam yes\n", "");
        let answer = said(true, false, &without_pam, TRACE).ok().unwrap();
        let expected = Expected {
            by_key: false,
            phone_alone: false,
            config: None,
        };
        let mut report = Report::default();
        check(&answer.settings, &expected, &mut report);
        assert_eq!(super::super::test_host::ids(&report), ["sshd-usepam-off"]);
    }

    /// An sshd that runs `slow` for all users but nobody, and makes the file `asked`.
    fn sshd_with(dir: &Path, slow: &str) -> Asker {
        let sshd = dir.join("sshd");
        let text = format!(
            ": >{}/asked\ncase $* in *user=nobody*) ;; *) {slow};; esac\n\
             echo 'usepam yes'\nexec >&2\n\
             echo 'debug2: parse_server_config_depth: config reprocess config len 1'\n\
             for user in lee kim; do\n\
             echo \"debug3: checking match for 'User $user' user x host x addr x laddr x lport 22\"\n\
             done\n",
            dir.display()
        );
        test_host::program(&sshd, &text);
        Asker {
            sshd,
            options: Vec::new(),
            root_has_keys: false,
            asked: Vec::new(),
            begin: now(),
            gap: None,
        }
    }

    #[test]
    fn an_sshd_that_takes_long() {
        // The script is gone at the next question.
        for (slow, asked, why) in [
            ("kill -9 $$", 4, "no connection was found"),
            ("rm $0", 2, "No such file"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let mut asker = sshd_with(dir.path(), slow);
            let mut report = Report::default();
            let found = asker.all(Some("lee"), &[], &mut report);
            assert_eq!(found.len(), 1, "{slow}: {:?}", report.checked);
            assert_eq!(report.findings, [], "{slow}");
            let skipped = |block: &str| {
                let mut checked = report.checked.iter();
                checked.any(|(_, checked)| {
                    let mut skipped = checked.skipped.iter();
                    checked.what.ends_with(block) && skipped.any(|one| one.contains(why))
                })
            };
            assert!(
                skipped("Match User lee") && skipped("Match User kim"),
                "{slow}: {:?}",
                report.checked
            );
            assert_eq!(asker.asked.len(), asked, "{slow}");
        }

        // The time is over.
        let dir = tempfile::tempdir().unwrap();
        let mut asker = sshd_with(dir.path(), ":");
        asker.begin = now().checked_sub(MOST_TIME).unwrap();
        let mut report = Report::default();
        assert!(asker.all(None, &[], &mut report).is_empty());
        assert_eq!(report.findings, []);
        let (_, checked) = report.checked.first().unwrap();
        let why = "sshd was asked for 60 s, and not for more";
        assert_eq!(checked.skipped.as_deref(), Some(why));
        assert!(!dir.path().join("asked").exists());
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
            let on = "passwordauthentication yes\nkbdinteractiveauthentication yes";
            let settings = settings(&format!("{on}\nauthenticationmethods {methods}"));
            assert_eq!(settings.ways_past_pam(), past, "{methods}");
            assert_eq!(settings.is_after_key(), after_key, "{methods}");
        }
        let gssapi = "gssapiauthentication yes\ngssapikeyexchange yes\n\
                      passwordauthentication yes\nkbdinteractiveauthentication yes\n";
        for (methods, past, twice) in [
            (
                "gssapi-keyex publickey,password",
                vec!["gssapi-keyex"],
                false,
            ),
            ("gssapi-keyex,keyboard-interactive:pam", vec![], false),
            (
                "keyboard-interactive:pam,keyboard-interactive:pam",
                vec![],
                true,
            ),
            ("publickey,password,keyboard-interactive", vec![], true),
            ("hostbased,password,keyboard-interactive", vec![], false),
            (
                "any",
                vec!["publickey", "gssapi-with-mic", "gssapi-keyex"],
                false,
            ),
        ] {
            let settings = settings(&format!("{gssapi}authenticationmethods {methods}"));
            assert_eq!(settings.ways_past_pam(), past, "{methods}");
            assert_eq!(settings.asks_pam_twice(), twice, "{methods}");
        }
        let kerberos = settings(&format!("{gssapi}kerberosauthentication yes"));
        assert!(kerberos.ways_past_pam().contains(&"password"));
        assert_eq!(kerberos.service(), "sshd");
        assert_eq!(settings("PAMServiceName Door").service(), "Door");
        let old = settings("kbdinteractiveauthentication yes\nchallengeresponseauthentication no");
        assert!(!old.asks_questions());
        assert!(settings("KbdInteractiveAuthentication yes").asks_questions());
    }
}
