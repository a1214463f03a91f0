//! Turns at work that only few may do at a time. Who waits is served in turn by whom it is for, not
//! by who came first: a third party that sends a thousand credentials to be hashed waits for its own
//! thousand, and everybody else's next one comes after at most one of each other's.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The turns.
pub(super) struct Turns(Mutex<State>);

struct State {
    /// Turns that nobody has. While there is one, nobody waits.
    free: usize,
    waiting: HashMap<String, VecDeque<oneshot::Sender<Turn>>>,
    /// Those who wait, each once, the next one first.
    order: VecDeque<String>,
}

/// A turn; passed on when dropped.
pub(super) struct Turn(Option<Arc<Turns>>);

impl Turns {
    /// So many at a time.
    pub fn new(at_a_time: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: at_a_time, waiting: HashMap::new(), order: VecDeque::new() })))
    }

    /// Waits for a turn of this party's. None cannot be while somebody holds these turns.
    pub async fn take(self: &Arc<Self>, party: &str) -> Option<Turn> {
        let turn = match self.lock().enter(party) {
            None => return Some(Turn(Some(Arc::clone(self)))),
            Some(turn) => turn,
        };
        turn.await.ok()
    }

    /// Whether somebody of this party's waits.
    #[cfg(test)]
    pub fn waits(&self, party: &str) -> bool {
        self.lock().waiting.contains_key(party)
    }

    /// Gives a turn that is free now to the next who still waits.
    fn pass_on(self: Arc<Self>) {
        loop {
            let Some(next) = self.lock().leave() else { return };
            let Err(mut refused) = next.send(Turn(Some(Arc::clone(&self)))) else { return };
            // That one has gone away. Its turn must not pass itself on: we do.
            refused.0 = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A turn at once (none), or where to wait for one.
    fn enter(&mut self, party: &str) -> Option<oneshot::Receiver<Turn>> {
        if let Some(left) = self.free.checked_sub(1) {
            self.free = left;
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        let queue = self.waiting.entry(party.to_owned()).or_default();
        if queue.is_empty() {
            self.order.push_back(party.to_owned());
        }
        queue.push_back(sender);
        Some(receiver)
    }

    /// Who comes next; if nobody, the turn is free.
    fn leave(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(party) = self.order.pop_front() {
            let Some(queue) = self.waiting.get_mut(&party) else { continue };
            let next = queue.pop_front();
            if queue.is_empty() {
                self.waiting.remove(&party);
            } else {
                self.order.push_back(party);
            }
            if next.is_some() {
                return next;
            }
        }
        self.free = self.free.saturating_add(1);
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on();
        }
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("free", &self.lock().free).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;

    use super::*;

    /// Waits for a turn, and has been seen to wait.
    fn waiting(turns: &Arc<Turns>, party: &'static str) -> BoxFuture<'static, Option<Turn>> {
        let turns = Arc::clone(turns);
        let mut taking = async move { turns.take(party).await }.boxed();
        assert!((&mut taking).now_or_never().is_none(), "{party} did not have to wait");
        taking
    }

    #[tokio::test]
    async fn whoever_waits_is_served_in_turn_by_party() {
        let turns = Turns::new(1);
        let mut held = turns.take("greedy").await;
        let mut queue: Vec<_> =
            ["greedy", "greedy", "greedy", "duka", "soko", "duka"].map(|party| (party, waiting(&turns, party))).into();
        let mut served = Vec::new();
        while !queue.is_empty() {
            drop(held.take());
            let next = queue.iter_mut().position(|(_, taking)| match taking.now_or_never() {
                Some(turn) => {
                    held = turn;
                    true
                }
                None => false,
            });
            served.push(queue.remove(next.expect("nobody was served")).0);
        }
        assert_eq!(served, ["greedy", "duka", "soko", "greedy", "duka", "greedy"]);
        drop(held);
        assert_eq!(turns.lock().free, 1);
        assert!(turns.lock().waiting.is_empty(), "d6: nothing is kept of who no longer waits");
    }

    #[tokio::test]
    async fn the_turn_of_one_who_went_away_goes_to_the_next() {
        let turns = Turns::new(1);
        let held = turns.take("one").await.unwrap();
        let gone = waiting(&turns, "one");
        let gone_with_its_turn = waiting(&turns, "one");
        let next = waiting(&turns, "other");
        drop(gone);
        drop(held);
        // This one has got the turn by now and never looks.
        drop(gone_with_its_turn);
        assert!(next.now_or_never().flatten().is_some());
        assert_eq!(turns.lock().free, 1);
    }

    #[tokio::test]
    async fn as_many_as_allowed_work_at_a_time() {
        let turns = Turns::new(2);
        let held = [turns.take("one").await, turns.take("one").await];
        let third = waiting(&turns, "other");
        drop(held);
        assert!(third.now_or_never().flatten().is_some());
        assert_eq!(turns.lock().free, 2);
    }
}
