//! The validator itself: a stack of open elements that events are pushed onto.
//!
//! An element's text is taken from the input where it stands there in one piece; else it is copied
//! into one buffer that all elements share. Nothing is allocated per element once the stacks have
//! grown.

use std::borrow::Cow;
use std::cell::Cell;

use super::attributes::{self, Hints};
use super::content::{self, Cursor, Stop};
use super::problem::{At, Problem};
use super::{ViolationKind, Visitor};
use crate::soap::characters::is_blank;
use crate::soap::kept::emptied;
use crate::soap::names::Name;
use crate::soap::normalize::{Mechanism, Normalization, Wanted};
use crate::soap::position::Place;
use crate::soap::reader::{Blanks, Run, Start};
use crate::soap::schema::{Content, Element, ElementId, Given, Item, Model, Process, Schema, SimpleType, TypeId};

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

/// What grows while a document is validated.
#[derive(Default)]
pub(super) struct Stacks<'s> {
    frames: Vec<Frame<'s>>,
    counts: Vec<u32>,
    text: String,
}

thread_local! {
    /// The stacks of the thread's last validator, for its next one.
    static KEPT: Cell<Option<Stacks<'static>>> = const { Cell::new(None) };
}

impl Stacks<'static> {
    /// Those that were kept, else new ones; empty.
    fn kept() -> Self {
        KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }
}

impl Stacks<'_> {
    /// Keeps them for the thread's next validator.
    fn keep(self) {
        let text = emptied(self.text.into_bytes());
        // Of nothing, this copies nothing.
        let text = String::from_utf8(text).unwrap_or_default();
        let kept = Stacks { frames: emptied(self.frames), counts: emptied(self.counts), text };
        // A thread that ends keeps nothing.
        let _ = KEPT.try_with(|place| place.set(Some(kept)));
    }
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
                .is_some();
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

    fn open_lax(&mut self, start: &Start<'_>, visitor: &mut dyn Visitor) -> Result<(), Problem> {
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

    fn open_strict(&mut self, start: &Start<'_>, visitor: &mut dyn Visitor) -> Result<(), Problem> {
        match self.schema.element(start.name.namespace, start.name.local) {
            Some(element) => self.open_declared(element, start, visitor),
            None => Err(Problem::unexpected(start.name.local, "a declared element".to_owned())),
        }
    }

    fn open_declared(
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

    fn open_undeclared(&mut self, held: Held<'s>, start: &Start<'_>, visitor: &mut dyn Visitor) {
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
