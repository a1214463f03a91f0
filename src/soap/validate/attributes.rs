//! Attributes against their declarations, and the four of XML Schema's own.

use super::problem::Problem;
use super::{ViolationKind, Visitor};
use crate::soap::names::Name;
use crate::soap::normalize::{Mechanism, Normalization};
use crate::soap::reader::{Attribute, Start};
use crate::soap::schema::{Attribute as Declared, Process, Schema, Type, TypeId};

/// The namespace of `xsi:type` and `xsi:nil`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What an element's own attributes say about how it is to be validated.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hints<'r> {
    /// The value of `xsi:type`.
    pub(super) kind: Option<&'r str>,
    /// The value of `xsi:nil`.
    pub(super) nil: Option<bool>,
}

/// Reads `xsi:type` and `xsi:nil`.
pub(super) fn hints<'r>(start: &Start<'r>) -> Result<Hints<'r>, Problem> {
    let mut hints = Hints::default();
    for attribute in start.attributes().filter(|attribute| attribute.name.namespace == XSI) {
        match (attribute.name.local, attribute.value.trim()) {
            ("type", value) => hints.kind = Some(value),
            ("nil", "true" | "1") => hints.nil = Some(true),
            ("nil", "false" | "0") => hints.nil = Some(false),
            ("schemaLocation" | "noNamespaceSchemaLocation", _) => {}
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

/// An `xsi:type` that is no qualified name.
pub(super) fn not_a_type(start: &Start<'_>) -> Problem {
    problem(start.name, Name { namespace: XSI, local: "type" }, "the name of a type", "something else")
}

/// Checks an element's attributes against those of its type, and shows them to the visitor, with the
/// defaults of those that are missing.
pub(super) fn check(
    schema: &Schema,
    kind: &Type,
    normal: &Normalization<'_>,
    start: &Start<'_>,
    ambient: &str,
    visitor: &mut dyn Visitor,
) -> Result<(), Problem> {
    for attribute in start.attributes().filter(|attribute| !is_free(attribute, ambient)) {
        let used = kind.attributes.iter().find(|declared| declared.name.as_name() == attribute.name);
        let wildcard = kind.any_attribute.as_ref().filter(|any| any.allows(attribute.name.namespace));
        let declared = match (used, wildcard.map(|any| any.process)) {
            (Some(used), _) => Some(&used.attribute),
            (None, Some(Process::Skip)) => None,
            (None, Some(process)) => {
                let global = schema.attribute(attribute.name);
                if global.is_none() && process == Process::Strict {
                    return Err(problem(start.name, attribute.name, "a declared attribute", "another one"));
                }
                global
            }
            (None, None) if normal.use_switch(Mechanism::IgnoreUnknownAttributes) => continue,
            (None, None) => return Err(problem(start.name, attribute.name, "no such attribute", "one")),
        };
        match declared {
            Some(declared) => value(declared, start, &attribute, visitor)?,
            None => visitor.attribute(&attribute.name, attribute.value),
        }
    }
    for used in &kind.attributes {
        let name = used.name.as_name();
        if (used.required || used.attribute.value.is_some()) && !start.attributes().any(|sent| sent.name == name) {
            match &used.attribute.value {
                _ if used.required => return Err(problem(start.name, name, "a value", "nothing")),
                Some(given) => visitor.attribute(&name, &given.value),
                None => {}
            }
        }
    }
    Ok(())
}

/// Checks an attribute's value, and shows it.
fn value(
    declared: &Declared,
    start: &Start<'_>,
    attribute: &Attribute<'_>,
    visitor: &mut dyn Visitor,
) -> Result<(), Problem> {
    let kind = &declared.kind;
    let value = kind.normalize(attribute.value);
    if let Err(misfit) = kind.check(&value) {
        return Err(problem(start.name, attribute.name, &misfit.expected, &misfit.found));
    }
    if kind.is_qualified_name() && start.expand(&value).is_none() {
        return Err(problem(start.name, attribute.name, "a name whose prefix is declared", "another prefix"));
    }
    let fixed = declared.value.as_ref().filter(|given| given.fixed);
    if let Some(fixed) = fixed.filter(|fixed| !kind.equal(&fixed.value, &value)) {
        return Err(problem(start.name, attribute.name, &fixed.value, "another value"));
    }
    visitor.attribute(&attribute.name, &value);
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
