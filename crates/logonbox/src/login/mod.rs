//! `logonbox login`: runs the module's login in this terminal, without PAM.

mod machine;
mod person;
mod steps;

use std::cell::RefCell;
use std::ffi::CString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use login::clean::for_log;
use login::clock::{Blocked, Clock as _, ENDING};
use login::config::{Config, Mode, Password};
use login::log::{Line, Log, Severity};
use login::outcome::Code;

use self::machine::Machine;
use self::person::{Clock, Person};
use self::steps::{Steps, Terminal};
use crate::advice::advice;
use crate::cli;
use crate::end::{End, Failure};
use crate::setup::{absolute, may_read};
use crate::terminal::{BAD, DOUBTFUL, FAINT, GOOD};

pub fn run(conf: &Path, args: &cli::Login, out: &mut dyn Write) -> Result<End, Failure> {
    let path = absolute(conf)?;
    // The login reports all other errors.
    may_read(&path)?;
    let argument = [b"conf=", path.as_os_str().as_bytes()].concat();
    let argument = CString::new(argument).map_err(|_| Failure::new("--conf: holds a NUL"))?;

    // A signal first ends the login, which is reported, and then this process. The login blocks
    // signals itself while it waits. This guard covers the time in between, because hidden input
    // must end with the echo turned on again.
    let _blocked = Blocked::new(&ENDING.into_iter().collect());
    let person = RefCell::new(Person::at_hand()?);
    let mut host = Terminal::new(args, &person);
    if wants_password_of_stack(&path, &args.service) {
        host.ask_first()?;
    }
    let mut steps = Steps::new(&person, out);
    let mut clock = Clock(&person);
    let log = Arc::new(Lines::default());
    let started = clock.now();
    let machine = Arc::new(Machine::new(args));
    let code = login::run(
        &[&argument],
        &mut host,
        machine,
        &mut clock,
        &(log.clone() as Arc<dyn Log>),
        &mut steps,
    );
    let total = clock.now().saturating_duration_since(started);

    let lines = log.0.lock().map(|lines| lines.clone()).unwrap_or_default();
    let decision = lines.last().map_or("", |(_, line)| line);
    let word = decision.split(' ').next().unwrap_or_default();
    let out = steps.end(word)?;
    let service = for_log(&args.service);
    let (style, end) = match code {
        Code::Success => (GOOD, End::Fine),
        Code::Ignore => (DOUBTFUL, End::Warnings),
        _ => (BAD, End::Wrong),
    };
    writeln!(out)?;
    for (severity, line) in &lines {
        let severity = format!("{severity:?}").to_lowercase();
        writeln!(
            out,
            "  log    {FAINT}authpriv.{severity}{FAINT:#} pam_logonbox({service}:auth): {line}"
        )?;
    }
    write!(out, "  PAM    {style}{}{style:#}", code.name())?;
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

/// Whether the module takes the password that an earlier module has asked for.
fn wants_password_of_stack(path: &Path, service: &str) -> bool {
    Config::load(path, service).is_ok_and(|config| {
        matches!(config.mode, Mode::Airlock(_)) && config.airlock.password == Password::Stack
    })
}

/// A log that keeps its lines. The decision is the last one.
#[derive(Default)]
struct Lines(Mutex<Vec<(Severity, String)>>);

impl Log for Lines {
    fn write(&self, severity: Severity, line: &Line, _: Duration) {
        if let Ok(mut lines) = self.0.lock() {
            lines.push((severity, line.text().to_owned()));
        }
    }
}
