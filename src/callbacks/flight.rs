//! Deliveries under way: each a [`Flight`] that lands once what came of it is written down, and what the
//! task of a queue knows of them meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use super::delivery::DeliveryId;
use super::lane::Lane;
use super::outbox::Queued;
use super::pace::Pace;

/// Deliveries of one endpoint that are under way or were answered and are not yet written down.
pub(super) const UNSETTLED_MAX: usize = 128;

/// Where a delivery is after it was taken up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// Nothing more is to be done about it.
    Ended,
    /// It waits, in this endpoint's queue or another's.
    Waits(Queued),
    /// What came of the attempt could not be written down before the node stopped; when it starts
    /// again, the delivery is due.
    Unsettled,
}

/// A delivery under way. However it ends, the queue gets to know.
#[derive(Debug)]
pub(super) struct Flight {
    lane: Arc<Lane>,
    queued: Queued,
    /// None as long as it is under way, and for good if it broke off.
    landing: Option<Landing>,
}

impl Flight {
    /// A delivery of this queue takes off.
    pub(super) fn begin(lane: Arc<Lane>, queued: Queued) -> Self {
        Self { lane, queued, landing: None }
    }

    /// What is delivered.
    pub(super) fn queued(&self) -> &Queued {
        &self.queued
    }

    /// It is known where the delivery is now.
    pub(super) fn lands(mut self, landing: Landing) {
        self.landing.replace(landing);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.lane.landed(self.queued.clone(), self.landing.take());
    }
}

/// Flights that have ended, and that the queue's task has not yet taken note of.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    landed: Vec<(Queued, Option<Landing>)>,
    /// Whether the task waits for any to end. A delivery that has arrived is nothing to get up for
    /// otherwise: the next answer brings the task here soon enough.
    awaited: bool,
}

impl Arrivals {
    /// One has ended. Whether the task is to be woken.
    pub(super) fn add(&mut self, queued: Queued, landing: Option<Landing>) -> bool {
        let nobody_waits = landing == Some(Landing::Ended);
        self.landed.push((queued, landing));
        self.awaited || !nobody_waits
    }

    /// Whether the task waits from now on. True if it is to look at once: what ended before has woken
    /// nobody.
    pub(super) fn await_them(&mut self, awaited: bool) -> bool {
        self.awaited = awaited;
        awaited && !self.landed.is_empty()
    }

    /// All that ended since the last time.
    pub(super) fn take(&mut self) -> Vec<(Queued, Option<Landing>)> {
        std::mem::take(&mut self.landed)
    }
}

/// What a task has under way.
pub(super) struct Work {
    /// The deliveries, each with what came up of it while it was under way: it may be on its way anew,
    /// and its flight is done but has not landed.
    under_way: HashMap<DeliveryId, Option<Queued>, foldhash::fast::RandomState>,
    /// How many of them have something that came up.
    passed_over: usize,
    pub(super) pace: Pace,
}

impl Work {
    /// Nothing, at this pace.
    pub(super) fn new(per_second_max: u32) -> Self {
        Self { under_way: HashMap::default(), passed_over: 0, pace: Pace::new(per_second_max) }
    }

    /// How many are under way.
    pub(super) fn count(&self) -> usize {
        self.under_way.len()
    }

    /// One takes off.
    pub(super) fn took_off(&mut self, id: DeliveryId) {
        self.under_way.insert(id, None);
    }

    /// Whether a delivery is under way. What came up of it is kept until it lands.
    pub(super) fn passes_over(&mut self, queued: &Queued) -> bool {
        let Some(came_up) = self.under_way.get_mut(&queued.id) else { return false };
        if came_up.replace(queued.clone()).is_none() {
            self.passed_over += 1;
        }
        true
    }

    /// Whether something can go on only when a delivery has landed.
    pub(super) fn waits_for_a_landing(&self) -> bool {
        self.passed_over > 0 || self.under_way.len() >= UNSETTLED_MAX
    }

    /// What came up of a delivery while it was under way, now that it has landed.
    pub(super) fn landed(&mut self, queued: &Queued) -> Option<Queued> {
        let came_up = self.under_way.remove(&queued.id).flatten()?;
        self.passed_over = self.passed_over.saturating_sub(1);
        (came_up != *queued).then_some(came_up)
    }
}
