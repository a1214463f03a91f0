//! The counters that moved last, with their newest durable values: a busy counter is read from here and not
//! from the index, however many checkpoints lie between two payments. What a generation of the memtable moved
//! stays at least until the index holds it. Bounded: when it is full, a new counter takes the place of one that
//! has not moved for long, so no more are forgotten than must be.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::store::Key;

/// Counters and their newest values.
#[derive(Debug)]
pub(super) struct Counters {
    slots: Vec<Counter>,
    /// Which slot a counter has.
    by_key: HashTable<u32>,
    /// The slot that is asked next whether its counter may be forgotten.
    hand: usize,
    /// When none might be forgotten: the oldest generation that was not in the index then.
    stuck: Option<u64>,
    counters_max: usize,
    /// Seeded at random, so nobody who chooses parts of keys can choose where they collide.
    hasher: foldhash::fast::RandomState,
}

/// A counter, and where the generation that moved it last has it in its list.
#[derive(Debug)]
struct Counter {
    key: Key,
    value: i64,
    generation: u64,
    place: usize,
    /// It moved more than once since the hand was here.
    again: bool,
}

/// About 46 MiB in all. A counter that is not here costs the committer a read of the index, which is several
/// times what the rest of the check takes.
const COUNTERS_MAX: usize = 450_000;
/// So many get a second chance for one that is forgotten, and no more: the others wait for the next.
const SECOND_CHANCES: usize = 64;

impl Default for Counters {
    fn default() -> Self {
        Self::with_room_for(COUNTERS_MAX)
    }
}

impl Counters {
    /// The room is taken at once, which costs nothing until it is filled: to grow takes long, and commits would wait.
    pub(super) fn with_room_for(counters_max: usize) -> Self {
        let slots = Vec::with_capacity(counters_max);
        // Half empty, what is taken out of it leaves no trace that would have it made anew one day.
        let by_key = HashTable::with_capacity(counters_max.saturating_mul(2));
        Self { slots, by_key, hand: 0, stuck: None, counters_max, hasher: foldhash::fast::RandomState::default() }
    }

    /// The newest value of a counter, if it moved lately.
    pub(super) fn value(&self, key: &Key) -> Option<i64> {
        let slot = self.slot(self.hasher.hash_one(key), key)?;
        self.slots.get(slot).map(|counter| counter.value)
    }

    /// Takes in a counter as a commit of this generation leaves it, and gives its place in the generation's
    /// list: `next`, unless it has one already. Forgets none for it that moved in generation `live` or later.
    pub(super) fn set(&mut self, key: &Key, value: i64, generation: u64, next: usize, live: u64) -> usize {
        let hash = self.hasher.hash_one(key);
        if let Some(counter) = self.slot(hash, key).and_then(|slot| self.slots.get_mut(slot)) {
            let place = if counter.generation == generation { counter.place } else { next };
            (counter.value, counter.generation, counter.place, counter.again) = (value, generation, place, true);
            return place;
        }
        let counter = Counter { key: key.clone(), value, generation, place: next, again: false };
        let slot = self.forget_one(live).unwrap_or(self.slots.len());
        match self.slots.get_mut(slot) {
            Some(free) => *free = counter,
            None => self.slots.push(counter),
        }
        // There is no memory for more slots than 32 bits count.
        self.by_key.insert_unique(hash, slot as u32, |&slot| {
            self.slots.get(slot as usize).map_or(0, |counter| self.hasher.hash_one(&counter.key))
        });
        next
    }

    fn slot(&self, hash: u64, key: &Key) -> Option<usize> {
        let same = |&slot: &u32| self.slots.get(slot as usize).is_some_and(|counter| counter.key == *key);
        self.by_key.find(hash, same).map(|&slot| slot as usize)
    }

    /// Forgets a counter, if there are too many and one may be forgotten, and gives its slot.
    fn forget_one(&mut self, live: u64) -> Option<usize> {
        if self.slots.len() < self.counters_max || self.stuck == Some(live) {
            return None;
        }
        let mut chances: usize = 0;
        // Within one round all who have one get their second chance, or so many that the next is taken.
        for _ in 0..self.slots.len().saturating_mul(2) {
            let slot = if self.hand < self.slots.len() { self.hand } else { 0 };
            self.hand = slot.saturating_add(1);
            let Some(counter) = self.slots.get_mut(slot).filter(|counter| counter.generation < live) else { continue };
            if counter.again && chances < SECOND_CHANCES {
                counter.again = false;
                chances = chances.saturating_add(1);
                continue;
            }
            let hash = self.hasher.hash_one(&counter.key);
            if let Ok(entry) = self.by_key.find_entry(hash, |other| *other as usize == slot) {
                entry.remove();
            }
            return Some(slot);
        }
        // Nor will there be one until the index holds more, since what comes is newer.
        self.stuck = Some(live);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves a counter in the generation with this list.
    fn set(counters: &mut Counters, generation: u64, live: u64, list: &mut Vec<(Key, i64)>, key: &Key, value: i64) {
        let place = counters.set(key, value, generation, list.len(), live);
        match list.get_mut(place) {
            Some((of, last)) => {
                assert_eq!(of, key);
                *last = value;
            }
            None => list.push((key.clone(), value)),
        }
        assert_eq!(counters.by_key.len(), counters.slots.len());
    }

    fn c(number: u64) -> Key {
        Key::of("c").number(number)
    }

    #[test]
    fn d6_the_newest_value_is_given_or_none_and_there_are_never_more_than_fit() {
        let mut counters = Counters::with_room_for(6);
        for number in 0..100_u64 {
            let mut list = Vec::new();
            for (key, value) in [(c(number % 7), number), (Key::of("busy"), number)] {
                // All but the newest generation is in the index.
                set(&mut counters, number, number, &mut list, &key, value as i64);
            }
            assert_eq!(counters.value(&Key::of("busy")), Some(number as i64));
            for known in 0..7 {
                let value = counters.value(&c(known));
                assert!(value.is_none_or(|value| value as u64 % 7 == known && value as u64 + 7 > number));
            }
            assert!(counters.slots.len() <= 6);
        }
    }

    #[test]
    fn nothing_that_is_not_in_the_index_is_forgotten_and_a_generation_lists_a_counter_once() {
        let mut counters = Counters::with_room_for(6);
        let mut before: Vec<(Key, i64)> = Vec::new();
        for generation in 0..50_u64 {
            let mut list = Vec::new();
            for number in 0..40 {
                // The generation before is not in the index yet.
                let live = generation.saturating_sub(1);
                let counter = number * number % 23 + generation % 3 * 5;
                set(&mut counters, generation, live, &mut list, &c(counter), number as i64);
                assert!(list.iter().all(|(key, value)| counters.value(key) == Some(*value)));
                assert!(before.iter().all(|(key, _)| counters.value(key).is_some()));
            }
            let mut keys: Vec<&Key> = list.iter().map(|(key, _)| key).collect();
            keys.sort();
            assert!(keys.is_sorted_by(|one, other| one < other), "{keys:?}");
            before = list;
        }
        assert!(counters.slots.len() < 30);
    }

    #[test]
    fn d6_one_is_forgotten_for_one_that_comes_and_none_that_keeps_moving() {
        let mut counters = Counters::with_room_for(100);
        let mut moved = |number: u64, generation: u64, live: u64| {
            counters.set(&c(number), 1, generation, 0, live);
            let known = (0..=number).filter(|&known| counters.value(&c(known)).is_some()).count();
            (known, counters.slots.len())
        };
        // As long as nothing is in the index, all stay.
        assert_eq!((0..110).map(|number| moved(number, 0, 0)).last(), Some((110, 110)));
        for number in 110..1_000 {
            (0..10).for_each(|busy| assert!(moved(busy * 10, number, number).0 > 0));
            assert_eq!(moved(number, number, number), (110, 110));
        }
        assert!((0..10).all(|busy| counters.value(&c(busy * 10)).is_some()));
    }

    #[test]
    fn none_is_forgotten_while_there_is_room() {
        let mut counters = Counters::with_room_for(100);
        (0..100).for_each(|number| assert_eq!(counters.set(&c(number), 1, number, 0, number), 0));
        assert!((0..100).all(|number| counters.value(&c(number)).is_some()));
    }

    #[test]
    fn where_all_keep_moving_some_are_forgotten_nonetheless() {
        let mut counters = Counters::with_room_for(500);
        for generation in 1..=2 {
            (0..500).for_each(|number| assert_eq!(counters.set(&c(number), 1, generation, 0, generation), 0));
        }
        counters.set(&c(500), 1, 3, 0, 3);
        let known = (0..=500).filter(|&known| counters.value(&c(known)).is_some()).count();
        // Not all of them lost their second chance for the one.
        let chances = counters.slots.iter().filter(|counter| counter.again).count();
        assert_eq!((known, counters.slots.len(), chances), (500, 500, 500 - SECOND_CHANCES - 1));
    }
}
