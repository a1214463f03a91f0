//! The queue of one endpoint: a window of the earliest deliveries due, in memory, over what waits
//! in the store, and a task that takes them up one by one, so many at a time, while the breaker lets
//! it. Each endpoint has a task of its own, so a slow one slows nobody else (D7), and however much
//! waits, no more than the window is in memory (D6).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::attempt::Landing;
use super::breaker::Permit;
use super::dispatcher::Dispatcher;
use super::endpoint::{Endpoint, Health};
use super::outbox::{self, Queued};

/// Deliveries of one endpoint that are known in memory.
pub const WINDOW_MAX: usize = 512;

/// How long a queue with nothing in it keeps its task.
const LINGER: Duration = Duration::from_secs(30);

/// The clock may be set while the task sleeps, so it looks at least this often.
const NAP_MAX: Duration = Duration::from_secs(60);

/// How long a queue rests when the store does not read, or an attempt broke.
const TROUBLE_PAUSE: Duration = Duration::from_secs(30);

/// The queue of one endpoint.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) endpoint: Endpoint,
    pub(super) health: Arc<Health>,
    window: Mutex<Window>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Window {
    due: BTreeSet<Queued>,
    /// Whether the store may hold more than is in the window.
    more: bool,
    /// Whether the store may hold something that belongs into the window.
    stale: bool,
    in_flight: usize,
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) waiting: usize,
    pub(super) more: bool,
    pub(super) in_flight: usize,
}

/// What a task has under way.
type Flights = JoinSet<Landing>;
type InAir = HashMap<Id, Queued>;

impl Lane {
    /// A queue that first looks into the store.
    pub(super) fn new(endpoint: Endpoint, health: Arc<Health>) -> Self {
        let window = Mutex::new(Window { more: true, ..Window::default() });
        Self { endpoint, health, window, changed: Notify::new() }
    }

    /// Tells of a delivery that waits for this endpoint.
    pub(super) fn offer(&self, queued: Queued) {
        let mut window = self.window();
        // What is due after a window that does not hold all would be found in the store in its turn.
        if !window.more || window.due.last().is_some_and(|last| queued < *last) {
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
        window.due.is_empty() && !window.more && !window.stale && window.in_flight == 0
    }

    pub(super) fn load(&self) -> Load {
        let window = self.window();
        Load { waiting: window.due.len(), more: window.more, in_flight: window.in_flight }
    }

    /// The queue's task: until the node stops, or there has been nothing to do for a while.
    pub(super) async fn run(self: Arc<Self>, dispatcher: Arc<Dispatcher>, mut stop: watch::Receiver<bool>) {
        let mut flights = Flights::new();
        let mut in_air = InAir::new();
        while !*stop.borrow() {
            let until = self.take_up(&dispatcher, &mut flights, &mut in_air);
            let lingered = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                Some(landed) = flights.join_next_with_id(), if !flights.is_empty() => {
                    self.land(&dispatcher, landed, &mut in_air);
                    false
                }
                () = self.changed.notified() => false,
                () = sleep_until(until) => true,
            };
            if lingered && self.is_idle() && dispatcher.close(&self) {
                return;
            }
        }
        while let Some(landed) = flights.join_next_with_id().await {
            self.land(&dispatcher, landed, &mut in_air);
        }
    }

    /// Starts what is due and may be started. Returns when to look again, if nothing happens before.
    fn take_up(&self, dispatcher: &Arc<Dispatcher>, flights: &mut Flights, in_air: &mut InAir) -> Instant {
        let now = Instant::now();
        let nap_max = now + NAP_MAX;
        while flights.len() < dispatcher.concurrency_max {
            if let Err(error) = self.refill(dispatcher, in_air) {
                error!(endpoint = %self.endpoint, %error, "pending deliveries could not be read");
                return now + TROUBLE_PAUSE;
            }
            let Some(first) = self.window().due.first().cloned() else { return now + LINGER };
            let clock = dispatcher.courier.clock.now();
            if first.due > clock {
                return (now + first.due.since(clock)).min(nap_max);
            }
            if in_air.values().any(|queued| queued.id == first.id) || dispatcher.holds.park(&first) {
                self.window().due.remove(&first);
                continue;
            }
            let pass = match self.health.breaker.permit(now) {
                Permit::Go(pass) => pass,
                Permit::Wait(until) => return until.min(nap_max),
            };
            self.window().take(&first);
            let (dispatcher, queued) = (Arc::clone(dispatcher), first.clone());
            let flight = flights.spawn(async move {
                let stop = dispatcher.stopping();
                dispatcher.courier.carry(queued, pass, stop).await
            });
            in_air.insert(flight.id(), first);
        }
        nap_max
    }

    /// Fills the window from the store if it is empty, or if something may be missing in it.
    fn refill(&self, dispatcher: &Dispatcher, in_air: &InAir) -> Result<(), crate::store::ReadError> {
        {
            let mut window = self.window();
            if !window.stale && (!window.due.is_empty() || !window.more) {
                return Ok(());
            }
            // From here on, whatever is committed is either seen by the read below or offered.
            (window.more, window.stale) = (false, false);
        }
        let limit = WINDOW_MAX + in_air.len();
        let read = outbox::pending(&*dispatcher.courier.store, &self.endpoint, limit);
        let mut window = self.window();
        let page = read.inspect_err(|_| window.stale = true)?;
        window.more |= page.len() == limit;
        window.due.extend(page.into_iter().filter(|queued| in_air.values().all(|flying| flying.id != queued.id)));
        window.trim();
        Ok(())
    }

    /// Takes note of how an attempt ended.
    fn land(&self, dispatcher: &Arc<Dispatcher>, landed: Result<(Id, Landing), JoinError>, in_air: &mut InAir) {
        let mut window = self.window();
        window.in_flight = window.in_flight.saturating_sub(1);
        drop(window);
        match landed {
            Ok((id, landing)) => {
                in_air.remove(&id);
                if let Landing::Waits(queued) = landing {
                    dispatcher.offer(queued);
                }
            }
            Err(error) => {
                error!(endpoint = %self.endpoint, %error, "an attempt broke off");
                if let Some(queued) = in_air.remove(&error.id()) {
                    self.offer(Queued { due: dispatcher.courier.clock.now().plus(TROUBLE_PAUSE), ..queued });
                }
            }
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn take(&mut self, queued: &Queued) {
        self.due.remove(queued);
        self.in_flight += 1;
    }

    /// Leaves what is due last to the store.
    fn trim(&mut self) {
        while self.due.len() > WINDOW_MAX {
            self.due.pop_last();
            self.more = true;
        }
    }
}
