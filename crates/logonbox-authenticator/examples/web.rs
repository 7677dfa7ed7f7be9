//! A web application whose people log in with their phones.
//!
//! Against the simulated tenant, in two terminals; then open the URL that is printed, and log in as
//! `page`:
//!
//! ```text
//! cargo run -p tenant -- --listen 127.0.0.1:8443
//! cargo run -p logonbox-authenticator --example web -- localhost:8443 logonbox-tenant-ca.pem
//! ```
//!
//! All arguments: `TENANT [CA_FILE [LISTEN [URL]]]`. An empty `CA_FILE` stands for the system's CAs;
//! `LISTEN` is 127.0.0.1:8080 unless given; `URL` is what browsers call this application, as in
//! `https://wiki.acme.com`, when a reverse proxy puts HTTPS before it.
//!
//! Whoever knows a name can have its phone asked. An application that people rely on asks for
//! something else first, such as a password, and limits how often.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

// In a folder, where cargo does not take it for an example of its own.
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

/// What a session holds: requests on their way, and who is logged in.
const REQUESTS: &str = "requests";
const USER: &str = "user";

/// The last part of the address that the browser comes back to, and what belongs to it: somebody
/// may begin in two tabs, and another site's guess must not use a request up.
type Requests = Vec<(String, String)>;
const MOST_REQUESTS: usize = 4;

#[derive(Clone)]
struct App {
    /// Looks up one person's keys after the other: where many log in at once, keep several.
    client: Arc<Client>,
    /// `https://wiki.acme.com`. Never the Host header, which is the sender's to choose.
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

    // In memory they are gone with the program, and those that have expired stay: for trying.
    let secure = url.starts_with("https://");
    let sessions = SessionManagerLayer::new(MemoryStore::default())
        // With this prefix, no neighbour such as blog.acme.com can set it: whoever could would log
        // others in as themselves (RFC 6265bis, section 4.1.3.2).
        .with_name(if secure { "__Host-id" } else { "id" })
        .with_http_only(true)
        .with_secure(secure)
        // The way back from the tenant comes from another site: Strict would leave the cookie out.
        .with_same_site(SameSite::Lax)
        .with_expiry(Expiry::OnInactivity(Duration::hours(1)));
    let app = App {
        client: Arc::new(client.build()?),
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
        // As when somebody presses Enter in the address bar after a refusal.
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
    let asked = tokio::task::spawn_blocking(move || {
        // Keyboards of phones put a blank after a word.
        let user = form.user.trim();
        let keys = app.client.keys(user)?;
        app.client.redirect(user, app.client.choose(&keys)?, &back)
    });
    let redirect = asked.await??;
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
    // A request is good for one response, and the layer would take it out of the store only
    // afterwards, and not at all where the answer is an error of this server. Where two answers can
    // be judged at once, a store that several programs share has to give it away only once.
    session.insert(REQUESTS, requests).await?;
    session.save().await?;
    let approval = RedirectRequest::restore(&saved)?.finish(&query.response)?;

    // Somebody else may know the id from before, or have put something into that session.
    session.clear().await;
    session.cycle_id().await?;
    // As it was typed: a tenant may take "Lee" for "lee". Where the name decides what somebody may
    // do, look it up among your own users before the phone is asked, and go on with theirs.
    session.insert(USER, approval.principal()).await?;
    Ok(Redirect::to("/"))
}

async fn logout(session: Session) -> Result<Redirect, Problem> {
    session.flush().await?;
    Ok(Redirect::to("/"))
}

/// Before and after everything: no other site's page logs anybody in or out, and nobody frames a
/// page or keeps it.
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
