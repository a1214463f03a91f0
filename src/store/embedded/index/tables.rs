//! The tables of the history as they were at one moment, for whoever looks up a single key.
//!
//! The tree has a look-up of its own, but it holds its lock while it syncs the list of its tables, and a
//! commit that looks a key up would wait for the disk with it. Here nobody waits: a look-up takes the
//! newest list that is whole. The tables of the last checkpoints have their filters beside them; the
//! tree reads those of its tables through its cache of blocks.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use lsm_tree::table::filter::standard_bloom::Builder;
use lsm_tree::{AbstractTree, AnyTree, SeqNo, Slice, Table, TableId};

use super::filter::{Filter, Sought};
use crate::store::locks::lock;

/// The newest list of tables.
pub(super) struct Tables {
    newest: ArcSwap<List>,
    /// The filters of tables that are not merged yet. Whoever makes a new list holds this meanwhile, so
    /// no list takes the place of a newer one.
    filters: Mutex<HashMap<TableId, Arc<Filter>>>,
}

/// Runs of tables, from the newest to the oldest; within one no two hold the same key.
struct List(Vec<Vec<Listed>>);

struct Listed {
    first: Slice,
    last: Slice,
    filter: Option<Arc<Filter>>,
    table: Table,
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
        let tables = Self { newest: ArcSwap::from_pointee(List(Vec::new())), filters: Mutex::default() };
        tables.refresh(tree);
        tables
    }

    /// The value under a key.
    pub(super) fn look_up(&self, key: &[u8]) -> lsm_tree::Result<Option<Slice>> {
        let hash = hash_of(key);
        let sought = Sought::of(hash);
        for run in &self.newest.load().0 {
            let place = run.partition_point(|listed| *listed.last < *key);
            let Some(listed) = run.get(place).filter(|listed| *listed.first <= *key) else { continue };
            if listed.filter.as_ref().is_some_and(|filter| !filter.may_hold(&sought)) {
                continue;
            }
            if let Some(found) = listed.table.get(key, NEWEST, hash)? {
                return Ok((!found.is_tombstone()).then_some(found.value));
            }
        }
        Ok(None)
    }

    /// Takes the tree's tables as they are now.
    pub(super) fn refresh(&self, tree: &AnyTree) {
        self.list(tree, &mut lock(&self.filters));
    }

    /// The same after a checkpoint, before which `known` were the unmerged tables: those that came since
    /// hold the keys of the filter.
    pub(super) fn refresh_with(&self, tree: &AnyTree, known: &HashSet<TableId>, filter: Filter) {
        let (filter, mut filters) = (Arc::new(filter), lock(&self.filters));
        let new = unmerged(tree).into_iter().filter(|id| !known.contains(id));
        filters.extend(new.map(|id| (id, filter.clone())));
        self.list(tree, &mut filters);
    }

    fn list(&self, tree: &AnyTree, filters: &mut HashMap<TableId, Arc<Filter>>) {
        let listed = |table: &Table| {
            let keys = &table.metadata.key_range;
            let filter = filters.get(&table.id()).cloned();
            Listed { first: keys.min().clone(), last: keys.max().clone(), filter, table: table.clone() }
        };
        let version = tree.current_version();
        let runs = version.iter_levels().flat_map(|level| level.iter());
        let list = runs.map(|run| run.iter().map(listed).collect()).collect();
        self.newest.store(Arc::new(List(list)));
        let unmerged = unmerged(tree);
        filters.retain(|id, _| unmerged.contains(id));
    }
}

/// The tables of checkpoints that were not merged yet.
pub(super) fn unmerged(tree: &AnyTree) -> HashSet<TableId> {
    tree.current_version().l0().list_ids().into_iter().collect()
}
