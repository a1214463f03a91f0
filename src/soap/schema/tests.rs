use super::*;
use crate::soap::Position;

fn wrapped(body: &str) -> String {
    format!(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' xmlns='urn:t' targetNamespace='urn:t'>\n{body}</xs:schema>"
    )
}

fn errors(body: &str) -> Vec<SchemaError> {
    let text = wrapped(body);
    match Schema::compile(&["t.xsd"], &[("t.xsd", text.as_str())]) {
        Ok(_) => panic!("{body} was compiled"),
        Err(errors) => errors,
    }
}

fn unsupported(body: &str) -> bool {
    errors(body).iter().any(|error| matches!(error.reason, SchemaReason::Unsupported(_)))
}

fn element(inside: &str) -> String {
    format!("<xs:element name='a'>{inside}</xs:element>")
}

fn complex(inside: &str) -> String {
    element(&format!("<xs:complexType>{inside}</xs:complexType>"))
}

fn restriction(base: &str, facets: &str) -> String {
    element(&format!("<xs:simpleType><xs:restriction base='{base}'>{facets}</xs:restriction></xs:simpleType>"))
}

#[test]
fn what_is_not_implemented_stops_the_compile() {
    let b = "<xs:element name='b' type='xs:string'/>";
    let all = "<xs:complexType name='t'><xs:all><xs:element name='b'/></xs:all></xs:complexType>";
    let cases = [
        "<xs:notation name='n' public='p'/>".to_owned(),
        "<xs:redefine schemaLocation='x'/>".to_owned(),
        "<xs:element name='a' type='xs:string' abstract='true'/>".to_owned(),
        "<xs:element name='a' type='xs:string' block='#all'/>".to_owned(),
        "<xs:element name='a' substitutionGroup='b'/>".to_owned(),
        "<xs:element name='a' type='xs:duration'/>".to_owned(),
        "<xs:element name='a' type='xs:ID'/>".to_owned(),
        "<xs:element name='a' type='xs:anyType' default='x'/>".to_owned(),
        "<xs:element name='a' type='xs:QName' default='x'/>".to_owned(),
        element("<xs:key name='k'/>"),
        element("<xs:simpleType><xs:list itemType='xs:QName'/></xs:simpleType>"),
        element("<xs:simpleType><xs:union memberTypes='xs:int xs:QName'/></xs:simpleType>"),
        complex(&format!("<xs:choice minOccurs='0' maxOccurs='3000'>{b}</xs:choice>")),
        complex("<xs:complexContent><xs:extension base='xs:anyType'><xs:sequence/></xs:extension></xs:complexContent>"),
        format!(
            "{all}{}",
            complex(
                "<xs:complexContent><xs:restriction base='t'><xs:choice><xs:element name='b'/></xs:choice>\
                 </xs:restriction></xs:complexContent>"
            )
        ),
        restriction("xs:string", "<xs:pattern value='\\p{IsOgham}'/>"),
        restriction("xs:QName", "<xs:enumeration value='a'/>"),
        restriction("xs:string", "<xs:totalDigits value='1'/>"),
        restriction("xs:boolean", "<xs:minInclusive value='0'/>"),
        restriction("xs:string", "<xs:maxLength value='1' fixed='true'/>"),
        "<other xmlns='urn:o'/>".to_owned(),
    ];
    for case in cases {
        assert!(unsupported(&case), "{case}: {:?}", errors(&case));
    }
}

#[test]
fn what_is_wrong_stops_the_compile() {
    let b = "<xs:element name='b' type='xs:string'/>";
    let cases = [
        "<xs:element name='1'/>".to_owned(),
        "<xs:element/>".to_owned(),
        "<xs:element name='a' type='x:y'/>".to_owned(),
        "<xs:element name='a' nillable='maybe'/>".to_owned(),
        "text".to_owned(),
        element("text"),
        complex("<xs:sequence><xs:element name='b' minOccurs='2'/></xs:sequence>"),
        complex("<xs:sequence><xs:element name='b' maxOccurs='-1'/></xs:sequence>"),
        complex(&format!("<xs:sequence><xs:all>{b}</xs:all></xs:sequence>")),
        complex("<xs:all><xs:element name='b' maxOccurs='2'/></xs:all>"),
        complex(
            "<xs:sequence><xs:element name='b' type='xs:int'/><xs:element name='b' type='xs:string'/></xs:sequence>",
        ),
        restriction("xs:string", "<xs:minLength value='3'/><xs:maxLength value='2'/>"),
        restriction("xs:int", "<xs:minInclusive value='3'/><xs:maxInclusive value='2'/>"),
        restriction("xs:int", "<xs:enumeration value='x'/>"),
        restriction("xs:int", "<xs:maxInclusive value='x'/>"),
        restriction("xs:string", "<xs:maxLength value='x'/>"),
        restriction("xs:token", "<xs:whiteSpace value='preserve'/>"),
        restriction("xs:anySimpleType", ""),
        "<xs:simpleType name='s'><xs:restriction base='s'/></xs:simpleType>".to_owned(),
        "<xs:simpleType name='s'/>".to_owned(),
        "<xs:simpleType name='s'><xs:list/></xs:simpleType>".to_owned(),
        "<xs:simpleType name='s'><xs:union/></xs:simpleType>".to_owned(),
        "<xs:simpleType name='s'><xs:list itemType='xs:NMTOKENS'/></xs:simpleType>".to_owned(),
        "<xs:element name='a' type='xs:int' default='x'/>".to_owned(),
        "<xs:element name='a' type='xs:int' default='1' fixed='1'/>".to_owned(),
        "<xs:element name='a' default='1'><xs:complexType/></xs:element>".to_owned(),
        complex("<xs:attribute name='x' type='xs:int' fixed='y'/>"),
        complex("<xs:attribute name='x' default='1' use='required'/>"),
        "<xs:group name='g'/>".to_owned(),
        "<xs:group name='g'><xs:sequence><xs:group ref='g'/></xs:sequence></xs:group>".to_owned(),
        "<xs:attributeGroup name='g'><xs:attributeGroup ref='g'/></xs:attributeGroup>".to_owned(),
        "<xs:include/>".to_owned(),
    ];
    for case in cases {
        let errors = errors(&case);
        assert!(errors.iter().any(|error| matches!(error.reason, SchemaReason::Invalid(_))), "{case}: {errors:?}");
    }
}

#[test]
fn references_to_nothing_are_found() {
    for case in [
        "<xs:element name='a' type='nothing'/>".to_owned(),
        complex("<xs:sequence><xs:element ref='nothing'/></xs:sequence>"),
        restriction("nothing", ""),
        complex("<xs:group ref='nothing'/>"),
        complex("<xs:attributeGroup ref='nothing'/>"),
        complex("<xs:attribute ref='nothing'/>"),
        "<xs:simpleType name='s'><xs:list itemType='nothing'/></xs:simpleType>".to_owned(),
    ] {
        let errors = errors(&case);
        assert!(matches!(errors.as_slice(), [SchemaError { reason: SchemaReason::Undeclared(_), .. }]), "{errors:?}");
    }
}

#[test]
fn components_of_one_name_are_found() {
    let twice = "<xs:element name='a'/><xs:element name='a'/>";
    assert!(errors(twice).iter().any(|error| error.reason == SchemaReason::Twice));
    let attributes = complex("<xs:attribute name='x'/><xs:attribute name='x'/>");
    assert!(errors(&attributes).iter().any(|error| error.reason == SchemaReason::Twice));
}

#[test]
fn ambiguous_content_models_are_refused() {
    let b = |occurs: &str| format!("<xs:element name='b' type='xs:string' {occurs}/>");
    let c = "<xs:element name='c' type='xs:string' minOccurs='0'/>";
    let ambiguous = [
        format!("<xs:sequence>{}{}</xs:sequence>", b("minOccurs='0'"), b("")),
        format!("<xs:sequence>{}{c}{}</xs:sequence>", b("maxOccurs='2'"), b("")),
        format!("<xs:sequence>{}<xs:any/></xs:sequence>", b("minOccurs='0'")),
        format!("<xs:sequence><xs:any minOccurs='0'/>{}</xs:sequence>", b("")),
        "<xs:sequence><xs:any minOccurs='0'/><xs:any namespace='##other'/></xs:sequence>".to_owned(),
        format!("<xs:choice>{}{}</xs:choice>", b(""), b("")),
        format!("<xs:choice>{}<xs:sequence>{}{c}</xs:sequence></xs:choice>", b(""), b("")),
        format!("<xs:all>{}{}</xs:all>", b(""), b("")),
        format!("<xs:choice maxOccurs='unbounded'>{}<xs:any namespace='##local'/></xs:choice>", b("")),
    ];
    for case in ambiguous {
        let errors = errors(&complex(&case));
        assert!(
            matches!(errors.as_slice(), [SchemaError { reason: SchemaReason::Ambiguous(_), .. }]),
            "{case}: {errors:?}"
        );
    }
    let clear = [
        format!("<xs:sequence>{}{}</xs:sequence>", b(""), b("minOccurs='0'")),
        format!("<xs:sequence>{}{c}{}</xs:sequence>", b("minOccurs='2' maxOccurs='2'"), b("")),
        format!("<xs:sequence>{}<xs:any namespace='##targetNamespace'/></xs:sequence>", b("minOccurs='0'")),
        format!("<xs:choice><xs:sequence>{}</xs:sequence>{c}</xs:choice>", b("")),
    ];
    for case in clear {
        let text = wrapped(&complex(&case));
        assert!(Schema::compile(&["t.xsd"], &[("t.xsd", text.as_str())]).is_ok(), "{case}");
    }
}

#[test]
fn all_errors_are_reported_with_file_line_and_name() {
    let errors = errors("<xs:element name='a' type='x'/>\n<xs:notation name='g'/>\n<xs:element name='b' type='y'/>");
    let places: Vec<_> = errors.iter().map(|error| (error.name.as_str(), error.position.line)).collect();
    assert_eq!(places, [("a", 2), ("g", 3), ("b", 4)]);
    assert_eq!(errors[0].to_string(), "t.xsd, line 2, column 1: `a`: the type `{urn:t}x` is not declared");
}

#[test]
fn imports_and_includes_are_followed_once() {
    let head = "xmlns:xs='http://www.w3.org/2001/XMLSchema'";
    let a = format!(
        "<xs:schema {head} targetNamespace='urn:a' xmlns:b='urn:b'><xs:import namespace='urn:b' schemaLocation='http://h/b.xsd'/>\
         <xs:include schemaLocation='a2.xsd'/><xs:element name='a' type='b:t'/></xs:schema>"
    );
    let a2 = format!(
        "<xs:schema {head} targetNamespace='urn:a'><xs:include schemaLocation='a.xsd'/><xs:element name='a2'/></xs:schema>"
    );
    let b = format!(
        "<xs:schema {head} targetNamespace='urn:b'><xs:simpleType name='t'><xs:restriction base='xs:int'/></xs:simpleType></xs:schema>"
    );
    let files = [("a.xsd", a.as_str()), ("a2.xsd", a2.as_str()), ("b.xsd", b.as_str())];
    let schema = Schema::compile(&["a.xsd"], &files).unwrap();
    let element = schema.element("urn:a", "a").unwrap();
    assert_eq!(schema.element_name(element).to_string(), "{urn:a}a");
    assert!(schema.element("urn:a", "a2").is_some() && schema.element("", "a").is_none());
    let error = Schema::compile(&["a.xsd"], &[("a.xsd", a.as_str()), ("a2.xsd", a2.as_str())]).unwrap_err();
    assert!(
        error.iter().any(|error| matches!(&error.reason, SchemaReason::MissingFile(file) if file == "http://h/b.xsd"))
    );
    let wrong = [("a.xsd", a.as_str()), ("a2.xsd", b.as_str()), ("b.xsd", b.as_str())];
    assert!(Schema::compile(&["a.xsd"], &wrong).is_err());
}

/// A base type of each shape, and what restricts it and what does not.
#[test]
fn a_restriction_allows_nothing_more() {
    let base = |content: &str| format!("<xs:complexType name='t'>{content}</xs:complexType>");
    let derived = |content: &str| {
        complex(&format!("<xs:complexContent><xs:restriction base='t'>{content}</xs:restriction></xs:complexContent>"))
    };
    let b = |kind: &str, occurs: &str| format!("<xs:element name='b' type='xs:{kind}' {occurs}/>");
    let c = "<xs:element name='c' type='xs:string'/>";
    let sequence = |inside: &str| format!("<xs:sequence>{inside}</xs:sequence>");
    let choice = |inside: &str| format!("<xs:choice>{inside}</xs:choice>");
    let all = |inside: &str| format!("<xs:all>{inside}</xs:all>");
    let many = sequence(&b("int", "minOccurs='0' maxOccurs='5'"));
    let attribute = |rest: &str| format!("<xs:attribute name='x' type='xs:string' {rest}/>");
    let cases = [
        (&many, sequence(&b("int", "maxOccurs='3'")), true),
        (&many, sequence(&b("byte", "minOccurs='2' maxOccurs='2'")), true),
        (&many, String::new(), true),
        (&many, sequence(&b("int", "maxOccurs='6'")), false),
        (&many, sequence(&b("string", "")), false),
        (&many, sequence(c), false),
        (&many, sequence(&b("int", "nillable='true'")), false),
        (&sequence(&format!("{}{c}", b("int", ""))), sequence(&b("int", "")), false),
        (&choice(&format!("{}{c}", b("int", ""))), sequence(&b("int", "")), true),
        (&choice(&format!("{}{c}", b("int", ""))), sequence(&format!("{}{c}", b("int", ""))), false),
        (&all(&format!("{}{c}", b("int", "minOccurs='0'"))), sequence(c), true),
        (&all(&format!("{}{c}", b("int", "minOccurs='0'"))), all(&format!("{c}{}", b("int", ""))), true),
        (&all(&format!("{}{c}", b("int", "minOccurs='0'"))), sequence(&b("int", "")), false),
        (&sequence("<xs:any namespace='##targetNamespace' maxOccurs='2'/>"), sequence("<xs:element ref='g'/>"), true),
        (&sequence("<xs:any namespace='##other'/>"), sequence("<xs:element ref='g'/>"), false),
        (&sequence("<xs:any processContents='lax'/>"), sequence("<xs:any namespace='urn:o'/>"), true),
        (&sequence("<xs:any/>"), sequence("<xs:any processContents='lax'/>"), false),
        (&attribute(""), attribute("use='required'"), true),
        (&attribute(""), attribute("use='prohibited'"), true),
        (&attribute("use='required'"), attribute(""), false),
        (&attribute("use='required'"), attribute("use='prohibited'"), false),
        (&String::new(), attribute(""), false),
        (&"<xs:anyAttribute/>".to_owned(), "<xs:anyAttribute namespace='urn:o'/>".to_owned(), true),
        (&"<xs:anyAttribute namespace='urn:o'/>".to_owned(), "<xs:anyAttribute/>".to_owned(), false),
    ];
    for (wide, narrow, holds) in cases {
        let text = wrapped(&format!("<xs:element name='g' type='xs:int'/>{}{}", base(wide), derived(&narrow)));
        let compiled = Schema::compile(&["t.xsd"], &[("t.xsd", text.as_str())]);
        assert_eq!(compiled.is_ok(), holds, "{narrow} of {wide}: {compiled:?}");
    }
}

#[test]
fn components_made_from_each_other_without_end_are_refused() {
    let type_of = |n: usize| format!("<xs:simpleType name='s{n}'><xs:restriction base='s{}'/></xs:simpleType>", n + 1);
    let chain: String = (0..5_000).map(type_of).collect();
    assert!(unsupported(&chain));
    let union_of =
        |n: usize| format!("<xs:simpleType name='u{}'><xs:union memberTypes='u{n} u{n}'/></xs:simpleType>", n + 1);
    let unions: String = (0..60).map(union_of).collect();
    assert!(unsupported(&format!("<xs:simpleType name='u0'><xs:restriction base='xs:int'/></xs:simpleType>{unions}")));
}

#[test]
fn a_schema_without_namespace_takes_that_of_those_who_include_it() {
    let head = "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'";
    let shared = format!(
        "{head}><xs:element name='e' type='t'/><xs:simpleType name='t'><xs:restriction base='xs:int'/></xs:simpleType></xs:schema>"
    );
    let of = |target: &str, more: &str| {
        format!("{head} targetNamespace='{target}'>{more}<xs:include schemaLocation='shared.xsd'/></xs:schema>")
    };
    let a = of("urn:a", "<xs:import namespace='urn:b' schemaLocation='b.xsd'/>");
    let b = of("urn:b", "");
    let files = [("a.xsd", a.as_str()), ("b.xsd", b.as_str()), ("shared.xsd", shared.as_str())];
    let schema = Schema::compile(&["a.xsd"], &files).unwrap();
    assert!(schema.element("urn:a", "e").is_some() && schema.element("urn:b", "e").is_some());
    assert!(schema.element("", "e").is_none());
}

#[test]
fn a_malformed_file_is_refused_with_its_position() {
    let error = Schema::compile(&["x"], &[("x", "<a>\n</b>")]).unwrap_err();
    assert!(matches!(
        error.as_slice(),
        [SchemaError { position: Position { line: 2, column: 1 }, reason: SchemaReason::Malformed(_), .. }]
    ));
    assert!(Schema::compile(&["y"], &[("x", "<a/>")]).is_err());
    assert!(Schema::compile(&["x"], &[("x", "<a/>")]).is_err());
}

const WSDL: &str = r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" xmlns:h="urn:h" targetNamespace="urn:t" name="n">
<documentation>words <b xmlns="">more</b></documentation>
<types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified"><xs:import namespace="urn:h" schemaLocation="h.xsd"/>
<xs:element name="Ask" type="xs:string"/><xs:element name="Answer" type="xs:string"/></xs:schema></types>
<message name="AskMessage"><part name="body" element="t:Ask"/></message>
<message name="AnswerMessage"><part name="body" element="t:Answer"/></message>
<message name="HeaderMessage"><part name="head" element="h:Head"/></message>
<portType name="P"><operation name="Do"><input message="t:AskMessage"/><output message="t:AnswerMessage"/></operation></portType>
<binding name="B" type="t:P"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
<operation name="Do"><soap:operation soapAction="urn:do"/>
<input><soap:header message="t:HeaderMessage" part="head" use="literal"/><soap:body use="literal"/></input>
<output><soap:body use="literal"/></output></operation></binding>
<service name="S"><port name="SP" binding="t:B"><soap:address location="http://h/p"/></port></service></definitions>"#;

const HEADER: &str = "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' targetNamespace='urn:h'><xs:element name='Head'/></xs:schema>";

#[test]
fn a_wsdl_gives_operations_services_and_a_schema() {
    let wsdl = Wsdl::compile("w", &[("w", WSDL), ("h.xsd", HEADER)]).unwrap();
    let operation = Operation {
        name: "Do".into(),
        input: crate::soap::QName::new("urn:t", "Ask"),
        output: Some(crate::soap::QName::new("urn:t", "Answer")),
        headers: vec![crate::soap::QName::new("urn:h", "Head")],
        soap_action: "urn:do".into(),
    };
    assert_eq!(wsdl.operations(), [operation]);
    let port = Port { name: "SP".into(), address: "http://h/p".into() };
    assert_eq!(wsdl.services(), [Service { name: "S".into(), ports: vec![port] }]);
    assert_eq!(wsdl.target_namespace(), "urn:t");
    assert!(wsdl.schema().element("urn:h", "Head").is_some());
}

#[test]
fn a_wsdl_may_be_in_several_files() {
    let split = WSDL.find("<binding").unwrap();
    let head = WSDL.split_once("<documentation").unwrap().0;
    let bindings = format!("{head}<import namespace='urn:t' location='abstract.wsdl'/>{}", &WSDL[split..]);
    let abstracts = format!("{}</definitions>", &WSDL[..split]);
    let files = [("w", bindings.as_str()), ("abstract.wsdl", abstracts.as_str()), ("h.xsd", HEADER)];
    assert_eq!(Wsdl::compile("w", &files).unwrap().operations().len(), 1);
}

#[test]
fn what_a_wsdl_says_otherwise_is_refused() {
    let replaced = [
        ("use=\"literal\"/></input>", "use=\"encoded\"/></input>"),
        ("style=\"document\"", "style=\"rpc\""),
        ("element=\"t:Ask\"", "type=\"xs:string\""),
        ("element=\"t:Ask\"", "element=\"t:Nothing\""),
        ("binding=\"t:B\"", "binding=\"t:Nothing\""),
        ("type=\"t:P\"", "type=\"t:Nothing\""),
        ("<input message=\"t:AskMessage\"/>", "<input message=\"t:Nothing\"/>"),
        ("part=\"head\"", "part=\"nothing\""),
        ("soap/http", "soap/smtp"),
        ("<portType name=\"P\">", "<portType name=\"P\"><extension xmlns=\"urn:x\"/>"),
        ("<service name=\"S\">", "<service name=\"S\"><documentation/><other/>"),
        ("h.xsd", "missing.xsd"),
        ("http://schemas.xmlsoap.org/wsdl/\"", "urn:other\""),
        (
            "<output message=\"t:AnswerMessage\"/>",
            "<output message=\"t:AnswerMessage\"/><fault name=\"f\" message=\"t:AskMessage\"/>",
        ),
    ];
    for (from, to) in replaced {
        let text = WSDL.replacen(from, to, 1);
        assert_ne!(text, WSDL, "{from}");
        assert!(Wsdl::compile("w", &[("w", text.as_str()), ("h.xsd", HEADER)]).is_err(), "{to}");
    }
}

proptest::proptest! {
    /// A schema file with pieces of it lost, doubled or exchanged is compiled or refused, never worse.
    #[test]
    fn mutated_schemas_never_panic(edits in proptest::collection::vec((0_usize..200, 0_usize..200, 0_u8..3), 1..6)) {
        let source = include_str!("../../../tests/wsdl/schemas/components.xsd");
        let shared = include_str!("../../../tests/wsdl/schemas/shared.xsd");
        let other = include_str!("../../../tests/wsdl/schemas/other.xsd");
        let mut pieces: Vec<&str> = source.split_inclusive(['>', '"', ' ']).collect();
        for (at, from, kind) in edits {
            let (at, from) = (at * 7 % pieces.len(), from * 11 % pieces.len());
            match kind {
                0 => { pieces.remove(at); }
                1 => pieces.insert(at, pieces[from]),
                _ => pieces.swap(at, from),
            }
        }
        let mutated = pieces.concat();
        let files = [("c.xsd", mutated.as_str()), ("shared.xsd", shared), ("other.xsd", other)];
        let _ = Schema::compile(&["c.xsd"], &files);
    }
}
