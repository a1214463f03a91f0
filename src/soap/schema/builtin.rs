//! XSD's built-in types.

use std::sync::Arc;

use super::simple::{Facet, Primitive, SimpleType, Space, Variety};

/// The namespace of XSD.
pub(super) const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// A built-in simple type: its name, what it is derived from, and itself.
pub(super) struct Builtin {
    pub(super) name: &'static str,
    pub(super) base: &'static str,
    pub(super) simple: SimpleType,
}

/// A type of `TABLE`: name, base, form, white space, least and greatest value.
type Row = (&'static str, &'static str, Primitive, Space, &'static str, &'static str);

use Primitive as P;
use Space::{Collapse, Preserve, Replace};

/// The simple types; each stands after what it is derived from.
const TABLE: [Row; 32] = [
    ("anySimpleType", "anyType", P::Text, Preserve, "", ""),
    ("string", "anySimpleType", P::Text, Preserve, "", ""),
    ("normalizedString", "string", P::Text, Replace, "", ""),
    ("token", "normalizedString", P::Text, Collapse, "", ""),
    ("language", "token", P::Language, Collapse, "", ""),
    ("NMTOKEN", "token", P::NmToken, Collapse, "", ""),
    ("Name", "token", P::Name, Collapse, "", ""),
    ("NCName", "Name", P::NcName, Collapse, "", ""),
    ("QName", "anySimpleType", P::QName, Collapse, "", ""),
    ("anyURI", "anySimpleType", P::Text, Collapse, "", ""),
    ("boolean", "anySimpleType", P::Boolean, Collapse, "", ""),
    ("double", "anySimpleType", P::Double, Collapse, "", ""),
    ("float", "anySimpleType", P::Double, Collapse, "", ""),
    ("dateTime", "anySimpleType", P::DateTime, Collapse, "", ""),
    ("date", "anySimpleType", P::Date, Collapse, "", ""),
    ("time", "anySimpleType", P::Time, Collapse, "", ""),
    ("base64Binary", "anySimpleType", P::Base64, Collapse, "", ""),
    ("hexBinary", "anySimpleType", P::Hex, Collapse, "", ""),
    ("decimal", "anySimpleType", P::Decimal, Collapse, "", ""),
    ("integer", "decimal", P::Integer, Collapse, "", ""),
    ("nonPositiveInteger", "integer", P::Integer, Collapse, "", "0"),
    ("negativeInteger", "nonPositiveInteger", P::Integer, Collapse, "", "-1"),
    ("long", "integer", P::Integer, Collapse, "-9223372036854775808", "9223372036854775807"),
    ("int", "long", P::Integer, Collapse, "-2147483648", "2147483647"),
    ("short", "int", P::Integer, Collapse, "-32768", "32767"),
    ("byte", "short", P::Integer, Collapse, "-128", "127"),
    ("nonNegativeInteger", "integer", P::Integer, Collapse, "0", ""),
    ("positiveInteger", "nonNegativeInteger", P::Integer, Collapse, "1", ""),
    ("unsignedLong", "nonNegativeInteger", P::Integer, Collapse, "0", "18446744073709551615"),
    ("unsignedInt", "unsignedLong", P::Integer, Collapse, "0", "4294967295"),
    ("unsignedShort", "unsignedInt", P::Integer, Collapse, "0", "65535"),
    ("unsignedByte", "unsignedShort", P::Integer, Collapse, "0", "255"),
];

/// Built-in types of XSD that are not implemented.
pub(super) const UNSUPPORTED: [&str; 12] = [
    "duration",
    "gYearMonth",
    "gYear",
    "gMonthDay",
    "gDay",
    "gMonth",
    "NOTATION",
    "ID",
    "IDREF",
    "IDREFS",
    "ENTITY",
    "ENTITIES",
];

/// All built-in simple types that are implemented; each stands after what it is made from.
pub(super) fn builtins() -> impl Iterator<Item = Builtin> {
    let atomic = TABLE.iter().map(|&(name, base, primitive, space, min, max)| {
        let mut facets = Vec::new();
        if !min.is_empty() {
            facets.push(Facet::MinInclusive(min.into()));
        }
        if !max.is_empty() {
            facets.push(Facet::MaxInclusive(max.into()));
        }
        Builtin { name, base, simple: simple(name, Variety::Atomic(primitive), space, facets) }
    });
    let token = Arc::new(simple("NMTOKEN", Variety::Atomic(P::NmToken), Collapse, Vec::new()));
    let tokens = simple("NMTOKENS", Variety::List(token), Collapse, vec![Facet::MinLength(1)]);
    atomic.chain([Builtin { name: "NMTOKENS", base: "anySimpleType", simple: tokens }])
}

fn simple(name: &str, variety: Variety, space: Space, facets: Vec<Facet>) -> SimpleType {
    SimpleType { name: name.into(), variety, space, facets }
}
