//! The requests of one connection: which goes where, and what becomes of it.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::accounts::Account;
use crate::airlock;
use crate::connection::Order;
use crate::entry::{Entry, Verdict, plain};
use crate::keys::{Hash, KeyPair};
use crate::listing;
use crate::page;
use crate::phone;
use crate::reply::{Flow, Reply, TEXT};
use crate::scenario::Reaction;
use crate::seen::{HttpRequest, KeyRequest, Press, SignRequest, Waiting};
use crate::server::Server;
use crate::wire::{Answer, SignForm};

/// More than any client has reason to send.
const MAX_BODY: usize = 1 << 20;

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

    /// Notes what came.
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
            .change(|seen| seen.requests.push(http.clone()));
        http
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        http: HttpRequest,
        entry: &mut Entry<'_>,
    ) -> Verdict {
        let page = &self.server.page;
        let path = request.uri().path().to_owned();
        let get = matches!(*request.method(), Method::GET | Method::HEAD);
        if let Some(principal) = path
            .strip_prefix("/app/api/authenticator/keys/")
            .or_else(|| path.strip_prefix("/authorizedKeys/"))
        {
            return if get {
                self.list_keys(principal, http)
            } else {
                not_allowed("GET", &http)
            };
        }
        if airlock::is_for(&path) {
            return airlock::handle(&self.server, request, http).await;
        }
        match path.as_str() {
            "/app/api/authenticator/signPayload" if *request.method() == Method::POST => {
                self.sign(request, http, entry).await
            }
            "/app/api/authenticator/signPayload" => not_allowed("POST", &http),
            // The redirect flow, at /authenticator/sign/, will go here.
            "/" if get => {
                let late = http.path == page::TOO_LATE;
                Verdict {
                    reply: self.server.watched.look(|seen| page.whole(seen, late)),
                    line: plain(&http),
                }
            }
            "/page.css" if get => Verdict {
                reply: page::style(),
                line: String::new(),
            },
            "/page.js" if get => Verdict {
                reply: page::script(),
                line: String::new(),
            },
            "/waiting" if get => {
                // Asked every second: not worth a line.
                Verdict {
                    reply: self.server.watched.look(|seen| page.waiting(seen)),
                    line: String::new(),
                }
            }
            "/press" if *request.method() == Method::POST => self.press(request, &http).await,
            "/elsewhere" => Verdict {
                reply: Reply::ok(TEXT, "A client followed a redirect.\n"),
                line: plain(&http),
            },
            _ => Verdict {
                reply: Reply::status(StatusCode::NOT_FOUND),
                line: plain(&http),
            },
        }
    }

    fn list_keys(&self, principal: &str, http: HttpRequest) -> Verdict {
        let principal = percent_decode_str(principal)
            .decode_utf8_lossy()
            .into_owned();
        let (connection, at) = (http.connection, http.at);
        let account = self.server.options.accounts.find(&principal);
        let (reply, list) = match &account {
            Some(account) => (
                listing::serve(account.listing, &account.public_keys()),
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
        self.server
            .watched
            .change(|seen| seen.key_requests.push(request));
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
        let mut form = SignForm::read(content_type, &body);
        let chosen = self.choose(&mut form);
        let mut line = format!(
            "POST signPayload account={:?} text={:?} button={:?}",
            form.username, form.text, form.authorize_text
        );
        let id = self.note(&form, http);
        entry.sign_request = Some(id);
        entry.line.clone_from(&line);

        if self.server.options.reset_on_sign && self.served_keys.load(Ordering::Relaxed) {
            return Verdict {
                reply: Reply::Reset,
                line,
            };
        }
        let Ok(chosen) = chosen else {
            let problem = form.problem.unwrap_or_default();
            line = format!("{line} problem={problem:?}");
            return Verdict {
                reply: phone::json(&Answer::refused(problem)),
                line,
            };
        };
        line = format!(
            "{line} phone={:?} ({})",
            chosen.phone,
            chosen.key.algorithm()
        );
        entry.line.clone_from(&line);
        let reaction = self.react(&chosen, &form, entry, id).await;
        line = format!(
            "{line} did={reaction} seconds={:.1}",
            entry.since.elapsed().as_secs_f64()
        );
        Verdict {
            reply: phone::answer(reaction, &chosen.key, &form.payload, chosen.hash),
            line,
        }
    }

    /// The phone that the form is for; what is wrong goes into the form.
    fn choose(&self, form: &mut SignForm) -> Result<Chosen, ()> {
        let chosen = self.find(form);
        if let Err(problem) = &chosen {
            // What is wrong with the form itself says more.
            form.problem.get_or_insert_with(|| problem.clone());
        }
        match chosen {
            Ok(chosen) if form.problem.is_none() => Ok(chosen),
            _ => Err(()),
        }
    }

    fn find(&self, form: &SignForm) -> Result<Chosen, String> {
        let username = &form.username;
        let account = self.server.options.accounts.find(username);
        let account = account.ok_or_else(|| format!("there is no account {username:?}"))?;
        let (phone, key) = account
            .phone_with(&form.fingerprint)
            .ok_or_else(|| format!("{:?} is no key of {username:?}", form.fingerprint))?;
        let hash = match (form.flags, key.is_rsa()) {
            (4, true) => Hash::Sha512,
            (2, true) => Hash::Sha256,
            // Ed25519 has a hash of its own.
            (0, _) => Hash::Sha1,
            (flags, _) => {
                return Err(format!(
                    "the flags {flags} do not go with an {} key",
                    key.algorithm()
                ));
            }
        };
        Ok(Chosen {
            account,
            phone: phone.name,
            key,
            hash,
        })
    }

    fn note(&self, form: &SignForm, http: HttpRequest) -> u64 {
        self.server.watched.change(|seen| {
            let id = seen.sign_requests.len() as u64 + 1;
            seen.sign_requests.push(SignRequest {
                id,
                connection: http.connection,
                at: http.at,
                username: form.username.clone(),
                fingerprint: form.fingerprint.clone(),
                remote_name: form.remote_name.clone(),
                text: form.text.clone(),
                authorize_text: form.authorize_text.clone(),
                flags: form.flags,
                payload: form.payload.clone(),
                problem: form.problem.clone(),
                http,
            });
            id
        })
    }

    /// Lets the person think, or waits for a real one.
    async fn react(
        &self,
        chosen: &Chosen,
        form: &SignForm,
        entry: &Entry<'_>,
        id: u64,
    ) -> Reaction {
        match chosen.account.reaction {
            Reaction::Page => {}
            Reaction::Never => return Reaction::Never,
            reaction => {
                sleep(chosen.account.think).await;
                return reaction;
            }
        }
        let waiting = Waiting {
            id,
            account: form.username.clone(),
            phone: chosen.phone.clone(),
            remote_name: form.remote_name.clone(),
            text: form.text.clone(),
            authorize_text: form.authorize_text.clone(),
        };
        let pressed = self
            .server
            .watched
            .change(|seen| seen.wait_for_press(waiting));
        // Nothing else would tell the person to look there.
        entry.interim("waits for a person on the page");
        match pressed.await {
            Ok(Press::Authorize) => Reaction::Approve,
            Ok(Press::Decline) => Reaction::Decline,
            Ok(Press::WrongKey) => Reaction::WrongKey,
            Err(_) => Reaction::Never,
        }
    }

    /// A button on the page.
    async fn press(&self, request: Request<Incoming>, http: &HttpRequest) -> Verdict {
        let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let reply = match self.server.page.read_press(&body) {
            Err(status) => Reply::status(status),
            Ok((id, press)) => {
                let pressed = self.server.watched.change(|seen| seen.press(id, press));
                Reply::redirect(
                    StatusCode::SEE_OTHER,
                    if pressed { "/" } else { page::TOO_LATE },
                )
            }
        };
        Verdict {
            reply,
            line: plain(http),
        }
    }

    fn order(&self, order: Order) {
        // The connection is there for as long as its handler is.
        let _ = self.orders.send(order);
    }

    /// The connection takes over, and drops this.
    async fn leave_to(&self, order: Order) -> Response<Flow> {
        self.order(order);
        pending().await
    }
}

/// The phone that a sign request is for.
struct Chosen {
    account: Account,
    phone: String,
    key: KeyPair,
    hash: Hash,
}

fn not_allowed(instead: &'static str, http: &HttpRequest) -> Verdict {
    let reply = Reply::status(StatusCode::METHOD_NOT_ALLOWED);
    Verdict {
        reply: reply.header(header::ALLOW, HeaderValue::from_static(instead)),
        line: plain(http),
    }
}
