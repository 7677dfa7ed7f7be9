//! The question that is being asked, and what libpam has done so far.

use std::ffi::{CStr, CString};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pam_stack::{Answer, Call, Code, Facility, Question};

use crate::libpam::Outcome;
use crate::module::{Module, Unusable};

/// More different modules than libpam loads for a service.
pub const MOST_MODULES: usize = 128;
const MOST_CALLS: usize = 4096;
/// Before libpam 1.6, files that include each other are read about a thousand times.
const MOST_LINES: usize = 16_384;
/// Files that include each other make thousands of messages, and the first ones tell that.
const MOST_MESSAGES: usize = 1024;

/// The state between `pam_start` and `pam_end`.
pub struct Stage {
    question: Question,
    /// The position of a module is its slot.
    modules: Vec<Arc<Module>>,
    calls: Vec<Call>,
    lines: Vec<String>,
    refused: Vec<(String, String)>,
    messages: Vec<String>,
    /// For the next dlerror(3).
    error: Option<CString>,
    /// The text that dlerror(3) has returned. It lives until the next one.
    told: CString,
    /// The reason why the question cannot be answered.
    trouble: Option<String>,
}

static STAGE: Mutex<Option<Stage>> = Mutex::new(None);

fn lock() -> MutexGuard<'static, Option<Stage>> {
    STAGE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives libpam doubles from here on.
pub fn begin(question: Question) {
    *lock() = Some(Stage {
        question,
        modules: Vec::new(),
        calls: Vec::new(),
        lines: Vec::new(),
        refused: Vec::new(),
        messages: Vec::new(),
        error: None,
        told: CString::default(),
        trouble: None,
    });
}

/// What libpam has done since [`begin`], with this outcome.
pub fn end(outcome: Result<Outcome, String>) -> Result<Answer, String> {
    let mut stage = lock().take().ok_or("no question")?;
    // libpam looks for a module in several directories.
    let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
    let loaded: Vec<_> = stage
        .modules
        .iter()
        .map(|module| name(&module.path))
        .collect();
    stage
        .refused
        .retain(|(path, _)| !loaded.contains(&name(path)));
    match stage.trouble {
        Some(trouble) => Err(trouble),
        None => outcome.map(|Outcome { code, started }| Answer {
            code,
            started,
            calls: stage.calls,
            lines: stage.lines,
            refused: stage.refused,
            messages: stage.messages,
        }),
    }
}

/// Does this with the stage, if libpam is being asked.
pub fn with<T>(act: impl FnOnce(&mut Stage) -> T) -> Option<T> {
    lock().as_mut().map(act)
}

impl Stage {
    /// The slot of the module in this file, unless it could not be loaded.
    pub fn load(&mut self, path: &Path) -> Option<usize> {
        let slot = self.modules.len();
        if slot >= MOST_MODULES {
            self.give_up(format!("more than {MOST_MODULES} modules"));
            return None;
        }
        match Module::find(path) {
            Ok(module) => {
                self.modules.push(module);
                Some(slot)
            }
            Err(Unusable::Refused(why)) => {
                if self.refused.len() < MOST_MODULES {
                    let path = path.to_string_lossy().into_owned();
                    self.refused.push((path, why.clone()));
                } else {
                    self.give_up(format!("more than {MOST_MODULES} missing modules"));
                }
                self.fail(why);
                None
            }
            Err(Unusable::Unreadable(why)) => {
                self.give_up(why);
                None
            }
        }
    }

    /// Whether the module in this slot has the function. libpam looks for it once for each line.
    pub fn has(&mut self, slot: usize, function: &CStr) -> bool {
        let Some(module) = self.modules.get(slot) else {
            return false;
        };
        if !module.has(function) {
            return false;
        }
        let asked = match self.question.facility {
            Facility::Auth => c"pam_sm_authenticate",
            Facility::Account => c"pam_sm_acct_mgmt",
            Facility::Session => c"pam_sm_open_session",
        };
        if function == asked {
            if self.lines.len() >= MOST_LINES {
                self.give_up(format!("more than {MOST_LINES} lines"));
                return false;
            }
            self.lines.push(module.path.clone());
        }
        true
    }

    /// The code that the module in this slot returns to this call.
    pub fn call(&mut self, slot: usize, arguments: Vec<String>) -> Code {
        let mut call = Call {
            path: self
                .modules
                .get(slot)
                .map_or_else(String::new, |module| module.path.clone()),
            arguments,
            code: self.question.otherwise,
        };
        let rule = self.question.rules.iter().find(|rule| {
            let earlier = || match (&rule.module, &rule.arguments) {
                // It fits every call.
                (None, None) => self.calls.len(),
                _ => self.calls.iter().filter(|call| rule.fits(call)).count(),
            };
            rule.fits(&call) && rule.nth.is_none_or(|nth| nth == earlier())
        });
        if let Some(rule) = rule {
            call.code = rule.code;
        }
        let code = call.code;
        if self.calls.len() < MOST_CALLS {
            self.calls.push(call);
        } else {
            self.give_up(format!("more than {MOST_CALLS} calls"));
        }
        code
    }

    /// Keeps a line for the log, if there are not too many.
    pub fn message(&mut self, text: String) {
        if self.messages.len() < MOST_MESSAGES {
            self.messages.push(text);
        }
    }

    fn fail(&mut self, why: String) {
        self.error = CString::new(why).ok();
    }

    fn give_up(&mut self, why: String) {
        self.trouble.get_or_insert(why);
    }

    /// The text for dlerror(3), once.
    pub fn error(&mut self) -> Option<&CStr> {
        self.told = self.error.take()?;
        Some(&self.told)
    }
}
