//! The cookies of one login. They are its session, and as secret as a password.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::SystemTime;

use bounded_https::http::{HeaderMap, HeaderName, header};
use bounded_https::secret_header;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};
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
        let now = date(reply).unwrap_or_else(own_time);
        let fields = reply.headers().get_all(header::SET_COOKIE);
        for field in fields.iter().filter_map(|field| field.to_str().ok()) {
            // Browsers skip fields that are not cookies, too.
            let (pair, attributes) = field.split_once(';').unwrap_or((field, ""));
            let Some((name, value)) = halves(pair).filter(|(name, _)| !name.is_empty()) else {
                continue;
            };
            self.0.retain(|(kept, _)| kept != name);
            if is_over(attributes, now) {
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
    // This algorithm reads the three forms that HTTP allows, too (RFC 9110, section 5.6.7).
    cookie_date(reply.headers().get(header::DATE)?.to_str().ok()?)
}

/// The time of an answer without a date is the time of its arrival (RFC 9110, section 6.6.1).
#[expect(clippy::disallowed_methods, reason = "no other clock is known")]
fn own_time() -> OffsetDateTime {
    SystemTime::now().into()
}

/// Whether the server deletes a cookie (RFC 6265, section 5.3). `Max-Age` overrides `Expires`. Of
/// several attributes with the same name, the last valid one counts. A cookie without a valid one
/// lasts for the session.
fn is_over(attributes: &str, now: OffsetDateTime) -> bool {
    let (mut by_age, mut by_date) = (None, None);
    for (name, value) in attributes.split(';').filter_map(halves) {
        if name.eq_ignore_ascii_case("max-age") {
            by_age = no_time_left(value).or(by_age);
        } else if name.eq_ignore_ascii_case("expires") {
            by_date = cookie_date(value).map(|date| date <= now).or(by_date);
        }
    }
    by_age.or(by_date).unwrap_or(false)
}

/// A name and a value, without the blanks around them.
fn halves(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim(), value.trim()))
}

/// Whether a `Max-Age` is zero or negative (RFC 6265, section 5.2.2). `None` if it is no number.
fn no_time_left(age: &str) -> Option<bool> {
    let digits = age.strip_prefix('-').unwrap_or(age);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits != age || digits.bytes().all(|byte| byte == b'0'))
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// A date as servers write it in `Expires` (RFC 6265, section 5.1.1). The order of the parts has no
/// effect. The time zone is always UTC.
fn cookie_date(text: &str) -> Option<OffsetDateTime> {
    let is_delimiter = |c| matches!(c, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~');
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter) {
        // Each token is the first missing part that it fits.
        let is_used = fill(&mut time, || hours_minutes_seconds(token))
            || fill(&mut day, || number(token, 1..=2))
            || fill(&mut month, || month_of(token));
        if !is_used {
            fill(&mut year, || number::<u16>(token, 2..=4));
        }
    }
    let year = match year? {
        short @ 70..=99 => short.saturating_add(1900),
        short @ 0..=69 => short.saturating_add(2000),
        year => year,
    };
    if year < 1601 {
        return None;
    }
    let (hour, minute, second) = time?;
    let date = Date::from_calendar_date(year.into(), month?, day?).ok()?;
    let time = Time::from_hms(hour, minute, second).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
}

/// Fills a part that is missing. Returns whether it did.
fn fill<T>(part: &mut Option<T>, read: impl FnOnce() -> Option<T>) -> bool {
    if part.is_some() {
        return false;
    }
    *part = read();
    part.is_some()
}

/// The number at the start of a token. No digit follows it.
fn number<N: FromStr>(token: &str, digits: RangeInclusive<usize>) -> Option<N> {
    let end = token.bytes().take_while(u8::is_ascii_digit).count();
    let number = token.get(..end).filter(|_| digits.contains(&end))?;
    number.parse().ok()
}

fn hours_minutes_seconds(token: &str) -> Option<(u8, u8, u8)> {
    let (hour, rest) = token.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    let whole = |field: &str| field.parse().ok().filter(|_| field.len() <= 2);
    Some((whole(hour)?, whole(minute)?, number(second, 1..=2)?))
}

fn month_of(token: &str) -> Option<Month> {
    let name = token.get(..3)?;
    let mut months = (1..).zip(MONTHS);
    let (number, _) = months.find(|(_, month)| name.eq_ignore_ascii_case(month))?;
    Month::try_from(number).ok()
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

    /// Keeps a cookie from an answer with this `Date`. Returns whether the jar still has it after
    /// `line`, with the same `Date`.
    fn survives(date: Option<&str>, line: &str) -> bool {
        let mut jar = Jar::default();
        let name = line.split('=').next().unwrap();
        let (first, second) = (format!("{name}=x"), date.map(|date| ("date", date)));
        jar.keep(&reply(&[("set-cookie", &first)])).unwrap();
        assert_eq!(sent(&jar), [format!("cookie: {name}=x")]);
        let fields: Vec<_> = second.into_iter().chain([("set-cookie", line)]).collect();
        jar.keep(&reply(&fields)).unwrap();
        sent(&jar) != [""; 0]
    }

    #[test]
    fn servers_delete_their_cookies() {
        for line in [
            // Tomcat 7, and 8.5 and later.
            "JSESSIONID=\"\"; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/auth-login; HttpOnly",
            "JSESSIONID=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:10 GMT; Path=/; Secure",
            // Apache: mod_session_cookie, mod_usertrack.
            "session=;Max-Age=0;path=/",
            "Apache=; path=/; expires=Mon, 02-Mar-26 08:00:00 GMT",
            // IIS: FormsAuthentication.SignOut, classic ASP.
            ".ASPXAUTH=; expires=Tue, 12-Oct-1999 04:00:00 GMT; path=/; HttpOnly",
            "ASPID=; expires=Fri, 31-Dec-1999 23:00:00 GMT; path=/",
            // PHP before 5.5, before 8.2, and later.
            "PHPSESSID=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/",
            "PHPSESSID=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/",
            "PHPSESSID=deleted; expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; path=/",
            // By hand: other forms of 1970 and of yesterday.
            "a=; Expires=Thu, 1 Jan 1970 00:00:00 GMT",
            "a=; Expires=Thu, 01 Jan 1970 00:00:00 UTC",
            "a=; Expires=Thu, 01 Jan 1970 00:00:00",
            "a=; Expires=Thu, 01 Jan 1970 00:00:00 +0000",
            "a=; expires=\"Thu, 01-Jan-1970 00:00:00 GMT\"",
            "a=; EXPIRES=Thursday, 01-Jan-70 00:00:00 GMT",
            "a=; expires=Thu Jan  1 00:00:00 1970",
            "a=; expires=1970 January 1 0:0:0",
            "a=; expires=00:00:00 01 01 Jan",
            "a=; expires=Thu<1>Jan[1970]{00:00:00}",
            "a=; Expires=Sat, 21 Nov 2026 13:59:59 GMT",
            "a=; Expires=Sun, 22 Nov 2026 14:00:00 GMT",
            "a=; Max-Age=-1; Expires=Fri, 31 Dec 2038 23:59:59 GMT",
            "a=; Max-Age=3600; Max-Age=0",
            "a=; Max-Age=0; Max-Age=x",
            "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=soon; Max-Age=\"9\"",
        ] {
            assert!(
                !survives(Some("Sun, 22 Nov 2026 14:00:00 GMT"), line),
                "{line}"
            );
            assert!(
                !survives(Some("Sunday, 22-Nov-26 14:00:00 GMT"), line),
                "{line}"
            );
            assert!(!survives(Some("Sun Nov 22 14:00:00 2026"), line), "{line}");
        }
    }

    #[test]
    fn a_cookie_without_a_known_end_in_the_past_is_kept() {
        for line in [
            // nginx: the module userid. Its year has two digits.
            "uid=fwAAAWn; expires=Thu, 31-Dec-37 23:55:55 GMT; domain=acme.com; path=/",
            "Apache=192.0.2.7.1; path=/; expires=Tue, 02-Mar-27 08:00:00 GMT",
            "a=1; Max-Age=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "a=1; Expires=Sun, 22 Nov 2026 14:00:01 GMT",
            // The last attribute counts.
            "a=1; Max-Age=0; Max-Age=1",
            "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=Fri, 31 Dec 2038 23:59:59 GMT",
            // These cannot be understood.
            "a=1; Expires=0",
            "a=1; Expires=-1",
            "a=1; Expires=",
            "a=1; Expires",
            "a=1; Max-Age=",
            "a=1; Max-Age=-",
            "a=1; Max-Age=+0",
            "a=1; Max-Age=0.0",
            "a=1; Expires=Thu, 01 Jan 00:00:00 GMT",
            "a=1; Expires=Thu, 01 1970 00:00:00 GMT",
            "a=1; Expires=Jan 1970 00:00:00",
            "a=1; Expires=Thu, 01 Jan 1970 GMT",
            "a=1; Expires=Thu, 01 Jan 1970 00:00 GMT",
            "a=1; Expires=Thu, 01 Jan 1970 24:00:00 GMT",
            "a=1; Expires=Thu, 01 Jan 1970 000:00:00 GMT",
            "a=1; Expires=Thu, 01 Jan 1970 1x:00:00 GMT",
            "a=1; Expires=Thu, 30 Feb 1970 00:00:00 GMT",
            "a=1; Expires=Thu, 00 Jan 1970 00:00:00 GMT",
            "a=1; Expires=Thu, 01 Jan 1600 00:00:00 GMT",
            "a=1; Expires=Thu, 01 Jan 01970 00:00:00 GMT",
        ] {
            assert!(
                survives(Some("Sun, 22 Nov 2026 14:00:00 GMT"), line),
                "{line}"
            );
        }
    }

    #[test]
    fn an_answer_without_a_date_deletes_by_the_time_of_its_arrival() {
        for date in [None, Some("soon")] {
            for (line, is_kept) in [
                ("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", false),
                ("a=; Expires=Tue, 02 Jun 2026 08:00:00 GMT", false),
                ("a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT", true),
                ("a=; Max-Age=0", false),
                ("a=1; Max-Age=1", true),
                ("a=1", true),
            ] {
                assert_eq!(survives(date, line), is_kept, "{line}");
            }
        }
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
