//! The thread that merges the tables of many checkpoints into fewer, so that reads have few places
//! to look in and what was overwritten or deleted gives its room back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use lsm_tree::compaction::Leveled;
use lsm_tree::{AbstractTree, AnyTree, SequenceNumberCounter};

use super::IndexError;
use super::guard::guarded;
use super::tables::Tables;
use crate::store::embedded::turns::Turns;

/// The compactor of one tree; it ends with this.
pub(super) struct Compactor {
    merging: Arc<Merging>,
    thread: Option<JoinHandle<()>>,
}

struct Merging {
    tree: AnyTree,
    numbers: SequenceNumberCounter,
    /// What look-ups see of the tree.
    tables: Arc<Tables>,
    turns: Turns,
    /// The last merge failed. Nothing is lost by it, and it is tried again after the next checkpoint.
    failed: AtomicBool,
}

/// How many tables of checkpoints make a merge worth it. Each merge of them also writes anew what
/// they overlap with, so more tables at once make less to write; whoever looks a key up asks each of
/// them, but most answer together from memory.
const TABLES_OF_A_MERGE: u8 = 16;
/// About how large a merged table is: small ones make short merges, which end soon when the store
/// is closed, and keep the level below the checkpoints' smaller than what is merged into it.
const TABLE_BYTES: u64 = 4 << 20;

impl Compactor {
    /// Starts the thread for a tree whose next number `numbers` gives.
    pub(super) fn start(
        tree: AnyTree,
        numbers: SequenceNumberCounter,
        tables: Arc<Tables>,
    ) -> Result<Self, IndexError> {
        let (turns, failed) = (Turns::default(), AtomicBool::new(false));
        let merging = Arc::new(Merging { tree, numbers, tables, turns, failed });
        let of_thread = merging.clone();
        let thread = thread::Builder::new().name("compactor".into()).spawn(move || of_thread.run())?;
        Ok(Self { merging, thread: Some(thread) })
    }

    /// Asks it to merge what there is to merge.
    pub(super) fn ask(&self) {
        self.merging.turns.ask();
    }

    /// Waits until fewer tables than this are unmerged, unless merging fails: then there are more.
    pub(super) fn wait_for_fewer_than(&self, unmerged: usize) {
        while self.merging.tree.l0_run_count() >= unmerged {
            self.merging.turns.ask_and_wait();
            if self.merging.failed.load(Ordering::Acquire) {
                return;
            }
        }
    }
}

impl Drop for Compactor {
    fn drop(&mut self) {
        self.merging.turns.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the compactor panicked; the tables it left are merged after the next opening");
        }
    }
}

impl Merging {
    fn run(&self) {
        // However the thread ends, nobody may wait for it afterwards.
        let _end = End(&self.turns);
        while self.turns.begin(None) {
            let merged = self.merge_all();
            if let Err(error) = &merged {
                tracing::warn!(%error, "tables of the index could not be merged; tried again after the next checkpoint");
            }
            self.failed.store(merged.is_err(), Ordering::Release);
            self.turns.end();
        }
    }

    /// One merge after the other until there is nothing left to merge.
    fn merge_all(&self) -> Result<(), IndexError> {
        let strategy = Leveled::default().with_l0_threshold(TABLES_OF_A_MERGE).with_table_target_size(TABLE_BYTES);
        let strategy = Arc::new(strategy);
        while !self.turns.is_closed() {
            let before = self.tree.current_version().id();
            // Nobody reads an older state than the newest: what was overwritten can go.
            guarded(|| self.tree.compact(strategy.clone(), self.numbers.get()))?;
            if self.tree.current_version().id() == before {
                break;
            }
            self.tables.refresh(&self.tree);
        }
        Ok(())
    }
}

struct End<'a>(&'a Turns);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
