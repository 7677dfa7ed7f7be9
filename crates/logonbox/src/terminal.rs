//! Terminal output: colours, and the removal of harmful characters.

use std::io::{self, StderrLock, StdoutLock};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};

/// Success.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// A warning.
pub const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
/// An error.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Less important than the rest.
pub const FAINT: Style = Style::new().dimmed();
/// A heading.
pub const HEADING: Style = Style::new().bold();

/// The standard output. It has no styles if it is not a terminal, or if `NO_COLOR` is set.
pub fn stdout() -> AutoStream<StdoutLock<'static>> {
    AutoStream::auto(io::stdout().lock())
}

/// The standard error, with the same rule.
pub fn stderr() -> AutoStream<StderrLock<'static>> {
    AutoStream::auto(io::stderr().lock())
}

/// Makes text from the tenant, a file or the command line harmless. The result is one line of any
/// script. Control characters and characters that change the direction of text are replaced.
pub fn shown(text: &str) -> String {
    login::clean::for_phone(text)
}
