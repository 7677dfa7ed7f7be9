//! The configuration file.

#[macro_use]
mod table;
mod credentials;
pub mod file;
mod list;
mod service;
mod settings;
mod template;
mod values;

use std::collections::BTreeMap;
use std::path::Path;

use airlock_iam::BaseUrl;
use logonbox_authenticator::TenantAddress;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, Uid, eaccess};

pub use credentials::ProxyCredentials;
pub use list::Setting;
pub use settings::{
    Airlock, AirlockDevice, Announce, Code, Conversation, Device, Exempt, Language, LogonBox,
    OnUnavailable, Password, Pins, Policy, SuAsks, Tls, Wait,
};
pub use table::{Choice, ConfigError, Row};
pub use template::{Placeholder, Template, without_domain};

use crate::directory::hashed_name;
use file::{Symlinks, read_trusted};
use settings::{File, ModeName};
use table::{Given, Value, Wrong, document};

/// In bytes.
const FILE_LIMIT: u64 = 64 << 10;
/// In bytes. It is twenty times the size of a distribution's bundle.
const CA_FILE_LIMIT: u64 = 4 << 20;

const NO_TENANT: &str = "must be set, for instance \"acme.logonbox.directory\"";
const NO_URL: &str = "must be set, for instance \"https://iam.acme.com/auth/rest\"";
const NO_PROXY: &str = "has no effect without tls.proxy: set both or none";
const NO_CODE: &str = "must hold {code}: users read it on the phone and type it \
                       (conversation.code = \"type\")";

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The login method, with its server.
    pub mode: Mode,
    /// `[logonbox]`: the push.
    pub logonbox: LogonBox,
    /// `[airlock]`: the login flow.
    pub airlock: Airlock,
    /// `[accounts]`: the accounts of single users.
    pub accounts: BTreeMap<String, String>,
    /// `[tls]`: the connection to the server.
    pub tls: Tls,
    /// `[wait]`: time limits.
    pub wait: Wait,
    /// `[conversation]`: the terminal.
    pub conversation: Conversation,
    /// `[policy]`: exemptions, limits and failures.
    pub policy: Policy,
    /// A hash of the file. Another text has another one.
    pub digest: String,
}

/// `mode`, with the server of this mode.
#[derive(Debug, Clone)]
pub enum Mode {
    /// `"push"`: a LogonBox tenant sends a push.
    Push(TenantAddress),
    /// `"airlock"`: the login flow of an Airlock IAM.
    Airlock(BaseUrl),
}

/// The table of settings: the top of the file, with the sections.
#[must_use]
pub fn table() -> &'static [Row] {
    File::ROWS
}

impl Config {
    /// Reads and checks the file at `path`. The settings are those for the PAM service `service`.
    ///
    /// # Errors
    ///
    /// Names file, line and key, and the values that are allowed.
    pub fn load(path: &Path, service: &str) -> Result<Self, ConfigError> {
        Self::parse(path, &read(path)?, service)
    }

    /// Reads and checks the file at `path`. Returns every setting for `service`, in the order of the
    /// manual page. Without a service, returns the settings of all services, too.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_with_settings(
        path: &Path,
        service: Option<&str>,
    ) -> Result<(Self, Vec<Setting>), ConfigError> {
        let text = read(path)?;
        let config = Self::parse(path, &text, service.unwrap_or_default())?;
        let settings =
            list::settings(&text, service).map_err(|wrong| ConfigError::new(path, &text, wrong))?;
        Ok((config, settings))
    }

    /// Checks the `text` of the file at `path`, for every service. Returns the settings for
    /// `service`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(path: &Path, text: &str, service: &str) -> Result<Self, ConfigError> {
        let config = document(text)
            .and_then(|document| Self::of_service(&document, service))
            .map_err(|wrong| ConfigError::new(path, text, wrong))?;
        Ok(Self {
            digest: hashed_name(&[text]),
            ..config
        })
    }

    fn of_service(document: &Given<'_>, service: &str) -> Result<Self, Wrong> {
        let file = File::read(document)?;
        let services = file.service.0.clone();
        let mut config = Self::of(file)?;
        for (name, offset) in services {
            let about = |wrong: Wrong| wrong.about(&name).about("service").at(offset);
            let file = service::merged(document, &name).and_then(|merged| File::read(&merged));
            let for_service = file.and_then(Self::of).map_err(about)?;
            if name == service {
                config = for_service;
            }
        }
        Ok(config)
    }

    fn of(mut file: File) -> Result<Self, Wrong> {
        let unset = |key, complaint: &str| Err(Wrong::from(complaint).about(key));
        let mode = match (
            file.mode,
            file.logonbox.tenant.take(),
            file.airlock.url.take(),
        ) {
            (ModeName::Push, Some(tenant), _) => Mode::Push(tenant),
            (ModeName::Airlock, _, Some(url)) => Mode::Airlock(url),
            (ModeName::Push, None, url) => {
                let or_airlock = "; or set mode = \"airlock\", above the first section";
                let more = url.map_or("", |_| or_airlock);
                return unset("logonbox.tenant", &format!("{NO_TENANT}{more}"));
            }
            (ModeName::Airlock, _, None) => return unset("airlock.url", NO_URL),
        };
        let shows_code = file.logonbox.prompt.has(Placeholder::Code);
        if matches!(mode, Mode::Push(_)) && file.conversation.code == Code::Type && !shows_code {
            return unset("logonbox.prompt", NO_CODE);
        }
        if file.tls.proxy_credentials_file.is_some() && file.tls.proxy.is_none() {
            return unset("tls.proxy_credentials_file", NO_PROXY);
        }
        Ok(Self {
            mode,
            logonbox: file.logonbox,
            airlock: file.airlock,
            accounts: file.accounts,
            tls: file.tls,
            wait: file.wait,
            conversation: file.conversation,
            policy: file.policy,
            digest: String::new(),
        })
    }

    /// The server's name for a user. It may contain any character, including control characters.
    #[must_use]
    pub fn account(&self, user: &str, hostname: &str) -> String {
        if let Some(account) = self.accounts.get(user) {
            return account.clone();
        }
        let (template, server) = match &self.mode {
            Mode::Push(tenant) => (&self.logonbox.account, tenant.host()),
            Mode::Airlock(url) => (&self.airlock.account, url.authority().host()),
        };
        template.fill(|placeholder| match placeholder {
            Placeholder::User => user.to_owned(),
            Placeholder::Name => without_domain(user).to_owned(),
            Placeholder::Hostname => hostname.to_owned(),
            Placeholder::Tenant => server.to_owned(),
            // `IN_ACCOUNT` has no others.
            _ => String::new(),
        })
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    read_trusted(path, Symlinks::Refuse, FILE_LIMIT)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned()))
        .map_err(|complaint| ConfigError::new(path, "", format!("{complaint}{}", advice(path))))
}

/// Screen lockers run as the user, who must be able to read the file.
fn advice(path: &Path) -> String {
    let user = Uid::effective();
    if user.is_root() || eaccess(path, AccessFlags::R_OK) != Err(Errno::EACCES) {
        return String::new();
    }
    format!("; run chmod 644, because this program runs as uid {user}")
}

impl Tls {
    /// The name and the content of `ca_file`, if it is set.
    ///
    /// # Errors
    ///
    /// Names the file, and the reason.
    pub fn ca_pem(&self) -> Result<Option<(&Path, Vec<u8>)>, String> {
        let Some(path) = &self.ca_file else {
            return Ok(None);
        };
        read_trusted(path, Symlinks::Follow, CA_FILE_LIMIT)
            .map(|pem| Some((path.as_path(), pem)))
            .map_err(|complaint| format!("{}: {complaint}", path.display()))
    }
}

#[cfg(test)]
mod tests;
