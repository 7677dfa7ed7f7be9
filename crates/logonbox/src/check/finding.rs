//! What a check has found, and what it has looked at.

use std::path::Path;

use super::pam_d::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// People are locked out, or get in without their phone.
    Error,
    /// It deserves a look.
    Warning,
    /// Worth knowing; as it is, it may well be meant.
    Note,
}

impl Severity {
    /// For people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What a finding is about; findings are shown in this order.
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

    /// The heading above its findings.
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

/// Something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Short, and the same for ever: for programs.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub what: String,
    /// Why that matters.
    pub why: String,
    /// What to do now.
    pub advice: String,
    /// The file that it is about.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<usize>,
}

impl Finding {
    /// Without a place.
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

    /// In a file, at a line or as a whole.
    pub fn in_file(self, file: &Path, line: Option<usize>) -> Self {
        Self {
            file: Some(file.display().to_string()),
            line,
            ..self
        }
    }

    /// In a file of PAM.
    pub fn at(self, place: &Place) -> Self {
        self.in_file(&place.file, Some(place.line).filter(|line| *line > 0))
    }
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What.
    pub what: String,
    /// Why it could not be checked, if so.
    pub skipped: Option<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Report {
    /// What is to be said.
    pub findings: Vec<(Area, Finding)>,
    /// What was looked at.
    pub checked: Vec<(Area, Checked)>,
}

impl Report {
    /// Something to say. The same is said once.
    pub fn add(&mut self, area: Area, finding: Finding) {
        let found = (area, finding);
        if !self.findings.contains(&found) {
            self.findings.push(found);
        }
    }

    /// Something that was looked at; findings say what was wrong with it.
    pub fn checked(&mut self, area: Area, what: impl Into<String>) {
        let checked = Checked {
            what: what.into(),
            skipped: None,
        };
        let checked = (area, checked);
        if !self.checked.contains(&checked) {
            self.checked.push(checked);
        }
    }

    /// Something that could not be looked at.
    pub fn skipped(&mut self, area: Area, what: impl Into<String>, why: impl Into<String>) {
        let skipped = Checked {
            what: what.into(),
            skipped: Some(why.into()),
        };
        self.checked.push((area, skipped));
    }

    /// How many findings are this bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|(_, finding)| finding.severity == severity)
            .count()
    }
}
