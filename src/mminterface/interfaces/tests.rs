//! What real clients send, read whole. Each sample has the shape of one kind of client's messages.

mod handsets;
mod registrations;

use proptest::prelude::*;

use super::*;
use crate::mminterface::tolerances::TABLE;
use crate::mminterface::{
    Caller, CallerHeader, InitiatorFields, PartyFields, write_request_document, write_request_envelope,
};

const AS_THE_SCHEMA_SAYS: &str = include_str!("../samples/as_the_schema_says.xml");
const REGISTER_URL: &str = include_str!("../samples/register_url_specification.xml");
const REGISTER_URL_MINIMAL: &str = include_str!("../samples/register_url_minimal.xml");

/// Every sample of a command, with the tolerances that it needs: those of the envelope, those of the
/// document.
const SAMPLES: [(&str, &str, &[&str], &[&str]); 10] = [
    ("as the schema says", AS_THE_SCHEMA_SAYS, &[], &[]),
    ("escaped by a SOAP library", include_str!("../samples/python_escaped.xml"), &[], &[]),
    (
        "PHP, with a capital R",
        include_str!("../samples/php_capital_request.xml"),
        &["header-namespace-osg", "header-order"],
        &["root-capital-request"],
    ),
    (
        "Java, with an unqualified header",
        include_str!("../samples/java_unqualified_header.xml"),
        &["header-namespace-osg", "header-children-unqualified"],
        &[],
    ),
    (
        "Node, without a header block",
        include_str!("../samples/node_header_without_wrapper.xml"),
        &["header-without-wrapper", "message-namespace"],
        &[],
    ),
    (
        "the specification's second example",
        include_str!("../samples/specification_second_example.xml"),
        &["header-unknown-elements"],
        &["primarty-party"],
    ),
    (
        "a company with an order of its own",
        include_str!("../samples/company_own_order.xml"),
        &["header-order"],
        &["element-order"],
    ),
    (
        "padded everywhere",
        include_str!("../samples/padded_everywhere.xml"),
        &["header-namespace-osg", "envelope-whitespace"],
        &["encoding-label", "inner-whitespace", "value-whitespace"],
    ),
    (
        "copied from a page",
        include_str!("../samples/copied_from_a_page.xml"),
        &["header-namespace-osg", "envelope-stray-text"],
        &["unknown-elements", "stray-text"],
    ),
    ("left open", include_str!("../samples/left_open.xml"), &["envelope-left-open"], &[]),
];

fn interfaces() -> Interfaces {
    Interfaces::bundled().unwrap_or_else(|errors| panic!("{}", errors[0]))
}

type Whole = (Read<GenericRequest>, Read<RequestDocument>);

fn read(message: &str, kind: DocumentKind, tolerances: Tolerances) -> Result<Whole, ReadFailure> {
    let interfaces = interfaces();
    let request = interfaces.read_request(message.as_bytes(), tolerances)?;
    let document =
        interfaces.read_document(kind, &request.value.document, request.value.document_position, tolerances)?;
    Ok((request, document))
}

fn read_command(message: &str) -> Result<Whole, ReadFailure> {
    read(message, DocumentKind::Request, Tolerances::default())
}

fn refusal(message: &str) -> (&'static str, String, String) {
    match read_command(message) {
        Err(ReadFailure::Refused { code, description, reason }) => (code, description, reason),
        other => panic!("not refused: {other:?}"),
    }
}

fn changed(from: &str, to: &str) -> String {
    assert!(AS_THE_SCHEMA_SAYS.contains(from), "the sample has no {from}");
    AS_THE_SCHEMA_SAYS.replace(from, to)
}

#[test]
fn every_kind_of_clients_message_is_read_with_the_tolerances_that_it_needs() {
    for (client, message, envelope, document) in SAMPLES {
        let (request, command) = read_command(message).unwrap_or_else(|failure| panic!("{client}: {failure:?}"));
        assert_eq!(request.tolerances, envelope, "{client}");
        assert_eq!(command.tolerances, document, "{client}");
        let header = request.value.header;
        assert_eq!((header.sp_id.as_str(), header.service_id.as_deref()), ("107031", Some("107031000")), "{client}");
        assert_eq!(header.sp_password.as_deref(), Some("ZGlnZXN0"), "{client}");
        assert!(header.time_stamp.is_some(), "{client}");
        let command = command.value;
        assert_eq!(command.command_id, "BusinessPayment", "{client}");
        assert_eq!(command.originator_conversation_id, "600000_Duka_1", "{client}");
        assert_eq!(command.conversation_id, None, "{client}");
        assert_eq!(command.parameters[0].0, "Amount", "{client}");
        assert!(command.parameters[0].1.starts_with("100"), "{client}");
        let initiator = command.initiator.expect(client);
        assert_eq!((initiator.identifier_type, initiator.identifier.as_str()), (11, "dukaapi"), "{client}");
        assert_eq!(initiator.security_credential, "Y3JlZGVudGlhbA==", "{client}");
        assert_eq!(command.primary_party.expect(client).identifier, "600000", "{client}");
        let receiver = command.receiver_party.expect(client);
        assert_eq!((receiver.identifier_type, receiver.identifier.as_str()), (1, "254722000000"), "{client}");
        assert!(command.caller.result_url.expect(client).starts_with("http://10.66.49.201:"), "{client}");
    }
}

#[test]
fn a_tolerance_that_is_switched_off_lets_nothing_through() {
    for (client, message, envelope, document) in SAMPLES {
        let tolerant = read_command(message).ok();
        for name in envelope.iter().chain(document) {
            let without = read(message, DocumentKind::Request, Tolerances::default().without(name)).ok();
            let values = |whole: Option<Whole>| whole.map(|(request, command)| (request.value, command.value));
            assert_ne!(values(without), values(tolerant.clone()), "{client} without {name}");
        }
    }
}

#[test]
fn every_tolerance_of_the_table_is_needed_by_some_sample() {
    // These have tests of their own.
    let elsewhere = [
        "content-type",
        "charset-parameter",
        "raw-digest",
        "envelope-namespace",
        "envelope-unqualified",
        "message-as-elements",
        "query-transcation",
        "query-namespaces",
        "document-unqualified",
        "register-url-free-form",
        "response-type-words",
        "answer-misspelled-id",
        "answer-free-form",
        "acknowledgement-free-form",
    ];
    for row in TABLE {
        let is_needed = SAMPLES
            .iter()
            .any(|(_, _, envelope, document)| envelope.contains(&row.name) || document.contains(&row.name));
        assert!(is_needed || elsewhere.contains(&row.name), "{}", row.name);
    }
}

#[test]
fn a_document_without_its_namespace_is_read() {
    let message = changed(r#"<request xmlns="http://api-v1.gen.mm.vodafone.com/mminterface/request">"#, "<request>");
    let (_, command) = read_command(&message).unwrap();
    assert_eq!(command.tolerances, ["document-unqualified"]);
    assert!(read(&message, DocumentKind::Request, Tolerances::strict()).is_err());
}

#[test]
fn what_the_schema_allows_needs_no_tolerance() {
    for (_, message, envelope, document) in SAMPLES {
        let strict = read(message, DocumentKind::Request, Tolerances::strict());
        assert_eq!(
            strict.is_ok_and(|(request, _)| !request.value.header.sp_id.is_empty()),
            envelope.is_empty() && document.is_empty()
        );
    }
}

#[test]
fn a_whole_document_is_read_to_its_last_field() {
    let (_, command) = read_command(AS_THE_SCHEMA_SAYS).unwrap();
    assert_eq!(
        command.value,
        RequestDocument {
            command_id: "BusinessPayment".into(),
            language_code: Some("0".into()),
            originator_conversation_id: "600000_Duka_1".into(),
            conversation_id: None,
            remark: Some("wages".into()),
            parameters: vec![("Amount".into(), "100.00".into())],
            reference_data: vec![
                ("QueueTimeoutURL".into(), "http://10.66.49.201:8888/timeout".into()),
                ("Occasion".into(), "November".into()),
            ],
            encrypted_parameters: None,
            timestamp: Some("2026-11-23T15:44:01.0000521Z".into()),
            caller: Caller {
                caller_type: "2".into(),
                third_party_id: Some("broker_4".into()),
                password: Some("secret".into()),
                check_sum: Some("null".into()),
                result_url: Some("http://10.66.49.201:8888/result".into()),
            },
            initiator: Some(InitiatorFields {
                identifier_type: 11,
                identifier: "dukaapi".into(),
                security_credential: "Y3JlZGVudGlhbA==".into(),
                short_code: Some("600000".into()),
            }),
            primary_party: Some(PartyFields { identifier_type: 4, identifier: "600000".into(), short_code: None }),
            receiver_party: Some(PartyFields {
                identifier_type: 1,
                identifier: "254722000000".into(),
                short_code: None,
            }),
            key_owner: Some(1),
        }
    );
}

#[test]
fn what_a_client_writes_is_read_strictly() {
    let (request, command) = read_command(AS_THE_SCHEMA_SAYS).unwrap();
    let mut document = command.value;
    document.remark = Some("a < b ]]> c & d".into());
    let written = write_request_envelope(&request.value.header, &write_request_document(&document));
    let (again, same) = read(&written, DocumentKind::Request, Tolerances::strict()).unwrap();
    assert_eq!(again.value.header, request.value.header);
    assert_eq!(same.value, document);
}

#[test]
fn a_flawed_document_is_refused_with_its_code() {
    let long = |length: usize| "x".repeat(length);
    let rows = [
        (
            "a mandatory element missing",
            changed("<KeyOwner>1</KeyOwner>", ""),
            "23",
            "The request message structure is invalid.",
        ),
        ("tags that do not match", changed("</Transaction>", ""), "23", "The request message structure is invalid."),
        (
            "another root",
            changed("<request", "<demand").replace("</request", "</demand"),
            "23",
            "The request message structure is invalid.",
        ),
        (
            "no document",
            changed("<request xmlns", "<!-- --").split("-- -").next().unwrap().to_owned()
                + "]]></req:RequestMsg></soapenv:Body></soapenv:Envelope>",
            "23",
            "The request message structure is invalid.",
        ),
        (
            "no command",
            changed("<CommandID>BusinessPayment</CommandID>", ""),
            "23",
            "The request message structure is invalid.",
        ),
        ("an empty command", changed("BusinessPayment", ""), "1002", "The CommandID is invalid."),
        ("a blank command", changed("BusinessPayment", " \n"), "1002", "The CommandID is invalid."),
        ("a long command", changed("BusinessPayment", &long(65)), "1002", "The CommandID is invalid."),
        (
            "a type that is no number",
            changed("<IdentifierType>11<", "<IdentifierType>eleven<"),
            "1005",
            "The element IdentifierType is invalid.",
        ),
        (
            "a type beyond all types",
            changed("<IdentifierType>11<", "<IdentifierType>99999999999<"),
            "1005",
            "The element IdentifierType is invalid.",
        ),
        (
            "an empty type",
            changed("<IdentifierType>11<", "<IdentifierType><"),
            "1005",
            "The element IdentifierType is invalid.",
        ),
        (
            "a key owner that is no number",
            changed("<KeyOwner>1<", "<KeyOwner>me<"),
            "1005",
            "The element KeyOwner is invalid.",
        ),
        ("a long id", changed("600000_Duka_1", &long(129)), "1005", "The element OriginatorConversationID is invalid."),
        ("an empty id", changed("600000_Duka_1", ""), "1005", "The element OriginatorConversationID is invalid."),
        ("a long remark", changed("wages", &long(256)), "1005", "The element Remark is invalid."),
        (
            "only encrypted parameters",
            changed(
                "<Parameters><Parameter><Key>Amount</Key><Value>100.00</Value></Parameter></Parameters>",
                "<EncryptedParameters>YQ==</EncryptedParameters>",
            ),
            "1005",
            "The element EncryptedParameters is invalid.",
        ),
    ];
    for (flaw, message, code, description) in rows {
        let (actual, words, reason) = refusal(&message);
        assert_eq!((actual, words.as_str()), (code, description), "{flaw}: {reason}");
        assert!(!reason.is_empty(), "{flaw}");
    }
}

#[test]
fn lengths_are_allowed_up_to_their_limits() {
    for message in [
        changed("BusinessPayment", &"x".repeat(64)),
        changed("600000_Duka_1", &"x".repeat(128)),
        changed("wages", &"x".repeat(255)),
    ] {
        assert!(read_command(&message).is_ok());
    }
}

#[test]
fn a_strict_third_party_is_told_which_element_does_not_belong() {
    let message = changed("<CommandID>", "<Requester>1</Requester><CommandID>");
    match read(&message, DocumentKind::Request, Tolerances::strict()) {
        Err(ReadFailure::Refused { code: "1005", description, .. }) => {
            assert_eq!(description, "The element Requester is invalid.");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_private_reason_names_path_and_line_of_the_outer_message() {
    let flawed = changed("<IdentifierType>11<", "<IdentifierType>eleven<");
    for message in [
        flawed.clone(),
        format!("\n\n\n{flawed}"),
        format!("<!-- é -->\n{flawed}"),
        flawed.replace("<![CDATA[", "\n  <![CDATA[\n\u{A0}\n"),
    ] {
        let line = message.lines().position(|line| line.contains("eleven")).unwrap() + 1;
        let (_, _, reason) = refusal(&message);
        assert!(reason.contains("Identity/Initiator/IdentifierType"), "{reason}");
        assert!(reason.contains(&format!("line {line},")), "{reason}, not line {line}");
    }
}

#[test]
fn the_time_stamp_stays_as_the_digest_was_made_over_it() {
    let message = changed("20261123154401</tns:timeStamp>", " 2026-11-23 </tns:timeStamp>");
    let (request, _) = read_command(&message).unwrap();
    assert_eq!(request.value.header.time_stamp.as_deref(), Some(" 2026-11-23 "));
}

#[test]
fn what_is_no_envelope_is_a_fault() {
    for message in [
        "",
        "hello",
        "<a/>",
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"/>",
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body/></soapenv:Envelope>",
        &changed("req:RequestMsg>", "req:OtherMsg>"),
        &format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{AS_THE_SCHEMA_SAYS}"),
        &changed("</soapenv:Body>", "</soapenv:Bodx>"),
    ] {
        assert!(matches!(read_command(message), Err(ReadFailure::Fault(_))), "{message}");
    }
}

#[test]
fn a_header_without_sp_id_is_refused_with_the_brokers_code() {
    let (code, description, _) = refusal(&changed("<tns:spId>107031</tns:spId>", ""));
    assert_eq!((code, description.as_str()), ("100000014", "Missing mandatory parameter:spId"));
}

#[test]
fn a_message_without_header_names_nobody() {
    let start = AS_THE_SCHEMA_SAYS.find("<soapenv:Header>").unwrap();
    let end = AS_THE_SCHEMA_SAYS.find("<soapenv:Body>").unwrap();
    let message = format!("{}{}", &AS_THE_SCHEMA_SAYS[..start], &AS_THE_SCHEMA_SAYS[end..]);
    let (request, _) = read_command(&message).unwrap();
    assert_eq!(request.value.header, CallerHeader::default());
    assert_eq!(request.value.without_header(message.as_bytes()), message.as_bytes());
}

#[test]
fn the_original_is_kept_but_for_its_header() {
    for (client, message, ..) in SAMPLES {
        let (request, command) = read_command(message).unwrap();
        let original = String::from_utf8(request.value.without_header(message.as_bytes())).unwrap();
        assert!(!original.contains("spId") && !original.contains("Header"), "{client}: {original}");
        let (again, same) = read_command(&original).unwrap();
        assert_eq!(again.value.header, CallerHeader::default(), "{client}");
        assert_eq!(same.value, command.value, "{client}");
    }
}

#[test]
fn an_operators_file_takes_the_place_of_a_bundled_one() {
    let name = "CPSInterface_Request.xsd";
    let bundled = interfaces().wsdl(name).unwrap().to_owned();
    let longer = bundled.replace(r#"<xsd:maxLength value="255"/>"#, r#"<xsd:maxLength value="300"/>"#);
    let replaced = Interfaces::with_files([(name.to_owned(), longer)].into(), Limits::default()).unwrap();
    let message = changed("wages", &"x".repeat(300));
    let request = replaced.read_request(message.as_bytes(), Tolerances::strict()).unwrap().value;
    let base = request.document_position;
    assert!(replaced.read_document(DocumentKind::Request, &request.document, base, Tolerances::strict()).is_ok());
    assert!(interfaces().read_document(DocumentKind::Request, &request.document, base, Tolerances::strict()).is_err());
}

#[test]
fn a_flawed_operators_file_is_refused_with_its_name() {
    let rows = [
        ("CPSInterface_Request.xsd", "<xsd:schema"),
        ("CPSInterface_Request.xsd", "<xsd:schema xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"/>"),
        ("Handset.wsdl", "<wsdl:definitions xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\"/>"),
    ];
    for (name, text) in rows {
        let errors =
            Interfaces::with_files([(name.to_owned(), text.to_owned())].into(), Limits::default()).unwrap_err();
        assert!(errors.iter().any(|error| error.file == name), "{errors:?}");
    }
}

#[test]
fn every_bundled_description_compiles() {
    let files: BTreeMap<String, String> =
        BUNDLED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    for name in files.keys() {
        let errors = if name.ends_with(".wsdl") {
            Wsdl::compile(name, &files).err()
        } else {
            Schema::compile(&[name], &files).err()
        };
        assert!(errors.is_none(), "{errors:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let interfaces = interfaces();
        let _ = interfaces.read_request(&bytes, Tolerances::default());
        let _ = interfaces.read_handset(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        for kind in [DocumentKind::Request, DocumentKind::RegisterUrl] {
            let _ = interfaces.read_document(kind, &text, Position::START, Tolerances::default());
        }
    }

    #[test]
    fn no_cut_and_no_splice_makes_reading_panic(sample in 0..SAMPLES.len(), at in any::<prop::sample::Index>(), splice in "[<>&/a\"' \u{A0}\\]]{0,6}") {
        let (_, message, ..) = SAMPLES[sample];
        let at = message.floor_char_boundary(at.index(message.len()));
        let _ = read_command(&message[..at]);
        let _ = read_command(&format!("{}{splice}{}", &message[..at], &message[at..]));
    }
}
