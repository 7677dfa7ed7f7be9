//! The report: for people, and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::finding::{Area, Report, Severity};
use crate::terminal::{BAD, DOUBTFUL, FAINT, GOOD, HEADING, shown};

/// As much of a sentence as is shown; longer ones are an attack.
const LONGEST: usize = 2000;
/// What [`shown`] takes at once.
const PIECE: usize = 200;

/// A sentence that may hold words from elsewhere, without what a terminal obeys.
fn clean(text: &str) -> String {
    let signs: Vec<char> = text.chars().take(LONGEST).collect();
    signs
        .chunks(PIECE)
        .map(|piece| shown(&piece.iter().collect::<String>()))
        .collect()
}

/// For people.
pub fn text(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for area in Area::ALL {
        let findings: Vec<_> = report
            .findings
            .iter()
            .filter(|(of, _)| *of == area)
            .map(|(_, finding)| finding)
            .collect();
        let checked: Vec<_> = report
            .checked
            .iter()
            .filter(|(of, _)| *of == area)
            .map(|(_, checked)| checked)
            .collect();
        if findings.is_empty() && checked.is_empty() {
            continue;
        }
        writeln!(out, "{HEADING}{}{HEADING:#}", area.heading())?;
        for checked in checked {
            let what = clean(&checked.what);
            match &checked.skipped {
                None => writeln!(out, "  {GOOD}checked{GOOD:#}  {what}")?,
                Some(why) => {
                    writeln!(out, "  {FAINT}not checked{FAINT:#}  {what}: {}", clean(why))?
                }
            }
        }
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            for finding in findings.iter().filter(|one| one.severity == severity) {
                let style = match severity {
                    Severity::Error => BAD,
                    Severity::Warning => DOUBTFUL,
                    Severity::Note => HEADING,
                };
                let place = match (&finding.file, finding.line) {
                    (Some(file), Some(line)) => format!("{}:{line}: ", clean(file)),
                    (Some(file), None) => format!("{}: ", clean(file)),
                    (None, _) => String::new(),
                };
                let word = severity.word();
                writeln!(
                    out,
                    "  {style}{word}{style:#}  {place}{}",
                    clean(&finding.what)
                )?;
                writeln!(out, "    {}", clean(&finding.why))?;
                writeln!(out, "    What to do: {}", clean(&finding.advice))?;
                writeln!(out, "    {FAINT}[{}]{FAINT:#}", finding.id)?;
            }
        }
        writeln!(out)?;
    }
    let count = |severity: Severity| {
        let count = report.count(severity);
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {}{plural}", severity.word())
    };
    let skipped = report
        .checked
        .iter()
        .filter(|(_, one)| one.skipped.is_some());
    let skipped = match skipped.count() {
        0 => String::new(),
        count => format!("; {count} not checked"),
    };
    writeln!(
        out,
        "{}, {}, {}{skipped}.",
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Note)
    )
}

/// For programs: one document.
pub fn json(report: &Report, host: &str, out: &mut dyn Write) -> io::Result<()> {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|(area, finding)| {
            json!({
                "id": finding.id,
                "severity": finding.severity.word(),
                "area": area.heading(),
                "what": clean(&finding.what),
                "why": clean(&finding.why),
                "do": clean(&finding.advice),
                "file": finding.file.as_deref().map(clean),
                "line": finding.line,
            })
        })
        .collect();
    let checked: Vec<Value> = report
        .checked
        .iter()
        .map(|(area, checked)| {
            json!({
                "area": area.heading(),
                "what": clean(&checked.what),
                "not_checked": checked.skipped.as_deref().map(clean),
            })
        })
        .collect();
    let document = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "host": clean(host),
        "findings": findings,
        "checked": checked,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
