//! The requests that the tenant has received, and those that wait for a user.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::airlock::{AirlockRequest, AirlockSeen};
use crate::code::code;

/// A request as received.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The number of the connection, from 1, in the order in which they were accepted.
    pub connection: u64,
    /// The time at which the head of the request had been read.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// The path and query as received, not decoded.
    pub path: String,
    /// The names, in lower case, and the values.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl HttpRequest {
    /// The first header with this lower-case name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(value).ok()
    }
}

/// A request for a key list.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// The number of its connection.
    pub connection: u64,
    /// When it came.
    pub at: Instant,
    /// The account, percent-decoded.
    pub principal: String,
    /// The request as received.
    pub http: HttpRequest,
}

/// A request to sign.
#[derive(Clone, Debug)]
pub struct SignRequest {
    /// For [`Tenant::answer`](crate::Tenant::answer).
    pub id: u64,
    /// The number of its connection.
    pub connection: u64,
    /// When it came.
    pub at: Instant,
    /// The account.
    pub username: String,
    /// The fingerprint of the key.
    pub fingerprint: String,
    /// The name of the host that asks.
    pub remote_name: String,
    /// The question on the phone.
    pub text: String,
    /// The button on the phone.
    pub authorize_text: String,
    /// The flags of the requested signature.
    pub flags: u32,
    /// The bytes to sign.
    pub payload: Vec<u8>,
    /// The problem with the form, if there is one. Fields that could not be read are empty.
    pub problem: Option<String>,
    /// The request as received.
    pub http: HttpRequest,
}

impl SignRequest {
    /// The code in the question, as the user reads it on the phone.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        code(&self.text)
    }
}

/// A sign request that waits for a user.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// For [`Tenant::answer`](crate::Tenant::answer).
    pub id: u64,
    /// The account.
    pub account: String,
    /// The phone's name.
    pub phone: String,
    /// The name of the host that asks.
    pub remote_name: String,
    /// The question.
    pub text: String,
    /// The button.
    pub authorize_text: String,
}

impl Waiting {
    /// The code in the question, as the user reads it on the phone.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        code(&self.text)
    }
}

/// A button on the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// The phone signs.
    Authorize,
    /// The phone declines.
    Decline,
    /// The phone signs with another key.
    WrongKey,
}

/// Everything that the tenant has received.
#[derive(Debug, Default)]
pub struct Seen {
    /// Connections accepted.
    pub connections: u64,
    /// Connections that are still open.
    pub open: u64,
    /// All requests.
    pub requests: Vec<HttpRequest>,
    /// Requests for key lists.
    pub key_requests: Vec<KeyRequest>,
    /// Requests to sign.
    pub sign_requests: Vec<SignRequest>,
    /// Sign requests whose client hung up before the answer.
    pub abandoned: Vec<u64>,
    /// The requests and sessions of Airlock IAM.
    pub(crate) airlock: AirlockSeen,
    /// Changes whenever `waiting` changes.
    pub(crate) version: u64,
    /// The tenant is ending, so closed connections do not count as abandoned.
    pub(crate) ending: bool,
    waiting: BTreeMap<u64, (Waiting, oneshot::Sender<Press>)>,
}

impl Seen {
    /// Requests to Airlock IAM.
    #[must_use]
    pub fn airlock_requests(&self) -> &[AirlockRequest] {
        &self.airlock.requests
    }

    /// The number of live sessions of Airlock IAM.
    #[must_use]
    pub fn airlock_sessions(&self) -> usize {
        self.airlock.sessions.len()
    }

    /// The sign requests that wait for a user, oldest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.waiting
            .values()
            .map(|(waiting, _)| waiting.clone())
            .collect()
    }

    pub(crate) fn wait_for_press(&mut self, waiting: Waiting) -> oneshot::Receiver<Press> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(waiting.id, (waiting, sender));
        self.version += 1;
        receiver
    }

    /// Returns false if no request with this number waits.
    pub(crate) fn press(&mut self, id: u64, press: Press) -> bool {
        let Some((_, sender)) = self.waiting.remove(&id) else {
            return false;
        };
        self.version += 1;
        sender.send(press).is_ok()
    }

    /// The client has hung up.
    pub(crate) fn abandon(&mut self, id: u64) {
        self.abandoned.push(id);
        if self.waiting.remove(&id).is_some() {
            self.version += 1;
        }
    }
}

/// [`Seen`], shared between the server and a test that waits for a change.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    seen: Mutex<Seen>,
    changed: Condvar,
    /// Notifies tasks of changes.
    notify: Notify,
}

impl Watched {
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.lock())
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        self.notify.notify_waiters();
        result
    }

    /// Waits until `enough` is true, at most for `timeout`.
    pub(crate) async fn changed(&self, timeout: Duration, enough: impl Fn(&Seen) -> bool) {
        let change = async {
            loop {
                // Subscribe before the check, so that no change is missed.
                let next = self.notify.notified();
                if self.look(&enough) {
                    return;
                }
                next.await;
            }
        };
        // The state after the timeout is the answer, too.
        let _ = tokio::time::timeout(timeout, change).await;
    }

    /// Returns true as soon as `enough` is true, and false after `timeout`.
    pub(crate) fn wait(&self, timeout: Duration, mut enough: impl FnMut(&Seen) -> bool) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |seen| !enough(seen));
        let (_seen, result) = waited.unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
