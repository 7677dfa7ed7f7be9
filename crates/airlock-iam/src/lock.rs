//! The end of a temporary lock.

use std::fmt;
use std::time::Duration;

use bounded_https::printable;
use time::format_description::well_known::Iso8601;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// The time at which a temporary lock ends (`temporaryLockExpiry`).
#[derive(Clone, PartialEq, Eq)]
pub struct LockExpiry {
    text: String,
    at: Option<OffsetDateTime>,
    now: Option<OffsetDateTime>,
}

impl LockExpiry {
    /// `now` is the server's time, so that the clock of this host does not matter.
    pub(crate) fn new(text: &str, now: Option<OffsetDateTime>) -> Self {
        // A time without an offset is UTC. In UTC, the year 9999 can become 10000, which is no
        // valid time.
        let at = match OffsetDateTime::parse(text, &Iso8601::DEFAULT) {
            Ok(at) => at.checked_to_offset(UtcOffset::UTC),
            Err(_) => PrimitiveDateTime::parse(text, &Iso8601::DEFAULT)
                .map(PrimitiveDateTime::assume_utc)
                .ok(),
        };
        Self {
            text: printable(text).chars().take(40).collect(),
            at,
            now,
        }
    }

    /// The remaining time by the server's clock, in whole seconds. `None` if it is not known.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let left = self
            .at?
            .unix_timestamp()
            .checked_sub(self.now?.unix_timestamp())?;
        Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
    }
}

impl fmt::Display for LockExpiry {
    /// `2026-11-22 14:05 UTC`, or the server's text if it is not a time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            None => f.write_str(&self.text),
            Some(at) => write!(
                f,
                "{:04}-{:02}-{:02} {:02}:{:02} UTC",
                at.year(),
                u8::from(at.month()),
                at.day(),
                at.hour(),
                at.minute()
            ),
        }
    }
}

impl fmt::Debug for LockExpiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LockExpiry({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc_and_as_remaining_time() {
        let now = OffsetDateTime::from_unix_timestamp(1_795_356_000).ok();
        for (text, shown) in [
            ("2026-11-22T14:05:00Z", "2026-11-22 14:05 UTC"),
            ("2026-11-22T15:05:00+01:00", "2026-11-22 14:05 UTC"),
            ("2026-11-22T14:05:00.123Z", "2026-11-22 14:05 UTC"),
            ("2026-11-22T14:05:00", "2026-11-22 14:05 UTC"),
        ] {
            let lock = LockExpiry::new(text, now);
            assert_eq!(lock.to_string(), shown);
            assert_eq!(lock.remaining(), Some(Duration::from_secs(300)), "{text}");
        }
        let over = LockExpiry::new("2020-01-01T00:00:00Z", now);
        assert_eq!(over.remaining(), Some(Duration::ZERO));
        for edge in ["9999-12-31T23:59:59-23:59", "-9999-01-01T00:00:00+23:59"] {
            let lock = LockExpiry::new(edge, now);
            assert_eq!((lock.to_string().as_str(), lock.remaining()), (edge, None));
        }
        let odd = LockExpiry::new(&format!("soon\x1b[2J{}", "x".repeat(99)), now);
        assert_eq!(odd.remaining(), None);
        assert!(odd.to_string().starts_with("soon [2Jxxx"));
        assert_eq!(odd.to_string().len(), 40);
    }
}
