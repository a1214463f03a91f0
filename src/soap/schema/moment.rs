//! Dates and times: whether they are ones, and which of two is earlier.
//!
//! A time without zone is somewhere between those of the zones +14:00 and -14:00, so that it has an
//! order only to those which are further away (XSD 1.0 part 2, 3.2.7.4).

use std::cmp::Ordering;

const DAY: i64 = 24 * 60 * 60;
/// The zone furthest from UTC, in seconds.
const FURTHEST: i64 = 14 * 60 * 60;

/// A point in time, borrowed from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment<'a> {
    /// Seconds of UTC; of the clock, if there is no zone.
    seconds: i64,
    /// The digits after the point, without zeros behind.
    fraction: &'a str,
    zoned: bool,
}

impl<'a> Moment<'a> {
    /// Reads `xs:dateTime`'s lexical form.
    pub(super) fn date_time(text: &'a str) -> Option<Self> {
        let (date, time) = text.split_once('T')?;
        let clock = Self::time(time)?;
        Some(Self { seconds: clock.seconds + day(date)? * DAY, ..clock })
    }

    /// Reads `xs:date`'s lexical form: the moment when the day begins.
    pub(super) fn date(text: &'a str) -> Option<Self> {
        // The zone's sign is a hyphen as well: the day ends after its second hyphen and two digits.
        let start = usize::from(text.starts_with('-'));
        let (hyphen, _) = text.get(start..)?.match_indices('-').nth(1)?;
        let (date, zone) = text.split_at_checked(start + hyphen + "-00".len())?;
        let zone = Zone::parse(zone)?;
        Some(Self { seconds: day(date)? * DAY - zone.seconds, fraction: "", zoned: zone.given })
    }

    /// Reads `xs:time`'s lexical form: the moment on an arbitrary day.
    pub(super) fn time(text: &'a str) -> Option<Self> {
        let (clock, zone) = match text.find(['Z', '+', '-']) {
            Some(at) => text.split_at_checked(at)?,
            None => (text, ""),
        };
        let zone = Zone::parse(zone)?;
        let (seconds, fraction) = clock_seconds(clock)?;
        Some(Self { seconds: seconds - zone.seconds, fraction, zoned: zone.given })
    }

    /// The order of two; none if it depends on a zone that is not given.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        let plain = |one: &Self, other: &Self| (one.seconds, one.fraction).cmp(&(other.seconds, other.fraction));
        let shifted = |moment: &Self, by| Self { seconds: moment.seconds + by, ..*moment };
        match (self.zoned, other.zoned) {
            (true, true) | (false, false) => Some(plain(self, other)),
            (false, true) => other.order(self).map(Ordering::reverse),
            (true, false) if plain(self, &shifted(other, -FURTHEST)).is_lt() => Some(Ordering::Less),
            (true, false) if plain(self, &shifted(other, FURTHEST)).is_gt() => Some(Ordering::Greater),
            (true, false) => None,
        }
    }
}

/// How far a zone is from UTC.
struct Zone {
    seconds: i64,
    given: bool,
}

impl Zone {
    fn parse(text: &str) -> Option<Self> {
        if matches!(text, "" | "Z") {
            return Some(Self { seconds: 0, given: text == "Z" });
        }
        let (hour, minute) = text.strip_prefix(['+', '-'])?.split_once(':')?;
        let minutes = match (number(hour, 2)?, number(minute, 2)?) {
            (hour @ 0..=13, minute @ 0..=59) => hour * 60 + minute,
            (14, 0) => 14 * 60,
            _ => return None,
        };
        let sign = if text.starts_with('-') { -1 } else { 1 };
        Some(Self { seconds: sign * minutes * 60, given: true })
    }
}

/// Exactly `digits` digits, as a number.
fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// The number of a day, written as year, month and day.
fn day(text: &str) -> Option<i64> {
    let (before_christ, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    // Years may have more than four digits, but not with a zero in front, and there is no year 0.
    let year_fits = (year.len() == 4 || (5..=9).contains(&year.len()) && !year.starts_with('0')) && year != "0000";
    let year = number(year, year.len()).filter(|_| year_fits)?;
    let year = if before_christ { -year } else { year };
    let (month, day) = (number(month, 2)?, number(day, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then(|| days_before(year, month) + day)
}

/// The days before a month. The year is counted from March, so that the leap day is its last.
fn days_before(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months = (month + 9) % 12;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (months * 153 + 2) / 5
}

/// Seconds since midnight, and the digits after the point.
fn clock_seconds(text: &str) -> Option<(i64, &str)> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (whole, fraction) = match second.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (second, ""),
    };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    match (number(hour, 2)?, number(minute, 2)?, number(whole, 2)?) {
        (hour @ 0..=23, minute @ 0..=59, second @ 0..=59) => Some((hour * 3600 + minute * 60 + second, fraction)),
        (24, 0, 0) if fraction.is_empty() => Some((DAY, "")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(one: &str, other: &str) -> Option<Ordering> {
        Moment::date_time(one).unwrap().order(&Moment::date_time(other).unwrap())
    }

    #[test]
    fn moments_are_ordered_across_zones_and_days() {
        for (one, other, expected) in [
            ("2014-09-27T12:00:00Z", "2014-09-27T15:00:00+03:00", Ordering::Equal),
            ("2014-09-27T24:00:00Z", "2014-09-28T00:00:00Z", Ordering::Equal),
            ("2014-09-27T12:00:00.50Z", "2014-09-27T12:00:00.5Z", Ordering::Equal),
            ("2014-09-27T12:00:00.5Z", "2014-09-27T12:00:00.45Z", Ordering::Greater),
            ("2024-02-29T23:59:59Z", "2024-03-01T00:00:00Z", Ordering::Less),
            ("2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z", Ordering::Less),
            ("-0044-03-15T00:00:00", "0001-01-01T00:00:00", Ordering::Less),
            ("12014-01-01T00:00:00", "2014-01-01T00:00:00", Ordering::Greater),
        ] {
            assert_eq!(order(one, other), Some(expected), "{one} {other}");
            assert_eq!(order(other, one), Some(expected.reverse()), "{other} {one}");
        }
    }

    #[test]
    fn without_zone_only_what_is_far_away_has_an_order() {
        assert_eq!(order("2014-09-27T12:00:00", "2014-09-28T03:00:00Z"), Some(Ordering::Less));
        assert_eq!(order("2014-09-28T03:00:00Z", "2014-09-27T12:00:00"), Some(Ordering::Greater));
        assert_eq!(order("2014-09-27T12:00:00", "2014-09-27T13:00:00Z"), None);
        assert_eq!(order("2014-09-27T12:00:00", "2014-09-26T21:00:00Z"), Some(Ordering::Greater));
    }

    #[test]
    fn days_follow_each_other() {
        let mut before = day("1999-12-31").unwrap();
        for year in [2000, 2001, 2004, 2100] {
            if year > 2001 {
                before = day(&format!("{}-12-31", year - 1)).unwrap();
            }
            for month in 1..=12 {
                for date in 1..=31 {
                    let Some(now) = day(&format!("{year}-{month:02}-{date:02}")) else { continue };
                    assert_eq!(now, before + 1, "{year}-{month}-{date}");
                    before = now;
                }
            }
        }
    }
}
