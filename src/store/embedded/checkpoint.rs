//! The thread that moves frozen generations into the index. It never holds a lock while it writes.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;

/// How soon a checkpoint that found the disk full is tried again, when nobody asks for one.
const FULL_RETRY: Duration = Duration::from_secs(1);

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
