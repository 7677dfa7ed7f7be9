//! The configuration file: read, checked, and turned into what it means.

mod document;
pub(crate) mod file;
mod template;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airlock_iam::BaseUrl;
use logonbox_authenticator::{Algorithm, TenantAddress};

pub use document::ConfigError;
use document::{Noted, Section};
pub use document::{Setting, Value};
use file::{Links, read_trusted};
pub use template::{Placeholder, Template};

use crate::host::Echo;
use crate::policy::Network;
use crate::qr::{Background, Style};

/// A checked configuration, as the file has it.
#[derive(Debug, Clone)]
pub struct Config {
    /// The way in, with the section that is about it.
    pub mode: Mode,
    /// `[accounts]`: what the tenant, or Airlock, calls these users, whatever `account` says.
    pub accounts: BTreeMap<String, String>,
    /// `[tls]`: how to get there.
    pub tls: Tls,
    /// `[wait]`: how long.
    pub wait: Wait,
    /// `[conversation]`: with the person at the prompt.
    pub conversation: Conversation,
    /// `[policy]`: who is asked at all.
    pub policy: Policy,
}

/// `mode`.
#[derive(Debug, Clone)]
pub enum Mode {
    /// `"push"`: a LogonBox tenant rings the phone.
    Push(LogonBox),
    /// `"airlock"`: the login flow of an Airlock IAM.
    Airlock(Airlock),
}

/// `[logonbox]`: whom to ask what.
#[derive(Debug, Clone)]
pub struct LogonBox {
    /// Host and port of the tenant.
    pub tenant: TenantAddress,
    /// The tenant's name for a user.
    pub account: Template,
    /// Which phone is rung.
    pub device: Device,
    /// Who asks, on the phone.
    pub remote_name: Template,
    /// The question on the phone.
    pub prompt: Template,
    /// The button on the phone.
    pub button: Template,
    /// Which keys may sign.
    pub algorithms: Vec<Algorithm>,
    /// Whether those that are pinned on this host take the place of those that the tenant publishes.
    pub pins: Pins,
}

/// `[airlock]`: where to log in, and as whom.
#[derive(Debug, Clone)]
pub struct Airlock {
    /// The Loginapp's REST API, up to `/public`.
    pub url: BaseUrl,
    /// The application to choose first, by its id.
    pub application: Option<String>,
    /// Airlock's name for a user.
    pub account: Template,
    /// Where the password comes from.
    pub password: Password,
    /// Which device is the second factor, where there are several.
    pub device: AirlockDevice,
    /// Whether a flow that is done after the password is a login.
    pub allow_password_only: bool,
}

/// `[tls]`.
#[derive(Debug, Clone)]
pub struct Tls {
    /// CA certificates; those of the system when there is none.
    pub ca_file: Option<PathBuf>,
    /// `http://name:port`.
    pub proxy: Option<String>,
}

/// `[wait]`.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// For name look-up, connection, and every answer that needs no person.
    pub connect: Duration,
    /// For the person, from the moment that the phone is rung.
    pub person: Duration,
}

/// `[conversation]`.
#[derive(Debug, Clone, Copy)]
pub struct Conversation {
    /// How "look at your phone" is shown before the phone rings.
    pub announce: Announce,
    /// How a QR code is drawn; not at all where there is nothing.
    pub qr: Option<Style>,
    /// What it is drawn on.
    pub qr_background: Background,
    /// Whether the terminal shows an OTP that is typed.
    pub otp_echo: Echo,
}

/// `[policy]`.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Where there are any, everybody else is exempt.
    pub only_groups: Vec<String>,
    /// Who is not asked.
    pub exempt_users: Vec<String>,
    /// Whose members are not asked.
    pub exempt_groups: Vec<String>,
    /// From where nobody is asked.
    pub exempt_networks: Vec<Network>,
    /// What happens while the tenant cannot be reached.
    pub on_unavailable: OnUnavailable,
    /// How often an account's phone rings in vain, or its password is tried; 0 for no limit.
    pub unapproved_pushes_per_10_minutes: usize,
    /// Who is asked in su.
    pub su_asks: SuAsks,
}

/// Which phone is rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// That of the first usable key.
    First,
    /// The person is asked, where there are several.
    Ask,
    /// That of the key with this comment.
    Named(String),
}

/// Whose keys count: the tenant's, or those that are pinned on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pins {
    /// The tenant's.
    Off,
    /// The pinned ones of those accounts that have a file of them, the tenant's of all others.
    IfPresent,
    /// The pinned ones.
    Required,
}

/// Where Airlock's password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Password {
    /// The person is asked.
    Ask,
    /// A module before this one has asked.
    Stack,
}

/// Which of several devices is Airlock's second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AirlockDevice {
    /// The person is asked.
    Ask,
    /// That with this display name; else those of this type.
    Named(String),
}

/// How "look at your phone" is shown before the phone rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announce {
    /// `Enter` for sshd, `Info` for all others.
    Auto,
    /// As information.
    Info,
    /// As a prompt that wants Enter: it is seen in time everywhere.
    Enter,
    /// Not at all.
    None,
}

/// What happens while the tenant cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnavailable {
    /// Nobody gets in.
    Deny,
    /// The module takes no part in the login.
    Ignore,
}

/// Who is asked in su, whose password is that of the user one becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuAsks {
    /// The user one becomes.
    User,
    /// Whoever calls su.
    Caller,
}

const FILE_LIMIT: u64 = 64 << 10;
/// Twenty times a distribution's bundle of today.
const CA_FILE_LIMIT: u64 = 4 << 20;
/// What every certificate in a bundle begins with (RFC 7468, section 5.1).
const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";
/// For a text on a phone, in characters.
const TEXT_LIMIT: usize = 500;
const UNAPPROVED: &str = "unapproved_pushes_per_10_minutes";
/// As much of an account as a phone or the log shows.
const ACCOUNT_LIMIT: usize = 256;
const PROMPT: &str =
    "{account} wants to log in to {hostname} ({service}) from {rhost}. Code: {code}";

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    ///
    /// Names file, line and key, and says what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, &read(path)?)
    }

    /// The same, with every setting in the order of the manual page.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_with_settings(path: &Path) -> Result<(Self, Vec<Setting>), ConfigError> {
        let settings = RefCell::new(Vec::new());
        let config = Self::parse_noted(path, &read(path)?, Some(&settings))?;
        Ok((config, settings.into_inner()))
    }

    /// Checks the `text` of the file at `path`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        Self::parse_noted(path, text, None)
    }

    fn parse_noted(path: &Path, text: &str, noted: Noted<'_>) -> Result<Self, ConfigError> {
        let mut top = Section::parse(path, text, noted)?;
        let sections = [
            "mode",
            "logonbox",
            "airlock",
            "accounts",
            "tls",
            "wait",
            "conversation",
            "policy",
        ];
        top.expect(&sections)?;
        let push = top.string("mode", "push", |mode| match mode {
            "push" => Ok(true),
            "airlock" => Ok(false),
            _ => Err(one_of(&["push", "airlock"])),
        })?;
        // What is written in the section of the other mode must be right, too.
        let logonbox = LogonBox::read(top.section("logonbox")?)?;
        let accounts = top.section("accounts")?.table(name, literal_account)?;
        let airlock = Airlock::read(top.section("airlock")?)?;
        let tls = Tls::read(top.section("tls")?)?;
        let wait = Wait::read(top.section("wait")?)?;
        let conversation = Conversation::read(top.section("conversation")?)?;
        let policy = Policy::read(top.section("policy")?)?;
        // Last: what is written wrong says more than what is missing.
        let unset = |key, example, more| {
            let what = format!("must be set, for instance \"{example}\"{more}");
            ConfigError::about(path, key, what)
        };
        let mode = match (push, logonbox, airlock) {
            (true, Some(logonbox), _) => Mode::Push(logonbox),
            (false, _, Some(airlock)) => Mode::Airlock(airlock),
            (true, None, airlock) => {
                let more = if airlock.is_some() {
                    "; or set mode = \"airlock\", above the first section"
                } else {
                    ""
                };
                let example = "acme.logonbox.directory";
                return Err(unset("logonbox.tenant", example, more));
            }
            (false, _, None) => {
                let example = "https://iam.acme.com/auth/rest";
                return Err(unset("airlock.url", example, ""));
            }
        };
        Ok(Self {
            mode,
            accounts,
            tls,
            wait,
            conversation,
            policy,
        })
    }

    /// What the tenant, or Airlock, calls a user. It needs that as it is, so nothing is made harmless
    /// here.
    #[must_use]
    pub fn account(&self, user: &str, hostname: &str) -> String {
        if let Some(account) = self.accounts.get(user) {
            return account.clone();
        }
        let (template, server) = match &self.mode {
            Mode::Push(logonbox) => (&logonbox.account, logonbox.tenant.host()),
            Mode::Airlock(airlock) => (&airlock.account, airlock.url.authority().host()),
        };
        template.fill(|placeholder| match placeholder {
            Placeholder::User => user.to_owned(),
            Placeholder::Hostname => hostname.to_owned(),
            Placeholder::Tenant => server.to_owned(),
            // `IN_ACCOUNT` has no others.
            _ => String::new(),
        })
    }
}

/// The file's text.
fn read(path: &Path) -> Result<String, ConfigError> {
    let bytes = read_trusted(path, Links::Refuse, FILE_LIMIT)
        .map_err(|what| ConfigError::whole_file(path, what))?;
    String::from_utf8(bytes).map_err(|_| ConfigError::whole_file(path, "is not UTF-8 text"))
}

impl LogonBox {
    /// Nothing where no tenant is set.
    fn read(mut section: Section<'_>) -> Result<Option<Self>, ConfigError> {
        let known = [
            "tenant",
            "account",
            "device",
            "remote_name",
            "prompt",
            "button",
            "algorithms",
            "pins",
        ];
        section.expect(&known)?;
        let tenant = section.string("tenant", "", |text| {
            optional(text)
                .map(str::parse)
                .transpose()
                .map_err(|error| format!("must be a host, or host:port: {error}"))
        })?;
        let account = section.string("account", "{user}", account)?;
        let device = section.string("device", "first", |text| match text {
            "" => Err("must be \"first\", \"ask\" or the name of a phone".to_owned()),
            "first" => Ok(Device::First),
            "ask" => Ok(Device::Ask),
            name => Ok(Device::Named(name.to_owned())),
        })?;
        let remote_name = section.string("remote_name", "{hostname}", shown)?;
        let prompt = section.string("prompt", PROMPT, shown)?;
        let button = section.string("button", "Authorize", shown)?;
        let algorithms = section.strings("algorithms", Algorithm::ALL, |name| {
            name.parse().map_err(|_| {
                let names: Vec<_> = Algorithm::ALL.iter().map(|one| one.name()).collect();
                one_of(&names)
            })
        })?;
        let pins = section.string("pins", "off", |text| match text {
            "off" => Ok(Pins::Off),
            "if-present" => Ok(Pins::IfPresent),
            "required" => Ok(Pins::Required),
            _ => Err(one_of(&["off", "if-present", "required"])),
        })?;
        Ok(tenant.map(|tenant| Self {
            tenant,
            account,
            device,
            remote_name,
            prompt,
            button,
            algorithms,
            pins,
        }))
    }
}

impl Airlock {
    /// Nothing where no URL is set.
    fn read(mut section: Section<'_>) -> Result<Option<Self>, ConfigError> {
        let known = [
            "url",
            "application",
            "account",
            "password",
            "device",
            "allow_password_only",
        ];
        section.expect(&known)?;
        let url = section.string("url", "", |text| {
            optional(text).map(str::parse).transpose().map_err(|error| {
                format!("must be an HTTPS URL that ends right before /public: {error}")
            })
        })?;
        let application = section.string("application", "", |text| match text {
            "." | ".." => Err("no application has such an id".to_owned()),
            text => Ok(optional(text).map(str::to_owned)),
        })?;
        let account = section.string("account", "{user}", account)?;
        let password = section.string("password", "ask", |text| match text {
            "ask" => Ok(Password::Ask),
            "stack" => Ok(Password::Stack),
            _ => Err(one_of(&["ask", "stack"])),
        })?;
        let device = section.string("device", "ask", |text| match text {
            "" => Err("must be \"ask\", or the name or the type of a device".to_owned()),
            "ask" => Ok(AirlockDevice::Ask),
            name => Ok(AirlockDevice::Named(name.to_owned())),
        })?;
        let allow_password_only = section.boolean("allow_password_only", false)?;
        Ok(url.map(|url| Self {
            url,
            application,
            account,
            password,
            device,
            allow_password_only,
        }))
    }
}

impl Tls {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        section.expect(&["ca_file", "proxy"])?;
        Ok(Self {
            ca_file: section.string("ca_file", "", |text| match text {
                "" => Ok(None),
                path if path.starts_with('/') => Ok(Some(path.into())),
                _ => Err("must be an absolute path".to_owned()),
            })?,
            proxy: section.string("proxy", "", |text| {
                if text.is_empty() {
                    return Ok(None);
                }
                text.strip_prefix("http://")
                    .is_some_and(|host| host.parse::<TenantAddress>().is_ok())
                    .then(|| Some(text.to_owned()))
                    .ok_or_else(|| "must be http://name:port".to_owned())
            })?,
        })
    }

    /// The CA certificates of `ca_file`, where one is configured.
    ///
    /// # Errors
    ///
    /// Names the file and what is wrong with it.
    pub fn ca_pem(&self) -> Result<Option<Vec<u8>>, String> {
        self.ca_file
            .as_deref()
            .map(|path| {
                read_trusted(path, Links::Follow, CA_FILE_LIMIT)
                    .and_then(with_certificates)
                    .map_err(|what| format!("{}: {what}", path.display()))
            })
            .transpose()
    }
}

fn with_certificates(pem: Vec<u8>) -> Result<Vec<u8>, String> {
    if pem.windows(PEM.len()).any(|bytes| bytes == PEM) {
        return Ok(pem);
    }
    Err("no certificate in PEM form (-----BEGIN CERTIFICATE-----) in it".to_owned())
}

impl Wait {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        section.expect(&["connect_seconds", "login_seconds"])?;
        Ok(Self {
            connect: Duration::from_secs(section.number("connect_seconds", 5, 1..=60)?),
            person: Duration::from_secs(section.number("login_seconds", 45, 1..=600)?),
        })
    }
}

impl Conversation {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        section.expect(&["announce", "qr", "qr_background", "otp_echo"])?;
        let announce = section.string("announce", "auto", |text| match text {
            "auto" => Ok(Announce::Auto),
            "info" => Ok(Announce::Info),
            "enter" => Ok(Announce::Enter),
            "none" => Ok(Announce::None),
            _ => Err(one_of(&["auto", "info", "enter", "none"])),
        })?;
        let qr = section.string("qr", "unicode", |text| match text {
            "unicode" => Ok(Some(Style::HalfBlocks)),
            "ascii" => Ok(Some(Style::Ascii)),
            "none" => Ok(None),
            _ => Err(one_of(&["unicode", "ascii", "none"])),
        })?;
        let qr_background = section.string("qr_background", "dark", |text| match text {
            "dark" => Ok(Background::Dark),
            "light" => Ok(Background::Light),
            _ => Err(one_of(&["dark", "light"])),
        })?;
        let otp_echo = if section.boolean("otp_echo", true)? {
            Echo::On
        } else {
            Echo::Off
        };
        Ok(Self {
            announce,
            qr,
            qr_background,
            otp_echo,
        })
    }
}

impl Policy {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let known = [
            "only_groups",
            "exempt_users",
            "exempt_groups",
            "exempt_networks",
            "on_unavailable",
            UNAPPROVED,
            "su_asks",
        ];
        section.expect(&known)?;
        let only_groups = section.any_strings("only_groups", name)?;
        let exempt_users = section.any_strings("exempt_users", name)?;
        let exempt_groups = section.any_strings("exempt_groups", name)?;
        let exempt_networks = section.any_strings("exempt_networks", str::parse)?;
        let on_unavailable = section.string("on_unavailable", "deny", |text| match text {
            "deny" => Ok(OnUnavailable::Deny),
            "ignore" => Ok(OnUnavailable::Ignore),
            _ => Err(one_of(&["deny", "ignore"])),
        })?;
        let unapproved = section.number(UNAPPROVED, 6, 0..=1000)?;
        let su_asks = section.string("su_asks", "user", |text| match text {
            "user" => Ok(SuAsks::User),
            "caller" => Ok(SuAsks::Caller),
            _ => Err(one_of(&["user", "caller"])),
        })?;
        Ok(Self {
            only_groups,
            exempt_users,
            exempt_groups,
            exempt_networks,
            on_unavailable,
            unapproved_pushes_per_10_minutes: unapproved.try_into().unwrap_or(usize::MAX),
            su_asks,
        })
    }
}

/// The name of a user or a group.
fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains([':', ',', '/']) || text.contains(char::is_control) {
        return Err(format!("{text:?} is nobody's name"));
    }
    Ok(text.to_owned())
}

/// A text that a person will read on the phone.
fn shown(text: &str) -> Result<Template, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.chars().nth(TEXT_LIMIT).is_some() {
        return Err(format!("must not be longer than {TEXT_LIMIT} characters"));
    }
    Template::parse(text, &template::ALL)
}

/// The server's name for a user.
fn account(text: &str) -> Result<Template, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    Template::parse(text, &template::IN_ACCOUNT)
}

/// The server's name for one user.
fn literal_account(text: &str) -> Result<String, String> {
    if matches!(text, "" | "." | "..") {
        return Err("must not be empty, a dot or two dots".to_owned());
    }
    if text.contains(['{', '}']) {
        return Err("must be the account itself: there are no placeholders here".to_owned());
    }
    if text.contains(char::is_control) {
        return Err("must not hold control characters".to_owned());
    }
    if text.chars().nth(ACCOUNT_LIMIT).is_some() {
        return Err(format!(
            "must not be longer than {ACCOUNT_LIMIT} characters"
        ));
    }
    Ok(text.to_owned())
}

fn optional(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    format!("must be {}", quoted.join(" or "))
}

#[cfg(test)]
mod tests;
