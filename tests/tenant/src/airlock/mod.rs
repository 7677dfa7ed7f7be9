//! A simulated Airlock IAM Loginapp, below `/auth/rest`.
//!
//! It knows what is documented or has been seen, and nothing else. A request
//! that breaks the documentation is answered with an error of this server's own
//! (`SIMULATOR_PROBLEM`) and noted as a problem, for a test to see.

mod answer;
mod call;
mod cookies;
mod devices;
mod door;
mod flow;
mod image;
mod scenario;
mod screen;
mod seen;
mod token;
mod trouble;
mod users;

use hyper::Request;
use hyper::body::Incoming;

use crate::entry::Verdict;
use crate::seen::HttpRequest;
use crate::server::Server;

pub use scenario::{DeviceList, Image, Place, Trouble, Twist, Way};
pub use screen::Background;
pub use seen::AirlockRequest;
pub(crate) use seen::AirlockSeen;
pub use token::{Token, Unreadable};
pub use users::{Device, PASSWORD, Refusal, User};

/// Where it answers.
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
    /// With the built-in users alone.
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
    /// With one more user, who comes before a built-in one of that name.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// With another name for the session's cookie.
    #[must_use]
    pub fn session_cookie(mut self, name: impl Into<String>) -> Self {
        self.session_cookie = name.into();
        self
    }

    /// Behind an Airlock Gateway, for all users and from the first answer on.
    #[must_use]
    pub fn gateway(mut self) -> Self {
        self.gateway = true;
        self
    }

    /// With errors whose `status` is a string, for all users.
    #[must_use]
    pub fn status_text(mut self) -> Self {
        self.status_text = true;
        self
    }

    /// Demands that a login begins with the access to this application; an
    /// empty name is the default application.
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

/// Whether a request is for this part of the server.
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
    watched.change(|seen| door::take(options, &mut seen.airlock, http, &body))
}
