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
    pace: Pace,
}

impl Work {
    fn took_off(&mut self, flight: Id, queued: Queued) {
        self.ids.insert(queued.id.clone());
        self.by_flight.insert(flight, queued);
    }

    fn landed(&mut self, flight: &Id) -> Option<Queued> {
        let queued = self.by_flight.remove(flight)?;
        self.ids.remove(&queued.id);
        Some(queued)
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
        let mut work = Work {
            flights: JoinSet::new(),
            by_flight: HashMap::new(),
            ids: HashSet::new(),
            pace: Pace::new(self.per_second_max),
        };
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
            if work.ids.contains(&first.id) || dispatcher.holds.park(&first) {
                self.window().due.remove(&first);
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

    /// Fills the window from the store if it is empty, or if something may be missing in it.
    fn refill(&self, dispatcher: &Dispatcher, work: &Work) -> Result<(), crate::store::ReadError> {
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
        window.due.extend(page.into_iter().filter(|queued| !work.ids.contains(&queued.id)));
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
                work.landed(&id);
                if let Landing::Waits(queued) = landing {
                    dispatcher.offer(queued);
                }
            }
            Err(error) => {
                error!(endpoint = %self.endpoint, %error, "an attempt broke off");
                if let Some(queued) = work.landed(&error.id()) {
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
