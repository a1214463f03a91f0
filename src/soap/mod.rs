//! SOAP over strict XML: a pull reader, schemas compiled from WSDL 1.1 and XSD files, a streaming
//! validator with named tolerances, the envelope and faults. It serves any SOAP service.
//!
//! It is no general XML toolkit: no DTD, no external entity, no document tree of what came over the
//! wire. It knows mechanisms, not M-Pesa: names of tolerances and of elements are its caller's.
//!
//! Invariants: what is not well formed is refused whatever the XML library lets pass; a schema that
//! says anything which is not implemented is refused as a whole; no input can make it panic, and
//! its time and memory grow linearly with the input.

mod characters;
mod encoding;
mod envelope;
mod escape;
mod fault;
mod kept;
mod names;
mod normalize;
mod position;
mod reader;
mod schema;
mod validate;

pub use crate::config::Xml as Limits;
pub use encoding::{Utf8, to_utf8};
pub use envelope::{EnvelopeError, EnvelopePart, EnvelopeReader, Opened, Version};
pub use escape::{escape_attribute, escape_text, write_cdata};
pub use fault::{Fault, FaultCode, FaultDetail};
pub use names::{Name, QName};
pub use normalize::{Mechanism, Normalization, RuleSet, Rules};
pub use position::{Place, Position};
pub use reader::{Attribute, Event, Reader, ReaderOptions, Start, XmlError, XmlReason};
pub use schema::{ElementId, Files, Operation, Port, Schema, SchemaError, SchemaReason, Service, Wsdl};
pub use validate::{Root, Violation, ViolationKind, Visitor, validate};
