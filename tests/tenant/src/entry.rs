//! The log line of a request.

use std::time::Instant;

use crate::reply::Reply;
use crate::seen::HttpRequest;
use crate::server::Server;

/// The reply to a request, and its log line.
pub(crate) struct Verdict {
    pub(crate) reply: Reply,
    /// Empty for a request that is not logged.
    pub(crate) line: String,
}

/// The log line for a request without details.
pub(crate) fn plain(http: &HttpRequest) -> String {
    format!("{} {}", http.method, http.path.escape_debug())
}

/// The log line of a request. If it is dropped unfinished, the client has hung up.
pub(crate) struct Entry<'a> {
    server: &'a Server,
    connection: u64,
    /// Empty for a request that is not logged.
    pub(crate) line: String,
    pub(crate) since: Instant,
    /// Set when this is a sign request.
    pub(crate) sign_request: Option<u64>,
    finished: bool,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(server: &'a Server, http: &HttpRequest) -> Self {
        Self {
            server,
            connection: http.connection,
            line: plain(http),
            since: http.at,
            sign_request: None,
            finished: false,
        }
    }

    /// Writes a line before the last one.
    pub(crate) fn interim(&self, what: &str) {
        self.log(&self.line, what);
    }

    /// Writes the last line, if the request is logged.
    pub(crate) fn finish(mut self, verdict: &Verdict) {
        self.finished = true;
        if !verdict.line.is_empty() {
            self.log(&verdict.line, &verdict.reply.outcome());
        }
    }

    fn log(&self, line: &str, end: &str) {
        self.server
            .log(format_args!("#{} {line} -> {end}", self.connection));
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let ending = self.server.watched.change(|seen| {
            if let (Some(id), false) = (self.sign_request, seen.ending) {
                seen.abandon(id);
            }
            seen.ending
        });
        if !ending && !self.line.is_empty() {
            let seconds = self.since.elapsed().as_secs_f64();
            self.log(
                &self.line,
                &format!("the client hung up after {seconds:.1} s"),
            );
        }
    }
}
