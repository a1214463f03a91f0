//! Places among the requests that wait for the core: bounded, and given back whatever happens.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::Refusal;
use crate::access::Share;

/// Counts the requests that wait for the core.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    count: AtomicUsize,
    /// Told when the last one was decided.
    settled: Notify,
}

impl Waiting {
    /// How many wait now.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// A place for one more, if fewer than `max` wait.
    pub fn place(self: &Arc<Self>, max: usize) -> Result<Place, Refusal> {
        let taken =
            self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < max).then_some(count + 1));
        match taken {
            Ok(_) => Ok(Place { waiting: Arc::clone(self), _share: None }),
            Err(_) => Err(Refusal::Overloaded("too many requests wait for the core")),
        }
    }

    /// A place for a request that an earlier run accepted: it waits, however many do.
    pub fn place_again(self: &Arc<Self>) -> Place {
        self.count.fetch_add(1, Ordering::Relaxed);
        Place { waiting: Arc::clone(self), _share: None }
    }

    /// Waits until no request waits any more.
    pub async fn settled(&self) {
        loop {
            let mut settled = pin!(self.settled.notified());
            // Listening before looking, so that the last one is not missed in between.
            settled.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            settled.await;
        }
    }
}

/// A place among the waiting, for as long as it is held.
#[derive(Debug)]
pub(super) struct Place {
    waiting: Arc<Waiting>,
    /// The third party's share of the places, given back with this one.
    _share: Option<Share>,
}

impl Place {
    /// The place, taken out of a third party's share.
    pub fn within(self, share: Share) -> Self {
        let mut place = self;
        place._share = Some(share);
        place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.waiting.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.waiting.settled.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d6_no_more_wait_than_may_and_a_place_is_given_back_even_by_a_panic() {
        let waiting = Arc::new(Waiting::default());
        let first = waiting.place(2).unwrap();
        let second = waiting.place(2).unwrap();
        assert!(waiting.place(2).is_err());
        let _ = std::thread::spawn(move || {
            let _held = second;
            panic!("a decision that fails");
        })
        .join();
        assert_eq!(waiting.count(), 1);
        let third = waiting.place(2).unwrap();
        drop((first, third));
        assert_eq!(waiting.count(), 0);
    }

    #[test]
    fn what_an_earlier_run_accepted_gets_a_place_beyond_the_bound() {
        let waiting = Arc::new(Waiting::default());
        let held = [waiting.place_again(), waiting.place_again()];
        assert!(waiting.place(1).is_err());
        drop(held);
        assert!(waiting.place(1).is_ok());
    }
}
