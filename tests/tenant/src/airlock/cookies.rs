//! The cookies of a session: those that the client was given, and whether it returns them.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::seen::HttpRequest;

/// The Gateway's cookie. The client has to return its value in the header `X-CSRFT123`.
pub(crate) const CSRF: &str = "CSRFT123-S";
const CSRF_HEADER: &str = "x-csrft123";

/// A cookie that the Gateway sets with its first answer and deletes with its second.
const PASSING: &str = "AL_START-S";

/// The cookies that the client has to return.
#[derive(Debug, Default)]
pub(crate) struct Jar(BTreeMap<String, String>);

impl Jar {
    /// Adds the session's cookie and returns its header.
    pub(crate) fn begin(&mut self, name: &str, value: &str) -> Vec<String> {
        self.set(name, value)
    }

    /// The cookies that the Gateway adds to the next answer.
    pub(crate) fn turn(&mut self) -> Vec<String> {
        let first = !self.0.contains_key(CSRF);
        let mut headers = self.set(CSRF, &random());
        if first {
            headers.extend(self.set("AL_LB-S", "node-7"));
            headers.extend(self.set("LANGUAGE", "de-CH/en=="));
            headers.extend(self.set(PASSING, &random()));
        } else if self.0.remove(PASSING).is_some() {
            headers.push(format!("{PASSING}=; Path=/; Max-Age=0; Secure; HttpOnly"));
        }
        headers
    }

    fn set(&mut self, name: &str, value: &str) -> Vec<String> {
        self.0.insert(name.to_owned(), value.to_owned());
        vec![format!("{name}={value}; Path=/; Secure; HttpOnly")]
    }

    /// Whether the client returns exactly the cookies that it was given.
    pub(crate) fn check(&self, returned: &[(String, String)]) -> Result<(), String> {
        for (name, value) in &self.0 {
            match returned.iter().find(|(key, _)| key == name) {
                None => return Err(format!("the cookie {name} was not returned")),
                Some((_, other)) if other != value => {
                    return Err(format!(
                        "the cookie {name} has another value than it was given"
                    ));
                }
                Some(_) => {}
            }
        }
        for (nth, (name, _)) in returned.iter().enumerate() {
            if !self.0.contains_key(name) {
                return Err(format!("the cookie {name:?} is none that is set"));
            }
            if returned[..nth].iter().any(|(other, _)| other == name) {
                return Err(format!("the cookie {name} was returned twice"));
            }
        }
        Ok(())
    }

    /// Whether the Gateway admits a POST.
    pub(crate) fn lets_through(&self, http: &HttpRequest) -> bool {
        let echoed = http.header(CSRF_HEADER);
        self.0.get(CSRF).is_none_or(|csrf| echoed == Some(csrf))
    }
}

/// The cookies of a request.
pub(crate) fn returned(http: &HttpRequest) -> Vec<(String, String)> {
    let headers = http.headers.iter().filter(|(name, _)| name == "cookie");
    let mut cookies = Vec::new();
    for (_, value) in headers {
        for cookie in String::from_utf8_lossy(value).split(';') {
            let (name, value) = cookie.trim().split_once('=').unwrap_or((cookie, ""));
            cookies.push((name.to_owned(), value.to_owned()));
        }
    }
    cookies
}

/// A value that cannot be guessed.
pub(crate) fn random() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::getrandom(&mut bytes).expect("the system has random bytes");
    hex(&bytes)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
