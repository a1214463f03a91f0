//! What can be done only when all components are known: content models, and what is demanded of types
//! that restrict others and of values that declarations give.

use std::collections::BTreeSet;

use super::{Compiler, Held, elements};
use crate::soap::names::QName;
use crate::soap::schema::model::{Content, Element, ElementId, Given, Schema, Type, TypeId};
use crate::soap::schema::restriction::{self, Elements};
use crate::soap::schema::tree::Node;
use crate::soap::schema::{SchemaError, particles};

impl Compiler<'_> {
    /// The schema, or all that is wrong with it.
    pub(super) fn finish(mut self) -> Result<Schema, Vec<SchemaError>> {
        for (id, held) in std::mem::take(&mut self.held) {
            self.content(id, &held);
            self.held.insert(id, held);
        }
        for (derived, base) in std::mem::take(&mut self.restrictions) {
            self.check_restriction(derived, base);
        }
        for (element, node, given) in std::mem::take(&mut self.given) {
            self.give(element, node, given);
        }
        if self.errors.is_empty() {
            let types: Vec<Type> = self.types.into_iter().flatten().collect();
            return Ok(Schema {
                elements: self.elements,
                types,
                globals: self.globals,
                named_types: self.named_types,
                attributes: self.attributes,
                files: BTreeSet::new(),
            });
        }
        self.errors.sort_by(|one, other| (&one.file, one.position).cmp(&(&other.file, other.position)));
        self.errors.dedup();
        Err(self.errors)
    }

    /// Compiles a content model.
    fn content(&mut self, id: TypeId, held: &Held<'_>) {
        let element = |id: ElementId| self.element(id);
        let name = |id: ElementId| self.name(id);
        let model = elements::consistent(held.particle.as_ref(), &element)
            .and_then(|()| particles::compile(held.particle.as_ref(), &name));
        match model {
            Ok(model) => {
                if let Some(kind) = index(id.0).and_then(|index| self.types.get_mut(index)).and_then(Option::as_mut) {
                    kind.content = if held.mixed { Content::Mixed(model) } else { Content::Elements(model) };
                }
            }
            Err(reason) => self.errors.push(held.node.error(reason)),
        }
    }

    fn check_restriction(&mut self, derived: TypeId, base: TypeId) {
        let (Some(narrow), Some(wide)) = (self.held.get(&derived), self.held.get(&base)) else { return };
        let restricts = |one: ElementId, other: ElementId| match (self.element(one), self.element(other)) {
            (Some(one), Some(other)) => {
                let fixed = |element: &Element| element.value.clone().filter(|given| given.fixed);
                self.derives(one.kind, other.kind)
                    && (other.nillable || !one.nillable)
                    && (fixed(other).is_none() || fixed(one) == fixed(other))
            }
            _ => false,
        };
        let elements = Elements { name: &|id| self.name(id), restricts: &restricts };
        if let Err(reason) = restriction::check(narrow.particle.as_ref(), wide.particle.as_ref(), &elements) {
            let error = narrow.node.error(reason);
            self.errors.push(error);
        }
    }

    /// Gives an element its default or fixed value, if its type has such a value.
    fn give(&mut self, id: ElementId, node: &Node, given: Given) {
        let content = self.element(id).and_then(|element| self.kind(element.kind)).map(|kind| kind.content.clone());
        match content {
            Some(Content::Simple(simple)) => {
                let value = self.given(node, &simple, given);
                if let Some(element) = index(id.0).and_then(|index| self.elements.get_mut(index)) {
                    element.value = value;
                }
            }
            Some(Content::Elements(_)) => self.errors.push(node.invalid("a value for an element that holds elements")),
            _ => self.errors.push(node.unsupported("a value for an element that may hold anything")),
        }
    }

    fn element(&self, id: ElementId) -> Option<&Element> {
        index(id.0).and_then(|index| self.elements.get(index))
    }

    fn name(&self, id: ElementId) -> QName {
        self.element(id).map_or_else(|| QName::new("", ""), |element| element.name.clone())
    }

    fn kind(&self, id: TypeId) -> Option<&Type> {
        index(id.0).and_then(|index| self.types.get(index)).and_then(Option::as_ref)
    }

    fn derives(&self, kind: TypeId, from: TypeId) -> bool {
        let mut next = Some(kind);
        while let Some(kind) = next.filter(|kind| *kind != from) {
            next = self.kind(kind).and_then(|kind| kind.base);
        }
        next.is_some()
    }
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}
