//! The log has one line for each request.

use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;

/// Receives the log lines.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&str) + Send + Sync>);

impl Log {
    /// `sink` receives each line without its end.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    pub(crate) fn line(&self, line: &Line) {
        (self.0)(&format!("{} {} {}", line.date, line.time, line.text));
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

/// A line that the API shows.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) date: String,
    pub(crate) time: String,
    pub(crate) text: String,
}

impl Line {
    /// A line that is written now.
    pub(crate) fn now(number: u64, text: String) -> Self {
        let now = OffsetDateTime::now_utc();
        let (hour, minute, second) = now.to_hms();
        let milliseconds = now.millisecond();
        Self {
            number,
            date: now.date().to_string(),
            time: format!("{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z"),
            text,
        }
    }
}
