//! How many calls at a time an endpoint gets: few at first, one more with each that it answers well,
//! up to the most that is allowed, and half as many when one goes wrong. A server that keeps up is
//! soon given all it can take; one that does not, or that comes back after a while, is not met by
//! everything at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::verdict::Condition;

/// Calls at a time to an endpoint that nothing is known of.
const AT_FIRST: usize = 8;

/// The width of one endpoint's queue.
#[derive(Debug)]
pub(super) struct Width {
    now: AtomicUsize,
    max: usize,
}

impl Width {
    /// At most `max` (at least 1).
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self { now: AtomicUsize::new(AT_FIRST.min(max)), max }
    }

    /// How many calls there may be.
    pub(super) fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// Takes note of how a call went.
    pub(super) fn heard(&self, condition: Condition) {
        let after = |now: usize| match condition {
            Condition::Well => Some((now + 1).min(self.max)),
            Condition::Sick => Some((now / 2).max(1)),
            Condition::Unknown => None,
        };
        // Only an unknown condition gives nothing, and that changes nothing.
        let _ = self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d6_it_widens_with_each_answer_up_to_the_most_and_halves_with_each_failure() {
        let width = Width::new(20);
        assert_eq!(width.now(), 8);
        (0..100).for_each(|_| width.heard(Condition::Well));
        assert_eq!(width.now(), 20);
        width.heard(Condition::Unknown);
        width.heard(Condition::Sick);
        assert_eq!(width.now(), 10);
        (0..100).for_each(|_| width.heard(Condition::Sick));
        assert_eq!(width.now(), 1);
        width.heard(Condition::Well);
        assert_eq!(width.now(), 2);
    }

    #[test]
    fn the_most_that_is_allowed_holds_from_the_first_call_on() {
        assert_eq!(Width::new(3).now(), 3);
        assert_eq!(Width::new(0).now(), 1);
    }
}
