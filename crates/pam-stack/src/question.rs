//! Questions and answers.

use crate::Code;

/// The part of a service that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Facility {
    /// The `auth` lines, through `pam_authenticate`.
    Auth,
    /// The `account` lines, through `pam_acct_mgmt`.
    Account,
    /// The `session` lines, through `pam_open_session`.
    Session,
}

/// What happens if a program calls PAM, and the modules return these codes?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name that the program gives to `pam_start`. libpam changes it to lower case, and takes
    /// the part after the last `/`.
    pub service: String,
    /// The user that the program gives to `pam_start`. libpam does not look this user up.
    pub user: String,
    /// The lines that are asked.
    pub facility: Facility,
    /// The flags that the program gives, for example `PAM_SILENT`. libpam passes them to modules.
    pub flags: i32,
    /// The codes that modules return. The first rule that fits a call decides.
    pub rules: Vec<Rule>,
    /// The code of every call that no rule fits.
    pub otherwise: Code,
}

impl Question {
    /// A question for the user `root` and without flags, in which every module returns
    /// `otherwise`.
    #[must_use]
    pub fn new(service: &str, facility: Facility, otherwise: Code) -> Self {
        Self {
            service: service.to_owned(),
            user: "root".to_owned(),
            facility,
            flags: 0,
            rules: Vec::new(),
            otherwise,
        }
    }

    /// Adds a rule after those that are there.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }
}

/// Gives a code to the calls that it fits. Without a condition it fits every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Only calls of modules with this file name, for example `pam_unix.so`.
    pub module: Option<String>,
    /// Only calls with exactly these arguments.
    pub arguments: Option<Vec<String>>,
    /// Only the call with this number among those that the two conditions above fit, counted from
    /// 0.
    pub nth: Option<usize>,
    /// The code that the module returns.
    pub code: Code,
}

impl Rule {
    /// For every call of the modules with this file name, for example `pam_unix.so`.
    #[must_use]
    pub fn module(name: &str, code: Code) -> Self {
        Self {
            module: Some(name.to_owned()),
            arguments: None,
            nth: None,
            code,
        }
    }

    /// For the call with this number in the whole stack, counted from 0.
    #[must_use]
    pub fn nth(number: usize, code: Code) -> Self {
        Self {
            module: None,
            arguments: None,
            nth: Some(number),
            code,
        }
    }

    /// Whether `module` and `arguments` fit this call. The caller counts for `nth`.
    #[must_use]
    pub fn fits(&self, call: &Call) -> bool {
        self.module.as_ref().is_none_or(|name| name == call.name())
            && self
                .arguments
                .as_ref()
                .is_none_or(|arguments| *arguments == call.arguments)
    }
}

/// What libpam did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The code that the program gets. If `pam_start` fails, its code.
    pub code: Code,
    /// Whether `pam_start` has succeeded. It fails if libpam cannot read the service, and calls no
    /// module then.
    pub started: bool,
    /// The modules that libpam has called, in this order.
    pub calls: Vec<Call>,
    /// The files of the modules in the lines of this facility, whether libpam calls them or not,
    /// after includes: first the lines of the service, then those of the service `other`. Lines
    /// whose module libpam cannot use are missing here: see `messages`. Empty if libpam stops
    /// reading at a mistake.
    pub lines: Vec<String>,
    /// The module files that libpam could not load in any directory, each with the reason. This is
    /// about all lines of the service and of `other`. libpam logs nothing about lines that begin
    /// with `-`.
    pub refused: Vec<(String, String)>,
    /// The lines that libpam would have written to the log, for example about a line that it
    /// cannot read, or a module that it cannot load. Their texts depend on libpam's version. They
    /// are also about the other facilities, and about the service `other`, which libpam always
    /// reads.
    pub messages: Vec<String>,
}

/// A call of a module. Bytes that are not UTF-8 are replaced by U+FFFD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The file that libpam would load.
    pub path: String,
    /// The arguments that the module gets.
    pub arguments: Vec<String>,
    /// The code that it returned.
    pub code: Code,
}

impl Call {
    /// The file name of the module, for example `pam_unix.so`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}
