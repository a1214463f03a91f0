//! The SOAP envelope, 1.1 and 1.2, read in one pass together with what is in it.
//!
//! Invariants: a header block that must be understood and is not is never passed over; exactly one
//! element of the wanted ones stands in the body, and nothing after it.

mod pass;
mod spelled;

use std::ops::Range;

use self::pass::{Pass, Visitors};
use super::fault::{Fault, FaultCode, FaultDetail};
use super::names::QName;
use super::normalize::Normalization;
use super::reader::{Event, Kind, Reader};
use super::schema::{ElementId, Schema};
use super::validate::{Problem, Violation, ViolationKind, Visitor, malformed};
use super::{Limits, Position};

/// A version of SOAP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// 1.1
    #[default]
    Soap11,
    /// 1.2
    Soap12,
}

impl Version {
    /// The namespace of its envelope.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::Soap12 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    /// The version that a message claims by its root, for answers to what is not read any further:
    /// 1.1 unless it is 1.2.
    pub fn claimed_by(message: &[u8]) -> Self {
        let limits = Limits::default();
        let Ok(mut reader) = Reader::new(message, &limits) else { return Self::Soap11 };
        match reader.next() {
            Ok(Event::Start(root)) if root.name.namespace == Self::Soap12.namespace() => Self::Soap12,
            _ => Self::Soap11,
        }
    }

    /// The media type that its messages are sent as.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }
}

/// What an envelope may hold.
#[derive(Clone, Copy)]
pub struct EnvelopeReader<'s> {
    /// Where the elements are declared.
    pub schema: &'s Schema,
    /// The caps.
    pub limits: &'s Limits,
    /// Header blocks that are understood, and validated.
    pub headers: &'s [ElementId],
    /// The elements of which the body holds one.
    pub bodies: &'s [ElementId],
}

/// What an envelope held, beside what the visitors saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its version.
    pub version: Version,
    /// The element in its body.
    pub body: ElementId,
    /// The bytes of the input that are its Header, from its `<` to the `>` of its end.
    pub header: Option<Range<usize>>,
}

/// A part of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopePart {
    /// Neither of the others.
    Envelope,
    /// The header.
    Header,
    /// The body.
    Body,
}

/// Why an envelope was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeError {
    /// The version as far as it is known.
    pub version: Version,
    /// In which part.
    pub part: EnvelopePart,
    /// The kind of fault that it is.
    pub code: FaultCode,
    /// What is wrong.
    pub violation: Box<Violation>,
    /// The header block that must be understood and is not.
    pub not_understood: Option<Box<QName>>,
}

impl EnvelopeError {
    /// The fault to answer with.
    pub fn fault(&self) -> Fault {
        let Violation { path, position, .. } = &*self.violation;
        let reason = match &self.not_understood {
            Some(name) => format!("{path}, {position}: the header block `{name}` must be understood, and is not"),
            None => self.violation.to_string(),
        };
        // SOAP 1.1, 4.4: a detail never tells about header blocks.
        let detail = (self.part != EnvelopePart::Header).then(|| {
            let [expected, found] = [&self.violation.expected, &self.violation.found].map(ToString::to_string);
            Box::new(FaultDetail { path: path.clone(), position: *position, expected, found })
        });
        Fault { detail, not_understood: self.not_understood.clone(), ..Fault::new(self.version, self.code, reason) }
    }
}

impl EnvelopeReader<'_> {
    /// Reads an envelope in one pass: header blocks, then exactly one element in the body. The
    /// visitors see them while they are read; what they saw counts only if all of it was accepted.
    pub fn read(
        &self,
        input: &[u8],
        normal: &Normalization<'_>,
        header: &mut dyn Visitor,
        body: &mut dyn Visitor,
    ) -> Result<Opened, EnvelopeError> {
        let options = normal.reader_options(Position::START);
        let mut pass = Pass::new(self, normal);
        let mut visitors = Visitors { header, body };
        let mut reader = Reader::with(input, self.limits, options)
            .map_err(|error| pass.refuse(FaultCode::Client, malformed(None, error)))?;
        loop {
            let step = match reader.advance(pass.blanks()) {
                Kind::Start => pass.start(&reader.start(), &reader.place(), &mut visitors),
                Kind::Text => pass.text(reader.run(), &reader.place(), &mut visitors),
                Kind::End => pass.end(reader.name(), &reader.place(), &mut visitors),
                Kind::Eof => break,
                Kind::Failed => return Err(pass.refuse(FaultCode::Client, malformed(Some(&reader), reader.error()))),
            };
            step.map_err(|(code, problem)| pass.refuse(code, problem.at(&reader)))?;
            pass.mark_header(&reader);
        }
        normal.note_reader(&reader);
        let before_text = input.len().saturating_sub(reader.input().len());
        let header = pass.header.clone().map(|bytes| bytes.start + before_text..bytes.end + before_text);
        let nothing = || Problem::here(ViolationKind::Missing { element: "Body".to_owned() }, "Body", "nothing");
        let body = pass.body.ok_or_else(|| pass.refuse(FaultCode::Client, nothing().at(&reader)))?;
        Ok(Opened { version: pass.version, body, header })
    }
}

#[cfg(test)]
mod tests;
