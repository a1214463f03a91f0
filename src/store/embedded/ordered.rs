//! Values by key, for what is written far more often than it is read in order.
//!
//! They lie one behind the other as they came, and a table finds them. The order is kept beside them for the
//! kinds of which a range was asked, and for the others made when it is needed: to sort all at once costs a
//! fraction of taking each to its place in a tree.
//!
//! Keys of one kind begin with the same bytes, so a tree over all of them would compare the same bytes
//! over and over. Here keys with the same first eight bytes have a tree of their own, in which the
//! sixteen bytes behind those, as a number, decide nearly every comparison.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Bound::{Excluded, Included, Unbounded};

use hashbrown::HashTable;

use crate::store::{Key, KeyRange};

/// Values by key.
#[derive(Debug)]
pub(super) struct Ordered<V> {
    slots: Vec<(Key, V)>,
    /// Which slot a key has.
    by_key: HashTable<u32>,
    /// By the first bytes of the keys, of which there are about as many as kinds of records.
    kinds: BTreeMap<u64, Kind>,
    /// Seeded at random, so nobody who chooses parts of keys can choose where they collide.
    hasher: foldhash::fast::RandomState,
}

/// Keys with the same first bytes.
#[derive(Debug, Default)]
struct Kind {
    /// Those in the slots before `ordered_to`, with their slots.
    order: BTreeMap<Place, u32>,
    /// `ALL` once they are kept in order, and 0 as long as nobody asked for it.
    ordered_to: usize,
    /// Any was ever added.
    used: bool,
}

/// Every slot, whenever it is filled.
const ALL: usize = usize::MAX;
/// Slots that are gone through at a time for keys to be kept in order: it takes about a millisecond.
const STEP: usize = if cfg!(test) { 16 } else { 4096 };

/// A key in its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// The bytes that decide, padded with zeros as in `first_bytes`.
    head: u128,
    key: Key,
}

impl<V> Ordered<V> {
    /// No values.
    pub(super) fn new() -> Self {
        let hasher = foldhash::fast::RandomState::default();
        Self { slots: Vec::new(), by_key: HashTable::new(), kinds: BTreeMap::new(), hasher }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// What a key is found by.
    pub(super) fn hash_of(&self, key: &Key) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The value of a key.
    pub(super) fn value(&self, key: &Key) -> Option<&V> {
        let slot = self.slot(self.hash_of(key), key)?;
        self.slots.get(slot).map(|(_, value)| value)
    }

    /// The value of a key with this hash.
    pub(super) fn value_mut(&mut self, hash: u64, key: &Key) -> Option<&mut V> {
        let slot = self.slot(hash, key)?;
        self.slots.get_mut(slot).map(|(_, value)| value)
    }

    /// Adds the value of a key with this hash, which has none yet.
    pub(super) fn add(&mut self, hash: u64, key: Key, value: V) {
        // There is no memory for more slots than 32 bits count.
        let slot = self.slots.len() as u32;
        let kind = self.kinds.entry(first_bytes(&key)).or_default();
        kind.used = true;
        if (slot as usize) < kind.ordered_to {
            kind.order.insert(Place::of(key.clone()), slot);
        }
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_key
            .insert_unique(hash, slot, |&slot| slots.get(slot as usize).map_or(0, |(key, _)| hasher.hash_one(key)));
        self.slots.push((key, value));
    }

    /// Removes the value of a key with this hash.
    pub(super) fn remove(&mut self, hash: u64, key: &Key) {
        let Some(slot) = self.slot(hash, key) else { return };
        if let Ok(entry) = self.by_key.find_entry(hash, |other| *other as usize == slot) {
            entry.remove();
        }
        if let Some(kind) = self.kinds.get_mut(&first_bytes(key)) {
            kind.order.remove(&Place::of(key.clone()));
        }
        self.slots.swap_remove(slot);
        let Some((moved, _)) = self.slots.get(slot) else { return };
        // The last one has its slot now.
        let (hash, last) = (self.hash_of(moved), self.slots.len());
        if let Some(place) = self.by_key.find_mut(hash, |other| *other as usize == last) {
            *place = slot as u32;
        }
        let kind = self.kinds.get_mut(&first_bytes(moved));
        if let Some(kind) = kind.filter(|kind| slot < kind.ordered_to) {
            kind.order.insert(Place::of(moved.clone()), slot as u32);
        }
    }

    /// Forgets all values and keeps the room that they took.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.by_key.clear();
        self.kinds.clear();
    }

    /// Keeps in order from the beginning what another one was asked to, of kinds that it took in.
    pub(super) fn order_like(&mut self, other: &Self) {
        for (first, _) in other.kinds.iter().filter(|(_, kind)| kind.used && kind.ordered_to > 0) {
            self.kinds.insert(*first, Kind { ordered_to: ALL, ..Kind::default() });
        }
    }

    /// All values, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &V)> {
        self.slots.iter().map(|(key, value)| (key, value))
    }

    /// The values of a range, which must not be empty, in the order of their keys. Where their kind is not kept in
    /// order, all are looked through for them.
    pub(super) fn range<'a>(&'a self, range: &KeyRange) -> Box<dyn Iterator<Item = (&'a Key, &'a V)> + 'a> {
        if !self.is_ordered(range) {
            let inside = self.iter().filter(|(key, _)| range.from <= **key && **key < range.to);
            return Box::new(sorted(inside).into_iter());
        }
        let (first, last) = ends(range);
        let (from, to) = (Place::of(range.from.clone()), Place::of(range.to.clone()));
        let places = self.kinds.range(first..=last).flat_map(move |(kind, Kind { order, .. })| {
            // A tree in between lies in the range as a whole.
            let from = if *kind == first { Included(from.clone()) } else { Unbounded };
            let to = if *kind == last { Excluded(to.clone()) } else { Unbounded };
            order.range((from, to))
        });
        let pairs = places.filter_map(|(_, slot)| self.slots.get(*slot as usize));
        Box::new(pairs.map(|(key, value)| (key, value)))
    }

    /// Whether there may be any in a range: some have been that begin like one.
    pub(super) fn may_hold(&self, range: &KeyRange) -> bool {
        let (first, last) = ends(range);
        self.kinds.range(first..=last).any(|(_, kind)| kind.used)
    }

    /// Whether the kinds in a range are kept in order.
    pub(super) fn is_ordered(&self, range: &KeyRange) -> bool {
        let (first, last) = ends(range);
        self.kinds.range(first..=last).all(|(_, kind)| kind.ordered_to == ALL)
    }

    /// A step on the way to keep the kinds in a range in order from then on.
    pub(super) fn order_some(&mut self, range: &KeyRange) {
        let (first, last) = ends(range);
        let unordered = self.kinds.range_mut(first..=last).find(|(_, kind)| kind.ordered_to < ALL);
        let Some((first, kind)) = unordered else { return };
        let rest = self.slots.get(kind.ordered_to..).unwrap_or_default();
        let step = rest.iter().map(|(key, _)| key).zip(kind.ordered_to as u32..).take(STEP);
        let step = step.filter(|(key, _)| first_bytes(key) == *first);
        kind.order.extend(step.map(|(key, slot)| (Place::of(key.clone()), slot)));
        kind.ordered_to = if rest.len() > STEP { kind.ordered_to.saturating_add(STEP) } else { ALL };
    }

    fn slot(&self, hash: u64, key: &Key) -> Option<usize> {
        let same = |&slot: &u32| self.slots.get(slot as usize).is_some_and(|(other, _)| other == key);
        self.by_key.find(hash, same).map(|&slot| slot as usize)
    }
}

/// The first bytes of the ends of a range.
fn ends(range: &KeyRange) -> (u64, u64) {
    (first_bytes(&range.from), first_bytes(&range.to))
}

/// Pairs in the order of their keys. Those of a kind are sorted by the sixteen bytes behind what all of them begin
/// with, which decide nearly every comparison.
pub(super) fn sorted<'a, T: Copy>(pairs: impl Iterator<Item = (&'a Key, T)>) -> Vec<(&'a Key, T)> {
    let mut kinds: BTreeMap<u64, Vec<(&Key, T)>> = BTreeMap::new();
    for (key, value) in pairs {
        kinds.entry(first_bytes(key)).or_default().push((key, value));
    }
    let mut sorted = Vec::with_capacity(kinds.values().map(Vec::len).fold(0, usize::saturating_add));
    let mut heads: Vec<(u128, &Key, T)> = Vec::new();
    for pairs in kinds.values() {
        let common = common_bytes(pairs.iter().map(|(key, _)| key.as_bytes()));
        heads.extend(pairs.iter().map(|(key, value)| (bytes_from(key, common), *key, *value)));
        heads.sort_unstable_by(|(one, key, _), (other, other_key, _)| one.cmp(other).then_with(|| key.cmp(other_key)));
        sorted.extend(heads.drain(..).map(|(_, key, value)| (key, value)));
    }
    sorted
}

/// How many bytes all of these begin with.
fn common_bytes<'a>(mut all: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut common = all.next().unwrap_or_default();
    for bytes in all {
        if !bytes.starts_with(common) {
            let same = common.iter().zip(bytes).take_while(|(one, other)| one == other).count();
            common = common.get(..same).unwrap_or_default();
        }
    }
    common.len()
}

impl Place {
    fn of(key: Key) -> Self {
        Self { head: bytes_from(&key, FIRST_BYTES), key }
    }
}

impl Ord for Place {
    // A search of a tree compares some thirty times: calls would take longer than the comparing.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if self.head == other.head {
            return self.key.cmp(&other.key);
        }
        if self.head < other.head { Ordering::Less } else { Ordering::Greater }
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const FIRST_BYTES: usize = 8;

/// The first bytes of a key as a number. Of two keys with different numbers, the one with the lower
/// number is the lower: padding with the least byte keeps the order.
fn first_bytes(key: &Key) -> u64 {
    u64::from_be_bytes(padded(key.as_bytes()))
}

/// The bytes from this one on, likewise.
fn bytes_from(key: &Key, begin: usize) -> u128 {
    u128::from_be_bytes(padded(key.as_bytes().get(begin..).unwrap_or_default()))
}

fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    match bytes.first_chunk::<N>() {
        Some(whole) => *whole,
        None => {
            let mut padded = [0; N];
            for (to, from) in padded.iter_mut().zip(bytes) {
                *to = *from;
            }
            padded
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Keys of which many are of one kind, or have long beginnings in common, or end early.
    fn key() -> impl Strategy<Value = Key> {
        let long = vec(prop_oneof![Just(0_u8), Just(2), Just(0xFF)], 0..30);
        let of_a_kind = (1..4_u8, long.clone()).prop_map(|(kind, rest)| [&[kind; FIRST_BYTES], &rest[..]].concat());
        prop_oneof![of_a_kind, long, vec(any::<u8>(), 0..3)].prop_map(Key::from_bytes)
    }

    proptest! {
        #[test]
        fn order_values_and_ranges_are_those_of_a_plain_tree(
            steps in vec((key(), any::<Option<u32>>()), 0..200), asked in vec((key(), key()), 0..3), steps_at_half in 0..40,
            from in key(), to in key(), absent in key(),
        ) {
            let (mut ordered, mut plain) = (Ordered::new(), BTreeMap::new());
            let half = steps.len() / 2;
            for (nth, (key, value)) in steps.into_iter().enumerate() {
                let hash = ordered.hash_of(&key);
                match (value, ordered.value_mut(hash, &key)) {
                    (Some(value), Some(place)) => *place = value,
                    (Some(value), None) => ordered.add(hash, key.clone(), value),
                    (None, _) => ordered.remove(hash, &key),
                }
                match value {
                    Some(value) => plain.insert(key, value),
                    None => plain.remove(&key),
                };
                if nth == half {
                    for (from, to) in &asked {
                        let range = KeyRange { from: from.min(to).clone(), to: from.max(to).clone() };
                        (0..steps_at_half).for_each(|_| ordered.order_some(&range));
                    }
                }
            }
            prop_assert_eq!(ordered.is_empty(), plain.is_empty());
            prop_assert!(sorted(ordered.iter()).into_iter().eq(&plain));
            prop_assert_eq!(ordered.value(&absent), plain.get(&absent));
            prop_assert!(plain.iter().all(|(key, value)| ordered.value(key) == Some(value)));
            if from < to {
                let range = KeyRange { from, to };
                prop_assert!(ordered.range(&range).eq(plain.range(&range.from..&range.to)));
                while !ordered.is_ordered(&range) {
                    ordered.order_some(&range);
                }
                prop_assert!(ordered.range(&range).eq(plain.range(&range.from..&range.to)));
            }
            // Nothing is left of what was removed.
            prop_assert_eq!(ordered.by_key.len(), plain.len());
            for (first, Kind { order, ordered_to, .. }) in &ordered.kinds {
                let slots = ordered.slots.iter().take(*ordered_to).map(|(key, _)| key).zip(0..);
                let of_kind: BTreeMap<_, _> = slots.filter(|(key, _)| first_bytes(key) == *first).collect();
                prop_assert!(order.iter().map(|(place, slot)| (&place.key, *slot)).eq(of_kind));
            }
            ordered.clear();
            prop_assert!(ordered.is_empty() && ordered.iter().next().is_none());
            prop_assert!(ordered.by_key.is_empty() && ordered.kinds.is_empty());
        }
    }

    #[test]
    fn what_changes_its_slot_or_comes_while_a_kind_is_put_in_order_has_its_place() {
        let key = |number: usize| Key::of("waiting").number(number as u64);
        let all = Key::of("waiting").subtree();
        for (removed, added) in [(1, 0), (1, 1), (STEP + 1, 2), (STEP * 2, 2 * STEP)] {
            let mut ordered = Ordered::new();
            (0..STEP * 2).for_each(|number| ordered.add(ordered.hash_of(&key(number)), key(number), number));
            ordered.order_some(&all);
            (0..removed).for_each(|number| ordered.remove(ordered.hash_of(&key(number)), &key(number)));
            (0..added).for_each(|number| ordered.add(ordered.hash_of(&key(number)), key(number), number));
            assert!(!ordered.is_ordered(&all));
            while !ordered.is_ordered(&all) {
                ordered.order_some(&all);
            }
            let expected = (0..added.min(removed)).chain(removed..STEP * 2);
            assert!(ordered.range(&all).map(|(_, number)| *number).eq(expected), "{removed}, {added}");
        }
    }

    #[test]
    fn what_is_kept_in_order_is_so_in_the_next_one_as_well_as_long_as_there_is_any() {
        let (read, unread) = (Key::of("waiting"), Key::of("request"));
        let (mut first, mut second, mut third) = (Ordered::new(), Ordered::new(), Ordered::new());
        for key in [read.clone().number(2), unread.clone().number(1)] {
            first.add(first.hash_of(&key), key, 0);
        }
        assert!(!first.is_ordered(&read.subtree()));
        first.order_some(&read.subtree());
        assert!(first.is_ordered(&read.subtree()) && !first.is_ordered(&unread.subtree()));
        second.order_like(&first);
        assert!(second.is_ordered(&read.subtree()) && second.kinds.len() == 1);
        third.order_like(&second);
        assert!(third.kinds.is_empty());
    }
}
