//! The SOAP envelope, 1.1 and 1.2.

use std::ops::Range;

use super::Limits;
use super::fault::{Fault, FaultCode};
use super::normalize::Normalization;
use super::schema::{ElementId, Schema};
use super::validate::{Violation, Visitor};

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
    pub violation: Violation,
}

impl EnvelopeError {
    /// The fault to answer with.
    pub fn fault(&self) -> Fault {
        Fault { version: self.version, code: self.code, reason: self.violation.to_string(), detail: None }
    }
}

impl EnvelopeReader<'_> {
    /// Reads an envelope in one pass.
    pub fn read(
        &self,
        _input: &[u8],
        _normal: &Normalization<'_>,
        _header: &mut dyn Visitor,
        _body: &mut dyn Visitor,
    ) -> Result<Opened, EnvelopeError> {
        unimplemented!()
    }
}
