//! Content models while they are walked: which child may come next, and what is still missing.

use crate::soap::schema::{Flat, Item, Model, Slot, State};

/// Where an element's content has got to. Its counts lie on a stack that all elements share.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    /// The slot or the state.
    at: usize,
    /// Whether the slots of a sequence are taken in any order from here on.
    unordered: bool,
}

/// Why a child cannot come next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop<'m> {
    /// It could, if this were there before it.
    Missing(&'m Item),
    /// It could not.
    Unfit,
}

/// The number of counts that a model needs.
pub(super) fn counts(model: &Model) -> usize {
    match model {
        Model::Flat(flat) => flat.slots.len(),
        Model::Automaton(_) => 0,
    }
}

impl Cursor {
    /// Takes the next child: the item, among those that fit, that it is.
    pub(super) fn step<'m>(
        &mut self,
        model: &'m Model,
        counts: &mut [u32],
        fits: &impl Fn(&Item) -> bool,
    ) -> Result<&'m Item, Stop<'m>> {
        match model {
            Model::Flat(flat) if flat.ordered && !self.unordered => self.step_in_order(flat, counts, fits),
            Model::Flat(flat) => step_in_any_order(flat, counts, fits).ok_or(Stop::Unfit),
            Model::Automaton(states) => {
                let way = states.get(self.at).and_then(|state| state.ways.iter().find(|(item, _)| fits(item)));
                let (item, to) = way.ok_or(Stop::Unfit)?;
                self.at = usize::try_from(*to).unwrap_or(usize::MAX);
                Ok(item)
            }
        }
    }

    /// Takes the next child of a sequence, from now on in any order.
    pub(super) fn step_leaving_order<'m>(
        &mut self,
        model: &'m Model,
        counts: &mut [u32],
        fits: &impl Fn(&Item) -> bool,
    ) -> Option<&'m Item> {
        let Model::Flat(flat) = model else { return None };
        let item = step_in_any_order(flat, counts, fits)?;
        self.unordered = true;
        Some(item)
    }

    fn step_in_order<'m>(
        &mut self,
        flat: &'m Flat,
        counts: &mut [u32],
        fits: &impl Fn(&Item) -> bool,
    ) -> Result<&'m Item, Stop<'m>> {
        let mut missing = None;
        for (at, (slot, count)) in flat.slots.iter().zip(counts).enumerate().skip(self.at) {
            if room(slot, *count) && fits(&slot.item) {
                if let Some(missing) = missing {
                    return Err(Stop::Missing(missing));
                }
                *count += 1;
                self.at = at;
                return Ok(&slot.item);
            }
            if *count < slot.min {
                missing = missing.or(Some(&slot.item));
            }
        }
        Err(Stop::Unfit)
    }

    /// What the content lacks, if it ends here.
    pub(super) fn lacks<'m>(&self, model: &'m Model, counts: &[u32]) -> Option<&'m Item> {
        match model {
            Model::Flat(flat) if flat.optional && counts.iter().all(|count| *count == 0) => None,
            Model::Flat(flat) => {
                flat.slots.iter().zip(counts).find(|(slot, count)| **count < slot.min).map(|(slot, _)| &slot.item)
            }
            Model::Automaton(states) => states
                .get(self.at)
                .filter(|state| !state.last)
                .and_then(|state| state.ways.first())
                .map(|(item, _)| item),
        }
    }

    /// Whether the content may end here.
    pub(super) fn may_end(&self, model: &Model, counts: &[u32]) -> bool {
        match model {
            Model::Flat(_) => self.lacks(model, counts).is_none(),
            Model::Automaton(states) => states.get(self.at).is_some_and(|state| state.last),
        }
    }

    /// What could come next, for people.
    pub(super) fn expected<'m>(&self, model: &'m Model, counts: &[u32]) -> Vec<&'m Item> {
        match model {
            Model::Flat(flat) => {
                let all = flat.slots.iter().zip(counts);
                let skipped = if flat.ordered && !self.unordered { self.at } else { 0 };
                let open = all.skip(skipped).filter(|(slot, count)| room(slot, **count));
                let mut expected = Vec::new();
                for (slot, count) in open {
                    expected.push(&slot.item);
                    if flat.ordered && !self.unordered && *count < slot.min {
                        break;
                    }
                }
                expected
            }
            Model::Automaton(states) => {
                states.get(self.at).map(|state| state.ways.iter().map(|(item, _)| item).collect()).unwrap_or_default()
            }
        }
    }
}

/// Whether any child of the model fits, wherever it stands.
pub(super) fn knows(model: &Model, fits: &impl Fn(&Item) -> bool) -> bool {
    match model {
        Model::Flat(flat) => flat.slots.iter().any(|slot| fits(&slot.item)),
        Model::Automaton(states) => states.iter().any(|State { ways, .. }| ways.iter().any(|(item, _)| fits(item))),
    }
}

fn room(slot: &Slot, count: u32) -> bool {
    slot.max.is_none_or(|max| count < max)
}

fn step_in_any_order<'m>(flat: &'m Flat, counts: &mut [u32], fits: &impl Fn(&Item) -> bool) -> Option<&'m Item> {
    // Declared elements come before wildcards, which would let in the same ones.
    [false, true].into_iter().find_map(|wildcards| {
        let mut open = flat.slots.iter().zip(counts.iter_mut());
        let (slot, count) = open.find(|(slot, count)| {
            matches!(slot.item, Item::Any(_)) == wildcards && room(slot, **count) && fits(&slot.item)
        })?;
        *count += 1;
        Some(&slot.item)
    })
}
