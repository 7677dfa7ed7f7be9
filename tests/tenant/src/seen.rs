//! What the tenant has seen so far, and what waits for a person.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::airlock::{AirlockRequest, AirlockSeen};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// Connections are numbered from 1, in the order in which they were accepted.
    pub connection: u64,
    /// When the request's head had been read.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// Path and query as received, not decoded.
    pub path: String,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl HttpRequest {
    /// The first header of that lower-case name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(value).ok()
    }
}

/// A request for a key list.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// The connection's number.
    pub connection: u64,
    /// When it came.
    pub at: Instant,
    /// Whose keys: percent-decoded.
    pub principal: String,
    /// The request as it came.
    pub http: HttpRequest,
}

/// A request to sign.
#[derive(Clone, Debug)]
pub struct SignRequest {
    /// For [`Tenant::answer`](crate::Tenant::answer).
    pub id: u64,
    /// The connection's number.
    pub connection: u64,
    /// When it came.
    pub at: Instant,
    /// The account.
    pub username: String,
    /// The fingerprint of the key.
    pub fingerprint: String,
    /// Who asks.
    pub remote_name: String,
    /// The question on the phone.
    pub text: String,
    /// The button on the phone.
    pub authorize_text: String,
    /// The signature wanted.
    pub flags: u32,
    /// What is to be signed.
    pub payload: Vec<u8>,
    /// What is wrong with the form, if anything. Fields that could not be read
    /// are empty.
    pub problem: Option<String>,
    /// The request as it came.
    pub http: HttpRequest,
}

/// A sign request that waits for a person.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// For [`Tenant::answer`](crate::Tenant::answer).
    pub id: u64,
    /// The account.
    pub account: String,
    /// The phone's name.
    pub phone: String,
    /// Who asks.
    pub remote_name: String,
    /// The question.
    pub text: String,
    /// The button.
    pub authorize_text: String,
}

/// What a person presses on the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// The phone signs.
    Authorize,
    /// It does not.
    Decline,
    /// The phone signs with a key that is not the one asked for.
    WrongKey,
}

/// All that the tenant has seen.
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
    /// The Airlock IAM's part.
    pub(crate) airlock: AirlockSeen,
    /// Changes whenever `waiting` does.
    pub(crate) version: u64,
    /// The tenant is about to end, so that nobody hangs up any more.
    pub(crate) ending: bool,
    waiting: BTreeMap<u64, (Waiting, oneshot::Sender<Press>)>,
}

impl Seen {
    /// Requests to Airlock IAM.
    #[must_use]
    pub fn airlock_requests(&self) -> &[AirlockRequest] {
        &self.airlock.requests
    }

    /// How many sessions of Airlock IAM are alive.
    #[must_use]
    pub fn airlock_sessions(&self) -> usize {
        self.airlock.sessions.len()
    }

    /// What waits for a person, oldest first.
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

    /// False when nothing of that number waits.
    pub(crate) fn press(&mut self, id: u64, press: Press) -> bool {
        let Some((_, sender)) = self.waiting.remove(&id) else {
            return false;
        };
        self.version += 1;
        sender.send(press).is_ok()
    }

    /// The client gave up.
    pub(crate) fn abandon(&mut self, id: u64) {
        self.abandoned.push(id);
        if self.waiting.remove(&id).is_some() {
            self.version += 1;
        }
    }
}

/// [`Seen`], shared between the server and a test that waits for something.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    seen: Mutex<Seen>,
    changed: Condvar,
    /// The same for tasks.
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

    /// Ready as soon as `enough` is true, or after `timeout`.
    pub(crate) async fn changed(&self, timeout: Duration, enough: impl Fn(&Seen) -> bool) {
        let change = async {
            loop {
                // Before the look, so that no change falls between the two.
                let next = self.notify.notified();
                if self.look(&enough) {
                    return;
                }
                next.await;
            }
        };
        // What there is after that time is as good an answer.
        let _ = tokio::time::timeout(timeout, change).await;
    }

    /// True as soon as `enough` is, false when it still is not after `timeout`.
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
