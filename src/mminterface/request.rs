//! Reading the envelope of a GenericAPIRequest: who says that they call, and the text of
//! `RequestMsg`, which is a document of its own and is read by [`request_document`] or
//! [`register_url`](super::register_url).

use crate::soap::{
    ElementId, EnvelopeReader, Limits, Name, Normalization, Place, Position, Reader, Root, Schema, Visitor, validate,
};

use super::collector::Collector;
use super::document::{CallerHeader, GenericRequest, RequestDocument};
use super::failure::{DocumentFailure, ReadFailure};
use super::lenient::is_padding;
use super::tolerances::{ENVELOPE_WHITESPACE, HEADER_WITHOUT_WRAPPER, INNER_WHITESPACE};

/// Something read, and the names of the tolerances that it needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// What was read.
    pub value: T,
    /// The names of the tolerances, in the order of their table.
    pub tolerances: Vec<&'static str>,
}

/// Reads the envelope.
pub(super) fn generic_request(
    envelope: &EnvelopeReader<'_>,
    body: &[u8],
    normal: &Normalization<'_>,
) -> Result<Read<GenericRequest>, ReadFailure> {
    let mut header = HeaderVisitor::new(envelope, normal);
    let mut message = MessageVisitor { position: Position::START, document: String::new() };
    let opened =
        envelope.read(body, normal, &mut header, &mut message).map_err(|error| ReadFailure::from_envelope(&error))?;
    let value = GenericRequest {
        header: header.finish(),
        document: message.document,
        document_position: message.position,
        header_range: opened.header,
        version: opened.version,
    };
    Ok(Read { value, tolerances: normal.used() })
}

/// Reads an inner document, which begins at `base` of the outer message, against its schema.
pub(super) fn request_document(
    schema: &Schema,
    root: ElementId,
    limits: &Limits,
    text: &str,
    base: Position,
    normal: &Normalization<'_>,
) -> Result<Read<RequestDocument>, DocumentFailure> {
    let mut reader = document_reader(limits, text, base, normal)?;
    let mut collector = Collector::default();
    validate(schema, &mut reader, Root::Element(root), normal, &mut collector)
        .map_err(|violation| DocumentFailure::from_violation(&violation))?;
    let (value, not_a_number) = collector.finish();
    if let Some(element) = not_a_number {
        return Err(DocumentFailure::element(element, format!("{element}: not a number that any code has")));
    }
    if value.command_id.is_empty() {
        return Err(DocumentFailure::command("Transaction/CommandID is empty"));
    }
    if value.encrypted_parameters.is_some() && value.parameters.is_empty() {
        let reason = "Transaction/EncryptedParameters without Parameters: no cipher is agreed";
        return Err(DocumentFailure::element("EncryptedParameters", reason));
    }
    Ok(Read { value, tolerances: normal.used() })
}

/// A reader of an inner document, after what may stand before it.
pub(super) fn document_reader<'t>(
    limits: &Limits,
    text: &'t str,
    base: Position,
    normal: &Normalization<'_>,
) -> Result<Reader<'t>, DocumentFailure> {
    let (text, base) = without_padding(text, base, normal);
    Reader::of_text(text, limits, normal.reader_options(base))
        .map_err(|error| DocumentFailure::structure(error.to_string()))
}

/// White space around a document is XML's, unless a declaration follows it or it is no white space
/// to XML.
fn without_padding<'t>(text: &'t str, base: Position, normal: &Normalization<'_>) -> (&'t str, Position) {
    let from_start = text.trim_start_matches(is_padding);
    let leading = text.strip_suffix(from_start).unwrap_or_default();
    let document = from_start.trim_end_matches(is_padding);
    let trailing = from_start.strip_prefix(document).unwrap_or_default();
    let is_foreign = |padding: &str| !padding.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let declared_late = !leading.is_empty() && document.starts_with("<?xml");
    let needed = declared_late || is_foreign(leading) || is_foreign(trailing);
    if needed && normal.apply(INNER_WHITESPACE) { (document, base.after(leading)) } else { (text, base) }
}

/// The text without the white space around it, if the tolerance of this name is on.
pub(super) fn trimmed<'t>(text: &'t str, normal: &Normalization<'_>, tolerance: &str) -> &'t str {
    let trimmed = text.trim_matches(is_padding);
    if trimmed.len() < text.len() && normal.apply(tolerance) { trimmed } else { text }
}

/// Takes the caller's fields out of the SOAP header.
pub(super) struct HeaderVisitor<'n> {
    envelope: &'n EnvelopeReader<'n>,
    normal: &'n Normalization<'n>,
    depth: usize,
    wrapped: bool,
    header: CallerHeader,
}

impl Visitor for HeaderVisitor<'_> {
    fn open(&mut self, name: &Name<'_>) {
        if self.depth == 0 {
            // Blocks that are not declared pass by here, too.
            let EnvelopeReader { schema, headers, .. } = self.envelope;
            self.wrapped = headers.iter().any(|&header| schema.element_name(header) == *name);
        }
        self.depth += 1;
    }

    fn close(&mut self, name: &Name<'_>, text: &str) {
        self.depth = self.depth.saturating_sub(1);
        let is_callers = matches!(name.local, "spId" | "spPassword" | "serviceId" | "timeStamp");
        let stands_well = match self.depth {
            0 => is_callers && self.normal.apply(HEADER_WITHOUT_WRAPPER),
            1 => self.wrapped,
            _ => false,
        };
        if is_callers && stands_well {
            self.field(name.local, text);
        }
    }
}

impl<'n> HeaderVisitor<'n> {
    pub(super) fn new(envelope: &'n EnvelopeReader<'n>, normal: &'n Normalization<'n>) -> Self {
        Self { envelope, normal, depth: 0, wrapped: false, header: CallerHeader::default() }
    }

    pub(super) fn finish(self) -> CallerHeader {
        self.header
    }

    fn field(&mut self, local: &str, text: &str) {
        // The digest was made over the time stamp as it stands here.
        let text = if local == "timeStamp" { text } else { trimmed(text, self.normal, ENVELOPE_WHITESPACE) };
        let some = (!text.is_empty()).then(|| text.to_owned());
        match local {
            "spId" => self.header.sp_id = some.unwrap_or_default(),
            "spPassword" => self.header.sp_password = some,
            "serviceId" => self.header.service_id = some,
            _ => self.header.time_stamp = some,
        }
    }
}

/// Takes the text out of `RequestMsg`.
struct MessageVisitor {
    position: Position,
    document: String,
}

impl Visitor for MessageVisitor {
    fn open(&mut self, _name: &Name<'_>) {}

    fn close(&mut self, _name: &Name<'_>, text: &str) {
        text.clone_into(&mut self.document);
    }

    fn text_begins(&mut self, place: &Place<'_>) {
        self.position = place.position();
    }
}
