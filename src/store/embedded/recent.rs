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

/// Counters that moved lately, and as many that moved before those: about 50 MiB in all. A counter
/// that is not here costs the committer a read of the index, which is several times what the rest of
/// the check takes.
const YOUNG_MAX: usize = 200_000;

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

    /// Takes in counters as a commit leaves them.
    pub(super) fn extend(&mut self, moved: &[(Key, i64)]) {
        for (counter, value) in moved {
            match self.young.get_mut(counter) {
                Some(place) => *place = *value,
                None => drop(self.young.insert(counter.clone(), *value)),
            }
        }
    }

    /// The batch is durable and visible: what it moved may be forgotten from now on.
    pub(super) fn end_batch(&mut self) {
        if self.young.len() >= self.young_max {
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
            self.young.shrink_to(self.young_max);
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
            recent.extend(&[(Key::of("c").number(number % 7), number as i64), (Key::of("busy"), number as i64)]);
            recent.end_batch();
            assert_eq!(recent.value(&Key::of("busy")), Some(number as i64));
            for known in 0..7 {
                let value = recent.value(&Key::of("c").number(known));
                assert!(value.is_none_or(|value| value as u64 % 7 == known && value as u64 + 7 > number));
            }
            assert!(recent.young.len() + recent.old.len() <= 6);
        }
    }

    #[test]
    fn nothing_that_a_batch_moved_is_forgotten_within_it() {
        let mut recent = Recent::with_room_for(3);
        for number in 0..100_u64 {
            recent.extend(&[(Key::of("c").number(number), number as i64)]);
            assert!((0..=number).all(|known| recent.value(&Key::of("c").number(known)) == Some(known as i64)));
        }
    }
}
