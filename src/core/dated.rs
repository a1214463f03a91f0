//! Data with dates of effect: what applies is decided by the day of the transaction (invariant L8).

use serde::{Deserialize, Deserializer, de};

use crate::clock::Day;

/// Versions of one thing, each in force from its day until the next one's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Dated<T>(Vec<Version<T>>);

/// One version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version<T> {
    /// The first day on which it is in force.
    #[serde(deserialize_with = "day")]
    pub from: Day,
    /// What is in force.
    pub rule: T,
}

impl<T> Dated<T> {
    /// What is in force on this day; none before the first version.
    pub fn on(&self, day: Day) -> Option<&T> {
        self.0.iter().rev().find(|version| version.from <= day).map(|version| &version.rule)
    }

    /// All versions, as written.
    pub fn versions(&self) -> &[Version<T>] {
        &self.0
    }

    /// Whether each version begins after the one before it, and there is one at all.
    pub fn ascends(&self) -> bool {
        !self.0.is_empty() && self.0.iter().zip(self.0.iter().skip(1)).all(|(one, next)| one.from < next.from)
    }
}

/// Reads a date as TOML writes it, without quotes: `2023-09-08`.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
    let written = toml::value::Datetime::deserialize(deserializer)?;
    let date = written.date.filter(|_| written.time.is_none() && written.offset.is_none());
    let date = date.ok_or_else(|| de::Error::custom("a day is written like 2023-09-08"))?;
    let year = i16::try_from(date.year).map_err(de::Error::custom)?;
    let month = i8::try_from(date.month).map_err(de::Error::custom)?;
    let day = i8::try_from(date.day).map_err(de::Error::custom)?;
    Ok(Day { year, month, day })
}
