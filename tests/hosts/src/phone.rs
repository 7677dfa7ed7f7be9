//! The tenant with its Airlock IAM, and the phone of [`USER`](crate::machine::USER), which the test
//! operates.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tenant::{Account, Options, Press, Reaction, Tenant, Waiting};

use crate::machine::{TENANT, USER};
use crate::terminal::TIMEOUT;

/// Much longer than a request takes on loopback. A push leaves 260 ms after its prompt.
const MOMENT: Duration = Duration::from_millis(800);

/// The accounts of the users of a directory, in cases/names.rs.
const OF_DIRECTORY: [&str; 4] = [
    "member",
    "member@acme.test",
    "acme.test\\member",
    "member@other.test",
];

/// The user's phone.
pub struct Phone {
    tenant: Tenant,
}

impl Phone {
    /// Starts the tenant on port 443.
    pub fn switch_on() -> Self {
        let options = Options {
            listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 443),
            names: vec![TENANT.into()],
            // `Page`: the phone waits for [`Phone::press`].
            accounts: [[USER].as_slice(), &OF_DIRECTORY]
                .concat()
                .into_iter()
                .map(|name| Account::new(name).reaction(Reaction::Page))
                .collect(),
            ..Options::default()
        };
        let tenant = Tenant::start(options).expect("a tenant on 127.0.0.1:443");
        Self { tenant }
    }

    /// The CA certificate to trust.
    pub fn ca(&self) -> &str {
        self.tenant.ca_pem()
    }

    /// Waits until the phone rings.
    #[track_caller]
    pub fn ring(&self) -> Waiting {
        assert!(
            self.tenant.wait_for_waiting(1, TIMEOUT),
            "the phone does not ring"
        );
        self.tenant.waiting().remove(0)
    }

    /// The six digits that the user reads on the phone.
    #[track_caller]
    pub fn code(ring: &Waiting) -> String {
        let code = ring.code().unwrap_or_else(|| panic!("{}", ring.text));
        assert_eq!(code.len(), 6, "{}", ring.text);
        code
    }

    /// When the tenant received the push.
    #[track_caller]
    pub fn rang_at(&self, ring: &Waiting) -> Instant {
        let requests = self.tenant.sign_requests();
        let mut asked = requests.iter().filter(|request| request.id == ring.id);
        asked.next().expect("the request of this ring").at
    }

    /// Presses a button.
    #[track_caller]
    pub fn press(&self, ring: &Waiting, press: Press) {
        assert!(
            self.tenant.answer(ring.id, press),
            "the phone has stopped ringing"
        );
    }

    /// Whether a request waits for an answer.
    pub fn is_ringing(&self) -> bool {
        !self.tenant.waiting().is_empty()
    }

    /// How often the tenant was asked for keys.
    pub fn fetches(&self) -> usize {
        self.tenant.key_requests().len()
    }

    /// How often the phone has rung.
    pub fn rings(&self) -> usize {
        self.tenant.sign_requests().len()
    }

    /// Checks that the phone has rung `rings` times, and that it does not ring within a moment.
    #[track_caller]
    pub fn stays_silent(&self, rings: usize) {
        let rang = self.tenant.wait_for_sign_requests(rings + 1, MOMENT);
        assert!(!rang, "it rings");
    }

    /// Checks that the tenant has received no request.
    #[track_caller]
    pub fn is_left_alone(&self) {
        assert_eq!(self.account(), "", "the tenant has been asked");
    }

    /// Waits until the client has closed the connection on which the phone rang.
    #[track_caller]
    pub fn hung_up(&self) {
        let hung_up = self
            .tenant
            .wait_for(TIMEOUT, |seen| !seen.abandoned.is_empty());
        assert!(hung_up, "the request is still there");
    }

    /// How often Airlock was called with a path that ends like this. No call may have a problem.
    #[track_caller]
    pub fn airlock_calls(&self, path: &str) -> usize {
        let calls = self.tenant.airlock_requests();
        for call in &calls {
            assert_eq!(call.problem, None, "{call:#?}");
        }
        calls
            .iter()
            .filter(|call| call.path.ends_with(path))
            .count()
    }

    /// The number of Airlock sessions that are still open.
    pub fn airlock_sessions(&self) -> usize {
        self.tenant.airlock_sessions()
    }

    /// The requests that the tenant received, without the parts that differ in every login: numbers
    /// (the code, the terminal) and the payload.
    pub fn requests(&self) -> Vec<String> {
        let heads =
            self.tenant.requests().into_iter().map(|request| {
                format!("{} {} {:?}", request.method, request.path, request.headers)
            });
        let forms = self.tenant.sign_requests().into_iter().map(|form| {
            let text = form.text.replace(|sign: char| sign.is_ascii_digit(), "#");
            format!(
                "{} {} {} {text} {} {} {}",
                form.username,
                form.fingerprint,
                form.remote_name,
                form.authorize_text,
                form.flags,
                form.payload.len()
            )
        });
        heads.chain(forms).collect()
    }

    /// The requests and their results, for a failed test.
    pub fn account(&self) -> String {
        let mut text = String::new();
        for keys in self.tenant.key_requests() {
            let _ = writeln!(text, "keys of {:?}", keys.principal);
        }
        for sign in self.tenant.sign_requests() {
            let _ = writeln!(text, "push to {:?}: {:?}", sign.username, sign.text);
        }
        for call in self.tenant.airlock_requests() {
            let _ = writeln!(text, "{} {}: {}", call.method, call.path, call.did);
        }
        text
    }
}
