//! How often something may happen in a second: buckets of tokens, one for each of those who are
//! counted, that fill at a rate and hold so many.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;

/// Tokens are counted in millionths, so that a bucket fills by its rate every microsecond.
const TOKEN: u64 = 1_000_000;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// Tokens in a second.
    pub per_second: u32,
    /// Tokens when full.
    pub burst: u32,
}

impl Rate {
    /// A bucket that holds one second's worth.
    pub fn per_second(per_second: u32) -> Self {
        Self { per_second, burst: per_second }
    }
}

/// The buckets, one for each key that was seen lately. A full bucket says no more than none, so
/// those are dropped when there are too many.
#[derive(Debug)]
pub(super) struct Rates<K> {
    buckets_max: usize,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: Rate,
    millionths: u64,
    filled_at: Timestamp,
}

impl<K: Eq + Hash> Rates<K> {
    /// No bucket yet, and never more than so many.
    pub fn new(buckets_max: usize) -> Self {
        Self { buckets_max, buckets: Mutex::default() }
    }

    /// Takes one token from the bucket of this key, if there is one. Where there is no room for
    /// another bucket there is no token either.
    pub fn take<Q: Eq + Hash + ToOwned<Owned = K> + ?Sized>(&self, key: &Q, rate: Rate, now: Timestamp) -> bool
    where
        K: Borrow<Q>,
    {
        let mut buckets = self.lock();
        if let Some(bucket) = buckets.get_mut(key) {
            return bucket.take(rate, now);
        }
        if buckets.len() >= self.buckets_max {
            buckets.retain(|_, bucket| !bucket.filled(bucket.rate, now).is_full());
        }
        let mut bucket = Bucket::full(rate, now);
        let taken = buckets.len() < self.buckets_max && bucket.take(rate, now);
        if taken {
            buckets.insert(key.to_owned(), bucket);
        }
        taken
    }

    /// Whether the bucket of this key has a token; one that was never seen has.
    pub fn has_token<Q: Eq + Hash + ?Sized>(&self, key: &Q, rate: Rate, now: Timestamp) -> bool
    where
        K: Borrow<Q>,
    {
        self.lock().get(key).is_none_or(|bucket| bucket.filled(rate, now).millionths >= TOKEN)
    }

    /// Drops the buckets of those who are no longer there.
    pub fn retain(&self, is_there: impl Fn(&K) -> bool) {
        self.lock().retain(|key, _| is_there(key));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn full(rate: Rate, now: Timestamp) -> Self {
        Self { rate, millionths: capacity(rate), filled_at: now }
    }

    /// As it is at this time, by this rate. A clock that was set back must not stop the filling until
    /// it has caught up.
    fn filled(self, rate: Rate, now: Timestamp) -> Self {
        let elapsed = u64::try_from(now.since(self.filled_at).as_micros()).unwrap_or(u64::MAX);
        let gained = elapsed.saturating_mul(u64::from(rate.per_second));
        Self { rate, millionths: self.millionths.saturating_add(gained).min(capacity(rate)), filled_at: now }
    }

    fn is_full(self) -> bool {
        self.millionths >= capacity(self.rate)
    }

    fn take(&mut self, rate: Rate, now: Timestamp) -> bool {
        *self = self.filled(rate, now);
        match self.millionths.checked_sub(TOKEN) {
            Some(left) => {
                self.millionths = left;
                true
            }
            None => false,
        }
    }
}

fn capacity(rate: Rate) -> u64 {
    u64::from(rate.burst).saturating_mul(TOKEN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_000);

    fn taken(rates: &Rates<String>, times: usize, now: Timestamp) -> usize {
        (0..times).filter(|_| rates.take("duka", Rate::per_second(10), now)).count()
    }

    #[test]
    fn a_second_has_as_many_as_the_rate_says_and_no_more() {
        let rates = Rates::new(10);
        assert_eq!(taken(&rates, 25, START), 10);
        assert_eq!(taken(&rates, 25, START.plus(Duration::from_millis(299))), 2);
        assert_eq!(taken(&rates, 25, START.plus(Duration::from_millis(300))), 1);
        assert_eq!(taken(&rates, 25, START.plus(Duration::from_secs(3600))), 10);
        assert!(rates.take("soko", Rate::per_second(1), START), "another's bucket is another's");
    }

    #[test]
    fn a_clock_set_back_neither_fills_nor_stops_a_bucket() {
        let rates = Rates::new(10);
        assert_eq!(taken(&rates, 25, START), 10);
        let back = START.minus(Duration::from_secs(500));
        assert_eq!(taken(&rates, 25, back), 0);
        assert_eq!(taken(&rates, 25, back.plus(Duration::from_secs(1))), 10);
    }

    #[test]
    fn a_lower_rate_empties_a_full_bucket_down_to_it() {
        let rates = Rates::<String>::new(10);
        assert!(rates.take("duka", Rate::per_second(100), START));
        assert_eq!((0..25).filter(|_| rates.take("duka", Rate::per_second(5), START)).count(), 5);
        rates.retain(|_| false);
        assert!(rates.take("duka", Rate::per_second(5), START));
    }

    #[test]
    fn a_burst_is_allowed_once_and_looking_takes_nothing() {
        let (rates, rate) = (Rates::<String>::new(10), Rate { per_second: 1, burst: 3 });
        assert!(rates.has_token("duka", rate, START));
        assert_eq!((0..9).filter(|_| rates.take("duka", rate, START)).count(), 3);
        assert!(!rates.has_token("duka", rate, START));
        assert!(rates.has_token("duka", rate, START.plus(Duration::from_secs(1))));
        assert!(rates.has_token("duka", rate, START.plus(Duration::from_secs(1))));
    }

    #[test]
    fn d6_only_so_many_are_counted_and_those_at_rest_are_forgotten() {
        let rates = Rates::<u32>::new(100);
        let rate = Rate { per_second: 1, burst: 2 };
        assert_eq!((0..1_000).filter(|source| rates.take(source, rate, START)).count(), 100);
        assert_eq!(rates.lock().len(), 100);
        let later = START.plus(Duration::from_secs(1));
        assert!(rates.take(&1_000, rate, later), "everybody's bucket is full again");
        assert_eq!(rates.lock().len(), 1);
    }
}
