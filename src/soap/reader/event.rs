//! What a reader gives, and how it is told to read.

use std::borrow::Cow;

use super::namespaces::{Bound, Namespaces};
use crate::soap::Position;
use crate::soap::names::{Name, split_qname};

/// How a reader reads.
#[derive(Clone, Copy, Debug)]
pub struct ReaderOptions {
    /// Where the input begins in the text that people see: for a document inside another.
    pub base: Position,
    /// Valid UTF-8 is read whatever encoding its declaration claims.
    pub any_encoding_label: bool,
    /// The root's end tag may be missing at the very end.
    pub root_left_open: bool,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self { base: Position::START, any_encoding_label: false, root_left_open: false }
    }
}

/// What comes next in a document.
#[derive(Debug)]
pub enum Event<'r> {
    /// An element begins.
    Start(Start<'r>),
    /// A run of text, never empty; one text may come in several runs.
    Text(&'r str),
    /// The element of this name ends.
    End(Name<'r>),
    /// The document ended, and was well formed.
    Eof,
}

/// The kind of an event, or of its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soap) enum Kind {
    /// An element begins.
    Start,
    /// A run of text, never empty.
    Text,
    /// An element ends.
    End,
    /// The document ended, and was well formed.
    Eof,
    /// The document cannot be read on.
    Failed,
}

/// Whether white space before markup is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soap) enum Blanks {
    /// As text, like any other.
    Given,
    /// Not where it is all that stands between two pieces of markup: whoever asks does not read it there.
    PassedOver,
}

/// A run of text.
#[derive(Clone, Copy, Debug)]
pub(in crate::soap) enum Run<'a, 'r> {
    /// As it stands in the input.
    Input(&'a str),
    /// Made of what stands there; gone with the next event.
    Made(&'r str),
}

impl<'r, 'a: 'r> Run<'a, 'r> {
    /// The text itself.
    pub(in crate::soap) fn as_str(self) -> &'r str {
        match self {
            Self::Input(text) => text,
            Self::Made(text) => text,
        }
    }
}

/// The begin of an element.
#[derive(Debug)]
pub struct Start<'r> {
    /// Its name.
    pub name: Name<'r>,
    pub(super) attributes: &'r [RawExpanded<'r>],
    pub(super) namespaces: &'r Namespaces<'r>,
    pub(super) mark: usize,
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'r> {
    /// Its name; no namespace if it has no prefix.
    pub name: Name<'r>,
    /// Its value, normalised.
    pub value: &'r str,
}

/// An attribute, and what its prefix stands for.
#[derive(Debug)]
pub(super) struct RawExpanded<'a> {
    pub(super) prefix: &'a str,
    pub(super) namespace: Bound,
    pub(super) local: &'a str,
    pub(super) value: Cow<'a, str>,
}

impl<'r> Start<'r> {
    /// Whether there is any attribute, namespace declarations not counted.
    pub(in crate::soap) fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    /// The attributes, without namespace declarations.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'r>> + use<'r> {
        let namespaces = self.namespaces;
        self.attributes.iter().map(move |raw| {
            let name = Name { namespace: namespaces.uri(raw.namespace), local: raw.local };
            Attribute { name, value: &raw.value }
        })
    }

    /// The prefixes that this element declares, with their namespaces.
    pub fn declarations(&self) -> impl Iterator<Item = (&'r str, &'r str)> + use<'r> {
        self.namespaces.since(self.mark).iter().map(|(prefix, uri)| (*prefix, &**uri))
    }

    /// All prefixes that are declared here, by this element or one around it; some twice.
    pub(in crate::soap) fn prefixes(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        self.namespaces.since(0).iter().map(|(prefix, _)| *prefix).chain(["xml"])
    }

    /// The expanded name that `text` stands for here, the default namespace included.
    pub fn expand<'t>(&self, text: &'t str) -> Option<Name<'t>>
    where
        'r: 't,
    {
        let (prefix, local) = split_qname(text)?;
        let namespace = self.namespaces.uri(self.namespaces.resolve(prefix)?);
        Some(Name { namespace, local })
    }
}
