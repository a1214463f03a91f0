//! A place at which a test holds threads, and knows that one has come there.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// So that a thread that never comes fails the test, and does not hold it for ever.
const NOBODY_COMES: Duration = Duration::from_secs(60);

/// Open at first.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    shut: bool,
    /// Somebody stands before it.
    held: bool,
}

impl Barrier {
    /// Holds whoever comes from now on.
    pub(super) fn shut(&self) {
        *self.state.lock().unwrap() = State { shut: true, held: false };
    }

    /// Lets everybody go on.
    pub(super) fn open(&self) {
        self.state.lock().unwrap().shut = false;
        self.changed.notify_all();
    }

    /// Waits until somebody stands before it.
    pub(super) fn wait_for_somebody(&self) {
        let state = self.state.lock().unwrap();
        let (_state, waited) = self.changed.wait_timeout_while(state, NOBODY_COMES, |state| !state.held).unwrap();
        assert!(!waited.timed_out(), "nobody comes to what the test holds");
    }

    /// Stands before it for as long as it is shut.
    pub(super) fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.held = true;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| state.shut).unwrap());
    }
}
