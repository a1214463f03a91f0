//! The stacks of a reader, which a thread keeps from one document to the next.

use std::cell::Cell;

use super::Open;
use super::event::RawExpanded;
use super::namespaces::Namespaces;
use crate::soap::kept::emptied;

/// What grows while a document is read.
#[derive(Default)]
pub(super) struct Stacks<'a> {
    pub(super) open: Vec<Open<'a>>,
    pub(super) attributes: Vec<RawExpanded<'a>>,
    pub(super) namespaces: Namespaces<'a>,
}

thread_local! {
    static KEPT: Cell<Option<Stacks<'static>>> = const { Cell::new(None) };
}

impl Stacks<'static> {
    /// Those that were kept, else new ones; empty.
    pub(super) fn kept() -> Self {
        KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }
}

impl Stacks<'_> {
    /// Keeps them for the thread's next reader.
    pub(super) fn keep(self) {
        let kept = Stacks {
            open: emptied(self.open),
            attributes: emptied(self.attributes),
            namespaces: self.namespaces.emptied(),
        };
        // A thread that ends keeps nothing.
        let _ = KEPT.try_with(|place| place.set(Some(kept)));
    }
}
