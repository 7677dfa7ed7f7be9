//! Checks the stacks that name our module, and puts their faults into words.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::path::{Path, PathBuf};

use login::args::Args;
use login::clean::for_log;
use login::config::{Mode, OnUnavailable, Password};
use pam_stack::Code;

use super::configuration::Configs;
use super::files::{ReadError, Root};
use super::finding::{Area, Finding, Report, Severity};
use super::pam_files::{self, Place, SINGLE_FILE, has_file};
use super::programs;
use super::questions::{Fault, Occurrence, Situation, ask};
use super::roles::{Kind, OURS, REFUSALS, file_name};
use super::services::{Call, EXAMPLES, PAIRS, PROGRAMS, Service, Services, is_ours};
use super::sudo::Sudo;

/// Services by which users get what another service guards.
const WAYS_AROUND: [(&str, &[&str], &str); 2] = [
    ("sudo", &["doas", "polkit-1"], "becomes root"),
    (
        "sshd",
        &["cockpit", "proftpd", "vsftpd", "xrdp-sesman"],
        "gets in over the network",
    ),
];
/// The `account` modules that read a list of users from a file.
const BY_FILE: [&str; 3] = ["pam_access.so", "pam_listfile.so", "pam_time.so"];
const RIGHT: &str = "[success=ok ignore=ignore default=die]";

/// The configurations that the stacks name, with their lines.
pub fn configurations(services: &Services, default: &Path) -> BTreeMap<PathBuf, Place> {
    let mut paths = BTreeMap::new();
    for service in services.with_phone() {
        for arguments in service.phone_arguments() {
            if let Ok(path) = configuration_in(arguments, default) {
                paths
                    .entry(path)
                    .or_insert_with(|| place_of(service, arguments));
            }
        }
    }
    paths
}

/// The configuration of one service, if its stack names our module.
pub fn configuration(service: &Service, default: &Path) -> Option<PathBuf> {
    let arguments = service.phone_arguments();
    configuration_in(arguments.first()?, default).ok()
}

/// The configuration that a line with these arguments names, or else `default`.
fn configuration_in(arguments: &[String], default: &Path) -> Result<PathBuf, String> {
    let words: Vec<CString> = arguments
        .iter()
        .map(|word| CString::new(word.as_str()).map_err(|_| "an argument has a NUL".to_owned()))
        .collect::<Result<_, _>>()?;
    let args = Args::parse(words.iter().map(CString::as_c_str))?;
    let given = arguments.iter().any(|word| word.starts_with("conf="));
    Ok(if given { args.path } else { default.to_owned() })
}

/// The line of our module with these arguments.
fn place_of(service: &Service, arguments: &[String]) -> Place {
    let phones = service.phones();
    let line = phones.iter().find(|line| line.arguments == arguments);
    line.map_or_else(|| service.place(), |line| line.place.clone())
}

/// A fault, and all services in which it appears in the same way.
struct Group {
    occurrence: Occurrence,
    /// The lines to report.
    at: BTreeSet<Place>,
    /// Its text. `None` if the line is not known.
    line: Option<String>,
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
    /// The service that sshd asks only after a key.
    pub after_key: Option<String>,
    /// sshd does not tell its settings, so that it may require a key.
    pub sshd_unknown: bool,
    /// The services that sshd and sudo ask by their own settings.
    pub named: BTreeSet<String>,
    /// Each sudo of this host.
    pub sudos: &'s [Sudo],
    /// Whether a package has one of these files: see [`program::has_package`].
    pub has_package: fn(&[&str]) -> Option<bool>,
}

/// Checks every stack.
pub fn check(services: &Services, context: &Context<'_>, report: &mut Report) {
    if let Some(why) = &services.trouble {
        report.skipped(Area::Stacks, "The PAM stacks", why);
    }
    let mut all: Vec<Group> = Vec::new();
    let mut faulty: Vec<Faulty> = Vec::new();
    let mut unanswered = Unanswered::default();
    let mut asked = Vec::new();
    for service in services.of_programs() {
        let has_phone = service.has_phone();
        other_types(service, has_phone, report);
        if let (Err(why), None) = (&service.runs, &services.trouble) {
            unanswered.add(service, why);
            continue;
        }
        if services.trouble.is_some() {
            continue;
        }
        if is_directory(service, context.root) {
            report.add(Area::Stacks, directory().at(&service.place()));
        } else {
            takes_other(service, has_phone, context.root, report);
        }
        let reported = (has_phone
            || PROGRAMS.contains(&service.name.as_str()) && service.lines.file.is_some())
            && broken(service, context.root, &mut faulty, report);
        not_taken(service, has_phone, report);
        if !has_phone {
            continue;
        }
        asked.push(service.name.clone());
        for arguments in service.phone_arguments() {
            check_arguments(service, arguments, context.conf, report);
        }
        // What follows from a missing module is of no interest.
        if service.faulty.iter().any(|(path, _)| is_ours(path)) {
            continue;
        }
        let phone = service.phone_place();
        let situation = situation(service, context);
        for one in occurrences(service, situation, context) {
            // The cause has been reported.
            if [Fault::NobodyGetsIn, Fault::UsersOfOneRefused].contains(&one.fault) && reported {
                continue;
            }
            let line = one.at.as_ref().and_then(|call| service.line_of(call));
            let at = match (line, &one.at) {
                (Some(line), _) => line.place.clone(),
                (None, None) => phone.clone(),
                (None, Some(_)) => service.place(),
            };
            let line = line.map(|line| {
                let control = if line.control.contains(['=', ' ']) {
                    format!("[{}]", line.control)
                } else {
                    line.control.clone()
                };
                format!("{control} {}", file_name(&line.module))
            });
            let same = |group: &&mut Group| {
                group.occurrence.fault == one.fault
                    && group.occurrence.conditions == one.conditions
                    && group.occurrence.users_of == one.users_of
                    && group.occurrence.unsure == one.unsure
                    && group.line == line
                    && group.situation == situation
            };
            if let Some(group) = all.iter_mut().find(same) {
                group.services.insert(service.name.clone());
                group.at.insert(at);
            } else {
                all.push(Group {
                    occurrence: one,
                    phone: (at != phone).then(|| phone.clone()),
                    at: BTreeSet::from([at]),
                    line,
                    situation,
                    services: BTreeSet::from([service.name.clone()]),
                });
            }
        }
        if situation.after_key && !asks_for_a_factor(service) {
            report.add(Area::Stacks, only_sshd_asks(&phone));
        }
    }
    for one in faulty {
        report.add(Area::Stacks, one.in_words());
    }
    let all_answered = unanswered.0.is_empty();
    unanswered.report(report);
    for group in all {
        if let Some(first) = group.at.first() {
            report.add(Area::Stacks, in_words(&group).at(first));
        }
    }
    if asked.is_empty() && all_answered && services.trouble.is_none() {
        report.add(Area::Stacks, no_stack());
    }
    whole_host(services, context, &asked, report);
}

/// The faults of one stack. sshd may require a key before it asks the stack.
fn occurrences(service: &Service, situation: Situation, context: &Context<'_>) -> Vec<Occurrence> {
    let mut all = ask(service, situation);
    if context.sshd_unknown && service.name == "sshd" && !asks_for_a_factor(service) {
        let without_key = [Fault::NoFirstFactor, Fault::ExemptWithoutFactor];
        for one in all
            .iter_mut()
            .filter(|one| without_key.contains(&one.fault))
        {
            one.unsure.push("sshd's settings".to_owned());
        }
    }
    all
}

/// Whether a directory is in place of the file of a program.
fn is_directory(service: &Service, root: &Root) -> bool {
    let file = service.lines.file.as_ref();
    PROGRAMS.contains(&service.name.as_str())
        && file.is_some_and(|file| root.metadata(file).is_some_and(|file| file.is_dir()))
}

fn directory() -> Finding {
    Finding::new(
        Severity::Error,
        "stack-file",
        "A directory is in place of the file of a service",
        "libpam reads no lines from it, and takes those of the service other.",
        "Put the file of the distribution in its place.",
    )
}

fn no_stack() -> Finding {
    Finding::new(
        Severity::Warning,
        "stack-none",
        format!("No service names {OURS} in an auth line"),
        "The module is installed, but no login asks for the phone.",
        "pam_logonbox-stacks(7) has the lines for each service.",
    )
}

/// Reports a program whose file has no `auth` lines, or leads nowhere.
fn takes_other(service: &Service, has_phone: bool, root: &Root, report: &mut Report) {
    let mut lines = service.lines.all.iter();
    if has_phone
        || !PROGRAMS.contains(&service.name.as_str())
        || !(service.is_read && service.takes_other)
        || lines.any(|line| line.kind == "auth" || file_name(&line.module) == OURS)
        || service.lines.odd.is_some()
    {
        return;
    }
    let (what, place) = if service.lines.file.is_some() {
        let what = format!("The file of {} has no auth lines", service.name);
        (what, service.place())
    } else if let Some(link) = pam_files::dangling(root, &service.name) {
        let file = link.as_path().into();
        let what = format!("The link leads to no file: {}", link.display());
        (what, Place { file, line: None })
    } else {
        return;
    };
    let finding = Finding::new(
        Severity::Error,
        "stack-takes-other",
        what,
        "libpam takes the lines of the service other, and they do not ask for the phone.",
        "Put the file of the distribution in its place, with the line of the module.",
    );
    report.add(Area::Stacks, finding.at(&place));
}

/// The services about which libpam has not answered, by the reason. `true` if libpam cannot read
/// them.
#[derive(Default)]
struct Unanswered(BTreeMap<(String, bool), (Place, BTreeSet<String>)>);

impl Unanswered {
    fn add(&mut self, service: &Service, why: &str) {
        let place = service.lines.fifo.clone();
        let place = place.map(|file| Place { file, line: None });
        let why = (why.to_owned(), !service.is_read);
        let entry = self.0.entry(why);
        let (_, services) =
            entry.or_insert_with(|| (place.unwrap_or_else(|| service.place()), BTreeSet::new()));
        services.insert(service.name.clone());
    }

    fn report(self, report: &mut Report) {
        for ((why, is_unread), (place, services)) in self.0 {
            let services = list(&services);
            report.skipped(Area::Stacks, format!("The stack of {services}"), &why);
            if is_unread {
                let finding = Finding::new(
                    Severity::Error,
                    "stack-file",
                    format!("libpam does not answer about {services}: {why}"),
                    "A login hangs or fails in the same way.",
                    "Look for files that include each other, and for FIFOs among the files of the service.",
                );
                report.add(Area::Stacks, finding.at(&place));
            }
        }
    }
}

/// Whether a module of the stack asks for a first factor, or may do so.
pub fn asks_for_a_factor(service: &Service) -> bool {
    let factors = [Kind::Factor, Kind::Key, Kind::Unknown];
    let mut calls = service.ways().iter().flat_map(|run| &run.calls);
    calls.any(|call| factors.contains(&call.kind()))
}

/// The first factor of a stack is a key that sshd has verified, and no password.
pub fn is_by_key(service: &Service) -> bool {
    let has = |kind| {
        let mut calls = service.ways().iter().flat_map(|run| &run.calls);
        calls.any(|call: &Call| call.kind() == kind)
    };
    has(Kind::Key) && !has(Kind::Factor)
}

fn only_sshd_asks(phone: &Place) -> Finding {
    Finding::new(
        Severity::Warning,
        "stack-key-not-checked",
        "This stack asks for no first factor; only AuthenticationMethods in sshd_config does",
        "If that setting changes, or a Match block has another one, the phone alone is enough.",
        "Put this line before it: auth requisite pam_exec.so quiet /usr/bin/grep -qz \
         ^SSH_AUTH_INFO_0=publickey /proc/self/environ",
    )
    .at(phone)
}

fn situation(service: &Service, context: &Context<'_>) -> Situation {
    let config = configuration(service, context.conf)
        .and_then(|path| context.configs.get(&path, &service.name));
    let after_key = context.after_key.as_ref() == Some(&service.name);
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
    let remembers = !airlock
        && !policy.remember_minutes.is_zero()
        && policy.remember_services.contains(&service.name);
    Situation {
        airlock,
        password_from_stack,
        exempts: remembers || !(policy.only_groups.is_empty() && policy.exempt.is_empty()),
        remembers,
        goes_on_without: policy.on_unavailable == OnUnavailable::Ignore,
        after_key,
    }
}

/// The names in a sentence, but not all of a long list.
fn list(names: &BTreeSet<String>) -> String {
    const MOST: usize = 8;
    let more = names.len().saturating_sub(MOST);
    let rest = format!("{more} more");
    let names: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .take(MOST)
        .chain((more > 0).then_some(&*rest))
        .collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Describes a fault.
#[expect(clippy::too_many_lines, reason = "one piece for each fault")]
fn in_words(group: &Group) -> Finding {
    use Severity::{Error, Warning};

    let Group {
        occurrence,
        situation,
        phone,
        services,
        ..
    } = group;
    let services = list(services);
    let line = match (&group.line, &occurrence.at) {
        (Some(line), _) => line.clone(),
        (None, Some(call)) => format!("{} (its line is not known)", call.module.name()),
        (None, None) => OURS.to_owned(),
    };
    let who = if situation.airlock {
        "Airlock"
    } else {
        "the phone"
    };
    let ours = phone.as_ref().map_or_else(
        || "this line".to_owned(),
        |place| format!("the line with {OURS} ({place})"),
    );
    let matters = situation.exempts || situation.goes_on_without;
    let exempt = if situation.remembers {
        "exempt and remembered users"
    } else {
        "exempt users"
    };
    let always = occurrence.conditions.is_empty();
    let some = |always_so, otherwise| if always { always_so } else { otherwise };
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
                format!("In {services}, the password alone is enough, even after {who} has refused the login."),
                format!("Write {RIGHT} as its control."),
            )
        }
        Fault::PhoneSkipped if always => (
            Error,
            "stack-phone-skipped",
            format!("After this line, libpam skips {ours}: {line}"),
            format!("In {services}, the right password is enough, and {who} is not asked."),
            "Change its control, so that libpam goes on to the module: pam_logonbox-stacks(7) has the lines.".to_owned(),
        ),
        Fault::PhoneSkipped => (
            Warning,
            "stack-phone-skipped-for-some",
            format!("For some users, libpam skips {ours} after this line: {line}"),
            format!("In {services}, {who} is not asked for these users."),
            "If that is not intended, remove the line. An exemption in [policy] also leaves a line in the log.".to_owned(),
        ),
        Fault::NothingAsked => (
            some(Error, Warning),
            "stack-asks-nothing",
            format!("The stack accepts users without any factor: {line}"),
            format!(
                "In {services}, {} get in without a password and without {who}.",
                if always { "all users" } else { "some users" }
            ),
            "Remove the line, or let the stack go on to the password and the module.".to_owned(),
        ),
        Fault::PhoneInsteadOfPassword => (
            some(Error, Warning),
            "stack-phone-instead-of-password",
            format!("The phone is enough after a wrong password: {line}"),
            format!("In {services}, a user gets in without the right password."),
            format!("Ask for the password first, so that a wrong one ends the stack, and then for the phone with {RIGHT}."),
        ),
        Fault::NoFirstFactor => (
            some(Error, Warning),
            "stack-no-first-factor",
            "No line asks for a password or a key: the phone alone is enough".to_owned(),
            format!("In {services}, one request that is approved by mistake lets an attacker in."),
            "Put the line that asks for the password before it (@include common-auth), or one that checks for a key: \
             pam_logonbox-stacks(7).".to_owned(),
        ),
        Fault::FirstFactorMayBeMissing => (
            Warning,
            "stack-first-factor-optional",
            format!("Users who have not set up the first factor need the phone alone: {line}"),
            format!(
                "In {services}, the module of this line returns PAM_IGNORE for these users. If they are also exempt, \
                 they may need nothing."
            ),
            "Remove the argument that allows this, such as nullok, nouserok or ignore_unknown_user, or ask for a password before it.".to_owned(),
        ),
        Fault::RingsBeforePassword => (
            some(Error, Warning),
            "stack-rings-before-password",
            "The phone rings before the stack asks for the password".to_owned(),
            format!("In {services}, an attacker who knows a user name can make that phone ring."),
            "Move this line below the line that asks for the password.".to_owned(),
        ),
        Fault::RingsAfterWrongPassword => (
            if situation.airlock { Warning } else { some(Error, Warning) },
            "stack-rings-after-wrong-password",
            format!("After a wrong password the stack goes on to {ours}: {line}"),
            format!("In {services}, an attacker who guesses passwords makes phones ring."),
            "Let a wrong password end the stack: requisite in place of required, or a jump over pam_deny.so.".to_owned(),
        ),
        Fault::RingsTwice => (
            some(Error, Warning),
            "stack-rings-twice",
            "The stack asks the module twice in one login".to_owned(),
            format!("In {services}, the phone rings twice. Is the module in common-auth, too (pam-auth-update)?"),
            "Remove one of the lines.".to_owned(),
        ),
        Fault::NobodyGetsIn if always => (
            Error,
            "stack-nobody-gets-in",
            format!("Every login is refused, even with the right password and an approval: {line}"),
            format!("In {services}, all users are locked out. A jump to the wrong line is the usual cause."),
            "Compare the stack with that in pam_logonbox-stacks(7): success=2 jumps over exactly two lines.".to_owned(),
        ),
        Fault::NobodyGetsIn | Fault::UsersOfOneRefused => (
            // All users of this host, also root.
            if always && occurrence.users_of.contains("pam_unix.so") { Error } else { Warning },
            "stack-refuses-some",
            format!("Some users are refused, even with the right password and an approval: {line}"),
            format!("In {services}, these users are locked out. A jump to the wrong line is the usual cause."),
            "Compare the stack with that in pam_logonbox-stacks(7): success=2 jumps over exactly two lines.".to_owned(),
        ),
        Fault::ExemptRefused => (
            if matters { some(Error, Warning) } else { Warning },
            "stack-exempt-refused",
            format!("The control refuses {exempt}: {line}"),
            format!(
                "In {services}, {exempt}{} are locked out{}.",
                if situation.goes_on_without { ", and all users while the server is away," } else { "" },
                if matters { "" } else { " as soon as the configuration exempts some" }
            ),
            format!("Write {RIGHT}."),
        ),
        Fault::ExemptNothingLeft => (
            if matters { some(Error, Warning) } else { Warning },
            "stack-exempt-nothing-left",
            "If the module ignores a user, no line is left that accepts this user".to_owned(),
            format!(
                "In {services}, {exempt} are locked out{}: a stack in which every module is ignored refuses.",
                if matters { "" } else { " as soon as the configuration exempts some" }
            ),
            if situation.airlock {
                "Replace the pam_deny.so below it with the line that asks for the host's password. Never use pam_permit.so there.".to_owned()
            } else {
                "Add this line below the line with pam_logonbox.so: auth required pam_permit.so".to_owned()
            },
        ),
        Fault::ExemptWithoutFactor => (
            if matters { some(Error, Warning) } else { Warning },
            "stack-exempt-without-password",
            format!("Without a password, the stack accepts {exempt}"),
            format!(
                "In {services}, {exempt}{} need no factor at all{}.",
                if situation.goes_on_without { ", and all users while the server is away," } else { "" },
                if matters { "" } else { " as soon as the configuration exempts some" }
            ),
            "Put pam_deny.so, or a line that asks for a password, in place of pam_permit.so.".to_owned(),
        ),
        Fault::KeyAloneWhileAway => (
            Warning,
            "stack-key-alone-while-away",
            "on_unavailable = \"ignore\", and the first factor of this stack is a key".to_owned(),
            format!("In {services}, the key alone is enough while the tenant is away. An attacker who can cut this host off decides when."),
            "Set on_unavailable = \"deny\", or give this service a configuration of its own (conf=).".to_owned(),
        ),
        Fault::AskedAfterRefusal => (
            Warning,
            "stack-asks-after-refusal",
            format!("The stack goes on to ask after {who} has refused the login: {line}"),
            format!("In {services}, users type a password, or their phone rings again, for a login that is lost."),
            format!("Write {RIGHT} or requisite as the control of {OURS}."),
        ),
        Fault::NoEarlierPassword => (
            if line.starts_with("optional ") { Warning } else { Error },
            "stack-no-earlier-password",
            format!("No earlier line asks for the password that this line uses: {line}"),
            format!("In {services}, the module of this line does not ask for a password itself, and refuses all users."),
            "Remove use_first_pass from the line, or put the line that asks for the password before it.".to_owned(),
        ),
        Fault::NoPasswordInStack => (
            Error,
            "stack-no-password-for-airlock",
            "password = \"stack\", but no line before this one asks for a password".to_owned(),
            format!("In {services}, the module has no password to send to Airlock, and refuses every login."),
            "Set password = \"ask\", or put the line that asks for the password before it.".to_owned(),
        ),
    };
    let mut why = why;
    if !occurrence.users_of.is_empty() {
        let users_of = list(&occurrence.users_of);
        why = format!("{why} This is about users of {users_of}.");
    }
    if group.at.len() > 1 {
        let places = group.at.iter().map(ToString::to_string).collect();
        why = format!("{why} The lines are {}.", list(&places));
    }
    if !always {
        let conditions = for_log(&occurrence.conditions.join(" and "));
        why = format!("{why} This happens only if {conditions}.");
    }
    let (severity, why) = if occurrence.unsure.is_empty() {
        (severity, why)
    } else {
        let unknown = occurrence.unsure.join(", ");
        let unsure = format!(" This depends on {unknown}, which this command does not know.");
        (severity.max(Warning), why + &unsure)
    };
    Finding::new(severity, id, what, why, advice)
}

/// A file or module that libpam cannot read or load.
struct Faulty {
    id: &'static str,
    what: String,
    advice: String,
    /// `None` if libpam does not tell, and the files do not show it.
    line: Option<Place>,
    /// The file of one of the services.
    file: Place,
    /// The services that refuse every login, and those that refuse some.
    refuse_all: BTreeSet<String>,
    refuse_some: BTreeSet<String>,
}

impl Faulty {
    fn in_words(self) -> Finding {
        let refused = |how: &str, services: &BTreeSet<String>| {
            (!services.is_empty()).then(|| format!("libpam refuses {how} to {}.", list(services)))
        };
        let all = refused("every login", &self.refuse_all);
        let some = refused("some logins", &self.refuse_some);
        let why: Vec<String> = all.into_iter().chain(some).collect();
        let finding = Finding::new(
            Severity::Error,
            self.id,
            self.what,
            why.join(" "),
            self.advice,
        );
        finding.at(self.line.as_ref().unwrap_or(&self.file))
    }
}

/// Whether the session can have failed at this line, if its module is missing.
fn ends_session(service: &Service, line: &pam_files::Line) -> bool {
    service.session != Code::SUCCESS && line.kind == "session" && line.control != "optional"
}

/// The first `auth` line whose module cannot authenticate. libpam does not tell which one, but it
/// lists the modules of the other lines.
fn not_listed(service: &Service) -> Option<&pam_files::Line> {
    let missing = service.faulty.iter().map(|(path, _)| path);
    let known = service.modules.iter().chain(missing);
    let known: BTreeSet<&str> = known.map(|path| file_name(path)).collect();
    let mut lines = service.auth.iter();
    lines.find(|line| !known.contains(file_name(&line.module)))
}

/// Reports `account` and `session` lines that refuse every login. `session` is the code of the
/// session, unless it has been reported.
fn refusing(
    service: &Service,
    session: Option<Code>,
    mut add: impl FnMut(&'static str, String, &str),
) {
    for (kind, id, code) in [
        ("account", "stack-account-refuses", Some(service.account)),
        ("session", "stack-session-refuses", session),
    ] {
        if let Some(code) = code.filter(|code| *code != Code::SUCCESS) {
            let what = format!(
                "The {kind} lines return {code}, even if each module accepts or ignores the user"
            );
            let advice = format!("Correct the {kind} lines, as in the files of the distribution.");
            add(id, what, &advice);
        }
    }
}

/// Collects the files and modules that libpam cannot read or load. Returns whether it has found
/// some.
fn broken(service: &Service, root: &Root, all: &mut Vec<Faulty>, report: &mut Report) -> bool {
    let nobody = service.ways().iter().all(|run| run.code != Code::SUCCESS);
    let carriage = service.lines.carriage_returns.as_ref();
    let windows = format!(
        "The file has Windows line ends. Remove them: sed -i 's/\\r$//' {}",
        carriage.map_or_else(String::new, |place| place.file.display().to_string())
    );
    let refuses_later = [service.account, service.session] != [Code::SUCCESS; 2];
    let found = Cell::new(false);
    let mut add = |id, what: String, advice: &str, line: Option<&Place>| {
        found.set(true);
        let advice = if carriage.is_some() { &windows } else { advice };
        // One finding for a file with Windows line ends.
        let line = carriage.or(line).cloned();
        // Each service has its own line that includes the same file.
        let is_include = ["stack-include-missing", "stack-loop"].contains(&id);
        let same = |one: &&mut Faulty| {
            let same_line = one.line == line;
            // libpam may say several things about one line.
            let same_words = one.what == what || same_line && id == "stack-syntax";
            same_line && carriage.is_some()
                || (same_line || is_include) && one.id == id && same_words
        };
        if all.iter_mut().find(same).is_none() {
            all.push(Faulty {
                id,
                what: what.clone(),
                advice: advice.to_owned(),
                line: line.clone(),
                file: service.place(),
                refuse_all: BTreeSet::new(),
                refuse_some: BTreeSet::new(),
            });
        }
        if let Some(one) = all.iter_mut().find(same) {
            let services = if nobody || refuses_later {
                &mut one.refuse_all
            } else {
                &mut one.refuse_some
            };
            services.insert(service.name.clone());
        }
    };
    let mut session_told = false;
    for (path, why) in &service.faulty {
        let name = file_name(path);
        let names_it = |line: &&pam_files::Line| file_name(&line.module) == name;
        let mut lines = service.lines.all.iter().filter(names_it);
        let of_session = lines.clone().find(|line| ends_session(service, line));
        session_told |= of_session.is_some();
        // Usually ours with a typing mistake.
        if !(nobody || of_session.is_some() || name.contains("logon")) {
            continue;
        }
        let line = of_session.or_else(|| lines.next());
        let what = format!("libpam cannot load {}: {}", for_log(path), for_log(why));
        let advice = format!(
            "Correct the name (ours is {OURS}), or install the package that has this module."
        );
        add(
            "module-missing",
            what,
            &advice,
            line.map(|line| &line.place),
        );
    }
    let advice = "Correct the line. Keep a root shell open while you do so.";
    let messages: BTreeSet<&String> = service.messages.iter().collect();
    let mut unread_files = Vec::new();
    for message in messages {
        match unread(message, service, root) {
            Ok(Some((id, what, line))) => add(id, what, advice, line),
            Ok(None) => {}
            Err(file) => unread_files.push(file),
        }
    }
    if !unread_files.is_empty() {
        let what = format!("The stack of {}", service.name);
        let why = format!("only root may read {}", unread_files.join(", "));
        report.skipped(Area::Stacks, what, why);
        return true;
    }
    let resolved = |message: &&String| message.contains("symbol: pam_sm_authenticate");
    if nobody && service.messages.iter().any(|message| resolved(&message)) {
        let line = not_listed(service);
        let named = line.map_or("a module".to_owned(), |line| for_log(&line.module));
        let what = format!("An auth line names {named}, which cannot authenticate");
        let advice = "Remove the line: the module is for account or session lines.";
        add(
            "stack-wrong-module",
            what,
            advice,
            line.map(|line| &line.place),
        );
    }
    // A line that libpam cannot read has been reported.
    let session = Some(service.session).filter(|_| !session_told && !found.get());
    refusing(service, session, |id, what, advice| {
        add(id, what, advice, None);
    });
    if !found.get() && !service.is_read {
        let said: Vec<_> = service.messages.iter().map(|said| for_log(said)).collect();
        let what = format!("libpam cannot read the service: {}", said.join("; "));
        add("stack-file", what, advice, None);
    }
    found.get()
}

/// The id, the words and the line for a message of libpam about a file that it cannot read. The texts
/// are those of `libpam/pam_handlers.c` and `libpam/pam_misc.c` from 1.4 to 1.7. An error if only
/// root may read the file.
#[expect(clippy::type_complexity, reason = "the parts of one finding")]
fn unread<'s>(
    message: &str,
    service: &'s Service,
    root: &Root,
) -> Result<Option<(&'static str, String, Option<&'s Place>)>, String> {
    const LINES: [&str; 4] = [
        "illegal module type: ",
        "no control flag supplied",
        "no module name supplied",
        "pam_parse: ",
    ];
    // Some texts begin with the name of the service.
    let begin = format!("({}) ", service.name);
    let message = message.strip_prefix(&begin).unwrap_or(message);
    let said = for_log(message);
    let endless = |what: &str| format!("Files include each other without end: {what}");
    let Some((_, path)) = message.split_once("unable to open config for ") else {
        return Ok(if message.contains("maximum level") {
            Some(("stack-loop", endless(&said), None))
        } else if LINES.iter().any(|text| message.contains(text)) {
            let what = format!("libpam cannot read a line: {said}");
            // libpam tells the part of the control that it does not know.
            let rest = message
                .split_once("[...")
                .and_then(|(_, rest)| rest.strip_suffix(']'));
            let ends = |line: &&pam_files::Line| {
                rest.is_some_and(|rest| line.control.ends_with(rest.trim_end()))
            };
            let line = service.lines.all.iter().find(ends).map(|line| &line.place);
            Some(("stack-syntax", what, line.or(service.lines.odd.as_ref())))
        } else {
            None
        });
    };
    let mut includes = service.lines.includes.iter();
    let line = includes
        .find(|(name, _)| file_name(name) == file_name(path))
        .map(|(_, place)| place);
    let shown = for_log(path);
    match root.read(Path::new(path)) {
        // libpam has run out of file descriptors.
        Ok(_) => Ok(Some(("stack-loop", endless(&shown), line))),
        Err(ReadError::Other(_)) if !nix::unistd::geteuid().is_root() => Err(shown),
        Err(_) => {
            let what = format!("An include names {shown}, which libpam cannot open");
            Ok(Some(("stack-include-missing", what, line)))
        }
    }
}

/// Reports lines of other types that name our module. It has no effect there.
fn other_types(service: &Service, has_phone: bool, report: &mut Report) {
    let ours = |line: &&pam_files::Line| line.kind != "auth" && file_name(&line.module) == OURS;
    for line in service.lines.all.iter().filter(ours) {
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
                format!(
                    "The module is in a line of the type {}",
                    for_log(&line.kind)
                ),
                why,
                "Use the module in lines that begin with auth.",
            )
            .at(&line.place),
        );
    }
}

/// Reports a line that names our module, and that libpam reads as a part of another line.
fn not_taken(service: &Service, has_phone: bool, report: &mut Report) {
    let ours = &service.lines.ours;
    let taken = service.modules.iter();
    let taken = taken.filter(|path| file_name(path) == OURS).count();
    // libpam does not list a module that is missing.
    let can_tell = service.is_read && !service.faulty.iter().any(|(path, _)| is_ours(path));
    // Only libpam knows which lines it joins.
    let suspect = ours.iter().find(|(_, continues)| *continues);
    let Some((place, _)) = suspect
        .or(ours.first())
        .filter(|_| can_tell && taken < ours.len())
    else {
        return;
    };
    let (severity, why) = if has_phone {
        (Severity::Warning, "This line does not ask for the phone.")
    } else {
        (Severity::Error, "The phone is not asked.")
    };
    let finding = Finding::new(
        severity,
        "stack-line-not-taken",
        format!("libpam reads this line as a part of the line above, although it names {OURS}"),
        why,
        "Remove the backslash at the end of the line before it.",
    );
    report.add(Area::Stacks, finding.at(place));
}

fn check_arguments(service: &Service, arguments: &[String], conf: &Path, report: &mut Report) {
    if let Err(what) = configuration_in(arguments, conf) {
        report.add(
            Area::Stacks,
            Finding::new(
                Severity::Error,
                "stack-bad-argument",
                what,
                "With this argument, the module refuses every login.",
                "Its arguments are conf=/absolute/path and debug.",
            )
            .at(&place_of(service, arguments)),
        );
    }
}

/// Reports faults that no single stack shows.
fn whole_host(services: &Services, context: &Context<'_>, asked: &[String], report: &mut Report) {
    if services.trouble.is_some() {
        return;
    }
    if !asked.is_empty() {
        report.checked(
            Area::Stacks,
            format!("Stacks with the module: {}", asked.join(", ")),
        );
    }
    // A line in the own file of a program is there on purpose.
    let is_shared = |name: &&String| services.get(name).is_some_and(|one| !one.is_in_own_file());
    let others: BTreeSet<String> = asked
        .iter()
        .filter(|name| !(PROGRAMS.contains(&name.as_str()) || context.named.contains(*name)))
        .filter(is_shared)
        .cloned()
        .collect();
    if let Some(first) = others.first().and_then(|name| services.get(name)) {
        report.add(
            Area::Stacks,
            Finding::new(
                Severity::Warning,
                "stack-reaches-others",
                format!(
                    "The phone is asked in other programs, too: {}",
                    list(&others)
                ),
                "Screen lockers, polkit, cron and others may not be able to show a prompt.",
                "Name the module in files of single services (pam_logonbox-stacks(7)) rather than in a file that all include.",
            )
            .at(&first.phone_place()),
        );
    }
    unknown_programs(services, context, asked, report);
    ways_around(services, context.root, report);
    account_files(services, asked, report);
    pairs(services, context, report);
    left_over(services, context.root, report);
}

/// Reports files of services that no package has. Such a name may be a mistake, for example `ssh`.
fn unknown_programs(
    services: &Services,
    context: &Context<'_>,
    asked: &[String],
    report: &mut Report,
) {
    let is_login = |name: &String| PROGRAMS.contains(&&**name) || context.named.contains(name);
    let severity = if asked.iter().any(is_login) {
        Severity::Note
    } else {
        Severity::Warning
    };
    for name in asked.iter().filter(|name| !is_login(name)) {
        let files = pam_files::DIRECTORIES.map(|directory| format!("{directory}/{name}"));
        let files = files.each_ref().map(String::as_str);
        let Some(service) = services.get(name) else {
            continue;
        };
        if !service.is_in_own_file()
            || programs::has_entry(name)
            || (context.has_package)(&files) != Some(false)
        {
            continue;
        }
        let finding = Finding::new(
            severity,
            "stack-unknown-service",
            format!("No package of this host has the service {name}"),
            "If no program asks for it, its file has no effect.",
            "Look for the name that the program uses: the service of ssh is sshd.",
        );
        report.add(Area::Stacks, finding.at(&service.phone_place()));
    }
}

/// Names services without the phone beside one that has it.
fn ways_around(services: &Services, root: &Root, report: &mut Report) {
    let has_phone = |name: &str| services.get(name).is_some_and(Service::has_phone);
    for (guarded, others, does) in WAYS_AROUND {
        let names: BTreeSet<String> = others
            .iter()
            .filter(|name| has_phone(guarded) && has_file(root, name) && !has_phone(name))
            .map(|name| match *name {
                "polkit-1" => "polkit-1 (pkexec, run0)".to_owned(),
                name => name.to_owned(),
            })
            .collect();
        if names.is_empty() {
            continue;
        }
        let finding = Finding::new(
            Severity::Note,
            "stack-way-around",
            format!(
                "The phone is asked in {guarded}, and not in {}",
                list(&names)
            ),
            format!("A user with the right password {does} without the phone."),
            "If this is not intended, pam_logonbox-stacks(7) has the lines.",
        );
        report.add(Area::Stacks, finding);
    }
}

/// Names the `account` modules that refuse users by a file which this command does not read.
fn account_files(services: &Services, asked: &[String], report: &mut Report) {
    let mut found: BTreeMap<Place, (&str, BTreeSet<String>)> = BTreeMap::new();
    for service in asked.iter().filter_map(|name| services.get(name)) {
        let lines = service
            .lines
            .all
            .iter()
            .filter(|line| line.kind == "account");
        for line in lines {
            if let Some(module) = BY_FILE
                .into_iter()
                .find(|name| *name == file_name(&line.module))
            {
                let (_, names) = found
                    .entry(line.place.clone())
                    .or_insert((module, BTreeSet::new()));
                names.insert(service.name.clone());
            }
        }
    }
    for (place, (module, names)) in found {
        let finding = Finding::new(
            Severity::Note,
            "stack-account-by-file",
            format!("{module} can refuse users by its own file, which this command does not read"),
            format!(
                "In {}, users whom that file refuses are locked out after an approval.",
                list(&names)
            ),
            "Try a login of each kind of user before you close your root shell.",
        );
        report.add(Area::Stacks, finding.at(&place));
    }
}

/// Programs with two service names.
fn pairs(services: &Services, context: &Context<'_>, report: &mut Report) {
    let told = context.sudos.iter().map(Sudo::pair);
    let asked: BTreeSet<String> = context.sudos.iter().flat_map(Sudo::services).collect();
    let usual = PAIRS.map(|(short, long, how)| (short.to_owned(), long.to_owned(), how));
    for (number, (short, long, how)) in usual.into_iter().chain(told).enumerate() {
        let (Some(one), Some(other)) = (services.get(&short), services.get(&long)) else {
            continue;
        };
        let (with, without, how) = match (one.has_phone(), other.has_phone()) {
            (true, false) => (&short, &long, how),
            (false, true) => (&long, &short, how.split(' ').next().unwrap_or(how)),
            _ => continue,
        };
        // The phone may be in a file that no sudo asks for.
        let is_in_vain = !asked.contains(with) && asked.contains(without);
        let is_usual = number < PAIRS.len() && short == "sudo" && !context.sudos.is_empty();
        // Other names of sudo have a finding of their own.
        if !PROGRAMS.contains(&without.as_str()) || is_usual && !is_in_vain {
            continue;
        }
        let file = format!("/etc/pam.d/{without}");
        let (what, advice) = if has_file(context.root, without) {
            (
                format!("{how} does not ask for the phone: its service is {without}"),
                format!("Change {file}, too: pam_logonbox-stacks(7) has the lines."),
            )
        } else {
            (
                format!("{how} does not ask for the phone: {file} is missing, so PAM takes other"),
                format!("Write {file}: pam_logonbox-stacks(7) has the lines."),
            )
        };
        report.add(
            Area::Stacks,
            Finding::new(
                Severity::Error,
                "stack-pair-differs",
                what,
                format!("A user who is asked for the phone by one of {short} and {long} can use the other."),
                advice,
            )
            .in_file(Path::new(&file), None),
        );
    }
}

/// Reports files that look as if they had an effect.
fn left_over(services: &Services, root: &Root, report: &mut Report) {
    let mut add = |id, what: String, why, advice: String, file: &Path, line| {
        let finding = Finding::new(Severity::Warning, id, what, why, advice);
        report.add(Area::Stacks, finding.in_file(file, line));
    };
    let ours = |path: &Path| {
        let text = root.read(path).unwrap_or_default();
        let mut lines = (1..).zip(text.lines());
        let named = lines.find(|(_, line)| {
            line.split('#')
                .next()
                .is_some_and(|line| line.contains(OURS))
        });
        named.map(|(number, _)| number)
    };
    for name in EXAMPLES.into_iter().filter(|name| has_file(root, name)) {
        add(
            "stack-example-name",
            format!("No program asks for the service {name}"),
            "It is the name of an example; sshd reads it only under the name sshd.",
            "Move it to /etc/pam.d/sshd, or away.".to_owned(),
            Path::new(&format!("/etc/pam.d/{name}")),
            None,
        );
    }
    for path in pam_files::with_capitals(root) {
        let name = file_name(path.to_str().unwrap_or_default()).to_owned();
        if let Some(line) = ours(&path).filter(|_| !services.include(&name)) {
            add(
                "stack-capitals",
                format!("No program asks for the service {name}, which names the module"),
                "libpam changes the names of services to lower case.",
                format!("Move it to /etc/pam.d/{}, or away.", name.to_lowercase()),
                &path,
                Some(line),
            );
        }
    }
    let single = Path::new(SINGLE_FILE);
    if let Some(line) = ours(single).filter(|_| pam_files::has_directory(root)) {
        add(
            "stack-pam-conf",
            format!("{SINGLE_FILE} names the module, but does not count"),
            "libpam does not read it if /etc/pam.d exists.",
            "Put the line into the file of the service in /etc/pam.d.".to_owned(),
            single,
            Some(line),
        );
    }
}

#[cfg(test)]
mod tests;
