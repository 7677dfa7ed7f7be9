//! The address of a proxy, and the name and password for it.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::authority::Authority;
use crate::client::secret_header;
use crate::error::{Error, ErrorKind};

/// A proxy, as its URL describes it.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: Authority,
    /// The value of the `Proxy-Authorization` header (RFC 7617).
    pub(crate) authorization: Option<HeaderValue>,
}

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let bad = |what| Error::new(ErrorKind::InvalidInput, format!("the proxy: {what}"));
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| bad("it must begin with http://"))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, rest),
        };
        // Only an address without a port can be read with one more.
        let address: Authority = format!("{address}:80")
            .parse()
            .or_else(|_| address.parse())
            .map_err(|_| bad("it must be http://name:port"))?;
        Ok(Self {
            address,
            authorization: user.map(of_url).transpose()?,
        })
    }
}

/// The address of a proxy, for `logonbox check`.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`]: it is not `http://name:port`.
pub fn proxy_address(url: &str) -> Result<Authority, Error> {
    url.parse().map(|proxy: Proxy| proxy.address)
}

/// The credentials of `name:password` in a URL.
fn of_url(user: &str) -> Result<HeaderValue, Error> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    basic(
        percent_decode_str(name),
        percent_decode_str(password),
        user.len(),
    )
}

/// The value of the `Proxy-Authorization` header for a user name and a password (RFC 7617). The
/// bytes are UTF-8.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`]: the name has a colon, or one of them has a control character.
pub(crate) fn proxy_authorization(name: &str, password: &str) -> Result<HeaderValue, Error> {
    let bad = |what| Error::new(ErrorKind::InvalidInput, format!("the proxy: {what}"));
    if name.contains(':') {
        return Err(bad("a user name has no colon"));
    }
    if name.contains(char::is_control) || password.contains(char::is_control) {
        return Err(bad("a user name and a password have no control characters"));
    }
    let length = name.len().saturating_add(password.len());
    basic(name.bytes(), password.bytes(), length)
}

/// `length` is that of name and password together, or more. Each buffer has its full size from the
/// start, because growing would leave copies behind that are not wiped.
fn basic(
    name: impl Iterator<Item = u8>,
    password: impl Iterator<Item = u8>,
    length: usize,
) -> Result<HeaderValue, Error> {
    let room = length.saturating_add(1);
    let mut plain = Zeroizing::new(Vec::with_capacity(room));
    plain.extend(name.chain([b':']).chain(password));
    let mut value = String::with_capacity(room.saturating_mul(2).saturating_add(16));
    value.push_str("Basic ");
    STANDARD.encode_string(&*plain, &mut value);
    secret_header(value.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_are_sent_as_utf_8() {
        // RFC 7617, sections 2 and 2.1.
        for (name, password, expected) in [
            (
                "Aladdin",
                "open sesame",
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            ),
            ("test", "123\u{a3}", "Basic dGVzdDoxMjPCow=="),
            ("", "a%3A:b", "Basic OmElM0E6Yg=="),
        ] {
            let value = proxy_authorization(name, password).unwrap();
            assert!(value.is_sensitive());
            assert_eq!(value.to_str().unwrap(), expected);
        }
        for (name, password) in [
            ("a:b", "c"),
            ("a\n", "c"),
            ("a", "c\u{7f}"),
            ("a", "c\u{85}"),
        ] {
            let error = proxy_authorization(name, password).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(!error.to_string().contains("a:b"), "{error}");
        }
    }

    #[test]
    fn an_address_with_or_without_a_name_and_a_password() {
        for (url, address, authorization) in [
            ("http://proxy.acme.com:3128", "proxy.acme.com:3128", None),
            ("http://proxy.acme.com/", "proxy.acme.com:80", None),
            ("http://[::1]", "[::1]:80", None),
            ("http://[::1]:3128", "[::1]:3128", None),
            // RFC 7617, section 2.
            (
                "http://Aladdin:open%20sesame@proxy:443/",
                "proxy",
                Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ),
            ("http://a%3A%40@proxy:1", "proxy:1", Some("Basic YTpAOg==")),
        ] {
            let proxy: Proxy = url.parse().unwrap();
            assert_eq!(proxy.address.to_string(), address, "{url}");
            let given = proxy.authorization.as_ref();
            assert!(given.is_none_or(HeaderValue::is_sensitive));
            assert_eq!(given.map(|value| value.to_str().unwrap()), authorization);
        }
        for url in [
            "",
            "proxy:3128",
            "https://proxy:3128",
            "http://",
            "http://proxy/path",
        ] {
            let error = url.parse::<Proxy>().err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
        }
    }
}
