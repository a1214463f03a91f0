//! From schema files to tables.
//!
//! Invariants: nothing that a file says is skipped: it is compiled, or it is an error; and every
//! error is reported, not only the first.

mod attributes;
mod complex;
mod elements;
mod simple;

use std::collections::HashMap;
use std::sync::Arc;

use super::builtin::{UNSUPPORTED, XSD, builtins};
use super::model::{
    AttributeUse, ByName, Content, Element, ElementId, Flat, Model, Namespaces, Process, Schema, Type, TypeId, Wildcard,
};
use super::particles::{self, Particle};
use super::tree::Node;
use super::{SchemaError, SchemaReason};
use crate::soap::names::QName;

/// Compiles schemas into one.
pub(super) fn compile(roots: &[Node]) -> Result<Schema, Vec<SchemaError>> {
    let mut compiler = Compiler::new();
    let documents: Vec<_> = roots.iter().map(|root| Document::read(root, &mut compiler.errors)).collect();
    for document in &documents {
        compiler.collect(document);
    }
    compiler.define_all();
    compiler.finish()
}

/// A schema file, and what it says for all of its components.
#[derive(Clone, Copy, Debug)]
struct Document<'t> {
    root: &'t Node,
    target: &'t str,
    elements_qualified: bool,
    attributes_qualified: bool,
}

impl<'t> Document<'t> {
    fn read(root: &'t Node, errors: &mut Vec<SchemaError>) -> Self {
        let mut form = |attribute| match root.attribute(attribute) {
            None | Some("unqualified") => false,
            Some("qualified") => true,
            Some(_) => {
                errors.push(root.invalid(format!("`{attribute}` is neither qualified nor unqualified")));
                false
            }
        };
        Self {
            root,
            target: root.attribute("targetNamespace").unwrap_or(""),
            elements_qualified: form("elementFormDefault"),
            attributes_qualified: form("attributeFormDefault"),
        }
    }
}

/// A global component that is not compiled yet.
type Pending<'t> = (&'t Node, &'t Document<'t>);

struct Compiler<'t> {
    errors: Vec<SchemaError>,
    elements: Vec<Element>,
    types: Vec<Option<Type>>,
    /// What complex types hold, until all elements are known.
    particles: HashMap<TypeId, (&'t Node, Option<Particle>)>,
    globals: ByName<ElementId>,
    named_types: ByName<TypeId>,
    pending_elements: Vec<(ElementId, Pending<'t>)>,
    pending_types: HashMap<TypeId, Pending<'t>>,
}

impl<'t> Compiler<'t> {
    fn new() -> Self {
        let mut compiler = Self {
            errors: Vec::new(),
            elements: Vec::new(),
            types: Vec::new(),
            particles: HashMap::new(),
            globals: ByName::new(),
            named_types: ByName::new(),
            pending_elements: Vec::new(),
            pending_types: HashMap::new(),
        };
        let any = Wildcard { namespaces: Namespaces::Any, process: Process::Lax };
        let any_type =
            Type { base: None, attributes: Vec::new(), any_attribute: Some(any), content: Content::Anything };
        compiler.add_builtin("anyType", any_type);
        for builtin in builtins() {
            let base = compiler.builtin(builtin.base);
            let content = Content::Simple(Arc::new(builtin.simple));
            compiler.add_builtin(builtin.name, Type { base, attributes: Vec::new(), any_attribute: None, content });
        }
        compiler
    }

    fn add_builtin(&mut self, name: &str, kind: Type) {
        let id = self.new_type();
        self.set_type(id, kind);
        self.named_types.entry(XSD.to_owned()).or_default().insert(name.to_owned(), id);
    }

    fn builtin(&self, name: &str) -> Option<TypeId> {
        self.named_types.get(XSD)?.get(name).copied()
    }

    fn new_type(&mut self) -> TypeId {
        let id = TypeId(u32::try_from(self.types.len()).unwrap_or(u32::MAX));
        self.types.push(None);
        id
    }

    fn set_type(&mut self, id: TypeId, kind: Type) {
        if let Some(slot) = usize::try_from(id.0).ok().and_then(|index| self.types.get_mut(index)) {
            *slot = Some(kind);
        }
    }

    fn new_element(&mut self, name: QName) -> ElementId {
        let id = ElementId(u32::try_from(self.elements.len()).unwrap_or(u32::MAX));
        self.elements.push(Element { name, kind: TypeId::ANY, nillable: false });
        id
    }

    /// Gives every global component its number, so that they may refer to each other.
    fn collect(&mut self, document: &'t Document<'t>) {
        self.allow_attributes(
            document.root,
            &["targetNamespace", "elementFormDefault", "attributeFormDefault", "version", "id"],
        );
        for node in self.parts(document.root) {
            let id_only = match node.name.local.as_str() {
                "import" => Some(["namespace", "schemaLocation", "id"].as_slice()),
                "include" => Some(["schemaLocation", "id"].as_slice()),
                _ => None,
            };
            if let Some(allowed) = id_only {
                self.allow_attributes(node, allowed);
                self.no_parts(node);
                continue;
            }
            let is_element = match node.name.local.as_str() {
                "element" => true,
                "complexType" | "simpleType" => false,
                other => {
                    self.errors.push(node.unsupported(format!("`{other}` at the top of a schema")));
                    continue;
                }
            };
            let Some(name) = self.own_name(node) else { continue };
            let twice = if is_element {
                let id = self.new_element(QName::new(document.target, name));
                self.pending_elements.push((id, (node, document)));
                self.globals.entry(document.target.to_owned()).or_default().insert(name.to_owned(), id).is_some()
            } else {
                let id = self.new_type();
                self.pending_types.insert(id, (node, document));
                self.named_types.entry(document.target.to_owned()).or_default().insert(name.to_owned(), id).is_some()
            };
            if twice {
                self.errors.push(node.error(SchemaReason::Twice));
            }
        }
    }

    fn define_all(&mut self) {
        for (id, (node, document)) in std::mem::take(&mut self.pending_elements) {
            self.global_element(id, node, document);
        }
        let mut types: Vec<_> = self.pending_types.keys().copied().collect();
        types.sort_unstable();
        for id in types {
            self.define(id);
        }
    }

    /// Compiles a global type, if that has not begun yet.
    fn define(&mut self, id: TypeId) {
        if let Some((node, document)) = self.pending_types.remove(&id) {
            self.define_as(id, node, document);
        }
    }

    fn define_as(&mut self, id: TypeId, node: &'t Node, document: &'t Document<'t>) {
        let kind = match node.name.local.as_str() {
            "simpleType" => self.simple_type(node).map(|(base, simple)| Type {
                base: Some(base),
                attributes: Vec::new(),
                any_attribute: None,
                content: Content::Simple(simple),
            }),
            _ => self.complex_type(id, node, document),
        };
        // After an error something must stand there, so that the others are found, too.
        let anything = Type { base: None, attributes: Vec::new(), any_attribute: None, content: Content::Anything };
        self.set_type(id, kind.unwrap_or(anything));
    }

    /// A type by its name, compiled; none, and an error at `node`, if there is no such type.
    fn type_named(&mut self, node: &Node, attribute: &str) -> Option<TypeId> {
        let name = match node.expand(attribute) {
            Ok(name) => name,
            Err(error) => {
                self.errors.push(error);
                return None;
            }
        };
        let found = self.named_types.get(&name.namespace).and_then(|named| named.get(&name.local)).copied();
        if found.is_none() {
            let reason = if name.namespace == XSD && UNSUPPORTED.contains(&name.local.as_str()) {
                SchemaReason::Unsupported(format!("the type `{}`", name.local))
            } else {
                SchemaReason::Undeclared(format!("the type `{name}`"))
            };
            self.errors.push(node.error(reason));
        }
        found
    }

    /// A type that another is made from: it must be finished first.
    fn base_type(&mut self, node: &Node, attribute: &str) -> Option<(TypeId, Type)> {
        let id = self.type_named(node, attribute)?;
        self.define(id);
        let finished = usize::try_from(id.0).ok().and_then(|index| self.types.get(index)).cloned().flatten();
        if finished.is_none() {
            self.errors.push(node.invalid(format!("the type `{attribute}` is derived from itself")));
        }
        finished.map(|kind| (id, kind))
    }

    fn finish(mut self) -> Result<Schema, Vec<SchemaError>> {
        let mut particles: Vec<_> = std::mem::take(&mut self.particles).into_iter().collect();
        particles.sort_unstable_by_key(|(id, _)| *id);
        for (id, (node, particle)) in particles {
            let elements = &self.elements;
            let element = |id: ElementId| usize::try_from(id.0).ok().and_then(|index| elements.get(index));
            let name = |id: ElementId| element(id).map_or_else(|| QName::new("", ""), |element| element.name.clone());
            let model = elements::consistent(particle.as_ref(), &element)
                .and_then(|()| particles::compile(particle.as_ref(), &name));
            match model {
                Ok(model) => {
                    let slot = usize::try_from(id.0).ok().and_then(|index| self.types.get_mut(index));
                    if let Some(Some(kind)) = slot {
                        kind.content = Content::Elements(model);
                    }
                }
                Err(reason) => self.errors.push(node.error(reason)),
            }
        }
        let types: Vec<Type> = self.types.into_iter().flatten().collect();
        if self.errors.is_empty() {
            return Ok(Schema { elements: self.elements, types, globals: self.globals, named_types: self.named_types });
        }
        self.errors.sort_by(|one, other| (&one.file, one.position).cmp(&(&other.file, other.position)));
        self.errors.dedup();
        Err(self.errors)
    }

    fn own_name(&mut self, node: &'t Node) -> Option<&'t str> {
        match node.attribute("name") {
            Some(name) if crate::soap::names::is_ncname(name) => Some(name),
            Some(_) => {
                self.errors.push(node.invalid("its `name` is not a name"));
                None
            }
            None => {
                self.errors.push(node.invalid("it has no `name`"));
                None
            }
        }
    }

    /// The XSD elements inside one, annotations left out; whatever else is inside is an error.
    fn parts(&mut self, node: &'t Node) -> Vec<&'t Node> {
        if node.has_text {
            self.errors.push(node.invalid("text stands inside it"));
        }
        let mut parts = Vec::new();
        for part in &node.children {
            if part.name.namespace != XSD {
                self.errors.push(part.unsupported(format!("`{}` inside a schema", part.name)));
            } else if part.name.local != "annotation" {
                parts.push(part);
            }
        }
        parts
    }

    fn no_parts(&mut self, node: &'t Node) {
        for part in self.parts(node) {
            self.errors.push(part.invalid(format!("it may not stand inside `{}`", node.name.local)));
        }
    }

    /// Attributes that are not in the list are errors. Those of other namespaces are notes to other
    /// programs (XSD 1.0, 3.2.2), except the one with which WSDL 1.1 makes arrays.
    fn allow_attributes(&mut self, node: &Node, allowed: &[&str]) {
        for (name, _) in &node.attributes {
            let refused = match name.namespace.as_str() {
                "" => !allowed.contains(&name.local.as_str()),
                XSD => true,
                _ => name.local == "arrayType",
            };
            if refused {
                self.errors.push(node.unsupported(format!("the attribute `{name}`")));
            }
        }
    }

    /// An attribute that may only say no.
    fn only_false(&mut self, node: &Node, attribute: &str) {
        if node.attribute(attribute).is_some_and(|value| !matches!(value, "false" | "0")) {
            self.errors.push(node.unsupported(format!("`{attribute}`")));
        }
    }

    fn flag(&mut self, node: &Node, attribute: &str) -> bool {
        match node.attribute(attribute) {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(_) => {
                self.errors.push(node.invalid(format!("`{attribute}` is neither true nor false")));
                false
            }
        }
    }
}

/// The content of a complex type until its model is compiled.
fn no_content() -> Content {
    Content::Elements(Model::Flat(Flat { ordered: true, slots: Vec::new() }))
}

/// Adds or replaces attributes by their names.
fn merge(attributes: &mut Vec<AttributeUse>, more: Vec<AttributeUse>) {
    for attribute in more {
        attributes.retain(|other| other.name != attribute.name);
        attributes.push(attribute);
    }
}
