//! `xs:complexType` and the groups in it.

use super::{Compiler, Document, merge, no_content};
use crate::soap::schema::model::{Content, Item, Type, TypeId};
use crate::soap::schema::particles::{Particle, Term};
use crate::soap::schema::tree::Node;

impl<'t> Compiler<'t> {
    pub(super) fn complex_type(&mut self, id: TypeId, node: &'t Node, document: &'t Document<'t>) -> Option<Type> {
        self.allow_attributes(node, &["name", "id", "mixed", "abstract"]);
        self.only_false(node, "mixed");
        self.only_false(node, "abstract");
        let parts = self.parts(node);
        match parts.as_slice() {
            [content] if content.name.local == "simpleContent" => self.simple_content(content, document),
            [content] if content.name.local == "complexContent" => self.complex_content(id, content, document),
            _ => {
                let (particle, attributes) = self.body(&parts, document);
                self.particles.insert(id, (node, particle));
                let (attributes, any_attribute) = self.attributes(attributes, document);
                Some(Type { base: Some(TypeId::ANY), attributes, any_attribute, content: no_content() })
            }
        }
    }

    /// The group that begins a complex type, and the attributes that follow it.
    fn body<'n>(&mut self, parts: &'n [&'t Node], document: &'t Document<'t>) -> (Option<Particle>, &'n [&'t Node]) {
        match parts.split_first() {
            Some((group, rest)) if matches!(group.name.local.as_str(), "sequence" | "choice" | "all") => {
                let particle = self.particle(group, document, true);
                (particle, rest)
            }
            _ => (None, parts),
        }
    }

    /// The one derivation inside simpleContent or complexContent.
    fn derivation(&mut self, content: &'t Node) -> Option<&'t Node> {
        self.allow_attributes(content, &["id", "mixed"]);
        self.only_false(content, "mixed");
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
        let derivation = self.derivation(content)?;
        let (base, mut kind) = self.base_of(derivation)?;
        let Content::Simple(simple) = &kind.content else {
            self.errors.push(derivation.invalid("its base has no simple content"));
            return None;
        };
        let parts = self.parts(derivation);
        let mut attributes = parts.as_slice();
        if derivation.name.local == "restriction" {
            let facets =
                parts.iter().take_while(|part| !part.name.local.to_ascii_lowercase().ends_with("attribute")).count();
            let (facets, rest) = parts.split_at_checked(facets)?;
            let narrowed = self.restrict(simple.name.clone(), &simple.clone(), facets, derivation)?;
            kind.content = Content::Simple(std::sync::Arc::new(narrowed));
            attributes = rest;
        }
        let (attributes, any) = self.attributes(attributes, document);
        merge(&mut kind.attributes, attributes);
        Some(Type { base: Some(base), any_attribute: any.or(kind.any_attribute), ..kind })
    }

    fn complex_content(&mut self, id: TypeId, content: &'t Node, document: &'t Document<'t>) -> Option<Type> {
        let derivation = self.derivation(content)?;
        let (base, mut kind) = self.base_of(derivation)?;
        let parts = self.parts(derivation);
        let (own, attributes) = self.body(&parts, document);
        let (attributes, any) = self.attributes(attributes, document);
        let particle = match (derivation.name.local.as_str(), base) {
            // To restrict anyType is what a type without derivation does.
            ("restriction", TypeId::ANY) => {
                kind.any_attribute = None;
                own
            }
            ("extension", base) if self.particles.contains_key(&base) => {
                let inherited = self.particles.get(&base).and_then(|(_, particle)| particle.clone());
                match (inherited, own) {
                    (Some(first), Some(second)) => {
                        if matches!(first.term, Term::All(_)) || matches!(second.term, Term::All(_)) {
                            self.errors.push(derivation.invalid("`all` cannot be extended"));
                        }
                        Some(Particle::once(Term::Sequence(vec![first, second])))
                    }
                    (first, second) => first.or(second),
                }
            }
            (what, _) => {
                self.errors.push(derivation.unsupported(format!("this {what} of complex content")));
                return None;
            }
        };
        self.particles.insert(id, (derivation, particle));
        merge(&mut kind.attributes, attributes);
        Some(Type {
            base: Some(base),
            attributes: kind.attributes,
            any_attribute: any.or(kind.any_attribute),
            content: no_content(),
        })
    }

    /// A particle of a group; none if it may not stand at all, or after an error.
    fn particle(&mut self, node: &'t Node, document: &'t Document<'t>, top: bool) -> Option<Particle> {
        let (min, max) = self.occurs(node)?;
        let term = match node.name.local.as_str() {
            "element" => Term::Item(Item::Element(self.local_element(node, document)?)),
            "any" => {
                self.allow_attributes(node, &["namespace", "processContents", "minOccurs", "maxOccurs", "id"]);
                self.no_parts(node);
                Term::Item(Item::Any(self.wildcard(node, document)?))
            }
            "sequence" => Term::Sequence(self.group(node, document)),
            "choice" => Term::Choice(self.group(node, document)),
            "all" if top => self.all(node, document, (min, max))?,
            "all" => {
                self.errors.push(node.invalid("it stands inside another group"));
                return None;
            }
            other => {
                self.errors.push(node.unsupported(format!("`{other}` in a group")));
                return None;
            }
        };
        (max != Some(0)).then_some(Particle { min, max, term })
    }

    fn group(&mut self, node: &'t Node, document: &'t Document<'t>) -> Vec<Particle> {
        self.allow_attributes(node, &["minOccurs", "maxOccurs", "id"]);
        self.parts(node).into_iter().filter_map(|part| self.particle(part, document, false)).collect()
    }

    fn all(&mut self, node: &'t Node, document: &'t Document<'t>, occurs: (u32, Option<u32>)) -> Option<Term> {
        if occurs != (1, Some(1)) {
            self.errors.push(node.unsupported("`all` that does not stand exactly once"));
            return None;
        }
        let parts = self.group(node, document);
        for part in &parts {
            let single = matches!(part.term, Term::Item(Item::Element(_))) && part.max == Some(1);
            if !single {
                self.errors.push(node.invalid("`all` holds elements that stand at most once"));
            }
        }
        Some(Term::All(parts))
    }

    fn occurs(&mut self, node: &Node) -> Option<(u32, Option<u32>)> {
        let number = |attribute| node.attribute(attribute).map_or(Ok(1), str::parse::<u32>);
        let min = number("minOccurs");
        let max = match node.attribute("maxOccurs") {
            Some("unbounded") => Ok(None),
            _ => number("maxOccurs").map(Some),
        };
        match (min, max) {
            (Ok(min), Ok(max)) if max.is_none_or(|max| min <= max) => Some((min, max)),
            _ => {
                self.errors.push(node.invalid("`minOccurs` and `maxOccurs` are no bounds"));
                None
            }
        }
    }
}
