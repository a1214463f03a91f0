//! The queue of one endpoint: a window of the earliest deliveries due, in memory, over what waits
//! in the store, and a task that takes them up one by one, so many at a time and in a second, while
//! the breaker lets it. Each endpoint has a task of its own, so a slow one slows nobody else (D7),
//! and however much waits, no more than the window is in memory (D6).
//!
//! A call holds one of the endpoint's [`Slot`]s until it has its answer. What came of it is written
//! down after that, many outcomes to one sync of the disk, while the next call is under way.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
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
    arrivals: Mutex<Arrivals>,
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
    /// The deliveries, each with what came up of it while it was under way: it may be on its way anew,
    /// and its flight is done but has not landed.
    under_way: HashMap<DeliveryId, Option<Queued>>,
    /// How many of them have something that came up.
    passed_over: usize,
    pace: Pace,
}

impl Work {
    fn new(per_second_max: u32) -> Self {
        Self { under_way: HashMap::new(), passed_over: 0, pace: Pace::new(per_second_max) }
    }

    fn took_off(&mut self, id: DeliveryId) {
        self.under_way.insert(id, None);
    }

    /// Whether a delivery is under way. What came up of it is kept until it lands.
    fn passes_over(&mut self, queued: &Queued) -> bool {
        let Some(came_up) = self.under_way.get_mut(&queued.id) else { return false };
        if came_up.replace(queued.clone()).is_none() {
            self.passed_over += 1;
        }
        true
    }

    /// Whether something can go on only when a delivery has landed.
    fn waits_for_a_landing(&self) -> bool {
        self.passed_over > 0 || self.under_way.len() >= UNSETTLED_MAX
    }

    /// What came up of a delivery while it was under way, now that it has landed.
    fn landed(&mut self, queued: &Queued) -> Option<Queued> {
        let came_up = self.under_way.remove(&queued.id).flatten()?;
        self.passed_over = self.passed_over.saturating_sub(1);
        (came_up != *queued).then_some(came_up)
    }
}

/// A delivery under way. However it ends, the queue gets to know.
struct Flight {
    lane: Arc<Lane>,
    queued: Queued,
    /// None as long as it is under way, and for good if it broke off.
    landing: Option<Landing>,
}

impl Flight {
    fn lands(mut self, landing: Landing) {
        self.landing.replace(landing);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let nobody_waits = self.landing == Some(Landing::Ended);
        let mut arrivals = self.lane.arrivals();
        arrivals.landed.push((self.queued.clone(), self.landing.take()));
        let wake = arrivals.awaited || !nobody_waits;
        drop(arrivals);
        if wake {
            self.lane.changed.notify_one();
        }
    }
}

/// Flights that have ended, and that the queue's task has not yet taken note of.
#[derive(Debug, Default)]
struct Arrivals {
    landed: Vec<(Queued, Option<Landing>)>,
    /// Whether the task waits for any to end. A delivery that has arrived is nothing to get up for
    /// otherwise: the next answer brings the task here soon enough.
    awaited: bool,
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
            arrivals: Mutex::default(),
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
    pub(super) async fn run(self: Arc<Self>, dispatcher: Arc<Dispatcher>) {
        let mut work = Work::new(self.per_second_max);
        let nap = sleep_until(Instant::now());
        tokio::pin!(nap);
        while !dispatcher.is_stopping() {
            self.land(&dispatcher, &mut work);
            let until = self.take_up(&dispatcher, &mut work);
            self.await_landings(work.waits_for_a_landing());
            // To set the timer anew each time costs more than to wake up once too early.
            if until < nap.deadline() || nap.is_elapsed() {
                nap.as_mut().reset(until);
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = nap.as_mut() => {
                    self.land(&dispatcher, &mut work);
                    if Instant::now() >= until && self.is_idle() && dispatcher.close(&self) {
                        return;
                    }
                }
            }
        }
        self.await_landings(true);
        self.land(&dispatcher, &mut work);
        while !work.under_way.is_empty() {
            self.changed.notified().await;
            self.land(&dispatcher, &mut work);
        }
    }

    /// Whether the task is to be woken by each flight that ends from now on.
    fn await_landings(&self, awaited: bool) {
        let mut arrivals = self.arrivals();
        arrivals.awaited = awaited;
        // What ended before has woken nobody.
        if awaited && !arrivals.landed.is_empty() {
            self.changed.notify_one();
        }
    }

    /// Has the task look whether the node stops.
    pub(super) fn look_up(&self) {
        self.changed.notify_one();
    }

    /// Starts what is due and may be started. Returns when to look again, if nothing happens before.
    fn take_up(self: &Arc<Self>, dispatcher: &Arc<Dispatcher>, work: &mut Work) -> Instant {
        let now = Instant::now();
        let nap_max = now + NAP_MAX;
        while self.calls() < self.width.now() && self.may_begin(dispatcher, work) {
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
            work.took_off(first.id.clone());
            let flight = Flight { lane: Arc::clone(self), queued: first, landing: None };
            let (slot, dispatcher) = (self.slot(), Arc::clone(dispatcher));
            tokio::spawn(async move {
                let landing = dispatcher.courier.carry(&flight.queued, pass, slot, dispatcher.stop_signal()).await;
                flight.lands(landing);
            });
        }
        nap_max
    }

    /// Whether one more may be under way.
    fn may_begin(&self, dispatcher: &Arc<Dispatcher>, work: &mut Work) -> bool {
        if work.under_way.len() >= UNSETTLED_MAX {
            self.land(dispatcher, work);
        }
        work.under_way.len() < UNSETTLED_MAX
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
        let limit = WINDOW_MAX + work.under_way.len();
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

    /// Takes note of how attempts ended.
    fn land(&self, dispatcher: &Arc<Dispatcher>, work: &mut Work) {
        let landed = std::mem::take(&mut self.arrivals().landed);
        if landed.is_empty() {
            return;
        }
        let mut window = self.window();
        window.unsettled = window.unsettled.saturating_sub(landed.len());
        drop(window);
        for (queued, landing) in landed {
            let again = work.landed(&queued);
            let waits = match landing {
                Some(Landing::Waits(queued)) => Some(queued),
                Some(Landing::Ended | Landing::Unsettled) => None,
                None => {
                    error!(endpoint = %self.endpoint, delivery = %queued.id, "an attempt broke off");
                    Some(Queued { due: dispatcher.courier.clock.now().plus(TROUBLE_PAUSE), ..queued })
                }
            };
            waits.into_iter().chain(again).for_each(|queued| dispatcher.offer(queued));
        }
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
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
    use futures_util::FutureExt as _;

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

    /// What came up of a delivery under way comes to its turn when that lands, and not at the next look
    /// at the store; whichever is first, its end or that the task waits for it.
    #[test]
    fn d1_a_flight_whose_delivery_came_up_again_wakes_its_queue() {
        let ends = |lane: &Arc<Lane>, number| {
            Flight { lane: Arc::clone(lane), queued: queued(number), landing: None }.lands(Landing::Ended)
        };
        let woken = |lane: &Lane| lane.changed.notified().now_or_never().is_some();
        for ends_first in [false, true] {
            let (lane, holds, mut work) = (Arc::new(lane()), Holds::default(), Work::new(1000));
            work.took_off(queued(1).id);
            lane.await_landings(work.waits_for_a_landing());
            assert!(lane.set_aside(&queued(2), &holds, &mut work));
            if ends_first {
                ends(&lane, 1);
                assert!(!woken(&lane));
            }
            lane.await_landings(work.waits_for_a_landing());
            if !ends_first {
                // Another one's end changes nothing about that.
                ends(&lane, 7);
                assert!(woken(&lane));
                ends(&lane, 1);
            }
            assert!(woken(&lane), "ends first: {ends_first}");
            assert_eq!(work.landed(&queued(1)), Some(queued(2)));
            assert!(!work.waits_for_a_landing());
        }
    }

    /// It was delivered, and is sent once more before its flight is known to have ended.
    #[test]
    fn d1_what_is_replayed_as_its_flight_lands_is_not_lost() {
        let (lane, holds, mut work) = (lane(), Holds::default(), Work::new(1000));
        work.took_off(queued(1).id);
        // The same again is nothing new.
        assert!(lane.set_aside(&queued(1), &holds, &mut work));
        assert_eq!(work.landed(&queued(1)), None);

        work.took_off(queued(1).id);
        lane.offer(queued(2));
        assert!(lane.set_aside(&queued(2), &holds, &mut work) && lane.window().due.is_empty());
        assert_eq!(work.landed(&queued(1)), Some(queued(2)));
        lane.offer(queued(2));
        assert!(!lane.set_aside(&queued(2), &holds, &mut work));
    }
}
