//! Why a document is refused before anybody looks at what it says.

use thiserror::Error;

use crate::soap::Position;

/// Why a document is not read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{position}: {reason}")]
pub struct XmlError {
    /// Where.
    pub position: Position,
    /// Why.
    pub reason: XmlReason,
}

/// Why a document is not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum XmlReason {
    /// Neither UTF-8 nor declared as something else.
    #[error("the document is not UTF-8")]
    NotUtf8,
    /// Declared, or by its first bytes recognised, as another encoding.
    #[error("the encoding {0} is not supported, only UTF-8")]
    Encoding(String),
    /// A character that no XML document may hold.
    #[error("the character U+{0:04X} is not allowed")]
    Character(u32),
    /// A flawed `<?xml ...?>`.
    #[error("the XML declaration is not well formed")]
    Declaration,
    /// `<?xml ...?>` elsewhere than at the very beginning.
    #[error("an XML declaration stands elsewhere than at the very beginning")]
    MisplacedDeclaration,
    /// Another version than 1.0.
    #[error("XML version {0} is not supported, only 1.0")]
    Version(String),
    /// `<!DOCTYPE`.
    #[error("a document type declaration is not allowed")]
    DocumentType,
    /// `<?something ...?>`.
    #[error("a processing instruction is not allowed")]
    ProcessingInstruction,
    /// `--` inside a comment.
    #[error("a comment holds `--`")]
    Comment,
    /// The end of the document inside a tag, comment, CDATA section or reference.
    #[error("the document ends inside markup")]
    Unclosed,
    /// `<!` with something unknown.
    #[error("unknown markup after `<!`")]
    Markup,
    /// A name that is not one.
    #[error("`{0}` is not a name")]
    BadName(String),
    /// Something is wrong with an attribute.
    #[error("an attribute is not written as name=\"value\"")]
    AttributeSyntax,
    /// `<` in an attribute's value.
    #[error("an attribute's value holds `<`")]
    AttributeLess,
    /// The same attribute twice, by its name as written or by its expanded name.
    #[error("the attribute `{0}` is given twice")]
    DuplicateAttribute(String),
    /// A prefix that no declaration binds.
    #[error("the prefix `{0}` is not declared")]
    UnboundPrefix(String),
    /// `xmlns:x=""`, or `xml` or `xmlns` bound or used where Namespaces in XML forbids it.
    #[error("the namespace declaration of `{0}` is not allowed")]
    NamespaceDeclaration(String),
    /// An end tag that is not the open element's.
    #[error("`</{found}>` where `</{expected}>` must stand")]
    MismatchedEnd {
        /// The open element.
        expected: String,
        /// What came.
        found: String,
    },
    /// An end tag without any open element.
    #[error("`</{0}>` closes nothing")]
    UnopenedEnd(String),
    /// The end of the document inside an element.
    #[error("the element `{0}` is not closed")]
    OpenAtEnd(String),
    /// No element at all.
    #[error("the document has no element")]
    NoRoot,
    /// A second root.
    #[error("the document has a second root element")]
    SecondRoot,
    /// Text before or after the root.
    #[error("text outside the root element")]
    TextOutsideRoot,
    /// `]]>` in text.
    #[error("text holds `]]>`")]
    SectionEnd,
    /// An `&` that begins no reference, or a reference to something else than a character or one of
    /// the five entities. What follows the `&` is not repeated: it may be part of a password.
    #[error("an `&` that begins no known reference")]
    Entity,
    /// A reference to a character that XML does not have or allow.
    #[error("a reference to a character that is not allowed")]
    CharacterReference,
    /// More than a cap allows.
    #[error("more than {max} {what}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The cap.
        max: usize,
    },
}
