//! The cookies of one login: they are its session, and worth as much as a password.

use bounded_https::{Header, Reply};
use cookie::Cookie;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use zeroize::Zeroizing;

/// Browsers keep at least 50 cookies a host, of 4096 bytes (RFC 6265, section 6.1).
const MOST: usize = 50;
const LONGEST: usize = 4096;

/// Kept and returned, all of them, whatever their path: only one server ever sees them. Wiped
/// when dropped.
#[derive(Default)]
pub(crate) struct Jar(Vec<(String, Zeroizing<String>)>);

impl Jar {
    /// Takes the cookies of an answer.
    ///
    /// # Errors
    ///
    /// There are more, or larger ones, than a browser would keep.
    pub(crate) fn keep(&mut self, reply: &Reply) -> Result<(), &'static str> {
        let now = date(reply);
        for field in reply.header("set-cookie") {
            // Not a cookie: browsers pass over it, too.
            let Ok(cookie) = Cookie::parse(field) else {
                continue;
            };
            let (name, value) = cookie.name_value();
            self.0.retain(|(kept, _)| kept != name);
            if is_over(&cookie, now) {
                continue;
            }
            if self.0.len() >= MOST || field.len() > LONGEST {
                return Err("more or larger cookies than a browser would keep");
            }
            self.0
                .push((name.to_owned(), Zeroizing::new(value.to_owned())));
        }
        Ok(())
    }

    /// The header fields that return them.
    ///
    /// A Gateway's token against cross-site requests comes as the cookie `CSRFT<N>-S`, and is
    /// echoed as `X-CSRFT<N>` (seen in public clients of live systems; on a DELETE, too, it can do no harm).
    pub(crate) fn headers(&self) -> Vec<Header> {
        let mut headers = Vec::new();
        if !self.0.is_empty() {
            let room = self.0.iter().fold(0_usize, |room, (name, value)| {
                room.saturating_add(name.len())
                    .saturating_add(value.len())
                    .saturating_add(3)
            });
            let mut all = Zeroizing::new(String::with_capacity(room));
            for (name, value) in &self.0 {
                if !all.is_empty() {
                    all.push_str("; ");
                }
                all.push_str(name);
                all.push('=');
                all.push_str(value);
            }
            headers.push(Header {
                name: "cookie".to_owned(),
                value: all,
            });
        }
        let tokens = self.0.iter().filter_map(|(name, value)| {
            let number = name.strip_prefix("CSRFT")?.strip_suffix("-S")?;
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| Header {
                name: format!("x-csrft{number}"),
                value: value.clone(),
            })
        });
        headers.extend(tokens);
        headers
    }
}

/// When the server wrote this answer, by its own clock (RFC 9110, section 6.6.1).
pub(crate) fn date(reply: &Reply) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(reply.header("date").next()?, &Rfc2822).ok()
}

/// Whether the server takes a cookie back (RFC 6265, section 5.3).
fn is_over(cookie: &Cookie<'_>, now: Option<OffsetDateTime>) -> bool {
    match (cookie.max_age(), cookie.expires_datetime(), now) {
        (Some(age), _, _) => !age.is_positive(),
        (None, Some(expires), Some(now)) => expires <= now,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(fields: &[(&str, &str)]) -> Reply {
        Reply {
            status: 200,
            headers: fields
                .iter()
                .map(|(name, value)| Header {
                    name: (*name).to_owned(),
                    value: Zeroizing::new((*value).to_owned()),
                })
                .collect(),
            body: Zeroizing::default(),
        }
    }

    fn sent(jar: &Jar) -> Vec<String> {
        let headers = jar.headers();
        headers
            .iter()
            .map(|header| format!("{}: {}", header.name, *header.value))
            .collect()
    }

    #[test]
    fn all_are_returned_until_they_are_taken_back() {
        let mut jar = Jar::default();
        assert_eq!(sent(&jar), [""; 0]);
        jar.keep(&reply(&[
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("set-cookie", "AL_SESS-S=a=b; Path=/auth; Secure; HttpOnly"),
            ("set-cookie", "x=1; Max-Age=10"),
            ("set-cookie", "y=2; Expires=Sun, 06 Nov 1994 09:49:37 GMT"),
            ("set-cookie", "no cookie"),
        ]))
        .unwrap();
        assert_eq!(sent(&jar), ["cookie: AL_SESS-S=a=b; x=1; y=2"]);
        jar.keep(&reply(&[
            ("date", "Sun, 06 Nov 1994 10:49:37 GMT"),
            ("set-cookie", "x=; Max-Age=0"),
            ("set-cookie", "y=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
            ("set-cookie", "AL_SESS-S=c"),
        ]))
        .unwrap();
        assert_eq!(sent(&jar), ["cookie: AL_SESS-S=c"]);
    }

    #[test]
    fn a_gateways_token_is_echoed() {
        let mut jar = Jar::default();
        jar.keep(&reply(&[
            ("set-cookie", "CSRFT123-S=token"),
            ("set-cookie", "CSRFT-S=no"),
            ("set-cookie", "CSRFTx-S=no"),
        ]))
        .unwrap();
        let cookies = "cookie: CSRFT123-S=token; CSRFT-S=no; CSRFTx-S=no";
        assert_eq!(sent(&jar), [cookies, "x-csrft123: token"]);
    }

    #[test]
    fn a_jar_has_an_end() {
        let mut jar = Jar::default();
        for number in 0..MOST {
            let field = format!("c{number}=1");
            jar.keep(&reply(&[("set-cookie", &field)])).unwrap();
        }
        assert!(jar.keep(&reply(&[("set-cookie", "one=more")])).is_err());
        assert!(jar.keep(&reply(&[("set-cookie", "c0=2")])).is_ok());
        let long = format!("c0={}", "x".repeat(LONGEST));
        assert!(jar.keep(&reply(&[("set-cookie", &long)])).is_err());
    }
}
