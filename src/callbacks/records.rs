//! Writing down what came of deliveries. What comes in while one commit is under way goes into the next
//! one together, whichever queues it is from: a busy node pays for a commit, its sync and its wake-up once
//! for many deliveries. Nothing waits for others to come: to gather for 2 ms spared syncs, and had the
//! deliveries of one endpoint wait for those of another (D7).
//!
//! A delivery has landed only when what came of it is durable. If a commit for many fails, nothing of
//! it has happened, and each is written down for itself, so that one's trouble is its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, warn};

use super::attempt::{Courier, Sent};
use super::delivery::Delivery;
use super::flight::{Flight, Landing};
use super::outbox::{Place, Queued};
use super::wire::Exchange;
use crate::store::{CommitError, WriteSet};

/// Deliveries of one commit, and the bytes of messages after which no more are added.
const TOGETHER_MAX: usize = 64;
const TOGETHER_BYTES_MAX: usize = 256 * 1024;

/// The first and the longest pause before a commit is tried again.
const COMMIT_PAUSE_MIN: Duration = Duration::from_millis(20);
const COMMIT_PAUSE_MAX: Duration = Duration::from_secs(5);

/// What came of a delivery that was taken up, and is not written down yet.
#[derive(Debug)]
pub(super) struct Carried {
    /// Where it was.
    pub(super) before: Place,
    /// How it is now.
    pub(super) after: Delivery,
    /// What went over the wire, if anything did.
    pub(super) sent: Option<Sent>,
    /// Whether an attempt was made, to be counted once it is written down.
    pub(super) attempted: bool,
}

/// An outcome with its commit, and the flight that lands with it.
#[derive(Debug)]
struct Waiting {
    outcome: Carried,
    flight: Flight,
    /// What writes it down, until that is tried.
    write_set: WriteSet,
    /// Where the delivery waits after that.
    next: Option<Queued>,
    bytes: usize,
}

/// What waits to be written down.
#[derive(Debug, Default)]
pub(super) struct Records {
    desk: Mutex<Desk>,
    /// Outcomes that the store did not take at the first try, and that wait for it.
    unwritten: AtomicUsize,
}

#[derive(Debug, Default)]
struct Desk {
    waiting: Vec<Waiting>,
    /// Whether somebody is writing, and takes along what waits.
    busy: bool,
}

/// What came of writing an outcome down.
enum Settled {
    /// It is durable; where the delivery waits now, if it does.
    Written(Option<Queued>),
    /// Somebody else had changed the delivery.
    Changed(Queued),
    /// The node stops, and the store has not taken it.
    Unwritten,
}

impl From<Settled> for Landing {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Written(None) => Self::Ended,
            Settled::Written(Some(queued)) | Settled::Changed(queued) => Self::Waits(queued),
            Settled::Unwritten => Self::Unsettled,
        }
    }
}

/// An outcome that waits for the store, as long as this lives.
struct Unwritten<'a>(&'a AtomicUsize);

impl<'a> Unwritten<'a> {
    fn one_more(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The turn to write. However it ends, another can have it.
struct Turn<'a> {
    records: &'a Records,
    over: bool,
}

impl Turn<'_> {
    /// What is written next; nothing when nothing waits, and then the turn is over.
    fn next(&mut self) -> Vec<Waiting> {
        let mut desk = self.records.desk();
        let count = desk.fitting();
        if count == 0 {
            (desk.busy, self.over) = (false, true);
        }
        desk.waiting.drain(..count).collect()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // Writing broke off. What waits has not landed, and its queues get to know.
        let mut desk = self.records.desk();
        desk.busy = false;
        let left = std::mem::take(&mut desk.waiting);
        drop(desk);
        drop(left);
    }
}

impl Desk {
    /// How many of those that wait fit into one commit: at least one, if any does.
    fn fitting(&self) -> usize {
        let mut bytes = 0_usize;
        let fits = self.waiting.iter().take(TOGETHER_MAX).take_while(|one| {
            let room = bytes < TOGETHER_BYTES_MAX;
            bytes = bytes.saturating_add(one.bytes);
            room
        });
        fits.count()
    }
}

impl Records {
    /// Adds one, and gives the turn to write if nobody has it.
    fn add(&self, waiting: Waiting) -> Option<Turn<'_>> {
        let mut desk = self.desk();
        desk.waiting.push(waiting);
        let mine = !std::mem::replace(&mut desk.busy, true);
        mine.then(|| Turn { records: self, over: false })
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Courier {
    /// Whether the store is not taking what must be written down. What cannot be recorded is not sent.
    pub(super) fn store_is_in_trouble(&self) -> bool {
        self.records.unwritten.load(Ordering::Relaxed) > 0
    }

    /// Writes an outcome down, and all that come in meanwhile; or leaves it to who is writing already.
    pub(super) async fn write_down(&self, outcome: Carried, flight: Flight, stop: &watch::Sender<bool>) {
        let (write_set, next) = self.prepared(&outcome, true);
        let bytes = write_set.bytes();
        let Some(mut turn) = self.records.add(Waiting { outcome, flight, write_set, next, bytes }) else { return };
        loop {
            let together = turn.next();
            if together.is_empty() {
                return;
            }
            self.write_all(together, stop).await;
        }
    }

    async fn write_all(&self, mut together: Vec<Waiting>, stop: &watch::Sender<bool>) {
        let mut all = WriteSet::new();
        together.iter_mut().for_each(|one| all.extend(std::mem::take(&mut one.write_set)));
        match self.store.commit(all).await {
            Ok(_) => {
                for Waiting { outcome, flight, next, .. } in together {
                    self.landed(&outcome, flight, Settled::Written(next));
                }
            }
            Err(error) => {
                let error = (together.len() == 1).then_some(error);
                let each = together.into_iter().map(|Waiting { outcome, flight, .. }| {
                    let error = error.clone();
                    async move {
                        let settled = self.settle(&outcome, error, stop).await;
                        self.landed(&outcome, flight, settled);
                    }
                });
                join_all(each).await;
            }
        }
    }

    fn landed(&self, outcome: &Carried, flight: Flight, settled: Settled) {
        if matches!(settled, Settled::Written(_)) && outcome.attempted {
            self.count(&outcome.after);
        }
        flight.lands(settled.into());
    }

    /// The commit of an outcome, and where the delivery waits after it.
    fn prepared(&self, outcome: &Carried, with_legs: bool) -> (WriteSet, Option<Queued>) {
        let Carried { before, after, sent, .. } = outcome;
        let (mut write_set, next) = before.settle(after);
        if let Some(sent) = sent.as_ref().filter(|_| with_legs) {
            self.legs(&mut write_set, after, sent);
        }
        (write_set, next)
    }

    /// What is to be written down of the messages of a delivery's last attempt.
    fn legs(&self, write_set: &mut WriteSet, after: &Delivery, sent: &Sent) {
        let exchange = Exchange {
            kind: after.kind,
            delivery: &after.id,
            about: &sent.about,
            attempt: after.attempts_made,
            url: &after.url,
            headers: &sent.headers,
            body: &sent.body,
            started: sent.started,
            ended: sent.ended,
            answer: sent.answer.as_ref().map_err(|error| error.detail.as_str()),
        };
        self.wire.trace(write_set, &exchange);
    }

    /// Writes one outcome down for itself, after its commit failed so (if it was alone in it). While the
    /// store takes no commits this waits, and nothing more is sent ([`Courier::store_is_in_trouble`]).
    async fn settle(&self, outcome: &Carried, failed: Option<CommitError>, stop: &watch::Sender<bool>) -> Settled {
        let after = &outcome.after;
        let mut pause = COMMIT_PAUSE_MIN;
        let (mut waiting, mut with_legs) = (None, true);
        let mut failed = failed.map(Err);
        loop {
            let (write_set, next) = self.prepared(outcome, with_legs);
            let committed = match failed.take() {
                Some(failed) => failed,
                None => self.store.commit(write_set).await,
            };
            match committed {
                Ok(_) => return Settled::Written(next),
                Err(CommitError::Expectation(_)) => {
                    // Somebody else decided about it meanwhile; the queue will show what.
                    warn!(delivery = %after.id, "a delivery was changed while it was in flight");
                    let (id, endpoint) = (after.id.clone(), after.endpoint.clone());
                    return Settled::Changed(Queued { due: self.clock.now(), id, endpoint });
                }
                // What went over the wire is worth less than that it did.
                Err(CommitError::TooLarge { .. }) if with_legs => {
                    warn!(delivery = %after.id, "the messages of an attempt are too large to be kept");
                    with_legs = false;
                    continue;
                }
                Err(error) => error!(delivery = %after.id, %error, "an attempt could not be written down"),
            }
            waiting.get_or_insert_with(|| Unwritten::one_more(&self.records.unwritten));
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(COMMIT_PAUSE_MAX),
                () = stopped(stop) => return Settled::Unwritten,
            }
        }
    }
}

/// Waits until the node stops.
pub(super) async fn stopped(stop: &watch::Sender<bool>) {
    // An error would say that the sender is gone, and it is here.
    let _ = stop.subscribe().wait_for(|stopping| *stopping).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever writes breaks off: what waits is not lost, and the next one gets the turn.
    #[test]
    fn d1_a_turn_that_breaks_off_is_over() {
        let records = Records::default();
        records.desk().busy = true;
        drop(Turn { records: &records, over: false });
        assert!(!records.desk().busy);
        records.desk().busy = true;
        // Since it ended, the turn is another's.
        drop(Turn { records: &records, over: true });
        assert!(records.desk().busy);
    }
}
