//! The configuration file: read, checked, and turned into what it means.

mod document;
mod file;
mod template;

use std::path::{Path, PathBuf};
use std::time::Duration;

use logonbox_authenticator::{Algorithm, TenantAddress};

pub use document::ConfigError;
use document::{NOT_YET, Section};
use file::{Links, read_trusted};
pub use template::{Placeholder, Template};

/// A checked configuration, as the file has it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[logonbox]`: whom to ask what.
    pub logonbox: LogonBox,
    /// `[tls]`: how to get there.
    pub tls: Tls,
    /// `[wait]`: how long.
    pub wait: Wait,
    /// `[conversation]`: with the person at the prompt.
    pub conversation: Conversation,
    /// `[policy]`: who is asked at all.
    pub policy: Policy,
}

/// `[logonbox]`.
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
}

/// `[policy]`.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// What happens while the tenant cannot be reached.
    pub on_unavailable: OnUnavailable,
}

/// Which phone is rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// That of the first usable key.
    First,
    /// That of the key with this comment.
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

const FILE_LIMIT: u64 = 64 << 10;
/// Twenty times a distribution's bundle of today.
const CA_FILE_LIMIT: u64 = 4 << 20;
/// For a text on a phone, in characters.
const TEXT_LIMIT: usize = 500;
const PROMPT: &str =
    "{account} wants to log in to {hostname} ({service}) from {rhost}. Code: {code}";

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    ///
    /// Names file, line and key, and says what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes = read_trusted(path, Links::Refuse, FILE_LIMIT)
            .map_err(|what| ConfigError::whole_file(path, what))?;
        let text = str::from_utf8(&bytes)
            .map_err(|_| ConfigError::whole_file(path, "is not UTF-8 text"))?;
        Self::parse(path, text)
    }

    /// Checks the `text` of the file at `path`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut top = Section::parse(path, text)?;
        let sections = ["mode", "logonbox", "tls", "wait", "conversation", "policy"];
        top.expect(&sections, &["airlock"])?;
        top.string("mode", "push", |mode| match mode {
            "push" => Ok(()),
            "airlock" => Err(format!("\"airlock\" is {NOT_YET}")),
            _ => Err(one_of(&["push"])),
        })?;
        Ok(Self {
            logonbox: LogonBox::read(top.section("logonbox")?)?,
            tls: Tls::read(top.section("tls")?)?,
            wait: Wait::read(top.section("wait")?)?,
            conversation: Conversation::read(top.section("conversation")?)?,
            policy: Policy::read(top.section("policy")?)?,
        })
    }
}

impl LogonBox {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let known = [
            "tenant",
            "account",
            "device",
            "remote_name",
            "prompt",
            "button",
            "algorithms",
        ];
        section.expect(&known, &["pins"])?;
        Ok(Self {
            tenant: section.string("tenant", "", |text| {
                if text.is_empty() {
                    return Err("must be set, for instance \"acme.logonbox.directory\"".to_owned());
                }
                text.parse()
                    .map_err(|error| format!("must be a host, or host:port: {error}"))
            })?,
            account: section.string("account", "{user}", |text| {
                if text.is_empty() {
                    return Err("must not be empty".to_owned());
                }
                Template::parse(text, &template::IN_ACCOUNT)
            })?,
            device: section.string("device", "first", |text| match text {
                "" => Err("must be \"first\" or the name of a phone".to_owned()),
                "first" => Ok(Device::First),
                "ask" => Err(format!("\"ask\" is {NOT_YET}")),
                name => Ok(Device::Named(name.to_owned())),
            })?,
            remote_name: section.string("remote_name", "{hostname}", shown)?,
            prompt: section.string("prompt", PROMPT, shown)?,
            button: section.string("button", "Authorize", shown)?,
            algorithms: section.strings("algorithms", &Algorithm::ALL, |name| {
                name.parse()
                    .map_err(|_| one_of(&Algorithm::ALL.map(Algorithm::name)))
            })?,
        })
    }
}

impl Tls {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        section.expect(&["ca_file", "proxy"], &[])?;
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
                    .map_err(|what| format!("{}: {what}", path.display()))
            })
            .transpose()
    }
}

impl Wait {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        section.expect(&["connect_seconds", "login_seconds"], &[])?;
        Ok(Self {
            connect: Duration::from_secs(section.number("connect_seconds", 5, 1..=60)?),
            person: Duration::from_secs(section.number("login_seconds", 45, 1..=600)?),
        })
    }
}

impl Conversation {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        section.expect(&["announce", "qr", "qr_background", "otp_echo"], &[])?;
        let announce = section.string("announce", "auto", |text| match text {
            "auto" => Ok(Announce::Auto),
            "info" => Ok(Announce::Info),
            "enter" => Ok(Announce::Enter),
            "none" => Ok(Announce::None),
            _ => Err(one_of(&["auto", "info", "enter", "none"])),
        })?;
        // Nothing draws or asks for a code yet; what is written must be right all the same.
        section.string("qr", "unicode", among(&["unicode", "ascii", "none"]))?;
        section.string("qr_background", "dark", among(&["dark", "light"]))?;
        section.boolean("otp_echo", true)?;
        Ok(Self { announce })
    }
}

impl Policy {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let later = [
            "only_groups",
            "exempt_users",
            "exempt_groups",
            "exempt_networks",
            "unapproved_pushes_per_10_minutes",
        ];
        section.expect(&["on_unavailable"], &later)?;
        let on_unavailable = section.string("on_unavailable", "deny", |text| match text {
            "deny" => Ok(OnUnavailable::Deny),
            "ignore" => Ok(OnUnavailable::Ignore),
            _ => Err(one_of(&["deny", "ignore"])),
        })?;
        Ok(Self { on_unavailable })
    }
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

fn among<'w>(words: &'w [&str]) -> impl Fn(&str) -> Result<(), String> + 'w {
    |text| {
        if words.contains(&text) {
            Ok(())
        } else {
            Err(one_of(words))
        }
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    format!("must be {}", quoted.join(" or "))
}

#[cfg(test)]
mod tests;
