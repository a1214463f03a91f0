//! Simple types: lexical forms, white space and facets, checked on a value as text.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::decimal::Decimal;
use super::lexical;
use super::moment::Moment;
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
    /// `xs:QName`; whether its prefix is bound is for who knows the element around it.
    QName,
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
    pub(super) variety: Variety,
    /// Of a union, nothing is done here: its members treat white space.
    pub(super) space: Space,
    pub(super) facets: Vec<Facet>,
}

/// What values a simple type has.
#[derive(Clone, Debug)]
pub(super) enum Variety {
    /// One value.
    Atomic(Primitive),
    /// Values of one type with white space between.
    List(Arc<SimpleType>),
    /// A value of the first of these types that it fits.
    Union(Vec<Arc<SimpleType>>),
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
    /// The form of its values; none of lists and unions.
    pub(super) fn primitive(&self) -> Option<Primitive> {
        match self.variety {
            Variety::Atomic(primitive) => Some(primitive),
            Variety::List(_) | Variety::Union(_) => None,
        }
    }

    /// Whether values are qualified names, whose prefixes must be bound.
    pub(in crate::soap) fn is_qualified_name(&self) -> bool {
        self.primitive() == Some(Primitive::QName)
    }

    /// The value as its type sees it.
    pub(in crate::soap) fn normalize<'v>(&self, value: &'v str) -> Cow<'v, str> {
        match (&self.variety, self.space) {
            (Variety::Union(members), _) => {
                let member = members.iter().find(|member| member.takes(value));
                member.map_or(Cow::Borrowed(value), |member| member.normalize(value))
            }
            (_, Space::Preserve) => Cow::Borrowed(value),
            (_, Space::Replace) if !value.contains(['\t', '\n', '\r']) => Cow::Borrowed(value),
            (_, Space::Replace) => Cow::Owned(value.replace(['\t', '\n', '\r'], " ")),
            (_, Space::Collapse) => collapse(value),
        }
    }

    /// Whether a value fits once its white space is treated.
    fn takes(&self, value: &str) -> bool {
        self.check(&self.normalize(value)).is_ok()
    }

    /// Whether a normalised value fits.
    pub(in crate::soap) fn check(&self, value: &str) -> Result<(), Misfit> {
        let has_form = match &self.variety {
            Variety::Atomic(primitive) => lexical::fits(*primitive, value),
            Variety::List(item) => items(value).all(|each| item.takes(each)),
            Variety::Union(members) => members.iter().any(|member| member.takes(value)),
        };
        if !has_form {
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
        let unit = match self.variety {
            Variety::Atomic(Primitive::Base64 | Primitive::Hex) => "bytes",
            Variety::List(_) => "items",
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

    /// The length that the length facets count: items of lists, bytes of binary values, else
    /// characters.
    fn length(&self, value: &str) -> usize {
        match self.variety {
            Variety::List(_) => items(value).count(),
            Variety::Atomic(Primitive::Hex) => value.len() / 2,
            Variety::Atomic(Primitive::Base64) => lexical::base64_bytes(value),
            _ => value.chars().count(),
        }
    }

    /// Equality of values, not of texts, where the two differ.
    pub(in crate::soap) fn equal(&self, one: &str, other: &str) -> bool {
        match &self.variety {
            Variety::Atomic(primitive) => equal(*primitive, one, other),
            Variety::List(item) => {
                let (mut ones, mut others) = (items(one), items(other));
                loop {
                    match (ones.next(), others.next()) {
                        (None, None) => return true,
                        (Some(one), Some(other)) if item.equal(&item.normalize(one), &item.normalize(other)) => {}
                        _ => return false,
                    }
                }
            }
            Variety::Union(members) => {
                let of = |value: &str| members.iter().find(|member| member.takes(value));
                match (of(one), of(other)) {
                    (Some(member), Some(same)) if Arc::ptr_eq(member, same) => {
                        member.equal(&member.normalize(one), &member.normalize(other))
                    }
                    _ => false,
                }
            }
        }
    }

    /// The order of two values; none if the type has none, or these two have none.
    pub(super) fn compare(&self, one: &str, other: &str) -> Option<Ordering> {
        compare(self.primitive()?, one, other)
    }
}

fn equal(primitive: Primitive, one: &str, other: &str) -> bool {
    match primitive {
        Primitive::Decimal
        | Primitive::Integer
        | Primitive::Double
        | Primitive::DateTime
        | Primitive::Date
        | Primitive::Time => compare(primitive, one, other) == Some(Ordering::Equal),
        Primitive::Boolean => matches!(one, "true" | "1") == matches!(other, "true" | "1"),
        Primitive::Hex => one.eq_ignore_ascii_case(other),
        Primitive::Base64 => {
            let characters = |text| str::chars(text).filter(|&character| character != ' ');
            characters(one).eq(characters(other))
        }
        _ => one == other,
    }
}

fn compare(primitive: Primitive, one: &str, other: &str) -> Option<Ordering> {
    match primitive {
        Primitive::Decimal | Primitive::Integer => Some(Decimal::parse(one)?.cmp(&Decimal::parse(other)?)),
        // NaN equals itself here, and nothing else (XSD 1.0 part 2, 3.2.4).
        Primitive::Double if one == "NaN" && other == "NaN" => Some(Ordering::Equal),
        Primitive::Double => lexical::double(one)?.partial_cmp(&lexical::double(other)?),
        Primitive::DateTime => Moment::date_time(one)?.order(&Moment::date_time(other)?),
        Primitive::Date => Moment::date(one)?.order(&Moment::date(other)?),
        Primitive::Time => Moment::time(one)?.order(&Moment::time(other)?),
        _ => None,
    }
}

/// The items of a list.
fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split([' ', '\t', '\n', '\r']).filter(|item| !item.is_empty())
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
