//! Checkpoints, and the thread that makes them: it moves frozen generations into the index. It never holds a lock
//! while it writes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Shared;
use super::index::IndexError;
use crate::store::locks::write;

/// How soon a checkpoint that found no room is tried again, when nobody asks for one.
const FULL_RETRY: Duration = Duration::from_secs(1);
/// The active one and the frozen one.
const GENERATIONS: usize = 2;

/// Makes the checkpoints that are asked for until it is closed.
pub(super) fn run(shared: &Arc<Shared>) {
    let _end = End(shared);
    while shared.checkpoints.begin(shared.is_index_full().then_some(FULL_RETRY)) {
        shared.checkpoint();
        shared.checkpoints.end();
    }
}

/// However the thread ends, nobody may wait for it afterwards.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.refuse("the checkpointer stopped");
        }
        self.0.checkpoints.close();
    }
}

impl Shared {
    /// Makes checkpoints until everything committed before this call is in the index. What the opening, or
    /// an attempt that failed, left frozen takes one of its own.
    pub(super) fn checkpoint_all(&self) {
        let goal = self.memtable.look(|layers| layers.active.position().sequence);
        for _ in 0..GENERATIONS {
            self.checkpoints.ask_and_wait();
            if self.index.checkpoint() >= goal {
                return;
            }
        }
    }

    /// Makes a checkpoint. One that finds no room is made again with the next; any other
    /// failure means that the index cannot be relied on.
    fn checkpoint(&self) {
        let was_full = self.is_index_full();
        let ready = if self.index.is_open() { Ok(()) } else { self.index.reopen() };
        let done = ready.and_then(|()| self.move_to_index());
        let full = matches!(done, Err(IndexError::Full | IndexError::Closed));
        self.index_full.store(full, Ordering::Release);
        match done {
            Ok(()) => {}
            Err(IndexError::Full | IndexError::Closed) => {
                if !was_full {
                    tracing::warn!(reason = %IndexError::Full, "the checkpoint is tried again until there is room");
                }
                // For the readers. Where even this takes room, they wait for it, too.
                let _ = self.index.reopen();
            }
            Err(error) => self.refuse(&format!("the index could not be written: {error}")),
        }
    }

    pub(super) fn is_index_full(&self) -> bool {
        self.index_full.load(Ordering::Acquire)
    }

    /// Moves the generation frozen before, or else the active one, into the index.
    fn move_to_index(&self) -> Result<(), IndexError> {
        let Some(frozen) = self.memtable.freeze(&self.longest) else { return Ok(()) };
        // Range reads that began before the freeze have not seen the frozen generation and must not
        // find parts of it in the index. Those that begin now see it, and it hides what it changes.
        drop(write(&self.scans));
        self.index.absorb(self.identity, &frozen)?;
        drop(frozen);
        self.memtable.forget_frozen(&self.longest);
        Ok(())
    }
}
