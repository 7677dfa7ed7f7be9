//! The cookies of one login. They are its session, and as secret as a password.

use bounded_https::http::{HeaderMap, HeaderName, header};
use bounded_https::secret_header;
use cookie::Cookie;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use zeroize::Zeroizing;

use crate::Reply;
use crate::error::{Error, ErrorKind};

/// Browsers keep at least 50 cookies of 4096 bytes for each host (RFC 6265, section 6.1).
const MOST: usize = 50;
const LONGEST: usize = 4096;

/// Keeps and returns all cookies, with any path, because only one server sees them. They are wiped
/// when dropped.
#[derive(Default)]
pub(crate) struct Jar(Vec<(String, Zeroizing<String>)>);

impl Jar {
    /// Keeps the cookies of an answer.
    ///
    /// # Errors
    ///
    /// There are more or larger cookies than a browser would keep.
    pub(crate) fn keep(&mut self, reply: &Reply) -> Result<(), &'static str> {
        let now = date(reply);
        let fields = reply.headers().get_all(header::SET_COOKIE);
        for field in fields.iter().filter_map(|field| field.to_str().ok()) {
            // Browsers skip fields that are not cookies, too.
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

    /// Adds the headers that return the cookies.
    ///
    /// A Gateway sends its token against cross-site requests as the cookie `CSRFT<N>-S` and expects
    /// it back as `X-CSRFT<N>`, too (seen in public clients of live systems). On a DELETE this does
    /// no harm.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        // Room for all of them, because growing would leave copies behind that are not wiped.
        let room = self.0.iter().fold(0_usize, |room, (name, value)| {
            room.saturating_add(name.len())
                .saturating_add(value.len())
                .saturating_add(3)
        });
        let mut all = Zeroizing::new(Vec::with_capacity(room));
        for (name, value) in &self.0 {
            if !all.is_empty() {
                all.extend_from_slice(b"; ");
            }
            all.extend_from_slice(name.as_bytes());
            all.push(b'=');
            all.extend_from_slice(value.as_bytes());
            let number = name
                .strip_prefix("CSRFT")
                .and_then(|rest| rest.strip_suffix("-S"));
            let is_number =
                |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            if let Some(number) = number.filter(is_number) {
                let name = HeaderName::try_from(format!("x-csrft{number}"))
                    .map_err(|error| Error::new(ErrorKind::InvalidInput, "").with_source(error))?;
                headers.insert(name, secret_header(value.as_bytes().to_vec())?);
            }
        }
        headers.insert(header::COOKIE, secret_header(all)?);
        Ok(())
    }
}

/// The time of this answer by the server's clock (RFC 9110, section 6.6.1).
pub(crate) fn date(reply: &Reply) -> Option<OffsetDateTime> {
    let date = reply.headers().get(header::DATE)?.to_str().ok()?;
    OffsetDateTime::parse(date, &Rfc2822).ok()
}

/// Whether the server deletes a cookie (RFC 6265, section 5.3).
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

    fn reply(fields: &[(&'static str, &str)]) -> Reply {
        let mut reply = Reply::default();
        for (name, value) in fields {
            reply.headers_mut().append(*name, value.parse().unwrap());
        }
        reply
    }

    fn sent(jar: &Jar) -> Vec<String> {
        let mut headers = HeaderMap::new();
        jar.add_to(&mut headers).unwrap();
        let mut sent: Vec<_> = headers
            .iter()
            .inspect(|(_, value)| assert!(value.is_sensitive()))
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        sent.sort();
        sent
    }

    #[test]
    fn all_are_returned_until_the_server_deletes_them() {
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
    fn a_jar_has_a_limit() {
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
