//! Evaluates a stack as libpam does: the order of the modules and the result.
//!
//! The reference is Linux-PAM, `libpam/pam_dispatch.c` and `_pam_parse_control` in
//! `libpam/pam_misc.c`. A test compares the two.

use std::fmt;

/// A result of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(u8);

/// In the order of their numbers.
const NAMES: [&str; 32] = [
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

#[allow(missing_docs, reason = "pam(3) explains them")]
impl Code {
    pub const SUCCESS: Self = Self(0);
    pub const SERVICE_ERR: Self = Self(3);
    pub const PERM_DENIED: Self = Self(6);
    pub const AUTH_ERR: Self = Self(7);
    pub const AUTHINFO_UNAVAIL: Self = Self(9);
    pub const MAXTRIES: Self = Self(11);
    pub const NEW_AUTHTOK_REQD: Self = Self(12);
    pub const CONV_ERR: Self = Self(19);
    pub const AUTHTOK_ERR: Self = Self(20);
    pub const IGNORE: Self = Self(25);
    pub const ABORT: Self = Self(26);
    pub const MODULE_UNKNOWN: Self = Self(28);

    /// Finds a result by its name in a control.
    #[cfg(test)]
    pub fn named(name: &str) -> Option<Self> {
        let place = NAMES.iter().position(|known| *known == name)?;
        u8::try_from(place).ok().map(Self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.get(usize::from(self.0)).copied().unwrap_or_default();
        write!(f, "PAM_{}", name.to_ascii_uppercase())
    }
}

/// The action of a control for a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "pam.conf(5) explains them")]
pub enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    Jump(usize),
}

const ACTIONS: [(&str, Action); 6] = [
    ("ignore", Action::Ignore),
    ("ok", Action::Ok),
    ("done", Action::Done),
    ("bad", Action::Bad),
    ("die", Action::Die),
    ("reset", Action::Reset),
];

/// The second word of a line: an action for each result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control([Action; NAMES.len()]);

impl Control {
    /// For a line that libpam cannot read.
    pub const BAD: Self = Self([Action::Bad; NAMES.len()]);

    /// Parses a word such as `required`, or the text between brackets. If it is invalid, every
    /// result is bad, and the second value gives the reason.
    pub fn parse(text: &str) -> (Self, Option<String>) {
        let word = |ok, default| {
            let mut control = Self([default; NAMES.len()]);
            control.set(Code::SUCCESS, ok);
            control.set(Code::NEW_AUTHTOK_REQD, ok);
            control.set(Code::IGNORE, Action::Ignore);
            (control, None)
        };
        match text.to_ascii_lowercase().as_str() {
            "required" => word(Action::Ok, Action::Bad),
            "requisite" => word(Action::Ok, Action::Die),
            "optional" => word(Action::Ok, Action::Ignore),
            "sufficient" => word(Action::Done, Action::Ignore),
            _ => match Self::parse_pairs(text) {
                Ok(control) => (control, None),
                Err(what) => (Self::BAD, Some(what)),
            },
        }
    }

    fn parse_pairs(text: &str) -> Result<Self, String> {
        let mut actions = [None; NAMES.len()];
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            // libpam takes a name off the front without looking for the end of the word.
            let found = NAMES
                .iter()
                .enumerate()
                .find_map(|(place, name)| Some((Some(place), rest.strip_prefix(name)?)))
                .or_else(|| Some((None, rest.strip_prefix("default")?)));
            let Some((code, after)) = found else {
                return Err(format!("no result is called {:?}", first_word(rest)));
            };
            let Some(after) = after.trim_start().strip_prefix('=') else {
                return Err(format!("= is missing after {:?}", first_word(rest)));
            };
            let after = after.trim_start();
            let (action, after) = action(after)?;
            match code {
                Some(place) => {
                    if let Some(slot) = actions.get_mut(place) {
                        *slot = Some(action);
                    }
                }
                None => {
                    for slot in &mut actions {
                        slot.get_or_insert(action);
                    }
                }
            }
            rest = after.trim_start();
        }
        Ok(Self(actions.map(|action| action.unwrap_or(Action::Bad))))
    }

    fn set(&mut self, code: Code, action: Action) {
        if let Some(slot) = self.0.get_mut(usize::from(code.0)) {
            *slot = action;
        }
    }

    /// The action for `code`.
    pub fn action(&self, code: Code) -> Action {
        self.0
            .get(usize::from(code.0))
            .copied()
            .unwrap_or(Action::Bad)
    }
}

fn action(text: &str) -> Result<(Action, &str), String> {
    if text.is_empty() {
        return Err("an action is missing at the end".to_owned());
    }
    let known = ACTIONS
        .iter()
        .find_map(|(name, action)| Some((*action, text.strip_prefix(name)?)));
    if let Some(known) = known {
        return Ok(known);
    }
    let rest = text.trim_start_matches(|sign: char| sign.is_ascii_digit());
    let digits = text.strip_suffix(rest).unwrap_or_default();
    match digits.parse::<i32>() {
        Ok(0) => Err("a jump over 0 lines".to_owned()),
        Ok(number) => Ok((Action::Jump(usize::try_from(number).unwrap_or(0)), rest)),
        Err(_) => Err(format!("no action is called {:?}", first_word(text))),
    }
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// One line of a stack, after includes.
#[derive(Debug, Clone)]
pub struct Step<M> {
    /// The depth of its substack.
    pub level: usize,
    /// The kind of the line.
    pub kind: StepKind<M>,
    /// The actions for the result.
    pub control: Control,
}

/// The kind of a line.
#[derive(Debug, Clone)]
pub enum StepKind<M> {
    /// A module is called.
    Module(M),
    /// libpam could not read the line, and counts it as failed.
    Broken,
    /// A substack begins after this line.
    Substack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Impression {
    None,
    Positive,
    Negative,
}

/// The result of libpam if no module decides.
const MUST_FAIL: Code = Code::PERM_DENIED;

/// The progress of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    at: usize,
    /// The level of the previous line.
    level: usize,
    impression: Impression,
    status: Code,
    /// The state when each substack was entered, by level.
    saved: Vec<(Impression, Code)>,
}

impl State {
    /// Before the first line.
    pub fn start() -> Self {
        Self {
            at: 0,
            level: 0,
            impression: Impression::None,
            status: MUST_FAIL,
            saved: vec![(Impression::None, MUST_FAIL)],
        }
    }

    /// The next module and its place. Lines without a module are handled on the way.
    pub fn next<'s, M>(&mut self, stack: &'s [Step<M>]) -> Option<(usize, &'s M)> {
        while let Some(step) = stack.get(self.at) {
            match &step.kind {
                StepKind::Module(module) => return Some((self.at, module)),
                StepKind::Substack => {
                    self.enter(step.level);
                    self.at = self.at.saturating_add(1);
                }
                StepKind::Broken => self.answer(stack, MUST_FAIL),
            }
        }
        None
    }

    fn enter(&mut self, level: usize) {
        if self.level < level {
            self.saved
                .resize(level.saturating_add(1), (Impression::None, MUST_FAIL));
            if let Some(saved) = self.saved.get_mut(level) {
                *saved = (self.impression, self.status);
            }
        }
        self.level = level;
    }

    /// Continues with the result of the module that [`next`](Self::next) returned.
    pub fn answer<M>(&mut self, stack: &[Step<M>], code: Code) {
        let Some(step) = stack.get(self.at) else {
            return;
        };
        let level = step.level;
        self.enter(level);
        let inside = |at: usize| stack.get(at).is_some_and(|step| step.level >= level);
        let deeper = |at: usize| stack.get(at).is_some_and(|step| step.level > level);
        let mut next = self.at.saturating_add(1);
        let mut decided = false;
        match step.control.action(code) {
            Action::Ignore => {}
            Action::Reset => {
                let saved = self.saved.get(level).copied();
                (self.impression, self.status) = saved.unwrap_or((Impression::None, MUST_FAIL));
            }
            action @ (Action::Ok | Action::Done) => {
                let so_far = (self.impression, self.status);
                if matches!(
                    so_far,
                    (Impression::None, _) | (Impression::Positive, Code::SUCCESS)
                ) {
                    (self.impression, self.status) = (Impression::Positive, code);
                }
                decided = action == Action::Done && self.impression == Impression::Positive;
            }
            action @ (Action::Bad | Action::Die) => {
                if self.impression != Impression::Negative {
                    self.impression = Impression::Negative;
                    self.status = if code == Code::IGNORE {
                        MUST_FAIL
                    } else {
                        code
                    };
                }
                decided = action == Action::Die;
            }
            Action::Jump(mut over) => {
                while over > 0 && inside(next) {
                    // A substack counts as one line.
                    next = next.saturating_add(1);
                    while deeper(next) {
                        next = next.saturating_add(1);
                    }
                    over = over.saturating_sub(1);
                }
                if over > 0 {
                    (self.impression, self.status) = (Impression::Negative, MUST_FAIL);
                }
            }
        }
        while decided && inside(next) {
            next = next.saturating_add(1);
        }
        self.at = next;
    }

    /// The result for the program.
    pub fn verdict(&self) -> Code {
        if self.status == Code::SUCCESS && self.impression != Impression::Positive {
            MUST_FAIL
        } else {
            self.status
        }
    }

    /// The index of the next line.
    pub fn place(&self) -> usize {
        self.at
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    reason = "small numbers of the test's own"
)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;
    use std::process::Command;

    use super::super::files::Root;
    use super::super::pam_d::{Module, service};
    use super::*;

    #[test]
    fn controls() {
        let action = |control: &str, code| Control::parse(control).0.action(code);
        for (control, success, ignore, other) in [
            ("required", Action::Ok, Action::Ignore, Action::Bad),
            ("Requisite", Action::Ok, Action::Ignore, Action::Die),
            ("optional", Action::Ok, Action::Ignore, Action::Ignore),
            ("SUFFICIENT", Action::Done, Action::Ignore, Action::Ignore),
            (
                "default=die success=2",
                Action::Jump(2),
                Action::Die,
                Action::Die,
            ),
            (
                " success = ok\tignore=reset ",
                Action::Ok,
                Action::Reset,
                Action::Bad,
            ),
            (
                "success=okauth_err=done",
                Action::Ok,
                Action::Bad,
                Action::Done,
            ),
        ] {
            let (_, wrong) = Control::parse(control);
            assert_eq!(wrong, None, "{control}");
            let expected = [success, ignore, other];
            let codes = [Code::SUCCESS, Code::IGNORE, Code::AUTH_ERR];
            assert_eq!(
                codes.map(|code| action(control, code)),
                expected,
                "{control}"
            );
        }
        for control in [
            "success=okay",
            "succes=ok",
            "success",
            "success=",
            "success=0",
            "success=99999999999",
            "success=-1",
            "Success=ok",
            "binding",
            "success=ok,default=die",
        ] {
            let (bad, wrong) = Control::parse(control);
            assert!(wrong.is_some(), "{control}");
            assert_eq!(bad, Control::BAD, "{control}");
        }
    }

    /// Pseudo-random numbers, the same in every run.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, below: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from((self.0 >> 33) % u64::try_from(below).unwrap()).unwrap()
        }

        fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
            from[self.roll(from.len())]
        }
    }

    const CONTROLS: [&str; 20] = [
        "required",
        "requisite",
        "sufficient",
        "optional",
        "[success=ok ignore=ignore default=die]",
        "[success=done default=bad]",
        "[success=1 default=ignore]",
        "[success=2 default=ignore]",
        "[success=3 default=die]",
        "[default=1]",
        "[default=2 auth_err=ignore]",
        "[default=reset]",
        "[success=reset default=ok]",
        "[default=done]",
        "[auth_err=ok ignore=ok success=1]",
        "[success=ok ignore=done default=ignore]",
        "[success=okay]",
        "[ignore=bad default=ok]",
        "[success=9 default=bad]",
        "[success=ignore default=die]",
    ];

    /// Includes have absolute paths, because libpam searches for others only in /etc/pam.d.
    fn lines(dice: &mut Dice, directory: Option<&Path>) -> String {
        let mut text = String::new();
        for _ in 0..=dice.roll(6) {
            let kind = dice.roll(10);
            if let Some(directory) = directory.filter(|_| kind < 3) {
                let how = dice.pick(&["include", "substack"]);
                let what = dice.pick(&["one", "two", "one", "two", "three"]);
                writeln!(text, "auth {how} {}/{what}", directory.display()).unwrap();
            } else {
                let control = dice.pick(&CONTROLS);
                let code = dice.pick(&[
                    "success",
                    "success",
                    "success",
                    "auth_err",
                    "ignore",
                    "user_unknown",
                    "abort",
                ]);
                writeln!(text, "auth {control} pam_debug.so auth={code}").unwrap();
            }
        }
        text
    }

    fn said(module: &Module) -> Code {
        let argument = module.arguments.first().unwrap();
        Code::named(argument.strip_prefix("auth=").unwrap()).unwrap()
    }

    /// Random stacks, with includes and substacks two deep, evaluated by the real libpam and here.
    #[test]
    fn the_verdicts_are_libpams() {
        let dir = tempfile::tempdir().unwrap();
        let host = dir.path().join("pam_host");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/logins/pam_host.c");
        let compiled = Command::new("cc")
            .arg("-o")
            .arg(&host)
            .arg(source)
            .args(["-lpam", "-ldl"])
            .status()
            .expect("a C compiler: apt-get install gcc libpam0g-dev");
        assert!(compiled.success());
        let pam_d = dir.path().to_owned();
        let write = |name: &str, text: &str| std::fs::write(pam_d.join(name), text).unwrap();
        write("other", "auth required pam_deny.so\n");
        let root = Root::this();
        let mut dice = Dice(1);
        let mut in_by_both = 0;
        for round in 0..250 {
            write("one", &lines(&mut dice, None));
            write(
                "two",
                &format!(
                    "{}auth substack {}/three\n",
                    lines(&mut dice, None),
                    pam_d.display()
                ),
            );
            write("three", &lines(&mut dice, None));
            let stack = lines(&mut dice, Some(&pam_d));
            write("test", &stack);

            let service = service(&root, &pam_d.join("test").display().to_string());
            let mut state = State::start();
            while let Some((_, module)) = state.next(&service.auth) {
                let code = said(module);
                state.answer(&service.auth, code);
            }
            let output = Command::new(&host)
                .arg(&pam_d)
                .args(["test", "root", "silence"])
                .output()
                .unwrap();
            let output = String::from_utf8(output.stdout).unwrap();
            let verdict = format!(" result {}\n", state.verdict());
            let files: Vec<_> = ["one", "two", "three"]
                .iter()
                .map(|name| std::fs::read_to_string(pam_d.join(name)).unwrap())
                .collect();
            assert!(
                output.contains(&verdict),
                "round {round}:{verdict}{output}{stack}{files:#?}"
            );
            in_by_both += usize::from(state.verdict() == Code::SUCCESS);
        }
        assert!((25..200).contains(&in_by_both), "{in_by_both}");
    }
}
