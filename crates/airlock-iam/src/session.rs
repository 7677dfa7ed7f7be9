//! One login's way to Airlock: its cookies, and what every request has in common.

use std::sync::Arc;
use std::time::Duration;

use bounded_https::{Body, Call, Failure, Header, Method, Reply, Transport};
use serde::Serializer as _;
use zeroize::Zeroizing;

use crate::answer::not_understood;
use crate::base_url::BaseUrl;
use crate::cookies::Jar;
use crate::error::{Error, ErrorKind};

/// For all answers but an image.
const ANSWER_LIMIT: usize = 64 << 10;
/// For a challenge: in base64, an RGB image of 700 by 700 pixels that nobody compressed. What the
/// module draws (`MAX_FILE` in its qr/image.rs) is no larger.
const IMAGE_LIMIT: usize = 2 << 20;
/// The first call takes this much longer than a connection may: that tells one that was never
/// made from an answer that never came.
const SLACK: Duration = Duration::from_millis(100);
/// What becomes of a byte at most, in JSON: `\u0000`.
const ESCAPED: usize = 6;
/// Nobody waits longer for a farewell.
const FAREWELL: Duration = Duration::from_secs(2);

/// What is common to all logins of a client.
pub(crate) struct Server {
    pub(crate) base: BaseUrl,
    pub(crate) transport: Transport,
    pub(crate) timeout: Duration,
}

pub(crate) struct Session {
    server: Arc<Server>,
    jar: Jar,
    /// Whether any request may have left this machine.
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

    /// A POST below `/public/authentication/`.
    pub(crate) fn post(&mut self, path: &str) -> Result<Reply, Error> {
        self.call(Method::Post, path, None, self.server.timeout, ANSWER_LIMIT)
    }

    /// The same, for an answer with an image in it.
    pub(crate) fn post_for_image(&mut self, path: &str) -> Result<Reply, Error> {
        self.call(Method::Post, path, None, self.server.timeout, IMAGE_LIMIT)
    }

    /// The same with a JSON object of these members.
    pub(crate) fn post_json(
        &mut self,
        path: &str,
        members: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        // Room for any escaping: growing would leave copies behind that are not wiped.
        let room = members.iter().fold(2_usize, |room, (name, value)| {
            let length = name.len().saturating_add(value.len());
            room.saturating_add(length.saturating_mul(ESCAPED))
                .saturating_add(6)
        });
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        serde_json::Serializer::new(&mut *bytes)
            .collect_map(members.iter().copied())
            .map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))?;
        self.call(
            Method::Post,
            path,
            Some(bytes),
            self.server.timeout,
            ANSWER_LIMIT,
        )
    }

    /// Clears a flow that an earlier login may have left, as public clients of live systems do
    /// first. What is answered does not matter, but for its cookies: a Gateway's token has to be
    /// there before the password is sent.
    ///
    /// # Errors
    ///
    /// The server does not answer.
    pub(crate) fn clear_stale_flow(&mut self) -> Result<(), Error> {
        let timeout = self.server.timeout.saturating_add(SLACK);
        self.call(Method::Delete, "flow/", None, timeout, ANSWER_LIMIT)
            .map(drop)
    }

    /// Ends a flow that is not gone on with. Whether that works does not matter: it ends by
    /// itself in the end.
    pub(crate) fn abandon(mut self) {
        let timeout = self.server.timeout.min(FAREWELL);
        let _ = self.call(Method::Delete, "flow/", None, timeout, ANSWER_LIMIT);
    }

    /// Logs out: the session has proven what it is for.
    pub(crate) fn log_out(mut self) {
        let timeout = self.server.timeout.min(FAREWELL);
        let _ = self.call(Method::Delete, "", None, timeout, ANSWER_LIMIT);
    }

    fn call(
        &mut self,
        method: Method,
        path: &str,
        document: Option<Zeroizing<Vec<u8>>>,
        timeout: Duration,
        limit: usize,
    ) -> Result<Reply, Error> {
        // Seen without a slash at its end, unlike the others.
        let slash = if path.is_empty() { "" } else { "/" };
        let url = format!("{}/public/authentication{slash}{path}", self.server.base);
        let mut headers = self.jar.headers();
        // Airlock's check against cross-site requests: any value will do (vendor documentation).
        headers.push(Header {
            name: "x-same-domain".to_owned(),
            value: Zeroizing::new("1".to_owned()),
        });
        let result = self.server.transport.call(Call {
            method,
            url,
            headers,
            body: Some(Body {
                content_type: "application/json",
                bytes: document.unwrap_or_default(),
            }),
            timeout,
            limit,
        });
        let sent_before = self.sent;
        self.sent |= result.as_ref().map_or_else(Failure::request_sent, |_| true);
        let reply = result.map_err(|failure| Error::from(failure).after_sending(sent_before))?;
        self.jar
            .keep(&reply)
            .map_err(|what| not_understood(what).after_sending(true))?;
        Ok(reply)
    }
}
