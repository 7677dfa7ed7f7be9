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
use login::policy::{Exemption, Limit, exemption, known_user};
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

/// Checks the server of one configuration. If `person` is given, checks this user, too: for these
/// services. An empty name is for all.
pub fn check(
    path: &Path,
    config: &Config,
    person: Option<(&str, &[&str])>,
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
    if let Some((user, services)) = person {
        progress(&format!(
            "asking {} about {} ...",
            server.name,
            for_log(user)
        ));
        server.person(user, services, reached, report);
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
        const WHY: &str = "Until the server can be reached, the module refuses logins. With \
                           on_unavailable = \"ignore\", some logins go on without the phone; sudo \
                           and su still refuse.";
        // on_unavailable does not cover these.
        const REFUSED: &str = "The module refuses every login.";
        let name = &self.name;
        let detail = for_log(error.detail());
        let (id, what, why, advice) = match error.kind() {
            Failed::Unreachable(Unreachable::Lookup) => (
                "server-name",
                format!("The name of {name} cannot be looked up: {detail}"),
                WHY,
                "Check the spelling. `getent ahosts` with the name shows what this host knows.",
            ),
            Failed::Unreachable(Unreachable::Proxy | Unreachable::ProxyCredentials) => (
                "server-proxy",
                format!("No connection to {name} through the proxy: {detail}"),
                REFUSED,
                "Allow the connection in the proxy, or correct proxy or proxy_credentials_file in [tls].",
            ),
            Failed::TimedOut => (
                "server-late",
                format!("{name} does not answer within connect_seconds"),
                WHY,
                "Check the firewall and the routes of this host. If the server is only slow, raise connect_seconds.",
            ),
            Failed::Tls => (
                "tls-failed",
                format!("{name}: TLS: {detail}"),
                REFUSED,
                "Check the host and the port. The server must use TLS 1.2 or 1.3, and must not ask for a client certificate. Its certificate needs an ECDSA key on P-256 or P-384, or an RSA key of at least 2048 bits.",
            ),
            Failed::Local => (
                "server-local",
                format!("This host cannot connect to {name}: {detail}"),
                REFUSED,
                "Check the network, the firewall, SELinux and the limits of this host.",
            ),
            _ => (
                "server-unreachable",
                format!("No connection to {name}: {detail}"),
                WHY,
                "Check that the server runs, and its name and port. Then check the firewall and the routes of this host. If this host needs a proxy, set [tls] proxy.",
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
                            "From then on, the module refuses every login.",
                            format!("Tell the administrator of {}.", self.called),
                        ),
                    );
                }
                return true;
            }
            Verdict::Expired(end) => (
                "tls-expired",
                format!("The certificate of {name} has expired{}", on(*end)),
                "Check this host's clock (date). If it is right, tell the administrator of the server.",
            ),
            Verdict::NotYet(start) => (
                "tls-not-yet-valid",
                format!(
                    "The certificate of {name} is not valid yet{}",
                    since(*start)
                ),
                "Check this host's clock (date). If it is right, tell the administrator of the server.",
            ),
            Verdict::WrongName(what) => (
                "tls-wrong-name",
                format!(
                    "The certificate of {name} is not accepted: {}",
                    for_log(what)
                ),
                "Use the name in the certificate, or ask for a certificate with this name.",
            ),
            Verdict::SelfSigned => (
                "tls-self-signed",
                format!("The certificate of {name} is signed by itself"),
                "If you know that it is the right one, save it to a file, and set [tls] ca_file to this file.",
            ),
            Verdict::BadSignature(what) => (
                "tls-unknown-ca",
                format!("The certificate of {name} is not accepted: {what}"),
                "Put the CA's current certificate into the file of [tls] ca_file. If the CA has an RSA key of fewer than 2048 bits, replace the CA.",
            ),
            Verdict::Ca => (
                "tls-ca-as-server",
                format!("{name} uses the certificate of a CA as its own"),
                "Issue a server certificate with basicConstraints CA:FALSE, signed by this CA or another one. Put the CA's certificate into the file of [tls] ca_file.",
            ),
            Verdict::Algorithm(what) => (
                "tls-algorithm",
                format!("The certificate of {name} is not accepted: {what}"),
                "Ask for another certificate. Each CA above it needs an ECDSA key on P-256 or P-384, an Ed25519 key, or an RSA key of at least 2048 bits. ECDSA signs with SHA-256 or SHA-384, RSA also with SHA-512.",
            ),
            Verdict::Version(what) => (
                "tls-version-1",
                format!("The certificate of {name} is not accepted: {what}"),
                "Issue the certificates of the server and of its CAs again, as version 3. `openssl x509 -req` needs -extfile for this.",
            ),
            Verdict::UnknownCa => (
                "tls-unknown-ca",
                format!("The certificate of {name} is not signed by a trusted CA"),
                "Put the CA's certificate into the file of [tls] ca_file. If that does not help, the server may omit \
                 an intermediate certificate, or a proxy may replace it: openssl s_client -showcerts shows both.",
            ),
            Verdict::Other(what) => (
                "tls-failed",
                format!(
                    "The certificate of {name} is not accepted: {}",
                    for_log(what)
                ),
                "Tell the administrator of the server.",
            ),
        };
        let why =
            "The module accepts no server without a valid certificate, and refuses every login.";
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
            report.skipped(Area::Server, WHAT, format!("{} sends no time", self.name));
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
                "The module checks certificates with this clock. The times in the log do not fit those of the server.",
                "Synchronize the clock, for instance with chrony or systemd-timesyncd.",
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
                format!("{url} redirects to another address (HTTP status {status})"),
                "A Gateway in front of it may block requests. Ask for access to the Loginapp's REST API.",
            ),
            Ok(404) => (
                "airlock-wrong-path",
                format!("{url} does not exist (HTTP status 404)"),
                "Correct airlock.url. It ends before /public.",
            ),
            Ok(status) => (
                "airlock-answer",
                format!("{url} answers with HTTP status {status} instead of 204"),
                "Check Airlock's log and airlock.url.",
            ),
            Err(what) => (
                "airlock-answer",
                format!("{url} gives no answer: {}", for_log(&what)),
                "Check Airlock's log and airlock.url.",
            ),
        };
        let why = "Every login begins with this API.";
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
    fn person(&self, user: &str, services: &[&str], reached: bool, report: &mut Report) {
        let shown = for_log(user);
        let named = User::Named(user.to_owned());
        let name = match known_user(&THIS_MACHINE, &named) {
            Ok(name) => name,
            Err(refusal) => {
                report.add(
                    Area::Server,
                    Finding::new(
                        Severity::Error,
                        "user-unknown",
                        format!("{shown}: {}", refusal.detail),
                        "The module refuses this user, and rings no phone.",
                        "Check the spelling. `getent passwd` with the name shows what this host knows.",
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
                format!("{shown}: the user database knows this user as {other}"),
                "Logins under the two names have separate accounts, limits and pinned keys.",
                "If both are one person, let users log in under the second name only: AllowUsers.",
            );
            report.add(Area::Server, finding);
        }
        let exempt: Vec<bool> = services
            .iter()
            .map(|service| self.is_exempt(user, service, report))
            .collect();
        // An error for one service is an error.
        let is_exempt = !exempt.contains(&false);
        self.limit(&name, is_exempt, report);
        let Mode::Push(tenant) = &self.config.mode else {
            let what = format!("{shown} in Airlock");
            report.skipped(Area::Server, what, "only a login shows it");
            return;
        };
        if reached {
            self.keys(tenant, &name, is_exempt, report);
        }
    }

    /// Reports whether the user is exempt in a service. An empty name is for all.
    fn is_exempt(&self, user: &str, service: &str, report: &mut Report) -> bool {
        let shown = for_log(user);
        let user = User::Named(user.to_owned());
        let policy = &self.config.policy;
        let at = match service {
            "" => String::new(),
            service => format!(" for {}", for_log(service)),
        };
        let note = |id, what: String, why: &str, advice: &str| {
            Finding::new(Severity::Note, id, what, why, advice).in_file(self.path, None)
        };
        match exemption(policy, &THIS_MACHINE, &user, service, "") {
            Exemption::Exempt(why) => {
                let finding = note(
                    "user-exempt",
                    format!("{shown} is exempt{at}: {}", for_log(&why)),
                    "No phone rings for this login. The other lines of the stack decide.",
                    "If this is not intended, change [policy].",
                );
                report.add(Area::Server, finding);
                true
            }
            Exemption::Asked(hint) => {
                let file = self.path.display();
                report.checked(Area::Server, format!("{shown}: not exempt by {file}{at}"));
                let mut exempt = policy.exempt.iter();
                if exempt.any(|one| !one.services.is_empty() || !one.networks.is_empty()) {
                    let what = format!("{shown}: exemptions for services and networks");
                    report.skipped(Area::Server, what, "they depend on the login");
                }
                if !hint.is_empty() {
                    let finding = note(
                        "user-unclear",
                        format!("{shown}: {}", for_log(&hint)),
                        "The user is asked, because it is not certain that the user is exempt.",
                        "See EXEMPTIONS in pam_logonbox.toml(5).",
                    );
                    report.add(Area::Server, finding);
                }
                false
            }
        }
    }

    /// Checks whether the account of the user is over the limit.
    fn limit(&self, user: &str, is_exempt: bool, report: &mut Report) {
        let account = self.config.account(user, &THIS_MACHINE.hostname());
        let limit = Limit::of(self.config, &account);
        let uptime = THIS_MACHINE.uptime().map_err(|error| error.to_string());
        let counted = uptime.and_then(|now| limit.counted(THIS_MACHINE.directories(), now));
        let shown = for_log(&account);
        match counted {
            Ok(attempts) if limit.is_reached(attempts) => {
                let what = format!(
                    "The account {shown} is over the limit, after {} attempts without success",
                    attempts.all()
                );
                let advice = "Ask the user whether these logins were theirs, then run `logonbox \
                              unlock` with the account.";
                report.add(
                    Area::Server,
                    self.refused(is_exempt, "user-limit", what, advice),
                );
            }
            Ok(attempts) => {
                let all = attempts.all();
                let what = format!("account {shown}: {all} attempts without success");
                report.checked(Area::Server, what);
            }
            Err(why) => {
                let what = format!("account {shown}: attempts without success");
                report.skipped(Area::Server, what, why);
            }
        }
    }

    /// A reason why the logins of a user are refused.
    fn refused(
        &self,
        is_exempt: bool,
        id: &'static str,
        what: String,
        advice: &'static str,
    ) -> Finding {
        let (severity, why) = if is_exempt {
            (
                Severity::Note,
                "It has no effect while this user is exempt.",
            )
        } else {
            (
                Severity::Error,
                "The module refuses the logins of this user.",
            )
        };
        Finding::new(severity, id, what, why, advice).in_file(self.path, None)
    }

    fn keys(&self, tenant: &TenantAddress, user: &str, is_exempt: bool, report: &mut Report) {
        let refused = |id, what, advice| self.refused(is_exempt, id, what, advice);
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
                    "`logonbox pins` shows the pinned keys. `logonbox pin` pins the keys that the tenant publishes now.",
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
                "Correct logonbox.account, or create the account in the tenant.",
            ),
            ErrorKind::NoUsableKey => (
                "user-no-key",
                format!("The account {shown} has no usable key: {detail}"),
                if pinned.is_some() {
                    "The module accepts pinned keys only. `logonbox pins` compares them with those of the tenant, and `logonbox pin` pins the key of a new phone."
                } else {
                    "Ask the user to set up a phone. logonbox.device and algorithms choose the keys that may sign."
                },
            ),
            kind => (
                "user-keys",
                format!("The keys of {shown} cannot be fetched: {kind:?}: {detail}"),
                "Ask the administrator of the tenant. `logonbox keys` shows the keys that it publishes.",
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
