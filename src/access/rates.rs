//! How many requests a third party may make in a second: a bucket of tokens for each, filled at its
//! rate, that holds one second's worth.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::clock::Timestamp;

/// Tokens are counted in millionths, so that a bucket fills by its rate every microsecond.
const TOKEN: u64 = 1_000_000;

/// The buckets. There is one for each third party that has a rate and was seen, so their number is
/// bounded by that of the third parties.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<String, Bucket>>);

#[derive(Debug)]
struct Bucket {
    millionths: u64,
    filled_at: Timestamp,
}

impl Rates {
    /// Takes one token from the third party's bucket, if there is one.
    pub fn take(&self, party: &str, per_second: u32, now: Timestamp) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let full = u64::from(per_second).saturating_mul(TOKEN);
        if !buckets.contains_key(party) {
            buckets.insert(party.to_owned(), Bucket { millionths: full, filled_at: now });
        }
        buckets.get_mut(party).is_some_and(|bucket| bucket.take(u64::from(per_second), full, now))
    }

    /// Drops the buckets of those who are no longer there.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).retain(|party, _| is_there(party));
    }
}

impl Bucket {
    fn take(&mut self, per_microsecond: u64, full: u64, now: Timestamp) -> bool {
        let elapsed = u64::try_from(now.since(self.filled_at).as_micros()).unwrap_or(u64::MAX);
        self.millionths = self.millionths.saturating_add(elapsed.saturating_mul(per_microsecond)).min(full);
        // A clock that was set back must not stop the filling until it has caught up.
        self.filled_at = now;
        match self.millionths.checked_sub(TOKEN) {
            Some(left) => {
                self.millionths = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn taken(rates: &Rates, times: usize, now: Timestamp) -> usize {
        (0..times).filter(|_| rates.take("duka", 10, now)).count()
    }

    #[test]
    fn a_second_has_as_many_requests_as_the_rate_says_and_no_more() {
        let (rates, start) = (Rates::default(), Timestamp::from_seconds(1_000));
        assert_eq!(taken(&rates, 25, start), 10);
        assert_eq!(taken(&rates, 25, start.plus(Duration::from_millis(299))), 2);
        assert_eq!(taken(&rates, 25, start.plus(Duration::from_millis(300))), 1);
        assert_eq!(taken(&rates, 25, start.plus(Duration::from_secs(3600))), 10);
        assert!(rates.take("soko", 1, start), "another's bucket is another's");
    }

    #[test]
    fn a_clock_set_back_neither_fills_nor_stops_a_bucket() {
        let (rates, start) = (Rates::default(), Timestamp::from_seconds(1_000));
        assert_eq!(taken(&rates, 25, start), 10);
        let back = start.minus(Duration::from_secs(500));
        assert_eq!(taken(&rates, 25, back), 0);
        assert_eq!(taken(&rates, 25, back.plus(Duration::from_secs(1))), 10);
    }

    #[test]
    fn a_lower_rate_empties_a_full_bucket_down_to_it() {
        let (rates, start) = (Rates::default(), Timestamp::from_seconds(1_000));
        assert!(rates.take("duka", 100, start));
        assert_eq!((0..25).filter(|_| rates.take("duka", 5, start)).count(), 5);
        rates.retain(|_| false);
        assert!(rates.take("duka", 5, start));
    }
}
