//! How many lines the log gets about refusals: whoever knocks a thousand times a second must not be
//! able to fill the disk. The metrics count every one.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const LINES_PER_WINDOW_MAX: u32 = 20;
const WINDOW: Duration = Duration::from_secs(1);

/// The lines of one door.
#[derive(Debug, Default)]
pub(super) struct LineBudget(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl LineBudget {
    /// Whether a line may be written at this moment; if so, how many were left out since the last.
    pub(super) fn take(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            window.began = Some(now);
            window.written = 0;
        }
        if window.written >= LINES_PER_WINDOW_MAX {
            window.left_out = window.left_out.saturating_add(1);
            return None;
        }
        window.written += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_its_lines_and_the_next_one_tells_how_many_were_left_out() {
        let (budget, now) = (LineBudget::default(), Instant::now());
        for _ in 0..LINES_PER_WINDOW_MAX {
            assert_eq!(budget.take(now), Some(0));
        }
        assert_eq!(budget.take(now), None);
        assert_eq!(budget.take(now), None);
        assert_eq!(budget.take(now + WINDOW), Some(2));
        assert_eq!(budget.take(now + WINDOW), Some(0));
    }
}
