//! The findings of a check, and the list of what was checked.

use std::path::Path;

use super::pam_files::Place;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Users are locked out, or get in without their phone.
    Error,
    /// An administrator should look at it.
    Warning,
    /// Worth knowing, but possibly intended.
    Note,
}

impl Severity {
    /// The word in the report and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// The subject of a finding. The report has this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the words speak for themselves")]
pub enum Area {
    Configuration,
    Stacks,
    Sshd,
    Server,
    Host,
}

impl Area {
    /// In the order of the report.
    pub const ALL: [Self; 5] = [
        Self::Configuration,
        Self::Stacks,
        Self::Sshd,
        Self::Server,
        Self::Host,
    ];

    /// The heading of its findings.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Configuration => "Configuration",
            Self::Stacks => "PAM",
            Self::Sshd => "sshd",
            Self::Server => "Tenant or Airlock",
            Self::Host => "This host",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A short id for programs. It never changes.
    pub id: &'static str,
    pub severity: Severity,
    /// The problem.
    pub what: String,
    /// Its effect.
    pub why: String,
    /// The next step.
    pub advice: String,
    pub file: Option<String>,
    pub line: Option<usize>,
}

impl Finding {
    /// A finding without a place.
    pub fn new(
        severity: Severity,
        id: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            id,
            severity,
            what: what.into(),
            why: why.into(),
            advice: advice.into(),
            file: None,
            line: None,
        }
    }

    /// Adds a file, with or without a line.
    pub fn in_file(self, file: &Path, line: Option<usize>) -> Self {
        Self {
            file: Some(file.display().to_string()),
            line,
            ..self
        }
    }

    /// Adds a place in a PAM file.
    pub fn at(self, place: &Place) -> Self {
        self.in_file(&place.file, place.line)
    }
}

/// Something that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub what: String,
    /// The reason if it could not be checked.
    pub skipped: Option<String>,
}

/// The result of a check.
#[derive(Debug, Default)]
pub struct Report {
    pub findings: Vec<(Area, Finding)>,
    pub checked: Vec<(Area, Checked)>,
}

impl Report {
    /// Adds a finding. Duplicates are dropped.
    pub fn add(&mut self, area: Area, finding: Finding) {
        let found = (area, finding);
        if !self.findings.contains(&found) {
            self.findings.push(found);
        }
    }

    /// Notes that something was checked. The findings say what was wrong with it.
    pub fn checked(&mut self, area: Area, what: impl Into<String>) {
        self.tell(area, what.into(), None);
    }

    /// Notes that something could not be checked.
    pub fn skipped(&mut self, area: Area, what: impl Into<String>, why: impl Into<String>) {
        self.tell(area, what.into(), Some(why.into()));
    }

    fn tell(&mut self, area: Area, what: String, skipped: Option<String>) {
        let checked = (area, Checked { what, skipped });
        if !self.checked.contains(&checked) {
            self.checked.push(checked);
        }
    }

    /// Whether something could not be checked.
    pub fn has_gaps(&self) -> bool {
        let mut checked = self.checked.iter();
        checked.any(|(_, checked)| checked.skipped.is_some())
    }

    /// The number of findings with this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|(_, finding)| finding.severity == severity)
            .count()
    }
}
