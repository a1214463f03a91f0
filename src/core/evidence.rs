//! What a decision rested on: every record that it read becomes an expectation of its write set, so
//! that it commits only if none of them has changed in between.

use serde::de::DeserializeOwned;

use crate::store::{Expect, Key, Read, ReadError, Record, Stored, WriteSet, decode_as};

/// As many records, counters and changes as a usual payment has; room for them is made at once. Half as many
/// again would take it beyond what the allocator hands out quickly.
const USUAL_COUNT: usize = 8;

/// Reads records and remembers their versions.
pub(super) struct Evidence<'a> {
    facts: &'a dyn Read,
    read: Vec<(Key, Expect)>,
}

impl<'a> Evidence<'a> {
    /// Nothing read yet.
    pub fn new(facts: &'a dyn Read) -> Self {
        Self { facts, read: Vec::with_capacity(USUAL_COUNT) }
    }

    /// The record under `key`. That there is none is evidence, too.
    pub fn load<T: Stored>(&mut self, key: Key) -> Result<Option<T>, ReadError> {
        self.glance::<T, T>(key)
    }

    /// The same, read as something that keeps only some parts of a `T` (see [`decode_as`]).
    pub fn glance<T: Stored, V: DeserializeOwned>(&mut self, key: Key) -> Result<Option<V>, ReadError> {
        self.look(key, |record| decode_as::<T, V>(record))
    }

    /// The same, read in a way of one's own.
    pub fn look<V>(
        &mut self,
        key: Key,
        read: impl Fn(&Record) -> Result<V, ReadError>,
    ) -> Result<Option<V>, ReadError> {
        let (mut expect, mut found) = (Expect::Absent, Ok(None));
        self.facts.look(&key, &mut |record| {
            if let Some(record) = record {
                expect = Expect::Version(record.version);
                found = read(record).map(Some);
            }
        })?;
        if !self.read.iter().any(|(other, _)| *other == key) {
            self.read.push((key, expect));
        }
        found
    }

    /// A record that whoever asks has at hand, in this version.
    pub fn rest_on(&mut self, key: Key, version: u64) {
        self.read.push((key, Expect::Version(version)));
    }

    /// What is read through this is not remembered: counters, whose bounds the commit checks, and
    /// what a decision only shows.
    pub fn facts(&self) -> &'a dyn Read {
        self.facts
    }

    /// A write set that rests on everything that was read so far, which is then forgotten.
    pub fn write_set(&mut self) -> WriteSet {
        WriteSet {
            expects: std::mem::take(&mut self.read),
            adjusts: Vec::with_capacity(USUAL_COUNT),
            changes: Vec::with_capacity(USUAL_COUNT),
        }
    }
}
