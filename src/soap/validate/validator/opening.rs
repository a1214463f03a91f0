//! Elements begin: which type they have, what they may hold, and that their attributes fit.

use super::{Frame, Held, Validator};
use crate::soap::normalize::Mechanism;
use crate::soap::reader::Start;
use crate::soap::schema::{Content, Element, ElementId, TypeId};
use crate::soap::validate::attributes::{self, Hints};
use crate::soap::validate::content::{self, Cursor};
use crate::soap::validate::problem::Problem;
use crate::soap::validate::{ViolationKind, Visitor};

impl<'s> Validator<'s, '_, '_> {
    pub(super) fn open_lax(&mut self, start: &Start<'_>, visitor: &mut dyn Visitor) -> Result<(), Problem> {
        if let Some(element) = self.schema.element(start.name.namespace, start.name.local) {
            return self.open_declared(element, start, visitor);
        }
        let hints = attributes::hints(start)?;
        let named = match hints.kind.map(|kind| start.expand(kind)) {
            None => None,
            Some(Some(name)) => self.schema.named_type(name),
            Some(None) => return Err(attributes::not_a_type(start)),
        };
        match named {
            Some(kind) => self.open_typed(None, kind, hints.nil == Some(true), start, visitor),
            None => {
                self.open_undeclared(Held::Anything, start, visitor);
                Ok(())
            }
        }
    }

    pub(super) fn open_strict(&mut self, start: &Start<'_>, visitor: &mut dyn Visitor) -> Result<(), Problem> {
        match self.schema.element(start.name.namespace, start.name.local) {
            Some(element) => self.open_declared(element, start, visitor),
            None => Err(Problem::unexpected(start.name.local, "a declared element".to_owned())),
        }
    }

    pub(super) fn open_declared(
        &mut self,
        element: ElementId,
        start: &Start<'_>,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Problem> {
        let schema = self.schema;
        let Some(declared) = schema.declaration(element) else { return Ok(()) };
        if !start.has_attributes() {
            return self.open_typed(Some(declared), declared.kind, false, start, visitor);
        }
        let hints = attributes::hints(start)?;
        let nil = self.nil(declared.nillable, &hints, start)?;
        if nil && declared.value.as_ref().is_some_and(|given| given.fixed) {
            return Err(self.nil_problem(start, "the fixed value", "xsi:nil"));
        }
        let kind = attributes::actual_type(schema, self.normal, start, &hints, declared.kind)?;
        self.open_typed(Some(declared), kind, nil, start, visitor)
    }

    /// Whether an element is nil. One that cannot be may not even say that it is not (XSD 1.0 part 1,
    /// cvc-elt 3.1); who is lenient about `xsi:type` is lenient about that.
    fn nil(&self, nillable: bool, hints: &Hints<'_>, start: &Start<'_>) -> Result<bool, Problem> {
        match hints.nil {
            Some(true) if !nillable => Err(self.nil_problem(start, "a value", "xsi:nil")),
            Some(false) if !nillable && !self.normal.use_switch(Mechanism::IgnoreTypeAttributes) => {
                Err(self.nil_problem(start, "no such attribute", "one"))
            }
            nil => Ok(nil == Some(true)),
        }
    }

    fn nil_problem(&self, start: &Start<'_>, expected: &str, found: &str) -> Problem {
        let kind = ViolationKind::Attribute { element: start.name.local.to_owned(), attribute: "nil".to_owned() };
        Problem::here(kind, expected, found)
    }

    fn open_typed(
        &mut self,
        declared: Option<&'s Element>,
        kind: TypeId,
        nil: bool,
        start: &Start<'_>,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Problem> {
        let Some(kind) = self.schema.kind(kind) else { return Ok(()) };
        let held = match &kind.content {
            Content::Anything => Held::Anything,
            Content::Simple(simple) => Held::Value(simple),
            Content::Elements(model) => Held::Elements(model),
            Content::Mixed(model) => Held::Mixed(model),
        };
        if let Held::Value(simple) = held
            && simple.is_qualified_name()
        {
            self.prefixes.clear();
            self.prefixes.extend(start.prefixes().map(str::to_owned));
        }
        visitor.open(&declared.map_or(start.name, |declared| declared.name.as_name()));
        if start.has_attributes() || !kind.attributes.is_empty() {
            let ambient = if self.frames.is_empty() { self.ambient } else { "" };
            attributes::check(self.schema, kind, self.normal, start, ambient, visitor)?;
        }
        self.push(declared, held, nil);
        Ok(())
    }

    pub(super) fn open_undeclared(&mut self, held: Held<'s>, start: &Start<'_>, visitor: &mut dyn Visitor) {
        visitor.open(&start.name);
        let ambient = if self.frames.is_empty() { self.ambient } else { "" };
        attributes::show(start, ambient, visitor);
        self.push(None, held, false);
    }

    fn push(&mut self, declared: Option<&'s Element>, held: Held<'s>, nil: bool) {
        let counts_start = self.counts.len();
        if let Held::Elements(model) | Held::Mixed(model) = held {
            self.counts.resize(counts_start + content::counts(model), 0);
        }
        self.copy_only_run();
        let text_start = self.text.len();
        self.frames.push(Frame { declared, held, cursor: Cursor::default(), counts_start, text_start, nil });
    }
}
