//! Finds the faults of a stack that names our module.

use super::dispatch::{Action, Code, StepKind};
use super::roles::Role;
use super::walk::{Answers, Stack, Trace, Unknown, conditions, modules, traces};

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
    /// Some users are exempt.
    pub exempts: bool,
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
}

/// A fault at a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// The fault.
    pub fault: Fault,
    /// The line to report.
    pub at: usize,
    /// The results of our module that cause it, if it depends on them.
    pub codes: Vec<Code>,
    /// It affects all users, and not only those that meet some condition.
    pub always: bool,
    /// It depends on the role of an unknown module.
    pub unsure: bool,
}

const YES: &[Code] = &[Code::SUCCESS];
/// For a user, one of several modules accepts the factor. The others may not know the user.
const RIGHT: &[Code] = &[Code::SUCCESS, Code::AUTH_ERR];
const WRONG: &[Code] = &[
    Code::AUTH_ERR,
    Code::AUTHINFO_UNAVAIL,
    Code::AUTHTOK_ERR,
    Code::MAXTRIES,
    Code::MODULE_UNKNOWN,
];
/// The refusals of our module. The last one is libpam's, if the module cannot be loaded.
pub const REFUSALS: &[Code] = &[
    Code::AUTH_ERR,
    Code::MAXTRIES,
    Code::ABORT,
    Code::AUTHINFO_UNAVAIL,
    Code::SERVICE_ERR,
    Code::CONV_ERR,
    Code::MODULE_UNKNOWN,
];
const IGNORED: &[Code] = &[Code::IGNORE];
/// More conditions than this are not tried in every combination.
const MOST_CONDITIONS: usize = 8;

/// Finds all faults of a stack that names our module.
pub fn ask(stack: &Stack, situation: Situation) -> Vec<Occurrence> {
    let first = for_everybody(stack, situation, Unknown::Factor);
    if !modules(stack).any(|module| module.role == Role::Unknown) {
        return first;
    }
    // A fault is unsure if it depends on what the unknown module does.
    let second = for_everybody(stack, situation, Unknown::Bystander);
    let has = |list: &[Occurrence], fault| list.iter().any(|found| found.fault == fault);
    let mut all = Vec::new();
    for (list, other) in [(&first, &second), (&second, &first)] {
        for found in list {
            let unsure = !has(other, found.fault);
            if unsure || !has(&all, found.fault) {
                all.push(Occurrence {
                    unsure,
                    ..found.clone()
                });
            }
        }
    }
    all
}

/// The faults for every combination of conditions.
fn for_everybody(stack: &Stack, situation: Situation, unknown: Unknown) -> Vec<Occurrence> {
    let count = conditions(stack).len().min(MOST_CONDITIONS);
    let combinations = 1_u32 << count;
    let mut all: Vec<(Occurrence, u32)> = Vec::new();
    for conditions in 0..combinations {
        let questions = Questions {
            stack,
            situation,
            unknown,
            conditions,
        };
        for found in questions.all() {
            match all.iter_mut().find(|(one, _)| one.fault == found.fault) {
                Some((one, times)) => {
                    *times = times.saturating_add(1);
                    for code in found.codes {
                        if !one.codes.contains(&code) {
                            one.codes.push(code);
                        }
                    }
                }
                None => all.push((found, 1)),
            }
        }
    }
    all.into_iter()
        .map(|(found, times)| Occurrence {
            always: times == combinations,
            ..found
        })
        .collect()
}

/// The stack for users that meet these conditions.
struct Questions<'s> {
    stack: &'s Stack,
    situation: Situation,
    unknown: Unknown,
    conditions: u32,
}

impl Questions<'_> {
    fn traces(&self, phone: &[Code], factor: &[Code]) -> Vec<Trace> {
        let answers = Answers {
            phone,
            factor,
            conditions: self.conditions,
            unknown: self.unknown,
        };
        traces(self.stack, answers)
    }

    fn place_of(&self, wanted: impl Fn(&Role) -> bool) -> Option<usize> {
        self.stack
            .iter()
            .position(|step| matches!(&step.kind, StepKind::Module(module) if wanted(&module.role)))
    }

    /// Whether a line asks for a first factor.
    fn has_factor(&self) -> bool {
        let unknown = self.unknown == Unknown::Factor;
        self.place_of(|role| match role {
            Role::Factor | Role::Key => true,
            Role::Unknown => unknown,
            Role::Phone | Role::Fixed(_) | Role::Condition => false,
        })
        .is_some()
    }

    fn all(&self) -> Vec<Occurrence> {
        let mut faults = self.who_gets_in();
        if !faults
            .iter()
            .any(|found| found.fault == Fault::NobodyGetsIn)
        {
            let alone = [Fault::NoFirstFactor, Fault::PhoneInsteadOfPassword];
            let alone = faults.iter().any(|found| alone.contains(&found.fault));
            faults.extend(self.who_is_exempt(alone));
        }
        faults.extend(self.what_is_asked());
        faults
    }

    /// Checks that both factors are needed.
    fn who_gets_in(&self) -> Vec<Occurrence> {
        let mut faults = Vec::new();
        let right = self.traces(YES, RIGHT);
        if !right.iter().any(Trace::is_in) {
            faults.push(found(Fault::NobodyGetsIn, self.phone()));
            return faults;
        }
        if let Some(trace) = right
            .iter()
            .find(|trace| trace.is_in() && trace.rang_at.is_none())
        {
            let at = trace.skipped_at.unwrap_or(self.phone());
            faults.push(found(Fault::PhoneSkipped, at));
        }
        let first_needed = !self.situation.airlock && !self.situation.after_key;
        let wrong = self.traces(YES, WRONG);
        let phone_alone = wrong
            .iter()
            .find(|trace| trace.is_in() && trace.rang_at.is_some());
        if let Some(trace) = phone_alone.filter(|_| first_needed) {
            let fault = if self.has_factor() {
                Fault::PhoneInsteadOfPassword
            } else {
                Fault::NoFirstFactor
            };
            faults.push(found(fault, trace.rang_at.unwrap_or_default()));
            if fault == Fault::PhoneInsteadOfPassword {
                return faults;
            }
        }
        let mut codes = REFUSALS.to_vec();
        codes.retain(|code| {
            let traces = self.traces(std::slice::from_ref(code), RIGHT);
            traces
                .iter()
                .any(|trace| trace.is_in() && trace.rang_at.is_some())
        });
        if !codes.is_empty() {
            faults.push(Occurrence {
                codes,
                ..found(Fault::RefusalDoesNotCount, self.phone())
            });
        }
        faults
    }

    /// Checks what happens when our module returns `PAM_IGNORE`.
    fn who_is_exempt(&self, phone_is_alone: bool) -> Vec<Occurrence> {
        let mut faults = Vec::new();
        let ignored = self.traces(IGNORED, RIGHT);
        let Situation {
            exempts,
            goes_on_without,
            airlock,
            after_key,
            ..
        } = self.situation;
        // With Airlock, the password may be the only factor. Then the others must be refused.
        let may_be_ignored = exempts || self.has_factor() || (goes_on_without && !airlock);
        let phone = self.phone();
        let control = self.stack.get(phone).map(|step| &step.control);
        if ignored.iter().any(Trace::is_in) {
            let by_key = |trace: &&Trace| match trace.yes {
                Some(at) => self.role(at) == Some(&Role::Key),
                None => after_key,
            };
            let mut alone = ignored.iter().filter(|trace| trace.is_in());
            if goes_on_without && alone.any(|trace| by_key(&trace)) {
                faults.push(found(Fault::KeyAloneWhileAway, phone));
            }
        } else if may_be_ignored {
            let ignore = control.map(|control| control.action(Code::IGNORE));
            let fault = match ignore {
                Some(Action::Bad | Action::Die) => Fault::ExemptRefused,
                _ => Fault::ExemptNothingLeft,
            };
            faults.push(found(fault, phone));
        }
        let without = self.traces(IGNORED, WRONG);
        let gets_in = |trace: &Trace| trace.is_in() && trace.rang_at.is_some();
        if !phone_is_alone && !after_key && without.iter().any(gets_in) {
            faults.push(found(Fault::ExemptWithoutFactor, phone));
        }
        faults
    }

    /// Checks when the user and the phone are asked.
    fn what_is_asked(&self) -> Vec<Occurrence> {
        let mut faults = Vec::new();
        let right = self.traces(YES, RIGHT);
        if let Some(trace) = right.iter().find(|trace| trace.rang_again) {
            faults.push(found(Fault::RingsTwice, trace.rang_at.unwrap_or_default()));
        }
        let password = |role: &Role| matches!(role, Role::Factor | Role::Unknown);
        if self.situation.airlock
            && self.situation.password_from_stack
            && self.place_of(password).is_none_or(|at| at > self.phone())
        {
            faults.push(found(Fault::NoPasswordInStack, self.phone()));
        }
        let wrong = self.traces(YES, WRONG);
        let rung: Vec<&Trace> = wrong
            .iter()
            .filter(|trace| trace.rang_at.is_some())
            .collect();
        let alone = rung.iter().any(|trace| trace.is_in());
        let may_be_first = self.situation.airlock || self.situation.after_key;
        if rung.iter().any(|trace| trace.rang_first) {
            if self.has_factor() && !may_be_first && !alone {
                faults.push(found(Fault::RingsBeforePassword, self.phone()));
            }
        } else if let Some(at) = rung.iter().find_map(|trace| trace.rang_after_no)
            && (may_be_first || !alone)
        {
            faults.push(found(Fault::RingsAfterWrongPassword, at));
        }
        let refused = self.traces(REFUSALS, RIGHT);
        let asked_more = |trace: &&Trace| {
            !trace.is_in()
                && trace.rang_at.is_some()
                && (trace.asked_after.is_some() || trace.rang_again)
        };
        let counts = !refused
            .iter()
            .any(|trace| trace.is_in() && trace.rang_at.is_some());
        if let Some(trace) = refused.iter().find(asked_more).filter(|_| counts && !alone) {
            let at = trace.asked_after.unwrap_or(self.phone());
            faults.push(found(Fault::AskedAfterRefusal, at));
        }
        faults
    }

    fn phone(&self) -> usize {
        self.place_of(|role| *role == Role::Phone)
            .unwrap_or_default()
    }

    fn role(&self, at: usize) -> Option<&Role> {
        match &self.stack.get(at)?.kind {
            StepKind::Module(module) => Some(&module.role),
            StepKind::Broken | StepKind::Substack => None,
        }
    }
}

fn found(fault: Fault, at: usize) -> Occurrence {
    Occurrence {
        fault,
        at,
        codes: Vec::new(),
        always: true,
        unsure: false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::files::Root;
    use super::super::pam_d::{Service, service};
    use super::*;

    const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so nullok\n\
                          auth requisite pam_deny.so\nauth required pam_permit.so\n";
    const RIGHT_LINE: &str = "auth [success=ok ignore=ignore default=die] pam_logonbox.so\n";

    fn read(name: &str, files: &[(&str, &str)]) -> Service {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("etc/pam.d")).unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join("etc/pam.d").join(name), text).unwrap();
        }
        service(&Root::at(dir.path()), name)
    }

    fn faults(stack: &str, situation: Situation) -> Vec<Fault> {
        let service = read("sshd", &[("sshd", stack), ("common-auth", COMMON)]);
        assert_eq!(service.problems, [], "{stack}");
        let mut faults: Vec<_> = ask(&service.auth, situation)
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
                let service = read(
                    program,
                    &[
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
                    ],
                );
                assert_eq!(service.problems, [], "{path:?}");
                assert_eq!(service.phones().count(), 1, "{path:?}");
                let airlock = name.ends_with("airlock");
                let situation = Situation { airlock, ..PUSH };
                assert_eq!(ask(&service.auth, situation), [], "{path:?}");
                let everything = Situation {
                    exempts: !airlock,
                    goes_on_without: !name.ends_with("publickey"),
                    ..situation
                };
                assert_eq!(ask(&service.auth, everything), [], "{path:?}");
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
            let service = read("sshd", &[("sshd", stack), ("common-auth", COMMON)]);
            ask(&service.auth, PUSH)
                .into_iter()
                .map(|found| (found.fault, found.always, found.unsure))
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
}
