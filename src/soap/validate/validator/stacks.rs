//! The stacks of a validator, which a thread keeps from one document to the next.

use std::cell::Cell;

use super::Frame;
use crate::soap::kept::emptied;

/// What grows while a document is validated.
#[derive(Default)]
pub(super) struct Stacks<'s> {
    pub(super) frames: Vec<Frame<'s>>,
    pub(super) counts: Vec<u32>,
    pub(super) text: String,
}

thread_local! {
    /// The stacks of the thread's last validator, for its next one.
    static KEPT: Cell<Option<Stacks<'static>>> = const { Cell::new(None) };
}

impl Stacks<'static> {
    /// Those that were kept, else new ones; empty.
    pub(super) fn kept() -> Self {
        KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }
}

impl Stacks<'_> {
    /// Keeps them for the thread's next validator.
    pub(super) fn keep(self) {
        let text = emptied(self.text.into_bytes());
        // Of nothing, this copies nothing.
        let text = String::from_utf8(text).unwrap_or_default();
        let kept = Stacks { frames: emptied(self.frames), counts: emptied(self.counts), text };
        // A thread that ends keeps nothing.
        let _ = KEPT.try_with(|place| place.set(Some(kept)));
    }
}
