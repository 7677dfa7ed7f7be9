//! Readers for the values of settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use airlock_iam::BaseUrl;
use logonbox_authenticator::{Algorithm, TenantAddress};
use time::{Date, Month};
use toml::de::DeValue;

use super::service::service_name;
use super::settings::Exempt;
use super::table::{Choice, Given, Row, Value, Wrong, table, text, wrong_type};
use super::template::{self, Template};
use crate::network::Network;

/// The limit for a text on a phone, in characters.
const TEXT_LIMIT: usize = 500;
/// The longest account, in characters. The module cuts off longer values in phone texts and in the
/// log.
const ACCOUNT_LIMIT: usize = 256;
/// The longest reason of an exemption, in characters.
const REASON_LIMIT: usize = 200;

impl Value for bool {
    fn read(value: &Given<'_>) -> Result<Self, Wrong> {
        let boolean = value.get_ref().as_bool();
        boolean.ok_or_else(|| wrong_type(value, "true or false"))
    }
}

fn whole_number(value: &Given<'_>, min: u16, max: u16) -> Result<u16, Wrong> {
    let DeValue::Integer(number) = value.get_ref() else {
        return Err(wrong_type(value, "a whole number"));
    };
    u16::from_str_radix(number.as_str(), number.radix())
        .ok()
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| format!("must be from {min} to {max}").into())
}

pub fn count(min: u16, max: u16) -> impl Fn(&Given<'_>) -> Result<usize, Wrong> {
    move |value| whole_number(value, min, max).map(usize::from)
}

pub fn minutes(min: u16, max: u16) -> impl Fn(&Given<'_>) -> Result<Duration, Wrong> {
    move |value| {
        let minutes = whole_number(value, min, max)?;
        Ok(Duration::from_secs(u64::from(minutes).saturating_mul(60)))
    }
}

pub fn seconds(min: u16, max: u16) -> impl Fn(&Given<'_>) -> Result<Duration, Wrong> {
    move |value| whole_number(value, min, max).map(|seconds| Duration::from_secs(seconds.into()))
}

/// A list, which may be empty.
pub fn list<T>(
    read: fn(&Given<'_>) -> Result<T, Wrong>,
) -> impl Fn(&Given<'_>) -> Result<Vec<T>, Wrong> {
    move |value| {
        let list = value.get_ref().as_array();
        let list = list.ok_or_else(|| wrong_type(value, "a list of strings"))?;
        list.iter()
            .map(|item| read(item).map_err(|wrong| wrong.at(item.span().start)))
            .collect()
    }
}

/// Words, at least one.
impl Value for Vec<Algorithm> {
    const CHOICES: &'static [Choice] = Algorithm::CHOICES;

    fn read(value: &Given<'_>) -> Result<Self, Wrong> {
        match list(Algorithm::read)(value)? {
            list if list.is_empty() => Err("must not be empty".into()),
            list => Ok(list),
        }
    }
}

/// A user or a group.
pub fn name(value: &Given<'_>) -> Result<String, Wrong> {
    Ok(checked_name(text(value)?)?)
}

fn checked_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains([':', ',', '/']) || text.contains(char::is_control) {
        return Err(format!("not a valid user or group name: {text:?}"));
    }
    Ok(text.to_owned())
}

/// A PAM service.
pub fn service(value: &Given<'_>) -> Result<String, Wrong> {
    Ok(service_name(text(value)?)?.to_owned())
}

/// Exemptions. A list that is empty would leave its condition out.
impl Value for Vec<Exempt> {
    const ROWS: &'static [Row] = Exempt::ROWS;

    fn read(value: &Given<'_>) -> Result<Self, Wrong> {
        let list = value.get_ref().as_array();
        let list = list.ok_or("must begin with [[policy.exempt]]")?;
        list.iter()
            .map(|item| exempt(item).map_err(|wrong| wrong.at(item.span().start)))
            .collect()
    }
}

fn exempt(value: &Given<'_>) -> Result<Exempt, Wrong> {
    for (key, value) in table(value)? {
        if value
            .get_ref()
            .as_array()
            .is_some_and(|list| list.is_empty())
        {
            let wrong = Wrong::from("must not be empty; leave the key out, or name at least one");
            return Err(wrong.about(key.get_ref()).at(value.span().start));
        }
    }
    let exempt = Exempt::read(value)?;
    let Exempt {
        users,
        groups,
        networks,
        services,
        until: _,
        reason: _,
    } = &exempt;
    if users.is_empty() && groups.is_empty() && networks.is_empty() && services.is_empty() {
        return Err("needs at least one of users, groups, networks, services".into());
    }
    Ok(exempt)
}

/// The last day of an exemption.
pub fn until(value: &Given<'_>) -> Result<Option<Date>, Wrong> {
    let date = match value.get_ref() {
        DeValue::String(text) if text.is_empty() => return Ok(None),
        DeValue::Datetime(given) if given.time.is_none() && given.offset.is_none() => given.date,
        _ => None,
    };
    date.and_then(|date| {
        let month = Month::try_from(date.month).ok()?;
        Date::from_calendar_date(date.year.into(), month, date.day).ok()
    })
    .map(Some)
    .ok_or_else(|| "must be a day without quotes, such as 2027-03-31".into())
}

/// Why an exemption exists.
pub fn reason(value: &Given<'_>) -> Result<String, Wrong> {
    let text = text(value)?;
    if text.contains(char::is_control) {
        return Err("must not hold control characters".into());
    }
    at_most(REASON_LIMIT, text)?;
    Ok(text.to_owned())
}

pub fn network(value: &Given<'_>) -> Result<Network, Wrong> {
    Ok(text(value)?.parse::<Network>()?)
}

pub fn account_template(value: &Given<'_>) -> Result<Template, Wrong> {
    Ok(Template::parse(not_empty(value)?, &template::IN_ACCOUNT)?)
}

pub fn phone_text(value: &Given<'_>) -> Result<Template, Wrong> {
    let text = not_empty(value)?;
    at_most(TEXT_LIMIT, text)?;
    Ok(Template::parse(text, &template::ALL)?)
}

/// The accounts of single users. Each key is a user.
impl Value for BTreeMap<String, String> {
    fn read(value: &Given<'_>) -> Result<Self, Wrong> {
        let entry = |user: &str, value| Ok((checked_name(user)?, account(value)?));
        let entries = table(value)?.iter().map(|(user, value)| {
            let about_user = |wrong: Wrong| wrong.about(user.get_ref()).at(user.span().start);
            entry(user.get_ref(), value).map_err(about_user)
        });
        entries.collect()
    }
}

fn account(value: &Given<'_>) -> Result<String, Wrong> {
    if value.get_ref().is_table() {
        // `lee.smith = "..."` is the key `smith` in a section `lee`.
        return Err("must be a string in quotes; a name with a dot stands in quotes, too".into());
    }
    let text = text(value)?;
    if matches!(text, "" | "." | "..") {
        return Err("must not be empty, a dot or two dots".into());
    }
    if text.contains(['{', '}']) {
        return Err("must be the account itself: there are no placeholders here".into());
    }
    if text.contains(char::is_control) {
        return Err("must not hold control characters".into());
    }
    at_most(ACCOUNT_LIMIT, text)?;
    Ok(text.to_owned())
}

/// A text that may be empty.
pub fn optional<T>(
    read: fn(&str) -> Result<T, String>,
) -> impl Fn(&Given<'_>) -> Result<Option<T>, Wrong> {
    move |value| match text(value)? {
        "" => Ok(None),
        text => Ok(Some(read(text)?)),
    }
}

pub fn tenant(text: &str) -> Result<TenantAddress, String> {
    let address = text.parse();
    address.map_err(|error| format!("must be a host, or host:port: {error}"))
}

pub fn base_url(text: &str) -> Result<BaseUrl, String> {
    let url = text.parse();
    url.map_err(|error| format!("must be an HTTPS URL that ends right before /public: {error}"))
}

/// The id of an application in Airlock.
pub fn application(text: &str) -> Result<String, String> {
    match text {
        "." | ".." => Err("no application has such an id".to_owned()),
        id => Ok(id.to_owned()),
    }
}

pub fn absolute_path(text: &str) -> Result<PathBuf, String> {
    Some(PathBuf::from(text))
        .filter(|path| path.is_absolute())
        .ok_or_else(|| "must be an absolute path".to_owned())
}

pub fn proxy(text: &str) -> Result<String, String> {
    let address = text
        .strip_prefix("http://")
        .map(str::parse::<TenantAddress>);
    match address {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ if text.contains('@') => Err(
            "must be http://name:port; put user:password into a file, and name this file in \
             proxy_credentials_file"
                .to_owned(),
        ),
        _ => Err("must be http://name:port".to_owned()),
    }
}

fn not_empty<'v>(value: &'v Given<'_>) -> Result<&'v str, Wrong> {
    match text(value)? {
        "" => Err("must not be empty".into()),
        text => Ok(text),
    }
}

fn at_most(limit: usize, text: &str) -> Result<(), String> {
    match text.chars().nth(limit) {
        Some(_) => Err(format!("must not be longer than {limit} characters")),
        None => Ok(()),
    }
}
