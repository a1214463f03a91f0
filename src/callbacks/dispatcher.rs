//! Brings what is pending to the queue of its endpoint, and starts and ends the queues' tasks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::error;

use crate::clock::Timestamp;
use crate::store::ReadError;

use super::attempt::Courier;
use super::endpoint::{Endpoint, Endpoints, Limits};
use super::holds::Holds;
use super::lane::Lane;
use super::outbox::{self, Queued};
use super::shares::Shares;

/// How often the store is searched for what nobody told of: its teller was cut off right after the
/// commit. That is rare, so this is a net under [`Callbacks::wake`](super::Callbacks::wake), not the
/// way in which deliveries are found.
const SEARCH_EVERY: Duration = Duration::from_secs(60);

/// A queue has a task only while something is due within this time. As it is longer than a search takes to
/// come, and by as much again, what is due later finds its queue there, even if one search fails.
const SOON: Duration = SEARCH_EVERY.saturating_mul(2);

/// All queues.
#[derive(Debug)]
pub(super) struct Dispatcher {
    pub(super) courier: Courier,
    pub(super) endpoints: Endpoints,
    pub(super) holds: Holds,
    pub(super) questions: Questions,
    limits: Limits,
    lanes: Mutex<HashMap<Endpoint, Running>>,
    stop: watch::Sender<bool>,
    runtime: Handle,
}

/// Questions at a time, of each kind.
#[derive(Debug)]
pub(super) struct Questions {
    pub(super) validations: Shares,
    pub(super) queries: Shares,
}

/// A queue and its task.
#[derive(Debug)]
struct Running {
    lane: Arc<Lane>,
    task: JoinHandle<()>,
}

impl Dispatcher {
    /// A dispatcher without queues, in the runtime that calls it.
    pub(super) fn new(courier: Courier, endpoints: Endpoints, limits: Limits, questions: Questions) -> Arc<Self> {
        Arc::new(Self {
            courier,
            endpoints,
            holds: Holds::default(),
            questions,
            limits,
            lanes: Mutex::default(),
            stop: watch::Sender::new(false),
            runtime: Handle::current(),
        })
    }

    /// Starts a queue for each endpoint that has something due soon, and looks for more from now on.
    pub(super) fn take_up_pending(self: &Arc<Self>) -> Result<(), ReadError> {
        self.search()?;
        self.runtime.spawn(Arc::clone(self).end_holds());
        self.runtime.spawn(Arc::clone(self).search_on());
        Ok(())
    }

    /// Has the queue of each endpoint that has something due soon look into the store.
    fn search(self: &Arc<Self>) -> Result<(), ReadError> {
        for endpoint in outbox::endpoints(&*self.courier.store, self.soon()) {
            self.with_lane(endpoint?, Lane::look_again);
        }
        Ok(())
    }

    /// Brings a delivery to its queue.
    pub(super) fn offer(self: &Arc<Self>, queued: Queued) {
        self.with_lane(queued.endpoint.clone(), |lane| lane.offer(queued));
    }

    /// Ends a hold.
    pub(super) fn release(self: &Arc<Self>, id: &super::DeliveryId) {
        if let Some(queued) = self.holds.release(id) {
            self.offer(queued);
        }
    }

    /// Ends the task of a queue, unless there is something to do soon. Under the lock under which
    /// deliveries are offered, so none comes to a queue that has ended.
    pub(super) fn close(&self, lane: &Lane) -> bool {
        let mut lanes = self.lanes();
        let rests = lane.rests_until(self.soon());
        if rests {
            lanes.remove(&lane.endpoint);
        }
        rests
    }

    fn soon(&self) -> Timestamp {
        self.courier.clock.now().plus(SOON)
    }

    /// Turns true when the node stops.
    pub(super) fn stop_signal(&self) -> &watch::Sender<bool> {
        &self.stop
    }

    /// Whether the node stops.
    pub(super) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// The queues as they are.
    pub(super) fn each_lane<T>(&self, look: impl Fn(&Lane) -> T) -> Vec<T> {
        self.lanes().values().map(|running| look(&running.lane)).collect()
    }

    /// Starts nothing more, and waits for what is in flight.
    pub(super) async fn stop(&self) {
        self.stop.send_replace(true);
        let running: Vec<Running> = self.lanes().drain().map(|(_, running)| running).collect();
        running.iter().for_each(|running| running.lane.look_up());
        for Running { task, .. } in running {
            // A task that broke has nothing in flight any more.
            let _ = task.await;
        }
    }

    fn with_lane(self: &Arc<Self>, endpoint: Endpoint, with: impl FnOnce(&Lane)) {
        let mut lanes = self.lanes();
        if self.is_stopping() {
            return;
        }
        let running = lanes.entry(endpoint.clone()).or_insert_with(|| {
            let health = self.endpoints.health(&endpoint);
            let limit = self.limits.towards(&endpoint);
            let lane = Arc::new(Lane::new(endpoint, health, limit));
            let task = Arc::clone(&lane).run(Arc::clone(self));
            Running { lane, task: self.runtime.spawn(task) }
        });
        with(&running.lane);
    }

    async fn end_holds(self: Arc<Self>) {
        let mut stop = self.stop.subscribe();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                ended = self.holds.next_end() => if let Some(queued) = ended {
                    self.offer(queued);
                }
            }
        }
    }

    async fn search_on(self: Arc<Self>) {
        let mut stop = self.stop.subscribe();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep(SEARCH_EVERY) => {}
            }
            // On a thread of its own: it reads once for each endpoint, and there may be many.
            let all = Arc::clone(&self);
            match self.runtime.spawn_blocking(move || all.search()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => error!(%error, "the outbox could not be searched"),
                Err(error) => error!(%error, "the search of the outbox broke off"),
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<Endpoint, Running>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
