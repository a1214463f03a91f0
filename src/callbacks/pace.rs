//! How fast an endpoint may be called: so many deliveries a second, spaced rather than let through
//! in bursts. After a pause no more than a [`BURST`] of them is made good, so an endpoint that comes
//! back is not met by everything that it missed.

use std::time::Duration;

use tokio::time::Instant;

/// How much of the time that was not used can be made good.
const BURST: Duration = Duration::from_millis(100);

/// The pace of one endpoint. What takes its turn and calls nobody gives it back.
#[derive(Debug)]
pub(super) struct Pace {
    spacing: Duration,
    next: Option<Instant>,
}

impl Pace {
    /// So many a second (at least 1).
    pub(super) fn new(per_second_max: u32) -> Self {
        Self { spacing: Duration::from_secs(1) / per_second_max.max(1), next: None }
    }

    /// When the next call may go out, if it may not at once.
    pub(super) fn wait(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| *next > now)
    }

    /// A call goes out.
    pub(super) fn spend(&mut self, now: Instant) {
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        self.next = Some(self.next.map_or(earliest, |next| next.max(earliest)) + self.spacing);
    }

    /// So many of the calls did not go out after all.
    pub(super) fn give_back(&mut self, calls: u32) {
        let spared = self.spacing.saturating_mul(calls);
        self.next = self.next.map(|next| next.checked_sub(spared).unwrap_or(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many calls go out within a time, if there is always one to make.
    fn calls(pace: &mut Pace, from: Instant, during: Duration) -> usize {
        let (mut now, mut calls) = (from, 0);
        while now < from + during {
            match pace.wait(now) {
                Some(until) => now = until,
                None => {
                    pace.spend(now);
                    calls += 1;
                }
            }
        }
        calls
    }

    #[test]
    fn what_called_nobody_takes_nobody_s_turn_and_makes_no_room_for_a_burst() {
        let now = Instant::now();
        let mut pace = Pace::new(50);
        calls(&mut pace, now, Duration::from_secs(1));
        let later = now + Duration::from_secs(1);
        (0..3).for_each(|_| pace.spend(later));
        let spared = pace.wait(later).unwrap();
        pace.give_back(3);
        assert!(pace.wait(later).is_none_or(|until| until + 3 * Duration::from_millis(20) == spared));
        pace.give_back(1_000_000);
        let after = calls(&mut pace, later, Duration::from_secs(1));
        assert!((50..=56).contains(&after), "{after}");
    }

    #[test]
    fn d6_no_more_than_the_pace_goes_out_however_long_nothing_did() {
        let begun = Instant::now();
        let mut pace = Pace::new(50);
        let first = calls(&mut pace, begun, Duration::from_secs(10));
        assert!((500..=506).contains(&first), "{first}");
        let later = calls(&mut pace, begun + Duration::from_secs(3600), Duration::from_secs(1));
        assert!((50..=56).contains(&later), "{later}");
    }
}
