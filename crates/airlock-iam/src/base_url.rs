//! The address of an Airlock IAM: `https://iam.acme.com/auth/rest`.

use std::fmt;
use std::str::FromStr;

use bounded_https::Authority;

/// The base URL of the Loginapp REST API: everything before `/public`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    authority: Authority,
    /// Empty, or with a slash at its start and not at its end.
    path: String,
}

/// The text is not a base URL. It says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadBaseUrl(String);

impl fmt::Display for BadBaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadBaseUrl {}

impl BaseUrl {
    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.authority, self.path)
    }
}

impl FromStr for BaseUrl {
    type Err = BadBaseUrl;

    fn from_str(text: &str) -> Result<Self, BadBaseUrl> {
        let bad = |what: &str| Err(BadBaseUrl(what.to_owned()));
        let Some(rest) = text.strip_prefix("https://") else {
            return bad("it must begin with https://");
        };
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, path),
            None => (rest, ""),
        };
        let authority = authority
            .parse()
            .map_err(|error| BadBaseUrl(format!("the host: {error}")))?;
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            return Ok(Self {
                authority,
                path: String::new(),
            });
        }
        for segment in path.split('/') {
            // Other characters could change the meaning of the URL (RFC 3986, section 3.3).
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            if matches!(segment, "" | "." | "..") || !segment.bytes().all(plain) {
                return bad("its path may hold letters, digits and - . _ ~ between single slashes");
            }
            if segment == "public" {
                return bad("leave out /public and what follows");
            }
        }
        Ok(Self {
            authority,
            path: format!("/{path}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_ends_before_public() {
        for (text, url) in [
            (
                "https://iam.acme.com/auth/rest",
                "https://iam.acme.com/auth/rest",
            ),
            (
                "https://iam.acme.com/auth/rest/",
                "https://iam.acme.com/auth/rest",
            ),
            (
                "https://iam.acme.com:8443/a-b/rest",
                "https://iam.acme.com:8443/a-b/rest",
            ),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("https://iam.acme.com/", "https://iam.acme.com"),
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().to_string(), url);
        }
        for text in [
            "",
            "iam.acme.com/auth/rest",
            "http://iam.acme.com/auth/rest",
            "HTTPS//iam.acme.com",
            "https://",
            "https:///auth/rest",
            "https://lee@iam.acme.com/auth/rest",
            "https://iam.acme.com/auth/rest/public",
            "https://iam.acme.com/auth/rest/public/authentication",
            "https://iam.acme.com/auth/../rest",
            "https://iam.acme.com//rest",
            "https://iam.acme.com/auth/rest?x",
            "https://iam.acme.com/auth/rest#x",
            "https://iam.acme.com/auth/%2e%2e/rest",
            "https://iam.acme.com/auth/re st",
            "https://iam.acme.com\\auth",
        ] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text:?}");
        }
    }
}
