//! When a delivery is tried again: pauses as data, jitter, and what a server asked for.

use std::time::Duration;

use crate::clock::Timestamp;

/// The longest pause that a server can ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The pauses between attempts, and for how long there are any.
#[derive(Clone, Debug)]
pub struct Schedule {
    pauses: Vec<Duration>,
    jitter_percent: u8,
    age_max: Duration,
}

impl Schedule {
    /// So many seconds after the first attempt, the second, ... with up to `jitter_percent` more or
    /// less (at most 100). What is under way for longer than `age_max` is not tried again.
    pub fn new(pauses_seconds: &[u64], jitter_percent: u8, age_max: Duration) -> Self {
        let pauses = pauses_seconds.iter().map(|&seconds| Duration::from_secs(seconds)).collect();
        Self { pauses, jitter_percent: jitter_percent.min(100), age_max }
    }

    /// The pause after so many attempts; none when there is no attempt left. `draw` is random bits:
    /// they spread what failed together, so that it does not come back as a herd.
    pub fn pause(&self, attempts: u32, draw: u64) -> Option<Duration> {
        let at = usize::try_from(attempts.checked_sub(1)?).ok()?;
        let pause = *self.pauses.get(at)?;
        let spread = pause * u32::from(self.jitter_percent) / 100;
        let share = (draw >> 32) as f64 / f64::from(u32::MAX);
        Some(pause - spread + spread.mul_f64(2.0 * share))
    }

    /// The pause after a server asked to be left alone for `asked`: never shorter than the
    /// schedule's, or a server that always asks for nothing would use up the attempts in no time.
    pub fn pause_asked(&self, attempts: u32, draw: u64, asked: Option<Duration>) -> Option<Duration> {
        let pause = self.pause(attempts, draw)?;
        Some(asked.map_or(pause, |asked| pause.max(asked.min(RETRY_AFTER_MAX))))
    }

    /// Whether what is under way since then is young enough to be tried again at `again`.
    pub fn still_tries(&self, since: Timestamp, again: Timestamp) -> bool {
        again.since(since) <= self.age_max
    }
}

/// What a Retry-After header asks for: seconds or a date. What is neither asks for nothing.
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit ask for very long.
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let date = jiff::fmt::rfc2822::parse(header).ok()?;
    Some(Timestamp::from_micros(date.timestamp().as_microsecond()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn pauses_follow_the_schedule_and_then_end() {
        let schedule = Schedule::new(&[5, 300], 0, DAY);
        assert_eq!(schedule.pause(1, 7), Some(5 * SECOND));
        assert_eq!(schedule.pause(2, 7), Some(300 * SECOND));
        assert_eq!(schedule.pause(3, 7), None);
    }

    #[test]
    fn what_is_too_old_is_not_tried_again() {
        let schedule = Schedule::new(&[5], 0, DAY);
        let since = Timestamp::from_seconds(1);
        assert!(schedule.still_tries(since, since.plus(DAY)));
        assert!(!schedule.still_tries(since, since.plus(DAY + SECOND)));
    }

    #[test]
    fn jitter_stays_within_its_percents() {
        let schedule = Schedule::new(&[100], 10, DAY);
        assert_eq!(schedule.pause(1, 0), Some(90 * SECOND));
        assert_eq!(schedule.pause(1, u64::MAX), Some(110 * SECOND));
        let middle = schedule.pause(1, u64::MAX / 2).unwrap();
        assert!(middle > 99 * SECOND && middle < 101 * SECOND);
    }

    #[test]
    fn retry_after_is_honoured_within_bounds() {
        let now = Timestamp::from_seconds(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
        let schedule = Schedule::new(&[5], 0, DAY);
        for (header, pause) in [
            ("0", 5 * SECOND),
            ("120", 120 * SECOND),
            (" 120 ", 120 * SECOND),
            ("-1", 5 * SECOND),
            ("99999999", RETRY_AFTER_MAX),
            ("99999999999999999999999999", RETRY_AFTER_MAX),
            ("Sun, 06 Nov 1994 08:50:37 GMT", 60 * SECOND),
            ("Sun, 06 Nov 1994 08:00:00 GMT", 5 * SECOND),
            ("soon", 5 * SECOND),
            ("", 5 * SECOND),
        ] {
            assert_eq!(schedule.pause_asked(1, 0, retry_after(header, now)), Some(pause), "{header:?}");
        }
    }
}
