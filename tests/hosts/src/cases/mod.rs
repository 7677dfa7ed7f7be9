//! The cases: one file for each host program.

mod airlock;
mod automation;
mod bypass;
mod camera;
mod check;
mod cockpit;
mod controls;
mod fail2ban;
mod fedora;
mod files;
mod groups;
mod journal;
mod language;
mod libpam;
mod lightdm;
mod lockers;
mod login;
mod modules;
mod names;
mod operating;
mod passwords;
mod pins;
mod policy;
mod polkit;
mod report;
mod sshd;
mod su;
mod sudo;

use std::thread;
use std::time::{Duration, Instant};

use tenant::Waiting;

use crate::TestCase;
use crate::log::lines;
use crate::machine::{Machine, PASSWORD, counts, wait_until};
use crate::person::{self, PROMPT};
use crate::phone::Phone;
use crate::terminal::{TIMEOUT, Terminal};

/// What `logonbox check` says of a program that cannot show the prompt.
const CANNOT_PROMPT: &str = "service-cannot-prompt";
/// The configuration that shows the code on both screens.
const SHOW: &str = "[conversation]\ncode = \"show\"\n";
/// Longer than the 260 ms after which a push leaves, also on a busy machine. A person is slower.
const BY_HAND: Duration = Duration::from_secs(1);
/// The push leaves 260 ms after the prompt. On an idle machine, the prompt is on the screen at once.
const MARGIN: Duration = Duration::from_millis(100);
/// How long a refusal that could reveal something is held, at least.
const SHORTEST_HOLD: Duration = Duration::from_secs(2);

/// The cases of a kind in ../suites, in the order of the report.
pub fn of(kind: &str) -> Vec<TestCase> {
    let cases: &[&[TestCase]] = match kind {
        "logins" => LOGINS,
        "desktop" => DESKTOP,
        _ => panic!("no such kind: {kind}"),
    };
    cases.concat()
}

const DESKTOP: &[&[TestCase]] = &[
    polkit::CASES,
    lockers::CASES,
    lightdm::CASES,
    cockpit::CASES,
    passwords::CASES,
];

const LOGINS: &[&[TestCase]] = &[
    sshd::CASES,
    sudo::CASES,
    su::CASES,
    login::CASES,
    controls::CASES,
    policy::CASES,
    report::CASES,
    automation::CASES,
    groups::CASES,
    names::CASES,
    pins::CASES,
    bypass::CASES,
    fedora::CASES,
    files::CASES,
    fail2ban::CASES,
    journal::CASES,
    language::CASES,
    operating::CASES,
    camera::CASES,
    airlock::CASES,
    check::CASES,
    libpam::CASES,
    modules::CASES,
];

/// Waits for the password prompt, which comes first, and answers it. The tenant has not been asked
/// before.
#[track_caller]
fn password(machine: &Machine, terminal: &Terminal, prompt: &str, answer: &str) {
    terminal.see(prompt);
    machine.phone.is_left_alone();
    terminal.answer(answer);
}

/// Types a wrong password first. No phone rings for it.
#[track_caller]
fn wrong_then_right(machine: &Machine, terminal: &Terminal, prompt: &str) {
    password(machine, terminal, prompt, "wrong");
    terminal.see_times(prompt, 2);
    machine.phone.is_left_alone();
    terminal.answer(PASSWORD);
}

/// Waits for the prompt for the code, and for the phone. Only the phone shows the code.
#[track_caller]
fn ring(machine: &Machine, terminal: &Terminal) -> Waiting {
    person::ring(&machine.phone, terminal)
}

/// The prompt is on the screen before the push reaches the tenant. `start` starts a login, up to the
/// prompt. On a busy machine the screen may be late, so there are several tries.
#[track_caller]
fn prompt_comes_first(machine: &Machine, mut start: impl FnMut() -> Terminal) {
    let mut late = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < TIMEOUT {
        let before = lines().len();
        let terminal = start();
        let ring = ring(machine, &terminal);
        let (seen, asked) = (terminal.seen_at(PROMPT, 1), machine.phone.rang_at(&ring));
        // After some refusals, sshd would drop the connection.
        approve_and_type(machine, &terminal, &ring);
        wait_until("the log has both lines", || lines().len() == before + 2);
        if asked >= seen + MARGIN {
            return;
        }
        late.push((asked - seen, seen - asked));
    }
    panic!("the phone rang this long after or before the prompt: {late:?}");
}

/// The configuration for [`prompt_comes_first`].
const NO_LIMIT: &str = "[policy]\nfailed_attempts_per_10_minutes = 0\n\
                        failed_attempts_in_a_row = 0\n";

/// Approves, and types the code that the phone shows.
#[track_caller]
fn approve_and_type(machine: &Machine, terminal: &Terminal, ring: &Waiting) {
    person::approve_and_type(&machine.phone, terminal, ring);
}

/// A guess that differs from the code in one digit.
fn wrong_code(ring: &Waiting) -> String {
    let code = Phone::code(ring);
    let (start, last) = code.split_at(5);
    format!("{start}{}", if last == "7" { "8" } else { "7" })
}

/// Presses Enter at the prompt for the code, later than a program without a person would.
#[track_caller]
fn type_nothing(terminal: &Terminal) {
    thread::sleep(BY_HAND);
    terminal.answer("");
}

/// Types this at the prompt for the code if no phone rings, although the server answers. `fetches`
/// is from before the login.
#[track_caller]
fn type_without_a_ring(machine: &Machine, terminal: &Terminal, fetches: usize, answer: &str) {
    terminal.see(PROMPT);
    wait_until("the module has the keys", || {
        machine.phone.fetches() > fetches
    });
    thread::sleep(BY_HAND);
    terminal.answer(answer);
}

/// Waits for the end of a program that refuses after the shortest hold.
#[track_caller]
fn is_held(terminal: &mut Terminal, since: Instant) {
    assert!(!terminal.end().success(), "{}", terminal.screen());
    let took = since.elapsed();
    assert!(took >= SHORTEST_HOLD, "{took:?} from the answer to the end");
}

/// Checks that no push was sent, that no attempt is counted, and that no line says so.
#[track_caller]
fn nothing_rang(machine: &Machine) {
    machine.phone.stays_silent(0);
    assert_eq!(counts(), 0);
    let log = crate::log::all();
    assert!(!log.contains(": ringing "), "{log}");
}

/// With `code = "show"`: waits for the phone. The announcement with the same four digits is on the
/// screen by then.
#[track_caller]
fn ring_shown(machine: &Machine, terminal: &Terminal) -> Waiting {
    let ring = machine.phone.ring();
    let announcement = "Approve the request on your phone. Code: ";
    terminal.see(announcement);
    let screen = terminal.screen();
    let (_, rest) = screen.split_once(announcement).expect("the announcement");
    let code: String = rest.chars().take_while(char::is_ascii_digit).collect();
    assert_eq!(code.len(), 4, "{screen}");
    assert_eq!(ring.code(), Some(code), "{screen}");
    ring
}

/// With `code = "show"` and an announcement that is a prompt: the phone rings after Enter, and not
/// before.
#[track_caller]
fn ring_on_enter(machine: &Machine, terminal: &Terminal) -> Waiting {
    let before = machine.phone.rings();
    terminal.see("Press Enter to send it:");
    machine.phone.stays_silent(before);
    terminal.answer("");
    ring_shown(machine, terminal)
}
