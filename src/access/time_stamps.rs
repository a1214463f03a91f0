//! What a third party's timeStamps must be. By default they are texts like any other, since real
//! programs send them in every form and use one for years (protocol.md 1.3). A third party whose
//! programs do better can have them checked: not older than a window, and each used once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::clock::Timestamp;

/// How far a clock may be ahead of ours where each timeStamp counts once. Those from before a start
/// and this long after it are not accepted, because they may have been used before.
pub const AHEAD_MAX: Duration = Duration::from_secs(5);
/// TimeStamps of one third party that are remembered.
const REMEMBERED_MAX: usize = 100_000;

/// A third party's rule for its timeStamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeStampRule {
    /// Seconds by which a timeStamp may differ from our time; none: it is not read as a time.
    pub window_seconds: Option<u32>,
    /// Minutes by which the times that it writes are ahead of UTC: 0 by the documents, 180 by the
    /// clocks of most programs in Nairobi.
    pub ahead_of_utc_minutes: i16,
    /// Whether a timeStamp counts once. With whole seconds that is one request in a second; for more,
    /// milliseconds are read, too (yyyyMMddHHmmssSSS). Needs a window.
    pub once: bool,
}

impl TimeStampRule {
    /// Whether it makes sense.
    pub(super) fn is_sound(&self) -> bool {
        (!self.once || self.window_seconds.is_some()) && self.ahead_of_utc_minutes.unsigned_abs() <= 14 * 60
    }

    /// Whether a timeStamp is of this time.
    pub(super) fn check(&self, text: &str, now: Timestamp, started: Timestamp) -> Result<(), Refusal> {
        let Some(window) = self.window() else { return Ok(()) };
        let at = self.time(text).ok_or(Refusal::TimeStampUnreadable)?;
        let ahead_max = if self.once { AHEAD_MAX.min(window) } else { window };
        let of_this_time = now.since(at) <= window && at.since(now) <= ahead_max;
        // What was used before the start is not remembered.
        let new = !self.once || at > started.plus(AHEAD_MAX);
        if of_this_time && new { Ok(()) } else { Err(Refusal::TimeStampStale) }
    }

    /// The time that a text says.
    fn time(&self, text: &str) -> Option<Timestamp> {
        Timestamp::from_compact(text, self.ahead_of_utc_minutes)
    }

    fn window(&self) -> Option<Duration> {
        self.window_seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }
}

/// The timeStamps that were used, of those third parties whose timeStamps count once.
#[derive(Debug, Default)]
pub(super) struct Used(Mutex<HashMap<String, Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    texts: HashSet<String>,
    /// In the order of use, and when each may be forgotten.
    order: VecDeque<(Timestamp, String)>,
    /// The latest time that one of those that were forgotten said. What says no later one may have been used:
    /// a clock that was ahead for a while makes all be forgotten, and is then put right.
    forgotten: Option<Timestamp>,
}

impl Used {
    /// Uses a timeStamp that was found to be of this time, if its rule is that it counts once.
    pub fn first_use(&self, party: &str, rule: &TimeStampRule, text: &str, now: Timestamp) -> Result<(), Refusal> {
        let Some(window) = rule.window().filter(|_| rule.once) else { return Ok(()) };
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.contains_key(party) {
            used.insert(party.to_owned(), Remembered::default());
        }
        let Some(remembered) = used.get_mut(party) else { return Ok(()) };
        remembered.forget(rule, now);
        if rule.time(text).is_none_or(|at| remembered.forgotten.is_some_and(|forgotten| at <= forgotten)) {
            return Err(Refusal::TimeStampStale);
        }
        if remembered.texts.contains(text) {
            return Err(Refusal::TimeStampUsed);
        }
        if remembered.texts.len() >= REMEMBERED_MAX {
            return Err(Refusal::TimeStampsFull);
        }
        remembered.texts.insert(text.to_owned());
        // The latest moment at which the same text would still be of its time.
        remembered.order.push_back((now.plus(window).plus(AHEAD_MAX), text.to_owned()));
        Ok(())
    }

    /// Forgets third parties that are no longer there.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|party, _| is_there(party));
    }
}

impl Remembered {
    fn forget(&mut self, rule: &TimeStampRule, now: Timestamp) {
        while let Some((_, text)) = self.order.pop_front_if(|(until, _)| *until < now) {
            self.forgotten = self.forgotten.max(rule.time(&text));
            self.texts.remove(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2027-01-15T08:00:00Z.
    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const LONG_AGO: Timestamp = Timestamp::from_seconds(0);

    fn rule(once: bool) -> TimeStampRule {
        TimeStampRule { window_seconds: Some(300), ahead_of_utc_minutes: 0, once }
    }

    #[test]
    fn without_a_window_every_text_will_do() {
        for text in ["", "undefined", "19990101000000", "1800000000"] {
            assert_eq!(TimeStampRule::default().check(text, NOW, LONG_AGO), Ok(()));
        }
    }

    #[test]
    fn with_a_window_a_time_within_it_is_needed() {
        for (text, outcome) in [
            ("20270115080000", Ok(())),
            ("20270115075500", Ok(())),
            ("20270115075459", Err(Refusal::TimeStampStale)),
            ("20270115080500", Ok(())),
            ("20270115080501", Err(Refusal::TimeStampStale)),
            ("20270115110000", Err(Refusal::TimeStampStale)),
            ("20270115080000123", Ok(())),
            ("20271501080000", Err(Refusal::TimeStampUnreadable)),
            ("2027-01-15 08:00:00", Err(Refusal::TimeStampUnreadable)),
            ("2027011508000", Err(Refusal::TimeStampUnreadable)),
            ("1800000000", Err(Refusal::TimeStampUnreadable)),
            ("20270115080060", Err(Refusal::TimeStampUnreadable)),
            ("", Err(Refusal::TimeStampUnreadable)),
        ] {
            assert_eq!(rule(false).check(text, NOW, LONG_AGO), outcome, "{text}");
        }
    }

    #[test]
    fn a_clock_of_nairobi_is_read_as_one() {
        let rule = TimeStampRule { ahead_of_utc_minutes: 180, ..rule(false) };
        assert_eq!(rule.check("20270115110000", NOW, LONG_AGO), Ok(()));
        assert_eq!(rule.check("20270115080000", NOW, LONG_AGO), Err(Refusal::TimeStampStale));
    }

    #[test]
    fn what_counts_once_does_not_come_again_nor_from_before_the_start() {
        let (rule, used) = (rule(true), Used::default());
        let use_it = |text: &str, now: Timestamp, started| {
            rule.check(text, now, started).and_then(|()| used.first_use("duka", &rule, text, now))
        };
        assert_eq!(use_it("20270115080000", NOW, LONG_AGO), Ok(()));
        assert_eq!(use_it("20270115080000", NOW, LONG_AGO), Err(Refusal::TimeStampUsed));
        assert_eq!(use_it("20270115080000001", NOW, LONG_AGO), Ok(()));
        assert_eq!(use_it("20270115080006", NOW, LONG_AGO), Err(Refusal::TimeStampStale), "too far ahead");
        // At the last moment of its window it is still known, and after that it is stale.
        let last = NOW.plus(Duration::from_secs(300));
        assert_eq!(use_it("20270115080000", last, LONG_AGO), Err(Refusal::TimeStampUsed));
        assert_eq!(use_it("20270115080000", last.plus(Duration::from_secs(1)), LONG_AGO), Err(Refusal::TimeStampStale));
        // After a start nothing is remembered, so nothing from before it passes.
        let started = NOW;
        let later = NOW.plus(Duration::from_secs(10));
        assert_eq!(use_it("20270115080005", later, started), Err(Refusal::TimeStampStale));
        assert_eq!(use_it("20270115080006", later, started), Ok(()));
        assert_eq!(used.first_use("soko", &rule, "20270115080000", NOW), Ok(()), "another's is another's");
    }

    /// The clock is an hour ahead for a moment, which makes everything be forgotten, and is put right.
    #[test]
    fn what_was_used_before_a_jump_of_the_clock_does_not_come_again_after_it() {
        let (rule, used) = (rule(true), Used::default());
        let use_it = |text: &str, now: Timestamp| {
            rule.check(text, now, LONG_AGO).and_then(|()| used.first_use("duka", &rule, text, now))
        };
        assert_eq!(use_it("20270115080000", NOW), Ok(()));
        assert_eq!(use_it("20270115090000", NOW.plus(Duration::from_secs(3600))), Ok(()));
        assert_eq!(use_it("20270115080000", NOW), Err(Refusal::TimeStampStale), "it was used before the jump");
        assert_eq!(use_it("20270115080001", NOW.plus(Duration::from_secs(1))), Ok(()), "a new one is as good as ever");
        assert_eq!(use_it("20270115080001", NOW.plus(Duration::from_secs(1))), Err(Refusal::TimeStampUsed));
    }

    #[test]
    fn d6_only_so_many_are_remembered_and_only_for_their_time() {
        let (rule, used) = (rule(true), Used::default());
        let taken = |from: usize, now| {
            let text = |at: usize| {
                format!("20270115{:02}{:02}{:02}{:03}", at / 3_600_000, at / 60_000 % 60, at / 1000 % 60, at % 1000)
            };
            (from..from + 200_000).take_while(|at| used.first_use("duka", &rule, &text(*at), now).is_ok()).count()
        };
        assert_eq!(taken(0, NOW), REMEMBERED_MAX);
        assert_eq!(used.first_use("duka", &rule, "20270115230000", NOW), Err(Refusal::TimeStampsFull));
        assert_eq!(taken(500_000, NOW.plus(Duration::from_secs(306))), REMEMBERED_MAX);
    }

    #[test]
    fn a_rule_that_could_not_be_kept_is_not_sound() {
        assert!(rule(true).is_sound() && TimeStampRule::default().is_sound());
        assert!(!TimeStampRule { window_seconds: None, ..rule(true) }.is_sound());
        assert!(!TimeStampRule { ahead_of_utc_minutes: i16::MIN, ..rule(false) }.is_sound());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", digits in "[0-9]{14,17}", ahead: i16, now: i64) {
            let rule = TimeStampRule { window_seconds: Some(u32::MAX), ahead_of_utc_minutes: ahead, once: true };
            for text in [text, digits] {
                let _ = rule.check(&text, Timestamp::from_micros(now), Timestamp::from_micros(now));
            }
        }
    }
}
