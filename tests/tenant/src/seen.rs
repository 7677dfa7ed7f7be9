//! The requests that the tenant has received, and those that wait for a user.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::accounts::Account;
use crate::airlock::{AirlockRequest, AirlockSeen};
use crate::code::code;
use crate::log::Line;
use crate::scenario::Reaction;

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
    /// The phone's name, if the request has reached a phone.
    pub phone: Option<String>,
    /// What has become of it so far.
    pub state: State,
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

/// What has become of a sign request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No phone could be asked.
    Invalid,
    /// The simulated user takes some time.
    Ringing,
    /// It waits for [`Tenant::answer`](crate::Tenant::answer), the page or the API.
    Waiting,
    /// The phone has reacted.
    Did(Reaction),
    /// The client hung up before the answer.
    Gone,
}

impl State {
    /// The word in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Ringing => "ringing",
            Self::Waiting => "waiting",
            Self::Did(reaction) => reaction.name(),
            Self::Gone => "gone",
        }
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

impl From<Press> for Reaction {
    fn from(press: Press) -> Self {
        match press {
            Press::Authorize => Self::Approve,
            Press::Decline => Self::Decline,
            Press::WrongKey => Self::WrongKey,
        }
    }
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
    /// The log, oldest line first.
    pub(crate) log: Vec<Line>,
    /// The accounts that the API has defined.
    pub(crate) defined: HashMap<String, Account>,
    /// The number of sign requests so far, which is the id of the last one.
    signed: u64,
    /// The number of the last line of the log.
    logged: u64,
    /// How many entries each list keeps.
    limit: Option<usize>,
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

    /// Adds a line to the log.
    pub(crate) fn log(&mut self, text: String) -> Line {
        self.logged += 1;
        let line = Line::now(self.logged, text);
        keep(&mut self.log, line.clone(), self.limit);
        line
    }

    /// Forgets everything but the connections, and the numbers that are given already. Sign
    /// requests that wait are answered as if the phone could not be reached.
    pub(crate) fn reset(&mut self) {
        let old = std::mem::take(self);
        *self = Self {
            connections: old.connections,
            open: old.open,
            version: old.version + 1,
            signed: old.signed,
            logged: old.logged,
            limit: old.limit,
            ending: old.ending,
            ..Self::default()
        };
    }

    pub(crate) fn request(&mut self, request: HttpRequest) {
        keep(&mut self.requests, request, self.limit);
    }

    pub(crate) fn airlock_request(&mut self, request: AirlockRequest) {
        keep(&mut self.airlock.requests, request, self.limit);
        if let Some(limit) = self.limit {
            self.airlock.limit(limit);
        }
    }

    pub(crate) fn key_request(&mut self, request: KeyRequest) {
        keep(&mut self.key_requests, request, self.limit);
    }

    /// Records a sign request, and gives it its number.
    pub(crate) fn sign_request(&mut self, request: SignRequest) -> u64 {
        self.signed += 1;
        let id = self.signed;
        keep(
            &mut self.sign_requests,
            SignRequest { id, ..request },
            self.limit,
        );
        id
    }

    pub(crate) fn sign_request_is(&mut self, id: u64, state: State) {
        let mut requests = self.sign_requests.iter_mut();
        if let Some(request) = requests.find(|request| request.id == id) {
            request.state = state;
        }
    }

    pub(crate) fn wait_for_press(&mut self, waiting: Waiting) -> oneshot::Receiver<Press> {
        let (sender, receiver) = oneshot::channel();
        self.sign_request_is(waiting.id, State::Waiting);
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
        self.sign_request_is(id, State::Did(press.into()));
        sender.send(press).is_ok()
    }

    /// The client has hung up.
    pub(crate) fn abandon(&mut self, id: u64) {
        keep(&mut self.abandoned, id, self.limit);
        self.sign_request_is(id, State::Gone);
        if self.waiting.remove(&id).is_some() {
            self.version += 1;
        }
    }
}

/// Adds an entry. The oldest one makes room for it.
fn keep<T>(list: &mut Vec<T>, entry: T, limit: Option<usize>) {
    if limit.is_some_and(|limit| list.len() >= limit) {
        list.remove(0);
    }
    list.push(entry);
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
    pub(crate) fn new(limit: Option<usize>) -> Self {
        let watched = Self::default();
        watched.change(|seen| seen.limit = limit);
        watched
    }

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
