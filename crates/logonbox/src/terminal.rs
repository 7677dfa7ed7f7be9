//! The terminal: streams that keep colours to those who want them, and what may reach it.

use std::io::{self, StderrLock, StdoutLock};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};

/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What deserves a look.
pub const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
/// What is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What matters less than the rest.
pub const FAINT: Style = Style::new().dimmed();
/// What the rest is about.
pub const HEADING: Style = Style::new().bold();

/// The standard output: without styles where it is no terminal, or where `NO_COLOR` is set.
pub fn stdout() -> AutoStream<StdoutLock<'static>> {
    AutoStream::auto(io::stdout().lock())
}

/// The standard error, likewise.
pub fn stderr() -> AutoStream<StderrLock<'static>> {
    AutoStream::auto(io::stderr().lock())
}

/// Text from the tenant, a file or the command line: one line, of any script, and nothing that a
/// terminal obeys or that turns other text around.
pub fn shown(text: &str) -> String {
    pam_logonbox::text::for_phone(text)
}
