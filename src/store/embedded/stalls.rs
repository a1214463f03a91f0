//! How long commits were held up by checkpoints, at most: measured where it happens, without what the
//! disk takes for the journal itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest times so far.
#[derive(Debug, Default)]
pub(super) struct Longest {
    swap: AtomicU64,
    pause: AtomicU64,
    room: AtomicU64,
}

/// The longest that commits ever waited for a checkpoint since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stalls {
    /// For one that began or ended: while it takes the generation to be moved out of the way, or takes
    /// it away, the state cannot be read nor changed.
    pub swap: Duration,
    /// To let one catch up that they were about to overtake.
    pub pause: Duration,
    /// For the end of one: both generations were full.
    pub room: Duration,
}

impl Longest {
    /// Runs what the state is locked for.
    pub(super) fn swap<T>(&self, run: impl FnOnce() -> T) -> T {
        timed(&self.swap, run)
    }

    /// Runs a pause that is made so that memory does not get full.
    pub(super) fn pause<T>(&self, run: impl FnOnce() -> T) -> T {
        timed(&self.pause, run)
    }

    /// Runs the waiting for memory.
    pub(super) fn room<T>(&self, run: impl FnOnce() -> T) -> T {
        timed(&self.room, run)
    }

    /// All of them.
    pub(super) fn read(&self) -> Stalls {
        let of = |micros: &AtomicU64| Duration::from_micros(micros.load(Ordering::Relaxed));
        Stalls { swap: of(&self.swap), pause: of(&self.pause), room: of(&self.room) }
    }
}

fn timed<T>(longest: &AtomicU64, run: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let done = run();
    let micros = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
    longest.fetch_max(micros, Ordering::Relaxed);
    done
}
