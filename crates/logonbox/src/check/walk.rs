//! Who gets in by a stack: every way through it, in a world that is given.
//!
//! A stack is judged by what comes out of it, not by how it is written.

use std::collections::HashSet;

use super::dispatch::{Code, State, Step, What};
use super::pam_d::Module;
use super::roles::Role;

/// The lines of a stack.
pub type Stack = [Step<Module>];

/// What everybody says in one attempt to log in.
#[derive(Debug, Clone, Copy)]
pub struct World<'w> {
    /// What our module may say.
    pub phone: &'w [Code],
    /// What whoever asks for a first factor may say.
    pub factor: &'w [Code],
    /// Which conditions hold, by their order in the stack.
    pub conditions: u32,
    /// What modules are that are not known here.
    pub unknown: Unknown,
}

/// What is assumed of a module that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It asks for a first factor.
    Factor,
    /// It takes no part.
    Bystander,
}

/// One way through a stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Way {
    state: State,
    /// Where our module was asked first.
    pub rang_at: Option<usize>,
    /// It was asked again.
    pub rang_again: bool,
    /// When it was asked, somebody had said no, and nobody yes: the last of them.
    pub rang_after_no: Option<usize>,
    /// When it was asked, nobody had been asked for a first factor.
    pub rang_first: bool,
    /// Who said yes to a first factor, last.
    pub yes: Option<usize>,
    /// Who said no to one, last.
    pub no: Option<usize>,
    /// Who was asked for a first factor after our module.
    pub asked_after: Option<usize>,
    /// Whose answer led past our module.
    pub skipped_at: Option<usize>,
}

impl Way {
    /// The program lets the person in.
    pub fn is_in(&self) -> bool {
        self.state.verdict() == Code::SUCCESS
    }
}

/// The conditions of a stack, by their order.
pub fn conditions(stack: &Stack) -> Vec<&Module> {
    modules(stack)
        .filter(|module| module.role == Role::Condition)
        .collect()
}

/// Its modules.
pub fn modules(stack: &Stack) -> impl Iterator<Item = &Module> {
    stack.iter().filter_map(|step| match &step.what {
        What::Module(module) => Some(module),
        What::Broken | What::Substack => None,
    })
}

/// More ways than any real stack has; what is beyond is not looked at.
const MOST: usize = 20_000;

/// All ways through `stack` in this world.
pub fn ways(stack: &Stack, world: World<'_>) -> Vec<Way> {
    let start = Way {
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
    let phone = stack
        .iter()
        .position(|step| matches!(&step.what, What::Module(module) if module.role == Role::Phone));
    let mut ended = Vec::new();
    let mut seen = HashSet::new();
    let mut open = vec![start];
    while let Some(mut way) = open.pop() {
        let Some((at, module)) = way.state.next(stack) else {
            ended.push(way);
            continue;
        };
        if seen.len() >= MOST || !seen.insert(way.clone()) {
            continue;
        }
        for code in answers(stack, module, at, world) {
            let mut way = way.clone();
            way.note(module, at, code, world.unknown);
            way.state.answer(stack, code);
            let passed = phone.is_some_and(|phone| at < phone && phone < way.state.place());
            if passed && way.rang_at.is_none() {
                way.skipped_at.get_or_insert(at);
            }
            open.push(way);
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

fn answers(stack: &Stack, module: &Module, at: usize, world: World<'_>) -> Vec<Code> {
    match &module.role {
        Role::Phone => world.phone.to_vec(),
        Role::Fixed(code) => vec![*code],
        Role::Condition => {
            let before = stack.get(..at).unwrap_or_default();
            let holds = u32::try_from(conditions(before).len())
                .ok()
                .and_then(|place| world.conditions.checked_shr(place))
                .is_some_and(|rest| rest & 1 == 1);
            vec![if holds { Code::SUCCESS } else { Code::AUTH_ERR }]
        }
        _ if is_factor(module, world.unknown) => world.factor.to_vec(),
        _ => vec![Code::IGNORE],
    }
}

impl Way {
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
