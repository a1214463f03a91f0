//! Time as a seam: who needs the time is handed a [`Clock`], so that a whole node can run on a
//! simulated one. Inside, time is microseconds since the epoch; calendars appear only at the edges,
//! through [`Zone`].

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment moved forward; saturates at the end of time.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros_of(by)))
    }

    /// This moment moved back; saturates at the beginning of time.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros_of(by)))
    }

    /// The moment that `yyyyMMddHHmmss` or `yyyyMMddHHmmssSSS` names, by a clock that is so many minutes
    /// ahead of UTC; none if the text is nothing of the kind.
    pub fn from_compact(text: &str, ahead_of_utc_minutes: i16) -> Option<Self> {
        if !matches!(text.len(), 14 | 17) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let two = |at: usize| text.get(at..at.checked_add(2)?)?.parse().ok();
        let milliseconds: i32 = text.get(14..).filter(|rest| !rest.is_empty()).unwrap_or("0").parse().ok()?;
        let year = text.get(..4)?.parse().ok()?;
        let nanoseconds = milliseconds.checked_mul(1_000_000)?;
        let civil = DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?, nanoseconds).ok()?;
        let offset = Offset::from_seconds(i32::from(ahead_of_utc_minutes).checked_mul(60)?).ok()?;
        Some(Self(offset.to_timestamp(civil).ok()?.as_microsecond()))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn micros_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(micros_of(since_epoch))
    }
}

/// A clock that stands still until it is moved: for tests and simulations.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.micros()))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(micros_of(by), Ordering::SeqCst);
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// The zone in which days roll and times are written (Nairobi by default).
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

/// A zone's name that the time zone database does not have.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no zone of the IANA time zone database (for example \"Africa/Nairobi\")")]
pub struct UnknownZone(pub String);

/// A calendar day in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// The year of the common era, e.g. 2026.
    pub year: i16,
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31.
    pub day: i8,
}

/// `2027-01-01`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A text that is no day.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no day; write it like 2027-01-01")]
pub struct NoDay(String);

impl std::str::FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Self, NoDay> {
        let date: jiff::civil::Date = text.parse().map_err(|_| NoDay(text.to_owned()))?;
        Ok(Self { year: date.year(), month: date.month(), day: date.day() })
    }
}

impl Zone {
    /// The zone with this IANA name.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        TimeZone::get(name).map(Self).map_err(|_| UnknownZone(name.to_owned()))
    }

    /// The calendar day at this moment.
    pub fn day(&self, at: Timestamp) -> Day {
        let moment = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::MAX);
        let date = self.0.to_offset(moment).to_datetime(moment).date();
        Day { year: date.year(), month: date.month(), day: date.day() }
    }

    /// The first moment of a day written as `yyyy-MM-dd`; none if there is no such day.
    pub fn first_moment(&self, day: &str) -> Option<Timestamp> {
        let date: jiff::civil::Date = day.parse().ok()?;
        let first = date.to_zoned_datetime(self.0.clone()).ok()?;
        Some(Timestamp(first.timestamp().as_microsecond()))
    }

    /// `yyyyMMdd`, as in conversation ids (protocol.md 2).
    pub fn date(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%Y%m%d").to_string()
    }

    /// `yyyyMMddHHmmss`, as in TransTime and BOCompletedTime (protocol.md 3.5, 4.3).
    pub fn compact(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%Y%m%d%H%M%S").to_string()
    }

    /// `dd.MM.yyyy HH:mm:ss`, as in TransactionCompletedDateTime (protocol.md 3.5).
    pub fn dotted(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%d.%m.%Y %H:%M:%S").to_string()
    }

    /// `yyyy-MM-dd HH:mm:ss`, for people.
    pub fn readable(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn zoned(&self, at: Timestamp) -> jiff::ZonedDateTime {
        let moment = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::MAX);
        moment.to_zoned_datetime(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_rolls_at_the_zones_midnight() {
        let nairobi = Zone::named("Africa/Nairobi").unwrap();
        let before = Timestamp::from_seconds(1_700_600_399); // 2023-11-21T20:59:59Z
        assert_eq!(nairobi.compact(before), "20231121235959");
        assert_eq!(nairobi.date(before.plus(Duration::from_secs(1))), "20231122");
        assert_eq!(nairobi.dotted(before), "21.11.2023 23:59:59");
    }

    #[test]
    fn a_days_first_moment_is_the_zones_midnight() {
        let nairobi = Zone::named("Africa/Nairobi").unwrap();
        assert_eq!(nairobi.first_moment("2023-11-22"), Some(Timestamp::from_seconds(1_700_600_400)));
        assert_eq!(nairobi.first_moment("2023-02-30"), None);
        assert_eq!(nairobi.first_moment("tomorrow"), None);
    }

    #[test]
    fn what_is_written_is_read_back_and_nothing_else() {
        let nairobi = Zone::named("Africa/Nairobi").unwrap();
        let at = Timestamp::from_seconds(1_700_600_399);
        assert_eq!(Timestamp::from_compact(&nairobi.compact(at), 180), Some(at));
        let later = at.plus(Duration::from_millis(7));
        assert_eq!(Timestamp::from_compact("20231121205959007", 0), Some(later));
        for text in ["", "2023112120595", "20231321205959", "20231121245959", "2023112120595x", "+2023112120595"] {
            assert_eq!(Timestamp::from_compact(text, 0), None, "{text}");
        }
    }

    #[test]
    fn an_unknown_zone_is_refused() {
        assert!(Zone::named("Africa/Atlantis").is_err());
    }
}
