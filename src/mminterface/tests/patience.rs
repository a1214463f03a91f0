//! Each tolerance lets through what it names, and nothing is let through without one.

use crate::mminterface::tolerances::TABLE;
use crate::mminterface::{DocumentKind, GenericRequest, Interfaces, Read, ReadFailure, RequestDocument, Tolerances};

const SAMPLE: &str = include_str!("../samples/as_the_schema_says.xml");
const REGISTER_URL: &str = include_str!("../samples/register_url_specification.xml");
const DOCUMENTATION: &str = include_str!("../../../docs/tolerances.md");

type Whole = (Read<GenericRequest>, Read<RequestDocument>);

fn read(message: &str, kind: DocumentKind, tolerances: Tolerances) -> Result<Whole, ReadFailure> {
    let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{}", errors[0]));
    let request = interfaces.read_request(message.as_bytes(), tolerances)?;
    let position = request.value.document_position;
    let document = interfaces.read_document(kind, &request.value.document, position, tolerances)?;
    Ok((request, document))
}

/// The message means what the sample means, by these tolerances of envelope and document alone.
fn means_the_same(message: &str, envelope: &[&str], document: &[&str]) {
    let (expected, expected_document) = read(SAMPLE, DocumentKind::Request, Tolerances::strict()).unwrap();
    let (request, command) =
        read(message, DocumentKind::Request, Tolerances::default()).unwrap_or_else(|failure| panic!("{failure:?}"));
    assert_eq!((request.tolerances.as_slice(), command.tolerances.as_slice()), (envelope, document));
    assert_eq!((request.value.header, command.value), (expected.value.header, expected_document.value));
    for name in envelope.iter().chain(document) {
        let without = read(message, DocumentKind::Request, Tolerances::default().without(name));
        assert!(without.is_err(), "without {name}");
    }
}

fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(SAMPLE.to_owned(), |message, (from, to)| {
        assert!(message.contains(from), "the sample has no {from}");
        message.replace(from, to)
    })
}

#[test]
fn every_tolerance_is_documented_as_it_is() {
    for row in TABLE {
        let default = if row.on { "on" } else { "off" };
        let counter = format!("`lango_tolerances_used_total{{name=\"{}\"}}`", row.name);
        let line = format!("| `{}` | {} | {} | {default} | {counter} |", row.name, row.accepts, row.seen);
        assert!(DOCUMENTATION.lines().any(|documented| documented == line), "docs/tolerances.md lacks:\n{line}");
    }
    let documented = DOCUMENTATION.lines().filter(|line| line.contains("lango_tolerances_used_total{"));
    assert_eq!(documented.count(), TABLE.len(), "docs/tolerances.md has a tolerance that is none");
}

#[test]
fn an_envelope_may_lack_the_slash_of_its_namespace() {
    let message = changed(&[("http://schemas.xmlsoap.org/soap/envelope/", "http://schemas.xmlsoap.org/soap/envelope")]);
    means_the_same(&message, &["envelope-namespace"], &[]);
}

#[test]
fn an_envelope_may_be_in_no_namespace() {
    let message = changed(&[
        (" xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"", ""),
        ("<soapenv:", "<"),
        ("</soapenv:", "</"),
    ]);
    means_the_same(&message, &["envelope-unqualified"], &[]);
}

#[test]
fn a_document_may_stand_in_its_place_as_elements() {
    let document = SAMPLE.split("<![CDATA[").nth(1).unwrap().split("]]>").next().unwrap();
    let bare = document.split_once("?>").map_or(document, |(_, bare)| bare);
    let cdata = format!("<![CDATA[{document}]]>");
    means_the_same(&changed(&[(&cdata, bare)]), &["message-as-elements"], &[]);
    // Prefixes that the envelope declares reach into it.
    let namespace = "xmlns=\"http://api-v1.gen.mm.vodafone.com/mminterface/request\"";
    let prefixed =
        bare.replace(namespace, "").replace("</", "</req:").replace("<", "<req:").replace("<req:/req:", "</req:");
    means_the_same(&changed(&[(&cdata, &prefixed)]), &["message-as-elements"], &[]);
}

#[test]
fn a_document_may_come_in_several_pieces_of_text() {
    let message = changed(&[("<CommandID>", "<Comm]]><![CDATA[andID>"), ("<KeyOwner>", "]]>&lt;KeyOwner><![CDATA[")]);
    means_the_same(&message, &[], &[]);
}

#[test]
fn a_registration_is_let_off_the_schema_by_name_only() {
    let (_, document) = read(REGISTER_URL, DocumentKind::RegisterUrl, Tolerances::default()).unwrap();
    assert!(document.tolerances.contains(&"register-url-free-form"), "{:?}", document.tolerances);
    let without = Tolerances::default().without("register-url-free-form");
    assert!(read(REGISTER_URL, DocumentKind::RegisterUrl, without).is_err());
    // One that fits the schema needs nobody's patience.
    let fits = changed(&[("BusinessPayment", "RegisterURL")]);
    let (_, document) = read(&fits, DocumentKind::RegisterUrl, Tolerances::strict()).unwrap();
    assert_eq!((document.value.command_id.as_str(), document.tolerances), ("RegisterURL", vec![]));
}
