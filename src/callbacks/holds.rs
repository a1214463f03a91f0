//! D3: no result before its answer. A delivery that is held is not sent until it is released, or
//! until the hold has lasted [`HOLD_MAX`]: a caller who never reads its answer holds up nothing for
//! good. Holds live in memory only, since after a restart no answer is left to wait for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::delivery::DeliveryId;
use super::outbox::Queued;

/// How long a hold lasts at most.
pub const HOLD_MAX: Duration = Duration::from_secs(5);

/// The deliveries that are held.
#[derive(Debug, Default)]
pub(super) struct Holds {
    held: Mutex<Held>,
    first: Notify,
}

#[derive(Debug, Default)]
struct Held {
    /// Those that are held, with what the dispatcher wanted to send meanwhile.
    parked: HashMap<DeliveryId, Option<Queued>>,
    /// When they end. All last equally long, so the first to begin is the first to end.
    ends: VecDeque<(Instant, DeliveryId)>,
}

impl Holds {
    /// Holds a delivery from now on.
    pub(super) fn hold(&self, id: &DeliveryId) {
        let mut held = self.held();
        if held.parked.insert(id.clone(), None).is_none() {
            held.ends.push_back((Instant::now() + HOLD_MAX, id.clone()));
            if held.ends.len() == 1 {
                self.first.notify_one();
            }
        }
    }

    /// Keeps a delivery back if it is held; it is given out again by [`Holds::release`] or
    /// [`Holds::next_end`].
    pub(super) fn park(&self, queued: &Queued) -> bool {
        match self.held().parked.get_mut(&queued.id) {
            Some(parked) => {
                *parked = Some(queued.clone());
                true
            }
            None => false,
        }
    }

    /// Ends a hold, and gives what was kept back.
    pub(super) fn release(&self, id: &DeliveryId) -> Option<Queued> {
        let mut held = self.held();
        let parked = held.parked.remove(id).flatten();
        // What was released leaves the queue of ends when it comes to the front, or when it makes
        // up most of the queue.
        if held.ends.len() > 64 && held.ends.len() > 2 * held.parked.len() {
            let Held { parked, ends } = &mut *held;
            ends.retain(|(_, id)| parked.contains_key(id));
        }
        parked
    }

    /// Waits for the next hold to end by itself, and gives what was kept back by it.
    pub(super) async fn next_end(&self) -> Option<Queued> {
        loop {
            let first = self.held().ends.front().map(|(end, _)| *end);
            match first {
                None => self.first.notified().await,
                Some(end) => sleep_until(end).await,
            }
            let mut held = self.held();
            // The one that this slept for may have left the queue meanwhile, so that another is first.
            if held.ends.front().is_some_and(|(end, _)| *end <= Instant::now()) {
                let (_, id) = held.ends.pop_front()?;
                return held.parked.remove(&id).flatten();
            }
        }
    }

    /// Whether a delivery is held and kept back.
    #[cfg(test)]
    pub(super) fn has_parked(&self, id: &DeliveryId) -> bool {
        self.held().parked.get(id).is_some_and(Option::is_some)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::Endpoint;
    use crate::clock::Timestamp;

    const SECOND: Duration = Duration::from_secs(1);

    fn id(name: &str) -> DeliveryId {
        DeliveryId::from_text(name)
    }

    fn queued(name: &str) -> Queued {
        Queued { due: Timestamp::default(), id: id(name), endpoint: Endpoint::of("https://duka.example/") }
    }

    #[tokio::test(start_paused = true)]
    async fn d3_a_hold_ends_by_itself_in_its_own_time_and_not_in_that_of_one_released_before() {
        let holds = Holds::default();
        let names = |prefix: &str| -> Vec<String> { (0..100).map(|number| format!("{prefix}{number}")).collect() };
        let (early, late) = (names("early"), names("late"));
        early.iter().for_each(|name| holds.hold(&id(name)));
        let later = async {
            tokio::time::sleep(4 * SECOND).await;
            late.iter().for_each(|name| holds.hold(&id(name)));
            assert!(late.iter().all(|name| holds.park(&queued(name))));
            // So many are released that the queue of ends forgets them all at once.
            early.iter().for_each(|name| assert_eq!(holds.release(&id(name)), None));
            assert!(holds.release(&id("late0")).is_some());
            Instant::now()
        };
        let ended = async {
            loop {
                if let Some(queued) = holds.next_end().await {
                    return (queued, Instant::now());
                }
            }
        };
        let (began, (queued, ended)) = tokio::join!(later, ended);
        assert_eq!((queued.id.as_str(), ended - began), ("late1", HOLD_MAX));
    }
}
