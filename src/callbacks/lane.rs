//! The queue of one endpoint: a window of the earliest deliveries due, in memory, over what waits
//! in the store, and a task that takes them up one by one, so many at a time and in a second, while
//! the breaker lets it. Each endpoint has a task of its own, so a slow one slows nobody else (D7),
//! and however much waits, no more than the window is in memory (D6).
//!
//! A call holds one of the endpoint's [`Slot`]s until it has its answer. What came of it is written
//! down after that, many outcomes to one sync of the disk, while the next call is under way.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::attempt::Landing;
use super::breaker::Permit;
use super::delivery::DeliveryId;
use super::dispatcher::Dispatcher;
use super::endpoint::{Endpoint, Health, Limit};
use super::holds::Holds;
use super::outbox::{self, Queued};
use super::pace::Pace;
use super::verdict::Condition;
use super::width::Width;

/// Deliveries of one endpoint that are known in memory.
pub const WINDOW_MAX: usize = 512;

/// How long a queue with nothing in it keeps its task.
const LINGER: Duration = Duration::from_secs(30);

/// The clock may be set while the task sleeps, so it looks at least this often.
const NAP_MAX: Duration = Duration::from_secs(60);

/// How long a queue rests when the store does not read, or an attempt broke.
const TROUBLE_PAUSE: Duration = Duration::from_secs(30);

/// Deliveries of one endpoint that are under way or were answered and are not yet written down.
const UNSETTLED_MAX: usize = 128;

/// How soon a queue looks again whether the store takes commits.
const STORE_LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The queue of one endpoint.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) endpoint: Endpoint,
    pub(super) health: Arc<Health>,
    width: Width,
    per_second_max: u32,
    window: Mutex<Window>,
    calls: AtomicUsize,
    changed: Notify,
}

/// The leave for one call to an endpoint, given back when the call has its answer.
#[derive(Debug)]
pub(super) struct Slot(Arc<Lane>);

impl Slot {
    /// Tells how the call went.
    pub(super) fn heard(&self, condition: Condition) {
        self.0.width.heard(condition);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_one();
    }
}

#[derive(Debug, Default)]
struct Window {
    due: BTreeSet<Queued>,
    /// Whether the store may hold more than is in the window.
    more: bool,
    /// Whether the store may hold something that belongs into the window.
    stale: bool,
    /// The last one that was read from the store: what is up to it is in the window, under way, or
    /// ended. Who read on from the beginning would pass everything that was delivered meanwhile,
    /// again and again, before the first that is pending.
    read_to: Option<Queued>,
    /// Taken up, and not yet written down.
    unsettled: usize,
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) waiting: usize,
    pub(super) more: bool,
    pub(super) in_flight: usize,
}

/// What a task has under way.
struct Work {
    flights: JoinSet<Landing>,
    by_flight: HashMap<Id, Queued>,
    /// The same by their ids, for who asks whether a delivery is under way.
    ids: HashSet<DeliveryId>,
    /// What came up of a delivery while it was under way: it may be on its way anew, and its flight is
    /// done but has not landed.
    passed_over: HashMap<DeliveryId, Queued>,
    pace: Pace,
}

impl Work {
    fn new(per_second_max: u32) -> Self {
        Self {
            flights: JoinSet::new(),
            by_flight: HashMap::new(),
            ids: HashSet::new(),
            passed_over: HashMap::new(),
            pace: Pace::new(per_second_max),
        }
    }

    fn took_off(&mut self, flight: Id, queued: Queued) {
        self.ids.insert(queued.id.clone());
        self.by_flight.insert(flight, queued);
    }

    /// Whether a delivery is under way. What came up of it is kept until it lands.
    fn passes_over(&mut self, queued: &Queued) -> bool {
        let is_under_way = self.ids.contains(&queued.id);
        if is_under_way {
            self.passed_over.insert(queued.id.clone(), queued.clone());
        }
        is_under_way
    }

    /// What landed, and what came up of the same delivery meanwhile.
    fn landed(&mut self, flight: &Id) -> Option<(Queued, Option<Queued>)> {
        let queued = self.by_flight.remove(flight)?;
        self.ids.remove(&queued.id);
        let again = self.passed_over.remove(&queued.id).filter(|again| *again != queued);
        Some((queued, again))
    }
}

impl Lane {
    /// A queue that first looks into the store.
    pub(super) fn new(endpoint: Endpoint, health: Arc<Health>, limit: Limit) -> Self {
        let window = Mutex::new(Window { more: true, ..Window::default() });
        let width = Width::new(limit.concurrency_max);
        Self {
            endpoint,
            health,
            width,
            per_second_max: limit.per_second_max,
            window,
            calls: AtomicUsize::new(0),
            changed: Notify::new(),
        }
    }

    /// Tells of a delivery that waits for this endpoint.
    pub(super) fn offer(&self, queued: Queued) {
        let mut window = self.window();
        // What is due after a window that does not hold all will be found in the store in its turn.
        let found_later = window.more && (window.stale || window.read_to.as_ref().is_none_or(|last| queued > *last));
        if !found_later || window.due.last().is_some_and(|last| queued < *last) {
            window.due.insert(queued);
            window.trim();
        }
        drop(window);
        self.changed.notify_one();
    }

    /// Tells that the store may hold what nobody told of.
    pub(super) fn look_again(&self) {
        self.window().stale = true;
        self.changed.notify_one();
    }

    /// Whether there is nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        let window = self.window();
        window.due.is_empty() && !window.more && !window.stale && window.unsettled == 0
    }

    /// How full it is.
    pub(super) fn load(&self) -> Load {
        let window = self.window();
        Load { waiting: window.due.len(), more: window.more, in_flight: self.calls() }
    }

    /// The queue's task: until the node stops, or there has been nothing to do for a while.
    pub(super) async fn run(self: Arc<Self>, dispatcher: Arc<Dispatcher>, mut stop: watch::Receiver<bool>) {
        let mut work = Work::new(self.per_second_max);
        while !*stop.borrow() {
            let until = self.take_up(&dispatcher, &mut work);
            let lingered = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                Some(landed) = work.flights.join_next_with_id(), if !work.flights.is_empty() => {
                    self.land(&dispatcher, landed, &mut work);
                    false
                }
                () = self.changed.notified() => false,
                () = sleep_until(until) => true,
            };
            if lingered && self.is_idle() && dispatcher.close(&self) {
                return;
            }
        }
        while let Some(landed) = work.flights.join_next_with_id().await {
            self.land(&dispatcher, landed, &mut work);
        }
    }

    /// Starts what is due and may be started. Returns when to look again, if nothing happens before.
    fn take_up(self: &Arc<Self>, dispatcher: &Arc<Dispatcher>, work: &mut Work) -> Instant {
        let now = Instant::now();
        let nap_max = now + NAP_MAX;
        while self.calls() < self.width.now() && work.flights.len() < UNSETTLED_MAX {
            if dispatcher.courier.store_is_in_trouble() {
                return now + STORE_LOOK_AGAIN;
            }
            if let Err(error) = self.refill(dispatcher, work) {
                error!(endpoint = %self.endpoint, %error, "pending deliveries could not be read");
                return now + TROUBLE_PAUSE;
            }
            let Some(first) = self.window().due.first().cloned() else { return now + LINGER };
            let clock = dispatcher.courier.clock.now();
            if first.due > clock {
                return (now + first.due.since(clock)).min(nap_max);
            }
            if self.set_aside(&first, &dispatcher.holds, work) {
                continue;
            }
            if let Some(until) = work.pace.wait(now) {
                return until.min(nap_max);
            }
            let pass = match self.health.breaker.permit(now) {
                Permit::Go(pass) => pass,
                Permit::Wait(until) => return until.min(nap_max),
            };
            work.pace.spend(now);
            self.window().take(&first);
            let (slot, dispatcher, queued) = (self.slot(), Arc::clone(dispatcher), first.clone());
            let flight = work.flights.spawn(async move {
                let stop = dispatcher.stopping();
                dispatcher.courier.carry(queued, pass, slot, stop).await
            });
            work.took_off(flight.id(), first);
        }
        nap_max
    }

    /// Whether a delivery cannot be taken up now, since it is under way or held. It has left the window
    /// then, and comes again when its flight lands or its hold ends.
    fn set_aside(&self, first: &Queued, holds: &Holds, work: &mut Work) -> bool {
        // Under one lock: a hold that ends as soon as it is parked here offers it at once, and that must
        // not be taken out.
        let mut window = self.window();
        let aside = work.passes_over(first) || holds.park(first);
        if aside {
            window.due.remove(first);
        }
        aside
    }

    /// Fills the window from the store if it is empty, or if something may be missing in it.
    fn refill(&self, dispatcher: &Dispatcher, work: &mut Work) -> Result<(), crate::store::ReadError> {
        let read_to = {
            let mut window = self.window();
            if !window.stale && (!window.due.is_empty() || !window.more) {
                return Ok(());
            }
            let from_the_beginning = window.stale;
            // From here on, whatever is committed is either seen by the read below or offered.
            (window.more, window.stale) = (false, false);
            window.read_to.take().filter(|_| !from_the_beginning)
        };
        let limit = WINDOW_MAX + work.ids.len();
        let read = outbox::pending(&*dispatcher.courier.store, &self.endpoint, read_to.as_ref(), limit);
        let mut window = self.window();
        let page = read.inspect_err(|_| window.stale = true)?;
        // So much was offered meanwhile that some was left to the store, where the read may have passed it.
        window.stale |= window.more;
        window.more |= page.len() == limit;
        window.read_to = page.last().cloned().or(read_to);
        window.due.extend(page.into_iter().filter(|queued| !work.passes_over(queued)));
        window.trim();
        Ok(())
    }

    /// Takes note of how an attempt ended.
    fn land(&self, dispatcher: &Arc<Dispatcher>, landed: Result<(Id, Landing), JoinError>, work: &mut Work) {
        let mut window = self.window();
        window.unsettled = window.unsettled.saturating_sub(1);
        drop(window);
        match landed {
            Ok((id, landing)) => {
                let again = work.landed(&id).and_then(|(_, again)| again);
                let waits = match landing {
                    Landing::Waits(queued) => Some(queued),
                    Landing::Ended | Landing::Unsettled => None,
                };
                waits.into_iter().chain(again).for_each(|queued| dispatcher.offer(queued));
            }
            Err(error) => {
                error!(endpoint = %self.endpoint, %error, "an attempt broke off");
                if let Some((queued, _)) = work.landed(&error.id()) {
                    self.offer(Queued { due: dispatcher.courier.clock.now().plus(TROUBLE_PAUSE), ..queued });
                }
            }
        }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Takes the leave for one more call. Only the queue's task does, so that what it counted stays
    /// true until it is done.
    fn slot(self: &Arc<Self>) -> Slot {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Slot(Arc::clone(self))
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn take(&mut self, queued: &Queued) {
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
    use crate::callbacks::endpoint::Endpoints;
    use crate::clock::Timestamp;

    fn lane() -> Lane {
        let endpoint = Endpoint::of("https://duka.example/");
        let health = Endpoints::new(5, Duration::from_secs(30)).health(&endpoint);
        let lane = Lane::new(endpoint, health, Limit { concurrency_max: 8, per_second_max: 1000 });
        // It knows that the store has nothing.
        lane.window().more = false;
        lane
    }

    fn queued(due_seconds: i64) -> Queued {
        let (due, id) = (Timestamp::from_seconds(due_seconds), DeliveryId::from_text("msg"));
        Queued { due, id, endpoint: Endpoint::of("https://duka.example/") }
    }

    /// A hold that ends right after it was parked offers it again. Were the window free between the two
    /// steps, that would be taken out by the second one, and nobody would know of it any more.
    #[test]
    fn d1_a_held_delivery_is_parked_and_leaves_the_window_in_one_step() {
        let (lane, holds, first) = (lane(), Holds::default(), queued(1));
        holds.hold(&first.id);
        lane.offer(first.clone());
        let somebody_offers = lane.window();
        std::thread::scope(|threads| {
            let queue = threads.spawn(|| lane.set_aside(&first, &holds, &mut Work::new(1000)));
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(100) {
                assert!(!holds.has_parked(&first.id), "it was parked while another had the window");
                std::thread::yield_now();
            }
            drop(somebody_offers);
            assert!(queue.join().unwrap());
        });
        assert!(holds.has_parked(&first.id) && lane.window().due.is_empty());
        holds.release(&first.id).into_iter().for_each(|queued| lane.offer(queued));
        assert!(lane.window().due.contains(&first));
    }

    /// It was delivered, and is sent once more before its flight is known to have ended.
    #[tokio::test]
    async fn d1_what_is_replayed_as_its_flight_lands_is_not_lost() {
        let (lane, holds, mut work) = (lane(), Holds::default(), Work::new(1000));
        let flight = work.flights.spawn(async { Landing::Ended }).id();
        work.took_off(flight, queued(1));
        // The same again is nothing new.
        assert!(lane.set_aside(&queued(1), &holds, &mut work));
        assert_eq!(work.landed(&flight), Some((queued(1), None)));

        work.took_off(flight, queued(1));
        lane.offer(queued(2));
        assert!(lane.set_aside(&queued(2), &holds, &mut work) && lane.window().due.is_empty());
        assert_eq!(work.landed(&flight), Some((queued(1), Some(queued(2)))));
        lane.offer(queued(2));
        assert!(!lane.set_aside(&queued(2), &holds, &mut work));
    }
}
