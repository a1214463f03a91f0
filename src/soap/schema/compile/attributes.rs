//! `xs:attribute` and `xs:anyAttribute`, and what wildcards say.

use std::sync::Arc;

use super::{Compiler, Document};
use crate::soap::names::QName;
use crate::soap::schema::model::{AttributeUse, Content, Namespaces, Process, Wildcard};
use crate::soap::schema::simple::SimpleType;
use crate::soap::schema::tree::Node;

impl<'t> Compiler<'t> {
    /// Compiles the attributes that end a type.
    pub(super) fn attributes(
        &mut self,
        nodes: &[&'t Node],
        document: &'t Document<'t>,
    ) -> (Vec<AttributeUse>, Option<Wildcard>) {
        let mut attributes: Vec<AttributeUse> = Vec::new();
        let mut any = None;
        for node in nodes {
            match node.name.local.as_str() {
                "attribute" if any.is_none() => {
                    let Some(attribute) = self.attribute(node, document) else { continue };
                    if attributes.iter().any(|other| other.name == attribute.name) {
                        self.errors.push(node.error(crate::soap::SchemaReason::Twice));
                    }
                    attributes.push(attribute);
                }
                "anyAttribute" if any.is_none() => {
                    self.allow_attributes(node, &["namespace", "processContents", "id"]);
                    self.no_parts(node);
                    any = self.wildcard(node, document);
                    if any.as_ref().is_some_and(|any| any.process == Process::Strict) {
                        self.errors.push(node.unsupported("`anyAttribute` with strict contents"));
                    }
                }
                other => self.errors.push(node.unsupported(format!("`{other}` at this place"))),
            }
        }
        (attributes, any)
    }

    fn attribute(&mut self, node: &'t Node, document: &Document<'_>) -> Option<AttributeUse> {
        self.allow_attributes(node, &["name", "type", "use", "form", "fixed", "id"]);
        let name = self.own_name(node)?;
        let qualified = match node.attribute("form") {
            None => document.attributes_qualified,
            Some(form) => form == "qualified",
        };
        let required = match node.attribute("use") {
            None | Some("optional") => false,
            Some("required") => true,
            Some(other) => {
                self.errors.push(node.unsupported(format!("the use `{other}`")));
                false
            }
        };
        let kind = self.attribute_type(node)?;
        let fixed = match node.attribute("fixed") {
            Some(fixed) => {
                let value = kind.normalize(fixed).into_owned();
                if kind.check(&value).is_err() {
                    self.errors.push(node.invalid("its fixed value does not fit its type"));
                }
                Some(value)
            }
            None => None,
        };
        let namespace = if qualified { document.target } else { "" };
        Some(AttributeUse { name: QName::new(namespace, name), required, fixed, kind })
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
