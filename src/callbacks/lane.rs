//! The queue of one endpoint: a window of the earliest deliveries due, in memory, over what waits
//! in the store, and a task that takes them up one by one, so many at a time and in a second, while
//! the breaker lets it. Each endpoint has a task of its own, so a slow one slows nobody else (D7),
//! and however much waits, no more than the window is in memory (D6).
//!
//! A call holds one of the endpoint's [`Slot`]s until it has its answer. What came of it is written
//! down after that, many outcomes to one sync of the disk, while the next call is under way.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::breaker::Permit;
use super::dispatcher::Dispatcher;
use super::endpoint::{Endpoint, Health, Limit};
use super::flight::{Arrivals, Flight, Landing, UNSETTLED_MAX, Work};
use super::holds::Holds;
use super::outbox::{self, Queued};
use super::verdict::Condition;
use super::width::Width;
use super::window::{WINDOW_MAX, Window};
use crate::clock::Timestamp;

/// How long a queue with nothing in it keeps its task.
const LINGER: Duration = Duration::from_secs(30);

/// The clock may be set while the task sleeps, so it looks at least this often.
const NAP_MAX: Duration = Duration::from_secs(60);

/// How long a queue rests when the store does not read, or an attempt broke.
const TROUBLE_PAUSE: Duration = Duration::from_secs(30);

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
    /// Deliveries that took their turn and called nobody, since the task last looked. Anybody may name this
    /// endpoint, and who may not call it does not take what its owner is due (D7).
    uncalled: AtomicU32,
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
        if condition == Condition::Unknown {
            self.0.uncalled.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_one();
    }
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) waiting: usize,
    pub(super) more: bool,
    pub(super) in_flight: usize,
}

impl Lane {
    /// A queue that first looks into the store.
    pub(super) fn new(endpoint: Endpoint, health: Arc<Health>, limit: Limit) -> Self {
        let window = Mutex::new(Window::unread());
        let width = Width::new(limit.concurrency_max);
        Self {
            endpoint,
            health,
            width,
            per_second_max: limit.per_second_max,
            window,
            calls: AtomicUsize::new(0),
            uncalled: AtomicU32::new(0),
            arrivals: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Tells of a delivery that waits for this endpoint.
    pub(super) fn offer(&self, queued: Queued) {
        self.window().offer(queued);
        self.changed.notify_one();
    }

    /// Tells that the store may hold what nobody told of.
    pub(super) fn look_again(&self) {
        self.window().look_again();
        self.changed.notify_one();
    }

    /// Whether there is nothing to do until then.
    pub(super) fn rests_until(&self, then: Timestamp) -> bool {
        self.window().rests_until(then)
    }

    /// How full it is.
    pub(super) fn load(&self) -> Load {
        let window = self.window();
        Load { waiting: window.due.len(), more: window.more, in_flight: self.calls() }
    }

    /// The queue's task: until the node stops, or there was nothing to do for a while and will be nothing
    /// soon. What is due later waits in the store alone (D6).
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
                    if Instant::now() >= until && dispatcher.close(&self) {
                        return;
                    }
                }
            }
        }
        self.await_landings(true);
        self.land(&dispatcher, &mut work);
        while work.count() > 0 {
            self.changed.notified().await;
            self.land(&dispatcher, &mut work);
        }
    }

    /// Whether the task is to be woken by each flight that ends from now on.
    fn await_landings(&self, awaited: bool) {
        if self.arrivals().await_them(awaited) {
            self.changed.notify_one();
        }
    }

    /// A flight has ended.
    pub(super) fn landed(&self, queued: Queued, landing: Option<Landing>) {
        if self.arrivals().add(queued, landing) {
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
        work.pace.give_back(self.uncalled.swap(0, Ordering::Relaxed));
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
            let flight = Flight::begin(Arc::clone(self), first);
            let (slot, dispatcher) = (self.slot(), Arc::clone(dispatcher));
            // Boxed, since the runtime moves what it is given about, and a delivery under way is large.
            tokio::spawn(Box::pin(async move {
                dispatcher.courier.carry(flight, pass, slot, dispatcher.stop_signal()).await;
            }));
        }
        nap_max
    }

    /// Whether one more may be under way.
    fn may_begin(&self, dispatcher: &Arc<Dispatcher>, work: &mut Work) -> bool {
        if work.count() >= UNSETTLED_MAX {
            self.land(dispatcher, work);
        }
        work.count() < UNSETTLED_MAX
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
        let Some(reading) = self.window().begin_reading(WINDOW_MAX + work.count()) else { return Ok(()) };
        let read = outbox::pending(&*dispatcher.courier.store, &self.endpoint, reading.after(), reading.limit());
        let mut window = self.window();
        match read {
            Ok(page) => window.take_in(reading, page, |queued| work.passes_over(queued)),
            Err(error) => {
                window.look_again();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes note of how attempts ended.
    fn land(&self, dispatcher: &Arc<Dispatcher>, work: &mut Work) {
        let landed = self.arrivals().take();
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::callbacks::DeliveryId;
    use crate::callbacks::endpoint::Endpoints;
    use crate::clock::Timestamp;

    fn lane() -> Lane {
        let endpoint = Endpoint::of("https://duka.example/");
        let health = Endpoints::new(5, Duration::from_secs(30)).health(&endpoint);
        let lane = Lane::new(endpoint, health, Limit { concurrency_max: 8, per_second_max: 1000 });
        // It knows that the store has nothing.
        *lane.window() = Window::default();
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
        let ends = |lane: &Arc<Lane>, number| Flight::begin(Arc::clone(lane), queued(number)).lands(Landing::Ended);
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
