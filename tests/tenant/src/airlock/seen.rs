//! The requests that the simulated Airlock IAM has received, and its state between requests.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::flow::Session;
use crate::seen::HttpRequest;

/// A request to Airlock IAM.
#[derive(Clone, Debug)]
pub struct AirlockRequest {
    /// The number of its connection.
    pub connection: u64,
    /// When it came.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// The path below the base URL, as in `/public/authentication/password/check/`.
    pub path: String,
    /// The body as received: JSON, unless there is a problem.
    pub body: String,
    /// The user of the session, or of the password check.
    pub user: Option<String>,
    /// What the server did, in a word or two.
    pub did: String,
    /// The problem with the request, if there is one.
    pub problem: Option<String>,
    /// The request as received.
    pub http: HttpRequest,
}

/// All requests and sessions.
#[derive(Debug, Default)]
pub(crate) struct AirlockSeen {
    pub(crate) requests: Vec<AirlockRequest>,
    /// The sessions, by the value of the session cookie.
    pub(crate) sessions: HashMap<String, Box<Session>>,
    /// The cookies of sessions that are over.
    pub(crate) ended: HashSet<String>,
    /// The number of wrong answers since the last login, by user.
    pub(crate) wrong: HashMap<String, u32>,
}

impl AirlockSeen {
    /// Forgets sessions and wrong answers when there are too many.
    pub(crate) fn limit(&mut self, limit: usize) {
        if self.sessions.len() > limit {
            self.sessions.clear();
        }
        if self.ended.len() > limit {
            self.ended.clear();
        }
        if self.wrong.len() > limit {
            self.wrong.clear();
        }
    }
}
