//! The user name and the password for the proxy.

use std::fmt;

use zeroize::Zeroizing;

use super::Tls;
use super::file::read_secret;

/// In bytes. Proxies accept less.
const LIMIT: u64 = 4096;

/// The user name and the password for the proxy. They are wiped when dropped, and never in the
/// `Debug` output.
pub struct ProxyCredentials {
    name: Zeroizing<String>,
    password: Zeroizing<String>,
}

impl ProxyCredentials {
    /// The user name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Reads `user:password`. A line break may follow. An error does not quote the text.
    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8 text")?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.starts_with('\u{feff}') {
            return Err("begins with a byte-order mark; save it as UTF-8 without this mark");
        }
        if line.contains(char::is_control) {
            return Err("must have one line, user:password, without control characters");
        }
        let (name, password) = line
            .split_once(':')
            .ok_or("must hold user:password; the colon is missing")?;
        Ok(Self {
            name: Zeroizing::new(name.to_owned()),
            password: Zeroizing::new(password.to_owned()),
        })
    }
}

impl fmt::Debug for ProxyCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyCredentials").finish_non_exhaustive()
    }
}

impl Tls {
    /// The user name and the password in `proxy_credentials_file`, if it is set.
    ///
    /// # Errors
    ///
    /// Names the key and the file, the problem and the fix.
    pub fn proxy_credentials(&self) -> Result<Option<ProxyCredentials>, String> {
        let Some(path) = &self.proxy_credentials_file else {
            return Ok(None);
        };
        read_secret(path, LIMIT)
            .and_then(|bytes| ProxyCredentials::parse(&bytes).map_err(str::to_owned))
            .map(Some)
            .map_err(|what| format!("tls.proxy_credentials_file: {}: {what}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_with_a_user_name_and_a_password() {
        for (text, name, password) in [
            ("lee:secret", "lee", "secret"),
            ("lee:secret\n", "lee", "secret"),
            ("lee:secret\r\n", "lee", "secret"),
            ("l\u{e9}e@acme: s:\u{a3} ", "l\u{e9}e@acme", " s:\u{a3} "),
            (":token", "", "token"),
            ("lee:", "lee", ""),
        ] {
            let credentials = ProxyCredentials::parse(text.as_bytes()).unwrap();
            assert_eq!(
                (credentials.name(), credentials.password()),
                (name, password)
            );
            assert_eq!(format!("{credentials:?}"), "ProxyCredentials { .. }");
        }
        for (text, expected) in [
            ("", "colon is missing"),
            ("\n", "colon is missing"),
            ("secret", "colon is missing"),
            ("lee:secret\n\n", "one line"),
            ("# for the proxy\nlee:secret\n", "one line"),
            ("lee:sec\0ret", "control characters"),
            ("lee:secret\t", "control characters"),
            ("\u{feff}lee:secret", "byte-order mark"),
        ] {
            let error = ProxyCredentials::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        let latin = ProxyCredentials::parse(b"lee:\xa3");
        assert_eq!(latin.unwrap_err(), "is not UTF-8 text");
    }
}
