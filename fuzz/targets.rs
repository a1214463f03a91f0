//! What is thrown at the parsers, and what must hold whatever it is. Shared by the fuzz targets
//! (cargo-fuzz, by hand) and by `tests/it/fuzz.rs` (a minute in the test command).

#![allow(dead_code, reason = "each fuzz target takes one of these")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use lango::mminterface::{
    Acknowledgement, CallbackKind, DocumentKind, Interfaces, RequestDocument, Tolerances, in_utf8,
    write_request_document,
};
use lango::soap::{Limits, Normalization, Position, Reader, Root, Schema, Wsdl, validate};

static INTERFACES: LazyLock<Interfaces> =
    LazyLock::new(|| Interfaces::bundled().unwrap_or_else(|errors| panic!("{errors:?}")));

/// A request as it comes to a door, whatever its encoding.
pub fn envelope(data: &[u8]) {
    for tolerances in [Tolerances::strict(), Tolerances::default()] {
        let Ok(body) = in_utf8(None, data, tolerances) else { continue };
        let body: Cow<'_, [u8]> = body.value;
        let _ = INTERFACES.read_query(&body, tolerances);
        let _ = INTERFACES.read_feed(&body, tolerances);
        if let Ok(read) = INTERFACES.read_request(&body, tolerances) {
            let request = read.value;
            assert!(request.header_range.clone().is_none_or(|range| body.get(range).is_some()), "no part of the body");
            inner(&request.document, request.document_position, tolerances);
        }
    }
    let _ = INTERFACES.read_handset(data);
}

/// What a third party's server answers to a callback or a validation. Patience never changes the meaning of
/// what the schemas allow, and strictness never uses it.
pub fn acknowledgement(data: &[u8]) {
    for kind in [CallbackKind::Result, CallbackKind::Timeout, CallbackKind::Validation, CallbackKind::Confirmation] {
        let strict = INTERFACES.read_acknowledgement(kind, data, Tolerances::strict());
        let patient = INTERFACES.read_acknowledgement(kind, data, Tolerances::default());
        assert!(strict.tolerances.is_empty(), "strict, and {:?}", strict.tolerances);
        assert!(strict == patient || strict.value == Acknowledgement::Unreadable, "{strict:?}, {patient:?}");
    }
    let strict = INTERFACES.read_verdict(data, Tolerances::strict());
    let patient = INTERFACES.read_verdict(data, Tolerances::default());
    assert!(strict.is_none() || strict == patient, "{strict:?}, {patient:?}");
}

/// The document inside a request.
pub fn document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for tolerances in [Tolerances::strict(), Tolerances::default()] {
        inner(text, Position::START, tolerances);
    }
}

fn inner(text: &str, base: Position, tolerances: Tolerances) {
    let _ = INTERFACES.read_document(DocumentKind::RegisterUrl, text, base, tolerances);
    let Ok(read) = INTERFACES.read_document(DocumentKind::Request, text, base, tolerances) else { return };
    assert!(tolerances != Tolerances::strict() || read.tolerances.is_empty(), "strict, and {:?}", read.tolerances);
    let patient = INTERFACES.read_document(DocumentKind::Request, text, base, Tolerances::default());
    assert!(patient.is_ok(), "patience refuses what strictness takes");
    again(&read.value, tolerances);
}

/// What was read and is written is read as the same, or not at all: an element that must be there and
/// was empty is not written.
fn again(document: &RequestDocument, tolerances: Tolerances) {
    let written = write_request_document(document);
    if let Ok(read) = INTERFACES.read_document(DocumentKind::Request, &written, Position::START, tolerances) {
        assert!(read.value == *document, "{written}");
    }
}

/// A schema or a WSDL of an operator's, beside the bundled ones.
pub fn schema(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let files = BTreeMap::from([("fuzzed.xsd".to_owned(), text.to_owned())]);
    match Schema::compile(&["fuzzed.xsd"], &files) {
        Ok(schema) => {
            judge(&schema, b"<a xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='b'>1<b/></a>")
        }
        Err(errors) => assert!(!errors.is_empty(), "refused without a word"),
    }
    if let Err(errors) = Wsdl::compile("fuzzed.xsd", &files) {
        assert!(!errors.is_empty(), "refused without a word");
    }
}

/// A pattern facet, and on the next lines a text for it.
pub fn pattern(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (pattern, value) = text.split_once('\n').unwrap_or((text, ""));
    let quoted = escaped(pattern);
    let xsd = format!(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'><xs:element name='v'><xs:simpleType>\
         <xs:restriction base='xs:string'><xs:pattern value='{quoted}'/></xs:restriction>\
         </xs:simpleType></xs:element></xs:schema>"
    );
    if let Ok(schema) = Schema::compile(&["p.xsd"], &[("p.xsd", xsd.as_str())]) {
        judge(&schema, format!("<v>{}</v>", escaped(value)).as_bytes());
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&apos;")
}

/// Twice the same verdict.
fn judge(schema: &Schema, document: &[u8]) {
    let verdict = || -> Result<(), String> {
        let mut reader = Reader::new(document, &Limits::default()).map_err(|error| error.to_string())?;
        let normal = Normalization::strict();
        validate(schema, &mut reader, Root::AnyGlobal, &normal, &mut ()).map_err(|error| error.to_string())
    };
    assert_eq!(verdict(), verdict());
}
