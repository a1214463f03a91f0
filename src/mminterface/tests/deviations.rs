//! protocol.md row by row (sections 1.3, 1.4 and 8, what comes from third parties): each variant of a
//! request that was seen is taken as it is, by tolerances that have names, or refused on purpose. What
//! their servers answer (4.3) has its rows beside [`Interfaces::read_verdict`].

use crate::mminterface::{DocumentKind, Interfaces, RequestDocument, Tolerances};

const SAMPLE: &str = include_str!("../samples/as_the_schema_says.xml");
const CDATA: &str = "<req:RequestMsg><![CDATA[<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const INITIATOR: &str = "<Identifier>dukaapi</Identifier>";

/// One variant.
struct Row {
    what: &'static str,
    /// What of the sample is written how.
    changes: &'static [(&'static str, &'static str)],
    /// The tolerances that it needs, of the envelope and of the document; none if it is refused.
    needs: Option<&'static [&'static str]>,
}

const fn taken(what: &'static str, changes: &'static [(&'static str, &'static str)]) -> Row {
    Row { what, changes, needs: Some(&[]) }
}

const fn by(
    name: &'static [&'static str],
    what: &'static str,
    changes: &'static [(&'static str, &'static str)],
) -> Row {
    Row { what, changes, needs: Some(name) }
}

const fn refused(what: &'static str, changes: &'static [(&'static str, &'static str)]) -> Row {
    Row { what, changes, needs: None }
}

const ROWS: &[Row] = &[
    // The header: 1.3, 8.
    by(
        &["header-namespace-osg"],
        "the other namespace",
        &[("huawei.com.cn/schema/common", "huawei.com/schema/osg/common")],
    ),
    taken("any prefix", &[("tns:", "v2:"), ("xmlns:tns", "xmlns:v2")]),
    taken("a default namespace", &[("tns:", ""), ("xmlns:tns", "xmlns")]),
    by(&["header-children-unqualified"], "children in no namespace", &[("tns:spId", "spId")]),
    by(
        &["header-children-unqualified"],
        "without prefix",
        &[("tns:", ""), (" xmlns:tns=\"http://www.huawei.com.cn/schema/common/v2_1\"", "")],
    ),
    by(
        &["header-without-wrapper"],
        "no wrapper",
        &[
            ("<tns:RequestSOAPHeader xmlns:tns=\"http://www.huawei.com.cn/schema/common/v2_1\">", ""),
            ("</tns:RequestSOAPHeader>", ""),
            ("tns:", ""),
        ],
    ),
    by(
        &["header-order"],
        "timeStamp before serviceId",
        &[(
            "<tns:serviceId>107031000</tns:serviceId><tns:timeStamp>20261123154401</tns:timeStamp>",
            "<tns:timeStamp>20261123154401</tns:timeStamp><tns:serviceId>107031000</tns:serviceId>",
        )],
    ),
    by(
        &["header-unknown-elements"],
        "OA and FA",
        &[("</tns:RequestSOAPHeader>", "<tns:OA>1</tns:OA><tns:FA>2</tns:FA></tns:RequestSOAPHeader>")],
    ),
    by(
        &["header-unknown-elements"],
        "linkid",
        &[("</tns:RequestSOAPHeader>", "<tns:linkid/></tns:RequestSOAPHeader>")],
    ),
    taken("an empty serviceId", &[("107031000", "")]),
    taken("no spPassword", &[("<tns:spPassword>ZGlnZXN0</tns:spPassword>", "")]),
    taken("a timeStamp of year, day, month", &[("20261123154401", "20262311154401")]),
    taken("a timeStamp in milliseconds", &[("20261123154401", "1400000000000")]),
    taken("a timeStamp in words", &[("20261123154401", "2026-11-23 15:44:01")]),
    taken("a timeStamp of years ago", &[("20261123154401", "20140730093620")]),
    // The envelope: 8.
    taken("another prefix", &[("soapenv", "SOAP-ENV")]),
    by(&["envelope-namespace"], "the namespace without its slash", &[("soap/envelope/", "soap/envelope")]),
    by(
        &["envelope-unqualified"],
        "no namespace",
        &[
            ("soapenv:", ""),
            (" xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"", ""),
            (" xmlns:Envelope=\"http://schemas.xmlsoap.org/soap/envelope/\"", ""),
        ],
    ),
    by(&["envelope-left-open"], "the last end tag is missing", &[("</soapenv:Envelope>", "")]),
    refused("two colons", &[("<soapenv:Header>", "<soapenv::Header>"), ("</soapenv:Header>", "</soapenv::Header>")]),
    refused("a foreign namespace", &[("http://schemas.xmlsoap.org/soap/envelope/", "urn:envelope")]),
    // RequestMsg and how the document stands in it: 1.4, 8.
    taken(
        "RequestMsg by a default namespace",
        &[
            ("req:RequestMsg>", "RequestMsg>"),
            ("<RequestMsg>", "<RequestMsg xmlns=\"http://api-v1.gen.mm.vodafone.com/mminterface/request\">"),
        ],
    ),
    by(&["message-namespace"], "RequestMsg in no namespace", &[("req:RequestMsg", "RequestMsg")]),
    taken("line ends before the CDATA section, no declaration", &[(CDATA, "<req:RequestMsg>\n  <![CDATA[")]),
    by(
        &["inner-whitespace"],
        "line ends before the CDATA section",
        &[(CDATA, "<req:RequestMsg>\n  <![CDATA[<?xml version=\"1.0\"?>")],
    ),
    by(&["inner-whitespace"], "a blank inside it", &[(CDATA, "<req:RequestMsg><![CDATA[ <?xml version=\"1.0\"?>")]),
    by(&["inner-whitespace"], "a non-breaking space inside it", &[(CDATA, "<req:RequestMsg><![CDATA[\u{A0}")]),
    by(&["inner-whitespace"], "a byte order mark inside it", &[(CDATA, "<req:RequestMsg><![CDATA[\u{FEFF}")]),
    taken("blanks after the document", &[("</request>]]>", "</request>  ]]>  ")]),
    taken("no declaration", &[(CDATA, "<req:RequestMsg><![CDATA[")]),
    taken(
        "a declaration in single quotes",
        &[(CDATA, "<req:RequestMsg><![CDATA[<?xml version='1.0' encoding='utf-8'?>")],
    ),
    by(&["encoding-label"], "UTF8", &[(CDATA, "<req:RequestMsg><![CDATA[<?xml version=\"1.0\" encoding=\"UTF8\"?>")]),
    by(
        &["encoding-label"],
        "utf-16 over UTF-8",
        &[(CDATA, "<req:RequestMsg><![CDATA[<?xml version=\"1.0\" encoding=\"utf-16\"?>")],
    ),
    refused("doubled quotes", &[(CDATA, "<req:RequestMsg><![CDATA[<?xml version=''1.0''?>")]),
    refused("a raw ampersand", &[("wages", "wages & more")]),
    // The document: 1.4, 8.
    by(&["root-capital-request"], "Request", &[("<request ", "<Request "), ("</request>", "</Request>")]),
    by(
        &["document-unqualified"],
        "no namespace",
        &[("<request xmlns=\"http://api-v1.gen.mm.vodafone.com/mminterface/request\">", "<request>")],
    ),
    by(
        &["element-order"],
        "Remark first",
        &[("    <Remark>wages</Remark>\n", ""), ("<Transaction>", "<Transaction><Remark>wages</Remark>")],
    ),
    by(
        &["element-order"],
        "ShortCode before Identifier",
        &[
            ("      <ShortCode>600000</ShortCode>\n", ""),
            (INITIATOR, "<ShortCode>600000</ShortCode><Identifier>dukaapi</Identifier>"),
        ],
    ),
    by(
        &["unknown-elements"],
        "Requester",
        &[("<Identity>", "<Identity><Requester><IdentifierType>1</IdentifierType></Requester>")],
    ),
    by(&["unknown-elements"], "CallerTypeID", &[("<CallerType>", "<CallerTypeID>1</CallerTypeID><CallerType>")]),
    by(
        &["unknown-elements"],
        "a ShortCode in AccessDevice",
        &[("<Identifier>Identifier3</Identifier>", "<ShortCode>1</ShortCode>")],
    ),
    by(&["stray-text"], "text between elements", &[("<Transaction>", "<Transaction>every new request")]),
    by(&["stray-text"], "non-breaking spaces between elements", &[("<Transaction>", "\u{A0}<Transaction>\u{A0}")]),
    by(&["primarty-party"], "PrimartyParty", &[("PrimaryParty", "PrimartyParty")]),
    by(&["value-whitespace"], "a blank before a key", &[("<Key>Amount", "<Key> Amount")]),
    by(&["value-whitespace"], "a value on a line of its own", &[("BusinessPayment", "\n BusinessPayment\n")]),
    by(
        &["value-whitespace"],
        "a blank for nothing",
        &[("<ConversationID></ConversationID>", "<ConversationID> </ConversationID>")],
    ),
    taken(
        "EncryptedParameters beside Parameters",
        &[("    <Parameters>", "<EncryptedParameters>x</EncryptedParameters><Parameters>")],
    ),
    refused(
        "EncryptedParameters alone",
        &[(
            "<Parameters><Parameter><Key>Amount</Key><Value>100.00</Value></Parameter></Parameters>",
            "<EncryptedParameters>x</EncryptedParameters>",
        )],
    ),
    taken("LanguageCode 01", &[("<LanguageCode>0<", "<LanguageCode>01<")]),
    taken("an amount without cents", &[("100.00", "100")]),
    taken("an amount with one digit of cents", &[("100.00", "1000.0")]),
    taken("a ResultURL with an empty port", &[("8888/result", "/result")]),
    taken("a ThirdPartyID of nothing but a blank's absence", &[("broker_4", "")]),
    taken("no Password, no CheckSum", &[("      <Password>secret</Password>\n      <CheckSum>null</CheckSum>\n", "")]),
    taken("CallerType 0", &[("<CallerType>2<", "<CallerType>0<")]),
    taken("no ShortCode of the Initiator", &[("      <ShortCode>600000</ShortCode>\n", "")]),
    taken("Initiator of type 1", &[("<IdentifierType>11<", "<IdentifierType>1<")]),
    taken(
        "a junk ShortCode of the receiver",
        &[(
            "<Identifier>254722000000</Identifier>",
            "<Identifier>254722000000</Identifier><ShortCode>ShortCode1</ShortCode>",
        )],
    ),
    taken("KeyOwner 0", &[("<KeyOwner>1<", "<KeyOwner>0<")]),
    taken("KeyOwner with a blank", &[("<KeyOwner>1<", "<KeyOwner>1 <")]),
    refused("KeyOwner in words", &[("<KeyOwner>1<", "<KeyOwner>initiator<")]),
    taken("a Timestamp of digits alone", &[("2026-11-23T15:44:01.0000521Z", "20261123154401")]),
    taken("a Timestamp in seconds", &[("2026-11-23T15:44:01.0000521Z", "1400000000")]),
    taken("an empty Timestamp", &[("2026-11-23T15:44:01.0000521Z", "")]),
    refused("no Transaction", &[("Transaction>", "Transactions>")]),
    refused(
        "a second header",
        &[(
            "</soapenv:Header>",
            "<x:RequestSOAPHeader xmlns:x=\"http://www.huawei.com.cn/schema/common/v2_1\"><x:spId>1</x:spId></x:RequestSOAPHeader></soapenv:Header>",
        )],
    ),
];

/// What was read, and the names of the tolerances that it needed; none if the message was refused, or names no
/// caller.
fn read(
    interfaces: &Interfaces,
    message: &str,
    tolerances: Tolerances,
) -> Option<(RequestDocument, Vec<&'static str>)> {
    let request = interfaces.read_request(message.as_bytes(), tolerances).ok()?;
    let (text, position) = (&request.value.document, request.value.document_position);
    let document = interfaces.read_document(DocumentKind::Request, text, position, tolerances).ok()?;
    let names = [request.tolerances, document.tolerances].concat();
    (request.value.header.sp_id == "107031").then_some((document.value, names))
}

#[test]
fn every_variant_of_the_protocol_has_a_name_or_is_refused() {
    let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{}", errors[0]));
    for Row { what, changes, needs } in ROWS {
        let message = changes.iter().fold(SAMPLE.to_owned(), |message, (from, to)| message.replace(from, to));
        assert_ne!(message, SAMPLE, "{what}");
        let read = |tolerances| read(&interfaces, &message, tolerances);
        let patient = read(Tolerances::default());
        assert_eq!(patient.as_ref().map(|(_, names)| names.as_slice()), *needs, "{what}");
        let strict = read(Tolerances::strict());
        let Some((document, names)) = patient else {
            assert_eq!(strict, None, "{what}, strictly");
            continue;
        };
        if names.is_empty() {
            assert_eq!(strict, Some((document, names)), "{what}, strictly");
            continue;
        }
        // What the schema takes as it stands says something else then: a blank is part of a text.
        assert!(strict.is_none_or(|(other, _)| other != document), "{what}, strictly");
        for name in &names {
            // Another tolerance may take its place, and tells so.
            let without = read(Tolerances::default().without(name));
            let tells = |others: &[&str]| !others.is_empty() && !others.contains(name);
            assert!(
                without.is_none_or(|(other, others)| other != document || tells(&others)),
                "{what}, without {name}"
            );
        }
    }
}

/// With its own tolerance off, PrimartyParty is no unknown element that another one passes over: whoever pays
/// by it would pay from somebody else's account, or from a default.
#[test]
fn a_misspelled_party_is_refused_by_name_and_never_passed_over() {
    let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{}", errors[0]));
    let tolerances = Tolerances::default().without("primarty-party");
    let misspelled = SAMPLE.replace("PrimaryParty", "PrimartyParty");
    let unqualified = misspelled.replace("<PrimartyParty>", "<PrimartyParty xmlns=\"\">");
    let beside = SAMPLE
        .replace("<PrimaryParty>", "<PrimartyParty><IdentifierType>4</IdentifierType></PrimartyParty><PrimaryParty>");
    for message in [misspelled, unqualified, beside] {
        let request = interfaces.read_request(message.as_bytes(), tolerances).unwrap().value;
        let (text, position) = (&request.document, request.document_position);
        let failure = interfaces.read_document(DocumentKind::Request, text, position, tolerances).unwrap_err();
        assert!(failure.reason.contains("PrimartyParty"), "{failure:?}");
    }
    // What no tolerance knows another name for is unknown, and passed over.
    let unknown = SAMPLE.replace("PrimaryParty", "PrimeParty");
    assert!(read(&interfaces, &unknown, tolerances).is_some_and(|(document, _)| document.primary_party.is_none()));
}
