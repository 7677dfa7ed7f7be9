//! Finds the faults of a stack that names our module, in the ways through it that libpam has told.

use std::collections::{BTreeMap, BTreeSet};

use pam_stack::Code;

use super::roles::{Kind, REFUSALS, add, uses_earlier_password};
use super::services::{Call, Run, Service};

/// The settings of our module that matter to a stack, and how the stack is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they do not depend on each other"
)]
pub struct Situation {
    /// It asks for a first and a second factor itself.
    pub airlock: bool,
    /// It takes the password that an earlier line has asked for.
    pub password_from_stack: bool,
    /// Some users are exempt, or remembered.
    pub exempts: bool,
    /// Approvals are remembered.
    pub remembers: bool,
    /// It returns `PAM_IGNORE` while the tenant is away.
    pub goes_on_without: bool,
    /// sshd calls the stack only after a key.
    pub after_key: bool,
}

/// A fault of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// A refusal is ignored, at least for some results.
    RefusalDoesNotCount,
    /// The password is enough, and our module is not called.
    PhoneSkipped,
    /// Our module is enough, although the stack also asks for a first factor.
    PhoneInsteadOfPassword,
    /// Our module is enough, and the stack asks for no first factor.
    NoFirstFactor,
    /// The phone rings before the first factor was asked for.
    RingsBeforePassword,
    /// The phone rings although the first factor was wrong.
    RingsAfterWrongPassword,
    /// Our module is called twice.
    RingsTwice,
    /// Every login is refused.
    NobodyGetsIn,
    /// The users of one module are refused, and those of another get in.
    UsersOfOneRefused,
    /// Exempt users are refused by the control of our module.
    ExemptRefused,
    /// Exempt users are refused because no other module accepts them.
    ExemptNothingLeft,
    /// Exempt users get in without any factor.
    ExemptWithoutFactor,
    /// While the tenant is away, a key alone is enough.
    KeyAloneWhileAway,
    /// Users are asked for more after a refusal.
    AskedAfterRefusal,
    /// It takes the password of an earlier line, but no line asks for one.
    NoPasswordInStack,
    /// Another module uses the password of an earlier line, but no line asks for one.
    NoEarlierPassword,
    /// A user for whom the first factor is not set up needs the phone alone.
    FirstFactorMayBeMissing,
    /// The stack accepts a user before any module has asked for a factor.
    NothingAsked,
}

/// A fault at a line.
#[derive(Debug, Clone)]
pub struct Occurrence {
    /// The fault.
    pub fault: Fault,
    /// The call of the module to report. `None` for our module if it is not called.
    pub at: Option<Call>,
    /// The results of our module that cause it, if it depends on them.
    pub codes: Vec<Code>,
    /// It affects only users for whom all of this is true: a condition holds, or does not hold.
    pub conditions: Vec<String>,
    /// It affects only users of these first-factor modules. Empty if it affects those of all.
    pub users_of: BTreeSet<String>,
    /// It depends on these unknown modules, or on sshd's settings.
    pub unsure: Vec<String>,
}

const YES: &[Code] = &[Code::SUCCESS];
const IGNORED: &[Code] = &[Code::IGNORE];
/// More conditions than this are not tried in every combination.
const MOST_CONDITIONS: usize = 8;

/// What the user does when a module asks for a first factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// The user gives the right one to the modules that know the user: see [`KnownTo`].
    Right,
    /// The user gives a wrong one, or none.
    Wrong,
    /// The user gives none, and it may not be set up.
    Missing,
}

/// The first-factor modules that know a user. `None` for users whom any of them may know.
type KnownTo = Option<BTreeSet<String>>;

/// An assumption about an unknown module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// It asks for a first factor.
    Factor,
    /// It returns `PAM_IGNORE`.
    Bystander,
}

/// Finds all faults of a stack that names our module.
pub fn ask(service: &Service, situation: Situation) -> Vec<Occurrence> {
    let calls = service.ways().iter().flat_map(|run| &run.calls);
    let mut unknown: Vec<String> = calls
        .filter(|call| call.kind() == Kind::Unknown)
        .map(|call| call.module.name().to_owned())
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    let first = for_all_users(service, situation, Unknown::Factor);
    if unknown.is_empty() {
        return first;
    }
    // A fault is unsure if it depends on what the unknown module does.
    let second = for_all_users(service, situation, Unknown::Bystander);
    let has = |list: &[Occurrence], fault| list.iter().any(|found| found.fault == fault);
    let mut all: Vec<Occurrence> = Vec::new();
    for (list, other) in [(&first, &second), (&second, &first)] {
        for found in list {
            let unsure = !has(other, found.fault);
            if unsure || !has(&all, found.fault) {
                all.push(Occurrence {
                    unsure: if unsure { unknown.clone() } else { Vec::new() },
                    ..found.clone()
                });
            }
        }
    }
    all
}

/// A fault, and who meets it.
struct Met {
    occurrence: Occurrence,
    combinations: BTreeSet<u32>,
    /// In some combination, the users of all modules meet it.
    by_all: bool,
}

fn conditions(service: &Service) -> Vec<&Call> {
    let mut conditions: Vec<&Call> = Vec::new();
    for call in service.ways().iter().flat_map(|run| &run.calls) {
        if call.kind() == Kind::Condition
            && conditions.len() < MOST_CONDITIONS
            && !conditions.iter().any(|known| same(known, call))
        {
            conditions.push(call);
        }
    }
    conditions
}

/// The faults for every combination of conditions, and for the users of each module.
fn for_all_users(service: &Service, situation: Situation, unknown: Unknown) -> Vec<Occurrence> {
    let conditions = conditions(service);
    let combinations = 0..1_u32 << conditions.len();
    let mut all: BTreeMap<Fault, Met> = BTreeMap::new();
    // Combinations in which all users are refused, and whether a condition refuses them.
    let mut closed: Vec<(u32, bool)> = Vec::new();
    // A call of each module that accepts a user, and the modules whose users get in.
    let mut accepting: BTreeMap<&str, &Call> = BTreeMap::new();
    let mut get_in: BTreeSet<String> = BTreeSet::new();
    let mut questions = Questions {
        service,
        runs: Vec::new(),
        situation,
        unknown,
        known_to: None,
    };
    for combination in combinations.clone() {
        let meets = |call: &Call| {
            let place = conditions.iter().position(|known| same(known, call));
            place.is_none_or(|place| {
                if combination >> place & 1 == 1 {
                    call.is_one_of(&call.module.role.right)
                } else {
                    call.is_one_of(&call.module.role.wrong)
                }
            })
        };
        let runs = service.ways().iter().filter(|run| {
            run.calls
                .iter()
                .all(|call| call.kind() != Kind::Condition || meets(call))
        });
        questions.runs = runs.collect();
        questions.known_to = None;
        for call in questions.accepting() {
            accepting.entry(call.module.name()).or_insert(call);
        }
        let right = questions.traces(YES, Answers::Right);
        if !right.iter().any(Trace::is_in) {
            let on_purpose = right.iter().any(|trace| questions.is_on_purpose(trace.run));
            closed.push((combination, on_purpose));
        }
        let everyone = questions.users();
        let sets = || everyone.iter().flatten();
        get_in.extend(sets().flatten().cloned());
        let common = |name: &&String| sets().all(|set| set.contains(*name));
        let mut found: Vec<(Occurrence, BTreeSet<String>)> = Vec::new();
        for known_to in &everyone {
            let own = known_to.iter().flatten().filter(|name| !common(name));
            let mut names: Vec<&str> = own.map(String::as_str).collect();
            if names.is_empty() {
                names.extend(known_to.iter().flatten().map(String::as_str));
            }
            questions.known_to.clone_from(known_to);
            for one in questions.all() {
                let of = names.join(" and ");
                if let Some((known, by)) = found.iter_mut().find(|(f, _)| f.fault == one.fault) {
                    by.insert(of);
                    add(&mut known.codes, &one.codes);
                } else {
                    found.push((one, BTreeSet::from([of])));
                }
            }
        }
        for (one, by) in found {
            let by_all = by.len() == everyone.len();
            let met = meet(&mut all, one, combination);
            met.by_all |= by_all;
            met.occurrence.users_of.extend(by);
        }
    }
    let nobody = closed.len() == combinations.len();
    for (combination, on_purpose) in closed {
        if nobody || !on_purpose {
            let one = questions.found(Fault::NobodyGetsIn, None);
            meet(&mut all, one, combination).by_all = true;
        }
    }
    accepting.retain(|name, _| !nobody && !get_in.contains(*name));
    for (name, call) in accepting {
        let one = questions.found(Fault::UsersOfOneRefused, Some(call));
        let met = meet(&mut all, one, 0);
        met.combinations.extend(combinations.clone());
        met.occurrence.users_of.insert(name.to_owned());
    }
    all.into_values()
        .map(|met| Occurrence {
            conditions: that_matter(&conditions, &met.combinations),
            users_of: if met.by_all {
                BTreeSet::new()
            } else {
                met.occurrence.users_of
            },
            ..met.occurrence
        })
        .collect()
}

/// Adds a fault that users meet in this combination of conditions.
fn meet(all: &mut BTreeMap<Fault, Met>, one: Occurrence, combination: u32) -> &mut Met {
    let codes = one.codes.clone();
    let met = all.entry(one.fault).or_insert_with(|| Met {
        occurrence: one,
        combinations: BTreeSet::new(),
        by_all: false,
    });
    add(&mut met.occurrence.codes, &codes);
    met.combinations.insert(combination);
    met
}

/// The conditions without which the fault does not appear.
fn that_matter(conditions: &[&Call], combinations: &BTreeSet<u32>) -> Vec<String> {
    let first = combinations.first().copied().unwrap_or_default();
    let matters = |bit: u32| {
        let mut all = combinations.iter();
        all.any(|one| !combinations.contains(&(one ^ bit)))
    };
    (0..)
        .map(|place| 1_u32 << place)
        .zip(conditions)
        .filter(|(bit, _)| matters(*bit))
        .map(|(bit, call)| {
            let holds = if first & bit == 0 {
                "is not true"
            } else {
                "is true"
            };
            let words = call.module.arguments.join(" ");
            format!("{} {words} {holds}", call.module.name())
        })
        .collect()
}

fn same(one: &Call, other: &Call) -> bool {
    std::rc::Rc::ptr_eq(&one.module, &other.module)
}

/// Whether it is a first-factor module that is in the table, so that its codes are known.
fn has_users(call: &Call) -> bool {
    matches!(call.kind(), Kind::Factor | Kind::Key)
}

/// The first-factor modules that accept the user.
fn accepts(run: &Run) -> BTreeSet<String> {
    let calls = run.calls.iter();
    let accepting = calls.filter(|call| has_users(call) && call.is_one_of(YES));
    accepting
        .map(|call| call.module.name().to_owned())
        .collect()
}

/// What happened on one way through the stack.
struct Trace<'s> {
    run: &'s Run,
    /// The first call of our module.
    rang: Option<&'s Call>,
    /// Our module was called again.
    rang_again: bool,
    /// The last call that had refused a first factor when our module was called, if no call had
    /// accepted one.
    rang_after_no: Option<&'s Call>,
    /// Our module was called before any first factor.
    rang_first: bool,
    /// The last call that accepted a first factor.
    yes: Option<&'s Call>,
    /// The last call that refused a first factor.
    no: Option<&'s Call>,
    /// The last call that asked for a first factor after our module.
    asked_after: Option<&'s Call>,
    /// The last call for whose user the first factor is not set up.
    missing: Option<&'s Call>,
}

impl Trace<'_> {
    /// The stack lets the user in.
    fn is_in(&self) -> bool {
        self.run.code == Code::SUCCESS
    }
}

/// The stack for users that meet these conditions.
struct Questions<'s> {
    service: &'s Service,
    runs: Vec<&'s Run>,
    situation: Situation,
    unknown: Unknown,
    known_to: KnownTo,
}

impl<'s> Questions<'s> {
    /// The sets of first-factor modules that let a user in together.
    fn users(&self) -> Vec<KnownTo> {
        let right = self.traces(YES, Answers::Right);
        let ins = right.iter().filter(|trace| trace.is_in());
        let mut sets: BTreeSet<_> = ins.map(|trace| accepts(trace.run)).collect();
        // These need none, so that it does not matter who knows them.
        sets.remove(&BTreeSet::new());
        if sets.is_empty() {
            return vec![None];
        }
        sets.into_iter().map(Some).collect()
    }

    /// The calls of first-factor modules that accept a user whom no module has refused before.
    fn accepting(&self) -> impl Iterator<Item = &'s Call> {
        let traces = self.traces(YES, Answers::Right).into_iter();
        traces.flat_map(|trace| {
            let all = trace.run.calls.len();
            let until = trace.run.refused_at.unwrap_or(all);
            let calls = trace.run.calls.iter().take(until);
            calls.filter(|call| has_users(call) && call.is_one_of(YES))
        })
    }

    /// Whether a condition refuses the user itself, or `pam_deny.so` in the line behind it does.
    fn is_on_purpose(&self, run: &Run) -> bool {
        let Some(place) = run.refused_at else {
            return false;
        };
        let mut calls = run.calls.iter().take(place.saturating_add(1)).rev();
        let (Some(last), before) = (calls.next(), calls.next()) else {
            return false;
        };
        let lines = &self.service.auth;
        let line_of = |call: &Call| {
            let line = self.service.line_of(call)?;
            lines.iter().position(|one| one == line)
        };
        let follows = |before: &Call| {
            before.kind() == Kind::Condition
                && line_of(before).is_some_and(|line| line_of(last) == line.checked_add(1))
        };
        last.kind() == Kind::Condition
            || last.module.role.right == [Code::AUTH_ERR] && before.is_some_and(follows)
    }

    fn is_factor(&self, call: &Call) -> bool {
        match call.kind() {
            Kind::Factor | Kind::Key => true,
            Kind::Unknown => self.unknown == Unknown::Factor,
            Kind::Phone | Kind::Condition | Kind::Other => false,
        }
    }

    /// Whether the module can return this code to such an answer.
    fn fits(&self, call: &Call, phone: &[Code], answers: Answers) -> bool {
        let role = &call.module.role;
        if call.kind() == Kind::Phone {
            return call.is_one_of(phone);
        }
        if call.kind() == Kind::Unknown && self.unknown == Unknown::Bystander {
            return call.is_one_of(IGNORED);
        }
        // The other codes of an unknown module are those of a first factor.
        let without = || call.kind() != Kind::Unknown && call.is_one_of(&role.without);
        match answers {
            _ if !self.is_factor(call) => true,
            Answers::Right => {
                let known_to = self.known_to.as_ref();
                let knows = known_to.map(|known_to| known_to.contains(call.module.name()));
                let knows = knows.filter(|_| has_users(call));
                let refused = || {
                    call.is_one_of(&[Code::AUTH_ERR])
                        || call.kind() == Kind::Key && call.is_one_of(&role.wrong)
                        || without()
                };
                knows != Some(false) && call.is_one_of(&role.right)
                    || knows != Some(true) && refused()
            }
            Answers::Wrong => call.is_one_of(&role.wrong),
            Answers::Missing => call.is_one_of(&role.wrong) || without(),
        }
    }

    fn traces(&self, phone: &[Code], answers: Answers) -> Vec<Trace<'s>> {
        let fit = |run: &&'s Run| run.calls.iter().all(|call| self.fits(call, phone, answers));
        let runs = self.runs.iter().copied();
        runs.filter(fit).map(|run| self.trace(run)).collect()
    }

    fn trace(&self, run: &'s Run) -> Trace<'s> {
        let mut trace = Trace {
            run,
            rang: None,
            rang_again: false,
            rang_after_no: None,
            rang_first: false,
            yes: None,
            no: None,
            asked_after: None,
            missing: None,
        };
        for call in &run.calls {
            if call.kind() == Kind::Phone {
                trace.rang_again |= trace.rang.is_some();
                if trace.rang.is_none() {
                    trace.rang = Some(call);
                    trace.rang_first = trace.yes.is_none() && trace.no.is_none();
                    trace.rang_after_no = trace.no.filter(|_| trace.yes.is_none());
                }
            } else if self.is_factor(call) {
                if trace.rang.is_some() {
                    trace.asked_after = Some(call);
                }
                if call.is_one_of(YES) {
                    trace.yes = Some(call);
                } else {
                    trace.no = Some(call);
                }
                let role = &call.module.role;
                let missing =
                    |code: &&Code| role.without.contains(code) && !role.wrong.contains(code);
                if call.codes.iter().any(|code| missing(&code)) {
                    trace.missing = Some(call);
                }
            }
        }
        trace
    }

    fn calls(&self) -> impl Iterator<Item = &'s Call> {
        self.runs.iter().flat_map(|run| &run.calls)
    }

    fn phone(&self) -> Option<Call> {
        self.calls()
            .find(|call| call.kind() == Kind::Phone)
            .cloned()
    }

    fn found(&self, fault: Fault, at: Option<&Call>) -> Occurrence {
        Occurrence {
            fault,
            at: at.cloned().or_else(|| self.phone()),
            codes: Vec::new(),
            conditions: Vec::new(),
            users_of: BTreeSet::new(),
            unsure: Vec::new(),
        }
    }

    /// Whether a line asks for a first factor.
    fn has_factor(&self) -> bool {
        let mut calls = self.service.ways().iter().flat_map(|run| &run.calls);
        calls.any(|call| self.is_factor(call))
    }

    fn all(&self) -> Vec<Occurrence> {
        let mut faults = self.who_gets_in();
        let right = self.traces(YES, Answers::Right);
        if right.iter().any(Trace::is_in) {
            let alone = [Fault::NoFirstFactor, Fault::PhoneInsteadOfPassword];
            let alone = faults.iter().any(|found| alone.contains(&found.fault));
            faults.extend(self.who_is_exempt(alone));
        }
        faults.extend(self.what_is_asked());
        faults
    }

    /// The last call before the line of our module, on a way that does not reach it.
    fn leads_past(&self, run: &'s Run) -> Option<&'s Call> {
        let lines = &self.service.auth;
        let place_of = |call: &Call| {
            let line = self.service.line_of(call)?;
            lines.iter().position(|one| one == line)
        };
        let phone = self.service.phones().first().copied();
        let phone = phone.and_then(|phone| lines.iter().position(|line| line == phone));
        let before = |call: &&Call| phone.is_some_and(|phone| place_of(call) < Some(phone));
        let calls = run.calls.iter();
        calls.rev().find(before).or_else(|| run.calls.last())
    }

    /// Checks that both factors are needed.
    fn who_gets_in(&self) -> Vec<Occurrence> {
        let mut faults = Vec::new();
        let right = self.traces(YES, Answers::Right);
        if !right.iter().any(Trace::is_in) {
            return faults;
        }
        if let Some(trace) = right
            .iter()
            .find(|trace| trace.is_in() && trace.rang.is_none())
        {
            let asks = trace.yes.is_some() || trace.no.is_some() || self.situation.after_key;
            let fault = if asks {
                Fault::PhoneSkipped
            } else {
                Fault::NothingAsked
            };
            faults.push(self.found(fault, self.leads_past(trace.run)));
        }
        let first_needed = !self.situation.airlock && !self.situation.after_key;
        let alone = |trace: &&Trace<'_>| trace.is_in() && trace.rang.is_some();
        let wrong = self.traces(YES, Answers::Wrong);
        if let Some(trace) = wrong.iter().find(alone).filter(|_| first_needed) {
            let fault = if self.has_factor() {
                Fault::PhoneInsteadOfPassword
            } else {
                Fault::NoFirstFactor
            };
            faults.push(self.found(fault, trace.rang));
            if fault == Fault::PhoneInsteadOfPassword {
                return faults;
            }
        } else if first_needed {
            let missing = self.traces(YES, Answers::Missing);
            if let Some(trace) = missing.iter().find(alone) {
                faults.push(self.found(Fault::FirstFactorMayBeMissing, trace.missing));
            }
        }
        let mut codes = REFUSALS.to_vec();
        codes.retain(|code| {
            let traces = self.traces(std::slice::from_ref(code), Answers::Right);
            traces.iter().any(|trace| alone(&trace))
        });
        if !codes.is_empty() {
            faults.push(Occurrence {
                codes,
                ..self.found(Fault::RefusalDoesNotCount, None)
            });
        }
        faults
    }

    /// Checks what happens when our module returns `PAM_IGNORE`.
    fn who_is_exempt(&self, phone_is_alone: bool) -> Vec<Occurrence> {
        let mut faults = Vec::new();
        let ignored = self.traces(IGNORED, Answers::Right);
        let Situation {
            exempts,
            goes_on_without,
            airlock,
            after_key,
            ..
        } = self.situation;
        // With Airlock, the password may be the only factor. Then the others must be refused.
        let may_be_ignored = exempts || self.has_factor() || (goes_on_without && !airlock);
        if ignored.iter().any(Trace::is_in) {
            let by_key = |trace: &&Trace<'_>| match trace.yes {
                Some(call) => call.kind() == Kind::Key,
                None => after_key,
            };
            let mut alone = ignored.iter().filter(|trace| trace.is_in());
            if goes_on_without && alone.any(|trace| by_key(&trace)) {
                faults.push(self.found(Fault::KeyAloneWhileAway, None));
            }
        } else if may_be_ignored {
            let phone = self.phone();
            let line = phone.as_ref().and_then(|call| self.service.line_of(call));
            let fault = if line.is_some_and(|line| refuses_ignore(&line.control)) {
                Fault::ExemptRefused
            } else {
                Fault::ExemptNothingLeft
            };
            faults.push(self.found(fault, None));
        }
        let without = self.traces(IGNORED, Answers::Wrong);
        let gets_in = |trace: &Trace<'_>| trace.is_in() && trace.rang.is_some();
        let matters = !phone_is_alone || self.situation.remembers;
        if matters && !after_key && without.iter().any(gets_in) {
            faults.push(self.found(Fault::ExemptWithoutFactor, None));
        }
        faults
    }

    /// A call that uses the password of an earlier line, although no line asks for one before it.
    fn without_password(&self) -> Option<&'s Call> {
        let asks = |call: &Call| !matches!(call.kind(), Kind::Key | Kind::Condition | Kind::Other);
        let mut without: Vec<&Call> = Vec::new();
        let mut with: Vec<&Call> = Vec::new();
        for run in &self.runs {
            let mut is_asked = false;
            for call in &run.calls {
                if uses_earlier_password(&call.module) {
                    if is_asked { &mut with } else { &mut without }.push(call);
                } else {
                    is_asked |= asks(call);
                }
            }
        }
        let is_without = |call: &&Call| !with.iter().any(|other| same(call, other));
        without.into_iter().find(is_without)
    }

    /// Checks when the user and the phone are asked.
    fn what_is_asked(&self) -> Vec<Occurrence> {
        let mut faults = Vec::new();
        let right = self.traces(YES, Answers::Right);
        if let Some(call) = self.without_password() {
            faults.push(self.found(Fault::NoEarlierPassword, Some(call)));
        }
        if let Some(trace) = right.iter().find(|trace| trace.rang_again) {
            faults.push(self.found(Fault::RingsTwice, trace.rang));
        }
        let password = |call: &Call| matches!(call.kind(), Kind::Factor | Kind::Unknown);
        let asks_before = |trace: &Trace<'_>| {
            let calls = trace.run.calls.iter();
            calls
                .take_while(|call| call.kind() != Kind::Phone)
                .any(password)
        };
        if self.situation.airlock
            && self.situation.password_from_stack
            && right
                .iter()
                .all(|trace| trace.rang.is_none() || !asks_before(trace))
        {
            faults.push(self.found(Fault::NoPasswordInStack, None));
        }
        let wrong = self.traces(YES, Answers::Wrong);
        let rung: Vec<&Trace<'_>> = wrong.iter().filter(|trace| trace.rang.is_some()).collect();
        let alone = rung.iter().any(|trace| trace.is_in());
        let may_be_first = self.situation.airlock || self.situation.after_key;
        if rung.iter().any(|trace| trace.rang_first) {
            if self.has_factor() && !may_be_first && !alone {
                faults.push(self.found(Fault::RingsBeforePassword, None));
            }
        } else if let Some(call) = rung.iter().find_map(|trace| trace.rang_after_no)
            && (may_be_first || !alone)
        {
            faults.push(self.found(Fault::RingsAfterWrongPassword, Some(call)));
        }
        let refused = self.traces(&REFUSALS, Answers::Right);
        let asked_more = |trace: &&Trace<'_>| {
            !trace.is_in()
                && trace.rang.is_some()
                && (trace.asked_after.is_some() || trace.rang_again)
        };
        let counts = !refused
            .iter()
            .any(|trace| trace.is_in() && trace.rang.is_some());
        if let Some(trace) = refused.iter().find(asked_more).filter(|_| counts && !alone) {
            faults.push(self.found(Fault::AskedAfterRefusal, trace.asked_after));
        }
        faults
    }
}

/// Whether the control itself turns `PAM_IGNORE` into a refusal. libpam has said that the login is
/// refused. This only chooses the words.
fn refuses_ignore(control: &str) -> bool {
    let control = control.to_ascii_lowercase();
    let action = |name: &str| {
        let (_, action) = control.split_once(&format!("{name}="))?;
        Some(action.starts_with("bad") || action.starts_with("die"))
    };
    control.contains('=')
        && action("ignore")
            .or_else(|| action("default"))
            .unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::check::services::Services;
    use crate::check::test_host::{copy_of_ours, host, services};

    const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so nullok\n\
                          auth requisite pam_deny.so\nauth required pam_permit.so\n";
    const RIGHT_LINE: &str = "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n";

    fn read(files: &[(&str, &str)]) -> Services {
        let below: Vec<(String, &str)> = files
            .iter()
            .map(|(name, text)| (format!("pam.d/{name}"), *text))
            .collect();
        let below: Vec<(&str, &str)> = below.iter().map(|(name, text)| (&**name, *text)).collect();
        let (_dir, root) = host(&below);
        services(&root)
    }

    fn faults(stack: &str, situation: Situation) -> Vec<Fault> {
        let services = read(&[("sshd", stack), ("common-auth", COMMON)]);
        let service = services.get("sshd").unwrap();
        faults_of(service, situation)
    }

    fn faults_of(service: &Service, situation: Situation) -> Vec<Fault> {
        let mut faults: Vec<_> = ask(service, situation)
            .iter()
            .map(|found| found.fault)
            .collect();
        faults.sort_unstable();
        faults
    }

    const PUSH: Situation = Situation {
        airlock: false,
        password_from_stack: false,
        exempts: false,
        remembers: false,
        goes_on_without: false,
        after_key: false,
    };
    const AIRLOCK: Situation = Situation {
        airlock: true,
        ..PUSH
    };

    fn example(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../conf/pam.d")
            .join(path)
    }

    #[test]
    fn the_shipped_stacks_answer_well() {
        let mut examples = 0;
        for distribution in ["debian", "fedora"] {
            for file in example(distribution).read_dir().unwrap() {
                let path = file.unwrap().path();
                let text =
                    |name: &str| std::fs::read_to_string(example(distribution).join(name)).unwrap();
                let name = path.file_name().unwrap().to_str().unwrap();
                let (su, sudo, this) = (text("su"), text("sudo"), text(name));
                let program = name.split("-a").next().unwrap().split("-p").next().unwrap();
                let services = read(&[
                    ("su", &su),
                    ("sudo", &sudo),
                    (program, &this),
                    ("common-auth", COMMON),
                    ("common-account", ""),
                    ("common-password", ""),
                    ("common-session", ""),
                    ("common-session-noninteractive", ""),
                    ("system-auth", ""),
                    ("password-auth", ""),
                    ("postlogin", ""),
                ]);
                let service = services.get(program).unwrap();
                assert_eq!(service.phones().len(), 1, "{path:?}");
                let airlock = name.ends_with("airlock");
                let situation = Situation { airlock, ..PUSH };
                assert_eq!(faults_of(service, situation), [], "{path:?}");
                let everything = Situation {
                    exempts: !airlock,
                    goes_on_without: !name.ends_with("publickey"),
                    ..situation
                };
                assert_eq!(faults_of(service, everything), [], "{path:?}");
                examples += 1;
            }
        }
        assert_eq!(examples, 16);
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn classic_mistakes() {
        use Fault::{
            AskedAfterRefusal, ExemptNothingLeft, ExemptRefused, NoFirstFactor, NobodyGetsIn,
            PhoneInsteadOfPassword, PhoneSkipped, RefusalDoesNotCount, RingsAfterWrongPassword,
            RingsBeforePassword, RingsTwice,
        };

        let mut wrong = Vec::new();
        let common = "@include common-auth\n";
        let behind = |control: &str| format!("{common}auth {control} pam_logonbox.so\n");
        let unix = |control: &str| format!("auth {control} pam_unix.so\n{RIGHT_LINE}");
        let five = "auth [success=2 authtok_err=die default=ignore] pam_unix.so nodelay\n\
                    auth optional pam_faildelay.so delay=2000000\n\
                    auth requisite pam_deny.so\n";
        let permit = "auth required pam_permit.so\n";
        for (stack, expected) in [
            (behind("[success=ok ignore=ignore default=die]"), vec![]),
            (behind("requisite"), vec![]),
            (behind("required"), vec![]),
            (behind("optional"), vec![RefusalDoesNotCount]),
            (behind("sufficient"), vec![RefusalDoesNotCount]),
            (
                behind("[success=ok default=ignore]"),
                vec![RefusalDoesNotCount],
            ),
            (
                behind("[success=ok ignore=ignore authinfo_unavail=ignore default=die]"),
                vec![RefusalDoesNotCount],
            ),
            (behind("[success=ok default=bad]"), vec![ExemptRefused]),
            (behind("[success=ok default=die]"), vec![ExemptRefused]),
            (behind("[default=ignore]"), vec![RefusalDoesNotCount]),
            (
                behind("[success=die ignore=ignore default=die]"),
                vec![NobodyGetsIn],
            ),
            (
                behind("[success=3 ignore=ignore default=die]"),
                vec![NobodyGetsIn],
            ),
            // No first factor.
            (RIGHT_LINE.to_owned(), vec![NoFirstFactor]),
            (format!("{RIGHT_LINE}{permit}"), vec![NoFirstFactor]),
            (
                "auth [success=done ignore=ignore default=die] pam_logonbox.so\n\
                 auth requisite pam_deny.so\n"
                    .to_owned(),
                vec![NoFirstFactor],
            ),
            // One of two.
            (
                format!("auth sufficient pam_logonbox.so\n{common}"),
                vec![PhoneInsteadOfPassword],
            ),
            (
                format!("auth [success=done ignore=ignore default=die] pam_logonbox.so\n{common}"),
                vec![PhoneInsteadOfPassword],
            ),
            (
                unix("sufficient"),
                vec![PhoneSkipped, PhoneInsteadOfPassword],
            ),
            (
                "auth sufficient pam_unix.so\nauth sufficient pam_logonbox.so\nauth required pam_deny.so\n".to_string(),
                vec![PhoneSkipped, PhoneInsteadOfPassword],
            ),
            (unix("optional"), vec![PhoneInsteadOfPassword]),
            // Order.
            (format!("{RIGHT_LINE}{common}"), vec![RingsBeforePassword]),
            (unix("required"), vec![RingsAfterWrongPassword]),
            (unix("requisite"), vec![]),
            (
                unix("[success=ok default=bad]"),
                vec![RingsAfterWrongPassword],
            ),
            // Jumps.
            (format!("{five}{RIGHT_LINE}{permit}"), vec![]),
            (
                format!("{}{RIGHT_LINE}{permit}", five.replace("=2 ", "=3 ")),
                vec![PhoneSkipped],
            ),
            (
                format!("{}{RIGHT_LINE}{permit}", five.replace("=2 ", "=1 ")),
                vec![NobodyGetsIn],
            ),
            (format!("{five}{RIGHT_LINE}"), vec![ExemptNothingLeft]),
            (
                format!("auth [success=1 default=ignore] pam_unix.so\n{RIGHT_LINE}{permit}"),
                vec![PhoneSkipped, PhoneInsteadOfPassword],
            ),
            (
                format!(
                    "auth [success=1 default=ignore] pam_unix.so\nauth required pam_deny.so\n{RIGHT_LINE}{permit}"
                ),
                vec![RingsAfterWrongPassword],
            ),
            // Twice.
            (
                format!("{common}{RIGHT_LINE}{RIGHT_LINE}"),
                vec![RingsTwice],
            ),
            (
                format!(
                    "{}{}",
                    behind("required"),
                    "auth required pam_logonbox.so\n"
                ),
                vec![RingsTwice, AskedAfterRefusal],
            ),
            (
                format!("{}auth required pam_unix.so\n", behind("required")),
                vec![AskedAfterRefusal],
            ),
            // A condition that decides for some users.
            (
                format!(
                    "auth [success=3 default=ignore] pam_succeed_if.so user = svc\n{common}{RIGHT_LINE}"
                ),
                vec![PhoneInsteadOfPassword, ExemptNothingLeft],
            ),
        ] {
            let found = faults(&stack, PUSH);
            if found != expected {
                wrong.push((stack, found, expected));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn what_the_configuration_changes() {
        use Fault::{ExemptNothingLeft, ExemptWithoutFactor, KeyAloneWhileAway, NoPasswordInStack};

        let mut wrong = Vec::new();
        let alone = "auth [success=done ignore=ignore default=die] pam_logonbox.so\n";
        let deny = "auth requisite pam_deny.so\n";
        let permit = "auth required pam_permit.so\n";
        let key = "auth requisite pam_exec.so /usr/bin/grep -qz ^SSH_AUTH_INFO_0=publickey /x\n";
        let exempts = |situation| Situation {
            exempts: true,
            ..situation
        };
        let goes_on = |situation| Situation {
            goes_on_without: true,
            ..situation
        };
        let after_key = Situation {
            after_key: true,
            ..PUSH
        };
        let from_stack = Situation {
            password_from_stack: true,
            ..AIRLOCK
        };
        let common = "@include common-auth\n";
        for (stack, situation, expected) in [
            (format!("{alone}{deny}"), AIRLOCK, vec![]),
            (format!("{alone}{deny}"), goes_on(AIRLOCK), vec![]),
            (
                format!("{alone}{common}"),
                goes_on(exempts(AIRLOCK)),
                vec![],
            ),
            (
                format!("{alone}{deny}"),
                exempts(AIRLOCK),
                vec![ExemptNothingLeft],
            ),
            (
                format!("{alone}{permit}"),
                AIRLOCK,
                vec![ExemptWithoutFactor],
            ),
            (
                format!("{alone}{deny}"),
                from_stack,
                vec![NoPasswordInStack],
            ),
            (format!("{common}{RIGHT_LINE}"), from_stack, vec![]),
            (format!("{key}{RIGHT_LINE}{permit}"), PUSH, vec![]),
            (
                format!("{key}{RIGHT_LINE}{permit}"),
                goes_on(PUSH),
                vec![KeyAloneWhileAway],
            ),
            (format!("{key}{RIGHT_LINE}"), PUSH, vec![]),
            (format!("{RIGHT_LINE}{permit}"), after_key, vec![]),
            (
                format!("{RIGHT_LINE}{permit}"),
                goes_on(after_key),
                vec![KeyAloneWhileAway],
            ),
            (RIGHT_LINE.to_string(), after_key, vec![]),
            (
                RIGHT_LINE.to_string(),
                exempts(after_key),
                vec![ExemptNothingLeft],
            ),
        ] {
            let found = faults(&stack, situation);
            if found != expected {
                wrong.push((stack, situation, found, expected));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn some_and_unknown() {
        let found = |stack: &str| {
            let services = read(&[("sshd", stack), ("common-auth", COMMON)]);
            ask(services.get("sshd").unwrap(), PUSH)
                .into_iter()
                .map(|found| {
                    (
                        found.fault,
                        found.conditions.is_empty(),
                        !found.unsure.is_empty(),
                    )
                })
                .collect::<Vec<_>>()
        };
        let listed = "auth [success=1 default=ignore] pam_succeed_if.so user ingroup nopush\n";
        assert_eq!(
            found(&format!("@include common-auth\n{listed}{RIGHT_LINE}")),
            [(Fault::PhoneSkipped, false, false)]
        );
        assert_eq!(
            found(&format!("auth required pam_acme.so\n{RIGHT_LINE}")),
            [
                (Fault::RingsAfterWrongPassword, true, true),
                (Fault::NoFirstFactor, true, true)
            ]
        );
        assert_eq!(
            found(&format!(
                "@include common-auth\nauth optional pam_acme.so\n{RIGHT_LINE}"
            )),
            []
        );
        // Only some combinations of many conditions are tried, so that this ends soon.
        let many = listed.repeat(200);
        assert!(!found(&format!("{many}{RIGHT_LINE}")).is_empty());
    }

    #[test]
    fn our_module_under_another_name() {
        let right = "@include common-auth\n\
                     auth [success=ok ignore=ignore default=die] pam_lb.so\n";
        for (stack, expected) in [
            (right.to_owned(), vec![]),
            (format!("{right}{RIGHT_LINE}"), vec![Fault::RingsTwice]),
        ] {
            let files = [("pam.d/sshd", &*stack), ("pam.d/common-auth", COMMON)];
            let (_dir, root) = host(&files);
            copy_of_ours(&root, "pam_lb.so");
            let services = services(&root);
            let service = services.get("sshd").unwrap();
            assert!(service.has_phone(), "{stack}");
            assert_eq!(faults_of(service, PUSH), expected, "{stack}");
        }
    }

    /// A password in one of five places, as pam-auth-update writes it.
    #[test]
    fn a_long_stack_is_checked() {
        let mut stack = String::new();
        for (module, over) in ["krb5", "unix", "winbind", "sss", "ldap"]
            .iter()
            .zip((1..6).rev())
        {
            stack.extend([
                "auth [success=",
                &over.to_string(),
                " default=ignore] pam_",
                module,
                ".so\n",
            ]);
        }
        stack += "auth requisite pam_deny.so\nauth required pam_permit.so\n";
        stack += "auth optional pam_cap.so\n";
        stack += RIGHT_LINE;
        assert_eq!(faults(&stack, PUSH), []);
    }
}
