//! How long a connection may let us wait: for the headers of a request, and for the next request.
//! Times for a body and for the taking of an answer are kept elsewhere; while we are the ones who are
//! waited for, no time runs here.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::connection::Ending;

/// What the two ends of a connection's talk know of each other: who answers counts the requests, who
/// reads the wire says when it waited long enough.
#[derive(Debug, Default)]
pub(super) struct Pace {
    asked: AtomicU64,
    over: OnceLock<Ending>,
}

impl Pace {
    /// A request's headers are complete; gives which request it is, from 1.
    pub(super) fn ask(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// What was waited for in vain, if anything was.
    pub(super) fn over(&self) -> Option<Ending> {
        self.over.get().copied()
    }
}

/// The times of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// From the first byte of a request to the end of its headers; for the first request, from the
    /// moment that the connection could be used.
    pub(super) header_max: Duration,
    /// From an answer to the first byte of the next request.
    pub(super) idle_max: Duration,
}

/// The waiting itself, at the wire.
#[derive(Debug)]
pub(super) struct Patience {
    pace: Arc<Pace>,
    times: Times,
    answered: u64,
    waiting_for: Awaited,
    timer: Pin<Box<Sleep>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// The rest of a request's headers.
    Headers,
    /// The first byte of a request.
    Request,
}

impl Patience {
    /// Waits for the first request.
    pub(super) fn new(pace: Arc<Pace>, times: Times) -> Self {
        let timer = Box::pin(sleep(times.header_max));
        Self { pace, times, answered: 0, waiting_for: Awaited::Headers, timer }
    }

    /// Bytes came. The time for headers runs from the first of them and is not prolonged by more, so
    /// whoever sends a byte now and then gains nothing. What comes while a request is under way is its
    /// body, or the beginning of one that was sent early: that one gets the idle time instead.
    pub(super) fn came(&mut self) {
        if self.waiting_for == Awaited::Request && !self.is_our_turn() {
            self.wait_for(Awaited::Headers, self.times.header_max);
        }
    }

    /// This many answers went out. If none is still due, the idle time begins; `cx` is woken at its
    /// end.
    pub(super) fn answered(&mut self, answers: u64, cx: &mut Context<'_>) {
        if answers == 0 {
            return;
        }
        self.answered = self.answered.saturating_add(answers);
        if !self.is_our_turn() {
            self.wait_for(Awaited::Request, self.times.idle_max);
            // Polled only to be woken; the time has just begun.
            let _ = self.timer.as_mut().poll(cx);
        }
    }

    /// Whether what is waited for should have come by now; `cx` is woken when that changes.
    pub(super) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_our_turn() || self.timer.as_mut().poll(cx) == Poll::Pending {
            return false;
        }
        let ending = match self.waiting_for {
            Awaited::Headers => Ending::HeadersSlow,
            Awaited::Request => Ending::Idle,
        };
        // Said once; the connection ends with it.
        let _ = self.pace.over.set(ending);
        true
    }

    /// Whether an answer of ours is due.
    fn is_our_turn(&self) -> bool {
        self.pace.asked.load(Ordering::Relaxed) > self.answered
    }

    fn wait_for(&mut self, what: Awaited, time: Duration) {
        self.waiting_for = what;
        // A time too long to be added is as good as none.
        if let Some(end) = Instant::now().checked_add(time) {
            self.timer.as_mut().reset(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const TIMES: Times = Times { header_max: Duration::from_secs(10), idle_max: Duration::from_secs(60) };

    fn patience() -> (Patience, Arc<Pace>) {
        let pace = Arc::<Pace>::default();
        (Patience::new(Arc::clone(&pace), TIMES), pace)
    }

    async fn is_over_after(patience: &mut Patience, seconds: u64) -> bool {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        patience.is_over(&mut Context::from_waker(Waker::noop()))
    }

    fn answered(patience: &mut Patience) {
        patience.answered(1, &mut Context::from_waker(Waker::noop()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_does_not_prolong_the_time_for_headers() {
        let (mut patience, pace) = patience();
        for _ in 0..9 {
            patience.came();
            assert!(!is_over_after(&mut patience, 1).await);
        }
        patience.came();
        assert!(is_over_after(&mut patience, 2).await);
        assert_eq!(pace.over(), Some(Ending::HeadersSlow));
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_runs_while_an_answer_is_due() {
        let (mut patience, pace) = patience();
        assert_eq!(pace.ask(), 1);
        assert!(!is_over_after(&mut patience, 3600).await);
        assert_eq!(pace.over(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_idle_time_runs_from_the_answer_and_the_headers_time_from_the_next_byte() {
        let (mut patience, pace) = patience();
        pace.ask();
        answered(&mut patience);
        assert!(!is_over_after(&mut patience, 59).await);
        patience.came();
        assert!(!is_over_after(&mut patience, 9).await);
        pace.ask();
        answered(&mut patience);
        assert!(is_over_after(&mut patience, 61).await);
        assert_eq!(pace.over(), Some(Ending::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_goes_out_while_the_next_is_due_begins_no_idle_time() {
        let (mut patience, pace) = patience();
        pace.ask();
        pace.ask();
        answered(&mut patience);
        assert!(!is_over_after(&mut patience, 3600).await);
        answered(&mut patience);
        assert!(is_over_after(&mut patience, 61).await);
    }
}
