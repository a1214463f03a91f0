//! What the schema language can say, a small case for each: what it lets in and what it does not.

use super::*;

/// A feature: its name, what a schema says, contents of `<a>` that fit, and contents that do not.
type Case = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const CASES: [Case; 22] = [
    (
        "the default value of an element",
        "<xs:element name='a'><xs:complexType><xs:sequence><xs:element name='n' type='xs:int' default='7'/>\
         </xs:sequence></xs:complexType></xs:element>",
        &["><n/>", "><n></n>", "><n>8</n>"],
        &["><n>x</n>", "><n> </n>"],
    ),
    (
        "the fixed value of an element",
        "<xs:element name='a' type='xs:decimal' fixed='1.50' nillable='true'/>",
        &[">", ">1.5", "> 1.500 "],
        &[">1.51", ">x", " xsi:nil='true'>"],
    ),
    (
        "a group of elements, used twice",
        "<xs:group name='g'><xs:sequence><xs:element name='b' type='xs:int'/><xs:element name='c' minOccurs='0'>\
         <xs:complexType><xs:group ref='g'/></xs:complexType></xs:element></xs:sequence></xs:group>\
         <xs:element name='a'><xs:complexType><xs:group ref='g' maxOccurs='2'/></xs:complexType></xs:element>",
        &["><b>1</b>", "><b>1</b><b>2</b>", "><b>1</b><c><b>2</b></c><b>3</b>"],
        &[">", "><c/>", "><b>1</b><c/>", "><b>1</b><b>2</b><b>3</b>", "><b>1</b><c><b>x</b></c>"],
    ),
    (
        "a choice in a group",
        "<xs:group name='g'><xs:choice><xs:element name='b'/><xs:element name='c'/></xs:choice></xs:group>\
         <xs:element name='a'><xs:complexType><xs:sequence><xs:group ref='g'/><xs:element name='d'/></xs:sequence>\
         </xs:complexType></xs:element>",
        &["><b/><d/>", "><c/><d/>"],
        &["><d/>", "><b/><c/><d/>"],
    ),
    (
        "all in a group, all or nothing",
        "<xs:group name='g'><xs:all><xs:element name='b'/><xs:element name='c' minOccurs='0'/></xs:all></xs:group>\
         <xs:element name='a'><xs:complexType><xs:group ref='g' minOccurs='0'/></xs:complexType></xs:element>",
        &[">", "><b/>", "><c/><b/>"],
        &["><c/>", "><b/><b/>"],
    ),
    (
        "groups of attributes",
        "<xs:attributeGroup name='g'><xs:attribute name='x' type='xs:int' use='required'/>\
         <xs:attributeGroup ref='h'/></xs:attributeGroup><xs:attributeGroup name='h'><xs:attribute name='y'/></xs:attributeGroup>\
         <xs:element name='a'><xs:complexType><xs:attributeGroup ref='g'/></xs:complexType></xs:element>",
        &[" x='1'>", " x='1' y=''>"],
        &[">", " x='z'>", " x='1' z=''>"],
    ),
    (
        "references to attributes",
        "<xs:attribute name='x' type='xs:int' fixed='1'/><xs:attribute name='y' type='xs:int'/>\
         <xs:element name='a' xmlns:t='urn:t'><xs:complexType><xs:attribute ref='t:x'/>\
         <xs:attribute ref='t:y' use='required'/></xs:complexType></xs:element>",
        &[" xmlns:t='urn:t' t:x='1' t:y='2'>", " xmlns:t='urn:t' t:y='2'>"],
        &[">", " y='1'>", " xmlns:t='urn:t' t:x='2' t:y='2'>", " xmlns:t='urn:t' t:y='x'>"],
    ),
    (
        "wildcards for attributes that must be declared, and may be",
        "<xs:attribute name='x' type='xs:int'/><xs:element name='a'><xs:complexType><xs:sequence>\
         <xs:element name='s'><xs:complexType><xs:anyAttribute/></xs:complexType></xs:element>\
         <xs:element name='l'><xs:complexType><xs:anyAttribute processContents='lax'/></xs:complexType></xs:element>\
         <xs:element name='k'><xs:complexType><xs:anyAttribute processContents='skip'/></xs:complexType></xs:element>\
         </xs:sequence></xs:complexType></xs:element>",
        &[" xmlns:t='urn:t'><s t:x='1'/><l t:x='1' t:y='z'/><k t:x='z'/>"],
        &[
            " xmlns:t='urn:t'><s t:x='z'/><l/><k/>",
            " xmlns:t='urn:t'><s t:y='1'/><l/><k/>",
            " xmlns:t='urn:t'><s/><l t:x='z'/><k/>",
        ],
    ),
    (
        "the wildcard of a group narrowed by that of a type",
        "<xs:attributeGroup name='g'><xs:anyAttribute namespace='urn:o urn:p' processContents='lax'/></xs:attributeGroup>\
         <xs:element name='a'><xs:complexType><xs:attributeGroup ref='g'/>\
         <xs:anyAttribute namespace='urn:p urn:q' processContents='skip'/></xs:complexType></xs:element>",
        &[" xmlns:p='urn:p' p:x='1'>"],
        &[" xmlns:o='urn:o' o:x='1'>", " xmlns:q='urn:q' q:x='1'>"],
    ),
    (
        "an extension adds to wildcards",
        "<xs:complexType name='b'><xs:anyAttribute namespace='urn:o' processContents='skip'/></xs:complexType>\
         <xs:element name='a'><xs:complexType><xs:complexContent><xs:extension base='b'>\
         <xs:anyAttribute namespace='urn:p' processContents='skip'/></xs:extension></xs:complexContent></xs:complexType></xs:element>",
        &[" xmlns:o='urn:o' o:x='1' xmlns:p='urn:p' p:x='1'>"],
        &[" xmlns:q='urn:q' q:x='1'>"],
    ),
    (
        "a restriction of complex content",
        "<xs:complexType name='b'><xs:sequence><xs:element name='n' type='xs:int' minOccurs='0' maxOccurs='9'/>\
         <xs:element name='o' minOccurs='0'/></xs:sequence><xs:attribute name='x'/><xs:attribute name='y' type='xs:int'/>\
         <xs:anyAttribute namespace='urn:o'/></xs:complexType>\
         <xs:element name='a'><xs:complexType><xs:complexContent><xs:restriction base='b'><xs:sequence>\
         <xs:element name='n' type='xs:byte' maxOccurs='2'/></xs:sequence><xs:attribute name='x' use='prohibited'/>\
         </xs:restriction></xs:complexContent></xs:complexType></xs:element>",
        &["><n>1</n>", " y='1'><n>1</n><n>2</n>"],
        &[
            ">",
            "><n>300</n>",
            "><n>1</n><n>1</n><n>1</n>",
            "><n>1</n><o/>",
            " x=''><n>1</n>",
            " y='z'><n>1</n>",
            " xmlns:o='urn:o' o:x=''><n>1</n>",
        ],
    ),
    (
        "a restriction of simple content",
        "<xs:complexType name='b'><xs:simpleContent><xs:extension base='xs:decimal'><xs:attribute name='x'/></xs:extension>\
         </xs:simpleContent></xs:complexType><xs:element name='a'><xs:complexType><xs:simpleContent><xs:restriction base='b'>\
         <xs:maxInclusive value='10'/><xs:attribute name='x' use='required'/></xs:restriction></xs:simpleContent>\
         </xs:complexType></xs:element>",
        &[" x=''>9.5"],
        &[">9.5", " x=''>11", " x=''>z"],
    ),
    (
        "mixed content",
        "<xs:element name='a'><xs:complexType mixed='true'><xs:sequence><xs:element name='b' type='xs:int'/></xs:sequence>\
         </xs:complexType></xs:element>",
        &["><b>1</b>", ">text<b>1</b>more"],
        &[">", ">text", ">text<b>z</b>", "><b>1</b><b>1</b>"],
    ),
    (
        "an extension of mixed content",
        "<xs:complexType name='b' mixed='true'><xs:sequence><xs:element name='c'/></xs:sequence></xs:complexType>\
         <xs:element name='a'><xs:complexType><xs:complexContent mixed='true'><xs:extension base='b'><xs:sequence>\
         <xs:element name='d'/></xs:sequence></xs:extension></xs:complexContent></xs:complexType></xs:element>",
        &[">x<c/>y<d/>z"],
        &[">x<c/>y", ">x<d/><c/>"],
    ),
    (
        "lists",
        "<xs:simpleType name='l'><xs:list itemType='xs:int'/></xs:simpleType>\
         <xs:element name='a'><xs:simpleType><xs:restriction base='l'><xs:minLength value='1'/><xs:maxLength value='3'/>\
         <xs:enumeration value='1 2'/><xs:enumeration value='3'/></xs:restriction></xs:simpleType></xs:element>",
        &[">1 2", "> 01\n 2 ", ">3"],
        &[">", ">2 1", ">1 2 x", ">12"],
    ),
    (
        "unions",
        "<xs:element name='a'><xs:simpleType><xs:restriction><xs:simpleType><xs:union memberTypes='xs:int xs:boolean'>\
         <xs:simpleType><xs:restriction base='xs:string'><xs:length value='2'/></xs:restriction></xs:simpleType>\
         </xs:union></xs:simpleType><xs:pattern value='[^x]*'/></xs:restriction></xs:simpleType></xs:element>",
        &[">7", "> 7 ", ">true", ">ab"],
        &[">abc", ">xx", ">"],
    ),
    (
        "qualified names",
        "<xs:element name='a'><xs:complexType><xs:simpleContent><xs:extension base='xs:QName'>\
         <xs:attribute name='q' type='xs:QName'/></xs:extension></xs:simpleContent></xs:complexType></xs:element>",
        &[">b", ">xs:int", "> xml:lang ", " xmlns:p='urn:p' q='p:x'>p:y", " q='b'>b"],
        &[">", ">p:b", ">a b", ">:b", " q='p:x'>b"],
    ),
    (
        "bounds of dates and times",
        "<xs:element name='a'><xs:complexType><xs:sequence>\
         <xs:element name='d' minOccurs='0'><xs:simpleType><xs:restriction base='xs:date'>\
         <xs:minInclusive value='2024-02-29'/><xs:maxExclusive value='2025-01-01'/></xs:restriction></xs:simpleType></xs:element>\
         <xs:element name='m' minOccurs='0'><xs:simpleType><xs:restriction base='xs:dateTime'>\
         <xs:minExclusive value='2024-01-01T00:00:00Z'/></xs:restriction></xs:simpleType></xs:element>\
         <xs:element name='t' minOccurs='0'><xs:simpleType><xs:restriction base='xs:time'>\
         <xs:enumeration value='12:00:00Z'/></xs:restriction></xs:simpleType></xs:element>\
         </xs:sequence></xs:complexType></xs:element>",
        &["><d>2024-02-29</d>", "><m>2024-01-01T02:00:00+01:00</m>", "><t>15:00:00+03:00</t>"],
        &[
            "><d>2024-02-28</d>",
            "><d>2025-01-01</d>",
            "><m>2024-01-01T01:00:00+01:00</m>",
            "><m>2024-01-01T01:00:00</m>",
            "><t>12:00:00+03:00</t>",
        ],
    ),
    (
        "a type that an element's own attribute names",
        "<xs:complexType name='b'><xs:sequence><xs:element name='c'/></xs:sequence></xs:complexType>\
         <xs:complexType name='more'><xs:complexContent><xs:extension base='b'><xs:sequence><xs:element name='d'/></xs:sequence>\
         </xs:extension></xs:complexContent></xs:complexType><xs:element name='a' type='b' xmlns:t='urn:t'/>",
        &["><c/>", " xmlns:t='urn:t' xsi:type='t:more'><c/><d/>", " xmlns:t='urn:t' xsi:type='t:b'><c/>"],
        &["><c/><d/>", " xmlns:t='urn:t' xsi:type='t:more'><c/>", " xsi:type='xs:string'>"],
    ),
    (
        "an element that is empty",
        "<xs:element name='a'><xs:complexType/></xs:element>",
        &[">", "><!-- nothing -->"],
        &["> ", ">x", "><b/>"],
    ),
    ("tokens in a list", "<xs:element name='a' type='xs:NMTOKENS'/>", &[">a", "> 1x  b.c "], &[">", ">a,b", ">é?"]),
    (
        "anonymous types inside each other",
        "<xs:element name='a'><xs:complexType><xs:sequence><xs:element name='b'><xs:complexType><xs:sequence>\
         <xs:element name='c' maxOccurs='2'><xs:simpleType><xs:restriction base='xs:token'><xs:pattern value='\\w+'/>\
         </xs:restriction></xs:simpleType></xs:element></xs:sequence></xs:complexType></xs:element></xs:sequence>\
         </xs:complexType></xs:element>",
        &["><b><c>x</c></b>", "><b><c> é </c><c>1</c></b>"],
        &[">", "><b/>", "><b><c>x y</c></b>", "><b><c/></b>"],
    ),
];

#[test]
fn every_feature_of_the_schema_language_lets_in_what_it_says() {
    for (feature, body, good, bad) in CASES {
        let schema = schema(body);
        for content in good {
            let result = run(&schema, &inside(content), &Normalization::strict());
            assert!(result.is_ok(), "{feature}: {content}: {result:?}");
        }
        for content in bad {
            let result = run(&schema, &inside(content), &Normalization::strict());
            assert!(result.is_err(), "{feature}: {content} was accepted");
        }
    }
}

#[test]
fn a_visitor_sees_the_values_that_a_schema_gives() {
    let schema = schema(
        "<xs:element name='a'><xs:complexType><xs:sequence><xs:element name='n' type='xs:int' default='7'/></xs:sequence>\
         <xs:attribute name='k' default=' v '  type='xs:token'/><xs:attribute name='f' fixed='x'/></xs:complexType></xs:element>",
    );
    let seen = run(&schema, "<a xmlns='urn:t'><n/></a>", &Normalization::strict()).unwrap();
    assert_eq!(seen, "<a k=v f=x<n>7/n>/a");
    let seen = run(&schema, "<a xmlns='urn:t' k='w'><n>8</n></a>", &Normalization::strict()).unwrap();
    assert_eq!(seen, "<a k=w f=x<n@1:27>8/n>/a");
}

#[test]
fn a_visitor_sees_the_text_of_mixed_content() {
    let schema = schema(
        "<xs:element name='a'><xs:complexType mixed='true'><xs:sequence><xs:element name='b' type='xs:int'/></xs:sequence>\
         </xs:complexType></xs:element>",
    );
    let seen = run(&schema, "<a xmlns='urn:t'>x<b>1</b>y</a>", &Normalization::strict()).unwrap();
    assert_eq!(seen, "<a@1:18<b@1:22>1/b>xy/a");
}
