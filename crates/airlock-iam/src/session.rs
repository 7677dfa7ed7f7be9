//! The session of one login: its cookies, and the common part of its requests.

use std::sync::Arc;
use std::time::Duration;

use bounded_https::http::{HeaderValue, Method, Request, header};
use bounded_https::{Body, BoxFuture, HttpClient, Limits};
use serde::Serializer as _;
use zeroize::Zeroizing;

use crate::Reply;
use crate::base_url::BaseUrl;
use crate::cookies::Jar;
use crate::error::{Error, ErrorKind, not_understood};

/// The limit of all answers without an image.
const ANSWER_LIMIT: usize = 64 << 10;
/// The limit of a challenge: in base64, an uncompressed RGB image of 700 by 700 pixels.
const IMAGE_LIMIT: usize = 2 << 20;
/// The first request takes this much longer than its connection may take. So a connection that
/// failed can be told from an answer that did not come.
const SLACK: Duration = Duration::from_millis(100);
/// The longest form of one byte in JSON: `\u0000`.
const ESCAPED: usize = 6;
/// The longest time for the end of a session.
const FAREWELL: Duration = Duration::from_secs(2);

/// The common part of all logins of a client.
pub(crate) struct Server {
    pub(crate) base: BaseUrl,
    /// The path of the request that chooses it.
    pub(crate) application: Option<String>,
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) timeout: Duration,
}

pub(crate) struct Session {
    server: Arc<Server>,
    jar: Jar,
    /// Whether any request may have left this host.
    sent: bool,
}

impl Session {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self {
            server,
            jar: Jar::default(),
            sent: false,
        }
    }

    /// Chooses the application, if one is configured.
    pub(crate) async fn choose_application(&mut self) -> Result<Option<Reply>, Error> {
        match self.server.application.clone() {
            Some(path) => self.post(&path).await.map(Some),
            None => Ok(None),
        }
    }

    /// A POST below `/public/authentication/`.
    pub(crate) fn post<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Result<Reply, Error>> {
        self.call(Method::POST, path, Body::default(), self.limits())
    }

    /// The same, for an answer with an image.
    pub(crate) fn post_for_image<'a>(
        &'a mut self,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Reply, Error>> {
        let limits = Limits::new(self.server.timeout, IMAGE_LIMIT);
        self.call(Method::POST, path, Body::default(), limits)
    }

    fn limits(&self) -> Limits {
        Limits::new(self.server.timeout, ANSWER_LIMIT)
    }

    /// The same, with a JSON object of these members.
    pub(crate) async fn post_json(
        &mut self,
        path: &str,
        members: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        // Room for all escapes, because growing would leave copies behind that are not wiped.
        let room = members.iter().fold(2_usize, |room, (name, value)| {
            let length = name.len().saturating_add(value.len());
            room.saturating_add(length.saturating_mul(ESCAPED))
                .saturating_add(6)
        });
        let mut document = Zeroizing::new(Vec::with_capacity(room));
        serde_json::Serializer::new(&mut *document)
            .collect_map(members.iter().copied())
            .map_err(|error| Error::new(ErrorKind::InvalidInput, "").with_source(error))?;
        self.call(Method::POST, path, document.into(), self.limits())
            .await
    }

    /// Clears the flow of an earlier login, as public clients of live systems do first. Only the
    /// cookies of the answer matter: a Gateway's token must be there before the password is sent.
    ///
    /// # Errors
    ///
    /// The server does not answer.
    pub(crate) async fn clear_stale_flow(&mut self) -> Result<(), Error> {
        let limits = Limits::new(self.server.timeout.saturating_add(SLACK), ANSWER_LIMIT);
        self.call(Method::DELETE, "flow/", Body::default(), limits)
            .await
            .map(drop)
    }

    /// Ends an unfinished flow. An error does not matter: Airlock ends the flow after some time.
    pub(crate) fn abandon(self) -> BoxFuture<'static, ()> {
        self.end("flow/")
    }

    /// Logs out. The session has proven what it is for.
    pub(crate) fn log_out(self) -> BoxFuture<'static, ()> {
        self.end("")
    }

    fn end(mut self, path: &'static str) -> BoxFuture<'static, ()> {
        let limits = Limits::new(self.server.timeout.min(FAREWELL), ANSWER_LIMIT);
        Box::pin(async move {
            let _ = self
                .call(Method::DELETE, path, Body::default(), limits)
                .await;
        })
    }

    /// Boxed: each step of a flow would contain this future otherwise, and its code.
    fn call<'a>(
        &'a mut self,
        method: Method,
        path: &'a str,
        body: Body,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(self.exchange(method, path, body, limits))
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
        limits: Limits,
    ) -> Result<Reply, Error> {
        // Public clients log out without a slash at the end, unlike in all other requests.
        let slash = if path.is_empty() { "" } else { "/" };
        let url = format!("{}/public/authentication{slash}{path}", self.server.base);
        let invalid = |error| Error::new(ErrorKind::InvalidInput, "").with_source(error);
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .body(body)
            .map_err(invalid)?;
        let headers = request.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        // Airlock's check against cross-site requests: any value works (vendor documentation).
        headers.insert("x-same-domain", HeaderValue::from_static("1"));
        self.jar.add_to(headers)?;
        let result = self.server.http.send(request, limits).await;
        let sent_before = self.sent;
        self.sent |= result
            .as_ref()
            .map_or_else(bounded_https::Error::request_sent, |_| true);
        let reply = result.map_err(|error| Error::from(error).after_sending(sent_before))?;
        self.jar
            .keep(&reply)
            .map_err(|what| not_understood(what).after_sending(true))?;
        Ok(reply)
    }
}
