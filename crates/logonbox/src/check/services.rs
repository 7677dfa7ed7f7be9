//! The PAM services of this host. Its own libpam says what their stacks do: see the crate
//! `pam-stack`. It gets a code for each module and returns the code that a program would get.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use object::{Object, ReadCache};
use pam_stack::{Answer, Code, Error, Facility, Question, Rule, Stacks};

use super::files::Root;
use super::pam_files::{self, Line, Lines, Place};
use super::roles::{Kind, OURS, Role, file_name, role};

/// The services that the module is made for.
pub const PROGRAMS: [&str; 6] = ["login", "sshd", "su", "su-l", "sudo", "sudo-i"];
/// Programs with two service names.
pub const PAIRS: [(&str, &str, &str); 2] = [("su", "su-l", "su -"), ("sudo", "sudo-i", "sudo -i")];
/// Files that other files include. No program asks for them.
const SHARED: [&str; 12] = [
    "common-account",
    "common-auth",
    "common-password",
    "common-session",
    "common-session-noninteractive",
    "fingerprint-auth",
    "other",
    "password-auth",
    "postlogin",
    "smartcard-auth",
    "switchable-auth",
    "system-auth",
];
/// Names that only our examples have.
pub const EXAMPLES: [&str; 2] = ["sshd-airlock", "sshd-publickey"];
/// No service has this name, so libpam takes `other`.
const NO_SERVICE: &str = "logonbox-no-such-service";
/// A stack with more ways through it is not checked.
const MOST_RUNS: usize = 5_000;
/// An answer takes less than a millisecond.
const DEADLINE: Duration = Duration::from_secs(5);
/// A stack that calls more modules is not checked.
const MOST_CALLS: usize = 100;

/// A module in a stack.
#[derive(Debug)]
pub struct Module {
    /// The file that libpam loads.
    pub path: String,
    pub arguments: Vec<String>,
    pub role: Role,
}

impl Module {
    pub fn name(&self) -> &str {
        file_name(&self.path)
    }
}

/// A call of a module.
#[derive(Debug, Clone)]
pub struct Call {
    pub module: Rc<Module>,
    /// Its code. If there are several, libpam treats them alike. Success is always alone.
    pub codes: Vec<Code>,
    /// How often the same module was called before with the same arguments.
    pub nth: usize,
}

impl Call {
    pub fn kind(&self) -> Kind {
        self.module.role.kind
    }

    /// Whether its code can be one of these.
    pub fn is_one_of(&self, codes: &[Code]) -> bool {
        self.codes.iter().any(|code| codes.contains(code))
    }
}

/// One way through a stack.
#[derive(Debug)]
pub struct Run {
    /// The code that the program gets.
    pub code: Code,
    pub calls: Vec<Call>,
    /// The call after which the login is refused, even if all later modules accept the user.
    pub refused_at: Option<usize>,
}

/// A PAM service.
#[derive(Debug)]
pub struct Service {
    pub name: String,
    /// Its files, to point at lines.
    pub lines: Lines,
    /// Its `auth` lines, or those of `other` if libpam takes these.
    pub auth: Vec<Line>,
    /// The files of the modules in its `auth` lines, or in those of `other` if it has none.
    pub modules: Vec<String>,
    /// The file names of our module: it may have been copied.
    pub ours: BTreeSet<String>,
    /// It has no `auth` lines, so that libpam takes those of `other`.
    pub takes_other: bool,
    /// libpam could read its files.
    pub is_read: bool,
    /// What libpam writes to the log about its files.
    pub messages: Vec<String>,
    /// The modules that libpam cannot load, with the reasons.
    pub faulty: Vec<(String, String)>,
    /// All ways through the `auth` lines, for each code that the modules can return. An error if
    /// libpam does not answer. Empty if the service is of no interest.
    pub runs: Result<Vec<Run>, String>,
    /// The code of the `account` lines if every module accepts the user.
    pub account: Code,
    /// The code of the `session` lines if every module accepts the user.
    pub session: Code,
}

impl Service {
    /// Whether an `auth` line names our module. If libpam cannot read the service, its files tell.
    pub fn has_phone(&self) -> bool {
        let mut faulty = self.faulty.iter();
        self.our_files().next().is_some()
            || faulty.any(|(path, _)| is_ours(path))
            || (!self.is_read && !self.phones().is_empty())
    }

    /// The files of our module.
    pub fn our_files(&self) -> impl Iterator<Item = &String> {
        let modules = self.modules.iter();
        modules.filter(|path| self.ours.contains(file_name(path)))
    }

    /// The runs, if libpam has answered.
    pub fn ways(&self) -> &[Run] {
        self.runs.as_deref().unwrap_or_default()
    }

    /// The lines of our module.
    pub fn phones(&self) -> Vec<&Line> {
        let ours = |line: &&Line| self.ours.contains(file_name(&line.module));
        self.auth.iter().filter(ours).collect()
    }

    /// The arguments of our module, in each of its lines that is called.
    pub fn phone_arguments(&self) -> Vec<&[String]> {
        let calls = self.ways().iter().flat_map(|run| &run.calls);
        let mut all: Vec<&[String]> = calls
            .filter(|call| call.kind() == Kind::Phone)
            .map(|call| call.module.arguments.as_slice())
            .collect();
        all.extend(self.phones().iter().map(|line| line.arguments.as_slice()));
        let mut seen = BTreeSet::new();
        all.retain(|arguments| seen.insert(*arguments));
        all
    }

    /// The line of a call. `None` if it is not known.
    pub fn line_of(&self, call: &Call) -> Option<&Line> {
        let same = |line: &&Line| {
            file_name(&line.module) == call.module.name() && line.arguments == call.module.arguments
        };
        let mut lines: Vec<&Line> = self.auth.iter().filter(same).collect();
        lines.dedup_by_key(|line| &line.place);
        match lines.as_slice() {
            [line] => Some(line),
            lines => lines.get(call.nth).copied(),
        }
    }

    /// Whether all lines of our module are in the file of this service, and none in a file that it
    /// includes.
    pub fn is_in_own_file(&self) -> bool {
        let phones = self.phones();
        let mut lines = phones.iter();
        !phones.is_empty() && lines.all(|line| Some(&line.place.file) == self.lines.file.as_ref())
    }

    /// The line of our module, or else the file of the service.
    pub fn phone_place(&self) -> Place {
        self.phones()
            .first()
            .map_or_else(|| self.place(), |line| line.place.clone())
    }

    /// The file of the service, or that of `other`.
    pub fn place(&self) -> Place {
        let file = self.lines.file.clone();
        Place {
            file: file.unwrap_or_else(|| Path::new("/etc/pam.d/other").into()),
            line: None,
        }
    }
}

/// The services of this host that matter to our module.
pub struct Services {
    all: Vec<Service>,
    /// The reason if libpam cannot be asked at all.
    pub trouble: Option<String>,
}

impl Services {
    /// Asks about all services that have a file, and about `more`.
    pub fn ask(root: &Root, helper: Option<&Path>, more: &BTreeSet<String>) -> Self {
        let mut names = pam_files::names(root);
        for (short, long, _) in PAIRS {
            if names.contains(short) || names.contains(long) {
                names.extend([short, long].map(str::to_owned));
            }
        }
        names.extend(more.iter().cloned());
        let mut libpam = Libpam {
            helper: helper.map_or_else(installed, Path::to_owned),
            root,
            stacks: None,
            ours: BTreeMap::new(),
        };
        // libpam would wait for a writer, and it reads the service other for every service.
        let fifo = Lines::read(root, "other").fifo;
        let other = match fifo {
            Some(_) => Err(String::new()),
            None => libpam.ask(&question(NO_SERVICE)),
        };
        let all = names
            .iter()
            .map(|name| {
                let mut lines = Lines::read(root, name);
                lines.fifo = lines.fifo.or_else(|| fifo.clone());
                match (&lines.fifo, &other) {
                    (Some(fifo), _) => {
                        let why = format!("{} is a FIFO, which libpam opens", fifo.display());
                        unanswered(name, lines, why)
                    }
                    (None, Ok(other)) => libpam.service(name, lines, other),
                    (None, Err(why)) => unanswered(name, lines, why.clone()),
                }
            })
            .collect();
        Self {
            all,
            trouble: other.err().filter(|_| fifo.is_none()),
        }
    }

    /// The service with this name.
    pub fn get(&self, name: &str) -> Option<&Service> {
        self.all.iter().find(|service| service.name == name)
    }

    /// The services that a program asks for.
    pub fn of_programs(&self) -> impl Iterator<Item = &Service> {
        self.all.iter().filter(|service| {
            let name = service.name.as_str();
            PROGRAMS.contains(&name)
                || !(self.include(name) || SHARED.contains(&name) || EXAMPLES.contains(&name))
        })
    }

    /// Whether a service includes the file with this name.
    pub fn include(&self, name: &str) -> bool {
        let mut all = self.all.iter();
        all.any(|service| service.lines.includes.contains_key(name))
    }

    /// The services that name our module.
    pub fn with_phone(&self) -> impl Iterator<Item = &Service> {
        self.of_programs().filter(|service| service.has_phone())
    }
}

/// The helper beside this program, where cargo builds it, or else in the directory of the package.
fn installed() -> PathBuf {
    const NAME: &str = "pam-stack-helper";
    let program = std::env::current_exe().unwrap_or_default();
    let beside = program.with_file_name(NAME);
    if beside.exists() {
        return beside;
    }
    let above = program.ancestors().nth(2).unwrap_or(Path::new("/usr"));
    above.join("libexec/pam_logonbox").join(NAME)
}

/// Whether our module is in this file: `NOTE` in src/lib.rs.
fn has_our_note(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    let file = ReadCache::new(file);
    object::File::parse(&file)
        .is_ok_and(|file| file.section_by_name(".note.pam_logonbox").is_some())
}

/// Whether this names our module, perhaps without its ending.
pub fn is_ours(path: &str) -> bool {
    let name = file_name(path);
    name.strip_suffix(".so").unwrap_or(name) == "pam_logonbox"
}

fn question(service: &str) -> Question {
    Question::new(service, Facility::Auth, Code::SUCCESS)
}

fn unanswered(name: &str, lines: Lines, why: String) -> Service {
    Service {
        name: name.to_owned(),
        auth: lines.auth(),
        lines,
        modules: Vec::new(),
        ours: BTreeSet::from([OURS.to_owned()]),
        takes_other: false,
        is_read: false,
        messages: Vec::new(),
        faulty: Vec::new(),
        runs: Err(why),
        account: Code::SUCCESS,
        session: Code::SUCCESS,
    }
}

/// The host's libpam.
struct Libpam<'r> {
    helper: PathBuf,
    root: &'r Root,
    stacks: Option<Stacks>,
    /// Whether our module is in these files.
    ours: BTreeMap<String, bool>,
}

impl Libpam<'_> {
    /// Asks, and starts the helper again if it has failed before.
    fn ask(&mut self, question: &Question) -> Result<Answer, String> {
        let stacks = if let Some(stacks) = &mut self.stacks {
            stacks
        } else {
            let stacks = Stacks::open(&self.helper, &self.root.path(Path::new("/")));
            let mut stacks = stacks.map_err(|why| format!("{}: {why}", self.helper.display()))?;
            stacks.set_deadline(DEADLINE);
            self.stacks.insert(stacks)
        };
        stacks.ask(question).map_err(|why| {
            if !matches!(why, Error::Unanswerable(_)) {
                self.stacks = None;
            }
            why.to_string()
        })
    }

    /// Asks about one service. `other` is the answer for a service without a file.
    fn service(&mut self, name: &str, lines: Lines, other: &Answer) -> Service {
        let first = match self.ask(&question(name)) {
            Ok(first) => first,
            Err(why) => return unanswered(name, lines, why),
        };
        let own = |all: Vec<String>, others: &[String]| {
            let mut all = all;
            if all.ends_with(others) {
                all.truncate(all.len().saturating_sub(others.len()));
            }
            all
        };
        let mut faulty = first.refused;
        let named = |path: &str| {
            let mut names = lines.all.iter().map(|line| file_name(&line.module));
            names.any(|name| name == file_name(path))
        };
        let mut seen = BTreeSet::new();
        faulty.retain(|one| {
            let is_new = seen.insert(file_name(&one.0).to_owned());
            is_new && (named(&one.0) || !other.refused.contains(one))
        });
        let mut ours = BTreeSet::from([OURS.to_owned()]);
        for path in &first.lines {
            let is_ours = self.ours.entry(path.clone());
            if *is_ours.or_insert_with(|| has_our_note(&self.root.path(Path::new(path)))) {
                ours.insert(file_name(path).to_owned());
            }
        }
        let own_modules = own(first.lines, &other.lines);
        let auth = if first.started && own_modules.is_empty() {
            Lines::read(self.root, "other").auth()
        } else {
            lines.auth()
        };
        let mut service = Service {
            name: name.to_owned(),
            lines,
            auth,
            takes_other: own_modules.is_empty(),
            modules: if own_modules.is_empty() {
                other.lines.clone()
            } else {
                own_modules
            },
            ours,
            is_read: first.started,
            messages: if first.started {
                own(first.messages, &other.messages)
            } else {
                first.messages
            },
            faulty,
            runs: Ok(Vec::new()),
            account: Code::SUCCESS,
            session: Code::SUCCESS,
        };
        if service.has_phone() || PROGRAMS.contains(&name) {
            service.runs = self.runs(name, &service.ours);
        }
        if service.runs.as_ref().is_ok_and(|runs| !runs.is_empty()) && first.started {
            let ours = service.ours.iter();
            let mut code = |facility, refusal| {
                let deny = Rule::module("pam_deny.so", refusal);
                // These accept no user. libpam refuses a login if each module ignores it.
                let mut nologin = Rule::module("pam_nologin.so", Code::IGNORE);
                nologin.arguments = Some(Vec::new());
                let ours = ours.clone().map(|name| Rule::module(name, Code::IGNORE));
                let warn = Rule::module("pam_warn.so", Code::IGNORE);
                let question = Question::new(name, facility, Code::SUCCESS);
                let rules = [deny, nologin, warn].into_iter().chain(ours);
                let question = rules.fold(question, Question::rule);
                self.ask(&question).map(|answer| answer.code)
            };
            match code(Facility::Account, Code::AUTH_ERR) {
                Ok(account) => service.account = account,
                Err(why) => service.runs = Err(why),
            }
            // Other programs may open no session.
            if PROGRAMS.contains(&name) {
                match code(Facility::Session, Code::SESSION_ERR) {
                    Ok(session) => service.session = session,
                    Err(why) => service.runs = Err(why),
                }
            }
        }
        service
    }

    /// All ways through a stack. Each question gives the codes of the first calls. All later
    /// modules return `PAM_SUCCESS`, so that libpam shows which module comes next.
    fn runs(&mut self, service: &str, ours: &BTreeSet<String>) -> Result<Vec<Run>, String> {
        let mut modules: BTreeMap<(String, Vec<String>), Rc<Module>> = BTreeMap::new();
        let mut runs: Vec<Run> = Vec::new();
        // The codes of the first calls, and where the login was refused before the last of them.
        let mut open: Vec<(Vec<Vec<Code>>, Option<usize>)> = vec![(Vec::new(), None)];
        while let Some((mut first, refused_before)) = open.pop() {
            if runs.len() >= MOST_RUNS {
                return Err(format!("there are more than {MOST_RUNS} ways through it"));
            }
            let answer = self.ask(&after(service, &first, None, Code::SUCCESS))?;
            if answer.calls.len() > MOST_CALLS {
                return Err(format!("it calls more than {MOST_CALLS} modules"));
            }
            let last = first.len().checked_sub(1);
            let refused_at = last.filter(|_| answer.code != Code::SUCCESS);
            let refused_at = refused_at.map(|last| refused_before.unwrap_or(last));
            let mut calls: Vec<Call> = Vec::new();
            let mut ends = true;
            for call in answer.calls {
                let key = (call.path, call.arguments);
                let module = modules.entry(key).or_insert_with_key(|(path, arguments)| {
                    Rc::new(Module {
                        path: path.clone(),
                        arguments: arguments.clone(),
                        role: role(
                            Some(file_name(path))
                                .filter(|name| !ours.contains(*name))
                                .unwrap_or(OURS),
                            arguments,
                            service,
                        ),
                    })
                });
                let same = |call: &&Call| Rc::ptr_eq(&call.module, module);
                let nth = calls.iter().filter(same).count();
                if calls.len() >= first.len() {
                    // The same condition holds again.
                    let known = calls.iter().find(same).map(|call| call.codes.clone());
                    let all = match known {
                        Some(known) if module.role.kind == Kind::Condition => vec![known],
                        _ => self.alike(service, &first, module.role.codes())?,
                    };
                    let success = [Code::SUCCESS];
                    for codes in all.iter().filter(|codes| ***codes != success) {
                        let mut next = first.clone();
                        next.push(codes.clone());
                        open.push((next, refused_at));
                    }
                    if !all.iter().any(|codes| **codes == success) {
                        ends = false;
                        break;
                    }
                    first.push(success.to_vec());
                }
                calls.push(Call {
                    module: Rc::clone(module),
                    codes: first.get(calls.len()).cloned().unwrap_or_default(),
                    nth,
                });
            }
            if ends {
                runs.push(Run {
                    code: answer.code,
                    calls,
                    refused_at,
                });
            }
        }
        Ok(runs)
    }

    /// Puts the codes of the next call together that libpam treats alike. It is asked about each
    /// of them twice: all later modules return `PAM_SUCCESS`, or all return `PAM_IGNORE`.
    fn alike(
        &mut self,
        service: &str,
        first: &[Vec<Code>],
        codes: Vec<Code>,
    ) -> Result<Vec<Vec<Code>>, String> {
        if codes.len() <= 2 {
            return Ok(codes.into_iter().map(|code| vec![code]).collect());
        }
        let mut all: Vec<(_, Vec<Code>)> = Vec::new();
        for code in codes {
            let mut ways = Vec::new();
            for later in [Code::SUCCESS, Code::IGNORE] {
                let answer = self.ask(&after(service, first, Some(code), later))?;
                // A module's code may become that of the stack.
                let end = Some(answer.code).filter(|end| *end != code || code == Code::SUCCESS);
                let calls = answer.calls.into_iter().skip(first.len().saturating_add(1));
                let calls: Vec<_> = calls.map(|call| (call.path, call.arguments)).collect();
                ways.push((end, calls));
            }
            // Tests tell success from all other codes.
            let key = (code == Code::SUCCESS, ways);
            match all.iter_mut().find(|(known, _)| *known == key) {
                Some((_, codes)) => codes.push(code),
                None => all.push((key, vec![code])),
            }
        }
        Ok(all.into_iter().map(|(_, codes)| codes).collect())
    }
}

/// The question in which the first calls return these codes, the next one `code`, and all later
/// ones `later`.
fn after(service: &str, first: &[Vec<Code>], code: Option<Code>, later: Code) -> Question {
    let mut question = question(service);
    question.otherwise = later;
    let first = first.iter().filter_map(|codes| codes.first().copied());
    let asked = (0..).zip(first.chain(code));
    asked.fold(question, |question, (nth, code)| {
        question.rule(Rule::nth(nth, code))
    })
}
