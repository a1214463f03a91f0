//! What is known in memory of one endpoint's queue: the earliest deliveries due, and how far the store
//! was read. What is due after them stays in the store (D6).

use std::collections::BTreeSet;

use super::outbox::Queued;
use crate::clock::Timestamp;

/// Deliveries of one endpoint that are known in memory.
pub const WINDOW_MAX: usize = 512;

/// A look into the store that is under way.
#[derive(Debug)]
pub(super) struct Reading {
    after: Option<Queued>,
    limit: usize,
}

impl Reading {
    /// The last one that was read before; none to read from the beginning.
    pub(super) fn after(&self) -> Option<&Queued> {
        self.after.as_ref()
    }

    /// How many are read at most.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

/// The window of one queue.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) due: BTreeSet<Queued>,
    /// Whether the store may hold more than is in the window.
    pub(super) more: bool,
    /// Whether the store may hold something that belongs into the window.
    stale: bool,
    /// The last one that was read from the store: what is up to it is in the window, under way, or
    /// ended. Who read on from the beginning would pass everything that was delivered meanwhile,
    /// again and again, before the first that is pending.
    read_to: Option<Queued>,
    /// Taken up, and not yet written down.
    pub(super) unsettled: usize,
}

impl Window {
    /// Of a queue that has not looked into the store yet.
    pub(super) fn unread() -> Self {
        Self { more: true, ..Self::default() }
    }

    /// The store may hold what nobody told of.
    pub(super) fn look_again(&mut self) {
        self.stale = true;
    }

    /// Begins to read at most `limit` from the store, if the next ones are there, or if something may be
    /// missing here. From now on, whatever is committed is either seen by that or [offered](Self::offer).
    pub(super) fn begin_reading(&mut self, limit: usize) -> Option<Reading> {
        if !self.stale && (!self.due.is_empty() || !self.more) {
            return None;
        }
        let from_the_beginning = self.stale;
        (self.more, self.stale) = (false, false);
        Some(Reading { after: self.read_to.take().filter(|_| !from_the_beginning), limit })
    }

    /// Takes in what was read, but for what is passed over.
    pub(super) fn take_in(
        &mut self,
        reading: Reading,
        page: Vec<Queued>,
        mut passes_over: impl FnMut(&Queued) -> bool,
    ) {
        // So much was offered meanwhile that some was left to the store, where the read may have passed it.
        self.stale |= self.more;
        self.more |= page.len() == reading.limit;
        self.read_to = page.last().cloned().or(reading.after);
        self.due.extend(page.into_iter().filter(|queued| !passes_over(queued)));
        self.trim();
    }

    /// Whether there is nothing to do until then.
    pub(super) fn rests_until(&self, then: Timestamp) -> bool {
        let nothing_due = self.due.first().map_or(!self.more, |first| first.due > then);
        nothing_due && !self.stale && self.unsettled == 0
    }

    /// Takes in a delivery that somebody told of.
    pub(super) fn offer(&mut self, queued: Queued) {
        // What is due after a window that does not hold all will be found in the store in its turn.
        let found_later = self.more && (self.stale || self.read_to.as_ref().is_none_or(|last| queued > *last));
        if !found_later || self.due.last().is_some_and(|last| queued < *last) {
            self.due.insert(queued);
            self.trim();
        }
    }

    /// One takes off.
    pub(super) fn take(&mut self, queued: &Queued) {
        self.due.remove(queued);
        self.unsettled += 1;
    }

    /// Leaves what is due last to the store.
    fn trim(&mut self) {
        while self.due.len() > WINDOW_MAX {
            self.due.pop_last();
            self.more = true;
        }
        if let (Some(last), Some(read_to)) = (self.due.last(), &mut self.read_to)
            && self.more
            && last < read_to
        {
            read_to.clone_from(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::{DeliveryId, Endpoint};

    fn queued(due_seconds: i64) -> Queued {
        let id = DeliveryId::from_text(format!("msg_{due_seconds}"));
        Queued { due: Timestamp::from_seconds(due_seconds), id, endpoint: Endpoint::of("https://duka.example/") }
    }

    fn page(seconds: std::ops::Range<i64>) -> Vec<Queued> {
        seconds.map(queued).collect()
    }

    #[test]
    fn d1_what_was_left_to_the_store_while_it_was_read_is_looked_for_again() {
        let mut window = Window::unread();
        let reading = window.begin_reading(WINDOW_MAX).unwrap();
        // More is offered than fits, later than anything that the read finds.
        (1000..2000).for_each(|second| window.offer(queued(second)));
        assert_eq!(window.due.len(), WINDOW_MAX);
        window.take_in(reading, page(0..3), |_| false);
        assert_eq!((window.due.first(), window.due.len()), (Some(&queued(0)), WINDOW_MAX));
        // The next look begins at the beginning, although the window is full.
        assert!(window.begin_reading(WINDOW_MAX).is_some_and(|reading| reading.after().is_none()));
    }

    #[test]
    fn d1_a_look_that_failed_is_made_again() {
        let mut window = Window::unread();
        assert!(window.begin_reading(WINDOW_MAX).is_some());
        // It failed, and nobody tells of what it would have found.
        window.look_again();
        assert!(!window.rests_until(Timestamp::default()) && window.begin_reading(WINDOW_MAX).is_some());
    }

    #[test]
    fn d6_no_more_than_the_window_is_kept_and_the_rest_is_read_on_from_its_end() {
        let mut window = Window::unread();
        let reading = window.begin_reading(WINDOW_MAX + 9).unwrap();
        window.take_in(reading, page(0..WINDOW_MAX as i64 + 9), |_| false);
        assert_eq!(window.due.len(), WINDOW_MAX);
        assert!(window.begin_reading(WINDOW_MAX).is_none(), "there is enough to do");
        // What is due after the window is left to the store, what is due within it is taken in.
        window.offer(queued(100_000));
        assert_eq!((window.due.len(), window.due.last()), (WINDOW_MAX, Some(&queued(WINDOW_MAX as i64 - 1))));
        let all: Vec<Queued> = window.due.iter().cloned().collect();
        all.iter().for_each(|queued| window.take(queued));
        let reading = window.begin_reading(WINDOW_MAX).unwrap();
        assert_eq!(reading.after(), all.last());
    }
}
