//! `xs:attribute`, `xs:attributeGroup` and `xs:anyAttribute`, and what wildcards say.

use std::sync::Arc;

use super::{Compiler, Document};
use crate::soap::names::QName;
use crate::soap::schema::SchemaReason;
use crate::soap::schema::model::{Attribute, AttributeUse, Content, Given, Type};
use crate::soap::schema::simple::SimpleType;
use crate::soap::schema::tree::Node;
use crate::soap::schema::wildcard::{Namespaces, Process, Wildcard};

/// What a type or a group says of attributes.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    uses: Vec<AttributeUse>,
    /// What a restriction takes away.
    prohibited: Vec<QName>,
    any: Option<Wildcard>,
}

/// What `xs:attribute` inside a type says.
enum Use {
    Allowed(AttributeUse),
    Prohibited(QName),
}

impl<'t> Compiler<'t> {
    /// Compiles the attributes that end a type or make up a group.
    pub(super) fn attributes(&mut self, nodes: &[&'t Node], document: &'t Document<'t>) -> Attributes {
        let mut all = Attributes::default();
        let mut own_any: Option<Wildcard> = None;
        for node in nodes {
            match node.name.local.as_str() {
                "attribute" if own_any.is_none() => match self.attribute_use(node, document) {
                    Some(Use::Allowed(attribute)) => self.add_use(&mut all, attribute, node),
                    Some(Use::Prohibited(name)) => all.prohibited.push(name),
                    None => {}
                },
                "attributeGroup" if own_any.is_none() => {
                    let Some(group) = self.attribute_group_reference(node) else { continue };
                    for attribute in group.uses {
                        self.add_use(&mut all, attribute, node);
                    }
                    let (one, other) = (all.any.take(), group.any);
                    all.any = self.both(one, other, node);
                }
                "anyAttribute" if own_any.is_none() => {
                    self.allow_attributes(node, &["namespace", "processContents", "id"]);
                    self.no_parts(node);
                    own_any = self.wildcard(node, document);
                    let of_groups = all.any.take();
                    all.any = self.both(own_any.clone(), of_groups, node);
                }
                other => self.errors.push(node.unsupported(format!("`{other}` at this place"))),
            }
        }
        all
    }

    fn add_use(&mut self, all: &mut Attributes, attribute: AttributeUse, node: &Node) {
        if all.uses.iter().any(|other| other.name == attribute.name) {
            self.errors.push(node.error(SchemaReason::Twice));
        }
        all.uses.push(attribute);
    }

    /// What two wildcards of one type let in both; the first one's process rule holds.
    fn both(&mut self, one: Option<Wildcard>, other: Option<Wildcard>, node: &Node) -> Option<Wildcard> {
        let (one, other) = match (one, other) {
            (Some(one), Some(other)) => (one, other),
            (one, other) => return one.or(other),
        };
        match one.namespaces.intersection(&other.namespaces) {
            Some(namespaces) => Some(Wildcard { namespaces, ..one }),
            None => {
                self.errors.push(node.invalid("no wildcard can say what this and the others before it let in"));
                None
            }
        }
    }

    fn attribute_group_reference(&mut self, node: &'t Node) -> Option<Attributes> {
        self.allow_attributes(node, &["ref", "id"]);
        self.no_parts(node);
        let Some(reference) = node.attribute("ref") else {
            self.errors.push(node.invalid("it has no `ref`"));
            return None;
        };
        let name = node.expand(reference).map_err(|error| self.errors.push(error)).ok()?;
        self.attribute_group(&name, node)
    }

    /// A global group of attributes, compiled when it is first asked for, at `node`.
    pub(super) fn attribute_group(&mut self, name: &QName, node: &'t Node) -> Option<Attributes> {
        if let Some((source, document)) = self.sources.attribute_groups.remove(name) {
            self.attribute_groups.insert(name.clone(), None);
            self.allow_attributes(source, &["name", "id"]);
            let parts = self.parts(source);
            let group = self.descend(source, |compiler| Some(compiler.attributes(&parts, document)));
            self.attribute_groups.insert(name.clone(), group);
        }
        match self.attribute_groups.get(name) {
            Some(Some(group)) => Some(group.clone()),
            Some(None) => {
                self.errors.push(node.invalid(format!("the attribute group `{name}` holds itself")));
                None
            }
            None => {
                self.errors.push(node.error(SchemaReason::Undeclared(format!("the attribute group `{name}`"))));
                None
            }
        }
    }

    /// A global attribute, compiled when it is first asked for.
    pub(super) fn global_attribute(&mut self, name: &QName) -> Option<Attribute> {
        if let Some((node, _)) = self.sources.attributes.remove(name) {
            self.allow_attributes(node, &["name", "type", "default", "fixed", "id"]);
            if let Some(attribute) = self.declared_attribute(node) {
                self.attributes.entry(name.namespace.clone()).or_default().insert(name.local.clone(), attribute);
            }
        }
        self.attributes.get(&name.namespace)?.get(&name.local).cloned()
    }

    fn attribute_use(&mut self, node: &'t Node, document: &Document<'_>) -> Option<Use> {
        let (name, attribute) = match node.attribute("ref") {
            Some(reference) => self.referred_attribute(node, reference)?,
            None => {
                self.allow_attributes(node, &["name", "type", "use", "form", "default", "fixed", "id"]);
                let name = self.own_name(node)?;
                let namespace = if self.is_qualified(node, document) { document.target } else { "" };
                (QName::new(namespace, name), self.declared_attribute(node)?)
            }
        };
        let required = match node.attribute("use") {
            None | Some("optional") => false,
            Some("required") => true,
            Some("prohibited") => return Some(Use::Prohibited(name)),
            Some(other) => {
                self.errors.push(node.invalid(format!("`{other}` is no use of an attribute")));
                false
            }
        };
        if node.attribute("default").is_some() && required {
            self.errors.push(node.invalid("an attribute that must stand needs no default"));
        }
        Some(Use::Allowed(AttributeUse { name, required, attribute }))
    }

    fn is_qualified(&mut self, node: &Node, document: &Document<'_>) -> bool {
        match node.attribute("form") {
            None => document.attributes_qualified,
            Some("qualified") => true,
            Some("unqualified") => false,
            Some(_) => {
                self.errors.push(node.invalid("`form` is neither qualified nor unqualified"));
                false
            }
        }
    }

    /// A global attribute where a type refers to it, with the value that is given there.
    fn referred_attribute(&mut self, node: &'t Node, reference: &str) -> Option<(QName, Attribute)> {
        self.allow_attributes(node, &["ref", "use", "default", "fixed", "id"]);
        self.no_parts(node);
        let name = node.expand(reference).map_err(|error| self.errors.push(error)).ok()?;
        let Some(mut attribute) = self.global_attribute(&name) else {
            self.errors.push(node.error(SchemaReason::Undeclared(format!("the attribute `{name}`"))));
            return None;
        };
        if let Some(given) = self.written_value(node) {
            let given = self.given(node, &attribute.kind.clone(), given);
            let is_fixed = attribute.value.as_ref().is_some_and(|value| value.fixed);
            if is_fixed && given != attribute.value {
                self.errors.push(node.invalid("the attribute that it refers to is fixed otherwise"));
            }
            attribute.value = given;
        }
        Some((name, attribute))
    }

    fn declared_attribute(&mut self, node: &'t Node) -> Option<Attribute> {
        let kind = self.attribute_type(node)?;
        let value = self.written_value(node).and_then(|given| self.given(node, &kind, given));
        Some(Attribute { kind, value })
    }

    /// What `default` or `fixed` says.
    pub(super) fn written_value(&mut self, node: &Node) -> Option<Given> {
        match (node.attribute("default"), node.attribute("fixed")) {
            (None, None) => None,
            (Some(value), None) => Some(Given { fixed: false, value: value.to_owned() }),
            (None, Some(value)) => Some(Given { fixed: true, value: value.to_owned() }),
            (Some(_), Some(_)) => {
                self.errors.push(node.invalid("it has both `default` and `fixed`"));
                None
            }
        }
    }

    /// A default or fixed value as its type sees it.
    pub(super) fn given(&mut self, node: &Node, kind: &SimpleType, given: Given) -> Option<Given> {
        let value = kind.normalize(&given.value).into_owned();
        if let Err(misfit) = kind.check(&value) {
            self.errors.push(node.invalid(format!("its value does not fit its type: expected {}", misfit.expected)));
            return None;
        }
        if kind.is_qualified_name() {
            self.errors.push(node.unsupported("a qualified name as default or fixed value"));
            return None;
        }
        Some(Given { value, ..given })
    }

    fn attribute_type(&mut self, node: &'t Node) -> Option<Arc<SimpleType>> {
        let parts = self.parts(node);
        let content = match (node.attribute("type"), parts.as_slice()) {
            (Some(name), []) => self.base_type(node, name)?.1.content,
            (None, [inner]) if inner.name.local == "simpleType" => return Some(self.simple_type(inner)?.1),
            (None, []) => self.builtin_content("anySimpleType")?,
            _ => {
                self.errors.push(node.invalid("an attribute has one simple type"));
                return None;
            }
        };
        match content {
            Content::Simple(simple) => Some(simple),
            _ => {
                self.errors.push(node.invalid("an attribute has a simple type"));
                None
            }
        }
    }

    fn builtin_content(&self, name: &str) -> Option<Content> {
        let index = usize::try_from(self.builtin(name)?.0).ok()?;
        self.types.get(index)?.as_ref().map(|kind| kind.content.clone())
    }

    /// The attributes of a type that extends `base`.
    pub(super) fn extend(&mut self, base: Type, own: Attributes, node: &Node) -> Type {
        let mut attributes = base.attributes;
        for attribute in own.uses {
            if attributes.iter().any(|other| other.name == attribute.name) {
                let reason = format!("the type that it extends has an attribute `{}`, too", attribute.name);
                self.errors.push(node.invalid(reason));
            }
            attributes.push(attribute);
        }
        let any_attribute = match (own.any, base.any_attribute) {
            (Some(own), Some(inherited)) => {
                let namespaces = own.namespaces.union(&inherited.namespaces);
                if namespaces.is_none() {
                    self.errors.push(node.invalid("no wildcard can say what this and the inherited one let in"));
                }
                namespaces.map(|namespaces| Wildcard { namespaces, ..own })
            }
            (own, inherited) => own.or(inherited),
        };
        Type { attributes, any_attribute, ..base }
    }

    /// The attributes of a type that restricts `base`: what it does not mention stays, except the
    /// wildcard.
    pub(super) fn narrow(&mut self, base: Type, own: Attributes, node: &Node) -> Type {
        let mut attributes = base.attributes;
        for attribute in own.uses {
            match attributes.iter_mut().find(|other| other.name == attribute.name) {
                Some(inherited) if inherited.required && !attribute.required => {
                    let reason = format!("the attribute `{}` must stay required", attribute.name);
                    self.errors.push(node.invalid(reason));
                }
                Some(inherited) => *inherited = attribute,
                None if base.any_attribute.as_ref().is_some_and(|any| any.allows(&attribute.name.namespace)) => {
                    attributes.push(attribute);
                }
                None => {
                    let reason = format!("the type that it restricts has no attribute `{}`", attribute.name);
                    self.errors.push(node.invalid(reason));
                }
            }
        }
        for name in own.prohibited {
            if attributes.iter().any(|attribute| attribute.required && attribute.name == name) {
                self.errors.push(node.invalid(format!("the attribute `{name}` is required and cannot be prohibited")));
            }
            attributes.retain(|attribute| attribute.name != name);
        }
        let within = match (&own.any, &base.any_attribute) {
            (Some(own), Some(inherited)) => own.restricts(inherited),
            (Some(_), None) => false,
            (None, _) => true,
        };
        if !within {
            self.errors.push(node.invalid("its `anyAttribute` lets in more than that of the type that it restricts"));
        }
        Type { attributes, any_attribute: own.any, ..base }
    }

    /// What `xs:any` and `xs:anyAttribute` have in common.
    pub(super) fn wildcard(&mut self, node: &Node, document: &Document<'_>) -> Option<Wildcard> {
        let process = match node.attribute("processContents") {
            None | Some("strict") => Process::Strict,
            Some("lax") => Process::Lax,
            Some("skip") => Process::Skip,
            Some(other) => {
                self.errors.push(node.invalid(format!("`{other}` is no way to process contents")));
                return None;
            }
        };
        let namespaces = match node.attribute("namespace") {
            None | Some("##any") => Namespaces::Any,
            Some("##other") => Namespaces::Other(document.target.to_owned()),
            Some(list) => {
                let these = list.split_ascii_whitespace().map(|namespace| match namespace {
                    "##targetNamespace" => document.target.to_owned(),
                    "##local" => String::new(),
                    uri => uri.to_owned(),
                });
                Namespaces::These(these.collect())
            }
        };
        Some(Wildcard { namespaces, process })
    }
}

impl Attributes {
    /// Those of a type that is derived from nothing but `xs:anyType`.
    pub(super) fn into_parts(self) -> (Vec<AttributeUse>, Option<Wildcard>) {
        (self.uses, self.any)
    }
}
