//! What was committed since the last checkpoint, in memory: the active generation, which grows, and
//! beside it the frozen one while a checkpoint moves it into the index. A key is looked up in the
//! active one, then in the frozen one, then in the index.
//!
//! A deleted record leaves a tombstone, which hides what is below it, unless it is known that there
//! is nothing: what is written and deleted between two checkpoints costs the index nothing.

use std::sync::{Arc, RwLock};

use super::counters::Counters;
use super::kept::Kept;
use super::ordered::{Ordered, sorted};
use super::place::Place;
use super::segment::Position;
use super::stalls::Longest;
use crate::store::locks::{read, write};
use crate::store::state::Write;
use crate::store::{Key, KeyRange};

/// The records and counters of a span of commits.
#[derive(Debug)]
pub(super) struct Generation {
    /// The sequence number after which it begins: no other one has it.
    begin: u64,
    records: Ordered<Entry>,
    /// The counters that moved, in the order in which they first did.
    counters: Vec<(Key, i64)>,
    bytes: u64,
    position: Position,
}

#[derive(Debug)]
struct Entry {
    /// Nothing: a tombstone.
    record: Option<Kept>,
    /// There is no record under this key in any generation before, nor in the index.
    alone: bool,
}

/// What one commit wrote.
#[derive(Debug)]
pub(super) struct Commit {
    /// Records written and deleted, in order.
    pub writes: Vec<Write>,
    /// Values of the counters that moved.
    pub counters: Vec<(Key, i64)>,
    /// Its place in the chain.
    pub position: Position,
    /// Where in the journal it is.
    pub place: Option<Place>,
}

impl Generation {
    /// An empty generation that begins after `position`.
    pub(super) fn new(position: Position) -> Self {
        Self { begin: position.sequence, records: Ordered::new(), counters: Vec::new(), bytes: 0, position }
    }

    /// Begins after another one, whose place it takes. It must be empty.
    fn follow(&mut self, before: &Self) {
        (self.begin, self.position) = (before.position.sequence, before.position);
        self.records.order_like(&before.records);
    }

    /// Forgets everything and keeps the room that it took.
    fn clear(&mut self) {
        self.records.clear();
        self.counters.clear();
        self.bytes = 0;
    }

    /// The newest commit in it.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.counters.is_empty()
    }

    /// Takes in one commit; `newest` has the counters of all generations from `live` on, the oldest that is not in
    /// the index.
    fn apply(&mut self, Commit { writes, counters, position, place }: Commit, newest: &mut Counters, live: u64) {
        for write in writes {
            self.write(write, place);
        }
        for (counter, value) in counters {
            let place = newest.set(&counter, value, self.begin, self.counters.len(), live);
            match self.counters.get_mut(place) {
                Some((_, last)) => *last = value,
                None => {
                    self.bytes = self.bytes.saturating_add(entry_bytes(&counter, None));
                    self.counters.push((counter, value));
                }
            }
        }
        self.position = position;
    }

    fn write(&mut self, Write { key, record, fresh }: Write, place: Option<Place>) {
        let record = record.map(|record| Kept::of(record, place));
        let (hash, bytes) = (self.records.hash_of(&key), entry_bytes(&key, record.as_ref()));
        match self.records.value_mut(hash, &key) {
            None => self.records.add(hash, key, Entry { record, alone: fresh }),
            Some(entry) => {
                let before = entry_bytes(&key, entry.record.as_ref());
                self.bytes = self.bytes.saturating_sub(before);
                if record.is_none() && entry.alone {
                    self.records.remove(hash, &key);
                    return;
                }
                // Whether something is below was settled by the first write of the key: later ones see
                // this entry, or the tombstone in it, and not what it hides.
                entry.record = record;
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The record or tombstone under a key; nothing when the key was not written.
    pub(super) fn record(&self, key: &Key) -> Option<Option<&Kept>> {
        self.records.value(key).map(|entry| entry.record.as_ref())
    }

    /// All records and tombstones in the order of their keys.
    pub(super) fn records(&self) -> Vec<(&Key, Option<&Kept>)> {
        sorted(self.records.iter().map(|(key, entry)| (key, entry.record.as_ref())))
    }

    /// The records and tombstones of a range, which must not be empty, in the order of their keys.
    pub(super) fn range(&self, range: &KeyRange) -> impl Iterator<Item = (&Key, Option<&Kept>)> {
        self.records.range(range).map(|(key, entry)| (key, entry.record.as_ref()))
    }

    /// Whether the records in a range are kept in order: ranges of others are read slowly.
    pub(super) fn is_ordered(&self, range: &KeyRange) -> bool {
        self.records.is_ordered(range)
    }

    /// Whether there may be any of a range; where a kind is looked for, nearly always whether there is.
    pub(super) fn may_hold(&self, range: &KeyRange) -> bool {
        self.records.may_hold(range)
    }

    /// All counters in the order of their keys.
    pub(super) fn counters(&self) -> Vec<(&Key, i64)> {
        sorted(self.counters.iter().map(|(key, value)| (key, *value)))
    }
}

/// What an entry takes beside its key and value: nodes, pointers, lengths.
const ENTRY_BYTES: u64 = 128;

fn entry_bytes(key: &Key, record: Option<&Kept>) -> u64 {
    let value = record.map_or(0, Kept::bytes);
    ENTRY_BYTES.saturating_add(key.as_bytes().len() as u64).saturating_add(value as u64)
}

/// Both generations, and the counters that moved last.
#[derive(Debug)]
pub(super) struct Memtable(RwLock<Layers>);

/// What there is at one moment.
#[derive(Debug)]
pub(super) struct Layers {
    /// The one that takes in what is committed.
    pub active: Generation,
    /// The one that a checkpoint moves into the index.
    pub frozen: Option<Arc<Generation>>,
    /// An empty one for the next to be frozen, with the room of one that was: memory that is given back and taken
    /// anew must be cleared each time.
    spare: Option<Generation>,
    /// Those of both generations, and others.
    counters: Counters,
}

impl Memtable {
    /// A memtable that begins with this.
    pub(super) fn new(layers: Layers) -> Self {
        Self(RwLock::new(layers))
    }

    /// Makes commits visible, all at once.
    pub(super) fn publish(&self, commits: impl Iterator<Item = Commit>) {
        let mut layers = write(&self.0);
        commits.for_each(|commit| layers.apply(commit));
    }

    /// Looks at both generations at one moment. Commits wait meanwhile, so nothing slow may be done.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Layers) -> T) -> T {
        look(&read(&self.0))
    }

    /// Has the records in this range kept in order from now on, if they are not yet: for who reads there. Commits go
    /// on in between.
    pub(super) fn order(&self, range: &KeyRange) {
        while !self.look(|layers| layers.active.is_ordered(range)) {
            write(&self.0).active.records.order_some(range);
        }
    }

    /// The frozen generation: the one there is, or else the active one, frozen now; nothing when
    /// there is nothing to move.
    pub(super) fn freeze(&self, longest: &Longest) -> Option<Arc<Generation>> {
        let mut layers = write(&self.0);
        longest.swap(|| {
            if layers.frozen.is_none() && !layers.active.is_empty() {
                layers.freeze();
            }
            layers.frozen.clone()
        })
    }

    /// Forgets the frozen generation: the index holds it now.
    pub(super) fn forget_frozen(&self, longest: &Longest) {
        // Taken out under the lock and emptied behind it, which takes a while.
        let mut layers = write(&self.0);
        let frozen = longest.swap(|| layers.frozen.take());
        drop(layers);
        // One that is still read is left to who reads it.
        if let Some(mut spare) = frozen.and_then(Arc::into_inner) {
            spare.clear();
            write(&self.0).spare = Some(spare);
        }
    }
}

impl Layers {
    /// Nothing, after `position`.
    pub(super) fn after(position: Position) -> Self {
        Self { active: Generation::new(position), frozen: None, spare: None, counters: Counters::default() }
    }

    /// Takes in one commit.
    pub(super) fn apply(&mut self, commit: Commit) {
        let live = self.frozen.as_ref().map_or(self.active.begin, |frozen| frozen.begin);
        self.active.apply(commit, &mut self.counters, live);
    }

    /// Begins a new generation. The active one is the frozen one from now on.
    pub(super) fn freeze(&mut self) {
        let mut next = self.spare.take().unwrap_or_else(|| Generation::new(self.active.position()));
        next.follow(&self.active);
        self.frozen = Some(Arc::new(std::mem::replace(&mut self.active, next)));
    }

    /// The record or tombstone under a key; nothing when only the index can tell.
    pub(super) fn record(&self, key: &Key) -> Option<Option<&Kept>> {
        self.active.record(key).or_else(|| self.frozen.as_ref()?.record(key))
    }

    /// The counter; nothing when only the index can tell.
    pub(super) fn counter(&self, key: &Key) -> Option<i64> {
        self.counters.value(key)
    }

    /// About how much memory both take.
    pub(super) fn bytes(&self) -> u64 {
        self.active.bytes().saturating_add(self.frozen.as_ref().map_or(0, |frozen| frozen.bytes()))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::Record;

    fn put(fresh: bool) -> Write {
        let record = Record { version: 1, value: Bytes::from_static(b"value"), captured: Vec::new() };
        Write { key: Key::of("k"), record: Some(record), fresh }
    }

    fn delete() -> Write {
        Write { key: Key::of("k"), record: None, fresh: false }
    }

    fn after(writes: Vec<Write>) -> Generation {
        let mut layers = Layers::after(Position::start(&[0; 16]));
        layers.apply(Commit { writes, counters: Vec::new(), position: layers.active.position(), place: None });
        layers.active
    }

    #[test]
    fn what_is_written_and_deleted_between_two_checkpoints_leaves_nothing() {
        let generation = after(vec![put(true), put(false), delete()]);
        assert_eq!((generation.records().len(), generation.bytes()), (0, 0));
    }

    #[test]
    fn a_tombstone_stays_as_long_as_something_may_be_below_it() {
        assert_eq!(after(vec![put(false), delete()]).record(&Key::of("k")), Some(None));
        assert_eq!(after(vec![delete()]).record(&Key::of("k")), Some(None));
        // The record after the tombstone is known to be new, and the index may still have the old one.
        assert_eq!(after(vec![delete(), put(true), delete()]).record(&Key::of("k")), Some(None));
    }

    fn memtable(active: Generation) -> Memtable {
        let mut layers = Layers::after(active.position());
        layers.active = active;
        Memtable::new(layers)
    }

    fn commit(memtable: &Memtable, writes: Vec<Write>, counter: i64) {
        let Position { sequence, .. } = memtable.look(|layers| layers.active.position());
        let position = Position { sequence: sequence + 1, ..Position::start(&[0; 16]) };
        let commit = Commit { writes, counters: vec![(Key::of("c"), counter)], position, place: None };
        memtable.publish(std::iter::once(commit));
    }

    #[test]
    fn a_generation_has_the_room_of_one_before_and_nothing_of_what_was_in_it() {
        let (memtable, longest) = (memtable(Generation::new(Position::start(&[0; 16]))), Longest::default());
        for counter in 1..=4 {
            commit(&memtable, vec![put(false)], counter);
            let frozen = memtable.freeze(&longest).unwrap();
            assert_eq!(frozen.counters(), [(&Key::of("c"), counter)]);
            assert_eq!(frozen.records().len(), 1);
            memtable.look(|layers| {
                let active = &layers.active;
                assert!(active.is_empty() && active.bytes() == 0 && active.record(&Key::of("k")).is_none());
                assert_eq!((active.begin, active.position()), (frozen.position().sequence, frozen.position()));
                // The first two are made anew.
                assert_eq!(active.counters.capacity() > 0, counter > 1, "{counter}");
                assert_eq!(layers.counter(&Key::of("c")), Some(counter));
            });
            drop(frozen);
            memtable.forget_frozen(&longest);
        }
    }

    #[test]
    fn no_counter_of_a_frozen_generation_is_forgotten() {
        let mut layers = Layers::after(Position::start(&[0; 16]));
        layers.counters = Counters::with_room_for(1);
        let (memtable, longest) = (Memtable::new(layers), Longest::default());
        commit(&memtable, Vec::new(), 7);
        drop(memtable.freeze(&longest));
        let position = memtable.look(|layers| layers.active.position());
        let counters = vec![(Key::of("other"), 1)];
        memtable.publish(std::iter::once(Commit { writes: Vec::new(), counters, position, place: None }));
        assert_eq!(memtable.look(|layers| layers.counter(&Key::of("c"))), Some(7));
    }

    #[test]
    fn a_generation_that_is_still_read_stays_as_it_was_and_gives_its_room_to_none() {
        let (memtable, longest) = (memtable(after(vec![put(true)])), Longest::default());
        let read = memtable.freeze(&longest).unwrap();
        memtable.forget_frozen(&longest);
        commit(&memtable, vec![delete()], 1);
        assert!(memtable.look(|layers| layers.spare.is_none()));
        assert_eq!(read.records().iter().map(|(_, record)| record.is_some()).collect::<Vec<_>>(), [true]);
    }

    #[test]
    fn where_ranges_are_read_records_are_kept_in_order_in_each_generation_from_then_on() {
        let (memtable, longest) = (memtable(after(vec![put(true)])), Longest::default());
        let (read, all) = (Key::of("k").subtree(), KeyRange { from: Key::of("a"), to: Key::of("z") });
        memtable.order(&read);
        for counter in 1..=3 {
            commit(&memtable, vec![put(false), Write { key: Key::of("other"), ..put(false) }], counter);
            memtable.look(|layers| {
                assert!(layers.active.is_ordered(&read) && !layers.active.is_ordered(&all));
                assert_eq!(layers.active.range(&read).count(), 1);
                assert_eq!(layers.active.range(&all).count(), 2);
            });
            drop(memtable.freeze(&longest));
            memtable.forget_frozen(&longest);
        }
    }

    #[test]
    fn freezing_moves_everything_aside_and_is_seen_until_it_is_forgotten() {
        let (memtable, longest) = (memtable(after(vec![put(true)])), Longest::default());
        let frozen = memtable.freeze(&longest).unwrap();
        assert!(Arc::ptr_eq(&frozen, &memtable.freeze(&longest).unwrap()), "one generation is frozen at a time");
        assert!(memtable.look(|layers| layers.record(&Key::of("k")).is_some()));
        memtable.forget_frozen(&longest);
        assert!(memtable.look(|layers| layers.record(&Key::of("k")).is_none()));
        assert!(memtable.freeze(&longest).is_none());
    }
}
