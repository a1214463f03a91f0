//! The strict reader: one event after the other, names expanded, references resolved.
//!
//! quick-xml finds the markup; every rule of well-formedness that it is lenient about is checked
//! here. It builds no tree and copies no text, except where references or line ends change it.
//!
//! Invariants: after an error the reader gives nothing but that error; nothing is given that breaks
//! a cap of [`Limits`]; work is linear in the input.

mod attributes;
mod declaration;
mod error;
mod event;
mod namespaces;
mod plain;
mod references;
mod stacks;
mod tags;
#[cfg(test)]
mod tests;
mod texts;

use std::borrow::Cow;
use std::io::BufRead;

use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::Event as Markup;

use self::event::RawExpanded;
use self::namespaces::{Bound, Namespaces};
use self::stacks::Stacks;
use super::characters::Inventory;
use super::names::Name;
use super::{Limits, Place, Position};

pub use self::error::{XmlError, XmlReason};
pub use self::event::{Attribute, Event, ReaderOptions, Start};
pub(super) use self::event::{Blanks, Kind, Run};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The reader.
pub struct Reader<'a> {
    text: &'a str,
    inventory: Inventory,
    markup: quick_xml::Reader<&'a [u8]>,
    options: ReaderOptions,
    limits: Limits,
    namespaces: Namespaces<'a>,
    open: Vec<Open<'a>>,
    attributes: Vec<RawExpanded<'a>>,
    run: Option<&'a str>,
    made_run: String,
    elements: usize,
    /// How far the text is read.
    at: usize,
    /// Whether quick-xml stands between two events, not between the end of a text and the markup that it
    /// has seen after it.
    between: bool,
    event_offset: usize,
    content_offset: usize,
    stage: Stage,
    closing: Closing,
    failed: Option<XmlError>,
    label_ignored: bool,
    root_closed: bool,
    /// Reads without what is read in place, to compare the two.
    #[cfg(test)]
    nothing_in_place: bool,
}

/// An element that is open.
#[derive(Clone, Copy, Debug)]
struct Open<'a> {
    written: &'a str,
    namespace: Bound,
    local: &'a str,
    namespaces_mark: usize,
    text_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Prolog,
    Inside,
    Epilog,
    Ended,
}

/// What the innermost open element still needs when the next event is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Nothing,
    /// It was `<empty/>`: its end comes next.
    Empty,
    /// Its end was given: its name and declarations are to be forgotten.
    Given,
}

impl<'a> Reader<'a> {
    /// A reader of a whole document.
    pub fn new(input: &'a [u8], limits: &Limits) -> Result<Self, XmlError> {
        Self::with(input, limits, ReaderOptions::default())
    }

    /// A reader of a whole document, with options.
    pub fn with(input: &'a [u8], limits: &Limits, options: ReaderOptions) -> Result<Self, XmlError> {
        let bytes = input.strip_prefix(BYTE_ORDER_MARK).unwrap_or(input);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let valid = bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok());
            XmlError { position: options.base.after(valid.unwrap_or("")), reason: declaration::guess(bytes) }
        })?;
        Self::of_text(text, limits, options)
    }

    /// A reader of a whole document that is known to be text, and has no byte order mark any more.
    pub fn of_text(text: &'a str, limits: &Limits, options: ReaderOptions) -> Result<Self, XmlError> {
        let refuse = |passed: &str, reason| XmlError { position: options.base.after(passed), reason };
        let inventory = Inventory::of(text).map_err(|offset| {
            let (passed, rest) = text.split_at(offset);
            let reason = match declaration::guess(text.as_bytes()) {
                // UTF-16 of plain ASCII is valid UTF-8, full of zeros.
                XmlReason::Encoding(label) if label.starts_with("UTF-") => XmlReason::Encoding(label),
                _ => XmlReason::Character(rest.chars().next().map_or(0, u32::from)),
            };
            refuse(passed, reason)
        })?;
        if text.starts_with('\u{FEFF}') {
            // A second byte order mark is text; quick-xml would take it away unseen.
            return Err(refuse("", XmlReason::TextOutsideRoot));
        }
        let mut markup = quick_xml::Reader::from_str(text);
        let config = markup.config_mut();
        config.check_comments = true;
        // End tags are compared here, where the open elements are kept anyway.
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        let Stacks { open, attributes, namespaces } = Stacks::kept();
        Ok(Self {
            text,
            inventory,
            markup,
            options,
            limits: *limits,
            namespaces,
            open,
            attributes,
            run: None,
            made_run: String::new(),
            elements: 0,
            at: 0,
            between: true,
            event_offset: 0,
            content_offset: 0,
            stage: Stage::Prolog,
            closing: Closing::Nothing,
            failed: None,
            label_ignored: false,
            root_closed: false,
            #[cfg(test)]
            nothing_in_place: false,
        })
    }

    /// The next event. Comments are passed over.
    // Not an iterator: an event borrows from the reader.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Event<'_>, XmlError> {
        match self.advance(Blanks::Given) {
            Kind::Start => Ok(Event::Start(self.start())),
            Kind::Text => Ok(Event::Text(self.run().as_str())),
            Kind::End => Ok(Event::End(self.name())),
            Kind::Eof => Ok(Event::Eof),
            Kind::Failed => Err(self.error()),
        }
    }

    /// Goes on to the next event and gives its kind, which is all that every event has; the rest is
    /// asked for.
    pub(super) fn advance(&mut self, blanks: Blanks) -> Kind {
        if self.failed.is_some() {
            return Kind::Failed;
        }
        loop {
            match self.step(blanks) {
                Ok(None) => {}
                Ok(Some(kind)) => return kind,
                Err(reason) => {
                    self.failed = Some(XmlError { position: self.position(), reason });
                    return Kind::Failed;
                }
            }
        }
    }

    /// The element that begins, after [`Kind::Start`].
    pub(super) fn start(&self) -> Start<'_> {
        let mark = self.open.last().map_or(0, |open| open.namespaces_mark);
        Start { name: self.name(), attributes: &self.attributes, namespaces: &self.namespaces, mark }
    }

    /// The text, after [`Kind::Text`].
    pub(super) fn run(&self) -> Run<'a, '_> {
        self.run.map_or(Run::Made(&self.made_run), Run::Input)
    }

    /// The name of the element that begins or ends, after [`Kind::Start`] and [`Kind::End`].
    pub(super) fn name(&self) -> Name<'_> {
        let Some(open) = self.open.last() else { return Name { namespace: "", local: "" } };
        Name { namespace: self.namespaces.uri(open.namespace), local: open.local }
    }

    /// Why it cannot go on, after [`Kind::Failed`].
    pub(super) fn error(&self) -> XmlError {
        let none = || XmlError { position: self.position(), reason: XmlReason::Markup };
        self.failed.clone().unwrap_or_else(none)
    }

    /// Where the last event began; of a CDATA section, where its text began.
    pub(super) fn place(&self) -> Place<'a> {
        self.place_of(self.content_offset)
    }

    /// Where the last event began.
    pub fn position(&self) -> Position {
        self.place_of(self.event_offset).position()
    }

    fn place_of(&self, offset: usize) -> Place<'a> {
        Place::new(self.text, offset, self.options.base)
    }

    /// The offset in the text (after a byte order mark) at which the last event began.
    pub(super) fn event_offset(&self) -> usize {
        self.event_offset
    }

    /// The text that is read: the input without a byte order mark.
    pub(super) fn input(&self) -> &'a str {
        self.text
    }

    /// How many elements are open, one whose end was just given included.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The offset in the text (after a byte order mark) just after the last event.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The local names of the open elements below the root, with slashes; the root's if only it is
    /// open.
    pub(super) fn path(&self) -> String {
        let names: Vec<&str> = self.open.iter().map(|open| open.local).collect();
        match names.as_slice() {
            [_, below @ ..] if !below.is_empty() => below.join("/"),
            names => names.concat(),
        }
    }

    /// Whether a wrong encoding label was passed over.
    pub(super) fn label_ignored(&self) -> bool {
        self.label_ignored
    }

    /// Whether the root's missing end tag was made up for.
    pub(super) fn root_closed(&self) -> bool {
        self.root_closed
    }

    fn step(&mut self, blanks: Blanks) -> Result<Option<Kind>, XmlReason> {
        match self.closing {
            Closing::Nothing => {}
            Closing::Empty => {
                self.closing = Closing::Given;
                return Ok(Some(Kind::End));
            }
            Closing::Given => self.close_innermost(),
        }
        if self.stage == Stage::Ended {
            return Ok(Some(Kind::Eof));
        }
        self.event_offset = self.at;
        if blanks == Blanks::PassedOver {
            self.pass_blanks()?;
        }
        self.content_offset = self.event_offset;
        match self.plain()? {
            None => self.markup(),
            plain => Ok(plain),
        }
    }

    /// What quick-xml finds next.
    fn markup(&mut self) -> Result<Option<Kind>, XmlReason> {
        let behind = self.at.saturating_sub(self.offset_of_markup());
        if behind > 0 {
            self.markup.stream().consume(behind);
        }
        let markup = self.markup.read_event();
        self.at = self.offset_of_markup();
        let markup = markup.map_err(|error| refusal(&error))?;
        self.between = !matches!(markup, Markup::Text(_));
        match markup {
            Markup::Start(start) => self.open(&start, false),
            Markup::Empty(start) => self.open(&start, true),
            Markup::End(end) => self.close(end.name().0),
            Markup::Text(text) => match text.into_inner() {
                Cow::Borrowed(text) => self.text(text),
                Cow::Owned(text) => self.owned_text(&text),
            },
            Markup::CData(section) => {
                self.content_offset += "<![CDATA[".len();
                match section.into_inner() {
                    Cow::Borrowed(text) => self.section(text),
                    Cow::Owned(text) => self.owned_text(&text),
                }
            }
            Markup::GeneralRef(reference) => self.reference(&reference.into_inner()),
            Markup::Comment(comment) => {
                // quick-xml looks for `--` inside, but not for a `-` just before `-->`.
                if comment.into_inner().ends_with('-') { Err(XmlReason::Comment) } else { Ok(None) }
            }
            Markup::Decl(declaration) => self.declaration(&declaration),
            Markup::PI(_) => Err(XmlReason::ProcessingInstruction),
            Markup::DocType(_) => Err(XmlReason::DocumentType),
            Markup::Eof => self.end_of_input(),
        }
    }

    /// How far quick-xml has read the text.
    fn offset_of_markup(&self) -> usize {
        usize::try_from(self.markup.buffer_position()).unwrap_or(usize::MAX).min(self.text.len())
    }

    fn declaration(&mut self, text: &str) -> Result<Option<Kind>, XmlReason> {
        if self.event_offset != 0 {
            return Err(XmlReason::MisplacedDeclaration);
        }
        let text = text.strip_prefix("xml").ok_or(XmlReason::Declaration)?;
        let label = declaration::parse(text)?;
        if let Some(label) = label.filter(|label| !declaration::is_utf8(label)) {
            if !self.options.any_encoding_label {
                return Err(XmlReason::Encoding(label.to_owned()));
            }
            self.label_ignored = true;
        }
        Ok(None)
    }

    fn end_of_input(&mut self) -> Result<Option<Kind>, XmlReason> {
        match self.stage {
            Stage::Prolog => Err(XmlReason::NoRoot),
            Stage::Inside if self.options.root_left_open && self.open.len() == 1 => {
                self.root_closed = true;
                self.closing = Closing::Given;
                Ok(Some(Kind::End))
            }
            Stage::Inside => {
                let name = self.open.last().map_or("", |open| open.written);
                Err(XmlReason::OpenAtEnd(name.to_owned()))
            }
            Stage::Epilog | Stage::Ended => {
                self.stage = Stage::Ended;
                Ok(Some(Kind::Eof))
            }
        }
    }

    fn close_innermost(&mut self) {
        self.closing = Closing::Nothing;
        if let Some(open) = self.open.pop() {
            self.namespaces.forget(open.namespaces_mark);
        }
        if self.open.is_empty() {
            self.stage = if self.root_closed { Stage::Ended } else { Stage::Epilog };
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let (open, attributes) = (std::mem::take(&mut self.open), std::mem::take(&mut self.attributes));
        Stacks { open, attributes, namespaces: std::mem::take(&mut self.namespaces) }.keep();
    }
}

fn cap(count: usize, max: usize, what: &'static str) -> Result<(), XmlReason> {
    if count > max { Err(XmlReason::TooMuch { what, max }) } else { Ok(()) }
}

/// What quick-xml refuses, in our words.
fn refusal(error: &Error) -> XmlReason {
    match error {
        Error::Syntax(SyntaxError::InvalidBangMarkup) => XmlReason::Markup,
        Error::Syntax(SyntaxError::UnclosedDoctype) => XmlReason::DocumentType,
        Error::Syntax(_) => XmlReason::Unclosed,
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => XmlReason::Comment,
        Error::IllFormed(IllFormedError::MissingDoctypeName) => XmlReason::DocumentType,
        Error::IllFormed(IllFormedError::UnclosedReference) => XmlReason::Entity,
        Error::IllFormed(IllFormedError::MissingDeclVersion(_) | IllFormedError::UnknownVersion) => {
            XmlReason::Declaration
        }
        Error::Encoding(_) => XmlReason::NotUtf8,
        _ => XmlReason::Markup,
    }
}
