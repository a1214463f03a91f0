//! The validator itself: a stack of open elements that events are pushed onto.
//!
//! An element's text is taken from the input where it stands there in one piece; else it is copied
//! into one buffer that all elements share. Nothing is allocated per element once the stacks have
//! grown.

mod opening;
mod stacks;

use std::borrow::Cow;

use self::stacks::Stacks;
use super::content::{self, Cursor, Stop};
use super::problem::{At, Problem};
use super::{ViolationKind, Visitor};
use crate::soap::characters::is_blank;
use crate::soap::names::Name;
use crate::soap::normalize::{Mechanism, Normalization, Wanted};
use crate::soap::position::Place;
use crate::soap::reader::{Blanks, Run, Start};
use crate::soap::schema::{Element, ElementId, Given, Item, Model, Process, Schema, SimpleType};

/// An element that is open.
#[derive(Clone, Copy, Debug)]
struct Frame<'s> {
    /// Its declaration; none where nothing is declared.
    declared: Option<&'s Element>,
    held: Held<'s>,
    cursor: Cursor,
    counts_start: usize,
    text_start: usize,
    nil: bool,
}

/// What an open element may hold.
#[derive(Clone, Copy, Debug)]
enum Held<'s> {
    Value(&'s SimpleType),
    Elements(&'s Model),
    /// Elements with text around them.
    Mixed(&'s Model),
    /// Anything, but what is declared must fit.
    Anything,
    /// Anything at all.
    Free,
}

impl Drop for Validator<'_, '_, '_> {
    fn drop(&mut self) {
        let (frames, counts) = (std::mem::take(&mut self.frames), std::mem::take(&mut self.counts));
        Stacks { frames, counts, text: std::mem::take(&mut self.text) }.keep();
    }
}

/// Validates what is inside its roots.
pub(in crate::soap) struct Validator<'s, 'n, 'i> {
    schema: &'s Schema,
    normal: &'n Normalization<'n>,
    /// The namespace whose attributes may stand on roots.
    ambient: &'static str,
    frames: Vec<Frame<'s>>,
    counts: Vec<u32>,
    text: String,
    /// All of the innermost element's text, as long as that is one run of the input.
    only_run: &'i str,
    /// The prefixes that are declared where the innermost open element is, if its value is a
    /// qualified name.
    prefixes: Vec<String>,
    /// Elements open inside one that is passed over, itself included.
    passing_over: usize,
}

impl<'s, 'n, 'i> Validator<'s, 'n, 'i> {
    pub(in crate::soap) fn new(schema: &'s Schema, normal: &'n Normalization<'n>) -> Self {
        let Stacks { frames, counts, text } = Stacks::kept();
        Self { schema, normal, ambient: "", frames, counts, text, only_run: "", prefixes: Vec::new(), passing_over: 0 }
    }

    /// Lets attributes of this namespace stand on roots.
    pub(in crate::soap) fn allow_on_roots(&mut self, namespace: &'static str) {
        self.ambient = namespace;
    }

    /// Whether an element is open.
    pub(in crate::soap) fn is_open(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Whether white space between markup means anything where the innermost open element is; outside
    /// all elements it does not.
    pub(in crate::soap) fn blanks(&self) -> Blanks {
        match self.frames.last() {
            None => Blanks::PassedOver,
            _ if self.passing_over > 0 => Blanks::PassedOver,
            // What is declared to be empty may not even hold white space.
            Some(Frame { held: Held::Elements(model), nil: false, .. }) if !model.is_empty() => Blanks::PassedOver,
            Some(_) => Blanks::Given,
        }
    }

    /// Which of the candidates an element is, as sent or by a tolerance.
    pub(in crate::soap) fn identify(
        &self,
        sent: Name<'_>,
        candidates: impl Iterator<Item = ElementId> + Clone,
    ) -> Option<ElementId> {
        let exact = candidates.clone().find(|&id| self.schema.element_name(id) == sent);
        exact.or_else(|| {
            self.normal.rename(sent, |wanted| candidates.clone().find(|&id| wanted.fits(self.schema.element_name(id))))
        })
    }

    /// Opens a root that was identified.
    pub(in crate::soap) fn open_root(
        &mut self,
        element: ElementId,
        start: &Start<'_>,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Problem> {
        self.open_declared(element, start, visitor)
    }

    /// Opens a root of which nothing is known, and nothing demanded.
    pub(in crate::soap) fn open_free(&mut self, start: &Start<'_>, visitor: &mut dyn Visitor) {
        self.open_undeclared(Held::Free, start, visitor);
    }

    /// An element begins inside the innermost open one.
    pub(in crate::soap) fn start(&mut self, start: &Start<'_>, visitor: &mut dyn Visitor) -> Result<(), Problem> {
        if self.passing_over > 0 {
            self.passing_over += 1;
            return Ok(());
        }
        let Some(&Frame { nil, held, .. }) = self.frames.last() else { return Ok(()) };
        if nil {
            return Err(Problem::unexpected(start.name.local, "nothing".to_owned()));
        }
        match held {
            Held::Free => self.open_undeclared(Held::Free, start, visitor),
            Held::Anything => return self.open_lax(start, visitor),
            Held::Value(_) => return self.unknown(start.name, || "a value".to_owned()),
            Held::Elements(model) | Held::Mixed(model) => match self.step(model, start.name)? {
                Some(Item::Element(element)) => return self.open_declared(*element, start, visitor),
                Some(Item::Any(wildcard)) => match wildcard.process {
                    Process::Skip => self.open_undeclared(Held::Free, start, visitor),
                    Process::Lax => return self.open_lax(start, visitor),
                    Process::Strict => return self.open_strict(start, visitor),
                },
                None => self.passing_over = 1,
            },
        }
        Ok(())
    }

    /// A run of text of the innermost open element.
    pub(in crate::soap) fn text(
        &mut self,
        run: Run<'i, '_>,
        place: &Place<'_>,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Problem> {
        if self.passing_over > 0 {
            return Ok(());
        }
        let Some(frame) = self.frames.last() else { return Ok(()) };
        let element = || frame.declared.map_or_else(String::new, |declared| declared.name.local.clone());
        if frame.nil {
            return Err(Problem::here(
                ViolationKind::Value { element: element() },
                "nothing, since xsi:nil is true",
                "text",
            ));
        }
        if let Held::Elements(model) = frame.held {
            // What is declared to be empty may not even hold white space (cvc-complex-type 2.1).
            if (is_blank(run.as_str()) && !model.is_empty()) || self.normal.use_switch(Mechanism::IgnoreStrayText) {
                return Ok(());
            }
            return Err(Problem::here(ViolationKind::StrayText { element: element() }, "elements only", "text"));
        }
        if self.only_run.is_empty() && self.text.len() == frame.text_start {
            visitor.text_begins(place);
            if let Run::Input(run) = run {
                self.only_run = run;
                return Ok(());
            }
        }
        self.copy_only_run();
        self.text.push_str(run.as_str());
        Ok(())
    }

    /// Makes room for what is not the only run of the innermost element's text.
    fn copy_only_run(&mut self) {
        self.text.push_str(std::mem::take(&mut self.only_run));
    }

    /// The innermost open element ends; `sent` is its name as sent.
    pub(in crate::soap) fn end(&mut self, sent: Name<'_>, visitor: &mut dyn Visitor) -> Result<(), Problem> {
        if self.passing_over > 0 {
            self.passing_over -= 1;
            return Ok(());
        }
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let name = frame.declared.map_or(sent, |declared| declared.name.as_name());
        let given = frame.declared.and_then(|declared| declared.value.as_ref());
        let only_run = std::mem::take(&mut self.only_run);
        let text = if only_run.is_empty() { self.text.get(frame.text_start..).unwrap_or("") } else { only_run };
        match frame.held {
            _ if frame.nil => visitor.close(&name, ""),
            Held::Value(simple) => {
                let text = if text.is_empty() { given.map_or("", |given| given.value.as_str()) } else { text };
                let value = self.value(simple, text);
                self.check_value(simple, given, &value, name)?;
                visitor.close(&name, &value);
            }
            Held::Elements(model) | Held::Mixed(model) => {
                let counts = self.counts.get(frame.counts_start..).unwrap_or_default();
                if !frame.cursor.may_end(model, counts) {
                    let missing = frame.cursor.lacks(model, counts).map(|item| self.item_name(item));
                    return Err(Problem::missing(&missing.unwrap_or_default(), At::Child));
                }
                visitor.close(&name, text);
            }
            Held::Anything | Held::Free => visitor.close(&name, text),
        }
        self.text.truncate(frame.text_start);
        self.counts.truncate(frame.counts_start);
        Ok(())
    }

    fn check_value(
        &self,
        simple: &SimpleType,
        given: Option<&Given>,
        value: &str,
        element: Name<'_>,
    ) -> Result<(), Problem> {
        let misfit = |expected: &str, found: &str| {
            Problem::here(ViolationKind::Value { element: element.local.to_owned() }, expected, found)
        };
        simple.check(value).map_err(|wrong| misfit(&wrong.expected, &wrong.found))?;
        if simple.is_qualified_name()
            && let Some((prefix, _)) = value.split_once(':')
            && !self.prefixes.iter().any(|declared| declared == prefix)
        {
            return Err(misfit("a name whose prefix is declared", "another prefix"));
        }
        match given.filter(|given| given.fixed) {
            Some(fixed) if !simple.equal(&fixed.value, value) => Err(misfit(&fixed.value, "another value")),
            _ => Ok(()),
        }
    }

    fn value<'t>(&self, simple: &SimpleType, text: &'t str) -> Cow<'t, str> {
        let value = simple.normalize(text);
        if let ([b'!'..=b'~', ..], [.., b'!'..=b'~']) | ([], []) = (value.as_bytes(), value.as_bytes()) {
            return value;
        }
        let outside = |character: char| character.is_whitespace() || character == '\u{FEFF}';
        let trimmed = value.trim_matches(outside);
        if trimmed.len() == value.len() || !self.normal.use_switch(Mechanism::TrimValues) {
            return value;
        }
        Cow::Owned(trimmed.to_owned())
    }

    /// The particle that a child is; none if it is to be passed over.
    fn step(&mut self, model: &'s Model, sent: Name<'_>) -> Result<Option<&'s Item>, Problem> {
        let schema = self.schema;
        let Some(frame) = self.frames.last_mut() else { return Ok(None) };
        let counts = self.counts.get_mut(frame.counts_start..).unwrap_or_default();
        let cursor = &mut frame.cursor;
        let as_sent = |item: &Item| match item {
            Item::Element(id) => schema.element_name(*id) == sent,
            Item::Any(wildcard) => wildcard.allows(sent.namespace),
        };
        let tolerated = |wanted: Wanted<'_>, item: &Item| match item {
            Item::Element(id) => wanted.fits(schema.element_name(*id)),
            Item::Any(_) => false,
        };
        let stop = match cursor.step(model, counts, &as_sent) {
            Ok(item) => return Ok(Some(item)),
            Err(stop) => stop,
        };
        let renamed =
            self.normal.rename(sent, |wanted| cursor.step(model, counts, &|item| tolerated(wanted, item)).ok());
        if renamed.is_some() {
            return Ok(renamed);
        }
        if self.normal.has(Mechanism::AnyOrder) {
            let mut unordered = cursor.step_leaving_order(model, counts, &as_sent);
            if unordered.is_none() {
                unordered = self
                    .normal
                    .rename(sent, |wanted| cursor.step_leaving_order(model, counts, &|item| tolerated(wanted, item)));
            }
            if unordered.is_some() {
                self.normal.use_switch(Mechanism::AnyOrder);
                return Ok(unordered);
            }
        }
        // What is known under the name that a tolerance gives it is not unknown: it is misplaced.
        let known = content::knows(model, &as_sent)
            || self
                .normal
                .rename(sent, |wanted| content::knows(model, &|item| tolerated(wanted, item)).then_some(()))
                .is_some()
            || self.normal.is_misspelling(sent, |wanted| content::knows(model, &|item| tolerated(wanted, item)));
        match stop {
            Stop::Missing(item) => Err(Problem::missing(&self.item_name(item), At::Sibling)),
            Stop::Unfit if known => Err(self.unfit(model, sent)),
            Stop::Unfit if self.normal.use_switch(Mechanism::IgnoreUnknownElements) => Ok(None),
            Stop::Unfit => Err(self.unfit(model, sent)),
        }
    }

    fn unfit(&self, model: &Model, sent: Name<'_>) -> Problem {
        let Some(frame) = self.frames.last() else { return Problem::unexpected(sent.local, String::new()) };
        let counts = self.counts.get(frame.counts_start..).unwrap_or_default();
        let mut names: Vec<_> =
            frame.cursor.expected(model, counts).into_iter().map(|item| self.item_name(item)).collect();
        if frame.cursor.may_end(model, counts) {
            names.push("the end of the element around it".to_owned());
        }
        // The same name in another namespace would read like a contradiction.
        let found = if names.iter().any(|name| name == sent.local) { sent.to_string() } else { sent.local.to_owned() };
        Problem::unexpected(sent.local, names.join(" or ")).found(&found)
    }

    fn unknown(&mut self, sent: Name<'_>, expected: impl FnOnce() -> String) -> Result<(), Problem> {
        if self.normal.use_switch(Mechanism::IgnoreUnknownElements) {
            self.passing_over = 1;
            return Ok(());
        }
        Err(Problem::unexpected(sent.local, expected()))
    }

    fn item_name(&self, item: &Item) -> String {
        match item {
            Item::Element(id) => self.schema.element_name(*id).local.to_owned(),
            Item::Any(_) => "any element".to_owned(),
        }
    }
}
