//! The log file of rsyslog.

use std::fs;

use crate::machine::wait_until;

const LOG: &str = "/var/log/auth.log";

/// The text of the log.
pub fn all() -> String {
    fs::read_to_string(LOG).unwrap_or_default()
}

/// The module's lines, from the module's name on: `ringing` before each push, and the decisions.
pub fn lines() -> Vec<String> {
    all()
        .lines()
        .filter_map(|line| line.split_once(" pam_logonbox("))
        .map(|(_, line)| format!("pam_logonbox({line}"))
        .collect()
}

/// Waits for this many lines, and checks how each begins.
#[track_caller]
pub fn logged(beginnings: &[&str]) {
    begin_with(lines, beginnings);
}

/// Waits until `lines` has this many lines, and checks how each begins.
#[track_caller]
pub fn begin_with(mut lines: impl FnMut() -> Vec<String>, beginnings: &[&str]) {
    let mut found = Vec::new();
    wait_until("the log has the lines", || {
        found = lines();
        found.len() >= beginnings.len()
    });
    let lines = found;
    let as_expected = lines.len() == beginnings.len()
        && lines
            .iter()
            .zip(beginnings)
            .all(|(line, start)| line.starts_with(start));
    assert!(
        as_expected,
        "the log should say {beginnings:#?}, but says {lines:#?}"
    );
}

/// Waits for a line of the module with this text.
#[track_caller]
pub fn logged_with(text: &str) {
    wait_until(text, || lines().iter().any(|line| line.contains(text)));
}
