//! What the doors tell their connections, and how they know when the last one is gone: every
//! listener, connection and running answer holds a [`Listener`] of the one signal.

use std::time::Duration;

use tokio::sync::watch;

/// How far the doors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Requests are welcome.
    Open,
    /// What is under way may finish, nothing new begins.
    Draining,
    /// Everything ends now.
    Cut,
}

#[derive(Clone, Copy, Debug)]
struct State {
    phase: Phase,
    /// Raised whenever connections must ask their gate again.
    checks: u64,
}

/// The speaking end.
#[derive(Debug)]
pub(super) struct Signal(watch::Sender<State>);

/// The listening end. As long as one exists, something is under way.
#[derive(Clone, Debug)]
pub(super) struct Listener(watch::Receiver<State>);

impl Signal {
    /// Open.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State { phase: Phase::Open, checks: 0 }))
    }

    /// A new listening end.
    pub(super) fn listener(&self) -> Listener {
        Listener(self.0.subscribe())
    }

    /// The phase now.
    pub(super) fn phase(&self) -> Phase {
        self.0.borrow().phase
    }

    /// Moves on to `phase`; never back.
    pub(super) fn enter(&self, phase: Phase) {
        self.0.send_modify(|state| state.phase = state.phase.max(phase));
    }

    /// Has every connection ask its gate again.
    pub(super) fn recheck(&self) {
        self.0.send_modify(|state| state.checks = state.checks.wrapping_add(1));
    }

    /// Waits until nothing is under way, at most `time_max`; gives how many things still are.
    pub(super) async fn gone(&self, time_max: Duration) -> usize {
        match tokio::time::timeout(time_max, self.0.closed()).await {
            Ok(()) => 0,
            Err(_) => self.0.receiver_count(),
        }
    }
}

impl Listener {
    /// Waits until the doors are no longer open.
    pub(super) async fn draining(&mut self) {
        // An error means that the speaking end is gone, and with it the doors.
        let _ = self.0.wait_for(|state| state.phase > Phase::Open).await;
    }

    /// Waits for news; gives the phase. Every news while the phase is open is a call to check.
    pub(super) async fn news(&mut self) -> Phase {
        match self.0.changed().await {
            Ok(()) => self.0.borrow_and_update().phase,
            Err(_) => Phase::Cut,
        }
    }
}
