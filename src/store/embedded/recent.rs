//! What the last batches changed, for the committers alone: the versions of the records that they wrote, which
//! are seen nowhere else until they are durable, and the values of the counters that they moved. A busy counter
//! is read from here and not from the index, however many checkpoints lie between two payments.

use crate::store::Key;
use crate::store::key::KeyMap;

/// Values by key, as they were set last. Two turns are remembered: the one under way and the one before.
#[derive(Debug)]
pub(super) struct Recent<V> {
    young: KeyMap<V>,
    old: KeyMap<V>,
}

/// The room for so many is kept in any case.
const KEPT: usize = 1 << 14;

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self { young: KeyMap::default(), old: KeyMap::default() }
    }
}

impl<V: Copy> Recent<V> {
    /// The newest value of a key, if it was set lately.
    pub(super) fn value(&self, key: &Key) -> Option<V> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    /// Sets the value of a key.
    pub(super) fn set(&mut self, key: &Key, value: V) {
        self.young.insert(key.clone(), value);
    }

    /// Begins a turn when the one under way has so many values. What was set in the one before it, and not
    /// since, is forgotten.
    pub(super) fn turn_at(&mut self, count: usize) {
        if self.young.len() >= count {
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
            self.young.shrink_to(count.max(KEPT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 3;

    #[test]
    fn d6_the_newest_value_is_given_or_none_and_there_are_never_more_than_fit() {
        let mut recent = Recent::default();
        for number in 0..100_u64 {
            for key in [Key::of("c").number(number % 7), Key::of("busy")] {
                recent.set(&key, number as i64);
            }
            recent.turn_at(MAX);
            assert_eq!(recent.value(&Key::of("busy")), Some(number as i64));
            for known in 0..7 {
                let value = recent.value(&Key::of("c").number(known));
                assert!(value.is_none_or(|value| value as u64 % 7 == known && value as u64 + 7 > number));
            }
            assert!(recent.young.len() + recent.old.len() <= 2 * MAX);
        }
    }

    #[test]
    fn nothing_that_a_turn_or_the_one_before_set_is_forgotten() {
        let mut recent = Recent::default();
        for number in 0..100_u64 {
            recent.set(&Key::of("c").number(number), number);
            if number % 10 == 9 {
                recent.turn_at(0);
            }
            let since = number.saturating_sub(9) / 10 * 10;
            assert!((since..=number).all(|known| recent.value(&Key::of("c").number(known)) == Some(known)));
        }
    }
}
