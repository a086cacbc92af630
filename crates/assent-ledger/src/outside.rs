//! What the ledger takes from the world besides a store and files: the time and randomness.
//!
//! Both come in as values, so that tests can turn the clock and repeat the dice. Nothing else in this package
//! reads a clock or draws randomness.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 UTC. May go back; the ledger's own times do not.
    fn now(&self) -> u64;
}

/// A source of randomness fit for keys.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    ///
    /// # Errors
    /// [`RandomError`]; the buffer's content is then not to be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// No randomness is to be had. Nothing was written; trying again is safe.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct RandomError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(|error| RandomError(error.to_string().into()))
    }
}

/// The clock and the dice a ledger uses.
pub struct Outside {
    /// The time.
    pub clock: Box<dyn Clock>,
    /// Randomness.
    pub random: Box<dyn Random>,
}

impl Outside {
    /// The operating system's.
    #[must_use]
    pub fn system() -> Self {
        Outside { clock: Box::new(SystemClock), random: Box::new(SystemRandom) }
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

/// RFC 3339, UTC, milliseconds, `Z`: the one form of times in records.
#[must_use]
pub fn rfc3339(milliseconds: u64) -> String {
    format!("{:.3}", timestamp(milliseconds))
}

/// The calendar month a time lies in, UTC: year × 12 + month − 1.
#[must_use]
pub fn month(milliseconds: u64) -> u32 {
    let date = timestamp(milliseconds).to_zoned(jiff::tz::TimeZone::UTC).date();
    u32::try_from(i32::from(date.year()) * 12 + i32::from(date.month()) - 1).unwrap_or(0)
}

/// Days since 1970-01-01, UTC.
pub(crate) fn day(milliseconds: u64) -> u32 {
    u32::try_from(milliseconds / (24 * 60 * 60 * 1000)).unwrap_or(u32::MAX)
}

/// A day as `2026-11-24`.
pub(crate) fn date(day: u32) -> String {
    let milliseconds = u64::from(day) * 24 * 60 * 60 * 1000;
    timestamp(milliseconds).to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// A month as `2026-11`, of its number: year × 12 + month − 1.
#[must_use]
pub fn month_name(month: u32) -> String {
    format!("{:04}-{:02}", month / 12, month % 12 + 1)
}

/// Times beyond the year 9999 are cut to it.
fn timestamp(milliseconds: u64) -> jiff::Timestamp {
    i64::try_from(milliseconds)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or(jiff::Timestamp::MAX)
}

/// The month under whose secret a record is sealed that is due at a time: the last one that will be over by then, so that it goes
/// no later than it must. Where that is past, this month.
pub(crate) fn purge_month(due: u64, now: u64) -> u32 {
    last_whole_month(due).max(month(now))
}

/// The last month that is over at a time.
pub(crate) fn last_whole_month(milliseconds: u64) -> u32 {
    month(milliseconds).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_months() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_305_599_999), "2026-11-21T23:59:59.999Z");
        assert_eq!(month(1_795_305_599_999), 2026 * 12 + 10);
        assert_eq!(month(0), 1970 * 12);
        assert_eq!(month_name(2026 * 12 + 10), "2026-11");
        assert_eq!((day(1_795_305_599_999), date(20_778).as_str()), (20_778, "2026-11-21"));
        assert!(rfc3339(u64::MAX).starts_with("9999-12-"));
        let year = 365 * 24 * 60 * 60 * 1000;
        assert_eq!(purge_month(year, 0), 1970 * 12 + 11, "due on 1 January: December is over by then");
        assert_eq!(purge_month(year - 1, 0), 1970 * 12 + 10);
        assert_eq!((purge_month(0, 0), purge_month(0, year)), (1970 * 12, 1971 * 12));
    }
}
