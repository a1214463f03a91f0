//! How many calls may be under way at a time: in all, since each takes a connection and so a file of the process, and
//! of one third party, so that whoever has many servers that hang leaves most of them to the others (D7).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One third party has at most this part of all calls.
const PART_OF_ONE: usize = 4;

/// The leave to make one call, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    _of_one: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// The calls of one kind.
#[derive(Debug)]
pub(super) struct Shares {
    all: Arc<Semaphore>,
    of_one_max: usize,
    /// By third party: those on record, which are not many.
    of_each: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Shares {
    /// At most `max` (at least 1) in all.
    pub(super) fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        let of_one_max = max.div_ceil(PART_OF_ONE);
        Self { all: Arc::new(Semaphore::new(max)), of_one_max, of_each: Mutex::default() }
    }

    /// A share, as soon as there is one. Whoever waits for one of a third party's takes none of the others'.
    pub(super) async fn take(&self, third_party: &str) -> Option<Share> {
        // Neither is ever closed.
        let of_one = self.of(third_party).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Share { _of_one: of_one, _of_all: of_all })
    }

    /// A share, if there is one now.
    pub(super) fn take_now(&self, third_party: &str) -> Option<Share> {
        let of_one = self.of(third_party).try_acquire_owned().ok()?;
        let of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Share { _of_one: of_one, _of_all: of_all })
    }

    fn of(&self, third_party: &str) -> Arc<Semaphore> {
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_one) = of_each.get(third_party) {
            return Arc::clone(of_one);
        }
        let of_one = Arc::new(Semaphore::new(self.of_one_max));
        of_each.insert(third_party.to_owned(), Arc::clone(&of_one));
        of_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d7_one_third_party_has_a_part_and_all_together_no_more_than_there_are() {
        let shares = Shares::new(8);
        let taken: Vec<_> = (0..3).filter_map(|_| shares.take_now("acme")).collect();
        assert_eq!(taken.len(), 2);
        let others: Vec<_> = "bcdefg".chars().flat_map(|name| [name, name]).collect();
        let others: Vec<_> = others.into_iter().filter_map(|name| shares.take_now(&name.to_string())).collect();
        assert_eq!(others.len(), 6);
        drop(taken);
        assert!(shares.take_now("acme").is_some());
    }

    #[test]
    fn there_is_always_one() {
        assert!(Shares::new(0).take_now("acme").is_some());
    }
}
