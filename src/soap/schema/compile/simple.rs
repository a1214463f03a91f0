//! Simple types and their facets.

use std::sync::Arc;

use super::Compiler;
use crate::soap::schema::builtin::XSD;
use crate::soap::schema::model::{Content, TypeId};
use crate::soap::schema::pattern::Pattern;
use crate::soap::schema::simple::{Facet, Primitive, SimpleType, Space};
use crate::soap::schema::tree::Node;

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
            [other] if matches!(other.name.local.as_str(), "list" | "union") => {
                self.errors.push(other.unsupported(format!("`{}`", other.name.local)));
                None
            }
            _ => {
                self.errors.push(node.invalid("a simple type holds one `restriction`"));
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
        if Some(id) == self.builtin("anySimpleType") {
            self.errors.push(node.invalid("`anySimpleType` cannot be restricted"));
            return None;
        }
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
        if space < narrowed.space {
            self.errors.push(facet.invalid("the type that it restricts leaves less white space"));
        } else {
            narrowed.space = space;
        }
    }

    fn facet(&mut self, facet: &Node, kind: &str, base: &SimpleType, value: &str) -> Option<Facet> {
        if facet.name.namespace != XSD || !applies(kind, base.primitive) {
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

/// Whether a facet other than pattern, enumeration and whiteSpace can narrow such a type here.
fn applies(facet: &str, primitive: Primitive) -> bool {
    let number = matches!(primitive, Primitive::Decimal | Primitive::Integer);
    match facet {
        "length" | "minLength" | "maxLength" => matches!(
            primitive,
            Primitive::Text
                | Primitive::Name
                | Primitive::NcName
                | Primitive::NmToken
                | Primitive::Language
                | Primitive::Base64
                | Primitive::Hex
        ),
        "minInclusive" | "maxInclusive" | "minExclusive" | "maxExclusive" => number || primitive == Primitive::Double,
        "totalDigits" | "fractionDigits" => number,
        _ => false,
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
