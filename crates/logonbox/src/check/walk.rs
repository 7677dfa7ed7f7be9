//! Runs a stack in every possible way, for given answers of its modules.
//!
//! Only results count, so that stacks with different notations are judged alike.

use std::collections::HashSet;

use super::dispatch::{Code, State, Step, StepKind};
use super::pam_d::Module;
use super::roles::Role;

/// The lines of a stack.
pub type Stack = [Step<Module>];

/// The possible answers of the modules in one login.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'w> {
    /// The results that our module may return.
    pub phone: &'w [Code],
    /// The results that the modules for a first factor may return.
    pub factor: &'w [Code],
    /// A bit for each condition that holds, in the order of the stack.
    pub conditions: u32,
    /// The assumption about unknown modules.
    pub unknown: Unknown,
}

/// An assumption about an unknown module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It asks for a first factor.
    Factor,
    /// It returns `PAM_IGNORE`.
    Bystander,
}

/// One run of a stack, from its first module to its result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trace {
    state: State,
    /// The step at which our module was called first.
    pub rang_at: Option<usize>,
    /// Our module was called again.
    pub rang_again: bool,
    /// The last step that had refused a first factor when our module was called, if no step had
    /// accepted one.
    pub rang_after_no: Option<usize>,
    /// Our module was called before any first factor.
    pub rang_first: bool,
    /// The last step that accepted a first factor.
    pub yes: Option<usize>,
    /// The last step that refused a first factor.
    pub no: Option<usize>,
    /// The last step that asked for a first factor after our module.
    pub asked_after: Option<usize>,
    /// The first step that jumped past our module because of its result.
    pub skipped_at: Option<usize>,
}

impl Trace {
    /// The stack lets the user in.
    pub fn is_in(&self) -> bool {
        self.state.verdict() == Code::SUCCESS
    }
}

/// The conditions of a stack, in order.
pub fn conditions(stack: &Stack) -> Vec<&Module> {
    modules(stack)
        .filter(|module| module.role == Role::Condition)
        .collect()
}

/// The modules of a stack, in order.
pub fn modules(stack: &Stack) -> impl Iterator<Item = &Module> {
    stack.iter().filter_map(|step| match &step.kind {
        StepKind::Module(module) => Some(module),
        StepKind::Broken | StepKind::Substack => None,
    })
}

/// More states than any real stack has. Later ones are left out.
const MOST_STATES: usize = 20_000;

/// All runs of `stack` with these answers.
pub fn traces(stack: &Stack, answers: Answers<'_>) -> Vec<Trace> {
    let start = Trace {
        state: State::start(),
        rang_at: None,
        rang_again: false,
        rang_after_no: None,
        rang_first: false,
        yes: None,
        no: None,
        asked_after: None,
        skipped_at: None,
    };
    let phone = stack.iter().position(
        |step| matches!(&step.kind, StepKind::Module(module) if module.role == Role::Phone),
    );
    let mut ended = Vec::new();
    let mut seen = HashSet::new();
    let mut open = vec![start];
    while let Some(mut trace) = open.pop() {
        let Some((at, module)) = trace.state.next(stack) else {
            ended.push(trace);
            continue;
        };
        if seen.len() >= MOST_STATES || !seen.insert(trace.clone()) {
            continue;
        }
        for code in codes(stack, module, at, answers) {
            let mut trace = trace.clone();
            trace.note(module, at, code, answers.unknown);
            trace.state.answer(stack, code);
            let passed = phone.is_some_and(|phone| at < phone && phone < trace.state.place());
            if passed && trace.rang_at.is_none() {
                trace.skipped_at.get_or_insert(at);
            }
            open.push(trace);
        }
    }
    ended
}

fn is_factor(module: &Module, unknown: Unknown) -> bool {
    match module.role {
        Role::Factor | Role::Key => true,
        Role::Unknown => unknown == Unknown::Factor,
        Role::Phone | Role::Fixed(_) | Role::Condition => false,
    }
}

fn codes(stack: &Stack, module: &Module, at: usize, answers: Answers<'_>) -> Vec<Code> {
    match &module.role {
        Role::Phone => answers.phone.to_vec(),
        Role::Fixed(code) => vec![*code],
        Role::Condition => {
            let before = stack.get(..at).unwrap_or_default();
            let holds = u32::try_from(conditions(before).len())
                .ok()
                .and_then(|place| answers.conditions.checked_shr(place))
                .is_some_and(|rest| rest & 1 == 1);
            vec![if holds { Code::SUCCESS } else { Code::AUTH_ERR }]
        }
        _ if is_factor(module, answers.unknown) => answers.factor.to_vec(),
        _ => vec![Code::IGNORE],
    }
}

impl Trace {
    fn note(&mut self, module: &Module, at: usize, code: Code, unknown: Unknown) {
        if module.role == Role::Phone {
            self.rang_again |= self.rang_at.is_some();
            if self.rang_at.is_none() {
                self.rang_at = Some(at);
                self.rang_first = self.yes.is_none() && self.no.is_none();
                self.rang_after_no = self.no.filter(|_| self.yes.is_none());
            }
        } else if is_factor(module, unknown) {
            if self.rang_at.is_some() {
                self.asked_after = Some(at);
            }
            if code == Code::SUCCESS {
                self.yes = Some(at);
            } else {
                self.no = Some(at);
            }
        }
    }
}
