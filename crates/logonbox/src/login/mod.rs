//! `logonbox login`: the very login of the module, in this terminal and without PAM.

mod machine;
mod person;
mod steps;

use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::signal::{SigSet, SigmaskHow};
use pam_logonbox::PamResultCode;
use pam_logonbox::config::{Config, Mode, Password};
use pam_logonbox::log::{Log, Severity};
use pam_logonbox::pam::ENDING;
use pam_logonbox::text::for_log;
use pam_logonbox::wait::Waiter as _;

use self::machine::Machine;
use self::person::{Clock, Person};
use self::steps::Terminal;
use crate::advice::advice;
use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{absolute, may_read};
use crate::terminal::{BAD, DOUBTFUL, FAINT, GOOD};

pub fn run(conf: &Path, args: &cli::Login, out: &mut dyn Write) -> Result<End, Failure> {
    let path = absolute(conf)?;
    // The login itself says what else is wrong with it.
    may_read(&path)?;
    let argument = [b"conf=", path.as_os_str().as_bytes()].concat();
    let argument = CString::new(argument).map_err(|_| Failure::new("--conf: holds a NUL"))?;

    // A signal that ends programs ends the login, which is then reported; this process dies of it
    // when the mask is as it was. In waits, the module does the same; this is for what is between
    // them, such as a terminal that has just been told to hide what is typed.
    let _blocked = Blocked::new();
    let person = RefCell::new(Person::at_hand()?);
    let mut host = Terminal::new(args, &person, out);
    if wants_password_of_stack(&path) {
        host.ask_first()?;
    }
    let mut clock = Clock(&person);
    let log = OneLine::default();
    let started = clock.now();
    let machine = Machine::new(args);
    let code = pam_logonbox::run(&[&argument], &mut host, &machine, &mut clock, &log);
    let total = clock.now().saturating_duration_since(started);

    let (severity, line) = log.0.take().unwrap_or((Severity::Error, String::new()));
    let word = line.split(' ').next().unwrap_or_default();
    host.end(word)?;
    let service = for_log(&args.service);
    let (style, end) = match code {
        PamResultCode::PAM_SUCCESS => (GOOD, End::Fine),
        PamResultCode::PAM_IGNORE => (DOUBTFUL, End::Warnings),
        _ => (BAD, End::Wrong),
    };
    let severity = format!("{severity:?}").to_lowercase();
    writeln!(
        out,
        "\n  log    {FAINT}authpriv.{severity}{FAINT:#} pam_logonbox({service}:auth): {line}"
    )?;
    write!(out, "  PAM    {style}{code:?}{style:#}")?;
    if end == End::Warnings {
        write!(
            out,
            " (the module takes no part: the rest of the stack decides)"
        )?;
    }
    writeln!(out, "\n  total  {:.3} s", total.as_secs_f64())?;
    if let Some(advice) = advice(word) {
        writeln!(out, "\n{advice}")?;
    }
    out.flush()?;
    Ok(end)
}

/// Whether a module before this one would have asked for a password.
fn wants_password_of_stack(path: &Path) -> bool {
    Config::load(path).is_ok_and(|config| match config.mode {
        Mode::Airlock(airlock) => airlock.password == Password::Stack,
        Mode::Push(_) => false,
    })
}

/// A log that keeps the line of a login. There is one, as for the system's.
#[derive(Default)]
struct OneLine(Cell<Option<(Severity, String)>>);

impl Log for OneLine {
    fn write(&self, severity: Severity, line: &str) {
        self.0.set(Some((severity, line.to_owned())));
    }
}

/// The signals that end a login, blocked until dropped.
struct Blocked {
    before: Option<SigSet>,
}

impl Blocked {
    fn new() -> Self {
        let ending: SigSet = ENDING.into_iter().collect();
        Self {
            before: ending.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok(),
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = before.thread_set_mask();
        }
    }
}
