//! Prints the report as text or as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::finding::{Area, Finding, Report, Severity};
use crate::terminal::{BAD, DOUBTFUL, FAINT, GOOD, HEADING, shown};

/// Longer sentences are cut off, because only an attack makes them so long.
const LONGEST: usize = 2000;
/// The most that [`shown`] takes at once.
const PIECE: usize = 200;

/// Makes a sentence with foreign text harmless for a terminal.
fn clean(text: &str) -> String {
    let signs: Vec<char> = text.chars().take(LONGEST).collect();
    signs
        .chunks(PIECE)
        .map(|piece| shown(&piece.iter().collect::<String>()))
        .collect()
}

/// Prints the report as text.
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
                    writeln!(out, "  {FAINT}not checked{FAINT:#}  {what}: {}", clean(why))?;
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

/// Prints the report as one JSON document.
pub fn json(report: &Report, host: &str, out: &mut dyn Write) -> io::Result<()> {
    // Notes are separate, because programs expect an empty list of findings on a healthy host.
    let (notes, findings): (Vec<_>, Vec<_>) = report
        .findings
        .iter()
        .partition(|(_, finding)| finding.severity == Severity::Note);
    let listed = |findings: Vec<&(Area, Finding)>| -> Vec<Value> {
        findings
            .into_iter()
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
            .collect()
    };
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
        "findings": listed(findings),
        "notes": listed(notes),
        "checked": checked,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        let hostile = "\u{1b}[31mred\n\u{202e}".to_owned() + &"x".repeat(5000);
        report.add(
            Area::Stacks,
            Finding {
                file: Some("/etc/pam.d/a\u{1b}b".to_owned()),
                line: Some(7),
                ..Finding::new(Severity::Error, "some-id", hostile, "why", "advice")
            },
        );
        report.add(
            Area::Stacks,
            Finding::new(Severity::Warning, "other-id", "what", "why", "advice"),
        );
        report.add(
            Area::Sshd,
            Finding::new(Severity::Note, "note-id", "what", "why", "advice"),
        );
        report.checked(Area::Configuration, "the file");
        report.skipped(Area::Host, "the rest", "no root");
        report
    }

    #[test]
    fn for_people() {
        let mut out = Vec::new();
        text(&report(), &mut out).unwrap();
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
        for words in [
            "Configuration\n  checked  the file\n",
            "PAM\n  error  /etc/pam.d/a?b:7: ?[31mred??xxx",
            "  warning  what\n    why\n    What to do: advice\n    [other-id]\n",
            "  not checked  the rest: no root\n",
            "1 error, 1 warning, 1 note; 1 not checked.\n",
        ] {
            assert!(text.contains(words), "{words:?} is missing:\n{text}");
        }
        assert!(text.len() < 3000);
    }

    #[test]
    fn for_programs() {
        let mut out = Vec::new();
        json(&report(), "door", &mut out).unwrap();
        let document: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(document["host"], "door");
        let finding = &document["findings"][0];
        assert_eq!(finding["id"], "some-id");
        assert_eq!(finding["severity"], "error");
        assert_eq!(finding["file"], "/etc/pam.d/a?b");
        assert_eq!(finding["line"], 7);
        assert_eq!(finding["do"], "advice");
        assert_eq!(document["findings"][1]["line"], Value::Null);
        assert_eq!(document["findings"].as_array().unwrap().len(), 2);
        assert_eq!(document["notes"][0]["id"], "note-id");
        assert_eq!(document["checked"][0]["not_checked"], Value::Null);
        assert_eq!(document["checked"][1]["not_checked"], "no root");
    }
}
