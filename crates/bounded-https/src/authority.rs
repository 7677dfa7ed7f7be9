//! The address of a server: `name` or `name:port`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The host and port of a server (RFC 3986, section 3.2), without user information.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    host: String,
    port: u16,
}

/// The text is not a host name or address with an optional port. It says what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BadAuthority(&'static str);

impl fmt::Display for BadAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadAuthority {}

impl Authority {
    /// The host name or IP address. An IPv6 address is in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port; 443 by default.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Authority {
    /// `host`, or `host:port` if the port is not 443.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == 443 {
            f.write_str(&self.host)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Authority {
    type Err = BadAuthority;

    fn from_str(text: &str) -> Result<Self, BadAuthority> {
        if text.contains("://") {
            return Err(BadAuthority(
                "a host name, without https:// or anything after it",
            ));
        }
        if text.is_empty() {
            return Err(BadAuthority("a host name is missing"));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            None => 443,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|port| *port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or(BadAuthority("the port must be a number from 1 to 65535"))?,
        };
        if let Some(address) = host.strip_prefix('[') {
            let good = address
                .strip_suffix(']')
                .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
            if !good {
                return Err(BadAuthority("not an IPv6 address in brackets"));
            }
        } else {
            let label = |label: &str| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            };
            let name = host.strip_suffix('.').unwrap_or(host);
            // WHATWG URL, "ends in a number": URL parsers read such a name as an IPv4 address.
            let last = name.rsplit('.').next().unwrap_or_default();
            let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
                || last
                    .get(..2)
                    .is_some_and(|start| start.eq_ignore_ascii_case("0x"));
            // With a final dot they read it as an address, too, but it looks like a name.
            if numeric && host.parse::<Ipv4Addr>().is_err() {
                return Err(BadAuthority("not an IPv4 address"));
            }
            if name.len() > 253 || !name.split('.').all(label) {
                return Err(BadAuthority(
                    "not a host name (letters, digits, hyphens and dots; an IPv6 address goes in brackets)",
                ));
            }
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_ports() {
        for (text, host, port) in [
            ("acme.logonbox.directory", "acme.logonbox.directory", 443),
            ("localhost:8443", "localhost", 8443),
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]:8443", "[::1]", 8443),
            ("[::1]", "[::1]", 443),
        ] {
            let address: Authority = text.parse().unwrap();
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_a_host_is_refused() {
        for text in [
            "",
            ":443",
            "https://acme.logonbox.directory",
            "acme.logonbox.directory/app",
            "user@acme.logonbox.directory",
            "acme.logonbox.directory?x",
            "acme logonbox",
            "acme..directory",
            "-acme",
            "localhost:0",
            "localhost:65536",
            "localhost:+1",
            "localhost:",
            "::1",
            "[::1",
            "[nonsense]",
            "b\u{fc}cher.example",
            "999.1.1.1",
            "1.2.3.4.5",
            "192.0.2.1.",
            "2130706433:1",
            "0x7f000001:1",
            "1.0x7f",
            "acme\n.directory",
        ] {
            assert!(text.parse::<Authority>().is_err(), "{text:?}");
        }
    }
}
