//! What the simulated Airlock IAM has seen, and what it keeps between requests.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::flow::Session;
use crate::seen::HttpRequest;

/// A request to Airlock IAM.
#[derive(Clone, Debug)]
pub struct AirlockRequest {
    /// The connection's number.
    pub connection: u64,
    /// When it came.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// The path below the base URL, as in `/public/authentication/password/check/`.
    pub path: String,
    /// The body as it came: JSON, unless there is a problem.
    pub body: String,
    /// The user of the session, or of the password check.
    pub user: Option<String>,
    /// What the server did, in a word or two.
    pub did: String,
    /// What is wrong with the request, if anything.
    pub problem: Option<String>,
    /// The request as it came.
    pub http: HttpRequest,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct AirlockSeen {
    pub(crate) requests: Vec<AirlockRequest>,
    /// By the value of the session cookie.
    pub(crate) sessions: HashMap<String, Box<Session>>,
    /// The cookies of sessions that are over.
    pub(crate) ended: HashSet<String>,
    /// Wrong answers since the last login, by user.
    pub(crate) wrong: HashMap<String, u32>,
}
