//! How a thread that works in turns, beside everything else, is asked for a turn and waited for:
//! the checkpointer and the compactor.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::store::locks::{lock, wait_while, wait_while_for};

/// What the thread is asked and how far it is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// A turn is asked for.
    wanted: bool,
    /// One is under way.
    running: bool,
    /// How many have ended, well or not.
    ended: u64,
    /// There will be no more.
    closed: bool,
}

impl Turns {
    /// Asks for a turn, unless one is asked for already.
    pub(super) fn ask(&self) {
        let mut state = lock(&self.state);
        if !state.wanted {
            state.wanted = true;
            self.changed.notify_all();
        }
    }

    /// Asks for a turn that begins from now on, and waits until it has ended.
    pub(super) fn ask_and_wait(&self) {
        let mut state = lock(&self.state);
        state.wanted = true;
        let under_way = u64::from(state.running);
        let goal = state.ended.saturating_add(under_way).saturating_add(1);
        self.changed.notify_all();
        drop(wait_while(&self.changed, state, |state| state.ended < goal && !state.closed));
    }

    /// Waits until no turn is asked for or under way.
    pub(super) fn wait_idle(&self) {
        drop(wait_while(&self.changed, lock(&self.state), |state| (state.wanted || state.running) && !state.closed));
    }

    /// The same, for so long at most.
    pub(super) fn wait_idle_for(&self, time: Duration) {
        let busy = |state: &mut State| (state.wanted || state.running) && !state.closed;
        drop(wait_while_for(&self.changed, lock(&self.state), time, busy));
    }

    /// Lets the thread end after the turn under way.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Waits to be asked, or for the time to try again; false when there is nothing more to do.
    pub(super) fn begin(&self, again: Option<Duration>) -> bool {
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

    /// Whether the thread is to end: a long turn looks between its steps.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// The turn has ended.
    pub(super) fn end(&self) {
        let mut state = lock(&self.state);
        state.running = false;
        state.ended = state.ended.saturating_add(1);
        self.changed.notify_all();
    }
}
