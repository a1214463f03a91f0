//! From schema files to tables.
//!
//! Invariants: nothing that a file says is skipped: it is compiled, or it is an error; and every
//! error is reported, not only the first.

mod attributes;
mod complex;
mod elements;
mod finish;
mod groups;
mod simple;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::builtin::{UNSUPPORTED, XSD, builtins};
use super::model::{Attribute, ByName, Content, Element, ElementId, Flat, Given, Model, Schema, Type, TypeId};
use super::particles::Particle;
use super::tree::Node;
use super::wildcard::{Namespaces, Process, Wildcard};
use super::{SchemaError, SchemaReason};
use crate::soap::names::QName;

/// Components that are made from each other, one inside the compilation of the other.
const DEPTH_MAX: usize = 100;

/// What may stand at the top of a schema, beside imports and includes.
const GLOBALS: [&str; 6] = ["element", "complexType", "simpleType", "attribute", "attributeGroup", "group"];

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

/// A component that is not compiled yet.
type Pending<'t> = (&'t Node, &'t Document<'t>);

/// What a complex type holds, until all elements are known.
struct Held<'t> {
    node: &'t Node,
    particle: Option<Particle>,
    mixed: bool,
}

/// Global components that are compiled when they are needed, or at last.
#[derive(Default)]
struct Sources<'t> {
    attributes: BTreeMap<QName, Pending<'t>>,
    attribute_groups: BTreeMap<QName, Pending<'t>>,
    groups: BTreeMap<QName, Pending<'t>>,
}

struct Compiler<'t> {
    errors: Vec<SchemaError>,
    elements: Vec<Element>,
    types: Vec<Option<Type>>,
    held: BTreeMap<TypeId, Held<'t>>,
    globals: ByName<ElementId>,
    named_types: ByName<TypeId>,
    attributes: ByName<Attribute>,
    sources: Sources<'t>,
    /// Groups by name; none while they are being compiled, or after an error.
    groups: HashMap<QName, Option<Particle>>,
    attribute_groups: HashMap<QName, Option<attributes::Attributes>>,
    pending_elements: Vec<(ElementId, Pending<'t>)>,
    pending_types: BTreeMap<TypeId, Pending<'t>>,
    /// The values that declarations give elements, until the elements' types are known.
    given: Vec<(ElementId, &'t Node, Given)>,
    /// Types that restrict the content of others.
    restrictions: Vec<(TypeId, TypeId)>,
    depth: usize,
}

impl<'t> Compiler<'t> {
    fn new() -> Self {
        let mut compiler = Self {
            errors: Vec::new(),
            elements: Vec::new(),
            types: Vec::new(),
            held: BTreeMap::new(),
            globals: ByName::new(),
            named_types: ByName::new(),
            attributes: ByName::new(),
            sources: Sources::default(),
            groups: HashMap::new(),
            attribute_groups: HashMap::new(),
            pending_elements: Vec::new(),
            pending_types: BTreeMap::new(),
            given: Vec::new(),
            restrictions: Vec::new(),
            depth: 0,
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
        self.elements.push(Element { name, kind: TypeId::ANY, nillable: false, value: None });
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
            if !GLOBALS.contains(&node.name.local.as_str()) {
                self.errors.push(node.unsupported(format!("`{}` at the top of a schema", node.name.local)));
                continue;
            }
            let Some(name) = self.own_name(node) else { continue };
            if self.declare_global(node, name, document) {
                self.errors.push(node.error(SchemaReason::Twice));
            }
        }
    }

    /// Notes a global component for later; whether there is one of its name already.
    fn declare_global(&mut self, node: &'t Node, name: &str, document: &'t Document<'t>) -> bool {
        let target = document.target.to_owned();
        let full = QName::new(document.target, name);
        match node.name.local.as_str() {
            "element" => {
                let id = self.new_element(full);
                self.pending_elements.push((id, (node, document)));
                self.globals.entry(target).or_default().insert(name.to_owned(), id).is_some()
            }
            "complexType" | "simpleType" => {
                let id = self.new_type();
                self.pending_types.insert(id, (node, document));
                self.named_types.entry(target).or_default().insert(name.to_owned(), id).is_some()
            }
            "attribute" => self.sources.attributes.insert(full, (node, document)).is_some(),
            "attributeGroup" => self.sources.attribute_groups.insert(full, (node, document)).is_some(),
            _ => self.sources.groups.insert(full, (node, document)).is_some(),
        }
    }

    /// Compiles everything, what nothing refers to included.
    fn define_all(&mut self) {
        for (id, (node, document)) in std::mem::take(&mut self.pending_elements) {
            self.global_element(id, node, document);
        }
        while let Some((name, _)) = self.sources.attributes.first_key_value() {
            self.global_attribute(&name.clone());
        }
        while let Some((name, (node, _))) = self.sources.attribute_groups.first_key_value() {
            let (name, node) = (name.clone(), *node);
            self.attribute_group(&name, node);
        }
        while let Some((name, (node, _))) = self.sources.groups.first_key_value() {
            let (name, node) = (name.clone(), *node);
            self.named_group(&name, node);
        }
        while let Some((id, (node, document))) = self.pending_types.pop_first() {
            self.define_as(id, node, document);
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
        self.descend(node, |compiler| compiler.define(id));
        let finished = usize::try_from(id.0).ok().and_then(|index| self.types.get(index)).cloned().flatten();
        if finished.is_none() {
            self.errors.push(node.invalid(format!("the type `{attribute}` is derived from itself")));
        }
        finished.map(|kind| (id, kind))
    }

    /// Compiles what something at `node` is made from, unless that goes too deep.
    fn descend<T: Default>(&mut self, node: &Node, compile: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= DEPTH_MAX {
            self.errors.push(node.unsupported(format!("more than {DEPTH_MAX} components made from each other")));
            return T::default();
        }
        self.depth += 1;
        let compiled = compile(self);
        self.depth -= 1;
        compiled
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
    Content::Elements(Model::Flat(Flat { ordered: true, optional: false, slots: Vec::new() }))
}
