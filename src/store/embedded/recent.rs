//! The counters that moved last, for the committer alone: a busy counter is read from here and not
//! from the index, however many checkpoints lie between two payments. Bounded: when it is full, what
//! did not move since it was last full is forgotten.

use crate::store::Key;
use crate::store::key::KeyMap;

/// Counters and their newest values.
#[derive(Debug)]
pub(super) struct Recent {
    young: KeyMap<i64>,
    old: KeyMap<i64>,
    young_max: usize,
}

/// Counters that moved lately, and as many that moved before those: about 25 MiB in all.
const YOUNG_MAX: usize = 100_000;

impl Default for Recent {
    fn default() -> Self {
        Self::with_room_for(YOUNG_MAX)
    }
}

impl Recent {
    fn with_room_for(young_max: usize) -> Self {
        Self { young: KeyMap::default(), old: KeyMap::default(), young_max }
    }

    /// The newest value of a counter, if it moved lately.
    pub(super) fn value(&self, counter: &Key) -> Option<i64> {
        self.young.get(counter).or_else(|| self.old.get(counter)).copied()
    }

    /// Takes in counters as a durable batch left them.
    pub(super) fn extend(&mut self, moved: impl IntoIterator<Item = (Key, i64)>) {
        for (counter, value) in moved {
            if self.young.len() >= self.young_max {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(counter, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d6_the_newest_value_is_given_or_none_and_there_are_never_more_than_fit() {
        let mut recent = Recent::with_room_for(3);
        for number in 0..100_u64 {
            recent.extend([(Key::of("c").number(number % 7), number as i64), (Key::of("busy"), number as i64)]);
            assert_eq!(recent.value(&Key::of("busy")), Some(number as i64));
            for known in 0..7 {
                let value = recent.value(&Key::of("c").number(known));
                assert!(value.is_none_or(|value| value as u64 % 7 == known && value as u64 + 7 > number));
            }
            assert!(recent.young.len() + recent.old.len() <= 6);
        }
    }
}
