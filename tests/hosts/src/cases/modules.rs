//! The codes that PAM modules return in `auth`: the real modules, compared with the table that
//! `logonbox check` uses.
//!
//! libpam itself names the code. The line of the module jumps, with one number for each code, to a
//! line that writes the name of this code down.

mod measures;
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::TestCase;
use crate::machine::{Machine, USER, command};

use measures::{MEASURES, prepare};
use servers::Servers;

pub const CASES: &[TestCase] = &[TestCase::new("check/module-table", "/usr/sbin/sshd", table)];

const TABLE: &str = include_str!("../../../../crates/logonbox/src/check/modules.table");
/// Everything that the modules read, and the results.
const DIRECTORY: &str = "/srv/modules";

/// The names of pam.conf(5), by number.
const CODES: [&str; 32] = [
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Right,
    Wrong,
    Without,
}
use Column::{Right, Without, Wrong};

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Right => "right",
            Wrong => "wrong",
            Without => "without",
        }
    }
}

/// The servers that check passwords, and the daemons of this host that ask them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// None of them runs.
    Off,
    /// All that are installed run.
    Up,
    /// The servers have ended, after all calls with [`State::Up`].
    Away,
}

/// One call of a module.
#[derive(Debug, Clone, Copy)]
struct Measure {
    module: &'static str,
    /// The row of the table: an argument, or `-`.
    argument: &'static str,
    column: Column,
    /// Further arguments.
    more: &'static str,
    user: &'static str,
    /// What the user types.
    typed: &'static str,
    /// Lines before the one of the module.
    before: &'static str,
    /// The items of the handle, for example `rhost=localhost`.
    items: &'static [&'static str],
    /// The user whose process calls libpam.
    caller: &'static str,
    operation: &'static str,
    state: State,
}

const fn measure(
    column: Column,
    module: &'static str,
    argument: &'static str,
    more: &'static str,
) -> Measure {
    Measure {
        module,
        argument,
        column,
        more,
        user: USER,
        typed: "",
        before: "",
        items: &[],
        caller: "root",
        operation: "authenticate",
        state: State::Off,
    }
}

impl Measure {
    const fn user(self, user: &'static str) -> Self {
        Self { user, ..self }
    }

    const fn types(self, typed: &'static str) -> Self {
        Self { typed, ..self }
    }

    const fn after(self, before: &'static str) -> Self {
        Self { before, ..self }
    }

    const fn items(self, items: &'static [&'static str]) -> Self {
        Self { items, ..self }
    }

    const fn called_by(self, caller: &'static str) -> Self {
        Self { caller, ..self }
    }

    const fn silent(self) -> Self {
        Self {
            operation: "authenticate(PAM_SILENT)",
            ..self
        }
    }

    const fn when(self, state: State) -> Self {
        Self { state, ..self }
    }

    fn is_possible(&self) -> bool {
        has(self.module) && (self.state == State::Off || servers::has_server(self.module))
    }

    fn arguments(&self) -> String {
        let argument = match self.argument {
            "-" => "",
            // A prefix: the whole word is in `more`.
            prefix if prefix.ends_with('=') => "",
            word => word,
        };
        format!("{argument} {}", self.more)
    }

    fn line(&self) -> String {
        format!("{}.so {}", self.module, self.arguments())
    }
}

/// By row: for each column the codes, each with the lines that returned it.
type Measured =
    BTreeMap<(&'static str, &'static str), BTreeMap<Column, BTreeMap<String, Vec<String>>>>;

/// Rows of modules that a suite may lack.
const NOT_EVERYWHERE: &[(&str, &str)] = &[("pam_canonicalize_user", "-")];

/// A running call.
struct Running {
    child: Child,
    results: String,
}

impl Running {
    fn new(measure: &Measure, number: usize) -> Self {
        let (service, results) = (
            format!("m{number}"),
            format!("{DIRECTORY}/results/{number}"),
        );
        let mut stack = format!("{}\nauth [default=ignore", measure.before);
        for (number, code) in CODES.iter().enumerate() {
            let _ = write!(stack, " {code}={}", number + 1);
        }
        let _ = writeln!(stack, "] {}", measure.line());
        for code in ["a-code-without-a-name"].iter().chain(&CODES) {
            let _ = writeln!(
                stack,
                "auth [default=die] pam_exec.so /usr/bin/touch {results}/{code}"
            );
        }
        fs::write(format!("/etc/pam.d/{service}"), stack).expect("a stack");
        open_directory(&results);
        let input = format!("{results}.input");
        fs::write(&input, measure.typed).expect("input");
        let mut call = Command::new("timeout");
        call.args([
            "300",
            "setpriv",
            "--reuid",
            measure.caller,
            "--clear-groups",
        ])
        .arg("pamtester");
        for item in measure.items {
            call.args(["-I", item]);
        }
        let child = call
            .args([&service, measure.user, measure.operation])
            .env("SSH_AUTH_SOCK", format!("{DIRECTORY}/agent"))
            .stdin(fs::File::open(&input).expect("input"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("setpriv");
        Self { child, results }
    }

    /// The name of the code.
    fn end(self) -> Result<String, String> {
        let output = self.child.wait_with_output().expect("a child");
        let results = fs::read_dir(&self.results).expect("results");
        let names: Vec<String> = results
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .collect();
        match names.as_slice() {
            [name] => Ok(name.to_uppercase()),
            _ => Err(format!("{names:?}: {output:?}")),
        }
    }
}

fn open_directory(path: &str) {
    fs::create_dir_all(path).expect(path);
    fs::set_permissions(path, fs::Permissions::from_mode(0o1777)).expect(path);
}

/// A row of the table.
#[derive(Debug)]
struct Row {
    codes: BTreeMap<Column, BTreeSet<&'static str>>,
    /// A column, codes, and the suites that measure them, or why none does.
    limits: Vec<(&'static str, BTreeSet<&'static str>, &'static str)>,
}

impl Row {
    fn is_measured(&self, column: Column, code: &str, suite: &str) -> bool {
        let limit = self
            .limits
            .iter()
            .find(|(name, codes, _)| *name == column.name() && codes.contains(code));
        limit.is_none_or(|(_, _, suites)| {
            suites
                .strip_prefix("Debian ")
                .is_some_and(|suites| suites.split(", ").any(|one| one == suite))
        })
    }
}

fn rows() -> BTreeMap<(&'static str, &'static str), Row> {
    let codes = |text: &'static str| -> BTreeSet<&'static str> {
        text.split(',').filter(|code| *code != "-").collect()
    };
    let mut rows = BTreeMap::new();
    for line in TABLE.lines() {
        let (line, comment) = line.split_once('#').unwrap_or((line, ""));
        let words: Vec<&str> = line.split_whitespace().collect();
        let [module, argument, _, right, wrong, without] = *words.as_slice() else {
            assert!(words.is_empty(), "{line}");
            continue;
        };
        let row = Row {
            codes: BTreeMap::from([
                (Right, codes(right)),
                (Wrong, codes(wrong)),
                (Without, codes(without)),
            ]),
            limits: comment
                .split("; ")
                .filter_map(|limit| limit.trim().split_once(": "))
                .filter_map(|(what, suites)| {
                    let (column, names) = what.split_once(' ')?;
                    Some((column, codes(names), suites))
                })
                .collect(),
        };
        assert!(rows.insert((module, argument), row).is_none(), "{line}");
    }
    rows
}

/// The number of the release, or `sid`.
fn suite() -> String {
    let release = fs::read_to_string("/etc/os-release").expect("/etc/os-release");
    release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_ID="))
        .map_or("sid".to_owned(), |id| id.trim_matches('"').to_owned())
}

fn has(module: &str) -> bool {
    ["/lib", "/usr/lib"].iter().any(|directory| {
        let path = format!(
            "{directory}/{}-linux-gnu/security/{module}.so",
            std::env::consts::ARCH
        );
        Path::new(&path).exists()
    })
}

fn table(_: &mut Machine) {
    prepare();
    let mut wrong = String::new();
    let mut measured = Measured::new();
    let mut servers = None;
    for state in [State::Off, State::Up, State::Away] {
        match state {
            State::Off => {}
            State::Up => servers = Some(Servers::start()),
            State::Away => servers.iter_mut().for_each(Servers::end),
        }
        run(state, &mut measured, &mut wrong);
    }
    compare(&measured, &mut wrong);
    assert!(wrong.is_empty(), "{}\n{wrong}", show(&measured));
    account();
}

/// Modules that ignore the user in `account`. If no other line accepts the user, libpam refuses.
fn account() {
    for (line, is_in) in [
        ("pam_nologin.so", false),
        ("pam_nologin.so successok", true),
        ("pam_warn.so", false),
        ("pam_logonbox.so", false),
        ("pam_permit.so", true),
    ] {
        let stack = format!("account required {line}\n");
        fs::write("/etc/pam.d/account", stack).expect("a stack");
        let tested = Command::new("pamtester")
            .args(["account", USER, "acct_mgmt"])
            .output()
            .expect("pamtester");
        assert_eq!(tested.status.success(), is_in, "{line}: {tested:?}");
    }
}

/// Measures everything that is possible in this state.
fn run(state: State, measured: &mut Measured, wrong: &mut String) {
    let possible: Vec<(usize, &Measure)> = (0..)
        .zip(MEASURES)
        .filter(|(_, measure)| measure.state == state && measure.is_possible())
        .collect();
    // Several at once: a wrong password takes two seconds.
    for some in possible.chunks(32) {
        let running: Vec<(&Measure, Running)> = some
            .iter()
            .map(|(number, measure)| (*measure, Running::new(measure, *number)))
            .collect();
        for (measure, running) in running {
            match running.end() {
                Ok(code) => measured
                    .entry((measure.module, measure.argument))
                    .or_default()
                    .entry(measure.column)
                    .or_default()
                    .entry(code)
                    .or_default()
                    .push(format!("{} (user {})", measure.line(), measure.user)),
                Err(why) => {
                    let _ = writeln!(wrong, "{measure:?}: no code: {why}");
                }
            }
        }
    }
}

/// The measured table.
fn show(measured: &Measured) -> String {
    let mut text = format!("measured on Debian {}:\n", suite());
    for ((module, argument), columns) in measured {
        let _ = write!(text, "{module:<24} {argument:<24}");
        for column in [Right, Wrong, Without] {
            let codes = columns.get(&column).map(|codes| {
                let names: Vec<&str> = codes.keys().map(String::as_str).collect();
                names.join(",")
            });
            let _ = write!(text, " {:<40}", codes.as_deref().unwrap_or("-"));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// Compares both ways: what was measured, with the table; and the table, with what was measured.
fn compare(measured: &Measured, wrong: &mut String) {
    let (rows, suite) = (rows(), suite());
    for (row, columns) in measured {
        let Some(expected) = rows.get(row) else {
            let _ = writeln!(wrong, "{row:?} is not in the table: {columns:?}");
            continue;
        };
        for (column, codes) in columns {
            for (code, lines) in codes {
                let known = expected.codes.get(column);
                if !known.is_some_and(|codes| codes.contains(code.as_str())) {
                    let _ = writeln!(
                        wrong,
                        "{row:?} {column:?}: {code} is not in the table: {lines:?}"
                    );
                }
            }
        }
    }
    for (row, expected) in &rows {
        if !has(row.0) {
            if !(NOT_EVERYWHERE.contains(row)) {
                let _ = writeln!(wrong, "{row:?}: the module is missing");
            }
            continue;
        }
        for (column, codes) in &expected.codes {
            for code in codes {
                let seen = measured
                    .get(row)
                    .and_then(|columns| columns.get(column)?.get(*code));
                if seen.is_none() && expected.is_measured(*column, code, &suite) {
                    let _ = writeln!(wrong, "{row:?} {column:?}: {code} was not measured");
                }
            }
        }
    }
}

#[track_caller]
fn shell(script: &str) {
    command("sh", &["-c", script]);
}
