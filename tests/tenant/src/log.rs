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

    pub(crate) fn line(&self, line: fmt::Arguments<'_>) {
        let now = OffsetDateTime::now_utc();
        let (hour, minute, second) = now.to_hms();
        (self.0)(&format!(
            "{} {hour:02}:{minute:02}:{second:02}.{:03}Z {line}",
            now.date(),
            now.millisecond()
        ));
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}
