//! The streaming validator.

mod violation;

pub use self::violation::{Violation, ViolationKind};
use super::names::Name;
use super::normalize::Normalization;
use super::position::Place;
use super::reader::Reader;
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
    _schema: &Schema,
    _reader: &mut Reader<'_>,
    _root: Root<'_>,
    _normal: &Normalization<'_>,
    _visitor: &mut dyn Visitor,
) -> Result<(), Violation> {
    unimplemented!()
}
