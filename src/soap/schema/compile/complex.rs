//! `xs:complexType`, and how one is derived from another.

use std::sync::Arc;

use super::{Compiler, Document, Held, no_content};
use crate::soap::schema::model::{Content, Type, TypeId};
use crate::soap::schema::particles::{Particle, Term};
use crate::soap::schema::simple::SimpleType;
use crate::soap::schema::tree::Node;

impl<'t> Compiler<'t> {
    pub(super) fn complex_type(&mut self, id: TypeId, node: &'t Node, document: &'t Document<'t>) -> Option<Type> {
        self.allow_attributes(node, &["name", "id", "mixed", "abstract"]);
        self.only_false(node, "abstract");
        let mixed = self.flag(node, "mixed");
        let parts = self.parts(node);
        match parts.as_slice() {
            [content] if content.name.local == "simpleContent" => self.simple_content(content, document),
            [content] if content.name.local == "complexContent" => {
                let mixed = if content.attribute("mixed").is_some() { self.flag(content, "mixed") } else { mixed };
                self.complex_content(id, content, document, mixed)
            }
            _ => {
                let (particle, attributes) = self.body(&parts, document);
                self.held.insert(id, Held { node, particle, mixed });
                let (attributes, any_attribute) = self.attributes(attributes, document).into_parts();
                Some(Type { base: Some(TypeId::ANY), attributes, any_attribute, content: no_content() })
            }
        }
    }

    /// The group that begins a complex type, and the attributes that follow it.
    fn body<'n>(&mut self, parts: &'n [&'t Node], document: &'t Document<'t>) -> (Option<Particle>, &'n [&'t Node]) {
        match parts.split_first() {
            Some((group, rest)) if matches!(group.name.local.as_str(), "sequence" | "choice" | "all" | "group") => {
                (self.particle(group, document, true), rest)
            }
            _ => (None, parts),
        }
    }

    /// The one derivation inside simpleContent or complexContent.
    fn derivation(&mut self, content: &'t Node, allowed: &[&str]) -> Option<&'t Node> {
        self.allow_attributes(content, allowed);
        match self.parts(content).as_slice() {
            [one] if matches!(one.name.local.as_str(), "extension" | "restriction") => {
                self.allow_attributes(one, &["base", "id"]);
                Some(*one)
            }
            _ => {
                self.errors.push(content.invalid("it holds one `extension` or `restriction`"));
                None
            }
        }
    }

    fn base_of(&mut self, derivation: &'t Node) -> Option<(TypeId, Type)> {
        match derivation.attribute("base") {
            Some(base) => self.base_type(derivation, base),
            None => {
                self.errors.push(derivation.invalid("it has no `base`"));
                None
            }
        }
    }

    fn simple_content(&mut self, content: &'t Node, document: &'t Document<'t>) -> Option<Type> {
        let derivation = self.derivation(content, &["id"])?;
        let (base, kind) = self.base_of(derivation)?;
        let Content::Simple(simple) = &kind.content else {
            self.errors.push(derivation.invalid("its base has no simple content"));
            return None;
        };
        let parts = self.parts(derivation);
        let derived = if derivation.name.local == "restriction" {
            let facets =
                parts.iter().take_while(|part| !part.name.local.to_ascii_lowercase().contains("attribute")).count();
            let (facets, attributes) = parts.split_at_checked(facets)?;
            let narrowed = self.restricted_value(base, &simple.clone(), facets, derivation)?;
            let own = self.attributes(attributes, document);
            Type { content: Content::Simple(Arc::new(narrowed)), ..self.narrow(kind, own, derivation) }
        } else {
            let own = self.attributes(&parts, document);
            self.extend(kind, own, derivation)
        };
        Some(Type { base: Some(base), ..derived })
    }

    /// The value of simple content that restricts `base`: narrowed by facets, or by a type inside.
    fn restricted_value(
        &mut self,
        base: TypeId,
        simple: &SimpleType,
        parts: &[&'t Node],
        node: &'t Node,
    ) -> Option<SimpleType> {
        match parts.split_first() {
            Some((inner, facets)) if inner.name.local == "simpleType" => {
                let (_, narrower) = self.simple_type(inner)?;
                if !self.is_made_from(inner, base) {
                    self.errors.push(inner.invalid("it is not a restriction of the value that its base holds"));
                }
                self.restrict(narrower.name.clone(), &narrower, facets, node)
            }
            _ => self.restrict(simple.name.clone(), simple, parts, node),
        }
    }

    /// Whether a simple type that is written inside simple content restricts what `base` holds; only
    /// where it names the same type, since more cannot be told from a complex type.
    fn is_made_from(&mut self, inner: &'t Node, base: TypeId) -> bool {
        let named = inner.children.iter().find_map(|part| part.attribute("base"));
        let named = named.and_then(|name| inner.expand(name).ok());
        let named = named.and_then(|name| self.named_types.get(&name.namespace)?.get(&name.local).copied());
        let mut next = Some(base);
        while let Some(kind) = next.filter(|kind| Some(*kind) != named) {
            let index = usize::try_from(kind.0).ok();
            next = index.and_then(|index| self.types.get(index)?.as_ref()).and_then(|kind| kind.base);
        }
        next.is_some()
    }

    fn complex_content(
        &mut self,
        id: TypeId,
        content: &'t Node,
        document: &'t Document<'t>,
        mixed: bool,
    ) -> Option<Type> {
        let derivation = self.derivation(content, &["id", "mixed"])?;
        let (base, kind) = self.base_of(derivation)?;
        let parts = self.parts(derivation);
        let (own, attributes) = self.body(&parts, document);
        let attributes = self.attributes(attributes, document);
        let inherited = self.held.get(&base).map(|held| (held.particle.clone(), held.mixed));
        let (particle, derived) = match (derivation.name.local.as_str(), inherited) {
            ("restriction", None) if base == TypeId::ANY => (own, self.narrow(kind, attributes, derivation)),
            ("restriction", Some((_, base_mixed))) => {
                if mixed && !base_mixed {
                    self.errors.push(derivation.invalid("it is mixed, but the type that it restricts is not"));
                }
                self.restrictions.push((id, base));
                (own, self.narrow(kind, attributes, derivation))
            }
            ("extension", Some((first, base_mixed))) => {
                if mixed != base_mixed && first.is_some() {
                    self.errors.push(derivation.invalid("only one of it and the type that it extends is mixed"));
                }
                (self.extended(first, own, derivation), self.extend(kind, attributes, derivation))
            }
            (what, _) => {
                self.errors.push(derivation.unsupported(format!("this {what} of complex content")));
                return None;
            }
        };
        self.held.insert(id, Held { node: derivation, particle, mixed });
        Some(Type { base: Some(base), content: no_content(), ..derived })
    }

    /// The content of a type that extends another: first the other's, then its own.
    fn extended(&mut self, first: Option<Particle>, own: Option<Particle>, node: &Node) -> Option<Particle> {
        match (first, own) {
            (Some(first), Some(second)) => {
                if matches!(first.term, Term::All(_)) || matches!(second.term, Term::All(_)) {
                    self.errors.push(node.invalid("`all` cannot be extended"));
                }
                Some(Particle::once(Term::Sequence(vec![first, second])))
            }
            (first, second) => first.or(second),
        }
    }
}
