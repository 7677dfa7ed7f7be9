//! The roles of modules in an auth stack, and the codes that they return.

use pam_stack::Code;

use super::modules::entry;
use super::services::Module;

/// The file name of our module.
pub const OURS: &str = "pam_logonbox.so";

/// The purpose of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Our module.
    Phone,
    /// Asks for a first factor, usually a password.
    Factor,
    /// Checks whether sshd has verified a key.
    Key,
    /// Accepts some valid users and refuses others, without asking them.
    Condition,
    /// Neither.
    Other,
    /// A module that is not in the table of measured modules. It may be of any kind.
    Unknown,
}

/// The purpose of a module, and its codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub kind: Kind,
    /// The user gives the right factor, or the condition holds. All codes of [`Kind::Other`]. Our
    /// module: the login is approved.
    pub right: Vec<Code>,
    /// The user gives a wrong factor or none, or the condition does not hold. Our module: the login
    /// is refused.
    pub wrong: Vec<Code>,
    /// The module has no factor for this user. Our module: the user is exempt.
    pub without: Vec<Code>,
}

impl Role {
    /// All codes, each once.
    pub fn codes(&self) -> Vec<Code> {
        let mut codes = Vec::new();
        for more in [&self.right, &self.wrong, &self.without] {
            add(&mut codes, more);
        }
        codes
    }
}

/// Adds codes that are not there yet.
pub fn add(codes: &mut Vec<Code>, more: &[Code]) {
    for code in more {
        if !codes.contains(code) {
            codes.push(*code);
        }
    }
}

/// The refusals of our module. The last one is libpam's, if the module cannot be loaded.
pub const REFUSALS: [Code; 7] = [
    Code::AUTH_ERR,
    Code::MAXTRIES,
    Code::ABORT,
    Code::AUTHINFO_UNAVAIL,
    Code::SERVICE_ERR,
    Code::CONV_ERR,
    Code::MODULE_UNKNOWN,
];

/// The refusals of an unknown module that asks for a first factor.
const UNKNOWN_REFUSALS: [Code; 4] = [
    Code::AUTH_ERR,
    Code::AUTHINFO_UNAVAIL,
    Code::USER_UNKNOWN,
    Code::MAXTRIES,
];

/// The role of the module with this file name and these arguments in a stack of `service`.
pub fn role(name: &str, arguments: &[String], service: &str) -> Role {
    let role = |kind, right: &[Code], wrong: &[Code], without: &[Code]| Role {
        kind,
        right: right.to_vec(),
        wrong: wrong.to_vec(),
        without: without.to_vec(),
    };
    let stem = name.strip_suffix(".so").unwrap_or(name);
    match stem {
        "pam_logonbox" => role(Kind::Phone, &[Code::SUCCESS], &REFUSALS, &[Code::IGNORE]),
        "pam_exec"
            if arguments
                .iter()
                .any(|word| word.contains("SSH_AUTH_INFO_0")) =>
        {
            // Its manual page: the code of a command that fails.
            role(Kind::Key, &[Code::SUCCESS], &[Code::SYSTEM_ERR], &[])
        }
        "pam_succeed_if" if service_alone(arguments, service).is_some() => {
            // The name of the service is known.
            let code = match service_alone(arguments, service) {
                Some(true) => Code::SUCCESS,
                _ => Code::AUTH_ERR,
            };
            role(Kind::Other, &[code], &[], &[])
        }
        // root needs no password and no phone to become another user. These programs keep the
        // user id of their caller. sshd and login run as root, so that it accepts all users.
        "pam_rootok" if CALLED_BY_USERS.contains(&service) => {
            role(Kind::Other, &[Code::AUTH_ERR], &[], &[])
        }
        "pam_rootok" if ["login", "sshd"].contains(&service) => {
            role(Kind::Other, &[Code::SUCCESS], &[], &[])
        }
        _ => {
            let Some(mut role) = entry(stem, arguments) else {
                return role(
                    Kind::Unknown,
                    &[Code::SUCCESS],
                    &UNKNOWN_REFUSALS,
                    &[Code::IGNORE],
                );
            };
            if HOLD_FOR_ALL.contains(&stem) {
                role.kind = Kind::Other;
            }
            if stem == "pam_unix" {
                // An empty password is the administrator's choice.
                role.without.retain(|code| *code != Code::SUCCESS);
            }
            role
        }
    }
}

/// The services of programs that keep the user id of their caller.
const CALLED_BY_USERS: [&str; 8] = [
    "chfn", "chsh", "passwd", "runuser", "su", "su-l", "sudo", "sudo-i",
];

/// Conditions that all users meet in normal times, and that only refuse.
const HOLD_FOR_ALL: [&str; 5] = [
    "pam_faillock",
    "pam_nologin",
    "pam_securetty",
    "pam_sepermit",
    "pam_shells",
];

/// Whether the module asks for no password itself. tests/hosts measures that these modules then
/// refuse a user whom no earlier line has asked.
pub fn uses_earlier_password(module: &Module) -> bool {
    const MODULES: [&str; 4] = ["pam_ldap.so", "pam_sss.so", "pam_unix.so", "pam_winbind.so"];
    MODULES.contains(&module.name()) && module.arguments.iter().any(|word| word == "use_first_pass")
}

/// The last part of a module's path.
pub fn file_name(module: &str) -> &str {
    module.rsplit('/').next().unwrap_or(module)
}

/// The result of `pam_succeed_if` if it tests only the service.
fn service_alone(arguments: &[String], service: &str) -> Option<bool> {
    const OPTIONS: [&str; 6] = [
        "debug",
        "quiet",
        "quiet_fail",
        "quiet_success",
        "use_uid",
        "audit",
    ];
    let words: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|word| !OPTIONS.contains(word))
        .collect();
    let listed = |list: &str| list.split(':').any(|one| one == service);
    words
        .chunks(3)
        .map(|test| match test {
            ["service", "in", list] => Some(listed(list)),
            ["service", "notin", list] => Some(!listed(list)),
            ["service", "=", one] => Some(*one == service),
            ["service", "!=", one] => Some(*one != service),
            _ => None,
        })
        .collect::<Option<Vec<bool>>>()
        .filter(|tests| !tests.is_empty())
        .map(|tests| tests.iter().all(|test| *test))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_real_lines() {
        let fixed = |code| (Kind::Other, vec![code]);
        let kind = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let (module, arguments) = words.split_first().unwrap();
            let role = role(module, arguments, "sshd");
            (role.kind, role.codes())
        };
        for (line, expected) in [
            ("pam_logonbox.so conf=/x", Kind::Phone),
            ("pam_unix.so nullok", Kind::Factor),
            ("pam_sss.so forward_pass", Kind::Factor),
            (
                "pam_exec.so quiet /usr/bin/grep -qz ^SSH_AUTH_INFO_0=publickey /proc/self/environ",
                Kind::Key,
            ),
            ("pam_acme.so", Kind::Unknown),
            ("pam_succeed_if.so", Kind::Condition),
            ("pam_succeed_if.so uid >= 1000 quiet", Kind::Condition),
            (
                "pam_succeed_if.so service = sshd user ingroup nopush",
                Kind::Condition,
            ),
            ("pam_faillock.so authfail", Kind::Other),
        ] {
            assert_eq!(kind(line).0, expected, "{line}");
        }
        for (line, holds) in [
            ("quiet service notin sshd:sudo", false),
            ("quiet service notin sudo:su", true),
            ("service in sshd:sudo", true),
            ("service = sudo", false),
            ("service = sshd service != cron", true),
        ] {
            let code = if holds { Code::SUCCESS } else { Code::AUTH_ERR };
            let line = format!("pam_succeed_if.so {line}");
            assert_eq!(kind(&line), fixed(code), "{line}");
        }
    }
}
