//! A web application whose users log in with their phones.
//!
//! Against the simulated tenant, in two terminals; then open the URL that is printed, and log in as
//! `page`:
//!
//! ```text
//! cargo run -p logonbox-tenant -- --listen 127.0.0.1:8443
//! cargo run -p logonbox-authenticator --example web -- localhost:8443 logonbox-tenant-ca.pem
//! ```
//!
//! All arguments: `TENANT [CA_FILE [LISTEN [URL]]]`. An empty `CA_FILE` means the system's CA
//! certificates. `LISTEN` is 127.0.0.1:8080 by default. `URL` is the address of this application in
//! browsers, such as `https://wiki.acme.com` behind a reverse proxy.
//!
//! Anyone who knows a user name can make its phone ring. A real application first asks for
//! something else, such as a password, and limits the number of attempts.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

// In a directory, so that cargo does not build it as a separate example.
#[path = "web/page.rs"]
mod page;

use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Form, Path, Query, Request, State};
use axum::http::{Method, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, serve};
use logonbox_authenticator::{Client, RedirectRequest, Texts};
use tower_sessions::cookie::{SameSite, time::Duration};
use tower_sessions::session::Id;
use tower_sessions::{Expiry, MemoryStore, Session, SessionManagerLayer};

use page::Problem;

/// The entries of a session: open requests, and the user who is logged in.
const REQUESTS: &str = "requests";
const USER: &str = "user";

/// The last part of the address that the browser comes back to, and its request. A user may begin
/// in two tabs, and the guess of another site must not use up a request.
type Requests = Vec<(String, String)>;
const MOST_REQUESTS: usize = 4;

#[derive(Clone)]
struct App {
    client: Client,
    /// `https://wiki.acme.com`. Never the Host header: the sender chooses it.
    url: Arc<str>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("web: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let tenant = arguments
        .next()
        .ok_or("usage: web TENANT [CA_FILE [LISTEN [URL]]]")?;
    let mut client = Client::builder(tenant.parse()?).texts(Texts {
        remote_name: "the example wiki".to_owned(),
        prompt: "{username} wants to log in to {remoteName}.".to_owned(),
        ..Texts::default()
    });
    if let Some(file) = arguments.next().filter(|file| !file.is_empty()) {
        client = client.ca_file(file);
    }
    let listen = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(&listen).await;
    let listener = listener.map_err(|error| format!("{listen}: {error}"))?;
    let address = listener.local_addr()?;
    let url = match arguments.next() {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{address}"),
    };

    // This store is for trying it out: it loses all sessions at the end, and keeps expired ones.
    let secure = url.starts_with("https://");
    let sessions = SessionManagerLayer::new(MemoryStore::default())
        // With this prefix, no sibling host such as blog.acme.com can set the cookie and so log
        // users in as somebody else (RFC 6265bis, section 4.1.3.2).
        .with_name(if secure { "__Host-id" } else { "id" })
        .with_http_only(true)
        .with_secure(secure)
        // The tenant is another site: with Strict, the browser would come back without the cookie.
        .with_same_site(SameSite::Lax)
        .with_expiry(Expiry::OnInactivity(Duration::hours(1)));
    let app = App {
        client: client.build()?,
        url: url.as_str().into(),
    };
    let pages = Router::new()
        .route("/", get(home))
        .route("/start", post(start))
        .route("/finish/{id}", get(finish))
        .route("/logout", post(logout))
        .route(
            "/style.css",
            get(([(header::CONTENT_TYPE, "text/css")], page::STYLE)),
        )
        // For example, when a user presses Enter in the address bar after a refusal.
        .method_not_allowed_fallback(|| async { Redirect::to("/") })
        .fallback(|| async { Redirect::to("/") })
        .layer(sessions)
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .layer(DefaultBodyLimit::max(4096))
        .with_state(app);
    println!("Open {url}/ (listening on {address})");
    Ok(serve(listener, pages).await?)
}

async fn home(session: Session) -> Result<Html<String>, Problem> {
    let user = session.get::<String>(USER).await?;
    Ok(user.map_or_else(page::log_in, |user| page::welcome(&user)))
}

#[derive(serde::Deserialize)]
struct Start {
    user: String,
}

/// Makes a request for the phone, keeps it in the session, and sends the browser to the tenant.
async fn start(
    State(app): State<App>,
    session: Session,
    Form(form): Form<Start>,
) -> Result<Redirect, Problem> {
    let id = Id::default().to_string();
    let back = format!("{}/finish/{id}?response={{response}}", app.url);
    // Keyboards of phones put a blank after a word.
    let user = form.user.trim();
    let keys = app.client.keys(user).await?;
    let key = app.client.choose(&keys)?;
    let redirect = app.client.redirect(user, key, &back)?;
    let mut requests: Requests = session.get(REQUESTS).await?.unwrap_or_default();
    requests.push((id, redirect.request.save().as_str().to_owned()));
    requests.drain(..requests.len().saturating_sub(MOST_REQUESTS));
    session.insert(REQUESTS, requests).await?;
    Ok(Redirect::to(&redirect.url))
}

#[derive(serde::Deserialize)]
struct Finish {
    #[serde(default)]
    response: String,
}

/// The browser is back, with the response.
async fn finish(
    session: Session,
    Path(id): Path<String>,
    Query(query): Query<Finish>,
) -> Result<Redirect, Problem> {
    let mut requests: Requests = session.get(REQUESTS).await?.unwrap_or_default();
    let place = requests.iter().position(|(other, _)| *other == id);
    let (_, saved) = requests.swap_remove(place.ok_or(Problem::NOT_ASKED)?);
    // A request is valid for one response. The layer would save the session only after this
    // function, and not at all after an error. A store that several programs share must remove it
    // atomically.
    session.insert(REQUESTS, requests).await?;
    session.save().await?;
    let approval = RedirectRequest::restore(&saved)?.finish(&query.response)?;

    // Someone else may know the old session id, or may have written to the old session.
    session.clear().await;
    session.cycle_id().await?;
    // The name as it was typed: a tenant may accept "Lee" for "lee". If the name decides on
    // permissions, look it up among your own users before the push, and store your own spelling.
    session.insert(USER, approval.principal()).await?;
    Ok(Redirect::to("/"))
}

async fn logout(session: Session) -> Result<Redirect, Problem> {
    session.flush().await?;
    Ok(Redirect::to("/"))
}

/// Runs around every page: no other site can log users in or out, frame a page, or cache it.
async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN);
    if request.method() == Method::POST && origin.is_none_or(|origin| origin != &*app.url) {
        let url = &app.url;
        eprintln!("refused: a form from {origin:?}, but browsers are to open {url}/");
        return Problem::ELSEWHERE.into_response();
    }
    let policy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, next.run(request).await).into_response()
}
