//! Content models: from particles as written to tables, with unique attribution checked.

use std::collections::{BTreeMap, BTreeSet};

use super::SchemaReason;
use super::model::{ElementId, Flat, Item, Model, Slot, State};
use crate::soap::names::QName;

/// Particles of one content model, its counted ones written out.
const POSITIONS_MAX: usize = 2_000;
/// States of one content model.
const STATES_MAX: usize = 4_000;

/// A particle as written.
#[derive(Clone, Debug)]
pub(super) struct Particle {
    pub(super) min: u32,
    /// None: unbounded.
    pub(super) max: Option<u32>,
    pub(super) term: Term,
}

/// What a particle repeats.
#[derive(Clone, Debug)]
pub(super) enum Term {
    Item(Item),
    Sequence(Vec<Particle>),
    Choice(Vec<Particle>),
    All(Vec<Particle>),
}

impl Particle {
    /// A particle that stands exactly once.
    pub(super) fn once(term: Term) -> Self {
        Self { min: 1, max: Some(1), term }
    }

    fn is_once(&self) -> bool {
        self.min == 1 && self.max == Some(1)
    }
}

/// Compiles a content model; `name` tells the name of an element.
pub(super) fn compile(particle: Option<&Particle>, name: &dyn Fn(ElementId) -> QName) -> Result<Model, SchemaReason> {
    let Some(particle) = particle else {
        return Ok(Model::Flat(Flat { ordered: true, optional: false, slots: Vec::new() }));
    };
    if let Term::All(parts) = &particle.term {
        let slots = parts.iter().filter_map(slot).collect();
        let flat = Flat { ordered: false, optional: particle.min == 0, slots };
        check_flat(&flat, name)?;
        return Ok(Model::Flat(flat));
    }
    let mut slots = Vec::new();
    if particle.is_once() && flatten(particle, &mut slots) {
        let flat = Flat { ordered: true, optional: false, slots };
        check_flat(&flat, name)?;
        return Ok(Model::Flat(flat));
    }
    states(particle, name).map(Model::Automaton)
}

fn slot(particle: &Particle) -> Option<Slot> {
    match &particle.term {
        Term::Item(item) => Some(Slot { item: item.clone(), min: particle.min, max: particle.max }),
        _ => None,
    }
}

/// Writes the slots of a sequence; false if it is more than a plain list.
fn flatten(particle: &Particle, slots: &mut Vec<Slot>) -> bool {
    match &particle.term {
        Term::Item(item) => {
            if particle.max != Some(0) {
                slots.push(Slot { item: item.clone(), min: particle.min, max: particle.max });
            }
            true
        }
        Term::Sequence(parts) if particle.is_once() => parts.iter().all(|part| flatten(part, slots)),
        Term::Sequence(_) | Term::Choice(_) | Term::All(_) => false,
    }
}

/// Whether some element could be both.
fn overlap(one: &Item, other: &Item, name: &dyn Fn(ElementId) -> QName) -> Option<String> {
    match (one, other) {
        (Item::Element(one), Item::Element(other)) => {
            let one = name(*one);
            (one == name(*other)).then(|| one.to_string())
        }
        (Item::Element(element), Item::Any(wildcard)) | (Item::Any(wildcard), Item::Element(element)) => {
            let element = name(*element);
            wildcard.allows(&element.namespace).then(|| element.to_string())
        }
        (Item::Any(one), Item::Any(other)) => one.namespaces.meet(&other.namespaces).then(|| "any".to_owned()),
    }
}

fn check_flat(flat: &Flat, name: &dyn Fn(ElementId) -> QName) -> Result<(), SchemaReason> {
    for (index, one) in flat.slots.iter().enumerate() {
        for other in flat.slots.iter().skip(index + 1) {
            // In a sequence the two compete only while the first may still take one more, but need not.
            let competing = !flat.ordered || Some(one.min) != one.max;
            if competing && let Some(both) = overlap(&one.item, &other.item, name) {
                return Err(SchemaReason::Ambiguous(both));
            }
            if flat.ordered && other.min > 0 {
                break;
            }
        }
    }
    Ok(())
}

/// Positions of a particle that is written out, after Glushkov.
struct Positions<'p> {
    /// What stands at each position.
    items: Vec<&'p Item>,
    /// Which particle each position came from: copies of one do not compete.
    origins: Vec<usize>,
    follow: Vec<BTreeSet<usize>>,
    origin_ids: BTreeMap<*const Particle, usize>,
}

/// The first and last positions of a part, and whether it may be empty.
#[derive(Clone, Default)]
struct Part {
    first: BTreeSet<usize>,
    last: BTreeSet<usize>,
    empty: bool,
}

impl Part {
    fn nothing() -> Self {
        Self { empty: true, ..Self::default() }
    }
}

impl<'p> Positions<'p> {
    fn particle(&mut self, particle: &'p Particle) -> Result<Part, SchemaReason> {
        let mut whole = Part::nothing();
        let mut copies = 0..particle.min;
        while copies.next().is_some() {
            let before = self.items.len();
            let copy = self.term(particle)?;
            whole = self.join(whole, copy);
            if self.items.len() == before {
                // One copy of nothing is as good as four thousand million.
                return Ok(whole);
            }
        }
        match particle.max {
            None => {
                let copy = self.term(particle)?;
                self.connect(&copy.last.clone(), &copy.first.clone());
                whole = self.join(whole, Part { empty: true, ..copy });
            }
            Some(max) => {
                // a{0,2} is (a(a)?)?, so the copies are built from the last one on.
                let mut optional = Part::nothing();
                let mut copies = particle.min..max;
                while copies.next().is_some() {
                    let before = self.items.len();
                    let copy = self.term(particle)?;
                    optional = self.join(copy, optional);
                    optional.empty = true;
                    if self.items.len() == before {
                        break;
                    }
                }
                whole = self.join(whole, optional);
            }
        }
        Ok(whole)
    }

    fn term(&mut self, particle: &'p Particle) -> Result<Part, SchemaReason> {
        match &particle.term {
            Term::Item(item) => {
                let position = self.items.len();
                if position >= POSITIONS_MAX {
                    let what =
                        format!("a content model of more than {POSITIONS_MAX} particles, its counts written out");
                    return Err(SchemaReason::Unsupported(what));
                }
                let fresh = self.origin_ids.len();
                let origin = *self.origin_ids.entry(std::ptr::from_ref(particle)).or_insert(fresh);
                self.items.push(item);
                self.origins.push(origin);
                self.follow.push(BTreeSet::new());
                Ok(Part { first: BTreeSet::from([position]), last: BTreeSet::from([position]), empty: false })
            }
            Term::Sequence(parts) => {
                let mut whole = Part::nothing();
                for part in parts {
                    let part = self.particle(part)?;
                    whole = self.join(whole, part);
                }
                Ok(whole)
            }
            Term::Choice(parts) => {
                // A choice of nothing cannot be met; it is empty only if one of its parts is.
                let mut whole = Part::default();
                for part in parts {
                    let part = self.particle(part)?;
                    whole.first.extend(part.first);
                    whole.last.extend(part.last);
                    whole.empty |= part.empty;
                }
                Ok(whole)
            }
            Term::All(_) => Err(SchemaReason::Invalid("`all` stands inside another group".into())),
        }
    }

    fn join(&mut self, one: Part, other: Part) -> Part {
        self.connect(&one.last, &other.first);
        let mut first = one.first;
        let mut last = other.last;
        if one.empty {
            first.extend(other.first);
        }
        if other.empty {
            last.extend(one.last);
        }
        Part { first, last, empty: one.empty && other.empty }
    }

    fn connect(&mut self, from: &BTreeSet<usize>, to: &BTreeSet<usize>) {
        for &position in from {
            if let Some(follow) = self.follow.get_mut(position) {
                follow.extend(to);
            }
        }
    }

    /// The positions by the particle that they came from, if no two particles compete.
    fn ways(
        &self,
        positions: &BTreeSet<usize>,
        name: &dyn Fn(ElementId) -> QName,
    ) -> Result<Vec<(&'p Item, BTreeSet<usize>)>, SchemaReason> {
        let mut by_origin: BTreeMap<usize, (&'p Item, BTreeSet<usize>)> = BTreeMap::new();
        for &position in positions {
            if let (Some(&origin), Some(&item)) = (self.origins.get(position), self.items.get(position)) {
                by_origin.entry(origin).or_insert_with(|| (item, BTreeSet::new())).1.insert(position);
            }
        }
        let ways: Vec<_> = by_origin.into_values().collect();
        for (index, (one, _)) in ways.iter().enumerate() {
            if let Some(both) = ways.iter().skip(index + 1).find_map(|(other, _)| overlap(one, other, name)) {
                return Err(SchemaReason::Ambiguous(both));
            }
        }
        Ok(ways)
    }
}

/// The states of a content model that holds no `xs:all`; the first is the one it begins with.
pub(super) fn states(particle: &Particle, name: &dyn Fn(ElementId) -> QName) -> Result<Vec<State>, SchemaReason> {
    let mut positions =
        Positions { items: Vec::new(), origins: Vec::new(), follow: Vec::new(), origin_ids: BTreeMap::new() };
    let whole = positions.particle(particle)?;
    // Each state is a set of positions that may have been taken last; none at the beginning.
    let mut known: BTreeMap<Option<BTreeSet<usize>>, u32> = BTreeMap::from([(None, 0)]);
    let mut pending: Vec<Option<BTreeSet<usize>>> = vec![None];
    let mut states: Vec<State> = Vec::new();
    while let Some(taken) = pending.get(states.len()).cloned() {
        let next: BTreeSet<usize> = match &taken {
            None => whole.first.clone(),
            Some(taken) => {
                taken.iter().filter_map(|&position| positions.follow.get(position)).flatten().copied().collect()
            }
        };
        let last = match &taken {
            None => whole.empty,
            Some(taken) => !taken.is_disjoint(&whole.last),
        };
        let mut ways = Vec::new();
        for (item, to) in positions.ways(&next, name)? {
            let fresh = u32::try_from(known.len()).unwrap_or(u32::MAX);
            let to = *known.entry(Some(to.clone())).or_insert_with(|| {
                pending.push(Some(to));
                fresh
            });
            ways.push((item.clone(), to));
        }
        if pending.len() > STATES_MAX {
            return Err(SchemaReason::Unsupported(format!("a content model of more than {STATES_MAX} states")));
        }
        states.push(State { ways, last });
    }
    Ok(states)
}
