//! Checks the server: its connection, certificate and clock, and its data about a user.

mod certificate;
mod discover;

use std::path::Path;
use std::time::{Duration, SystemTime};

use airlock_iam::BaseUrl;
use bounded_https::blocking::EventLoop;
use bounded_https::http::{self, Method, Request};
use bounded_https::{
    Body, Error as HttpsError, ErrorKind as Failed, HttpClient, Https, HttpsBuilder, Limits, Roots,
    Unreachable,
};
use login::clean::for_log;
use login::config::{Config, Mode, Tls};
use login::host::User;
use login::pins::{self, DIRECTORY};
use login::policy::{Exemption, exemption, known_user};
use login::push;
use login::system::System;
use logonbox_authenticator::{Error, ErrorKind, TenantAddress};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::finding::{Area, Finding, Report, Severity};
use crate::setup::{THIS_MACHINE, client};

use certificate::Verdict;

/// The tolerance. Synchronized clocks differ by less.
const CLOCK: Duration = Duration::from_secs(60);
/// The size limit in bytes for answers that are not evaluated.
const LARGEST_ANSWER: usize = 1 << 18;

/// Shows the current request while the administrator waits.
pub type Progress<'p> = &'p mut dyn FnMut(&str);

/// Checks the server of one configuration. If `user` is given, checks this user, too.
pub fn check(
    path: &Path,
    config: &Config,
    user: Option<&str>,
    now: SystemTime,
    progress: Progress<'_>,
    report: &mut Report,
) {
    let (authority, server) = match &config.mode {
        Mode::Push(tenant) => (tenant, "the tenant"),
        Mode::Airlock(url) => (url.authority(), "Airlock"),
    };
    let server = Server {
        path,
        config,
        authority,
        name: for_log(&authority.to_string()),
        called: server,
        now,
    };
    progress(&format!("asking {} ...", server.name));
    let reached = server.reach(report);
    if reached {
        match &config.mode {
            Mode::Push(_) => server.tenant(report),
            Mode::Airlock(url) => server.loginapp(url, report),
        }
    }
    if let Some(user) = user {
        progress(&format!(
            "asking {} about {} ...",
            server.name,
            for_log(user)
        ));
        server.person(user, reached, report);
    }
}

/// The CA certificates that the module trusts.
///
/// # Errors
///
/// The module's reason why it cannot use `ca_file`.
pub fn roots(tls: &Tls) -> Result<Roots, String> {
    let Some((path, pem)) = tls.ca_pem()? else {
        return Ok(Roots::System);
    };
    let roots = Roots::PemFile(path.to_owned(), pem);
    match roots.store() {
        Ok(_) => Ok(roots),
        Err(error) => Err(error.detail().to_owned()),
    }
}

struct Server<'s> {
    path: &'s Path,
    config: &'s Config,
    authority: &'s TenantAddress,
    name: String,
    called: &'static str,
    now: SystemTime,
}

impl Server<'_> {
    fn error(&self, id: &'static str, what: String, why: &str, advice: &str) -> Finding {
        Finding::new(Severity::Error, id, what, why, advice).in_file(self.path, None)
    }

    fn roots(&self) -> Roots {
        // Another check reports an unusable file.
        roots(&self.config.tls).unwrap_or_default()
    }

    /// Checks name, connection, certificate and clock. Returns whether a request can be sent.
    fn reach(&self, report: &mut Report) -> bool {
        let proxy = self.config.tls.proxy.as_deref();
        let seen = certificate::look(
            self.client(),
            self.authority,
            &self.roots(),
            self.limits(),
            self.now,
        );
        let seen = match seen {
            Ok(seen) => seen,
            Err(error) => {
                self.stopped(&error, report);
                return false;
            }
        };
        let Some(verdict) = &seen.verdict else {
            match &seen.answer {
                Err(error) => self.stopped(error, report),
                Ok(_) => report.skipped(
                    Area::Server,
                    format!("{}: certificate", self.name),
                    "the TLS library has not asked for a verdict",
                ),
            }
            return false;
        };
        let way = proxy.map_or_else(String::new, |proxy| format!(" through {}", for_log(proxy)));
        report.checked(
            Area::Server,
            format!("{}: name and connection{way}", self.name),
        );
        let good = if roots(&self.config.tls).is_ok() {
            self.certificate(verdict, seen.ends_soon, report)
        } else {
            let what = format!("{}: certificate", self.name);
            report.skipped(Area::Server, what, "tls.ca_file cannot be used");
            false
        };
        self.clock(&seen.answer, report);
        good
    }

    /// Reports a failure before the server's certificate was seen.
    fn stopped(&self, error: &HttpsError, report: &mut Report) {
        const WHY: &str = "Until it can be reached, every login is refused, or goes on without the \
                           phone if on_unavailable says so.";
        // on_unavailable does not cover these.
        const REFUSED: &str = "Every login is refused.";
        let name = &self.name;
        let detail = for_log(error.detail());
        let (id, what, why, advice) = match error.kind() {
            Failed::Unreachable(Unreachable::Lookup) => (
                "server-name",
                format!("The name of {name} cannot be looked up: {detail}"),
                WHY,
                "Is it spelt right? `getent ahosts` with that name tells what this host knows.",
            ),
            Failed::Unreachable(Unreachable::Proxy | Unreachable::ProxyCredentials) => (
                "server-proxy",
                format!("No connection to {name} through the proxy: {detail}"),
                REFUSED,
                "Let the proxy connect there, or correct proxy or proxy_credentials_file in [tls].",
            ),
            Failed::TimedOut => (
                "server-late",
                format!("{name} does not answer within connect_seconds"),
                WHY,
                "Look at the firewall and routes of this host. If the server is just far away, raise connect_seconds.",
            ),
            Failed::Tls => (
                "tls-failed",
                format!("{name}: TLS: {detail}"),
                REFUSED,
                "Is it the right host and port, and a server that speaks TLS 1.2 or 1.3 and asks for no client certificate? Its certificate needs an ECDSA key on P-256 or P-384, or an RSA key from 2048 bits on.",
            ),
            Failed::Local => (
                "server-local",
                format!("This host cannot connect to {name}: {detail}"),
                REFUSED,
                "Look at this host's network, its firewall and SELinux, and its limits.",
            ),
            _ => (
                "server-unreachable",
                format!("No connection to {name}: {detail}"),
                WHY,
                "Is it up, and are name and port right? Then look at the firewall and routes of this host. If this host needs a proxy, set [tls] proxy.",
            ),
        };
        report.add(Area::Server, self.error(id, what, why, advice));
    }

    /// Returns whether the module would trust the server.
    fn certificate(&self, verdict: &Verdict, ends_soon: Option<u64>, report: &mut Report) -> bool {
        let name = &self.name;
        let (id, what, advice) = match verdict {
            Verdict::Good => {
                report.checked(Area::Server, format!("{name}: certificate"));
                if let Some(end) = ends_soon {
                    report.add(
                        Area::Server,
                        Finding::new(
                            Severity::Warning,
                            "tls-expires-soon",
                            format!(
                                "The certificate of {name}, or one above it, expires on {}",
                                day(end)
                            ),
                            "From then on, every login is refused.",
                            format!("Tell whoever runs {}.", self.called),
                        ),
                    );
                }
                return true;
            }
            Verdict::Expired(end) => (
                "tls-expired",
                format!("The certificate of {name} has expired{}", on(*end)),
                "Compare this host's clock (date) first; else tell whoever runs the server.",
            ),
            Verdict::NotYet(start) => (
                "tls-not-yet-valid",
                format!(
                    "The certificate of {name} is not valid yet{}",
                    since(*start)
                ),
                "Compare this host's clock (date) first; else tell whoever runs the server.",
            ),
            Verdict::WrongName(what) => (
                "tls-wrong-name",
                format!(
                    "The certificate of {name} is not accepted: {}",
                    for_log(what)
                ),
                "Write the name that the certificate has, or ask for one with this name.",
            ),
            Verdict::SelfSigned => (
                "tls-self-signed",
                format!("The certificate of {name} is signed by itself"),
                "Where you know it to be the right one, put it into a file, and name that in [tls] ca_file.",
            ),
            Verdict::BadSignature(what) => (
                "tls-unknown-ca",
                format!("The certificate of {name} is not accepted: {what}"),
                "Put the CA's present certificate into [tls] ca_file. A CA with an RSA key of fewer than 2048 bits must be replaced.",
            ),
            Verdict::Ca => (
                "tls-ca-as-server",
                format!("{name} uses the certificate of a CA as its own"),
                "Make a certificate for the server that is not a CA's (basicConstraints CA:FALSE), signed by this CA or another one. Put the CA's certificate into [tls] ca_file.",
            ),
            Verdict::Algorithm(what) => (
                "tls-algorithm",
                format!("The certificate of {name} is not accepted: {what}"),
                "Ask for a certificate whose CAs all have an ECDSA key on P-256 or P-384, Ed25519, or an RSA key from 2048 bits on, and sign with SHA-256 or SHA-384; RSA also with SHA-512.",
            ),
            Verdict::Version(what) => (
                "tls-version-1",
                format!("The certificate of {name} is not accepted: {what}"),
                "Make the certificates of the server and of its CAs anew as version 3: `openssl x509 -req` needs -extfile for that.",
            ),
            Verdict::UnknownCa => (
                "tls-unknown-ca",
                format!("The certificate of {name} is not signed by a trusted CA"),
                "Put the CA's certificate into [tls] ca_file; or the server leaves an intermediate certificate out, \
                 or a proxy on the way replaces it: openssl s_client -showcerts tells.",
            ),
            Verdict::Other(what) => (
                "tls-failed",
                format!(
                    "The certificate of {name} is not accepted: {}",
                    for_log(what)
                ),
                "Tell whoever runs the server.",
            ),
        };
        let why =
            "The module believes no server without a valid certificate, and refuses every login.";
        report.add(Area::Server, self.error(id, what, why, advice));
        false
    }

    fn clock(&self, answer: &Result<Option<String>, HttpsError>, report: &mut Report) {
        const WHAT: &str = "This host's clock";
        let date = match answer {
            Ok(date) => date.as_deref(),
            Err(error) => {
                let why = format!("{}: {}", self.name, for_log(&error.to_string()));
                report.skipped(Area::Server, WHAT, why);
                return;
            }
        };
        let theirs = date.and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok());
        let Some(theirs) = theirs else {
            report.skipped(
                Area::Server,
                WHAT,
                format!("{} does not tell the time", self.name),
            );
            return;
        };
        let ours = OffsetDateTime::from(self.now);
        let seconds = ours
            .unix_timestamp()
            .saturating_sub(theirs.unix_timestamp());
        let off = Duration::from_secs(seconds.unsigned_abs());
        let direction = if seconds > 0 { "ahead of" } else { "behind" };
        if off <= CLOCK {
            report.checked(Area::Server, WHAT);
            return;
        }
        report.add(
            Area::Server,
            Finding::new(
                Severity::Warning,
                "clock-off",
                format!(
                    "This host's clock is {} s {direction} that of {}",
                    off.as_secs(),
                    self.name
                ),
                "Certificates are judged by it, and the lines in the log cannot be compared with others.",
                "Let chrony, systemd-timesyncd or the like keep it right.",
            ),
        );
    }

    /// Deletes a flow that does not exist. This logs no user in or out.
    fn loginapp(&self, url: &BaseUrl, report: &mut Report) {
        let url = format!("{url}/public/authentication/flow/");
        let status = Request::builder()
            .method(Method::DELETE)
            .uri(&url)
            .header("x-same-domain", "1")
            .body(Body::default())
            .map_err(|error| error.to_string())
            .and_then(|request| {
                let answer = self.call(request).map_err(|error| error.to_string())?;
                Ok(answer.status().as_u16())
            });
        let (id, what, advice) = match status {
            Ok(200..=299) => {
                report.checked(
                    Area::Server,
                    format!("{}: the Loginapp's REST API", self.name),
                );
                return;
            }
            Ok(status @ 300..=399) => (
                "airlock-redirects",
                format!("{url} leads elsewhere (HTTP status {status})"),
                "A Gateway before it may let nobody through: ask for access to the Loginapp's REST API.",
            ),
            Ok(404) => (
                "airlock-wrong-path",
                format!("There is nothing at {url} (HTTP status 404)"),
                "Correct airlock.url: it ends right before /public.",
            ),
            Ok(status) => (
                "airlock-answer",
                format!("{url} answers with HTTP status {status}; 204 is usual"),
                "Look at Airlock's own log, and at airlock.url.",
            ),
            Err(what) => (
                "airlock-answer",
                format!("{url} gives no answer: {}", for_log(&what)),
                "Look at Airlock's own log, and at airlock.url.",
            ),
        };
        let why = "Every login begins there.";
        report.add(Area::Server, self.error(id, what, why, advice));
    }

    /// The module's client, before its roots are set.
    fn client(&self) -> HttpsBuilder {
        let mut builder = Https::builder()
            .connect_timeout(self.config.wait.connect_seconds)
            .user_agent(concat!("logonbox/", env!("CARGO_PKG_VERSION")));
        if let Some(proxy) = &self.config.tls.proxy {
            builder = builder.proxy(proxy);
        }
        // Another check reports an unusable file.
        if let Ok(Some(credentials)) = self.config.tls.proxy_credentials() {
            builder = builder.proxy_credentials(credentials.name(), credentials.password());
        }
        builder
    }

    fn limits(&self) -> Limits {
        Limits::new(self.config.wait.connect_seconds, LARGEST_ANSWER)
    }

    fn call(&self, request: http::Request<Body>) -> Result<http::Response<Body>, HttpsError> {
        let client = self.client().roots(self.roots()).build()?;
        EventLoop::new()?.run(client.send(request, self.limits()))
    }

    /// Checks a user on the host, in the configuration and at the tenant.
    fn person(&self, user: &str, reached: bool, report: &mut Report) {
        let shown = for_log(user);
        let user = User::Named(user.to_owned());
        let name = match known_user(&THIS_MACHINE, &user) {
            Ok(name) => name,
            Err(refusal) => {
                report.add(
                    Area::Server,
                    Finding::new(
                        Severity::Error,
                        "user-unknown",
                        format!("{shown}: {}", refusal.detail),
                        "Nobody's phone rings for this name.",
                        "Is it spelt right? `getent passwd` with that name tells what this host knows.",
                    ),
                );
                return;
            }
        };
        let in_database = THIS_MACHINE.name_of(&name).ok().flatten();
        if let Some(other) = in_database.filter(|other| *other != name) {
            let other = for_log(&other);
            let finding = Finding::new(
                Severity::Note,
                "user-alias",
                format!("{shown}: this system calls this user {other}"),
                "Logins under the two names have separate accounts, limits and pinned keys.",
                "If both are one person, let users log in under the second name only: AllowUsers.",
            );
            report.add(Area::Server, finding);
        }
        let mut is_exempt = false;
        let policy = &self.config.policy;
        match exemption(policy, &THIS_MACHINE, &user, "", "") {
            Exemption::Exempt(why) => {
                is_exempt = true;
                report.add(
                    Area::Server,
                    Finding::new(
                        Severity::Note,
                        "user-exempt",
                        format!("{shown} is exempt: {}", for_log(&why)),
                        "No phone rings for this login; the other lines of the stack decide.",
                        "Nothing, if that is meant; [policy] says who is exempt.",
                    )
                    .in_file(self.path, None),
                );
            }
            Exemption::Asked(hint) => {
                let file = self.path.display();
                report.checked(Area::Server, format!("{shown}: not exempt by {file}"));
                let mut exempt = policy.exempt.iter();
                if exempt.any(|one| !one.services.is_empty() || !one.networks.is_empty()) {
                    let what = format!("{shown}: exemptions for services and networks");
                    report.skipped(Area::Server, what, "they depend on the login");
                }
                if !hint.is_empty() {
                    report.add(
                        Area::Server,
                        Finding::new(
                            Severity::Note,
                            "user-unclear",
                            format!("{shown}: {}", for_log(&hint)),
                            "The user is asked, because it is not certain that the user is exempt.",
                            "See EXEMPTIONS in pam_logonbox.toml(5).",
                        )
                        .in_file(self.path, None),
                    );
                }
            }
        }
        let Mode::Push(tenant) = &self.config.mode else {
            let what = format!("{shown} in Airlock");
            report.skipped(Area::Server, what, "that takes a login");
            return;
        };
        if reached {
            self.keys(tenant, &name, is_exempt, report);
        }
    }

    fn keys(&self, tenant: &TenantAddress, user: &str, is_exempt: bool, report: &mut Report) {
        let refused = |id, what, advice| {
            let (severity, why) = if is_exempt {
                (
                    Severity::Note,
                    "No login fails of it while this person is exempt.",
                )
            } else {
                (Severity::Error, "This person's logins are refused.")
            };
            Finding::new(severity, id, what, why, advice).in_file(self.path, None)
        };
        let logonbox = &self.config.logonbox;
        let hostname = THIS_MACHINE.hostname();
        let account = self.config.account(user, &hostname);
        let shown = for_log(&account);
        let who = for_log(user);
        let pinned = match pins::pinned(logonbox.pins, Path::new(DIRECTORY), &account) {
            Ok(pinned) => pinned,
            Err(refusal) => {
                let finding = refused(
                    "user-pins",
                    format!("{who}: {}", for_log(&refusal.detail)),
                    "`logonbox pins` shows what is pinned; `logonbox pin` pins what is published now.",
                );
                report.add(Area::Server, finding);
                return;
            }
        };
        let chosen = client(self.config, tenant).and_then(|client| {
            let published = match &pinned {
                Some(_) => None,
                None => Some(client.keys(&account)?),
            };
            let Some(keys) = pinned
                .as_ref()
                .map(|pinned| &pinned.keys)
                .or(published.as_ref())
            else {
                return Err(Error::new(ErrorKind::NoUsableKey, ""));
            };
            let key = push::configured_key(client.as_async(), &logonbox.device, keys)?;
            let name = match for_log(key.comment()) {
                name if name.is_empty() => "without a name".to_owned(),
                name => name,
            };
            Ok((keys.keys().len(), name, key.fingerprint()))
        });
        let error = match chosen {
            Ok((count, name, fingerprint)) => {
                let what = format!(
                    "{who}: account {shown}, {count} {} key{}; the phone {name} ({fingerprint}) would ring",
                    if pinned.is_some() { "pinned" } else { "usable" },
                    if count == 1 { "" } else { "s" }
                );
                report.checked(Area::Server, what);
                return;
            }
            Err(error) => error,
        };
        let detail = for_log(error.detail());
        let (id, what, advice) = match error.kind() {
            ErrorKind::NoSuchAccount => (
                "user-no-account",
                format!("The tenant knows no account {shown} for {who}"),
                "Correct logonbox.account, or make the account in the tenant.",
            ),
            ErrorKind::NoUsableKey => (
                "user-no-key",
                format!("The account {shown} has no usable key: {detail}"),
                if pinned.is_some() {
                    "Only pinned keys count: `logonbox pins` compares them with what the tenant publishes, and `logonbox pin` pins a new phone's."
                } else {
                    "Let the person set up the phone; logonbox.device and algorithms choose which may sign."
                },
            ),
            kind => (
                "user-keys",
                format!("The keys of {shown} cannot be had: {kind:?}: {detail}"),
                "Ask whoever runs the tenant; `logonbox keys` shows what it publishes.",
            ),
        };
        report.add(Area::Server, refused(id, what, advice));
    }
}

/// This host's clock.
#[expect(clippy::disallowed_methods, reason = "the clock is what is looked at")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

fn day(time: u64) -> String {
    i64::try_from(time)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .map_or_else(String::new, |time| time.date().to_string())
}

fn on(time: Option<u64>) -> String {
    time.map_or_else(String::new, |time| format!(", on {}", day(time)))
}

fn since(time: Option<u64>) -> String {
    time.map_or_else(String::new, |time| format!(", but from {} on", day(time)))
}

#[cfg(test)]
mod tests;
