//! Routes the requests of one connection, and answers them.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc;

use crate::airlock;
use crate::api;
use crate::ask::{Outcome, ask, choose};
use crate::connection::Order;
use crate::entry::{Entry, Verdict, plain};
use crate::listing;
use crate::pages::phones::{Phones, Said, View};
use crate::pages::{self, sign};
use crate::phone;
use crate::redirect::{self, Redirect};
use crate::reply::{Flow, JSON, Reply, TEXT};
use crate::seen::{HttpRequest, KeyRequest, Seen};
use crate::server::Server;
use crate::wire::{Answer, SignForm};

/// More than any client needs to send.
pub(crate) const MAX_BODY: usize = 1 << 20;

/// How the tenant describes itself. The names of the fields are a guess.
const DISCOVERED: &str = r#"{"basePath":"/app","version":"2.4.0"}"#;

/// How long the phones' page waits for news before it polls again.
const LONG_POLL: Duration = Duration::from_secs(20);

/// Answers the requests of one connection.
pub(crate) struct Handler {
    server: Arc<Server>,
    connection: u64,
    served_keys: AtomicBool,
    orders: mpsc::UnboundedSender<Order>,
}

impl Handler {
    pub(crate) fn new(
        server: Arc<Server>,
        connection: u64,
        orders: mpsc::UnboundedSender<Order>,
    ) -> Self {
        Self {
            server,
            connection,
            served_keys: AtomicBool::new(false),
            orders,
        }
    }

    pub(crate) async fn handle(&self, request: Request<Incoming>) -> Response<Flow> {
        self.order(Order::Stay);
        let http = self.record(&request);
        let mut entry = Entry::new(&self.server, &http);
        let verdict = self.route(request, http, &mut entry).await;
        if let Reply::Never = verdict.reply {
            entry.line = verdict.line;
            return pending().await;
        }
        entry.finish(&verdict);
        match verdict.reply {
            Reply::Http(response) => response,
            Reply::Raw(bytes) => self.leave_to(Order::Raw(bytes)).await,
            Reply::Reset => self.leave_to(Order::Reset).await,
            Reply::Never => pending().await,
        }
    }

    /// Records the request.
    fn record(&self, request: &Request<Incoming>) -> HttpRequest {
        let headers = request.headers().iter();
        let http = HttpRequest {
            connection: self.connection,
            at: Instant::now(),
            method: request.method().to_string(),
            path: request.uri().to_string(),
            headers: headers
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect(),
        };
        self.server
            .watched
            .change(|seen| seen.request(http.clone()));
        http
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        http: HttpRequest,
        entry: &mut Entry<'_>,
    ) -> Verdict {
        let phones = &self.server.phones;
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let get = matches!(*request.method(), Method::GET | Method::HEAD);
        if let Some(principal) = path
            .strip_prefix("/app/api/authenticator/keys/")
            .or_else(|| path.strip_prefix("/app/api/authenticator/authorizedKeys/"))
            .or_else(|| path.strip_prefix("/authorizedKeys/"))
        {
            return if get {
                self.list_keys(principal, http)
            } else {
                not_allowed("GET", &http)
            };
        }
        if let Some(path) = path.strip_prefix(api::BASE) {
            return api::handle(&self.server, path, request, &http, entry).await;
        }
        if airlock::is_for(&path) {
            return airlock::handle(&self.server, request, http).await;
        }
        match path.as_str() {
            "/app/api/authenticator/signPayload" if *request.method() == Method::POST => {
                self.sign(request, http, entry).await
            }
            "/app/api/authenticator/signPayload" => not_allowed("POST", &http),
            path if path.starts_with(redirect::PATH) => {
                if get {
                    self.redirect(path, http, entry).await
                } else {
                    not_allowed("GET", &http)
                }
            }
            "/discover" | "/app/api/server/ping" if !get => not_allowed("GET", &http),
            "/discover" => Verdict {
                reply: Reply::ok(JSON, DISCOVERED),
                line: plain(&http),
            },
            "/app/api/server/ping" => Verdict {
                reply: Reply::status(StatusCode::OK),
                line: plain(&http),
            },
            "/" if get => {
                let view = View::read(&query);
                Verdict {
                    reply: self.server.watched.look(|seen| phones.whole(seen, &view)),
                    line: plain(&http),
                }
            }
            "/waiting" if get => {
                // The page polls all the time: not logged.
                entry.line.clear();
                let view = View::read(&query);
                let changed = |seen: &Seen| !view.is_up_to_date(seen);
                self.server.watched.changed(LONG_POLL, changed).await;
                Verdict {
                    reply: self.server.watched.look(|seen| phones.changes(seen, &view)),
                    line: String::new(),
                }
            }
            "/press" if *request.method() == Method::POST => self.press(request, &http).await,
            "/elsewhere" => Verdict {
                reply: Reply::ok(TEXT, "A client followed a redirect.\n"),
                line: plain(&http),
            },
            path => match pages::file(path).filter(|_| get) {
                Some(reply) => Verdict {
                    reply,
                    line: String::new(),
                },
                None => Verdict {
                    reply: Reply::status(StatusCode::NOT_FOUND),
                    line: plain(&http),
                },
            },
        }
    }

    fn list_keys(&self, principal: &str, http: HttpRequest) -> Verdict {
        let principal = percent_decode_str(principal)
            .decode_utf8_lossy()
            .into_owned();
        let (connection, at) = (http.connection, http.at);
        let account = self.server.account(&principal);
        let (reply, list) = match &account {
            Some(account) => (
                listing::serve(account.listing, &account.name, &account.public_keys()),
                account.listing.name(),
            ),
            None => (Reply::status(StatusCode::NOT_FOUND), "no-such-account"),
        };
        let line = format!("{} keys account={principal:?} list={list}", http.method);
        let request = KeyRequest {
            connection,
            at,
            principal,
            http,
        };
        self.server.watched.change(|seen| seen.key_request(request));
        self.served_keys.store(true, Ordering::Relaxed);
        if let Some(time) = self.server.options.close_after_keys {
            self.order(Order::CloseAfter(time));
        }
        Verdict { reply, line }
    }

    async fn sign(
        &self,
        request: Request<Incoming>,
        http: HttpRequest,
        entry: &mut Entry<'_>,
    ) -> Verdict {
        let content_type = http.header("content-type");
        let body = match Limited::new(request.into_body(), MAX_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                let line = format!("POST signPayload: the body cannot be read: {error}");
                return Verdict {
                    reply: Reply::status(StatusCode::BAD_REQUEST),
                    line,
                };
            }
        };
        let form = SignForm::read(content_type, &body);
        let line = format!("POST signPayload {}", form.line());
        let reset = self.server.options.reset_on_sign && self.served_keys.load(Ordering::Relaxed);
        let asked = ask(&self.server, &form, http, entry, line, reset).await;
        let reply = match &asked.outcome {
            Outcome::Reset => Reply::Reset,
            Outcome::Problem(problem) => phone::json(&Answer::refused(problem)),
            Outcome::Did(reaction, chosen) => {
                phone::answer(*reaction, &chosen.key, &form.payload, chosen.hash)
            }
        };
        Verdict {
            reply,
            line: asked.line,
        }
    }

    /// A browser that an application has redirected here. It sees a page, which requests this
    /// address again to ask the phone. Clients that want no page get the answer at once.
    async fn redirect(&self, path: &str, http: HttpRequest, entry: &mut Entry<'_>) -> Verdict {
        // Some browsers write the padding as %3D.
        let blob = path.strip_prefix(redirect::PATH).unwrap_or_default();
        let blob = percent_decode_str(blob).decode_utf8_lossy();
        let hostname = self.server.phones.hostname();
        let redirect = match Redirect::read(&blob, hostname) {
            Ok(redirect) => redirect,
            Err(problem) => {
                let line = format!("GET redirect problem={problem:?}");
                return Verdict {
                    reply: sign::unusable(&problem),
                    line,
                };
            }
        };
        let (form, site) = (&redirect.form, redirect.site());
        let wants_page = http
            .header("accept")
            .is_some_and(|accept| accept.contains("text/html"));
        let asks = http.path.ends_with(sign::ASKS) || !wants_page;
        if !asks || http.method == "HEAD" {
            let chosen = choose(&self.server, form).ok();
            return Verdict {
                reply: sign::waiting(&redirect, chosen.as_ref()),
                line: format!(
                    "GET redirect account={:?} site={site:?} page",
                    form.username
                ),
            };
        }
        let for_script = for_script(&http);
        let line = format!("GET redirect {} site={site:?}", form.line());
        let asked = ask(&self.server, form, http, entry, line, false).await;
        let reply = match &asked.outcome {
            Outcome::Reset => Reply::Reset,
            Outcome::Problem(problem) => redirect.send_back(&redirect::declined(problem)),
            Outcome::Did(reaction, chosen) => redirect.answer(*reaction, chosen),
        };
        Verdict {
            reply: if for_script {
                reply.location_as_json()
            } else {
                reply
            },
            line: asked.line,
        }
    }

    /// A button on the page.
    async fn press(&self, request: Request<Incoming>, http: &HttpRequest) -> Verdict {
        let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let reply = match self.server.phones.read_press(&body) {
            Err(status) => Reply::status(status),
            Ok((id, press, view)) => {
                let pressed = self.server.watched.change(|seen| seen.press(id, press));
                let said = if pressed {
                    Said::Pressed(press)
                } else {
                    Said::TooLate
                };
                Phones::pressed(said, &view, for_script(http))
            }
        };
        Verdict {
            reply,
            line: plain(http),
        }
    }

    fn order(&self, order: Order) {
        // The connection lives at least as long as its handler.
        let _ = self.orders.send(order);
    }

    /// The connection takes over and drops this handler.
    async fn leave_to(&self, order: Order) -> Response<Flow> {
        self.order(order);
        pending().await
    }
}

/// Whether a page's script sent the request. It follows redirects itself.
fn for_script(http: &HttpRequest) -> bool {
    http.header("accept") == Some("application/json")
}

fn not_allowed(instead: &'static str, http: &HttpRequest) -> Verdict {
    let reply = Reply::status(StatusCode::METHOD_NOT_ALLOWED);
    Verdict {
        reply: reply.header(header::ALLOW, HeaderValue::from_static(instead)),
        line: plain(http),
    }
}
