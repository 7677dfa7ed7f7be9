//! Tells a LogonBox tenant from another web server.

use bounded_https::http::{Request, Response, StatusCode};
use bounded_https::{Body, Error, ErrorKind};
use login::clean::for_log;
use serde_json::{Map, Value};

use super::Server;
use crate::check::finding::{Area, Finding, Report, Severity};

const DISCOVER: &str = "/discover";
const PING: &str = "/app/api/server/ping";

impl Server<'_> {
    /// Asks for two documents that need no account. Each of them alone is enough, because a tenant
    /// may lack the other.
    pub(super) fn tenant(&self, report: &mut Report) {
        let name = &self.name;
        let discover = self.get(DISCOVER);
        if discover.as_ref().is_ok_and(is_description) {
            report.checked(Area::Server, format!("{name}: a LogonBox tenant"));
            return;
        }
        let ping = self.get(PING);
        if matches!(&ping, Ok(answer) if answer.status() == StatusCode::OK && !is_page(answer)) {
            report.checked(Area::Server, format!("{name}: a LogonBox tenant"));
            return;
        }
        let (discover, ping) = match (discover, ping) {
            (Ok(discover), Ok(ping)) => (discover.status().as_u16(), ping.status().as_u16()),
            // The handshake of TLS 1.3 may end before the server asks for a client certificate.
            (Err(error), _) | (_, Err(error)) if error.kind() == ErrorKind::Tls => {
                self.stopped(&error, report);
                return;
            }
            (Err(error), _) | (_, Err(error)) => {
                let what = format!("{name}: whether it is a LogonBox tenant");
                report.skipped(Area::Server, what, for_log(&error.to_string()));
                return;
            }
        };
        let finding = Finding::new(
            Severity::Warning,
            "server-not-tenant",
            format!(
                "{name} does not answer like a LogonBox tenant ({DISCOVER}: HTTP status {discover}; \
                 {PING}: HTTP status {ping})"
            ),
            "A tenant describes itself in JSON, or answers the ping with an empty page or plain text. \
             Another web server has no keys, so every login is refused.",
            "Look at logonbox.tenant. `logonbox check --user USER` asks for a user's keys: if it \
             finds them, the server is a tenant.",
        );
        report.add(Area::Server, finding.in_file(self.path, None));
    }

    fn get(&self, path: &str) -> Result<Response<Body>, Error> {
        let request = Request::get(format!("https://{}{path}", self.authority))
            .body(Body::default())
            .map_err(|error| Error::new(ErrorKind::InvalidInput, "").with_source(error))?;
        self.call(request)
    }
}

/// A tenant describes itself in JSON. How it spells the names of the members is not documented.
fn is_description(answer: &Response<Body>) -> bool {
    answer.status() == StatusCode::OK
        && serde_json::from_slice::<Map<String, Value>>(answer.body().as_bytes()).is_ok()
}

/// Many web servers answer every path with a page and the status 200.
fn is_page(answer: &Response<Body>) -> bool {
    let body = answer.body().as_bytes().trim_ascii_start();
    body.starts_with(b"<")
}
