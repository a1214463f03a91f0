//! Whether a content model restricts another: whatever it lets in, the other must let in, too.
//!
//! XSD 1.0 part 1, 3.9.6 has a table of shapes for this; here, as in XSD 1.1, the two are walked side
//! by side, which accepts what the table accepts and more that is harmless. Both are free of
//! ambiguity, so each way of one meets at most one way of the other.

use std::collections::BTreeSet;

use super::SchemaReason;
use super::model::{ElementId, Item, State};
use super::particles::{Particle, Term, states};
use crate::soap::names::QName;

/// Pairs of states that are looked at before a comparison is given up.
const PAIRS_MAX: usize = 100_000;

/// What a comparison needs to know of elements.
pub(super) struct Elements<'e> {
    /// An element's name.
    pub(super) name: &'e dyn Fn(ElementId) -> QName,
    /// Whether the first element, of the same name, may stand where the second is declared.
    pub(super) restricts: &'e dyn Fn(ElementId, ElementId) -> bool,
}

/// Checks that content of `derived` is always content of `base`.
pub(super) fn check(
    derived: Option<&Particle>,
    base: Option<&Particle>,
    elements: &Elements<'_>,
) -> Result<(), SchemaReason> {
    let nothing = Particle::once(Term::Sequence(Vec::new()));
    let (derived, base) = (derived.unwrap_or(&nothing), base.unwrap_or(&nothing));
    match (&derived.term, &base.term) {
        (_, Term::All(parts)) => within_all(derived, parts, base.min == 0, elements),
        (Term::All(_), _) => Err(SchemaReason::Unsupported("`all` that restricts another group".to_owned())),
        _ => within_states(&states(derived, elements.name)?, &states(base, elements.name)?, elements),
    }
}

fn within_states(derived: &[State], base: &[State], elements: &Elements<'_>) -> Result<(), SchemaReason> {
    let mut seen = BTreeSet::from([(0, 0)]);
    let mut pending = vec![(0_u32, 0_u32)];
    while let Some((one, other)) = pending.pop() {
        let at = |states: &[State], index: u32| {
            usize::try_from(index).ok().and_then(|index| states.get(index)).cloned().unwrap_or_default()
        };
        let (one, other) = (at(derived, one), at(base, other));
        if one.last && !other.last {
            let missing = other.ways.first().map(|(item, _)| described(item, elements));
            return Err(wider(&format!("without `{}`", missing.unwrap_or_default())));
        }
        for (item, to) in &one.ways {
            let fitting = other.ways.iter().find(|(wider, _)| item_restricts(item, wider, elements));
            let Some((_, base_to)) = fitting else { return Err(wider(&format!("`{}`", described(item, elements)))) };
            if seen.insert((*to, *base_to)) {
                pending.push((*to, *base_to));
            }
        }
        if seen.len() > PAIRS_MAX {
            return Err(SchemaReason::Unsupported("a restriction of so large a content model".to_owned()));
        }
    }
    Ok(())
}

/// Whether a list of elements is within an `xs:all`, which does not care for their order.
fn within_all(
    derived: &Particle,
    base: &[Particle],
    base_optional: bool,
    elements: &Elements<'_>,
) -> Result<(), SchemaReason> {
    let parts = match &derived.term {
        Term::All(parts) => parts.as_slice(),
        Term::Sequence(parts) if (derived.min, derived.max) == (1, Some(1)) => parts.as_slice(),
        _ => return Err(SchemaReason::Unsupported("such a restriction of `all`".to_owned())),
    };
    if derived.min == 0 && !base_optional {
        return Err(wider("nothing"));
    }
    let mut taken = vec![false; base.len()];
    for part in parts {
        let Term::Item(item) = &part.term else {
            return Err(SchemaReason::Unsupported("a group in a restriction of `all`".to_owned()));
        };
        let fitting = base.iter().zip(&mut taken).find(|(wider, taken)| {
            let counts = part.min >= wider.min && part.max.is_some_and(|max| wider.max.is_none_or(|most| max <= most));
            let items = matches!(&wider.term, Term::Item(wider) if item_restricts(item, wider, elements));
            !**taken && counts && items
        });
        match fitting {
            Some((_, taken)) => *taken = true,
            None => return Err(wider(&format!("`{}`", described(item, elements)))),
        }
    }
    let left_out = base.iter().zip(taken).find(|(part, taken)| !taken && part.min > 0);
    match left_out {
        Some((Particle { term: Term::Item(item), .. }, _)) if !(parts.is_empty() && base_optional) => {
            Err(wider(&format!("without `{}`", described(item, elements))))
        }
        _ => Ok(()),
    }
}

fn item_restricts(item: &Item, wider: &Item, elements: &Elements<'_>) -> bool {
    match (item, wider) {
        (Item::Element(one), Item::Element(other)) => {
            (elements.name)(*one) == (elements.name)(*other) && (elements.restricts)(*one, *other)
        }
        (Item::Element(element), Item::Any(wildcard)) => wildcard.allows(&(elements.name)(*element).namespace),
        (Item::Any(one), Item::Any(other)) => one.restricts(other),
        (Item::Any(_), Item::Element(_)) => false,
    }
}

fn described(item: &Item, elements: &Elements<'_>) -> String {
    match item {
        Item::Element(element) => (elements.name)(*element).to_string(),
        Item::Any(_) => "any element".to_owned(),
    }
}

fn wider(what: &str) -> SchemaReason {
    SchemaReason::Invalid(format!("it allows {what} at a place where the type that it restricts does not"))
}
