//! Checks the form, the session and the cookies of every request before it reaches the flow, and
//! adds cookies to every answer.

use hyper::StatusCode;

use super::answer::{self, Answer, Meta};
use super::call::{self, Call};
use super::cookies;
use super::flow::{Move, Session};
use super::seen::{AirlockRequest, AirlockSeen};
use super::{Airlock, BASE, bad_answer};
use crate::entry::{Verdict, plain};
use crate::reply::Reply;
use crate::seen::HttpRequest;

/// Answers a request, and returns the record of both.
pub(crate) fn take(
    options: &Airlock,
    seen: &mut AirlockSeen,
    http: HttpRequest,
    body: &[u8],
) -> (Verdict, AirlockRequest) {
    let path = http.path.strip_prefix(BASE).unwrap_or(&http.path);
    let mut request = AirlockRequest {
        connection: http.connection,
        at: http.at,
        method: http.method.clone(),
        path: path.to_owned(),
        body: String::from_utf8_lossy(body).into_owned(),
        user: None,
        did: String::new(),
        problem: None,
        http,
    };
    let reply = answer(options, seen, &mut request, body);
    let line = line(&request);
    (Verdict { reply, line }, request)
}

fn line(request: &AirlockRequest) -> String {
    let user = request.user.as_ref();
    let user = user
        .map(|user| format!(" user={user:?}"))
        .unwrap_or_default();
    let end = match &request.problem {
        Some(problem) => format!("problem={problem:?}"),
        None => format!("did={:?}", request.did),
    };
    format!("{}{user} {end}", plain(&request.http))
}

/// The session of a request.
enum Found {
    /// None: the request may open one.
    New,
    Live(String, Box<Session>),
    Over,
    Problem(String),
}

fn answer(
    options: &Airlock,
    seen: &mut AirlockSeen,
    request: &mut AirlockRequest,
    body: &[u8],
) -> Reply {
    let call = call::understand(&request.http, &request.path, body);
    let (key, mut session) = match find(options, seen, &request.http) {
        Found::New => (None, Box::new(Session::new(options))),
        Found::Live(key, session) => (Some(key), session),
        Found::Over => return after_the_end(options, request, call),
        Found::Problem(problem) => return refuse(options, request, problem),
    };
    let taken = admit(&session, key.is_some(), &request.http, call).and_then(|call| {
        // The name is recorded even if no such user exists.
        if let Call::Password { username, .. } = &call {
            request.user = Some(username.clone());
        }
        session
            .take(call, options, &mut seen.wrong)
            .map_err(Refused::Problem)
    });
    if let Some(user) = &session.user {
        request.user = Some(user.name.clone());
    }
    let (reply, ends) = match taken {
        Ok(done) => {
            request.did.clone_from(&done.did);
            (reply(&session, &done), done.ends)
        }
        Err(Refused::Blocked(problem)) => {
            refuse(options, request, problem);
            (bad_answer::blocked(), false)
        }
        Err(Refused::Problem(problem)) => (refuse(options, request, problem), false),
    };
    if ends {
        seen.ended.extend(key);
        return reply;
    }
    keep(options, seen, request, key, session, reply)
}

fn find(options: &Airlock, seen: &mut AirlockSeen, http: &HttpRequest) -> Found {
    let returned = cookies::returned(http);
    let name = &options.session_cookie;
    let Some((_, value)) = returned.iter().find(|(key, _)| key == name) else {
        return match returned.first() {
            None => Found::New,
            Some((other, _)) => Found::Problem(format!("{other:?} came back without {name}")),
        };
    };
    if seen.ended.contains(value) {
        return Found::Over;
    }
    match seen.sessions.remove(value) {
        Some(session) => Found::Live(value.clone(), session),
        None => Found::Problem(format!("{name} has a value that was never set")),
    }
}

enum Refused {
    /// The Gateway refuses the request.
    Blocked(String),
    Problem(String),
}

/// The call, if the session admits it.
fn admit(
    session: &Session,
    is_live: bool,
    http: &HttpRequest,
    call: Result<Call, String>,
) -> Result<Call, Refused> {
    if is_live {
        let returned = cookies::returned(http);
        session.jar.check(&returned).map_err(Refused::Problem)?;
    }
    if http.method == "POST" && !session.jar.lets_through(http) {
        let problem = "the CSRF cookie was not echoed as the header X-CSRFT123";
        return Err(Refused::Blocked(problem.into()));
    }
    let call = call.map_err(Refused::Problem)?;
    if !is_live && !call.opens() {
        let problem = format!("{} without a session", call.name());
        return Err(Refused::Problem(problem));
    }
    Ok(call)
}

/// The answer, or the user's bad answer instead.
fn reply(session: &Session, done: &Move) -> Reply {
    let user = session.user.as_ref();
    let bad_answer = done.place.and_then(|place| user?.bad_answer_at(place));
    match bad_answer {
        Some(bad_answer) => bad_answer::instead(&done.answer, bad_answer),
        None => done.answer.reply(),
    }
}

/// Keeps the session for the next request, if its client can learn the cookies.
fn keep(
    options: &Airlock,
    seen: &mut AirlockSeen,
    request: &AirlockRequest,
    key: Option<String>,
    mut session: Box<Session>,
    mut reply: Reply,
) -> Reply {
    let is_new = key.is_none();
    let told = matches!(reply, Reply::Http(_));
    if is_new && (!told || request.problem.is_some()) {
        return reply;
    }
    let key = key.unwrap_or_else(cookies::random);
    if is_new {
        reply = reply.cookies(session.jar.begin(&options.session_cookie, &key));
    }
    if told && session.gateway {
        reply = reply.cookies(session.jar.turn());
    }
    seen.sessions.insert(key, session);
    reply
}

/// A client that cleans up need not know that the session has ended.
fn after_the_end(
    options: &Airlock,
    request: &mut AirlockRequest,
    call: Result<Call, String>,
) -> Reply {
    match call {
        Ok(Call::LogOut | Call::ClearFlow) => {
            request.did = "nothing: the session is over".into();
            Answer::NoContent.reply()
        }
        Ok(call) => {
            let problem = format!("{} after the end of the session", call.name());
            refuse(options, request, problem)
        }
        Err(problem) => refuse(options, request, problem),
    }
}

/// Records a problem. The error is this server's own: Airlock IAM's own answer is not known.
fn refuse(options: &Airlock, request: &mut AirlockRequest, problem: String) -> Reply {
    request.did = "refused it".into();
    request.problem = Some(problem);
    let meta = Meta::default();
    let status = StatusCode::BAD_REQUEST;
    answer::error(status, "SIMULATOR_PROBLEM", options.status_text, meta).reply()
}
