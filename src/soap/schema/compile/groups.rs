//! `xs:group`, and the groups that it and complex types hold.

use super::{Compiler, Document};
use crate::soap::names::QName;
use crate::soap::schema::SchemaReason;
use crate::soap::schema::model::Item;
use crate::soap::schema::particles::{Particle, Term};
use crate::soap::schema::tree::Node;

impl<'t> Compiler<'t> {
    /// A particle of a group; none if it may not stand at all, or after an error. `top`: it is the
    /// whole content of a type.
    pub(super) fn particle(&mut self, node: &'t Node, document: &'t Document<'t>, top: bool) -> Option<Particle> {
        let (min, max) = self.occurs(node)?;
        let term = match node.name.local.as_str() {
            "element" => Term::Item(Item::Element(self.local_element(node, document)?)),
            "any" => {
                self.allow_attributes(node, &["namespace", "processContents", "minOccurs", "maxOccurs", "id"]);
                self.no_parts(node);
                Term::Item(Item::Any(self.wildcard(node, document)?))
            }
            "sequence" => Term::Sequence(self.members(node, document)),
            "choice" => Term::Choice(self.members(node, document)),
            "all" => self.all(node, document),
            "group" => self.group_reference(node)?,
            other => {
                self.errors.push(node.unsupported(format!("`{other}` in a group")));
                return None;
            }
        };
        if matches!(term, Term::All(_)) {
            if !top {
                self.errors.push(node.invalid("`all` stands inside another group"));
                return None;
            }
            if max != Some(1) {
                self.errors.push(node.invalid("`all` stands at most once"));
            }
        }
        (max != Some(0)).then_some(Particle { min, max, term })
    }

    fn members(&mut self, node: &'t Node, document: &'t Document<'t>) -> Vec<Particle> {
        self.allow_attributes(node, &["minOccurs", "maxOccurs", "id"]);
        self.parts(node).into_iter().filter_map(|part| self.particle(part, document, false)).collect()
    }

    fn all(&mut self, node: &'t Node, document: &'t Document<'t>) -> Term {
        let parts = self.members(node, document);
        for part in &parts {
            let single = matches!(part.term, Term::Item(Item::Element(_))) && part.max == Some(1);
            if !single {
                self.errors.push(node.invalid("`all` holds elements that stand at most once"));
            }
        }
        Term::All(parts)
    }

    /// What a group that is referred to holds.
    fn group_reference(&mut self, node: &'t Node) -> Option<Term> {
        self.allow_attributes(node, &["ref", "minOccurs", "maxOccurs", "id"]);
        self.no_parts(node);
        let Some(reference) = node.attribute("ref") else {
            self.errors.push(node.invalid("it has no `ref`"));
            return None;
        };
        let name = node.expand(reference).map_err(|error| self.errors.push(error)).ok()?;
        self.named_group(&name, node).map(|particle| particle.term)
    }

    /// A global group, compiled when it is first asked for, so that all that refer to it share its
    /// elements; `node` is where it is asked for.
    pub(super) fn named_group(&mut self, name: &QName, node: &'t Node) -> Option<Particle> {
        if let Some((source, document)) = self.sources.groups.remove(name) {
            self.groups.insert(name.clone(), None);
            self.allow_attributes(source, &["name", "id"]);
            let particle = match self.parts(source).as_slice() {
                [only] if matches!(only.name.local.as_str(), "sequence" | "choice" | "all") => {
                    self.descend(source, |compiler| compiler.particle(only, document, true))
                }
                _ => {
                    self.errors.push(source.invalid("a group holds one of `sequence`, `choice` and `all`"));
                    None
                }
            };
            if particle.as_ref().is_some_and(|particle| (particle.min, particle.max) != (1, Some(1))) {
                self.errors.push(source.invalid("what a group holds stands exactly once"));
            }
            self.groups.insert(name.clone(), particle);
        }
        match self.groups.get(name) {
            Some(Some(particle)) => Some(particle.clone()),
            Some(None) => {
                self.errors.push(node.invalid(format!("the group `{name}` holds itself, or nothing that can be used")));
                None
            }
            None => {
                self.errors.push(node.error(SchemaReason::Undeclared(format!("the group `{name}`"))));
                None
            }
        }
    }

    fn occurs(&mut self, node: &Node) -> Option<(u32, Option<u32>)> {
        let number = |attribute| node.attribute(attribute).map_or(Ok(1), |count| count.trim().parse::<u32>());
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
