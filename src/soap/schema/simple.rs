//! Simple types: lexical forms, white space and facets, checked on a value as text.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::decimal::Decimal;
use super::lexical;
use super::pattern::Pattern;

/// The forms that values may have at bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Primitive {
    /// Any text.
    Text,
    /// `xs:Name`
    Name,
    /// `xs:NCName`
    NcName,
    /// `xs:NMTOKEN`
    NmToken,
    /// `xs:language`
    Language,
    /// true, false, 1, 0
    Boolean,
    /// `xs:decimal`
    Decimal,
    /// `xs:integer`
    Integer,
    /// `xs:double` and `xs:float`
    Double,
    /// `xs:dateTime`
    DateTime,
    /// `xs:date`
    Date,
    /// `xs:time`
    Time,
    /// `xs:base64Binary`
    Base64,
    /// `xs:hexBinary`
    Hex,
}

/// What is done to white space before anything is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    /// Nothing.
    Preserve,
    /// Each becomes a blank.
    Replace,
    /// Blanks at the ends go, runs become one.
    Collapse,
}

/// A simple type. A type that restricts another has all of its facets.
#[derive(Clone, Debug)]
pub(in crate::soap) struct SimpleType {
    pub(super) name: String,
    pub(super) primitive: Primitive,
    pub(super) space: Space,
    pub(super) facets: Vec<Facet>,
}

/// What narrows a type.
#[derive(Clone, Debug)]
pub(super) enum Facet {
    Length(usize),
    MinLength(usize),
    MaxLength(usize),
    /// One of these patterns matches.
    Patterns(Vec<Pattern>),
    /// One of these values.
    Enumeration(Vec<String>),
    MinInclusive(String),
    MaxInclusive(String),
    MinExclusive(String),
    MaxExclusive(String),
    TotalDigits(usize),
    FractionDigits(usize),
}

/// A value that does not fit. What was found is described, never repeated: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::soap) struct Misfit {
    pub(in crate::soap) expected: String,
    pub(in crate::soap) found: String,
}

impl SimpleType {
    /// The value as its type sees it.
    pub(in crate::soap) fn normalize<'v>(&self, value: &'v str) -> Cow<'v, str> {
        match self.space {
            Space::Preserve => Cow::Borrowed(value),
            Space::Replace if !value.contains(['\t', '\n', '\r']) => Cow::Borrowed(value),
            Space::Replace => Cow::Owned(value.replace(['\t', '\n', '\r'], " ")),
            Space::Collapse => collapse(value),
        }
    }

    /// Whether a normalised value fits.
    pub(in crate::soap) fn check(&self, value: &str) -> Result<(), Misfit> {
        if !lexical::fits(self.primitive, value) {
            return Err(Misfit { expected: self.name.clone(), found: "something else".into() });
        }
        self.facets.iter().try_for_each(|facet| self.check_facet(facet, value))
    }

    fn check_facet(&self, facet: &Facet, value: &str) -> Result<(), Misfit> {
        let holds = match facet {
            Facet::Length(length) => self.length(value) == *length,
            Facet::MinLength(length) => self.length(value) >= *length,
            Facet::MaxLength(length) => self.length(value) <= *length,
            Facet::Patterns(patterns) => patterns.iter().any(|pattern| pattern.matches(value)),
            Facet::Enumeration(values) => values.iter().any(|allowed| self.equal(allowed, value)),
            Facet::MinInclusive(bound) => self.compare(value, bound).is_some_and(Ordering::is_ge),
            Facet::MaxInclusive(bound) => self.compare(value, bound).is_some_and(Ordering::is_le),
            Facet::MinExclusive(bound) => self.compare(value, bound).is_some_and(Ordering::is_gt),
            Facet::MaxExclusive(bound) => self.compare(value, bound).is_some_and(Ordering::is_lt),
            Facet::TotalDigits(digits) => Decimal::parse(value).is_some_and(|number| number.digits() <= *digits),
            Facet::FractionDigits(digits) => {
                Decimal::parse(value).is_some_and(|number| number.fraction_digits() <= *digits)
            }
        };
        if holds { Ok(()) } else { Err(self.misfit(facet, value)) }
    }

    fn misfit(&self, facet: &Facet, value: &str) -> Misfit {
        let unit = match self.primitive {
            Primitive::Base64 | Primitive::Hex => "bytes",
            _ => "characters",
        };
        let length = || format!("{} {unit}", self.length(value));
        let other = || "another value".to_owned();
        let (expected, found) = match facet {
            Facet::Length(wanted) => (format!("{wanted} {unit}"), length()),
            Facet::MinLength(wanted) => (format!("at least {wanted} {unit}"), length()),
            Facet::MaxLength(wanted) => (format!("at most {wanted} {unit}"), length()),
            Facet::Patterns(patterns) => {
                let sources: Vec<_> = patterns.iter().map(Pattern::source).collect();
                (format!("a value like {}", sources.join(" or ")), other())
            }
            Facet::Enumeration(values) => (format!("one of {}", values.join(", ")), other()),
            Facet::MinInclusive(bound) => (format!("at least {bound}"), "less".into()),
            Facet::MaxInclusive(bound) => (format!("at most {bound}"), "more".into()),
            Facet::MinExclusive(bound) => (format!("more than {bound}"), "less".into()),
            Facet::MaxExclusive(bound) => (format!("less than {bound}"), "more".into()),
            Facet::TotalDigits(digits) => (format!("at most {digits} digits"), "more".into()),
            Facet::FractionDigits(digits) => (format!("at most {digits} digits after the point"), "more".into()),
        };
        Misfit { expected, found }
    }

    /// The length that the length facets count: bytes of binary values, else characters.
    fn length(&self, value: &str) -> usize {
        match self.primitive {
            Primitive::Hex => value.len() / 2,
            Primitive::Base64 => lexical::base64_bytes(value),
            _ => value.chars().count(),
        }
    }

    /// Equality of values, not of texts, where the two differ.
    pub(in crate::soap) fn equal(&self, one: &str, other: &str) -> bool {
        match self.primitive {
            Primitive::Decimal | Primitive::Integer | Primitive::Double => {
                self.compare(one, other) == Some(Ordering::Equal)
            }
            Primitive::Boolean => matches!(one, "true" | "1") == matches!(other, "true" | "1"),
            Primitive::Hex => one.eq_ignore_ascii_case(other),
            _ => one == other,
        }
    }

    /// The order of two values; none if the type has none or one is no number.
    pub(super) fn compare(&self, one: &str, other: &str) -> Option<Ordering> {
        match self.primitive {
            Primitive::Decimal | Primitive::Integer => Some(Decimal::parse(one)?.cmp(&Decimal::parse(other)?)),
            Primitive::Double => lexical::double(one)?.partial_cmp(&lexical::double(other)?),
            _ => None,
        }
    }
}

/// Blanks at the ends taken away, runs of white space made one blank.
fn collapse(value: &str) -> Cow<'_, str> {
    let value = value.trim_matches([' ', '\t', '\n', '\r']);
    if !value.contains(['\t', '\n', '\r']) && !value.contains("  ") {
        return Cow::Borrowed(value);
    }
    let words = value.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
    let mut collapsed = String::with_capacity(value.len());
    for word in words {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    Cow::Owned(collapsed)
}
