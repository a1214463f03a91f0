//! The tables of the history as they were at one moment, for whoever looks up a single key.
//!
//! The tree has a look-up of its own, but it holds its lock while it syncs the list of its tables, and a
//! commit that looks a key up would wait for the disk with it. Here nobody waits: a look-up takes the
//! newest list that is whole. The keys of the last checkpoints are known beside their tables; for what is merged
//! the tree has filters of its own, which it reads through its cache of blocks.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use lsm_tree::table::filter::standard_bloom::Builder;
use lsm_tree::{AbstractTree, AnyTree, SeqNo, Slice, Table, TableId};

use super::sieve::{self, Sieve};
use crate::store::locks::lock;

/// The newest list of tables.
pub(super) struct Tables {
    newest: ArcSwap<List>,
    /// What is known of tables that are not merged yet. Whoever makes a new list holds this meanwhile, so
    /// no list takes the place of a newer one.
    unmerged: Mutex<Unmerged>,
}

/// Runs of tables, from the newest to the oldest; within one no two hold the same key.
struct List(Vec<Run>);

struct Run {
    /// Of what was not merged yet.
    known: Option<Known>,
    tables: Vec<Listed>,
}

struct Listed {
    first: Slice,
    last: Slice,
    table: Table,
}

/// Where the keys of a checkpoint are known: in which sieve, and which bit they have there.
#[derive(Clone)]
struct Known(Arc<Sieve>, u16);

#[derive(Default)]
struct Unmerged {
    known: HashMap<TableId, Known>,
    /// What the last checkpoints are known by, and how many of them.
    newest: Option<(Arc<Sieve>, u32)>,
}

/// Look-ups see all that was registered.
pub(super) const NEWEST: SeqNo = SeqNo::MAX;

/// What tables and filters know a key by.
pub(super) fn hash_of(key: &[u8]) -> u64 {
    Builder::get_hash(key)
}

impl Tables {
    /// The tables of a tree.
    pub(super) fn of(tree: &AnyTree) -> Self {
        let tables = Self { newest: ArcSwap::from_pointee(List(Vec::new())), unmerged: Mutex::default() };
        tables.refresh(tree);
        tables
    }

    /// The value under a key.
    pub(super) fn look_up(&self, key: &[u8]) -> lsm_tree::Result<Option<Slice>> {
        let hash = hash_of(key);
        // Which bits the sieve has that was asked last: the next run has most likely the same.
        let mut asked: Option<(&Arc<Sieve>, u16)> = None;
        for run in &self.newest.load().0 {
            if let Some(Known(sieve, bit)) = &run.known {
                let known = asked.filter(|(last, _)| Arc::ptr_eq(last, sieve)).map(|(_, bits)| bits);
                let bits = known.unwrap_or_else(|| sieve.may_hold(hash));
                asked = Some((sieve, bits));
                if bits & bit == 0 {
                    continue;
                }
            }
            let place = run.tables.partition_point(|listed| *listed.last < *key);
            let Some(listed) = run.tables.get(place).filter(|listed| *listed.first <= *key) else { continue };
            if let Some(found) = listed.table.get(key, NEWEST, hash)? {
                return Ok((!found.is_tombstone()).then_some(found.value));
            }
        }
        Ok(None)
    }

    /// Takes the tree's tables as they are now.
    pub(super) fn refresh(&self, tree: &AnyTree) {
        self.list(tree, &mut lock(&self.unmerged));
    }

    /// The same after a checkpoint, before which `before` were the unmerged tables: those that came since
    /// hold the keys with these hashes.
    pub(super) fn refresh_with(&self, tree: &AnyTree, before: &HashSet<TableId>, hashes: &[u64]) {
        let mut unmerged = lock(&self.unmerged);
        let known = unmerged.next(hashes);
        let new = unmerged_of(tree).into_iter().filter(|id| !before.contains(id));
        unmerged.known.extend(new.map(|id| (id, known.clone())));
        self.list(tree, &mut unmerged);
    }

    fn list(&self, tree: &AnyTree, unmerged: &mut Unmerged) {
        let listed = |table: &Table| {
            let keys = &table.metadata.key_range;
            Listed { first: keys.min().clone(), last: keys.max().clone(), table: table.clone() }
        };
        let known = |table: &Table| unmerged.known.get(&table.id());
        let place = |table: &Table| known(table).map(|Known(sieve, bit)| (Arc::as_ptr(sieve), *bit));
        let version = tree.current_version();
        let mut runs = Vec::new();
        for run in version.iter_levels().flat_map(|level| level.iter()) {
            // The tree makes one run of those of several checkpoints that do not overlap.
            for tables in run.chunk_by(|one, other| place(one) == place(other)) {
                let known = tables.first().and_then(known).cloned();
                runs.push(Run { known, tables: tables.iter().map(listed).collect() });
            }
        }
        self.newest.store(Arc::new(List(runs)));
        let ids = unmerged_of(tree);
        unmerged.known.retain(|id, _| ids.contains(id));
    }
}

impl Unmerged {
    /// Makes the keys of one more checkpoint known.
    fn next(&mut self, hashes: &[u64]) -> Known {
        let newest = self.newest.take();
        let fits = |(sieve, taken): &(Arc<Sieve>, u32)| *taken < sieve::CHECKPOINTS && sieve.has_room_for(hashes.len());
        let (sieve, nth) = newest.filter(fits).unwrap_or_else(|| (Arc::new(Sieve::with_room_for(hashes.len())), 0));
        sieve.add(nth, hashes);
        self.newest = Some((sieve.clone(), nth.saturating_add(1)));
        Known(sieve, sieve::bit(nth))
    }
}

/// The tables of checkpoints that were not merged yet.
pub(super) fn unmerged_of(tree: &AnyTree) -> HashSet<TableId> {
    tree.current_version().l0().list_ids().into_iter().collect()
}
