mod features;
mod tolerances;

use proptest::prelude::*;

use super::*;
use crate::soap::{Limits, Position, XmlReason};

/// A schema of the target namespace `urn:t`, elements qualified.
fn schema(body: &str) -> Schema {
    let text = format!(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' xmlns='urn:t' targetNamespace='urn:t' \
         elementFormDefault='qualified'>{body}</xs:schema>"
    );
    Schema::compile(&["t.xsd"], &[("t.xsd", text.as_str())]).unwrap()
}

/// A schema with one element `a` of an anonymous complex type.
fn complex(content: &str) -> Schema {
    schema(&format!("<xs:element name='a'><xs:complexType>{content}</xs:complexType></xs:element>"))
}

/// A schema with one element `a` that restricts a simple type.
fn simple(base: &str, facets: &str) -> Schema {
    let restriction = format!("<xs:restriction base='xs:{base}'>{facets}</xs:restriction>");
    schema(&format!("<xs:element name='a'><xs:simpleType>{restriction}</xs:simpleType></xs:element>"))
}

/// Writes down all that a visitor sees.
#[derive(Default)]
struct Seen(String);

impl Visitor for Seen {
    fn open(&mut self, name: &Name<'_>) {
        self.0 += &format!("<{}", name.local);
    }

    fn close(&mut self, name: &Name<'_>, text: &str) {
        self.0 += &format!(">{text}/{}", name.local);
    }

    fn attribute(&mut self, name: &Name<'_>, value: &str) {
        self.0 += &format!(" {}={value}", name.local);
    }

    fn text_begins(&mut self, place: &Place<'_>) {
        let Position { line, column } = place.position();
        self.0 += &format!("@{line}:{column}");
    }
}

fn run(schema: &Schema, document: &str, normal: &Normalization<'_>) -> Result<String, Violation> {
    let limits = Limits::default();
    let options = normal.reader_options(Position::START);
    let mut reader = Reader::with(document.as_bytes(), &limits, options).unwrap();
    let mut seen = Seen::default();
    validate(schema, &mut reader, Root::AnyGlobal, normal, &mut seen).map(|()| seen.0)
}

/// The document `<a xmlns='urn:t'>...</a>`.
fn inside(content: &str) -> String {
    format!(
        "<a xmlns='urn:t' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
             xmlns:xs='http://www.w3.org/2001/XMLSchema'{content}</a>"
    )
}

fn check(schema: &Schema, good: &[&str], bad: &[&str]) {
    for content in good {
        let result = run(schema, &inside(content), &Normalization::strict());
        assert!(result.is_ok(), "{content}: {result:?}");
    }
    for content in bad {
        let result = run(schema, &inside(content), &Normalization::strict());
        assert!(result.is_err(), "{content} was accepted");
    }
}

fn refused(schema: &Schema, content: &str) -> Violation {
    run(schema, &inside(content), &Normalization::strict()).unwrap_err()
}

const E: &str = "type='xs:string'";

#[test]
fn a_visitor_sees_elements_attributes_and_values() {
    let schema = complex(
        "<xs:sequence><xs:element name='n' type='xs:integer'/><xs:element name='s' type='xs:string'/></xs:sequence>\
         <xs:attribute name='k' type='xs:token'/>",
    );
    let document = "<x:a xmlns:x='urn:t' k='  v  w '>\n <x:n>  7 </x:n>\n<x:s><![CDATA[ <y> ]]>&amp;</x:s></x:a>";
    let seen = run(&schema, document, &Normalization::strict()).unwrap();
    assert_eq!(seen, "<a k=v w<n@2:7>7/n<s@3:15> <y> &/s>/a");
}

#[test]
fn a_sequence_keeps_order_and_counts() {
    let schema = complex(&format!(
        "<xs:sequence><xs:element name='b' {E}/><xs:element name='c' {E} minOccurs='0' maxOccurs='2'/>\
         <xs:element name='d' {E} maxOccurs='unbounded'/></xs:sequence>"
    ));
    check(
        &schema,
        &["><b/><d/>", "><b/><c/><c/><d/><d/><d/>", "> <b/>\n<d/> "],
        &[
            ">",
            "><b/>",
            "><d/>",
            "><b/><c/>",
            "><b/><c/><c/><c/><d/>",
            "><b/><b/><d/>",
            "><b/><d/><c/>",
            "><b/><d/><e/>",
            "><b/>x<d/>",
        ],
    );
    let violation = refused(&schema, "><d/>");
    assert_eq!(violation.kind, ViolationKind::Missing { element: "b".into() });
    assert_eq!(violation.path, "b");
    let violation = refused(&schema, "><b/>");
    assert_eq!((violation.kind, violation.path.as_str()), (ViolationKind::Missing { element: "d".into() }, "d"));
    let violation = refused(&schema, "><b/><d/><c/>");
    assert_eq!(violation.kind, ViolationKind::Unexpected { element: "c".into() });
    assert_eq!(&*violation.expected, "d or the end of the element around it");
}

#[test]
fn choices_and_nested_groups_become_automata() {
    let choice = complex(&format!(
        "<xs:choice><xs:element name='b' {E}/><xs:sequence><xs:element name='c' {E}/><xs:element name='d' {E}/></xs:sequence></xs:choice>"
    ));
    check(&choice, &["><b/>", "><c/><d/>"], &[">", "><b/><b/>", "><c/>", "><d/>", "><b/><d/>"]);
    let repeated = complex(&format!(
        "<xs:sequence minOccurs='0' maxOccurs='unbounded'><xs:element name='k' {E}/><xs:element name='v' {E} minOccurs='0'/></xs:sequence>"
    ));
    check(&repeated, &[">", "><k/>", "><k/><k/><v/><k/>"], &["><v/>", "><k/><v/><v/>"]);
    let counted = complex(&format!(
        "<xs:choice minOccurs='2' maxOccurs='3'><xs:element name='b' {E}/><xs:element name='c' {E}/></xs:choice>"
    ));
    check(&counted, &["><b/><c/>", "><c/><c/><b/>"], &["><b/>", "><b/><b/><b/><b/>"]);
    let optional = complex(&format!("<xs:choice minOccurs='0'><xs:element name='b' {E}/></xs:choice>"));
    check(&optional, &[">", "><b/>"], &["><b/><b/>"]);
    let twice = complex(&format!(
        "<xs:sequence><xs:element name='b' {E} minOccurs='2' maxOccurs='2'/><xs:element name='b' {E}/></xs:sequence>"
    ));
    check(&twice, &["><b/><b/><b/>"], &["><b/><b/>", "><b/><b/><b/><b/>"]);
    let nullable = complex(&format!(
        "<xs:sequence minOccurs='2' maxOccurs='2'><xs:element name='b' {E} minOccurs='0'/><xs:element name='c' {E} minOccurs='0'/></xs:sequence>"
    ));
    check(
        &nullable,
        &[">", "><b/><b/>", "><b/><c/><b/><c/>", "><c/><c/>", "><c/><b/>"],
        &["><c/><c/><c/>", "><b/><b/><b/>"],
    );
}

#[test]
fn all_takes_each_once_in_any_order() {
    let schema =
        complex(&format!("<xs:all><xs:element name='b' {E}/><xs:element name='c' {E} minOccurs='0'/></xs:all>"));
    check(&schema, &["><b/>", "><b/><c/>", "><c/><b/>"], &[">", "><c/>", "><b/><b/>", "><c/><b/><c/>", "><d/>"]);
}

#[test]
fn wildcards_process_strictly_laxly_or_not_at_all() {
    let with = |any: &str| {
        schema(&format!(
            "<xs:element name='n' type='xs:int'/><xs:element name='a'><xs:complexType><xs:sequence>{any}</xs:sequence>\
             </xs:complexType></xs:element>"
        ))
    };
    check(&with("<xs:any/>"), &["><n>1</n>"], &["><n>x</n>", "><o/>", ">", "><n>1</n><n>1</n>"]);
    check(
        &with("<xs:any processContents='lax' maxOccurs='unbounded'/>"),
        &["><n>1</n><o><p>x</p></o>"],
        &["><n>x</n>", "><o><n>x</n></o>"],
    );
    check(&with("<xs:any processContents='skip'/>"), &["><n>x</n>", "><o><n>x</n>text</o>"], &[">"]);
    check(
        &with("<xs:any namespace='##other' processContents='skip'/>"),
        &["><o xmlns='urn:o'/>"],
        &["><o/>", "><o xmlns=''/>"],
    );
    check(
        &with("<xs:any namespace='##local urn:x' processContents='skip'/>"),
        &["><o xmlns=''/>", "><o xmlns='urn:x'/>"],
        &["><o/>"],
    );
    check(&with("<xs:any namespace='##targetNamespace' processContents='skip'/>"), &["><o/>"], &["><o xmlns=''/>"]);
}

#[test]
fn local_elements_are_qualified_only_where_the_schema_says_so() {
    let schema = complex(&format!(
        "<xs:sequence><xs:element name='b' {E}/><xs:element name='c' form='unqualified' {E}/></xs:sequence>"
    ));
    check(&schema, &["><b/><c xmlns=''/>"], &["><b/><c/>", "><b xmlns=''/><c xmlns=''/>"]);
}

#[test]
fn attributes_are_checked() {
    let schema = complex(
        "<xs:attribute name='r' type='xs:int' use='required'/><xs:attribute name='f' fixed='x'/>\
         <xs:attribute name='q' form='qualified'/>",
    );
    check(
        &schema,
        &[" r='1'>", " r=' 1 ' f='x'>", " r='1' xmlns:t='urn:t' t:q='x'>", " r='1' xsi:schemaLocation='a b'>"],
        &[">", " r='x'>", " r='1' f='y'>", " r='1' z=''>", " r='1' q=''>", " r='1' xsi:other=''>", " r='1'> x"],
    );
    let violation = refused(&schema, " r='x'>");
    assert_eq!(violation.kind, ViolationKind::Attribute { element: "a".into(), attribute: "r".into() });
    let any = complex("<xs:anyAttribute namespace='##other' processContents='lax'/>");
    check(&any, &[" xmlns:o='urn:o' o:x='1'>"], &[" x='1'>"]);
}

#[test]
fn simple_content_and_extensions_inherit() {
    let schema = schema(
        "<xs:complexType name='amount'><xs:simpleContent><xs:extension base='xs:decimal'>\
         <xs:attribute name='currency' use='required'/></xs:extension></xs:simpleContent></xs:complexType>\
         <xs:complexType name='base'><xs:sequence><xs:element name='b' type='amount'/></xs:sequence></xs:complexType>\
         <xs:complexType name='more'><xs:complexContent><xs:extension base='base'><xs:sequence>\
         <xs:element name='c' type='xs:string'/></xs:sequence><xs:attribute name='x'/></xs:extension></xs:complexContent></xs:complexType>\
         <xs:element name='a' type='more'/>",
    );
    check(
        &schema,
        &[" x=''><b currency='KES'>1.50</b><c/>"],
        &["><b currency='KES'>x</b><c/>", "><b>1</b><c/>", "><b currency='KES'>1</b>", "><c/>"],
    );
}

#[test]
fn a_type_may_hold_itself() {
    let schema = schema(
        "<xs:element name='a' type='t'/><xs:complexType name='t'><xs:sequence>\
         <xs:element ref='a' minOccurs='0'/></xs:sequence></xs:complexType>",
    );
    check(&schema, &[">", "><a><a/></a>"], &["><a><b/></a>"]);
}

#[test]
fn any_type_holds_anything_but_what_is_declared_must_fit() {
    let schema = schema("<xs:element name='n' type='xs:int'/><xs:element name='a'/>");
    check(
        &schema,
        &[">", ">text<o k='1'>x</o>y", "><n>1</n>"],
        &["><n>x</n>", "><o><n>x</n></o>", "><o xsi:type='xs:int'>x</o>"],
    );
    let seen = run(&schema, "<a xmlns='urn:t'>x<o k='1'>y</o>z</a>", &Normalization::strict()).unwrap();
    assert_eq!(seen, "<a@1:18<o k=1@1:28>y/o>xz/a");
}

#[test]
fn nil_and_type_attributes_are_obeyed() {
    let schema = schema(
        "<xs:element name='a'><xs:complexType><xs:sequence><xs:element name='n' type='xs:int' nillable='true'/>\
         <xs:element name='s' type='short' minOccurs='0'/></xs:sequence></xs:complexType></xs:element>\
         <xs:simpleType name='short'><xs:restriction base='xs:string'><xs:maxLength value='3'/></xs:restriction></xs:simpleType>\
         <xs:simpleType name='shorter'><xs:restriction base='short'><xs:maxLength value='2'/></xs:restriction></xs:simpleType>",
    );
    check(
        &schema,
        &[
            "><n xsi:nil='true'/>",
            "><n xsi:nil='false'>1</n>",
            "><n xsi:type='xs:byte'>1</n>",
            "><n>1</n><s xsi:type='shorter'>ab</s>",
        ],
        &[
            "><n/>",
            "><n xsi:nil='true'>1</n>",
            "><n xsi:nil='true'><x/></n>",
            "><n>1</n><s xsi:nil='true'/>",
            "><n>1</n><s xsi:nil='false'/>",
            "><n xsi:nil='yes'>1</n>",
            "><n xsi:type='xs:byte'>300</n>",
            "><n xsi:type='xs:string'>1</n>",
            "><n xsi:type='nothing'>1</n>",
            "><n>1</n><s xsi:type='shorter'>abc</s>",
        ],
    );
}

#[test]
fn facets_hold() {
    check(&simple("string", "<xs:length value='3'/>"), &[">abc", ">äöü", ">a&amp;b"], &[">", ">ab", ">abcd"]);
    check(&simple("string", "<xs:minLength value='1'/><xs:maxLength value='2'/>"), &[">a", ">ab"], &[">", ">abc"]);
    check(
        &simple("string", "<xs:pattern value='[0-9]+'/><xs:pattern value='x'/>"),
        &[">12", ">x"],
        &[">", ">1x", "> 1"],
    );
    check(
        &simple("string", "<xs:enumeration value='A'/><xs:enumeration value='B C'/>"),
        &[">A", ">B C"],
        &[">a", ">B  C"],
    );
    check(&simple("token", "<xs:enumeration value='B C'/>"), &["> B \n C "], &[">BC"]);
    check(&simple("integer", "<xs:enumeration value='7'/>"), &["> +07 "], &[">8"]);
    check(&simple("string", "<xs:whiteSpace value='collapse'/><xs:length value='1'/>"), &["> a\n"], &["> ab "]);
    check(
        &simple("decimal", "<xs:minInclusive value='0'/><xs:maxExclusive value='10.5'/>"),
        &[">0", ">-0.0", ">10.49"],
        &[">-0.01", ">10.50", ">11"],
    );
    check(
        &simple("decimal", "<xs:totalDigits value='4'/><xs:fractionDigits value='2'/>"),
        &[">12.34", ">0012.3400", ">1234"],
        &[">123.45", ">1.234", ">12345"],
    );
    check(&simple("double", "<xs:maxInclusive value='1e3'/>"), &[">1000", ">-INF"], &[">1001", ">NaN", ">x"]);
    check(&simple("hexBinary", "<xs:length value='2'/>"), &[">0aFF"], &[">0a", ">0aFFF"]);
    check(&simple("base64Binary", "<xs:maxLength value='2'/>"), &[">AAA=", ">AA=="], &[">AAAA"]);
    check(&simple("unsignedByte", ""), &[">0", ">255"], &[">-1", ">256", ">1.0"]);
    check(&simple("long", ""), &[">-9223372036854775808"], &[">9223372036854775808", ">99999999999999999999999999"]);
}

#[test]
fn a_violation_tells_path_line_and_rule_but_never_the_value() {
    let schema = complex(
        "<xs:sequence><xs:element name='b'><xs:complexType><xs:sequence><xs:element name='pin' type='xs:int'/>\
         </xs:sequence></xs:complexType></xs:element></xs:sequence>",
    );
    let violation =
        run(&schema, "<a xmlns='urn:t'>\n<b>\n<pin>secret</pin></b></a>", &Normalization::strict()).unwrap_err();
    assert_eq!(violation.to_string(), "b/pin, line 3, column 12: something else where int is expected");
    assert_eq!(violation.kind, ViolationKind::Value { element: "pin".into() });
    let violation = run(&schema, "<a xmlns='urn:t'><b></a>", &Normalization::strict()).unwrap_err();
    assert!(matches!(violation.kind, ViolationKind::Malformed(XmlReason::MismatchedEnd { .. })));
    let violation = run(&schema, "<z xmlns='urn:t'/>", &Normalization::strict()).unwrap_err();
    assert_eq!(violation.kind, ViolationKind::Unexpected { element: "z".into() });
}

proptest! {
    /// The counting automaton of choices and the slots of sequences agree with a plain count.
    #[test]
    fn counts_are_kept_as_written(min in 0_u32..4, more in 1_u32..4, found in 0_usize..9) {
        let max = min + more;
        let element = format!("<xs:element name='b' type='xs:string' minOccurs='{min}' maxOccurs='{max}'/>");
        let one = "<xs:element name='b' type='xs:string'/>";
        let models = [
            format!("<xs:sequence>{element}</xs:sequence>"),
            format!("<xs:choice>{element}</xs:choice>"),
            format!("<xs:sequence minOccurs='{min}' maxOccurs='{max}'>{one}</xs:sequence>"),
            format!("<xs:choice minOccurs='{min}' maxOccurs='{max}'>{one}</xs:choice>"),
        ];
        let expected = (min as usize..=max as usize).contains(&found);
        for model in models {
            let result = run(&complex(&model), &inside(&format!(">{}", "<b/>".repeat(found))), &Normalization::strict());
            prop_assert_eq!(result.is_ok(), expected, "{}", model);
        }
    }
}
