use proptest::prelude::*;

use super::*;
use crate::soap::{Mechanism, Name, QName, Rules, XmlReason};

const XSD: &str = "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' targetNamespace='urn:t' elementFormDefault='qualified'>\
    <xs:element name='Head'><xs:complexType><xs:sequence><xs:element name='id' type='xs:string'/></xs:sequence></xs:complexType></xs:element>\
    <xs:element name='Ask' type='xs:string'/><xs:element name='Other' type='xs:string'/></xs:schema>";

const E11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const E12: &str = "http://www.w3.org/2003/05/soap-envelope";

#[derive(Default)]
struct Seen(Vec<String>);

impl Visitor for Seen {
    fn open(&mut self, _: &Name<'_>) {}

    fn close(&mut self, name: &Name<'_>, text: &str) {
        self.0.push(format!("{}={text}", name.local));
    }
}

type Read = Result<(Opened, Vec<String>, Vec<String>), EnvelopeError>;

fn read_with(input: &[u8], normal: &Normalization<'_>) -> Read {
    let schema = Schema::compile(&["t"], &[("t", XSD)]).unwrap();
    let id = |local| schema.element("urn:t", local).unwrap();
    let limits = Limits::default();
    let reader = EnvelopeReader { schema: &schema, limits: &limits, headers: &[id("Head")], bodies: &[id("Ask")] };
    let (mut header, mut body) = (Seen::default(), Seen::default());
    let opened = reader.read(input, normal, &mut header, &mut body)?;
    assert_eq!(schema.element_name(opened.body).to_owned(), QName::new("urn:t", "Ask"));
    Ok((opened, header.0, body.0))
}

fn read(input: &str) -> Read {
    read_with(input.as_bytes(), &Normalization::strict())
}

fn envelope(namespace: &str, content: &str) -> String {
    format!("<s:Envelope xmlns:s='{namespace}' xmlns:t='urn:t' xmlns:u='urn:u'>{content}</s:Envelope>")
}

const HEAD: &str = "<t:Head s:mustUnderstand='1'><t:id>7</t:id></t:Head>";
const BODY: &str = "<s:Body><t:Ask>x</t:Ask></s:Body>";

#[test]
fn both_versions_are_opened_in_one_pass() {
    for (namespace, version) in [(E11, Version::Soap11), (E12, Version::Soap12)] {
        let input = envelope(namespace, &format!("\n<s:Header>{HEAD}</s:Header>\n{BODY}\n"));
        let (opened, header, body) = read(&input).unwrap();
        assert_eq!(opened.version, version);
        assert_eq!((header, body), (vec!["id=7".to_owned(), "Head=".into()], vec!["Ask=x".to_owned()]));
        assert_eq!(&input[opened.header.unwrap()], format!("<s:Header>{HEAD}</s:Header>"));
    }
}

#[test]
fn a_header_may_be_absent_or_empty() {
    assert_eq!(read(&envelope(E11, BODY)).unwrap().0.header, None);
    let input = format!("\u{FEFF}{}", envelope(E11, &format!("<s:Header/>{BODY}")));
    assert_eq!(&input[read(&input).unwrap().0.header.unwrap()], "<s:Header/>");
}

#[test]
fn an_unknown_block_is_shown_unless_it_must_be_understood() {
    let with = |namespace: &str, attributes: &str| {
        read(&envelope(namespace, &format!("<s:Header><u:B {attributes}><u:c>1</u:c></u:B></s:Header>{BODY}")))
    };
    for attributes in ["", "s:mustUnderstand='0'", "s:mustUnderstand='1' s:actor='urn:somebody'"] {
        assert_eq!(with(E11, attributes).unwrap().1, ["c=1", "B="], "{attributes}");
    }
    for (namespace, attributes) in [
        (E11, "s:mustUnderstand='1'"),
        (E11, "s:mustUnderstand='1' s:actor='http://schemas.xmlsoap.org/soap/actor/next'"),
        (E12, "s:mustUnderstand='true'"),
        (E12, "s:mustUnderstand='true' s:role='http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver'"),
    ] {
        let error = with(namespace, attributes).unwrap_err();
        assert_eq!((error.code, error.part), (FaultCode::MustUnderstand, EnvelopePart::Header));
        let fault = error.fault();
        assert!(fault.reason.starts_with("Header/B, line 1, ") && fault.reason.contains("`{urn:u}B`"), "{fault:?}");
        assert_eq!((fault.not_understood, fault.detail), (Some(Box::new(QName::new("urn:u", "B"))), None));
    }
    assert_eq!(with(E11, "s:mustUnderstand='maybe'").unwrap_err().code, FaultCode::Client);
}

#[test]
fn another_namespace_is_a_version_mismatch() {
    let error = read(&envelope("urn:not-soap", BODY)).unwrap_err();
    assert_eq!(error.code, FaultCode::VersionMismatch);
    assert_eq!(read("<Envelope/>").unwrap_err().code, FaultCode::VersionMismatch);
    assert_eq!(read("<other/>").unwrap_err().code, FaultCode::Client);
}

#[test]
fn what_an_envelope_may_not_hold_is_refused() {
    let missing = |element: &str| ViolationKind::Missing { element: element.into() };
    let unexpected = |element: &str| ViolationKind::Unexpected { element: element.into() };
    let stray = |element: &str| ViolationKind::StrayText { element: element.into() };
    let cases = [
        ("".to_owned(), missing("Body"), EnvelopePart::Envelope),
        ("<s:Header/>".into(), missing("Body"), EnvelopePart::Envelope),
        ("<s:Body/>".into(), missing("Ask"), EnvelopePart::Body),
        (format!("{BODY}<s:Header/>"), unexpected("Header"), EnvelopePart::Envelope),
        (format!("{BODY}{BODY}"), unexpected("Body"), EnvelopePart::Envelope),
        (format!("<s:Header/><s:Header/>{BODY}"), unexpected("Header"), EnvelopePart::Envelope),
        (format!("<u:x/>{BODY}"), unexpected("x"), EnvelopePart::Envelope),
        (format!("<s:Header>{HEAD}{HEAD}</s:Header>{BODY}"), unexpected("Head"), EnvelopePart::Header),
        (format!("<s:Header><t:Head/></s:Header>{BODY}"), missing("id"), EnvelopePart::Header),
        ("<s:Body><t:Ask/><t:Ask/></s:Body>".into(), unexpected("Ask"), EnvelopePart::Body),
        ("<s:Body><t:Other/></s:Body>".into(), unexpected("Other"), EnvelopePart::Body),
        ("<s:Body><t:Ask><u:x/></t:Ask></s:Body>".into(), unexpected("x"), EnvelopePart::Body),
        ("<s:Body>x<t:Ask/></s:Body>".into(), stray("Body"), EnvelopePart::Body),
        (format!("x{BODY}"), stray("Envelope"), EnvelopePart::Envelope),
        (format!("<s:Header>x</s:Header>{BODY}"), stray("Header"), EnvelopePart::Header),
    ];
    for (content, kind, part) in cases {
        let error = read(&envelope(E11, &content)).unwrap_err();
        assert_eq!((&error.violation.kind, error.part, error.code), (&kind, part, FaultCode::Client), "{content}");
    }
    let path = read(&envelope(E11, "<s:Header><t:Head><t:x/></t:Head></s:Header>")).unwrap_err().violation.path;
    assert_eq!(path, "Header/Head/x");
    let error = read("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' x='1'/>").unwrap_err();
    assert!(matches!(error.violation.kind, ViolationKind::Attribute { .. }));
    let error = read("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>").unwrap_err();
    assert!(matches!(error.violation.kind, ViolationKind::Malformed(_)));
    assert!(matches!(
        read_with(b"\xFF", &Normalization::strict()).unwrap_err().violation.kind,
        ViolationKind::Malformed(_)
    ));
}

#[test]
fn a_fault_says_for_programs_what_its_reason_says_for_people() {
    let fault = read(&envelope(E11, "<s:Body>\n<t:Other/></s:Body>")).unwrap_err().fault();
    let detail = fault.detail.unwrap();
    assert_eq!((detail.path.as_str(), detail.position.line, detail.position.column), ("Body/Other", 2, 1));
    assert_eq!((detail.expected.as_str(), detail.found.as_str()), ("{urn:t}Ask", "{urn:t}Other"));
}

#[test]
fn a_message_claims_its_version_by_its_root() {
    for (namespace, version) in [(E11, Version::Soap11), (E12, Version::Soap12), ("urn:x", Version::Soap11)] {
        assert_eq!(Version::claimed_by(envelope(namespace, "<broken").as_bytes()), version);
    }
    assert_eq!(Version::claimed_by(b"\xFF"), Version::Soap11);
}

fn elements_as_text(content: &str) -> Result<String, EnvelopeError> {
    let mut rules = Rules::new();
    assert!(rules.add("elements", Mechanism::ElementsAsText));
    let normal = Normalization::new(&rules, rules.all());
    let input = envelope(E11, &format!("<s:Body><t:Ask>{content}</t:Ask></s:Body>"));
    let (_, _, body) = read_with(input.as_bytes(), &normal)?;
    assert!(read(&input).is_err());
    assert_eq!(normal.used(), ["elements"]);
    Ok(body.concat())
}

#[test]
fn elements_in_the_place_of_text_are_the_text_that_they_stand_for() {
    for (content, text) in [
        ("\n<t:a><t:b>1 &lt; 2</t:b>\n<t:c/></t:a>\n", "\n<a xmlns=\"urn:t\"><b>1 &lt; 2</b>\n<c></c></a>\n"),
        ("<a><u:b/></a>", "<a><b xmlns=\"urn:u\"></b></a>"),
        ("<u:a><b/></u:a>", "<a xmlns=\"urn:u\"><b xmlns=\"\"></b></a>"),
        (
            "<a b='&quot;1' u:c='2' xml:lang='en'/>",
            "<a b=\"&quot;1\" xmlns:a1=\"urn:u\" a1:c=\"2\" xml:lang=\"en\"></a>",
        ),
        ("<a><![CDATA[<x/>]]></a>", "<a>&lt;x/&gt;</a>"),
        ("x<a/>y", "x<a></a>y"),
    ] {
        assert_eq!(elements_as_text(content).unwrap(), format!("Ask={text}"));
    }
}

#[test]
fn elements_in_the_place_of_text_are_no_longer_than_text_may_be() {
    // Each element would repeat a long namespace: what is read stays within the cap all the same.
    let long = "u".repeat(1000);
    let content = format!("<a xmlns:l='{long}'>{}</a>", "<l:b/>".repeat(300));
    let error = elements_as_text(&content).unwrap_err();
    assert!(matches!(error.violation.kind, ViolationKind::Malformed(XmlReason::TooMuch { .. })));
    assert_eq!(error.violation.path, "Body/Ask/a/b");
}

#[test]
fn what_must_be_understood_is_heeded_under_a_tolerated_namespace() {
    let mut rules = Rules::new();
    assert!(rules.add("none", Mechanism::MapNamespace { from: "", to: E11 }));
    let input = "<Envelope><Header><B mustUnderstand='1'/></Header><Body><Ask xmlns='urn:t'>x</Ask></Body></Envelope>";
    let error = read_with(input.as_bytes(), &Normalization::new(&rules, rules.all())).unwrap_err();
    assert_eq!(error.code, FaultCode::MustUnderstand);
    let input = input.replace("mustUnderstand='1'", "");
    assert!(read_with(input.as_bytes(), &Normalization::new(&rules, rules.all())).is_ok());
}

#[test]
fn tolerances_reach_the_envelope_and_what_is_in_it() {
    let mut rules = Rules::new();
    assert!(rules.add("slash", Mechanism::MapNamespace { from: "http://schemas.xmlsoap.org/soap/envelope", to: E11 }));
    assert!(rules.add("header-namespace", Mechanism::MapNamespace { from: "urn:u", to: "urn:t" }));
    assert!(rules.add("open-end", Mechanism::RootLeftOpen));
    assert!(rules.add("unqualified", Mechanism::UnqualifiedChildren));
    let content = "<s:Header><u:Head><id>7</id></u:Head></s:Header><s:Body><u:Ask>x</u:Ask></s:Body>";
    let whole = envelope("http://schemas.xmlsoap.org/soap/envelope", content);
    let input = whole.strip_suffix("</s:Envelope>").unwrap();
    let normal = Normalization::new(&rules, rules.all());
    let (_, header, body) = read_with(input.as_bytes(), &normal).unwrap();
    assert_eq!((header.concat(), body.concat()), ("id=7Head=".to_owned(), "Ask=x".to_owned()));
    assert_eq!(normal.used(), ["slash", "header-namespace", "open-end", "unqualified"]);
    assert!(read(input).is_err());
}

proptest! {
    #[test]
    fn mutated_envelopes_never_panic(edits in proptest::collection::vec((any::<usize>(), any::<u8>(), 0_u8..3), 1..6)) {
        let mut input = envelope(E11, &format!("<s:Header>{HEAD}<u:B/></s:Header>{BODY}")).into_bytes();
        for (at, byte, kind) in edits {
            let at = at % input.len();
            match kind {
                0 => input[at] = byte,
                1 => { input.remove(at); }
                _ => input.insert(at, byte),
            }
        }
        if let Err(error) = read_with(&input, &Normalization::strict()) {
            // Whatever was wrong with it, the fault that says so is itself well formed.
            let fault = error.fault().to_xml();
            let limits = Limits::default();
            let mut reader = Reader::new(fault.as_bytes(), &limits).unwrap();
            while !matches!(reader.next().unwrap(), Event::Eof) {}
        }
    }
}
