//! Simple types and their facets.

use std::sync::Arc;

use super::Compiler;
use crate::soap::schema::builtin::XSD;
use crate::soap::schema::model::{Content, TypeId};
use crate::soap::schema::pattern::Pattern;
use crate::soap::schema::simple::{Facet, Primitive, SimpleType, Space, Variety};
use crate::soap::schema::tree::Node;

/// The greatest [`weight`] of a type.
const WEIGHT_MAX: usize = 1_000;

impl<'t> Compiler<'t> {
    /// Compiles `xs:simpleType`: what it is derived from, and itself.
    pub(super) fn simple_type(&mut self, node: &'t Node) -> Option<(TypeId, Arc<SimpleType>)> {
        self.allow_attributes(node, &["name", "id"]);
        match self.parts(node).as_slice() {
            [restriction] if restriction.name.local == "restriction" => {
                self.allow_attributes(restriction, &["base", "id"]);
                let (id, base, facets) = self.simple_base(restriction)?;
                let name = node.attribute("name").unwrap_or(&base.name).to_owned();
                let simple = self.restrict(name, &base, &facets, restriction)?;
                Some((id, Arc::new(simple)))
            }
            [list] if list.name.local == "list" => self.list(node, list),
            [union] if union.name.local == "union" => self.union(node, union),
            _ => {
                self.errors.push(node.invalid("a simple type holds one `restriction`, `list` or `union`"));
                None
            }
        }
    }

    fn list(&mut self, node: &'t Node, list: &'t Node) -> Option<(TypeId, Arc<SimpleType>)> {
        self.allow_attributes(list, &["itemType", "id"]);
        let item = match (list.attribute("itemType"), self.parts(list).as_slice()) {
            (Some(name), []) => self.named_simple_type(list, name)?,
            (None, [inner]) if inner.name.local == "simpleType" => self.simple_type(inner)?.1,
            _ => {
                self.errors.push(list.invalid("it needs either `itemType` or a simple type inside"));
                return None;
            }
        };
        if holds(&item, &|variety| matches!(variety, Variety::List(_))) {
            self.errors.push(list.invalid("a list of lists"));
        }
        self.composed(node, Variety::List(item), Space::Collapse)
    }

    fn union(&mut self, node: &'t Node, union: &'t Node) -> Option<(TypeId, Arc<SimpleType>)> {
        self.allow_attributes(union, &["memberTypes", "id"]);
        let mut members = Vec::new();
        for name in union.attribute("memberTypes").unwrap_or("").split_ascii_whitespace() {
            members.push(self.named_simple_type(union, name)?);
        }
        for part in self.parts(union) {
            if part.name.local == "simpleType" {
                members.push(self.simple_type(part)?.1);
            } else {
                self.errors.push(part.invalid("it may not stand inside `union`"));
            }
        }
        if members.is_empty() {
            self.errors.push(union.invalid("a union of no types"));
            return None;
        }
        self.composed(node, Variety::Union(members), Space::Preserve)
    }

    /// A list or a union.
    fn composed(&mut self, node: &Node, variety: Variety, space: Space) -> Option<(TypeId, Arc<SimpleType>)> {
        let name = node.attribute("name").unwrap_or(&node.name.local).to_owned();
        let simple = SimpleType { name, variety, space, facets: Vec::new() };
        if weight(&simple) > WEIGHT_MAX {
            self.errors.push(node.unsupported("a union of so many unions"));
            return None;
        }
        if holds(&simple, &|variety| matches!(variety, Variety::Atomic(Primitive::QName))) {
            self.errors.push(node.unsupported("a list or union of qualified names"));
        }
        Some((self.builtin("anySimpleType")?, Arc::new(simple)))
    }

    fn named_simple_type(&mut self, node: &'t Node, name: &str) -> Option<Arc<SimpleType>> {
        match self.base_type(node, name)?.1.content {
            Content::Simple(simple) => Some(simple),
            _ => {
                self.errors.push(node.invalid(format!("`{name}` is no simple type")));
                None
            }
        }
    }

    /// What a restriction restricts: by name, or written inside. And the facets that follow.
    #[allow(clippy::type_complexity)]
    fn simple_base(&mut self, node: &'t Node) -> Option<(TypeId, Arc<SimpleType>, Vec<&'t Node>)> {
        let mut parts = self.parts(node);
        let inner = parts.first().copied().filter(|part| part.name.local == "simpleType");
        let (id, base) = match (node.attribute("base"), inner) {
            (Some(name), None) => {
                let (id, kind) = self.base_type(node, name)?;
                if Some(id) == self.builtin("anySimpleType") {
                    self.errors.push(node.invalid("`anySimpleType` cannot be restricted"));
                    return None;
                }
                let Content::Simple(simple) = kind.content else {
                    self.errors.push(node.invalid(format!("`{name}` is no simple type")));
                    return None;
                };
                (id, simple)
            }
            (None, Some(inner)) => {
                parts.remove(0);
                self.simple_type(inner)?
            }
            _ => {
                self.errors.push(node.invalid("it needs either `base` or a simple type inside"));
                return None;
            }
        };
        Some((id, base, parts))
    }

    /// A simple type narrowed by facets.
    pub(super) fn restrict(
        &mut self,
        name: String,
        base: &SimpleType,
        facets: &[&'t Node],
        node: &Node,
    ) -> Option<SimpleType> {
        let before = self.errors.len();
        let mut narrowed = SimpleType { name, ..base.clone() };
        let mut patterns = Vec::new();
        let mut values = Vec::new();
        for facet in facets {
            self.allow_attributes(facet, &["value", "fixed", "id"]);
            self.only_false(facet, "fixed");
            self.no_parts(facet);
            let Some(value) = facet.attribute("value") else {
                self.errors.push(facet.invalid("it has no `value`"));
                continue;
            };
            match facet.name.local.as_str() {
                "pattern" => match Pattern::compile(value) {
                    Ok(pattern) => patterns.push(pattern),
                    Err(why) => self.errors.push(facet.unsupported(format!("the pattern `{value}`: {why}"))),
                },
                "enumeration" if base.is_qualified_name() => {
                    self.errors.push(facet.unsupported("an enumeration of qualified names"));
                }
                "enumeration" => values.extend(self.facet_value(facet, base, value)),
                "whiteSpace" => self.white_space(facet, &mut narrowed, value),
                kind => {
                    let compiled = self.facet(facet, kind, base, value);
                    narrowed.facets.extend(compiled);
                }
            }
        }
        if !patterns.is_empty() {
            narrowed.facets.push(Facet::Patterns(patterns));
        }
        if !values.is_empty() {
            narrowed.facets.push(Facet::Enumeration(values));
        }
        if let Some(conflict) = conflict(&narrowed) {
            self.errors.push(node.invalid(conflict));
        }
        (self.errors.len() == before).then_some(narrowed)
    }

    /// A value that is given as a facet: it must itself be of the type that is narrowed.
    fn facet_value(&mut self, facet: &Node, base: &SimpleType, value: &str) -> Option<String> {
        let value = base.normalize(value);
        match base.check(&value) {
            Ok(()) => Some(value.into_owned()),
            Err(misfit) => {
                self.errors.push(facet.invalid(format!("`{value}` does not fit: expected {}", misfit.expected)));
                None
            }
        }
    }

    fn white_space(&mut self, facet: &Node, narrowed: &mut SimpleType, value: &str) {
        let space = match value {
            "preserve" => Space::Preserve,
            "replace" => Space::Replace,
            "collapse" => Space::Collapse,
            _ => {
                self.errors.push(facet.invalid(format!("`{value}` is no way to treat white space")));
                return;
            }
        };
        if matches!(narrowed.variety, Variety::Union(_)) {
            self.errors.push(facet.invalid("the members of a union treat white space"));
        } else if space < narrowed.space {
            self.errors.push(facet.invalid("the type that it restricts leaves less white space"));
        } else {
            narrowed.space = space;
        }
    }

    fn facet(&mut self, facet: &Node, kind: &str, base: &SimpleType, value: &str) -> Option<Facet> {
        if facet.name.namespace != XSD || !applies(kind, &base.variety) {
            self.errors.push(facet.unsupported(format!("`{kind}` on a type like `{}`", base.name)));
            return None;
        }
        if let "minInclusive" | "maxInclusive" | "minExclusive" | "maxExclusive" = kind {
            let value = self.facet_value(facet, base, value)?;
            return Some(match kind {
                "minInclusive" => Facet::MinInclusive(value),
                "maxInclusive" => Facet::MaxInclusive(value),
                "minExclusive" => Facet::MinExclusive(value),
                _ => Facet::MaxExclusive(value),
            });
        }
        let Ok(count) = value.trim_matches([' ', '\t', '\r', '\n']).parse::<usize>() else {
            self.errors.push(facet.invalid(format!("`{value}` is no number")));
            return None;
        };
        Some(match kind {
            "length" => Facet::Length(count),
            "minLength" => Facet::MinLength(count),
            "maxLength" => Facet::MaxLength(count),
            "totalDigits" => Facet::TotalDigits(count),
            _ => Facet::FractionDigits(count),
        })
    }
}

/// Whether a facet other than pattern, enumeration and whiteSpace can narrow such a type.
fn applies(facet: &str, variety: &Variety) -> bool {
    use Primitive as P;
    let primitive = match variety {
        Variety::Atomic(primitive) => *primitive,
        Variety::List(_) => return matches!(facet, "length" | "minLength" | "maxLength"),
        Variety::Union(_) => return false,
    };
    let number = matches!(primitive, P::Decimal | P::Integer);
    let ordered = number || matches!(primitive, P::Double | P::DateTime | P::Date | P::Time);
    match facet {
        "length" | "minLength" | "maxLength" => {
            matches!(primitive, P::Text | P::Name | P::NcName | P::NmToken | P::Language | P::Base64 | P::Hex)
        }
        "minInclusive" | "maxInclusive" | "minExclusive" | "maxExclusive" => ordered,
        "totalDigits" | "fractionDigits" => number,
        _ => false,
    }
}

/// Whether a type, or one that it is composed of, is of such a variety.
fn holds(simple: &SimpleType, wanted: &dyn Fn(&Variety) -> bool) -> bool {
    wanted(&simple.variety)
        || match &simple.variety {
            Variety::Atomic(_) => false,
            Variety::List(item) => holds(item, wanted),
            Variety::Union(members) => members.iter().any(|member| holds(member, wanted)),
        }
}

/// How often a value may have to be looked at to tell whether it is of a type. A union asks its
/// members once to find the one that fits and again to check it, so unions of unions multiply.
fn weight(simple: &SimpleType) -> usize {
    match &simple.variety {
        Variety::Atomic(_) => 1,
        Variety::List(item) => weight(item),
        Variety::Union(members) => {
            members.iter().fold(0, |sum: usize, member| sum.saturating_add(weight(member))).saturating_mul(4)
        }
    }
}

/// Facets that no value can meet.
fn conflict(simple: &SimpleType) -> Option<String> {
    let lengths = simple.facets.iter().filter_map(|facet| match facet {
        Facet::Length(length) => Some((*length, *length)),
        Facet::MinLength(length) => Some((*length, usize::MAX)),
        Facet::MaxLength(length) => Some((0, *length)),
        _ => None,
    });
    let (min, max) = lengths.fold((0, usize::MAX), |(min, max), (low, high)| (min.max(low), max.min(high)));
    if min > max {
        return Some("no value has a length that fits".into());
    }
    for low in &simple.facets {
        let (Facet::MinInclusive(low) | Facet::MinExclusive(low)) = low else { continue };
        for high in &simple.facets {
            let (Facet::MaxInclusive(high) | Facet::MaxExclusive(high)) = high else { continue };
            if simple.compare(low, high).is_some_and(std::cmp::Ordering::is_gt) {
                return Some(format!("no value lies between {low} and {high}"));
            }
        }
    }
    None
}
