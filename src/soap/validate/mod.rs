//! The streaming validator: it pulls a document from a reader, checks it against a compiled schema,
//! and drives a visitor; nothing is built.

mod attributes;
mod content;
mod problem;
#[cfg(test)]
mod tests;
mod validator;
mod violation;

pub(super) use self::problem::{Problem, malformed};
pub(super) use self::validator::Validator;

pub use self::violation::{Violation, ViolationKind};
use super::names::Name;
use super::normalize::Normalization;
use super::position::Place;
use super::reader::{Kind, Reader};
use super::schema::{ElementId, Schema};

/// Sees a document while it is validated. What it saw counts only if the validation succeeds.
pub trait Visitor {
    /// An element begins. The name is the declared one, or the one sent where none is declared.
    fn open(&mut self, name: &Name<'_>);

    /// An element ends. `text` is its own text, white space treated as its type says; empty if it
    /// may only hold elements.
    fn close(&mut self, name: &Name<'_>, text: &str);

    /// An attribute of the element that was opened last.
    fn attribute(&mut self, name: &Name<'_>, value: &str) {
        let _ = (name, value);
    }

    /// The text of the innermost open element begins here.
    fn text_begins(&mut self, place: &Place<'_>) {
        let _ = place;
    }
}

impl Visitor for () {
    fn open(&mut self, _name: &Name<'_>) {}

    fn close(&mut self, _name: &Name<'_>, _text: &str) {}
}

/// What a document's root may be.
#[derive(Clone, Copy, Debug)]
pub enum Root<'r> {
    /// This element.
    Element(ElementId),
    /// One of these.
    AnyOf(&'r [ElementId]),
    /// Any global element of the schema.
    AnyGlobal,
}

/// Validates a whole document, to its end.
pub fn validate(
    schema: &Schema,
    reader: &mut Reader<'_>,
    root: Root<'_>,
    normal: &Normalization<'_>,
    visitor: &mut dyn Visitor,
) -> Result<(), Violation> {
    let mut validator = Validator::new(schema, normal);
    loop {
        let step = match reader.advance(validator.blanks()) {
            Kind::Start if validator.is_open() => validator.start(&reader.start(), visitor),
            Kind::Start => {
                let start = reader.start();
                let element = match root {
                    Root::Element(element) => validator.identify(start.name, [element].into_iter()),
                    Root::AnyOf(elements) => validator.identify(start.name, elements.iter().copied()),
                    Root::AnyGlobal => validator.identify(start.name, schema.global_elements()),
                };
                match element {
                    Some(element) => validator.open_root(element, &start, visitor),
                    None => Err(unexpected_root(schema, root, start.name)),
                }
            }
            Kind::Text => validator.text(reader.run(), &reader.place(), visitor),
            Kind::End => validator.end(reader.name(), visitor),
            Kind::Eof => break,
            Kind::Failed => return Err(malformed(Some(reader), reader.error())),
        };
        step.map_err(|problem| problem.at(reader))?;
    }
    normal.note_reader(reader);
    Ok(())
}

fn unexpected_root(schema: &Schema, root: Root<'_>, found: Name<'_>) -> Problem {
    let expected = match root {
        Root::Element(element) => schema.element_name(element).to_string(),
        Root::AnyOf(elements) => {
            let names: Vec<_> = elements.iter().map(|&element| schema.element_name(element).to_string()).collect();
            names.join(" or ")
        }
        Root::AnyGlobal => "a declared element".to_owned(),
    };
    Problem::here(ViolationKind::Unexpected { element: found.local.to_owned() }, &expected, &found.to_string())
}
