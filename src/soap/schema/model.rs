//! What a schema is once compiled: tables that the validator walks over.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::simple::SimpleType;
use super::wildcard::Wildcard;
use crate::soap::names::{Name, QName};

/// A declared element of a [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ElementId(pub(super) u32);

/// A type of a [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::soap) struct TypeId(pub(super) u32);

impl TypeId {
    /// `xs:anyType`
    pub(in crate::soap) const ANY: Self = Self(0);
}

/// Things by expanded name.
pub(super) type ByName<T> = HashMap<String, HashMap<String, T>>;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    pub(super) elements: Vec<Element>,
    pub(super) types: Vec<Type>,
    pub(super) globals: ByName<ElementId>,
    pub(super) named_types: ByName<TypeId>,
    pub(super) attributes: ByName<Attribute>,
    pub(super) files: BTreeSet<String>,
}

/// An element declaration.
#[derive(Clone, Debug)]
pub(in crate::soap) struct Element {
    pub(in crate::soap) name: QName,
    pub(in crate::soap) kind: TypeId,
    pub(in crate::soap) nillable: bool,
    pub(in crate::soap) value: Option<Given>,
}

/// A value that a declaration gives: `default` or `fixed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::soap) struct Given {
    /// Whether it is the only value that is allowed.
    pub(in crate::soap) fixed: bool,
    pub(in crate::soap) value: String,
}

/// A type.
#[derive(Clone, Debug)]
pub(in crate::soap) struct Type {
    /// What it is derived from; none for `xs:anyType`.
    pub(in crate::soap) base: Option<TypeId>,
    pub(in crate::soap) attributes: Vec<AttributeUse>,
    pub(in crate::soap) any_attribute: Option<Wildcard>,
    pub(in crate::soap) content: Content,
}

/// What an element of a type may hold.
#[derive(Clone, Debug)]
pub(in crate::soap) enum Content {
    /// Anything; what is declared globally must fit its declaration.
    Anything,
    /// A value.
    Simple(Arc<SimpleType>),
    /// Elements, or nothing.
    Elements(Model),
    /// Elements with text around them.
    Mixed(Model),
}

/// An attribute that a type allows.
#[derive(Clone, Debug)]
pub(in crate::soap) struct AttributeUse {
    pub(in crate::soap) name: QName,
    pub(in crate::soap) required: bool,
    pub(in crate::soap) attribute: Attribute,
}

/// An attribute declaration.
#[derive(Clone, Debug)]
pub(in crate::soap) struct Attribute {
    pub(in crate::soap) kind: Arc<SimpleType>,
    pub(in crate::soap) value: Option<Given>,
}

/// A content model.
#[derive(Clone, Debug)]
pub(in crate::soap) enum Model {
    /// Slots with counts: a sequence of single particles, or an `xs:all`.
    Flat(Flat),
    /// Anything else: states with one way for each particle.
    Automaton(Vec<State>),
}

impl Model {
    /// Whether no element may ever stand in it.
    pub(in crate::soap) fn is_empty(&self) -> bool {
        matches!(self, Self::Flat(flat) if flat.slots.is_empty())
    }
}

/// A flat content model.
#[derive(Clone, Debug)]
pub(in crate::soap) struct Flat {
    /// Whether the slots come in this order.
    pub(in crate::soap) ordered: bool,
    /// Whether all may be missing together, even what must stand if anything does.
    pub(in crate::soap) optional: bool,
    pub(in crate::soap) slots: Vec<Slot>,
}

/// One particle of a flat content model.
#[derive(Clone, Debug)]
pub(in crate::soap) struct Slot {
    pub(in crate::soap) item: Item,
    pub(in crate::soap) min: u32,
    pub(in crate::soap) max: Option<u32>,
}

/// A state of a content model.
#[derive(Clone, Debug, Default)]
pub(in crate::soap) struct State {
    pub(in crate::soap) ways: Vec<(Item, u32)>,
    /// Whether the content may end here.
    pub(in crate::soap) last: bool,
}

/// What a child may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::soap) enum Item {
    /// A declared element.
    Element(ElementId),
    /// An element of certain namespaces.
    Any(Wildcard),
}

impl Schema {
    /// The global element of this name.
    pub fn element(&self, namespace: &str, local: &str) -> Option<ElementId> {
        self.globals.get(namespace)?.get(local).copied()
    }

    /// The name of a declared element.
    pub fn element_name(&self, element: ElementId) -> Name<'_> {
        self.declaration(element).map_or(Name { namespace: "", local: "" }, |element| element.name.as_name())
    }

    /// The files that it is made of.
    pub fn files(&self) -> &BTreeSet<String> {
        &self.files
    }

    /// The global attribute of this name.
    pub(in crate::soap) fn attribute(&self, name: Name<'_>) -> Option<&Attribute> {
        self.attributes.get(name.namespace)?.get(name.local)
    }

    /// All global elements.
    pub(in crate::soap) fn global_elements(&self) -> impl Iterator<Item = ElementId> + Clone + '_ {
        self.globals.values().flat_map(|named| named.values().copied())
    }

    pub(in crate::soap) fn declaration(&self, element: ElementId) -> Option<&Element> {
        self.elements.get(usize::try_from(element.0).ok()?)
    }

    pub(in crate::soap) fn kind(&self, kind: TypeId) -> Option<&Type> {
        self.types.get(usize::try_from(kind.0).ok()?)
    }

    /// The global or built-in type of this name.
    pub(in crate::soap) fn named_type(&self, name: Name<'_>) -> Option<TypeId> {
        self.named_types.get(name.namespace)?.get(name.local).copied()
    }

    /// Whether one type is another, or derived from it.
    pub(in crate::soap) fn derives(&self, kind: TypeId, from: TypeId) -> bool {
        let mut next = Some(kind);
        while let Some(kind) = next {
            if kind == from {
                return true;
            }
            next = self.kind(kind).and_then(|kind| kind.base);
        }
        false
    }
}
