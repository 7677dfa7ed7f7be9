//! The log file of rsyslog.

use std::fs;

use crate::machine::wait_until;

const LOG: &str = "/var/log/auth.log";

/// The text of the log.
pub fn all() -> String {
    fs::read_to_string(LOG).unwrap_or_default()
}

/// The module's lines, from the module's name on.
pub fn decisions() -> Vec<String> {
    all()
        .lines()
        .filter_map(|line| line.split_once(" pam_logonbox("))
        .map(|(_, line)| format!("pam_logonbox({line}"))
        .collect()
}

/// Waits for this many decisions, and checks how each begins.
#[track_caller]
pub fn logged(beginnings: &[&str]) {
    wait_until("the log has the decision", || {
        decisions().len() >= beginnings.len()
    });
    let decisions = decisions();
    let as_expected = decisions.len() == beginnings.len()
        && decisions
            .iter()
            .zip(beginnings)
            .all(|(line, start)| line.starts_with(start));
    assert!(
        as_expected,
        "the log should say {beginnings:#?}, but says {decisions:#?}"
    );
}
