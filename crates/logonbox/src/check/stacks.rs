//! Checks the stacks that name our module, and puts their faults into words.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::path::{Path, PathBuf};

use login::args::Args;
use login::config::{Mode, OnUnavailable, Password};

use super::configuration::Configs;
use super::dispatch::StepKind;
use super::files::Root;
use super::finding::{Area, Finding, Report, Severity};
use super::pam_d::{self, Module, Place, SINGLE_FILE, Service};
use super::questions::{Fault, Occurrence, REFUSALS, Situation, ask};
use super::roles::{OURS, Role, file_name};

/// The services that the module is made for.
const PROGRAMS: [&str; 6] = ["login", "sshd", "su", "su-l", "sudo", "sudo-i"];
/// Files that other files include. No program asks for them.
const SHARED: [&str; 11] = [
    "common-account",
    "common-auth",
    "common-password",
    "common-session",
    "common-session-noninteractive",
    "fingerprint-auth",
    "password-auth",
    "postlogin",
    "smartcard-auth",
    "switchable-auth",
    "system-auth",
];
/// Names that only our examples have.
const EXAMPLES: [&str; 2] = ["sshd-airlock", "sshd-publickey"];
const RIGHT: &str = "[success=ok ignore=ignore default=die]";

/// Longer stacks would take too long to check.
const MOST_LINES: usize = 100;

/// The services of this host that matter to our module.
pub struct Services {
    all: Vec<Service>,
}

impl Services {
    /// Reads all services.
    pub fn read(root: &Root) -> Self {
        let names = if pam_d::has_directory(root) {
            pam_d::names(root)
        } else {
            pam_d::names_in_single_file(root)
        };
        let all: Vec<_> = names
            .iter()
            .map(|name| pam_d::service(root, name))
            .collect();
        Self { all }
    }

    /// The service with this name.
    pub fn get(&self, name: &str) -> Option<&Service> {
        self.all.iter().find(|service| service.name == name)
    }

    /// The services that a program asks for.
    fn of_programs(&self) -> impl Iterator<Item = &Service> {
        let included: BTreeSet<&str> = self
            .all
            .iter()
            .flat_map(|service| service.includes.iter().map(String::as_str))
            .collect();
        self.all.iter().filter(move |service| {
            let name = service.name.as_str();
            PROGRAMS.contains(&name)
                || !(included.contains(name) || SHARED.contains(&name) || EXAMPLES.contains(&name))
        })
    }

    /// The services that the module is made for, whether they name it or not.
    pub fn it_is_made_for(&self) -> impl Iterator<Item = &Service> {
        self.all
            .iter()
            .filter(|service| PROGRAMS.contains(&service.name.as_str()))
    }

    /// The services that name our module.
    pub fn with_phone(&self) -> impl Iterator<Item = &Service> {
        self.of_programs()
            .filter(|service| service.phones().next().is_some())
    }

    /// The configurations that the stacks name, with their lines.
    pub fn configurations(&self, default: &Path) -> BTreeMap<PathBuf, Place> {
        let mut paths = BTreeMap::new();
        for service in self.with_phone() {
            for phone in service.phones() {
                if let Ok(args) = arguments(phone, default) {
                    paths.entry(args).or_insert_with(|| phone.place.clone());
                }
            }
        }
        paths
    }

    /// The configuration of one service, if its stack names our module.
    pub fn configuration(&self, name: &str, default: &Path) -> Option<PathBuf> {
        let phone = self.get(name)?.phones().next()?;
        arguments(phone, default).ok()
    }
}

/// The configuration that a line names, or else `default`.
fn arguments(phone: &Module, default: &Path) -> Result<PathBuf, String> {
    let words: Vec<CString> = phone
        .arguments
        .iter()
        .map(|word| CString::new(word.as_str()).map_err(|_| "an argument has a NUL".to_owned()))
        .collect::<Result<_, _>>()?;
    let args = Args::parse(words.iter().map(CString::as_c_str))?;
    let given = phone.arguments.iter().any(|word| word.starts_with("conf="));
    Ok(if given { args.path } else { default.to_owned() })
}

/// A fault, and all services in which it appears in the same way.
struct Group {
    occurrence: Occurrence,
    /// The line to report.
    at: Place,
    /// The line of our module, if it is another one.
    phone: Option<Place>,
    situation: Situation,
    services: BTreeSet<String>,
}

/// The host and its configurations.
pub struct Context<'s> {
    /// The files of the host.
    pub root: &'s Root,
    /// The configuration of lines without `conf=`.
    pub conf: &'s Path,
    /// The configurations that could be read.
    pub configs: &'s Configs,
    /// sshd asks PAM only after a key.
    pub sshd_after_key: bool,
}

/// Checks every stack.
pub fn check(services: &Services, context: &Context<'_>, report: &mut Report) {
    let mut all: Vec<Group> = Vec::new();
    let mut asked = Vec::new();
    for service in services.of_programs() {
        let has_phone = service.phones().next().is_some();
        if has_phone || PROGRAMS.contains(&service.name.as_str()) {
            problems(service, report);
        }
        other_types(service, has_phone, report);
        let Some(phone) = service.phones().next() else {
            continue;
        };
        asked.push(service.name.clone());
        for phone in service.phones() {
            check_arguments(phone, context.conf, report);
        }
        if super::walk::modules(&service.auth).count() > MOST_LINES {
            let why = format!("it has more than {MOST_LINES} lines");
            report.skipped(
                Area::Stacks,
                format!("Who gets in by {}", service.name),
                why,
            );
            continue;
        }
        let situation = situation(service, phone, context);
        for one in ask(&service.auth, situation) {
            // The cause has been reported: the problems of the service.
            if one.fault == Fault::NobodyGetsIn && !service.problems.is_empty() {
                continue;
            }
            let at = place(service, one.at).unwrap_or_else(|| phone.place.clone());
            let same = |group: &&mut Group| {
                group.occurrence.fault == one.fault
                    && group.occurrence.always == one.always
                    && group.at == at
                    && group.situation == situation
            };
            if let Some(group) = all.iter_mut().find(same) {
                group.services.insert(service.name.clone());
            } else {
                all.push(Group {
                    occurrence: one,
                    phone: (at != phone.place).then(|| phone.place.clone()),
                    at,
                    situation,
                    services: BTreeSet::from([service.name.clone()]),
                });
            }
        }
        if service.name == "sshd" && situation.after_key && !asks_for_a_factor(service) {
            report.add(Area::Stacks, only_sshd_asks(phone));
        }
    }
    for group in all {
        let line = control_at(services, &group.at).unwrap_or_default();
        if let Some(finding) = in_words(&group, &line) {
            report.add(Area::Stacks, finding.at(&group.at));
        }
    }
    whole_host(services, context.root, &asked, report);
}

fn asks_for_a_factor(service: &Service) -> bool {
    super::walk::modules(&service.auth)
        .any(|module| matches!(module.role, Role::Factor | Role::Key | Role::Unknown))
}

fn only_sshd_asks(phone: &Module) -> Finding {
    Finding::new(
        Severity::Warning,
        "stack-key-not-checked",
        "This stack asks for no first factor; only AuthenticationMethods in sshd_config does",
        "The phone alone is enough as soon as somebody changes that line, or a Match block does.",
        "Put this line before it: auth requisite pam_exec.so quiet /usr/bin/grep -qz \
         ^SSH_AUTH_INFO_0=publickey /proc/self/environ",
    )
    .at(&phone.place)
}

fn situation(service: &Service, phone: &Module, context: &Context<'_>) -> Situation {
    let config = arguments(phone, context.conf)
        .ok()
        .and_then(|path| context.configs.get(&path, &service.name));
    let after_key = context.sshd_after_key && service.name == "sshd";
    let Some(config) = config else {
        return Situation {
            after_key,
            ..Situation::default()
        };
    };
    let policy = &config.policy;
    let (airlock, password_from_stack) = match &config.mode {
        Mode::Push(_) => (false, false),
        Mode::Airlock(_) => (true, config.airlock.password == Password::Stack),
    };
    Situation {
        airlock,
        password_from_stack,
        exempts: !(policy.only_groups.is_empty() && policy.exempt.is_empty()),
        goes_on_without: policy.on_unavailable == OnUnavailable::Ignore,
        after_key,
    }
}

fn module_at(service: &Service, at: usize) -> Option<&Module> {
    match &service.auth.get(at)?.kind {
        StepKind::Module(module) => Some(module),
        StepKind::Broken | StepKind::Substack => None,
    }
}

fn place(service: &Service, at: usize) -> Option<Place> {
    module_at(service, at).map(|module| module.place.clone())
}

/// The text of a line, for the report.
fn control_at(services: &Services, place: &Place) -> Option<String> {
    services
        .all
        .iter()
        .flat_map(|service| super::walk::modules(&service.auth))
        .find(|module| module.place == *place)
        .map(|module| {
            let control = if module.control.contains(['=', ' ']) {
                format!("[{}]", module.control)
            } else {
                module.control.clone()
            };
            format!("{control} {}", file_name(&module.path))
        })
}

fn list(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Describes a fault. `None` if it is harmless in this situation.
#[expect(clippy::too_many_lines, reason = "one piece for each fault")]
fn in_words(group: &Group, line: &str) -> Option<Finding> {
    use Severity::{Error, Note, Warning};

    let Group {
        occurrence,
        situation,
        phone,
        services,
        ..
    } = group;
    let services = list(services);
    let who = if situation.airlock {
        "Airlock"
    } else {
        "the phone"
    };
    let ours = phone.as_ref().map_or_else(
        || "this line".to_owned(),
        |place| {
            format!(
                "the line with {OURS} ({}:{})",
                place.file.display(),
                place.line
            )
        },
    );
    let matters = situation.exempts || situation.goes_on_without;
    let some = |always, otherwise| if occurrence.always { always } else { otherwise };
    let (severity, id, what, why, advice) = match occurrence.fault {
        Fault::RefusalDoesNotCount => {
            let codes: Vec<String> = occurrence.codes.iter().map(ToString::to_string).collect();
            let what = if codes.len() == REFUSALS.len() {
                format!("A refusal does not count: {line}")
            } else {
                format!("Some refusals do not count ({}): {line}", codes.join(", "))
            };
            (
                some(Error, Warning),
                "stack-refusal-does-not-count",
                what,
                format!("In {services}, a person whom {who} has refused is let in with the password alone."),
                format!("Write {RIGHT} as its control."),
            )
        }
        Fault::PhoneSkipped if occurrence.always => (
            Error,
            "stack-phone-skipped",
            format!("This line leads past {ours}: {line}"),
            format!("In {services}, whoever gives the right password is let in, and {who} is not asked."),
            "Let the stack go on to the module: the manual, pam_logonbox(8), STACKS, has the lines.".to_owned(),
        ),
        Fault::PhoneSkipped => (
            Note,
            "stack-phone-skipped-for-some",
            format!("For some people, this line leads past {ours}: {line}"),
            format!("In {services}, they are let in, and {who} is not asked."),
            "Nothing, if that is meant. For exempting people, [policy] in the configuration leaves a line in the log.".to_owned(),
        ),
        Fault::PhoneInsteadOfPassword => (
            some(Error, Warning),
            "stack-phone-instead-of-password",
            format!("The phone is enough, and a wrong password is none: {line}"),
            format!("In {services}, whoever presses the button is let in{}.", if occurrence.always { "" } else { ", if a condition in the stack holds" }),
            format!("Ask for the password first, so that a wrong one ends the stack, and then for the phone with {RIGHT}."),
        ),
        Fault::NoFirstFactor => (
            some(Error, Warning),
            "stack-no-first-factor",
            "No line asks for a password or a key: the phone alone is enough".to_owned(),
            format!("In {services}, whoever gets one request approved, by mistake or by patience, is in."),
            "Put the line that asks for the password before it (@include common-auth), or that which looks for a key; \
             pam_logonbox(8), STACKS.".to_owned(),
        ),
        Fault::RingsBeforePassword => (
            some(Error, Warning),
            "stack-rings-before-password",
            "The phone rings before the password is asked for".to_owned(),
            format!("In {services}, everybody who knows a name can make that phone ring."),
            "Move this line below the line that asks for the password.".to_owned(),
        ),
        Fault::RingsAfterWrongPassword => (
            if situation.airlock { Warning } else { some(Error, Warning) },
            "stack-rings-after-wrong-password",
            format!("After a wrong password the stack goes on to {ours}: {line}"),
            format!("In {services}, whoever guesses at passwords makes phones ring, until somebody presses the wrong button."),
            "Let a wrong password end the stack: requisite in place of required, or a jump over pam_deny.so.".to_owned(),
        ),
        Fault::RingsTwice => (
            some(Error, Warning),
            "stack-rings-twice",
            "The module is asked twice in one login".to_owned(),
            format!("In {services}, the phone rings twice. Is it in common-auth, too (pam-auth-update)?"),
            "Take one of the lines away.".to_owned(),
        ),
        Fault::NobodyGetsIn if occurrence.always => (
            Error,
            "stack-nobody-gets-in",
            format!("Nobody gets in, not even with the right password and an approval: {line}"),
            format!("In {services}, every login is refused. A jump that lands on the wrong line is the usual cause."),
            "Compare the stack with that in pam_logonbox(8), STACKS: success=2 jumps over exactly two lines.".to_owned(),
        ),
        Fault::ExemptRefused if occurrence.always => (
            if matters { Error } else { Warning },
            "stack-exempt-refused",
            format!("The control refuses whoever the module takes no part in: {line}"),
            format!(
                "In {services}, people who are exempt{} are locked out{}.",
                if situation.goes_on_without { ", and everybody while the tenant is away," } else { "" },
                if matters { "" } else { " as soon as the configuration exempts somebody" }
            ),
            format!("Write {RIGHT}."),
        ),
        Fault::ExemptNothingLeft if occurrence.always => (
            if matters { Error } else { Warning },
            "stack-exempt-nothing-left",
            "Where the module takes no part, no line is left that lets anybody in".to_owned(),
            format!(
                "In {services}, people who are exempt are locked out{}: a stack in which every module is ignored refuses.",
                if matters { "" } else { " as soon as the configuration exempts somebody" }
            ),
            if situation.airlock {
                "Put the line that asks for the host's password behind it, in place of pam_deny.so; never pam_permit.so.".to_owned()
            } else {
                "Put this line behind it: auth required pam_permit.so".to_owned()
            },
        ),
        Fault::NobodyGetsIn | Fault::ExemptRefused | Fault::ExemptNothingLeft => return None,
        Fault::ExemptWithoutFactor => (
            if matters { some(Error, Warning) } else { Warning },
            "stack-exempt-without-password",
            "Whoever the module takes no part in is let in without any password".to_owned(),
            format!(
                "In {services}, people who are exempt{} need nothing{}.",
                if situation.goes_on_without { ", and everybody while the server is away," } else { "" },
                if matters { "" } else { " as soon as the configuration exempts somebody" }
            ),
            "Put pam_deny.so, or a line that asks for a password, in place of pam_permit.so.".to_owned(),
        ),
        Fault::KeyAloneWhileAway => (
            Warning,
            "stack-key-alone-while-away",
            "on_unavailable = \"ignore\" stands behind a stack whose first factor is a key".to_owned(),
            format!("In {services}, the key alone is enough while the tenant cannot be reached, and whoever can cut this host off decides when."),
            "Set on_unavailable = \"deny\", or give this service a configuration of its own (conf=).".to_owned(),
        ),
        Fault::AskedAfterRefusal => (
            Warning,
            "stack-asks-after-refusal",
            format!("People are asked for more after {who} has refused them: {line}"),
            format!("In {services}, they type a password, or their phone rings again, for a login that is lost."),
            format!("Write {RIGHT} or requisite as the control of {OURS}."),
        ),
        Fault::NoPasswordInStack => (
            Error,
            "stack-no-password-for-airlock",
            "password = \"stack\", but no line before this one asks for a password".to_owned(),
            format!("In {services}, there is none to send to Airlock, and every login is refused."),
            "Set password = \"ask\", or put the line that asks for the password before it.".to_owned(),
        ),
    };
    let (severity, why) = if occurrence.unsure && severity == Error {
        let unsure =
            " (The stack names a module that this command does not know: look what it does.)";
        (Warning, why + unsure)
    } else {
        (severity, why)
    };
    Some(Finding::new(severity, id, what, why, advice))
}

/// Reports the mistakes that libpam would notice.
fn problems(service: &Service, report: &mut Report) {
    for problem in &service.problems {
        report.add(
            Area::Stacks,
            Finding::new(
                Severity::Error,
                problem.id,
                problem.what.clone(),
                "libpam counts such a line as failed, or refuses the whole service.",
                "Correct the line; an open root shell is the way back.",
            )
            .at(&problem.place),
        );
    }
}

/// Reports lines of other types that name our module. It has no effect there.
fn other_types(service: &Service, has_phone: bool, report: &mut Report) {
    for module in service.rest.iter().filter(|one| one.role == Role::Phone) {
        let kind = format!("{:?}", module.kind).to_lowercase();
        let (severity, why) = if has_phone {
            (Severity::Warning, "It does nothing there.")
        } else {
            (
                Severity::Error,
                "It does nothing there, and no auth line asks for the phone.",
            )
        };
        report.add(
            Area::Stacks,
            Finding::new(
                severity,
                "stack-wrong-type",
                format!("The module stands under the type {kind}"),
                why,
                "The module belongs into lines that begin with auth.",
            )
            .at(&module.place),
        );
    }
}

fn check_arguments(phone: &Module, conf: &Path, report: &mut Report) {
    if let Err(what) = arguments(phone, conf) {
        report.add(
            Area::Stacks,
            Finding::new(
                Severity::Error,
                "stack-bad-argument",
                what,
                "The module refuses every login that is asked here.",
                "Known are conf=/absolute/path and debug.",
            )
            .at(&phone.place),
        );
    }
}

/// Reports faults that no single stack shows.
fn whole_host(services: &Services, root: &Root, asked: &[String], report: &mut Report) {
    if asked.is_empty() {
        report.add(
            Area::Stacks,
            Finding::new(
                Severity::Warning,
                "stack-none",
                format!("No service names {OURS} in an auth line"),
                "The module is installed, and nobody's phone rings.",
                "pam_logonbox(8), TURNING IT ON, goes through it step by step.",
            ),
        );
    } else {
        report.checked(
            Area::Stacks,
            format!("Stacks with the module: {}", asked.join(", ")),
        );
    }
    let others: BTreeSet<String> = asked
        .iter()
        .filter(|name| !PROGRAMS.contains(&name.as_str()))
        .cloned()
        .collect();
    if !others.is_empty() {
        let place = services
            .with_phone()
            .find(|service| others.contains(&service.name))
            .and_then(|service| service.phones().next())
            .map(|phone| phone.place.clone());
        let finding = Finding::new(
            Severity::Warning,
            "stack-reaches-others",
            format!(
                "The phone is asked in other programs, too: {}",
                list(&others)
            ),
            "Screen lockers, polkit, cron and the like can show no announcement, or ask nobody.",
            "Name the module in files of single services (pam_logonbox(8), STACKS) rather than in a file that all include.",
        );
        report.add(
            Area::Stacks,
            match &place {
                Some(place) => finding.at(place),
                None => finding,
            },
        );
    }
    pairs(services, report);
    left_over(services, root, report);
}

/// Programs with two service names.
fn pairs(services: &Services, report: &mut Report) {
    for (short, long, how) in [("su", "su-l", "su -"), ("sudo", "sudo-i", "sudo -i")] {
        let (Some(one), Some(other)) = (services.get(short), services.get(long)) else {
            continue;
        };
        let has = |service: &Service| service.phones().next().is_some();
        let (without, how) = match (has(one), has(other)) {
            (true, false) => (long, how),
            (false, true) => (short, short),
            _ => continue,
        };
        report.add(
            Area::Stacks,
            Finding::new(
                Severity::Error,
                "stack-pair-differs",
                format!("{how} asks for no phone: {without} is a service of its own"),
                format!("{short} and {long} differ, so that whoever knows it goes the other way."),
                format!(
                    "Change /etc/pam.d/{without}, too: pam_logonbox(8), STACKS, has the lines."
                ),
            )
            .in_file(Path::new(&format!("/etc/pam.d/{without}")), None),
        );
    }
}

/// Reports files that look as if they had an effect.
fn left_over(services: &Services, root: &Root, report: &mut Report) {
    for name in EXAMPLES {
        if services.get(name).is_some() {
            report.add(
                Area::Stacks,
                Finding::new(
                    Severity::Warning,
                    "stack-example-name",
                    format!("No program asks for the service {name}"),
                    "It is the name of an example; sshd reads it only under the name sshd.",
                    "Move it to /etc/pam.d/sshd, or away.",
                )
                .in_file(Path::new(&format!("/etc/pam.d/{name}")), None),
            );
        }
    }
    if pam_d::has_directory(root) {
        let text = root.read(Path::new(SINGLE_FILE)).unwrap_or_default();
        let ours = |line: &str| {
            line.split('#')
                .next()
                .is_some_and(|line| line.contains(OURS))
        };
        if let Some((number, _)) = (1..).zip(text.lines()).find(|(_, line)| ours(line)) {
            report.add(
                Area::Stacks,
                Finding::new(
                    Severity::Warning,
                    "stack-pam-conf",
                    format!("{SINGLE_FILE} names the module, but does not count"),
                    "libpam does not read it where /etc/pam.d is there.",
                    "Put the line into the file of the service in /etc/pam.d.",
                )
                .in_file(Path::new(SINGLE_FILE), Some(number)),
            );
        }
    }
}

#[cfg(test)]
mod tests;
