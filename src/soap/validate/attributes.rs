//! Attributes against their declarations, and the four of XML Schema's own.

use super::problem::Problem;
use super::{ViolationKind, Visitor};
use crate::soap::names::Name;
use crate::soap::normalize::{Mechanism, Normalization};
use crate::soap::reader::{Attribute, Start};
use crate::soap::schema::{Schema, Type, TypeId};

/// The namespace of `xsi:type` and `xsi:nil`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What an element's own attributes say about how it is to be validated.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hints<'r> {
    /// The value of `xsi:type`.
    pub(super) kind: Option<&'r str>,
    /// `xsi:nil` is true.
    pub(super) nil: bool,
}

/// Reads `xsi:type` and `xsi:nil`.
pub(super) fn hints<'r>(start: &Start<'r>) -> Result<Hints<'r>, Problem> {
    let mut hints = Hints::default();
    for attribute in start.attributes().filter(|attribute| attribute.name.namespace == XSI) {
        match (attribute.name.local, attribute.value.trim()) {
            ("type", value) => hints.kind = Some(value),
            ("nil", "true" | "1") => hints.nil = true,
            ("nil", "false" | "0") | ("schemaLocation" | "noNamespaceSchemaLocation", _) => {}
            ("nil", _) => return Err(problem(start.name, attribute.name, "true or false", "something else")),
            _ => return Err(problem(start.name, attribute.name, "no such attribute", "one")),
        }
    }
    Ok(hints)
}

/// The type that `xsi:type` gives, instead of the declared one that it must be derived from.
pub(super) fn actual_type(
    schema: &Schema,
    normal: &Normalization<'_>,
    start: &Start<'_>,
    hints: &Hints<'_>,
    declared: TypeId,
) -> Result<TypeId, Problem> {
    let Some(written) = hints.kind else { return Ok(declared) };
    let named = start.expand(written).and_then(|name| schema.named_type(name));
    match named {
        Some(kind) if schema.derives(kind, declared) => Ok(kind),
        _ if normal.use_switch(Mechanism::IgnoreTypeAttributes) => Ok(declared),
        found => {
            let name = Name { namespace: XSI, local: "type" };
            let found = if found.is_some() { "a type not derived from it" } else { "an unknown type" };
            Err(problem(start.name, name, "the declared type", found))
        }
    }
}

/// Checks an element's attributes, and shows them to the visitor.
pub(super) fn check(
    kind: &Type,
    normal: &Normalization<'_>,
    start: &Start<'_>,
    ambient: &str,
    visitor: &mut dyn Visitor,
) -> Result<(), Problem> {
    for attribute in start.attributes().filter(|attribute| !is_free(attribute, ambient)) {
        let Some(declared) = kind.attributes.iter().find(|declared| declared.name.as_name() == attribute.name) else {
            let allowed = kind.any_attribute.as_ref().is_some_and(|any| any.allows(attribute.name.namespace));
            if allowed {
                visitor.attribute(&attribute.name, attribute.value);
            } else if !normal.use_switch(Mechanism::IgnoreUnknownAttributes) {
                return Err(problem(start.name, attribute.name, "no such attribute", "one"));
            }
            continue;
        };
        let value = declared.kind.normalize(attribute.value);
        if let Err(misfit) = declared.kind.check(&value) {
            return Err(problem(start.name, attribute.name, &misfit.expected, &misfit.found));
        }
        if let Some(fixed) = declared.fixed.as_ref().filter(|fixed| !declared.kind.equal(fixed, &value)) {
            return Err(problem(start.name, attribute.name, fixed, "another value"));
        }
        visitor.attribute(&attribute.name, &value);
    }
    for required in kind.attributes.iter().filter(|declared| declared.required) {
        if !start.attributes().any(|attribute| attribute.name == required.name.as_name()) {
            return Err(problem(start.name, required.name.as_name(), "a value", "nothing"));
        }
    }
    Ok(())
}

/// Shows the attributes of an element that has no declaration.
pub(super) fn show(start: &Start<'_>, ambient: &str, visitor: &mut dyn Visitor) {
    for attribute in start.attributes().filter(|attribute| !is_free(attribute, ambient)) {
        visitor.attribute(&attribute.name, attribute.value);
    }
}

/// Whether an attribute may stand on any element: XML Schema's own, and those of `ambient`.
fn is_free(attribute: &Attribute<'_>, ambient: &str) -> bool {
    attribute.name.namespace == XSI || (!ambient.is_empty() && attribute.name.namespace == ambient)
}

fn problem(element: Name<'_>, attribute: Name<'_>, expected: &str, found: &str) -> Problem {
    let kind = ViolationKind::Attribute { element: element.local.to_owned(), attribute: attribute.local.to_owned() };
    Problem::here(kind, expected, found)
}
