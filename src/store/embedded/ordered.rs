//! Values in the order of their keys, for what is written far more often than it is read in order.
//!
//! Keys of one kind begin with the same bytes, so a tree over all of them would compare the same bytes
//! over and over. Here keys with the same first eight bytes have a tree of their own, in which the
//! sixteen bytes behind those, as a number, decide nearly every comparison.

use std::cmp::Ordering;
use std::collections::btree_map::{self, BTreeMap};
use std::ops::Bound::{Excluded, Included, Unbounded};

use crate::store::{Key, KeyRange};

/// Values by key, in order.
#[derive(Debug)]
pub(super) struct Ordered<V> {
    /// By the first bytes, of which there are about as many as kinds of records.
    trees: BTreeMap<u64, BTreeMap<Place, V>>,
}

/// A key in its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The bytes that decide, padded with zeros as in `first_bytes`.
    head: u128,
    key: Key,
}

impl<V> Ordered<V> {
    /// No values.
    pub(super) fn new() -> Self {
        Self { trees: BTreeMap::new() }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.trees.values().all(BTreeMap::is_empty)
    }

    /// The place of a key, to be filled, changed or emptied.
    pub(super) fn entry(&mut self, key: Key) -> btree_map::Entry<'_, Place, V> {
        let tree = self.trees.entry(first_bytes(&key)).or_default();
        tree.entry(Place::of(key))
    }

    /// The value of a key.
    pub(super) fn value(&self, key: &Key) -> Option<&V> {
        self.trees.get(&first_bytes(key))?.get(&Place::of(key.clone()))
    }

    /// All values in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &V)> {
        self.trees.values().flatten().map(|(place, value)| (&place.key, value))
    }

    /// The values of a range, which must not be empty, in the order of their keys.
    pub(super) fn range(&self, range: &KeyRange) -> impl Iterator<Item = (&Key, &V)> {
        let (first, last) = (first_bytes(&range.from), first_bytes(&range.to));
        let (from, to) = (Place::of(range.from.clone()), Place::of(range.to.clone()));
        self.trees.range(first..=last).flat_map(move |(bytes, tree)| {
            // A tree in between lies in the range as a whole.
            let from = if *bytes == first { Included(from.clone()) } else { Unbounded };
            let to = if *bytes == last { Excluded(to.clone()) } else { Unbounded };
            tree.range((from, to)).map(|(place, value)| (&place.key, value))
        })
    }
}

impl Place {
    fn of(key: Key) -> Self {
        Self { head: head_of(&key), key }
    }

    /// The key.
    pub(super) fn key(&self) -> &Key {
        &self.key
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

/// Numbers that decide nearly every comparison of two keys, in the order of the keys.
pub(super) fn order_of(key: &Key) -> (u64, u128) {
    (first_bytes(key), head_of(key))
}

const FIRST_BYTES: usize = 8;

/// The first bytes of a key as a number. Of two keys with different numbers, the one with the lower
/// number is the lower: padding with the least byte keeps the order.
fn first_bytes(key: &Key) -> u64 {
    u64::from_be_bytes(padded(key.as_bytes()))
}

/// The bytes behind those, likewise.
fn head_of(key: &Key) -> u128 {
    u128::from_be_bytes(padded(key.as_bytes().get(FIRST_BYTES..).unwrap_or_default()))
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

    /// Keys of which many have long beginnings in common, or end early.
    fn key() -> impl Strategy<Value = Key> {
        let long = vec(prop_oneof![Just(0_u8), Just(2), Just(0xFF)], 0..30);
        prop_oneof![long, vec(any::<u8>(), 0..3)].prop_map(Key::from_bytes)
    }

    proptest! {
        #[test]
        fn order_values_and_ranges_are_those_of_a_plain_tree(
            pairs in vec((key(), any::<u32>()), 0..200), from in key(), to in key(), absent in key(),
        ) {
            let (mut ordered, mut plain) = (Ordered::new(), BTreeMap::new());
            for (key, value) in pairs {
                ordered.entry(key.clone()).insert_entry(value);
                plain.insert(key, value);
            }
            prop_assert_eq!(ordered.is_empty(), plain.is_empty());
            prop_assert!(ordered.iter().eq(&plain));
            prop_assert!(plain.keys().is_sorted_by_key(order_of));
            prop_assert_eq!(ordered.value(&absent), plain.get(&absent));
            prop_assert!(plain.iter().all(|(key, value)| ordered.value(key) == Some(value)));
            if from < to {
                let range = KeyRange { from, to };
                prop_assert!(ordered.range(&range).eq(plain.range(&range.from..&range.to)));
            }
        }
    }
}
