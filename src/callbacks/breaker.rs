//! A circuit breaker: after some failures in a row an endpoint is left alone for a while, then one
//! call is let through to see. Who may call holds a [`Pass`] and says with it how the call went, so
//! a probe can never be forgotten half-way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::verdict::Condition;

/// How soon somebody who found a probe under way looks again.
const PROBE_LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The breaker of one endpoint.
#[derive(Clone, Debug)]
pub struct Breaker {
    failures_max: u32,
    pause: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Calls go through; so many failed in a row.
    Closed { failures: u32 },
    /// No calls until then.
    Open { until: Instant },
    /// One call is under way to see whether the endpoint is back.
    HalfOpen,
}

/// Whether a call may go out.
#[derive(Debug)]
pub enum Permit {
    /// It may.
    Go(Pass),
    /// Not before this moment.
    Wait(Instant),
}

/// The right to make one call. Dropped without a word it counts neither way.
#[derive(Debug)]
pub struct Pass {
    breaker: Breaker,
    probe: bool,
    said: bool,
}

impl Breaker {
    /// A closed breaker that opens for `pause` after so many failures in a row (at least 1).
    pub fn new(failures_max: u32, pause: Duration) -> Self {
        let state = Arc::new(Mutex::new(State::Closed { failures: 0 }));
        Self { failures_max: failures_max.max(1), pause, state }
    }

    /// Asks for a call.
    pub fn permit(&self, now: Instant) -> Permit {
        let mut state = self.state();
        let probe = match *state {
            State::Closed { .. } => false,
            State::Open { until } if now < until => return Permit::Wait(until),
            State::HalfOpen => return Permit::Wait(now + PROBE_LOOK_AGAIN),
            State::Open { .. } => {
                *state = State::HalfOpen;
                true
            }
        };
        Permit::Go(Pass { breaker: self.clone(), probe, said: false })
    }

    /// Closed, and the last call did not fail.
    pub fn is_healthy(&self) -> bool {
        *self.state() == State::Closed { failures: 0 }
    }

    /// Whether calls are held back at this moment.
    pub fn is_open(&self, now: Instant) -> bool {
        match *self.state() {
            State::Closed { .. } => false,
            State::Open { until } => now < until,
            State::HalfOpen => true,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Tells how the call went.
    pub(super) fn heard(self, condition: Condition) {
        match condition {
            Condition::Well => self.succeeded(),
            Condition::Sick => self.failed(Instant::now()),
            Condition::Unknown => {}
        }
    }

    /// The endpoint answered as a working one does.
    pub fn succeeded(mut self) {
        self.said = true;
        *self.breaker.state() = State::Closed { failures: 0 };
    }

    /// The endpoint did not work.
    pub fn failed(mut self, now: Instant) {
        self.said = true;
        let mut state = self.breaker.state();
        *state = match *state {
            State::Closed { failures } if failures + 1 < self.breaker.failures_max => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } => State::Open { until: now + self.breaker.pause },
            State::HalfOpen if self.probe => State::Open { until: now + self.breaker.pause },
            // A call that began before the breaker opened tells nothing new.
            unchanged => unchanged,
        };
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probe && !self.said {
            let mut state = self.breaker.state();
            if *state == State::HalfOpen {
                // The probe told nothing; the next caller may try at once.
                *state = State::Open { until: Instant::now() };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    fn pass(breaker: &Breaker, now: Instant) -> Pass {
        match breaker.permit(now) {
            Permit::Go(pass) => pass,
            Permit::Wait(until) => panic!("wait until {until:?}"),
        }
    }

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::new(2, PAUSE);
        pass(&breaker, now).failed(now);
        assert!(!breaker.is_open(now));
        pass(&breaker, now).failed(now);
        assert!(breaker.is_open(now));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_in_between_does_not() {
        let now = Instant::now();
        opened(now);
        let breaker = Breaker::new(2, PAUSE);
        pass(&breaker, now).failed(now);
        pass(&breaker, now).succeeded();
        pass(&breaker, now).failed(now);
        assert!(!breaker.is_open(now));
    }

    #[test]
    fn after_the_pause_one_probe_decides() {
        let now = Instant::now();
        let breaker = opened(now);
        assert!(matches!(breaker.permit(now), Permit::Wait(until) if until == now + PAUSE));
        let later = now + PAUSE;
        let probe = pass(&breaker, later);
        assert!(matches!(breaker.permit(later), Permit::Wait(_)), "only one probe");
        probe.failed(later);
        assert!(breaker.is_open(later));
        let later = later + PAUSE;
        pass(&breaker, later).succeeded();
        assert!(breaker.is_healthy());
    }

    #[test]
    fn a_probe_that_ends_without_a_word_lets_the_next_one_try() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + PAUSE;
        drop(pass(&breaker, later));
        assert!(matches!(breaker.permit(Instant::now().max(later)), Permit::Go(_)));
    }

    #[test]
    fn a_call_from_before_the_opening_does_not_prolong_it() {
        let now = Instant::now();
        let breaker = Breaker::new(1, PAUSE);
        let (first, second) = (pass(&breaker, now), pass(&breaker, now));
        first.failed(now);
        second.failed(now + Duration::from_secs(10));
        assert!(matches!(breaker.permit(now), Permit::Wait(until) if until == now + PAUSE));
    }
}
