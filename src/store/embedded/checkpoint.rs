//! The thread that moves frozen generations into the index, and how others ask it to and wait for
//! it. It never holds a lock while it writes.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::Shared;
use crate::store::locks::{lock, wait_while, wait_while_for};

/// What the checkpointer is asked and how far it is.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// A checkpoint is asked for.
    wanted: bool,
    /// One is under way.
    running: bool,
    /// How many have ended, well or not.
    ended: u64,
    /// No more will be made.
    closed: bool,
}

impl Checkpoints {
    /// Asks for a checkpoint, unless one is asked for already.
    pub(super) fn ask(&self) {
        let mut state = lock(&self.state);
        if !state.wanted {
            state.wanted = true;
            self.changed.notify_all();
        }
    }

    /// Asks for a checkpoint that begins from now on, and waits until it has ended.
    pub(super) fn ask_and_wait(&self) {
        let mut state = lock(&self.state);
        state.wanted = true;
        let under_way = u64::from(state.running);
        let goal = state.ended.saturating_add(under_way).saturating_add(1);
        self.changed.notify_all();
        drop(wait_while(&self.changed, state, |state| state.ended < goal && !state.closed));
    }

    /// Waits until no checkpoint is asked for or under way.
    pub(super) fn wait_idle(&self) {
        drop(wait_while(&self.changed, lock(&self.state), |state| (state.wanted || state.running) && !state.closed));
    }

    /// Lets the thread end after the checkpoint under way.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Waits to be asked, or for the time to try again; false when there is nothing more to do.
    fn begin(&self, again: Option<Duration>) -> bool {
        let idle = |state: &mut State| !state.wanted && !state.closed;
        let mut state = match again {
            Some(time) => wait_while_for(&self.changed, lock(&self.state), time, idle),
            None => wait_while(&self.changed, lock(&self.state), idle),
        };
        if state.closed {
            return false;
        }
        state.wanted = false;
        state.running = true;
        true
    }

    fn end(&self) {
        let mut state = lock(&self.state);
        state.running = false;
        state.ended = state.ended.saturating_add(1);
        self.changed.notify_all();
    }
}

/// How soon a checkpoint that found the disk full is tried again, when nobody asks for one.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// Makes the checkpoints that are asked for until it is closed.
pub(super) fn run(shared: &Arc<Shared>) {
    let _end = End(shared);
    while shared.checkpoints.begin(shared.is_index_full().then_some(FULL_RETRY)) {
        shared.checkpoint();
        shared.checkpoints.end();
    }
}

/// However the thread ends, nobody may wait for it afterwards.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.refuse("the checkpointer stopped");
        }
        self.0.checkpoints.close();
    }
}
