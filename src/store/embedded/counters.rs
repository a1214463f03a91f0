//! The counters that moved last, with their newest durable values: a busy counter is read from here and not
//! from the index, however many checkpoints lie between two payments. What a generation of the memtable moved
//! stays at least until the index holds it. Bounded: when it is full, what did not move since it was last full
//! is forgotten.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::store::Key;

/// Counters and their newest values.
#[derive(Debug)]
pub(super) struct Counters {
    young: HashTable<Counter>,
    old: HashTable<Counter>,
    /// The newest generation that may have moved any of the old ones.
    old_moved: u64,
    young_max: usize,
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
}

/// Counters that moved lately, and as many that moved before those: about 50 MiB in all. A counter
/// that is not here costs the committer a read of the index, which is several times what the rest of
/// the check takes.
const YOUNG_MAX: usize = 200_000;

impl Default for Counters {
    fn default() -> Self {
        Self::with_room_for(YOUNG_MAX)
    }
}

impl Counters {
    fn with_room_for(young_max: usize) -> Self {
        let (young, old) = (HashTable::new(), HashTable::new());
        Self { young, old, old_moved: 0, young_max, hasher: foldhash::fast::RandomState::default() }
    }

    /// The newest value of a counter, if it moved lately.
    pub(super) fn value(&self, key: &Key) -> Option<i64> {
        let (hash, same) = (self.hasher.hash_one(key), |counter: &Counter| counter.key == *key);
        self.young.find(hash, same).or_else(|| self.old.find(hash, same)).map(|counter| counter.value)
    }

    /// Takes in a counter as a commit of this generation leaves it, and gives its place in the generation's
    /// list: `next`, unless it has one already.
    pub(super) fn set(&mut self, key: &Key, value: i64, generation: u64, next: usize) -> usize {
        let (hash, same) = (self.hasher.hash_one(key), |counter: &Counter| counter.key == *key);
        let place_in = |counter: &Counter| if counter.generation == generation { counter.place } else { next };
        if let Some(counter) = self.young.find_mut(hash, same) {
            let place = place_in(counter);
            (counter.value, counter.generation, counter.place) = (value, generation, place);
            return place;
        }
        let place = self.old.find(hash, same).map_or(next, place_in);
        let counter = Counter { key: key.clone(), value, generation, place };
        self.young.insert_unique(hash, counter, |counter| self.hasher.hash_one(&counter.key));
        place
    }

    /// Lets the young ones be the old ones, if there are too many, and gives the table of what is forgotten by
    /// it, to be emptied and given back. What a generation from `live` to `newest` moved is not forgotten.
    pub(super) fn age(&mut self, live: u64, newest: u64) -> Option<Forgotten> {
        if self.young.len() < self.young_max || (self.old_moved >= live && !self.old.is_empty()) {
            return None;
        }
        self.old_moved = newest;
        std::mem::swap(&mut self.old, &mut self.young);
        Some(Forgotten(std::mem::take(&mut self.young)))
    }

    /// Takes back an emptied table: growing it anew would take as long as filling it.
    pub(super) fn reuse(&mut self, Forgotten(table): Forgotten) {
        if self.young.is_empty() {
            self.young = table;
        }
    }
}

/// Counters that are forgotten.
#[derive(Debug)]
pub(super) struct Forgotten(HashTable<Counter>);

impl Forgotten {
    /// Empties the table, which takes a while.
    pub(super) fn emptied(mut self) -> Self {
        self.0.clear();
        // One that grew beyond, as its counters had to wait for the index, is given back.
        self.0.shrink_to(YOUNG_MAX, |_| 0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves a counter in the generation with this list.
    fn set(counters: &mut Counters, generation: u64, list: &mut Vec<(Key, i64)>, key: &Key, value: i64) {
        let place = counters.set(key, value, generation, list.len());
        match list.get_mut(place) {
            Some((of, last)) => {
                assert_eq!(of, key);
                *last = value;
            }
            None => list.push((key.clone(), value)),
        }
    }

    fn age(counters: &mut Counters, live: u64, newest: u64) {
        if let Some(forgotten) = counters.age(live, newest) {
            counters.reuse(forgotten.emptied());
        }
    }

    #[test]
    fn d6_the_newest_value_is_given_or_none_and_there_are_never_more_than_fit() {
        let mut counters = Counters::with_room_for(3);
        for number in 0..100_u64 {
            let mut list = Vec::new();
            for (key, value) in [(Key::of("c").number(number % 7), number), (Key::of("busy"), number)] {
                set(&mut counters, number, &mut list, &key, value as i64);
            }
            // All but the newest generation is in the index.
            age(&mut counters, number, number);
            assert_eq!(counters.value(&Key::of("busy")), Some(number as i64));
            for known in 0..7 {
                let value = counters.value(&Key::of("c").number(known));
                assert!(value.is_none_or(|value| value as u64 % 7 == known && value as u64 + 7 > number));
            }
            assert!(counters.young.len() + counters.old.len() <= 6);
        }
    }

    #[test]
    fn nothing_that_is_not_in_the_index_is_forgotten_and_a_generation_lists_a_counter_once() {
        let mut counters = Counters::with_room_for(3);
        for generation in 0..50_u64 {
            let mut list = Vec::new();
            for number in 0..40 {
                let counter = number * number % 23;
                set(&mut counters, generation, &mut list, &Key::of("c").number(counter), number as i64);
                // The generation before is not in the index yet.
                age(&mut counters, generation.saturating_sub(1), generation);
                assert!(list.iter().all(|(key, value)| counters.value(key) == Some(*value)));
            }
            let mut keys: Vec<&Key> = list.iter().map(|(key, _)| key).collect();
            keys.sort();
            assert!(keys.is_sorted_by(|one, other| one < other), "{keys:?}");
        }
        age(&mut counters, 50, 50);
        assert!(counters.young.len() + counters.old.len() < 30);
    }
}
