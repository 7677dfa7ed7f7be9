//! The JSON API with which a test plays the user.

use std::collections::BTreeMap;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::accounts::Account;
use crate::entry::{Entry, Verdict, plain};
use crate::handler::MAX_BODY;
use crate::reply::{JSON, PEM, Reply};
use crate::seen::{HttpRequest, Press, Seen, SignRequest, State};
use crate::server::Server;

/// The path of the API, before its version.
pub(crate) const BASE: &str = "/api/";

/// The longest wait for an answer.
const LONGEST: u64 = 60;

/// The most accounts that can be defined.
const MOST_ACCOUNTS: usize = 1000;

/// A refused call: the status, and a sentence.
struct Refused {
    status: StatusCode,
    why: String,
    /// The method that the path takes instead.
    allow: Option<&'static str>,
}

impl Refused {
    fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self {
            status,
            why: why.into(),
            allow: None,
        }
    }

    fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    fn no_request(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            format!("There is no request {id:?}."),
        )
    }

    fn reply(self) -> Reply {
        let reply = reply(&json!({ "error": self.why })).with_status(self.status);
        match self.allow {
            Some(method) => reply.header(header::ALLOW, HeaderValue::from_static(method)),
            None => reply,
        }
    }
}

/// Answers a call. `path` follows [`BASE`].
pub(crate) async fn handle(
    server: &Server,
    path: &str,
    request: Request<Incoming>,
    http: &HttpRequest,
    entry: &mut Entry<'_>,
) -> Verdict {
    let reads = *request.method() == Method::GET;
    if reads {
        // A test that reads the log does not want to find itself there.
        entry.line.clear();
    }
    let parts: Vec<_> = path.split('/').collect();
    let parts = parts.strip_prefix(&["v1"]).unwrap_or_default();
    let reply = match call(server, parts, request, http).await {
        Ok(reply) => reply,
        Err(refused) => refused.reply(),
    };
    Verdict {
        reply: reply.header(header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        line: if reads { String::new() } else { plain(http) },
    }
}

async fn call(
    server: &Server,
    parts: &[&str],
    request: Request<Incoming>,
    http: &HttpRequest,
) -> Result<Reply, Refused> {
    let allowed = match parts {
        ["requests" | "log" | "ca"] | ["requests", _] => "GET",
        ["reset" | "accounts"] | ["requests", _, "approve" | "decline" | "wrong-key"] => "POST",
        _ => {
            let why = format!("There is no {}.", http.path.escape_debug());
            return Err(Refused::new(StatusCode::NOT_FOUND, why));
        }
    };
    if *request.method() != allowed {
        let why = format!("This path takes {allowed} alone.");
        return Err(Refused {
            allow: Some(allowed),
            ..Refused::new(StatusCode::METHOD_NOT_ALLOWED, why)
        });
    }
    if allowed == "POST" && from_a_page(http) {
        let why = "The API is for programs, and takes no orders from a page in a browser.";
        return Err(Refused::new(StatusCode::FORBIDDEN, why));
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
    let body = body
        .map_err(|error| Refused::bad(format!("The body cannot be read: {error}.")))?
        .to_bytes();
    match parts {
        ["requests"] => list(server, &query).await,
        ["requests", id] => {
            Query::read(&query, &[])?;
            let found = server.watched.look(|seen| {
                let request = find(seen, id)?;
                Some(show(request))
            });
            found
                .map(|value| reply(&value))
                .ok_or_else(|| Refused::no_request(id))
        }
        ["requests", id, press] => {
            Query::read(&query, &[])?;
            answer(server, id, press)
        }
        ["log"] => log(server, &query).await,
        ["ca"] => Ok(Reply::ok(PEM, server.ca_pem.clone())),
        ["accounts"] => define(server, &body),
        _ => {
            server.watched.change(Seen::reset);
            Ok(reply(&json!({})))
        }
    }
}

/// Browsers add one of these headers to each POST of a page.
fn from_a_page(http: &HttpRequest) -> bool {
    let header = |name| http.headers.iter().any(|(key, _)| key == name);
    header("origin") || header("sec-fetch-site")
}

fn reply(value: &Value) -> Reply {
    Reply::ok(JSON, format!("{value}\n"))
}

/// The fields of a query.
struct Query(BTreeMap<String, String>);

impl Query {
    fn read(query: &str, known: &[&str]) -> Result<Self, Refused> {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&&*name) {
                let known = match known {
                    [] => "none".into(),
                    known => known.join(", "),
                };
                let why = format!("The query has {name:?}; this path knows {known}.");
                return Err(Refused::bad(why));
            }
            fields.insert(name.into_owned(), value.into_owned());
        }
        Ok(Self(fields))
    }

    fn number(&self, name: &str) -> Result<u64, Refused> {
        let Some(value) = self.0.get(name) else {
            return Ok(0);
        };
        value
            .parse()
            .map_err(|_| Refused::bad(format!("{name} is a whole number, not {value:?}.")))
    }

    fn wait(&self) -> Result<Duration, Refused> {
        match self.number("wait")? {
            seconds @ ..=LONGEST => Ok(Duration::from_secs(seconds)),
            _ => Err(Refused::bad(format!(
                "wait is a number of seconds up to {LONGEST}."
            ))),
        }
    }
}

/// The sign requests that wait for a user, or all.
async fn list(server: &Server, query: &str) -> Result<Reply, Refused> {
    let query = Query::read(query, &["account", "after", "state", "wait"])?;
    let (after, wait) = (query.number("after")?, query.wait()?);
    let all = match query.0.get("state").map(String::as_str) {
        None | Some("waiting") => false,
        Some("all") => true,
        Some(state) => {
            let why = format!("state is waiting or all, not {state:?}.");
            return Err(Refused::bad(why));
        }
    };
    let account = query.0.get("account");
    let matches = |request: &&SignRequest| {
        request.id > after
            && (all || request.state == State::Waiting)
            && account.is_none_or(|account| *account == request.username)
    };
    let some = |seen: &Seen| seen.sign_requests.iter().any(|request| matches(&request));
    server.watched.changed(wait, some).await;
    let requests = server.watched.look(|seen| {
        let requests = seen.sign_requests.iter().filter(matches);
        requests.map(show).collect::<Vec<_>>()
    });
    Ok(reply(&json!({ "requests": requests })))
}

fn find<'a>(seen: &'a Seen, id: &str) -> Option<&'a SignRequest> {
    let id: u64 = id.parse().ok()?;
    seen.sign_requests.iter().find(|request| request.id == id)
}

/// A sign request. What the client has sent has the name that it has there.
fn show(request: &SignRequest) -> Value {
    json!({
        "id": request.id,
        "state": request.state.name(),
        "account": request.username,
        "phone": request.phone,
        "text": request.text,
        "code": request.code(),
        "remoteName": request.remote_name,
        "authorizeText": request.authorize_text,
        "fingerprint": request.fingerprint,
        "flags": request.flags,
        "problem": request.problem,
    })
}

/// A button on the phone.
fn answer(server: &Server, id: &str, press: &str) -> Result<Reply, Refused> {
    let press = match press {
        "approve" => Press::Authorize,
        "decline" => Press::Decline,
        _ => Press::WrongKey,
    };
    server.watched.change(|seen| {
        let found = find(seen, id).ok_or_else(|| Refused::no_request(id))?;
        let (id, state) = (found.id, found.state);
        if !seen.press(id, press) {
            let why = format!(
                "Request {id} does not wait for an answer: its state is {:?}.",
                state.name()
            );
            return Err(Refused::new(StatusCode::CONFLICT, why));
        }
        Ok(reply(
            &find(seen, &id.to_string()).map_or(Value::Null, show),
        ))
    })
}

/// The lines of the log.
async fn log(server: &Server, query: &str) -> Result<Reply, Refused> {
    let query = Query::read(query, &["after", "wait"])?;
    let (after, wait) = (query.number("after")?, query.wait()?);
    let some = |seen: &Seen| seen.log.last().is_some_and(|line| line.number > after);
    server.watched.changed(wait, some).await;
    let lines: Vec<_> = server.watched.look(|seen| {
        let lines = seen.log.iter().filter(|line| line.number > after);
        lines
            .map(|line| {
                json!({
                    "number": line.number,
                    "time": format!("{}T{}", line.date, line.time),
                    "text": line.text,
                })
            })
            .collect()
    });
    Ok(reply(&json!({ "lines": lines })))
}

/// Adds an account, or replaces it.
fn define(server: &Server, body: &[u8]) -> Result<Reply, Refused> {
    let account = Account::from_json(body)
        .map_err(|error| Refused::bad(format!("The body is no account: {error}.")))?;
    let name = account.name.clone();
    server.watched.change(|seen| {
        if seen.defined.len() >= MOST_ACCOUNTS && !seen.defined.contains_key(&name) {
            let why = format!("There are {MOST_ACCOUNTS} accounts already: reset first.");
            return Err(Refused::new(StatusCode::CONFLICT, why));
        }
        seen.defined.insert(name.clone(), account);
        Ok(())
    })?;
    Ok(reply(&json!({ "name": name })))
}
