//! Named tolerances: what real clients send and the schema does not allow, made to fit.
//!
//! This is the machinery; the names and the table are the caller's. A mechanism is tried only where
//! what was sent does not fit as it is, so a message that fits never uses one.
//!
//! Invariant: nothing is made to fit without its tolerance being on and noted as used.

use std::cell::Cell;

use super::names::Name;
use super::{Position, Reader, ReaderOptions};

/// As many tolerances as fit into a set.
const TOLERANCES_MAX: usize = 64;

/// What a tolerance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// An element of the local name `from` is taken for one called `to`, in the same namespace.
    RenameElement {
        /// As sent.
        from: &'static str,
        /// As declared.
        to: &'static str,
    },
    /// An element in the namespace `from` is taken for one in `to`.
    MapNamespace {
        /// As sent; empty for none.
        from: &'static str,
        /// As declared.
        to: &'static str,
    },
    /// Elements of these local names are recognised by them alone; of all names if there is none.
    AnyNamespace {
        /// The local names.
        elements: &'static [&'static str],
    },
    /// An element in no namespace is taken for the qualified one that is declared at its place.
    UnqualifiedChildren,
    /// The children of a flat sequence (elements and wildcards) may come in any order.
    AnyOrder,
    /// Elements that the type does not know at all are passed over with all that is in them; what a
    /// [`Mechanism::RenameElement`] of the table knows another name for is not unknown, though it be off.
    IgnoreUnknownElements,
    /// Attributes that the type does not know are passed over.
    IgnoreUnknownAttributes,
    /// An `xsi:type` that names another type than the declared one is passed over.
    IgnoreTypeAttributes,
    /// Text where only elements may stand is passed over.
    IgnoreStrayText,
    /// Elements inside a body that is declared as text are taken as the text that they would be in a
    /// CDATA section.
    ElementsAsText,
    /// White space of any kind around the values of simple types is taken away, even from values
    /// that fit with it.
    TrimValues,
    /// Valid UTF-8 is read whatever encoding its declaration claims.
    EncodingLabel,
    /// The root's end tag may be missing at the very end.
    RootLeftOpen,
    /// Nothing that this module does: a switch for [`Normalization::apply`].
    Named,
}

/// Some of the tolerances of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleSet(u64);

impl RuleSet {
    /// These and those of `other`.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These, but not those of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` are in it.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A table of tolerances, built once.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    names: Vec<&'static str>,
    rules: Vec<(RuleSet, Mechanism)>,
}

impl Rules {
    /// The empty table.
    pub const fn new() -> Self {
        Self { names: Vec::new(), rules: Vec::new() }
    }

    /// Adds a mechanism under a tolerance's name; a name may have several, tried in this order.
    /// False, and nothing added, if the table is full.
    pub fn add(&mut self, name: &'static str, mechanism: Mechanism) -> bool {
        let bit = match self.bit(name) {
            Some(bit) => bit,
            None if self.names.len() < TOLERANCES_MAX => {
                let bit = RuleSet(1 << self.names.len());
                self.names.push(name);
                bit
            }
            None => return false,
        };
        self.rules.push((bit, mechanism));
        true
    }

    /// The set with only the tolerance of this name.
    pub fn bit(&self, name: &str) -> Option<RuleSet> {
        self.names.iter().position(|other| *other == name).map(|index| RuleSet(1 << index))
    }

    /// The set of these names; names that the table does not have are left out.
    pub fn set(&self, names: &[&str]) -> RuleSet {
        names.iter().filter_map(|name| self.bit(name)).fold(self.none(), RuleSet::with)
    }

    /// All tolerances.
    pub fn all(&self) -> RuleSet {
        self.set(&self.names)
    }

    /// No tolerance.
    pub fn none(&self) -> RuleSet {
        RuleSet::default()
    }

    /// The names of a set, in the order in which the table got them.
    pub fn names(&self, set: RuleSet) -> Vec<&'static str> {
        let bits = (0..self.names.len()).map(|index| RuleSet(1 << index));
        self.names.iter().zip(bits).filter(|(_, bit)| set.contains(*bit)).map(|(name, _)| *name).collect()
    }
}

/// The tolerances that are on for one message, and which of them it used.
#[derive(Debug)]
pub struct Normalization<'t> {
    rules: &'t Rules,
    on: RuleSet,
    used: Cell<RuleSet>,
}

static NO_RULES: Rules = Rules::new();

impl Normalization<'static> {
    /// No tolerance at all.
    pub fn strict() -> Self {
        Self::new(&NO_RULES, RuleSet::default())
    }
}

impl<'t> Normalization<'t> {
    /// Those of the table that are in `on`.
    pub fn new(rules: &'t Rules, on: RuleSet) -> Self {
        Self { rules, on, used: Cell::new(RuleSet::default()) }
    }

    /// The names of those that were used so far.
    pub fn used(&self) -> Vec<&'static str> {
        self.rules.names(self.used.get())
    }

    /// Whether the tolerance of this name is on; if so, it counts as used.
    pub fn apply(&self, name: &str) -> bool {
        match self.rules.bit(name) {
            Some(bit) if self.on.contains(bit) => {
                self.note(bit);
                true
            }
            _ => false,
        }
    }

    /// How a reader of this message is to read; `base` is where its input begins.
    pub fn reader_options(&self, base: Position) -> ReaderOptions {
        ReaderOptions {
            base,
            any_encoding_label: self.switch(Mechanism::EncodingLabel).is_some(),
            root_left_open: self.switch(Mechanism::RootLeftOpen).is_some(),
        }
    }

    /// Notes what a reader made fit.
    pub(super) fn note_reader(&self, reader: &Reader<'_>) {
        if reader.label_ignored() {
            self.use_switch(Mechanism::EncodingLabel);
        }
        if reader.root_closed() {
            self.use_switch(Mechanism::RootLeftOpen);
        }
    }

    /// Whether a mechanism is on.
    pub(super) fn has(&self, mechanism: Mechanism) -> bool {
        self.switch(mechanism).is_some()
    }

    /// Whether a mechanism is on; if so, it counts as used.
    pub(super) fn use_switch(&self, mechanism: Mechanism) -> bool {
        match self.switch(mechanism) {
            Some(bit) => {
                self.note(bit);
                true
            }
            None => false,
        }
    }

    fn note(&self, used: RuleSet) {
        self.used.set(self.used.get().with(used));
    }

    /// The tolerance that has this mechanism, if it is on.
    fn switch(&self, mechanism: Mechanism) -> Option<RuleSet> {
        if self.on.is_empty() {
            return None;
        }
        self.on_rules().find(|(_, other)| *other == mechanism).map(|(bit, _)| bit)
    }

    /// The first reading of `sent` under the tolerances for which `find` finds something. One
    /// rename and one change of namespace may come together.
    pub(super) fn rename<T>(&self, sent: Name<'_>, mut find: impl FnMut(Wanted<'_>) -> Option<T>) -> Option<T> {
        if self.on.is_empty() {
            return None;
        }
        if let Some(found) = self.move_namespace(sent, RuleSet::default(), &mut find) {
            return Some(found);
        }
        self.on_rules().find_map(|(bit, mechanism)| match mechanism {
            Mechanism::RenameElement { from, to } if from == sent.local => {
                let renamed = Name { namespace: sent.namespace, local: to };
                if let Some(found) = find(Wanted::Exactly(renamed)) {
                    self.note(bit);
                    return Some(found);
                }
                self.move_namespace(renamed, bit, &mut find)
            }
            _ => None,
        })
    }

    fn move_namespace<T>(
        &self,
        name: Name<'_>,
        so_far: RuleSet,
        find: &mut impl FnMut(Wanted<'_>) -> Option<T>,
    ) -> Option<T> {
        self.on_rules().find_map(|(bit, mechanism)| {
            let wanted = match mechanism {
                Mechanism::MapNamespace { from, to } if from == name.namespace => {
                    Wanted::Exactly(Name { namespace: to, local: name.local })
                }
                Mechanism::AnyNamespace { elements } if elements.is_empty() || elements.contains(&name.local) => {
                    Wanted::Local(name.local)
                }
                Mechanism::UnqualifiedChildren if name.namespace.is_empty() => Wanted::Local(name.local),
                _ => return None,
            };
            let found = find(wanted)?;
            self.note(bit.with(so_far));
            Some(found)
        })
    }

    /// Whether `sent` is what a tolerance of the table, on or off, takes for something that `knows` has: a
    /// misspelling whose meaning is known, and nothing that may be passed over as unknown.
    pub(super) fn is_misspelling(&self, sent: Name<'_>, knows: impl Fn(Wanted<'_>) -> bool) -> bool {
        self.rules.rules.iter().any(|(_, mechanism)| match *mechanism {
            Mechanism::RenameElement { from, to } => from == sent.local && knows(Wanted::Local(to)),
            _ => false,
        })
    }

    fn on_rules(&self) -> impl Iterator<Item = (RuleSet, Mechanism)> + '_ {
        self.rules.rules.iter().copied().filter(|(bit, _)| self.on.contains(*bit))
    }
}

/// What a sent name may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted<'n> {
    /// This name.
    Exactly(Name<'n>),
    /// Any declared name with this local part.
    Local(&'n str),
}

impl Wanted<'_> {
    /// Whether a declared name is wanted.
    pub(super) fn fits(&self, declared: Name<'_>) -> bool {
        match self {
            Self::Exactly(name) => *name == declared,
            Self::Local(local) => *local == declared.local,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let mut rules = Rules::new();
        assert!(rules.add("capital", Mechanism::RenameElement { from: "Request", to: "request" }));
        assert!(rules.add("other-namespace", Mechanism::MapNamespace { from: "urn:b", to: "urn:a" }));
        assert!(rules.add("trim", Mechanism::TrimValues));
        assert!(rules.add("own", Mechanism::Named));
        rules
    }

    const DECLARED: Name<'static> = Name { namespace: "urn:a", local: "request" };

    fn finds(normal: &Normalization<'_>, namespace: &str, local: &str) -> bool {
        normal.rename(Name { namespace, local }, |wanted| wanted.fits(DECLARED).then_some(())).is_some()
    }

    #[test]
    fn a_use_is_noted_under_the_name_of_its_tolerance() {
        let rules = rules();
        let normal = Normalization::new(&rules, rules.all());
        assert!(finds(&normal, "urn:a", "Request"));
        assert_eq!(normal.used(), ["capital"]);
    }

    #[test]
    fn a_rename_and_a_change_of_namespace_come_together() {
        let rules = rules();
        let normal = Normalization::new(&rules, rules.all());
        assert!(finds(&normal, "urn:b", "Request"));
        assert_eq!(normal.used(), ["capital", "other-namespace"]);
    }

    #[test]
    fn what_is_off_is_neither_tried_nor_noted() {
        let rules = rules();
        let normal = Normalization::new(&rules, rules.all().without(rules.set(&["capital"])));
        assert!(!finds(&normal, "urn:a", "Request"));
        assert!(!normal.apply("capital"));
        assert_eq!(normal.used(), Vec::<&str>::new());
        assert!(normal.apply("own"));
        assert_eq!(normal.used(), ["own"]);
        assert!(!finds(&Normalization::strict(), "urn:b", "request"));
    }

    #[test]
    fn a_misspelling_is_known_as_one_whether_its_tolerance_is_on_or_off() {
        let rules = rules();
        for on in [rules.all(), rules.none()] {
            let normal = Normalization::new(&rules, on);
            let is = |local| normal.is_misspelling(Name { namespace: "urn:c", local }, |wanted| wanted.fits(DECLARED));
            assert_eq!((is("Request"), is("request"), is("Requests")), (true, false, false));
            assert_eq!(normal.used(), Vec::<&str>::new());
        }
    }

    #[test]
    fn a_table_holds_64_tolerances() {
        let mut rules = Rules::new();
        for index in 0..TOLERANCES_MAX {
            assert!(rules.add(Box::leak(index.to_string().into_boxed_str()), Mechanism::Named));
        }
        assert!(!rules.add("one more", Mechanism::Named));
        assert_eq!(rules.names(rules.all()).len(), TOLERANCES_MAX);
    }
}
