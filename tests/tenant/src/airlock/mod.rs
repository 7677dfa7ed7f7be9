//! A simulated Airlock IAM Loginapp, below `/auth/rest`.
//!
//! It implements only what is documented or has been observed. A request that contradicts the
//! documentation gets the error `SIMULATOR_PROBLEM`, which a real server does not have, and is
//! recorded as a problem for the test.

mod answer;
mod bad_answer;
mod call;
mod cookies;
mod devices;
mod flow;
mod image;
mod request;
mod scenario;
mod screen;
mod seen;
mod token;
mod users;

use hyper::Request;
use hyper::body::Incoming;

use crate::entry::Verdict;
use crate::seen::HttpRequest;
use crate::server::Server;

pub use scenario::{BadAnswer, DeviceList, Image, Place, SecondFactor, Variation};
pub use screen::Background;
pub use seen::AirlockRequest;
pub(crate) use seen::AirlockSeen;
pub use token::{ScanError, Token};
pub use users::{Device, PASSWORD, Refusal, User};

/// The path of the API.
pub(crate) const BASE: &str = "/auth/rest";

/// How the simulated Airlock IAM is set up.
#[derive(Clone, Debug)]
pub struct Airlock {
    users: Vec<User>,
    session_cookie: String,
    gateway: bool,
    status_text: bool,
    application: Option<String>,
}

impl Default for Airlock {
    /// Only the built-in users exist.
    fn default() -> Self {
        Self {
            users: Vec::new(),
            session_cookie: "AL_SESS-S".into(),
            gateway: false,
            status_text: false,
            application: None,
        }
    }
}

impl Airlock {
    /// Adds a user, who replaces a built-in user of the same name.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Renames the session cookie.
    #[must_use]
    pub fn session_cookie(mut self, name: impl Into<String>) -> Self {
        self.session_cookie = name.into();
        self
    }

    /// Puts an Airlock Gateway in front, for all users and from the first answer on.
    #[must_use]
    pub fn gateway(mut self) -> Self {
        self.gateway = true;
        self
    }

    /// Sends errors whose `status` is a string, to all users.
    #[must_use]
    pub fn status_text(mut self) -> Self {
        self.status_text = true;
        self
    }

    /// Requires that a login begins with the access to this application. An empty name is the
    /// default application.
    #[must_use]
    pub fn application(mut self, id: impl Into<String>) -> Self {
        self.application = Some(id.into());
        self
    }

    fn find(&self, name: &str) -> Option<User> {
        let mut own = self.users.iter().rev();
        let own = own.find(|user| user.name == name).cloned();
        own.or_else(|| User::built_in(name))
    }
}

/// Whether a request is for Airlock IAM.
pub(crate) fn is_for(path: &str) -> bool {
    path.strip_prefix(BASE)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Answers a request.
pub(crate) async fn handle(
    server: &Server,
    request: Request<Incoming>,
    http: HttpRequest,
) -> Verdict {
    let body = match call::read(request.into_body()).await {
        Ok(body) => body,
        Err(error) => format!("the body cannot be read: {error}").into_bytes(),
    };
    let (options, watched) = (&server.options.airlock, &server.watched);
    watched.change(|seen| {
        let (verdict, request) = request::take(options, &mut seen.airlock, http, &body);
        seen.airlock_request(request);
        verdict
    })
}
