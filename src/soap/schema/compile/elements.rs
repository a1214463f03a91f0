//! `xs:element`, and what content models demand of the elements in them.

use std::collections::HashMap;

use super::{Compiler, Document};
use crate::soap::names::QName;
use crate::soap::schema::SchemaReason;
use crate::soap::schema::model::{Element, ElementId, Item, TypeId};
use crate::soap::schema::particles::{Particle, Term};
use crate::soap::schema::tree::Node;

impl<'t> Compiler<'t> {
    pub(super) fn global_element(&mut self, id: ElementId, node: &'t Node, document: &'t Document<'t>) {
        self.allow_attributes(node, &["name", "type", "nillable", "abstract", "default", "fixed", "id"]);
        self.declare(id, node, document);
    }

    /// An element inside a group: declared there, or a reference to a global one.
    pub(super) fn local_element(&mut self, node: &'t Node, document: &'t Document<'t>) -> Option<ElementId> {
        if let Some(reference) = node.attribute("ref") {
            self.allow_attributes(node, &["ref", "minOccurs", "maxOccurs", "id"]);
            self.no_parts(node);
            let name = node.expand(reference).map_err(|error| self.errors.push(error)).ok()?;
            let found = self.globals.get(&name.namespace).and_then(|named| named.get(&name.local)).copied();
            if found.is_none() {
                self.errors.push(node.error(SchemaReason::Undeclared(format!("the element `{name}`"))));
            }
            return found;
        }
        let allowed = ["name", "type", "nillable", "form", "default", "fixed", "minOccurs", "maxOccurs", "id"];
        self.allow_attributes(node, &allowed);
        let name = self.own_name(node)?;
        let qualified = match node.attribute("form") {
            None => document.elements_qualified,
            Some("qualified") => true,
            Some("unqualified") => false,
            Some(_) => {
                self.errors.push(node.invalid("`form` is neither qualified nor unqualified"));
                false
            }
        };
        let id = self.new_element(QName::new(if qualified { document.target } else { "" }, name));
        self.declare(id, node, document);
        Some(id)
    }

    fn declare(&mut self, id: ElementId, node: &'t Node, document: &'t Document<'t>) {
        self.only_false(node, "abstract");
        let nillable = self.flag(node, "nillable");
        let parts = self.parts(node);
        let kind = match (node.attribute("type"), parts.as_slice()) {
            (Some(name), []) => self.type_named(node, name),
            (None, []) => Some(TypeId::ANY),
            (None, [inner]) if matches!(inner.name.local.as_str(), "simpleType" | "complexType") => {
                if inner.attribute("name").is_some() {
                    self.errors.push(inner.invalid("a type inside an element has no `name`"));
                }
                let kind = self.new_type();
                // Later: it may lead back to the group that is being compiled.
                self.pending_types.insert(kind, (inner, document));
                Some(kind)
            }
            (_, parts) => {
                for part in parts {
                    self.errors.push(part.unsupported(format!("`{}` inside this element", part.name.local)));
                }
                None
            }
        };
        if let Some(given) = self.written_value(node) {
            self.given.push((id, node, given));
        }
        let element = usize::try_from(id.0).ok().and_then(|index| self.elements.get_mut(index));
        if let (Some(element), Some(kind)) = (element, kind) {
            element.kind = kind;
            element.nillable = nillable;
        }
    }
}

/// XSD 1.0, 3.8.6: elements of one name in one content model have one type.
pub(super) fn consistent<'e>(
    particle: Option<&Particle>,
    element: &dyn Fn(ElementId) -> Option<&'e Element>,
) -> Result<(), SchemaReason> {
    let mut seen: HashMap<&'e QName, TypeId> = HashMap::new();
    let mut pending: Vec<&Particle> = particle.into_iter().collect();
    while let Some(particle) = pending.pop() {
        match &particle.term {
            Term::Item(Item::Element(id)) => {
                let Some(element) = element(*id) else { continue };
                if *seen.entry(&element.name).or_insert(element.kind) != element.kind {
                    let what = format!("two elements `{}` of different types", element.name);
                    return Err(SchemaReason::Invalid(what));
                }
            }
            Term::Item(Item::Any(_)) => {}
            Term::Sequence(parts) | Term::Choice(parts) | Term::All(parts) => pending.extend(parts),
        }
    }
    Ok(())
}
